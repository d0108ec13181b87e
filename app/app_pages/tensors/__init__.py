"""Every tensor of a checkpoint, also of a layout that nobody knows; the values of one of them."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="tensors",
    title="Tensors",
    icon="table_rows",
    place=65,
    draw=draw,
    examples=("find=W_q",),
)
