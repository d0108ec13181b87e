"""Figures of traces: what is drawn equals the table, in every state and at both widths."""

import math

import numpy as np
import pytest
import torch
from trace_files import tensors, write, write_gpt

import ngpt_inspect as ni
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.figures.canvas.theme import ONE_COLUMN, SHADES, TWO_COLUMNS
from ngpt_inspect.plotting import for_screen, joined, save_figures
from ngpt_inspect.traces import PATH

NAMES = [name for name, each in FIGURES.items() if each.results == PATH]
OF_TOKENS = [name for name in NAMES if any(o.name == "token" for o in FIGURES[name].options)]
HEADS = {
    "attention_entropy": torch.arange(24.0).reshape(2, 4, 3) / 24,
    "attention_to_first": 1 - torch.arange(24.0).reshape(2, 4, 3) / 24,
}
"""Of two layers with four heads, three queries each."""
FIRST = {name: values[..., :1] for name, values in HEADS.items()}
ANGLES = ("angle_moved", "angle_to_suggestion", "angle_to_final", "angle_to_next")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    with_heads = write(folder / "ngpt.safetensors", tensors() | HEADS)
    return [write_gpt(folder / "gpt.safetensors"), with_heads]


@pytest.fixture(scope="module")
def table(pair):
    return ni.path(pair)


def traces(figure, meta):
    return [trace for trace in figure.data if trace.meta == meta]


def words(figure):
    return " ".join(str(note.text) for note in figure.layout.annotations)


def known(values):
    return [value for value in values if value is not None]


@pytest.mark.parametrize("width", [ONE_COLUMN, TWO_COLUMNS])
@pytest.mark.parametrize("name", NAMES)
def test_lays_out_at_both_widths(table, name, width):
    figure = FIGURES[name].draw(table, width=width)
    assert figure.layout.width == width
    for one in figure.select_xaxes():
        assert 0 <= one.domain[0] < one.domain[1] <= 1
        assert len(one.tickvals) >= 2
    assert for_screen(figure, dark=True).layout.width is None


@pytest.mark.parametrize("quantity", ["norm", "largest_over_median", "kurtosis"])
def test_states_are_rows_of_the_table(table, quantity):
    figure = ni.figure("path_states", table=table)
    means = table[table["row"] == "mean"]
    for family, drawn in zip(("GPT", "nGPT"), traces(figure, quantity), strict=True):
        wanted = means.loc[means["family"] == family, quantity].tolist()
        assert [math.nan if y is None else y for y in drawn.y] == pytest.approx(wanted, nan_ok=True)
    (log,) = {axis.type for axis in figure.select_yaxes()}
    assert log == "log"


def test_a_dot_a_head_and_the_median_of_each_layer(table):
    """Of the trace that holds attention; means over the second and third query."""
    figure = ni.figure("attention_heads", table=table)
    (dots,) = traces(figure, "attention_entropy")
    expected = HEADS["attention_entropy"][..., 1:].mean(-1)
    assert list(dots.y) == pytest.approx(expected.flatten().tolist())
    assert list(dots.x) == [0] * 4 + [1] * 4
    assert dots.hovertext[5] == "layer 1, head 1"
    (medians,) = traces(figure, "median attention_to_first")
    wanted = [np.median(row) for row in (1 - expected).tolist()]
    assert list(medians.y) == pytest.approx(wanted)


@pytest.mark.parametrize("quantity", ANGLES)
@pytest.mark.parametrize("token", [None, 1, 2])
def test_angles_are_rows_of_the_table(table, quantity, token):
    figure = (
        ni.figure("path_angles", table=table, token=token)
        if token is not None
        else (ni.figure("path_angles", table=table))
    )
    kind = table["row"] == ("mean" if token is None else "state")
    rows = table[kind if token is None else kind & (table["token"] == token)]
    for family in ("GPT", "nGPT"):
        (drawn,) = [t for t in traces(figure, quantity) if t.line.color == SHADES[family][0]]
        mine = rows[rows["family"] == family]
        assert list(drawn.x) == mine["depth"].tolist()
        assert [math.nan if y is None else y for y in drawn.y] == pytest.approx(
            mine[quantity].tolist(), nan_ok=True
        )
        assert [each[1] for each in drawn.customdata] == mine["state"].tolist()
        symbol = drawn.marker.symbol
        assert [each.endswith("-open") for each in symbol] == [False, False, True, False, True]


@pytest.mark.parametrize("centre", ["final", "next"])
def test_paths_are_rows_of_the_table(table, centre):
    figure = ni.figure("path_projection", table=table, centre=centre)
    nexts = table[(table["row"] == "next") & table[f"x_{centre}"].notna()]
    for at, family in enumerate(("GPT", "nGPT")):
        drawn = traces(figure, f"y_{centre}")[at]
        assert drawn.line.color == SHADES[family][0]
        mine = table[(table["row"] == "state") & (table["family"] == family)]
        mine = mine[mine[f"x_{centre}"].notna()]
        assert known(drawn.x) == pytest.approx(mine[f"x_{centre}"].tolist())
        assert known(drawn.y) == pytest.approx(mine[f"y_{centre}"].tolist())
        n_tokens = mine["token"].nunique()
        assert [i for i, x in enumerate(drawn.x) if x is None] == [5, 11][: n_tokens - 1]
        assert [each[:2] for each in drawn.customdata if each[0] is not None] == [
            list(pair) for pair in zip(mine["token"], mine["state"], strict=True)
        ]
        stars = traces(figure, "next token")[at]
        assert list(stars.x) == nexts.loc[nexts["family"] == family, f"x_{centre}"].tolist()
        starts, ends = (traces(figure, name)[at] for name in ("start", "final state"))
        assert list(starts.x) == mine.loc[mine["state"] == 0, f"x_{centre}"].tolist()
        assert list(ends.x) == mine.loc[mine["state"] == 4, f"x_{centre}"].tolist()


def test_axes_are_equal_and_circles_round(table):
    figure = ni.figure("path_projection", table=table)
    for at, axis in enumerate(figure.select_yaxes(), 1):
        assert axis.scaleanchor == ("x" if at == 1 else f"x{at}")
    for circles, said in zip(traces(figure, "circles"), traces(figure, "degrees"), strict=True):
        radii = [math.hypot(x, y) for x, y in zip(known(circles.x), known(circles.y), strict=True)]
        assert sorted({round(radius, 6) for radius in radii}) == [20, 40]
        assert list(said.text) == ["20°", "40°"]


def test_one_token_of_a_projection(table):
    figure = ni.figure("path_projection", table=table, token=1)
    assert len(traces(figure, "y_final")) == 2
    assert {each[0] for t in traces(figure, "y_final") for each in t.customdata} == {1}


@pytest.mark.parametrize("name", OF_TOKENS)
def test_a_token_that_is_not_there_says_so(table, name):
    figure = ni.figure(name, table=table, token=9)
    assert "Nothing to draw" in words(figure)
    assert "No token 9" in words(figure)


def test_the_last_token_has_no_picture_around_its_next(table):
    assert "Nothing to draw" in words(
        ni.figure("path_projection", table=table, centre="next", token=2)
    )


@pytest.mark.parametrize("name", NAMES)
def test_no_trace_says_how_to_write_one(name):
    figure = FIGURES[name].draw(ni.path([]))
    assert len(figure.data) == 0
    assert "reference_model.trace" in words(figure)


@pytest.mark.parametrize("name", NAMES)
def test_one_checkpoint_alone_and_a_single_token(tmp_path, name):
    figure = ni.figure(name, write(tmp_path / "t.safetensors", tensors(1) | FIRST))
    assert figure.data
    assert {t.name for t in figure.data if t.name in ("gpt", "ngpt")} == {"ngpt"}


def test_many_tokens_are_cut_and_counted(tmp_path):
    values = {
        name: x.repeat_interleave(5, 1) if name not in ("token_ids", "next_embeddings") else x
        for name, x in tensors(3, 3).items()
    }
    values["next_embeddings"] = tensors(3, 3)["next_embeddings"].repeat_interleave(5, 0)
    values["token_ids"] = tensors(3, 3)["token_ids"][:1].repeat(16)
    from trace_files import described

    path = write(tmp_path / "t.safetensors", values, described(tokens=["a"] * 16))
    figure = ni.figure("path_projection", path)
    (drawn,) = traces(figure, "y_final")
    assert {each[0] for each in drawn.customdata} == {None, *range(12)}
    assert "the table has 3 more" in words(figure)


def test_notes_say_what_was_normalised_and_lost(table):
    notes = " ".join(ni.figure("path_projection", table=table).layout.meta["notes"])
    assert "normalised" in notes
    assert "Stress 0.00 to 0.00" in notes


@pytest.mark.slow
def test_a_table_read_back_from_csv_draws_alike(table, tmp_path):
    import pandas as pd

    table.to_csv(tmp_path / "path.csv", index=False)
    back = pd.read_csv(tmp_path / "path.csv", keep_default_na=True)
    for name in NAMES:
        one, other = FIGURES[name].draw(back), FIGURES[name].draw(table)
        assert [t.name for t in one.data] == [t.name for t in other.data]
        for a, b in zip(one.data, other.data, strict=True):
            assert known(a.x) == pytest.approx(known(b.x))


@pytest.mark.slow
def test_save_figures_takes_traces_beside_checkpoints(pair, layouts, tmp_path):
    sources = [*pair, layouts["reference_ngpt"]]
    names = ["path_angles", "path_projection", "eigen_learning_rates", "loss_curves"]
    found = {each.name: each for each in save_figures(sources, tmp_path, ["json"], names=names)}
    assert all(found[name].files for name in names[:3])
    assert not found["loss_curves"].files
    assert (tmp_path / "path_angles.csv").read_text().startswith("checkpoint,step,family,row")
    alone = save_figures(layouts["reference_ngpt"], tmp_path, ["json"], names=names[:1])
    assert not alone[0].files


def test_wrong_tables_and_sources_are_refused(table, layouts):
    with pytest.raises(WrongOption, match=r"no column .*give path\(traces\)"):
        ni.figure("path_angles", table=table.drop(columns="angle_moved"))
    with pytest.raises(WrongOption, match="no option layer"):
        ni.figure("path_angles", table=table, layer=1)
    with pytest.raises(InspectError, match="is no trace"):
        ni.figure("path_angles", layouts["reference_ngpt"])


def test_every_open_checkpoint_keeps_its_colour(pair):
    """As a page joins the table with all that is open, whether it has a trace or not."""
    table = ni.path(pair[1])
    table = joined([table])
    other = {"label": "other", "step": None, "family": "nGPT"}
    table.attrs["checkpoints"] = [other, *table.attrs["checkpoints"]]
    figure = ni.figure("path_angles", table=table)
    colors = {t.line.color for t in traces(figure, "angle_moved")}
    assert colors == {SHADES["nGPT"][1]}
