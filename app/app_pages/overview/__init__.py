"""First page: every open checkpoint side by side, from its header to its health and figures."""

from ...frame.menu import Page
from .view import draw

PAGE = Page(name="overview", title="Overview", icon="compare", place=10, draw=draw)
