"""Every figure of checkpoints, in every state a table can be in: what is drawn equals the table."""

import numpy as np
import pandas as pd
import pytest
from example_table import (
    D_K,
    FIVE,
    N_HEADS,
    N_LAYERS,
    NGPT,
    PER_MILLE,
    STATES,
    STEPS,
    STRIDE,
    TOKENS_A_STEP,
    make,
    without,
)
from models import series_of

from ngpt_inspect import figures
from ngpt_inspect.figures.canvas.layout import PAGE
from ngpt_inspect.figures.canvas.theme import ONE_COLUMN, TWO_COLUMNS
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.plotting import drawn_rows, scope
from ngpt_inspect.table import Table
from ngpt_inspect.vocabulary import Role

FIGURES = {name: each for name, each in figures.FIGURES.items() if not each.results}
OF_MIXTURES = {"experts"}
"""Figures of what the example has not: their layout is tested with the measure."""
GPT_COLOR, NGPT_COLOR = "#d95f02", "#1f77b4"
BY_STEP = ("condition_numbers", *(name for name, each in FIGURES.items() if each.over_steps))
"""What is drawn of several steps, too; in other figures a step is one more checkpoint."""
OF_KINDS = {
    *("condition_numbers", "embeddings", "dot_products", "unit_norm", "token_health"),
    "matrix_spectrum",
}
"""A figure of each kind, drawn in every state and width: curves by layer, ranks, histograms, dots,
bars, spectra. The others draw with the same parts, in the slow suite."""
CASES = [
    pytest.param(
        *(name, state),
        marks=[pytest.mark.slow] * (state not in ("two", "nothing") and name not in OF_KINDS),
    )
    for name in FIGURES
    for state in STATES
    if state != "steps" or name in BY_STEP
]


def has_none_of(name, table):
    """Tell whether a table has no values of the measures and roles that a figure draws."""
    table, chosen = Table.of(table).rows, FIGURES[name]
    quantities = [each for need in chosen.needs_with({}) for each in MEASURES[need].quantities]
    there = table["measure"].isin(quantities) & table["value"].notna()
    for column, values in scope(chosen, {}).items():
        there &= table[column.removesuffix("s")].isin(values)
    if chosen.over_steps:
        there &= table["step"].notna()
    return not there.any()


class Kept(dict):
    """What a function makes, by its arguments: made when a test first asks for it."""

    def __init__(self, make):
        self.make = make

    def __missing__(self, key):
        self[key] = self.make(key)
        return self[key]


@pytest.fixture(scope="module")
def tables():
    return Kept(lambda state: STATES[state]())


@pytest.fixture(scope="module")
def drawn(tables):
    return Kept(lambda case: draw(case[0], tables[case[1]]))


def draw(name, table, *, width=TWO_COLUMNS, **options):
    """Draw a figure of its rows of a table, as `ni.figure` does; drawing leaves them alone."""
    rows = drawn_rows(FIGURES[name], table, options)
    before = rows.copy()
    figure = FIGURES[name].draw(rows, width=width, **options)
    assert rows.equals(before), f"ngpt_inspect/figures/{name}.py: `draw` changes its table"
    return figure


def traces(figure, label, meta):
    """Return the traces of one checkpoint whose meta starts with these words."""
    return [t for t in figure.data if t.name == label and str(t.meta).startswith(meta)]


def rows_of(table, label, role, measure, layer=None):
    """Return the values of one quantity, by index or layer."""
    table = Table.of(table).rows
    found = table[
        (table["checkpoint"] == label) & (table["role"] == role) & (series_of(table) == measure)
    ]
    layered = found["layer"].notna() if layer is None else found["layer"] == layer
    found = found[layered] if layered.any() else found  # else it has no layer at all
    return found.sort_values(["layer", "head", "index"])["value"].to_numpy()


def texts(figure):
    """Return every word that a figure shows."""
    yield from (a.text for a in figure.layout.annotations)
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        yield from (axis.title.text or "", *(axis.ticktext or ()))
    for trace in figure.data:
        yield trace.name
        yield from (trace.hovertemplate or "", *np.atleast_1d(trace.hovertext or ""))


def legend(figure):
    return {t.name: t.line.color for t in figure.data if t.meta == "legend" and t.mode == "lines"}


@pytest.mark.parametrize("name", FIGURES)
def test_names_what_it_needs(name):
    figure, place = FIGURES[name], f"ngpt_inspect/figures/{name}.py"
    needs = set(figure.needs)
    for option in figure.options:
        needs |= {need for value in option.needs.values() for need in value}
        assert not option.needs or set(option.needs) == set(option.values), (
            f"{place}: `needs` of the option {option.name} must say what each of its values needs"
        )
    assert needs, f"{place}: name the measures it draws in `needs`, or a table in `results`"
    assert needs <= set(MEASURES), f"{place}: {needs - set(MEASURES)} are no measures"
    assert figure.formula, f"{place}: say in `formula` how the drawn numbers are computed"


@pytest.mark.parametrize(("name", "state"), CASES)
def test_draws_or_says_why_not(tables, drawn, name, state):
    figure = drawn[name, state]
    empty = has_none_of(name, tables[state])
    assert (len(figure.data) == 0) == empty, (
        f"ngpt_inspect/figures/{name}.py: `draw` must draw what is there and say what is not"
    )
    if empty:
        assert "Nothing to draw" in " ".join(texts(figure))
        assert figure.layout.meta["notes"]
    assert figure.layout.width == 648
    assert figure.layout.height <= PAGE
    figure.to_dict()
    for text in texts(figure):
        assert "$" not in text
        assert not any(word in text for word in ("nan", "None", "<NA>", "undefined"))
    lies_inside_its_axes(figure)
    if state == "five":
        keeps_its_colours(name, drawn)


def keeps_its_colours(name, drawn):
    """A family has its own in any company, a checkpoint in all figures; no two look alike."""
    two = legend(drawn[name, "two"])
    assert {"gpt": GPT_COLOR, "ngpt": NGPT_COLOR}.items() >= two.items()
    assert legend(drawn[name, "gpt_only"]).get("gpt", GPT_COLOR) == GPT_COLOR
    five = legend(drawn[name, "five"])
    everywhere = legend(drawn["condition_numbers", "five"])
    assert five.items() <= everywhere.items()
    lines = [t for t in drawn[name, "five"].data if t.meta == "legend"]
    assert len({(t.line.color, t.line.dash) for t in lines}) == len(lines)


def lies_inside_its_axes(figure):
    for trace in figure.data:
        axis = figure.layout["yaxis" + (trace.yaxis or "y")[1:]]
        y = np.array([v for v in trace.y if isinstance(v, float) and not np.isnan(v)])
        if axis.type == "category" or not len(y):
            continue
        low, high = np.power(10.0, axis.range) if axis.type == "log" else axis.range
        assert (y >= low * (1 - 1e-9)).all()
        assert (y <= high * (1 + 1e-9)).all()
        if trace.meta not in ("infinite", "band"):
            assert (y < high).all()


def test_five_checkpoints_are_five_legend_entries(drawn):
    assert [*legend(drawn["condition_numbers", "five"])] == [label for label, *_ in FIVE]


def test_steps_of_a_run_are_told_apart(drawn):
    labels = [*legend(drawn["condition_numbers", "steps"])]
    assert labels == ["gpt", *(f"ngpt @ step {step}" for step in (100, 200, 300))]


def test_condition_numbers_are_the_rows(tables, drawn):
    table, figure = tables["two"], drawn["condition_numbers", "two"]
    for label in ("gpt", "ngpt"):
        for role in ("W_q", "W_o", "W_oMLP"):
            (line,) = traces(figure, label, f"{role} κ")
            wanted = rows_of(table, label, role, "median condition_number")
            np.testing.assert_array_equal(line.y, wanted)
            np.testing.assert_allclose(line.x, np.arange(N_LAYERS) / (N_LAYERS - 1))
    bands = traces(figure, "gpt", "band")
    low, high = (rows_of(table, "gpt", "W_q", f"{e} condition_number") for e in ("low", "high"))
    np.testing.assert_allclose(bands[0].y, [*low, *high[::-1]])
    assert all(axis.type == "log" for axis in figure.select_yaxes())
    assert len({axis.range for axis in figure.select_yaxes()}) == 1


def test_rank_curves_are_the_quantile_rows(tables, drawn):
    table, figure = tables["two"], drawn["embeddings", "two"]
    for role in ("E_input", "E_output"):
        norm, over, dots = traces(figure, "gpt", role)
        np.testing.assert_array_equal(
            norm.y, rows_of(table, "gpt", role, "quantile embedding_norm")
        )
        np.testing.assert_allclose(norm.x, PER_MILLE / 1000)
        spectrum = rows_of(table, "gpt", role, "quantile covariance_eigenvalue_over_median")
        np.testing.assert_array_equal(over.y, spectrum)
        np.testing.assert_array_equal(dots.y, rows_of(table, "gpt", role, "quantile dot"))


def test_singular_values_have_one_curve_a_layer(tables, drawn):
    curves = traces(drawn["singular_values", "two"], "ngpt", "W_k singular value")
    assert len(curves) == N_LAYERS
    for layer, curve in enumerate(curves):
        row = rows_of(tables["two"], "ngpt", "W_k", "quantile singular_value", layer)
        rank = np.round(np.array(curve.x) * 1000).astype(int)
        np.testing.assert_array_equal(curve.y, row[rank // STRIDE])
        assert {0, 1000} <= set(rank)
    assert len({curve.line.color for curve in curves}) == N_LAYERS


def test_means_and_quartiles_of_alpha(tables, drawn):
    table, figure = tables["two"], drawn["eigen_learning_rates", "two"]
    (line,) = traces(figure, "ngpt", "alpha_A mean")
    values = rows_of(table, "ngpt", "alpha_A", "eigen_learning_rate").reshape(N_LAYERS, -1)
    np.testing.assert_array_equal(line.y, np.abs(values).mean(axis=1))
    band = traces(figure, "ngpt", "band")[0]
    low, high = np.quantile(np.abs(values), [0.25, 0.75], axis=1)
    np.testing.assert_allclose(band.y, [*low, *high[::-1]], rtol=1e-12)


def test_coordinates_are_the_single_values(tables):
    for role, layer, label in (("s_u", 2, "ngpt"), ("s_z", None, "ngpt"), ("gain_A", 1, "gpt")):
        figure = FIGURES["coordinates"].draw(tables["two"], role=role, layer=layer or 0)
        (line,) = traces(figure, label, f"{role} in order")
        wanted = rows_of(tables["two"], label, role, "scaling_factor", layer)
        np.testing.assert_array_equal(line.y, wanted)
        np.testing.assert_array_equal(line.x, np.arange(len(wanted)))
        (curve,) = traces(figure, label, f"{role} sorted")
        assert curve.y[-1] == wanted.max()


def test_coordinates_of_heads_stand_one_after_another(tables):
    figure = FIGURES["coordinates"].draw(tables["two"], role="s_qk", layer=1)
    lines = traces(figure, "ngpt", "s_qk in order")
    starts = range(0, N_HEADS * D_K, D_K)
    assert [list(line.x) for line in lines] == [list(range(n, n + D_K)) for n in starts]
    assert "head 3" in lines[3].hovertemplate
    wanted = rows_of(tables["two"], "ngpt", "s_qk", "scaling_factor", 1)
    np.testing.assert_array_equal(np.concatenate([line.y for line in lines]), wanted)


def test_density_of_s_z_is_a_density(tables, drawn):
    for name in ("scaling_factors", "learned_scales"):
        (curve,) = traces(drawn[name, "two"], "ngpt", "s_z")
        wanted = rows_of(tables["two"], "ngpt", "s_z", "density scaling_factor")
        np.testing.assert_array_equal(curve.y, wanted)
        at = rows_of(tables["two"], "ngpt", "s_z", "density_at scaling_factor")
        np.testing.assert_array_equal(curve.x, at)


def test_histograms_have_area_one(drawn):
    for label in ("gpt", "ngpt"):
        for curve in traces(drawn["dot_products", "two"], label, "E_input density"):
            assert curve.line.shape == "hv"
            x, y = np.array(curve.x), np.array(curve.y)
            assert np.sum(np.diff(x) * y[:-1]) == pytest.approx(1)


def test_deviation_and_tolerance(tables, drawn):
    figure = drawn["unit_norm", "two"]
    (line,) = traces(figure, "ngpt", "W_o deviation")
    wanted = rows_of(tables["two"], "ngpt", "W_o", "column_deviation")
    np.testing.assert_array_equal(line.y, wanted)
    (dot,) = traces(figure, "gpt", "E_output deviation")
    assert dot.y[0] == rows_of(tables["two"], "gpt", "E_output", "row_deviation")[0]
    assert {t.y[0] for t in figure.data if "tolerance" in str(t.meta)} == {1e-5}


def test_trajectories_are_the_rows_of_all_steps(tables):
    table = tables["steps"]
    steps = [100, 200, 300]
    for quantity, over in (("condition_number", "median"), ("row_norm", "mean")):
        figure = draw("trajectories", table, quantity=quantity)
        mine = table[(table["checkpoint"] == "ngpt") & (table["role"] == "W_k")]
        strong = [t for t in traces(figure, "ngpt", "value") if t.xaxis == "x2"]
        (line,) = strong
        assert [*line.x] == steps
        each = mine[series_of(mine) == f"{over} {quantity}"]
        wanted = each[each["layer"].isna()].sort_values("step")
        np.testing.assert_array_equal(line.y, wanted["value"])
        pale = [t for t in traces(figure, "ngpt", "layer 2") if t.xaxis == "x2"]
        of_layer = each[each["layer"] == 2].sort_values("step")
        np.testing.assert_array_equal(pale[0].y, of_layer["value"])
        assert len(traces(figure, "ngpt", "layer")) == N_LAYERS * 7
    bare = draw("trajectories", table, hide_layers=True)
    assert not traces(bare, "ngpt", "layer")
    assert bare.layout.meta["notes"] == [
        "gpt: one saved step; a line takes several (of a run: steps 'all')."
    ]


def test_trajectories_over_tokens(tables):
    figure = draw("trajectories", tables["steps"], against="tokens", quantity="anisotropy")
    (line, _) = traces(figure, "ngpt", "value")
    assert [*line.x] == [TOKENS_A_STEP * step for step in (100, 200, 300)]
    table = tables["steps"].copy()
    table.attrs = table.attrs | {"checkpoints": []}
    figure = draw("trajectories", table, against="tokens")
    assert not figure.data
    assert "does not say how many training tokens" in " ".join(texts(figure))


def test_trajectories_show_what_is_infinite_or_missing(tables):
    figure = draw("trajectories", tables["broken"])
    (cross,) = traces(figure, "gpt", "infinite")
    assert cross.x[0] == 200
    assert "5 of 256 values are NaN" in " ".join(figure.layout.meta["notes"])


def test_what_measures_declare_can_be_followed_through_training():
    (option,) = (o for o in FIGURES["trajectories"].options if o.needs)
    declared = {name: (each.name,) for each in MEASURES.values() for name in each.followed}
    assert option.needs == declared
    assert FIGURES["trajectories"].needs_with({}) == ("condition_numbers",)
    assert FIGURES["trajectories"].needs_with({"quantity": "isoscore"}) == ("embedding_spectrum",)
    assert FIGURES["condition_numbers"].needs_with({"spread": "range"}) == ("condition_numbers",)


def test_infinite_missing_and_unresolved_values_are_shown(drawn):
    figure = drawn["condition_numbers", "broken"]
    (line,) = traces(figure, "gpt", "W_q κ")
    assert line.y[2] is None
    assert 1 not in line.x
    (infinite,) = traces(figure, "gpt", "infinite")
    top = 10 ** next(figure.select_yaxes()).range[1]
    assert (infinite.x[0], infinite.y[0]) == (pytest.approx(2 / 3), pytest.approx(top))
    assert "∞" in infinite.hovertext[0]
    assert "3 of 4 rank_deficient" in infinite.hovertext[0]
    (skipped,) = traces(figure, "gpt", "skipped")
    assert skipped.x[0] == 1
    assert "5 of 256 values are NaN" in skipped.hovertext[0]
    assert [*line.marker.symbol] == ["circle-open", "circle", "circle"]
    assert "4 of 4 below_resolution" in line.hovertext[0]
    assert "5 of 256 values are NaN" in " ".join(figure.layout.meta["notes"])
    keys = {t.name for t in figure.data if t.meta == "legend"}
    assert len(keys) == 5  # two checkpoints and three marks
    (band, *_) = traces(figure, "gpt", "band")
    assert np.isfinite(band.y).all()


def test_zero_singular_values_are_not_dropped():
    table = make()
    mine = (table["checkpoint"] == "gpt") & (table["role"] == "W_q") & (table["layer"] == 1)
    zero = mine & (series_of(table) == "quantile singular_value") & (table["index"] < 250)
    table.loc[zero, "value"] = 0.0
    (mark,) = traces(draw("singular_values", table), "gpt", "zero")
    assert mark.x[0] == 0.225  # the last that is zero of those kept
    assert "zero" in mark.hovertext[0]


def test_a_sampled_curve_says_so_on_paper_too():
    table = make()
    dots = (series_of(table) == "quantile dot") & (table["checkpoint"] == "gpt")
    table.loc[dots & (table["role"] == "E_input"), ["status", "reason"]] = ["sampled", "1e9 pairs"]
    notes = FIGURES["embeddings"].draw(table).layout.meta["notes"]
    symbol = Role.E_INPUT.facts.symbol
    assert notes == [f"gpt: {symbol} estimated from a sample: 1e9 pairs"]


def test_absent_roles_are_named():
    figure = draw("condition_numbers", without(make(), Role.W_NU))
    assert not traces(figure, "gpt", "W_nu")
    assert Role.W_NU.facts.symbol in " ".join(figure.layout.meta["notes"])
    table = make()
    only_gpt_lacks_it = table[(table["checkpoint"] != "gpt") | (table["role"] != "W_nu")]
    only_gpt_lacks_it.attrs = table.attrs
    notes = FIGURES["condition_numbers"].draw(only_gpt_lacks_it).layout.meta["notes"]
    assert notes == [f"gpt has no {Role.W_NU.facts.symbol}."]


def test_no_note_says_that_nothing_is_missing():
    table = make()
    drawn = (table["checkpoint"] == "gpt") & table["measure"].isin(["dot", "cosine"])
    kept = table[~drawn]
    kept.attrs = table.attrs
    figure = FIGURES["dot_products"].draw(kept)
    assert not any("none of  " in note for note in figure.layout.meta["notes"])


def test_figure_11_is_one_layer_of_two_roles():
    table = make()
    roles = [str(role) for role in Role if role not in (Role.W_Q, Role.W_K)]
    table = without(table[(table["layer"] == 2)], *roles)
    figure = FIGURES["singular_values"].draw(table)
    assert len([t for t in figure.data if t.meta != "legend"]) == 4
    assert len(traces(figure, "gpt", "W_q")[0].y) == len(PER_MILLE)


def test_a_table_read_back_from_csv_draws_the_same(tmp_path, drawn):
    table = make()
    table.to_csv(tmp_path / "table.csv", index=False)
    again = FIGURES["condition_numbers"].draw(pd.read_csv(tmp_path / "table.csv"))
    assert legend(again) == legend(drawn["condition_numbers", "two"])
    assert traces(again, "gpt", "W_q")[0].y == pytest.approx(
        traces(drawn["condition_numbers", "two"], "gpt", "W_q")[0].y
    )


@pytest.mark.parametrize(
    ("name", "width"),
    [
        pytest.param(
            name, width, marks=[pytest.mark.slow] * (width == ONE_COLUMN and name not in OF_KINDS)
        )
        for name in sorted(set(FIGURES) - OF_MIXTURES)
        for width in (ONE_COLUMN, TWO_COLUMNS)
    ],
)
def test_lays_itself_out_in_one_and_in_two_columns(tables, drawn, name, width):
    two = drawn[name, "two"]
    figure = two if width == TWO_COLUMNS else draw(name, tables["two"], width=width)
    assert figure.layout.width == width
    assert figure.layout.height <= PAGE
    panels = [axis for axis in figure.select_xaxes() if axis.domain and axis.visible is not False]
    widths = [(axis.domain[1] - axis.domain[0]) * width for axis in panels]
    assert min(widths) > 80, "wide enough for its tick labels"
    boxes = [
        (x.domain, y.domain)
        for x, y in zip(panels, figure.select_yaxes(), strict=False)
        if y.domain is not None
    ]
    for at, (x, y) in enumerate(boxes):
        for other_x, other_y in boxes[at + 1 :]:
            apart = x[1] <= other_x[0] or other_x[1] <= x[0]
            assert apart or y[1] <= other_y[0] or other_y[1] <= y[0], "panels overlap"


def test_the_figure_with_a_row_of_panels_a_checkpoint_fits_a_page_in_one_column(tables):
    figure = draw("head_condition_numbers", tables["five"], width=ONE_COLUMN)
    assert figure.layout.height <= PAGE


NOT_DRAWN = {
    *("expert_similarity", "dead_experts"),
    *("s_q", "s_k"),  # no model has them beside s_qk
    *("gain_postA", "gain_postM", "gain_q", "gain_k", "gain_q_a", "gain_kv_a"),
}
"""Roles and quantities that the example has none of."""


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        # The first that is not the default stands for the rest: of roles, of quantities.
        pytest.param(name, option.name, value, marks=[pytest.mark.slow] * (at > 1))
        for name in FIGURES
        for option in FIGURES[name].options
        for at, value in enumerate(option.values)
        if at and value not in NOT_DRAWN
    ],
)
def test_every_choice_draws_something_else_than_the_default(tables, drawn, name, option, value):
    plain = drawn[name, "two"]
    other = draw(name, tables["two"], **{option: value})
    assert other.data
    assert other.to_dict() != plain.to_dict()


def test_a_layer_that_a_checkpoint_lacks_is_told_of(tables):
    figure = FIGURES["queries_and_keys"].draw(tables["two"], layer=99)
    assert not figure.data
    assert any("layer 99" in note for note in figure.layout.meta["notes"])


def test_no_density_of_a_size_lies_below_zero(drawn):
    figure = drawn["eigen_learning_rates", "two"]
    curves = traces(figure, "ngpt", "alpha_A density of α")
    assert curves
    assert all(min(curve.x) >= 0 for curve in curves)
    assert any("the earlier the paler" in str(each.name) for each in figure.data)


def test_an_ngpt_alone_says_which_matrix_is_nowhere():
    figure = draw("condition_numbers", without(make([NGPT]), Role.W_NU))
    notes = figure.layout.meta["notes"]
    assert notes == [f"Not in these rows: {Role.W_NU.facts.symbol}."]
    assert draw("scaling_factors", make([NGPT])).layout.meta["notes"] == []


def test_a_map_of_steps_has_the_rows_as_colours():
    table = make(STEPS[1:])
    figure = draw("layer_steps", table)
    rows = table[(table["role"] == "W_v") & (table["layer"] == 1)]
    median = rows[(rows["measure"] == "condition_number") & (rows["statistic"] == "median")]
    (tiles,) = (each for each in figure.data if each.meta == "W_v map")
    found = 10 ** np.array(tiles.z[1], float)
    assert found == pytest.approx(median.sort_values("step")["value"].to_numpy(), rel=1e-12)
