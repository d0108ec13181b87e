"""Figures below the first screen are drawn when they come near it."""

import pytest
from streamlit.testing.v1 import AppTest

from app.frame.sight import FIRST


def script():
    """Draw a page with places for four figures, of which one has its numbers late."""
    import streamlit as st

    from app.frame import sight
    from app.frame.address import remember

    remember(st.session_state.get("go to", "small"))
    for key in "abcd":
        sight.expect(key)
        if key == "a" and "late" in st.session_state:
            continue
        if sight.is_near(key):
            st.caption(key)
        else:
            sight.draw_place(key, 300, f'The "{key}"')


@pytest.fixture
def app():
    return AppTest.from_function(script, default_timeout=60)


def drawn(app):
    assert not app.exception
    return [each.value for each in app.caption]


def test_the_first_are_drawn_and_the_others_have_their_places(app):
    assert drawn(app.run()) == ["a", "b"]
    places = [each.proto.body for each in app.get("html")]
    assert len(places) == 4 - FIRST
    assert 'data-place="c"' in places[0]
    assert "height:300px" in places[0]
    assert "The &quot;c&quot; Drawn when it comes into view." in places[0]


def test_what_was_near_stays_until_another_page_is_shown(app):
    app.run()
    app.session_state["seen figures"].near.add("d")
    assert drawn(app.run()) == ["a", "b", "d"]
    assert drawn(app.run()) == ["a", "b", "d"]
    app.session_state["go to"] = "another"
    assert drawn(app.run()) == ["a", "b"]
    app.session_state["go to"] = "small"
    assert drawn(app.run()) == ["a", "b"]


def test_one_whose_numbers_come_late_keeps_its_rank(app):
    app.session_state["late"] = True
    assert drawn(app.run()) == ["b"]
    del app.session_state["late"]
    assert drawn(app.run()) == ["a", "b"]
