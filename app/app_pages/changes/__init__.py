"""What became of one checkpoint in another: two of those that are open, or two steps of a run."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="changes",
    title="Changes",
    icon="difference",
    place=45,
    draw=draw,
    examples=("of=change_rank_share", "layer=1&role=W_u", "turned=E_output"),
)
