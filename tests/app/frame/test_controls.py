"""Controls show what the address says, whichever runs of a page reach the browser."""

import pytest
from streamlit.testing.v1 import AppTest


def draw():
    from app.frame.controls import choose, slide, switch, typed

    choose("Few", ["a", "b"], "few")
    choose("Many", [1, 2, 3, 4, 5], "many")
    switch("Switch", "switch")
    typed("Text", "text", usual="usual")
    slide("Slider", "slider", 0.0, 10.0, 1.0, 1.0)


def begun(app):
    """Return what each control begins with in a browser that did not see the runs before."""
    few, many = app.segmented_control(key="few").proto, app.selectbox(key="many").proto
    first = few.options[few.default[0]].content if few.default else None
    on, text = app.toggle(key="switch").proto.default, app.text_input(key="text").proto.default
    return first, many.default + 1, on, text, app.slider(key="slider").proto.default[0]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ({}, ("a", 1, False, "usual", 1)),
        (
            {"few": "b", "many": "4", "switch": "true", "text": "new", "slider": "7"},
            ("b", 4, True, "new", 7),
        ),
    ],
)
def test_a_browser_that_missed_the_first_run_shows_the_same(query, values):
    """A busy server drops what it has not sent when a page is run again."""
    app = AppTest.from_function(draw)
    for key, value in query.items():
        app.query_params[key] = value
    assert begun(app.run()) == values
    assert begun(app.run()) == values


def test_what_the_address_says_later_is_shown():
    app = AppTest.from_function(draw).run()
    app.query_params["few"], app.query_params["slider"] = "b", "7"
    app.run()
    assert (app.segmented_control(key="few").value, app.slider(key="slider").value) == ("b", 7)
    app.segmented_control(key="few").select("a").run()
    assert "few" not in app.query_params
    assert begun(app.run()) == ("a", 1, False, "usual", 7)
