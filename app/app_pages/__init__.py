"""One file a page; `app.dashboard.PAGES` lists them in the order of the menu."""
