"""Where each block takes the hidden state of a token, on the hypersphere."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="path",
    title="Path on the hypersphere",
    icon="route",
    place=60,
    draw=draw,
    examples=("prompt=So it goes", "prompt=So it goes&centre=next"),
)
