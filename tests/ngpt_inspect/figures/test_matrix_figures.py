"""Figures of single heads and single matrices: every value drawn is a row of the table."""

import math

import numpy as np
import pytest
from example_table import N_HEADS, N_LAYERS, broken, make
from models import series_of

import ngpt_inspect as ni
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.figures.canvas import ONE_COLUMN
from ngpt_inspect.table import Table
from ngpt_inspect.vocabulary import Role

HEAT, SPECTRUM, NORMS = (
    FIGURES[name] for name in ("head_condition_numbers", "matrix_spectrum", "matrix_vector_norms")
)


@pytest.fixture(scope="module")
def table():
    return make()


@pytest.fixture(scope="module")
def heat(table):
    return HEAT.draw(table)


def values(table, label, role, measure, layer=None, head=None):
    """Return the values of one quantity of one matrix, or of one head of it."""
    table = Table.of(table).rows
    rows = table[table["checkpoint"].eq(label) & table["role"].eq(role)]
    rows = rows[series_of(rows).eq(measure) & (layer is None or rows["layer"].eq(layer))]
    rows = rows[rows["head"].isna() if head is None else rows["head"].eq(head)]
    return rows.sort_values(["layer", "index"])["value"].to_numpy()


def named(figure, label, meta):
    return [trace for trace in figure.data if trace.name == label and trace.meta == meta]


def test_a_cell_is_the_logarithm_of_its_row_and_says_where_it_is_from(table, heat):
    rows = Table.of(table).rows
    rows = rows[rows["measure"].eq("condition_number") & rows["head"].notna()]
    kappas = rows.set_index(["checkpoint", "role", "layer", "head"])["value"].to_dict()
    for label in ("gpt", "ngpt"):
        for role in ("W_q", "W_o"):
            (tiles,), (cells,) = (named(heat, label, f"{role} {m}") for m in ("κ", "cells"))
            assert len(cells.customdata) == N_LAYERS * N_HEADS
            for x, y, z, where in zip(tiles.x, tiles.y, tiles.z, cells.customdata, strict=True):
                assert where == [label, int(y), role, int(x), 200, None]
                assert z == pytest.approx(math.log10(kappas[label, role, int(y), int(x)]))


def test_one_colour_scale_covers_every_panel(table, heat):
    assert all(t.coloraxis == "coloraxis" for t in heat.data if t.type == "heatmap")
    drawn = [z for t in heat.data if t.type == "heatmap" for z in t.z]
    axis = heat.layout.coloraxis
    assert (axis.cmin, axis.cmax) == (min(drawn), max(drawn))
    for at, text in zip(axis.colorbar.tickvals, axis.colorbar.ticktext, strict=True):
        if "sup" not in text:
            assert 10**at == pytest.approx(float(text))


def test_matrices_without_heads_share_a_panel(table):
    figure = HEAT.draw(table, role="mlp")
    (cells,) = [t for t in figure.data if t.name == "gpt" and t.customdata is not None]
    assert {(role, head) for _, _, role, head, *_ in cells.customdata} == {
        (role, None) for role in ("W_u", "W_nu", "W_oMLP")
    }


def test_lost_rank_coarse_storage_and_missing_cells_are_marked_and_named():
    table = broken()
    gone = table["layer"].eq(1) & table["head"].eq(3) & table["role"].eq("W_q")
    figure = ni.figure(HEAT.name, table=table[~gone])
    (tiles,), (cells,) = named(figure, "gpt", "W_q κ"), named(figure, "gpt", "W_q cells")
    marks = {t.meta: [*zip(t.x, t.y, strict=True)] for t in figure.data if t.name == "gpt"}
    assert marks["infinite"] == [(float(n), 2.0) for n in range(3)]
    assert marks["below_resolution"] == [(float(n), 0.0) for n in range(N_HEADS)]
    assert marks["skipped"] == [(float(n), 3.0) for n in range(N_HEADS)]
    held = {(x, y): z for x, y, z in zip(tiles.x, tiles.y, tiles.z, strict=True)}
    assert held[1, 2] is None
    assert held[0, 0] is not None
    assert (3, 0) in held
    assert (3, 1) not in held
    words = dict(zip(zip(cells.x, cells.y, strict=True), cells.hovertext, strict=True))
    assert "∞" in words[1, 2]
    assert "rounding to F32" in words[0, 0]
    assert "5 of 256 values are NaN" in words[2, 3]
    keys = {trace.name for trace in figure.data if trace.meta == "legend"}
    assert len(keys) == 3
    assert "5 of 256 values are NaN" in " ".join(figure.layout.meta["notes"])


def test_the_clicked_cell_alone_gets_a_colour(heat):
    (cells,) = named(heat, "gpt", "W_k cells")
    assert cells.marker.opacity == cells.unselected.marker.opacity == 0
    assert cells.selected.marker.opacity > 0


@pytest.mark.slow
def test_heads_are_broken_lines_and_whole_matrices_one_line(table):
    draw = FIGURES["condition_numbers"].draw
    (lines,) = named(draw(table, of="heads"), "gpt", "W_k κ")
    wanted = [
        each
        for head in range(N_HEADS)
        for each in [*values(table, "gpt", "W_k", "condition_number", head=head), None]
    ]
    assert [*lines.y] == wanted[:-1]
    assert lines.customdata[N_LAYERS] is None
    assert lines.customdata[N_LAYERS + 1] == ["gpt", 0, "W_k", 1, 200, None]
    (line,) = named(draw(table, of="whole"), "gpt", "W_k κ")
    np.testing.assert_array_equal(line.y, values(table, "gpt", "W_k", "condition_number"))
    (mlp,) = named(draw(table, of="heads"), "gpt", "W_u κ")
    np.testing.assert_array_equal(mlp.y, values(table, "gpt", "W_u", "condition_number"))


def test_normalised_lines_follow_the_same_choice(table):
    figure = FIGURES["normalized_condition_numbers"].draw(table, of="whole")
    (line,) = named(figure, "gpt", "W_q normalised κ")
    wanted = values(table, "gpt", "W_q", "normalized_condition_number")
    np.testing.assert_array_equal(line.y, wanted)
    assert line.line.dash == "dot"


def test_a_spectrum_is_the_singular_values_of_one_head_and_of_the_whole(table):
    figure = SPECTRUM.draw(table, layer=2, role="W_v", head=2)
    for label in ("gpt", "ngpt"):
        head, whole = named(figure, label, "W_v σ")
        for curve, number in ((head, 2), (whole, None)):
            wanted = values(table, label, "W_v", "singular_value", 2, number)
            np.testing.assert_array_equal(curve.y, wanted)
            np.testing.assert_array_equal(curve.x, np.arange(1, len(wanted) + 1))
    titles = " ".join(a.text for a in figure.layout.annotations)
    (kappa,) = values(table, "gpt", "W_v", "condition_number", 2, 2)
    (rank,) = values(table, "gpt", "W_v", "effective_rank", 2, 2)
    assert f"κ {kappa:.3g}" in titles
    assert f"effective rank {rank:.3g}" in titles
    assert len({axis.range for axis in figure.select_yaxes()}) == 1


def test_words_above_a_spectrum_have_room_in_one_column(table):
    figure = SPECTRUM.draw(table, width=ONE_COLUMN)
    left, right = ([axis.domain[end] for axis in figure.select_xaxes()] for end in (0, 1))
    assert max(left) < min(right), "one below the other"


def test_a_matrix_without_heads_has_one_spectrum(table):
    figure = SPECTRUM.draw(table, layer=1, role="W_oMLP")
    assert len(named(figure, "gpt", "W_oMLP σ")) == 1


def test_a_head_or_layer_that_is_not_there_is_told(table):
    notes = SPECTRUM.draw(table, head=9).layout.meta["notes"]
    symbol = Role.W_Q.facts.symbol
    assert notes == [f"{label}: {symbol} has heads 0 to 3 only." for label in ("gpt", "ngpt")]
    figure = SPECTRUM.draw(table, layer=9)
    assert not figure.data
    assert "no layer 9" in " ".join(figure.layout.meta["notes"])


@pytest.mark.slow
def test_lost_rank_is_said_beside_the_number():
    table = make()
    kappa = table["measure"].eq("condition_number") & table["head"].isna()
    table.loc[kappa & table["layer"].eq(0), ["value", "status"]] = [np.inf, "rank_deficient"]
    words = " ".join(a.text for a in SPECTRUM.draw(table).layout.annotations)
    assert "κ ∞ (rank deficient)" in words


def test_norms_are_the_rank_curves_of_one_matrix(table):
    figure = NORMS.draw(table, layer=2, role="W_o")
    for axis, quantity in (("rows", "row_norm"), ("columns", "column_norm")):
        (curve,) = named(figure, "gpt", f"W_o norm of {axis}")
        wanted = values(table, "gpt", "W_o", f"quantile {quantity}", 2)
        np.testing.assert_array_equal(curve.y, wanted)
    titles = [a.text for a in figure.layout.annotations]
    assert titles == [f"{Role.W_O.facts.symbol}  rows", f"{Role.W_O.facts.symbol}  columns*"]


def test_norms_of_all_matrices_fit_a_page_in_one_column(table):
    assert FIGURES["vector_norms"].draw(table, width=312).layout.height < 9.25 * 96
