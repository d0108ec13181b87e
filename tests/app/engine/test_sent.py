"""What streamlit is given of a figure: the same, in a form that plotly.js can compare."""

import json

import numpy as np
import plotly
import plotly.graph_objects as go

from app.engine.sent import CLICKED, Sent

GRID, FONT = {"gridcolor": "#eeeeee", "title": {"standoff": 4}}, {"family": "Arial", "size": 13}


def figure():
    base = go.Layout(font=FONT, xaxis=GRID, yaxis=GRID, hovermode="closest")
    trace = go.Scatter(x=np.array([0.1, 0.2]), y=[1, None], marker={"size": np.array([3, 4])})
    return go.Figure(
        [trace.update(xaxis="x2", yaxis="y2")],
        go.Layout(
            template=go.layout.Template(layout=base),
            xaxis2={"title": {"text": "layer"}, "gridcolor": "red"},
            yaxis2={"domain": [0, 1]},
            hovermode="x",
            height=248.88,
            meta={"notes": ["one"]},
        ),
    )


def told(**look):
    """Return what streamlit makes of it."""
    dictionary = plotly.tools.return_figure_from_figure_or_data(Sent(figure(), **look), True)
    return json.loads(plotly.io.to_json(dictionary, validate=False))


def test_what_the_template_says_stands_in_the_layout_itself():
    assert told(clicked=False)["layout"] == {
        "font": FONT,
        "hovermode": "x",
        "xaxis2": {"title": {"text": "layer", "standoff": 4}, "gridcolor": "red"},
        "yaxis2": GRID | {"domain": [0, 1]},
        "height": 248,
        "datarevision": 1,
    }


def test_arrays_are_lists_of_the_same_numbers():
    (trace,) = told(clicked=False)["data"]
    assert trace["x"] == [0.1, 0.2]
    assert trace["y"] == [1, None]
    assert trace["marker"]["size"] == [3, 4]


def test_where_points_can_be_chosen_a_click_does_what_streamlit_wants():
    assert told(clicked=True)["layout"] == told(clicked=False)["layout"] | CLICKED


def test_the_figure_it_was_made_of_stays_as_it_was():
    given = figure()
    Sent(given, clicked=True)
    assert given.to_json() == figure().to_json()
