"""What a browser session sees of a page that streamlit's test driver has run."""

from __future__ import annotations

import json


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


def alts(app):
    """Return what a screen reader calls the charts of a page."""
    return [chart.proto.alt for chart in charts(app)]


def table(app, words):
    """Return the one table whose description holds these words."""
    (found,) = [each.value for each in app.dataframe if words in each.proto.alt]
    return found


def asked(app, key):
    """Return all that the address says for a key."""
    value = app.query_params.get(key, [])
    return [value] if isinstance(value, str) else value


def panels(app):
    """Return the titles of the panels of the page's one figure."""
    return {each["text"] for each in _figure(app)["layout"]["annotations"] if _is_title(each)}


def colors(app):
    """Return the colours of the lines of each panel, by its axis; those of the legend at None."""
    found = {}
    for trace in _figure(app)["data"]:
        if "color" in trace.get("line", {}):
            found.setdefault(trace.get("yaxis"), set()).add(trace["line"]["color"])
    return found


def drawn(app):
    """Return the names of the checkpoints that the page's one figure has lines of."""
    return {trace["name"] for trace in _figure(app)["data"] if trace["meta"] != "legend"}


def _figure(app):
    (chart,) = charts(app)
    return json.loads(chart.proto.spec)


def _is_title(annotation):
    return annotation.get("name") == "title"
