"""What a browser session sees of a page that streamlit's test driver has run."""

from __future__ import annotations


def words(app):
    """Return every text on the page."""
    kinds = ("title", "subheader", "markdown", "caption", "code", "warning", "html")
    return "\n".join(str(each.value) for kind in kinds for each in texts(app, kind))


def texts(app, kind):
    found = app.get(kind)
    return [each if hasattr(each, "value") else Raw(each) for each in found]


class Raw:
    """An element the test driver has no class for."""

    def __init__(self, element):
        self.value = element.proto


def charts(app):
    return app.get("plotly_chart")
