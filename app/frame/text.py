"""Text from files and errors, safe inside streamlit's Markdown."""

import re


def plain(text: str) -> str:
    """Return text whose characters mean nothing to Markdown."""
    return re.sub(r"([\\`*_\[\]<>$:~#|])", r"\\\1", text)
