"""All names in the paper's, Llama's and GPT-2's words, and what each number means."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(
    name="glossary",
    title="Glossary",
    icon="menu_book",
    place=90,
    draw=draw,
    examples=("about=numbers",),
)
