"""Parts of a page: what is chosen has those drawn again that read it, and no others."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app.frame import address, parts


def script():
    """Draw a page that counts how often each of its parts was drawn."""
    import streamlit as st

    from app.engine import answers
    from app.frame import parts
    from app.frame.address import asked, missed, remember
    from app.frame.controls import already_chosen, choose
    from ngpt_inspect.errors import InspectError

    def count(name):
        drawn = st.session_state.setdefault("drawn", [])
        drawn.append(name)

    def choosing():
        count("choosing")
        choose("Layer", range(3), "layer")

    def showing():
        count("showing")
        st.caption(f"layer {already_chosen('Layer', range(3), 'layer')}")

    def other():
        count("other")
        if asked("role") == "W_u":
            raise InspectError("broken", where="run.csv")
        if choose("Role", ["W_q", "W_k", "W_v", "W_u"], "role") == "W_k":
            missed().append("No W_k here.")
        elif asked("role") == "W_v":
            st.session_state[answers.WAITING].append("a job")

    if st.session_state.pop("again", False):
        parts.draw_all_again()
    st.session_state["drawn"] = []
    parts.begin()
    parts.begin_drawing()
    remember("small")
    count("page")
    theme = asked("theme")
    choose("Theme", ["light", "dark"], "theme")
    for name, draw in {"choosing": choosing, "showing": showing, "other": other}.items():
        parts.part(name, draw)
    st.caption(" ".join([theme, *missed()]))
    parts.end()


@pytest.fixture
def app(monkeypatch):
    monkeypatch.setattr(parts, "is_partial", lambda: True)  # what chooses stands in a part
    app = AppTest.from_function(script, default_timeout=60).run()
    assert not app.exception
    return app


EVERY = ["page", "choosing", "showing", "other"]


def drawn(app):
    return app.session_state["drawn"]


def test_a_choice_draws_the_parts_that_read_it_and_no_others(app):
    assert drawn(app) == EVERY
    app.segmented_control(key="layer").select("2").run()
    assert sorted(drawn(app)[len(EVERY) :]) == ["choosing", "showing"]
    assert "layer 2" in [each.value for each in app.caption]
    assert app.query_params["layer"] == "2"


def test_what_the_page_itself_reads_draws_all_of_it(app):
    app.segmented_control(key="theme").select("dark").run()
    assert drawn(app) == EVERY


@pytest.mark.parametrize("value", ["W_k", "W_v"])
def test_a_part_that_has_something_to_say_or_to_wait_for_draws_all_of_it(app, value):
    app.segmented_control(key="role").select(value).run()
    assert drawn(app) == EVERY
    assert ("No W_k here." in app.caption[-1].value) is (value == "W_k")


def test_what_the_top_of_the_page_says_goes_with_its_cause(app):
    app.segmented_control(key="role").select("W_k").run()
    app.segmented_control(key="layer").select("1").run()
    assert drawn(app) == EVERY
    assert "No W_k here." in app.caption[-1].value
    app.segmented_control(key="role").select("W_q").run()
    assert "No W_k here." not in app.caption[-1].value


def test_what_is_wrong_is_a_sentence_in_its_place(app):
    for again in (False, True):
        if again:
            app.run()
        else:
            app.segmented_control(key="role").select("W_u").run()
        assert drawn(app)[len(EVERY) :] == ([] if again else ["other"])
        assert [each.value for each in app.warning] == [r"run.csv\: broken"]
        assert not app.exception


def test_a_page_that_was_cut_short_is_drawn_whole(app):
    app.session_state["page is whole"] = False
    app.segmented_control(key="layer").select("1").run()
    assert drawn(app) == EVERY


def test_the_menu_leads_back_to_what_was_chosen_in_a_part(app):
    app.segmented_control(key="layer").select("2").run()
    assert app.session_state["views"]["small"] == {"layer": ["2"]}


def test_the_whole_page_is_drawn_where_that_was_asked_for_too(app, monkeypatch):
    monkeypatch.setattr(parts, "is_partial", lambda: False)
    app.segmented_control(key="layer").select("2").run()
    assert drawn(app) == EVERY
    assert "layer 2" in [each.value for each in app.caption]


def run_of(parts, monkeypatch):
    run = SimpleNamespace(fragment_ids_this_run=parts)
    monkeypatch.setattr(address, "get_script_run_ctx", lambda: run)


def test_the_whole_page_is_drawn_again_as_the_address_was_written(app, monkeypatch):
    app.session_state[address.HELD] = {"layer": ["2"]}  # and the browser says that nothing is
    app.session_state["again"] = True
    run_of(["a part"], monkeypatch)
    app.run()
    assert app.session_state["views"]["small"] == {"layer": ["2"]}


@pytest.mark.parametrize("parts", [["a part"], None])
def test_a_choice_in_a_part_keeps_one_that_the_browser_has_not_heard_of(app, monkeypatch, parts):
    app.session_state[address.HELD] = {"layer": ["2"]}  # and the browser says that nothing is
    run_of(parts, monkeypatch)
    app.segmented_control(key="role").select("W_k").run()
    kept = {"layer": ["2"]} if parts else {}  # the whole page is run where somebody went back
    assert app.session_state["views"]["small"] == kept | {"role": ["W_k"]}
