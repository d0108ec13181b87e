"""Cells of a heat map: what a click on one does."""

from app.blocks import cells


class Selected:
    """What streamlit hands over of points that were clicked."""

    def __init__(self, found):
        self.selection = self
        self.points = [{"customdata": each} for each in found]


def test_a_click_on_a_cell_chooses_its_matrix(monkeypatch):
    state = {"map": Selected([["gpt", 1, "W_k", 3, 200, None]])}
    monkeypatch.setattr(cells.st, "session_state", state)
    monkeypatch.setattr(cells, "take", state.update)
    cells.take_cell("map")
    assert (state["layer"], state["role"], state["head"]) == ("1", "W_k", "3")
    state["curves"] = Selected([["gpt", 0, "W_u", None, 200, None]])
    cells.take_cell("curves")
    assert (state["layer"], state["role"], state["head"]) == ("0", "W_u", "3")
    state["map"] = Selected([])
    cells.take_cell("map")
    assert state["role"] == "W_u"
