"""The pages of the dashboard: a folder each, whose `__init__` declares one `Page`.

A folder holds all that is its page's own: `view` lays the page out, its neighbours draw the pieces
and work out what they show. The menu, the links from other pages and the generic tests follow
from the declaration. The folder is not called `pages`: streamlit takes one of that name beside its
entry script for a list of pages of its own, and whoever is first to open a page by its address is
told "Page not found", although `st.navigation` then shows it.
"""

from ngpt_inspect.plugins import collect

from ..frame.menu import Page

_FOUND = collect(__name__, __path__, Page)

PAGES = dict(sorted(_FOUND.items(), key=lambda named: (named[1].place, named[0])))
"""Every page by its name, in the order of the menu; the first is where a visitor begins."""
