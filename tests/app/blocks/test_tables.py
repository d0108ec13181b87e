"""The numbers of a figure: they travel when they are opened."""

from streamlit.testing.v1 import AppTest


def draw():
    import pandas as pd

    from app.blocks.tables import draw_numbers
    from app.engine.loading import ShownFigure

    rows = pd.DataFrame({"value": [1.0, 2.0, 3.0], "index": [4, None, 5], "unit": [None] * 3})
    draw_numbers(ShownFigure(None, (), rows), "one", "a table")


def test_numbers_travel_when_they_are_opened_single_values_first():
    app = AppTest.from_function(draw).run()
    assert not app.exception
    assert not app.dataframe
    assert not app.get("download_button")
    app.session_state["numbers one"] = True
    app.run()
    (table,) = app.dataframe
    assert table.value["value"].tolist() == [2.0, 1.0, 3.0]
    assert list(table.value) == ["value", "index"], "what is empty throughout is left out"
    assert len(app.get("download_button")) == 3
