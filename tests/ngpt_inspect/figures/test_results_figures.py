"""Figures of training results: what is drawn equals the table, at both widths, in every state."""

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from exporting import needs_export
from results_files import (
    answered,
    answers,
    both_families,
    evaluated,
    exposed,
    family_rows,
    identity,
    loss_rows,
    timings,
    write_rows,
)

from ngpt_inspect.figures import FIGURES
from ngpt_inspect.figures.canvas import render as rendering
from ngpt_inspect.figures.canvas.layout import PAGE
from ngpt_inspect.figures.canvas.text import factor, length, rate, short
from ngpt_inspect.figures.canvas.theme import NEUTRAL, ONE_COLUMN, SHADES, TWO_COLUMNS
from ngpt_inspect.figures.canvas.ticks import kept_apart, nice_steps
from ngpt_inspect.plotting import save_figure
from ngpt_inspect.results import RESULTS, training_results

DRAWN = [name for name, figure in FIGURES.items() if figure.results in RESULTS]
WIDTHS = (ONE_COLUMN, TWO_COLUMNS)
CONTEXTS = {64: 1.3, 256: 1.7, 512: 3.0}
"""Factor of each; the last is a lower bound at nGPT's longest budget."""


def losses():
    """Return runs of three contexts and two seeds."""
    return [
        row
        for context, slower in CONTEXTS.items()
        for seed in (0, 1)
        for row in both_families(
            slower * (1 + 0.1 * seed), context_length=context, batch_size=2048 // context, seed=seed
        )
    ]


def sweep():
    """Return a grid of learning rates, one of which diverges."""
    rows = []
    for family in ("GPT", "nGPT"):
        for rate_, offset in ((2e-3, 0.3), (4e-3, 0.0), (8e-3, 0.2)):
            rows += family_rows(
                family, (100, 200), math.exp(2 * offset), context_length=64, learning_rate=rate_
            )
        rows += loss_rows(identity(family, learning_rate=32e-3), {25: 6.0, 60: None})
    return rows


def evaluations():
    return [
        evaluated(seed, text, many * context, 3 + 0.4 * many + 0.1 * seed, 0.02, family, **at)
        for family in ("GPT", "nGPT")
        for context in CONTEXTS
        for at in [{"context_length": context}]
        for seed in (0, 1)
        for text in ("held-out", "out-of-domain")
        for many in (1, 2, 4)
    ]


def times():
    return [
        row
        for context in CONTEXTS
        for row in timings({"GPT": [1.0, 1.1, 1.2], "nGPT": [1.1, 1.2, 1.5]}, context)
    ]


def logged():
    """Return what runs log in each of 1,000 steps, validated every 50; one has no times."""
    rows = []
    for family, seed in (("GPT", 0), ("GPT", 1), ("nGPT", 0)):
        random = np.random.default_rng(seed)
        run = identity(family, steps=1000, seed=seed) | {"run": f"{family} {seed}"}
        rows += [
            run
            | {"step": step, "tokens": 2048 * step, "seconds": math.nan if seed else step / 8}
            | {"train_loss": 9 - math.log(step) + random.normal(0, 0.1), "rate": 1 / step}
            | {"validation_loss": math.nan if step % 50 else 9.1 - math.log(step)}
            | {"gradient_norm": random.lognormal()}
            for step in range(1, 1001)
        ]
    return rows


FILES = {
    "decay_exposure": ("decay_exposure.csv", exposed),
    "paper_length": ("paper_length.csv", exposed),
    "heads_and_depth": ("heads_and_depth.csv", exposed),
    "downstream_accuracy": ("downstream_tasks.csv", answers),
    "training_curves": ("", logged),
    "loss_curves": ("speed_up.csv", losses),
    "final_losses": ("speed_up.csv", losses),
    "speed_up": ("speed_up.csv", losses),
    "learning_rates": ("learning_rates.csv", sweep),
    "longer_context": ("longer_context.csv", evaluations),
    "step_time": ("step_time.csv", times),
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Return a function giving a figure's table, of all rows or of those a test keeps."""
    folder = tmp_path_factory.mktemp("results")

    @cache
    def table(name, kept=lambda row: True):
        file, rows = FILES[name]
        if not file:
            steps = pd.DataFrame([row for row in rows() if kept(row)])
            return RESULTS[FIGURES[name].results].compute(steps)
        path = write_rows(folder / file, [row for row in rows() if kept(row)])
        return training_results(FIGURES[name].results, path)

    return table


@pytest.fixture(scope="module")
def figure_of(tables):
    """Return a function that draws a figure of all rows, once at each width."""
    kept = cache(lambda name, width: FIGURES[name].draw(tables(name), width=width))
    return lambda name, width=TWO_COLUMNS: kept(name, width)


def traces(figure, meta):
    return [trace for trace in figure.data if trace.meta == meta]


def points(figure, meta):
    """Return what lines show, by their name: all points of all panels, sorted."""
    found = {}
    for trace in traces(figure, meta):
        pairs = [(x, y) for x, y in zip(trace.x, trace.y, strict=True) if y is not None]
        found.setdefault(trace.name, []).extend(pairs)
    return {name: sorted(pairs) for name, pairs in found.items()}


def wanted(table, x, y):
    return sorted(map(tuple, table[table[y].notna()][[x, y]].to_numpy().tolist()))


def words(figure):
    return " ".join(str(note.text) for note in figure.layout.annotations)


def test_every_figure_of_results_is_tested():
    untested = set(DRAWN) - set(FILES)
    assert not untested, (
        f"FILES in tests/ngpt_inspect/figures/test_results_figures.py has no table for {untested}"
    )
    assert set(FILES) <= set(DRAWN)


@pytest.mark.parametrize("width", [pytest.param(ONE_COLUMN, marks=pytest.mark.slow), TWO_COLUMNS])
@pytest.mark.parametrize("name", DRAWN)
def test_lays_out_at_both_widths(figure_of, name, width):
    figure = figure_of(name, width)
    assert figure.layout.width == width
    assert figure.data
    axes = list(figure.select_xaxes())
    for one in axes:
        assert 0 <= one.domain[0] < one.domain[1] <= 1
        pixels = (one.domain[1] - one.domain[0]) * (
            width - figure.layout.margin.l - figure.layout.margin.r
        )
        assert pixels >= 100
        assert len(one.ticktext) >= 2
    margin = figure.layout.margin
    assert PAGE >= figure.layout.height > margin.t + margin.b


@pytest.mark.parametrize("name", DRAWN)
def test_families_have_their_colours(figure_of, name):
    figure = figure_of(name)
    keys = [trace for trace in traces(figure, "legend") if "GPT" in trace.name]
    assert keys
    for key in keys:
        family = "nGPT" if key.name.startswith("nGPT") else "GPT"
        if key.name != "as long as GPT":
            assert key.line.color in SHADES[family]
    for trace in figure.data:
        if trace.meta != "legend" and trace.line.color not in (None, NEUTRAL):
            family = "nGPT" if trace.name.startswith("nGPT") else "GPT"
            assert trace.line.color in SHADES[family]
            assert trace.name in {key.name for key in keys}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", DRAWN)
def test_an_empty_table_says_there_is_nothing_to_draw(name, width):
    figure = FIGURES[name].draw(training_results(FIGURES[name].results, []), width=width)
    assert len(figure.data) == 0
    assert "Nothing to draw" in words(figure)
    assert figure.layout.meta["notes"]
    assert figure.layout.width == width


def one_of_a_kind(names):
    """Return names; those that draw as others do are slow."""
    kinds = ("loss_curves", "final_losses", "downstream_accuracy", "speed_up", "step_time")
    return [pytest.param(n, marks=[pytest.mark.slow] * (n not in kinds)) for n in names]


@pytest.mark.parametrize("family", ["GPT", pytest.param("nGPT", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", one_of_a_kind(DRAWN))
def test_one_family_alone(tables, name, family):
    figure = FIGURES[name].draw(tables(name, lambda row: row["family"] == family))
    needs_both = name in ("speed_up", "step_time")
    assert ("Nothing to draw" in words(figure)) == needs_both
    shown = {trace.name for trace in figure.data if trace.name and "GPT" in trace.name}
    assert all(each.startswith(family) for each in shown)


OF_HEADS = ("paper_length", "heads_and_depth")
"""Figures whose bars are over heads; those of step_time are over rounds."""


@pytest.mark.parametrize(
    "name", one_of_a_kind([n for n in DRAWN if n not in ("step_time", *OF_HEADS)])
)
def test_one_seed_alone(tables, name):
    table = tables(name, lambda row: row["seed"] == 0)
    figure = FIGURES[name].draw(table)
    assert figure.data
    for trace in figure.data:
        if trace.type == "scatter" and trace.error_y.array is not None:
            assert not np.any(trace.error_y.array)


@pytest.mark.slow
def test_losses_are_the_validations_of_the_budgets_shown(tables):
    table = tables("loss_curves")
    kept = table[(table["family"] == "GPT") == (table["steps"] == 800)]
    kept = kept[(kept["family"] == "GPT") | kept["steps"].isin([100, 400])]
    for all_budgets, rows in ((False, kept), (True, table)):
        figure = FIGURES["loss_curves"].draw(table, all_budgets=all_budgets)
        drawn = points(figure, "validation_loss")
        rows = rows[rows["row"] == "validation"]
        settings = {
            f"{family}, {steps} steps": of
            for (family, steps), of in rows.groupby(["family", "steps"])
        }
        assert set(drawn) == set(settings)
        for name, of in settings.items():
            both = wanted(of, "step", "validation_loss") + wanted(of, "tokens", "validation_loss")
            assert drawn[name] == sorted(both)
        note = " ".join(figure.layout.meta["notes"])
        assert ("Not drawn: 24 runs of other budgets." in note) == (not all_budgets)


def test_runs_with_one_validation_are_points_and_no_factor_has_no_panel(tables):
    table = tables("loss_curves")
    ends = table[(table["row"] == "validation") & (table["step"] == table["steps"])]
    figure = FIGURES["loss_curves"].draw(ends)
    assert all(
        "markers" in trace.mode for trace in figure.data if trace.name in set(ends["family"])
    )
    titles = {axis.title.text for axis in figure.select_yaxes()}
    assert "speed-up in steps" not in titles
    assert points(figure, "validation_loss")


@pytest.mark.slow
def test_factors_by_loss_are_the_tables(tables):
    table = tables("loss_curves")
    drawn = points(FIGURES["loss_curves"].draw(table, all_budgets=True), "speed_up")
    shown = table[(table["row"] == "speed_up") & (table["bound"] == "")]
    everything = {point for line in drawn.values() for point in line}
    assert everything <= set(wanted(shown, "validation_loss", "speed_up"))
    assert len(everything) > 50


def test_arrows_lead_from_ngpt_to_gpt(tables, figure_of):
    table = tables("loss_curves")
    read = table[(table["row"] == "read_off") & (table["bound"] == "")]
    rows = {(row["step"], row["gpt_steps"]): row for row in read.to_dict("records")}
    figure = figure_of("loss_curves")
    arrows = traces(figure, "read_off")
    assert len(arrows) >= len(CONTEXTS)
    said = {trace.text[0] for trace in traces(figure, "factor")}
    for arrow in arrows:
        row = rows[tuple(arrow.x)]
        assert arrow.y == (row["validation_loss"],) * 2
        assert factor(row["speed_up"]) in said


def test_a_loss_gpt_never_reaches_is_told_below(figure_of):
    notes = " ".join(figure_of("loss_curves").layout.meta["notes"])
    assert "GPT does not reach 3.004" in notes
    assert "at context 512: there more than 2.00×" in notes


def test_losses_of_one_context_alone(tables):
    figure = FIGURES["loss_curves"].draw(tables("loss_curves"), context=256)
    assert {note.text for note in figure.layout.annotations if note.name != "note"} == {
        "context 256"
    }
    assert FIGURES["loss_curves"].draw(tables("loss_curves"), context=7).layout.meta["notes"]


def test_final_losses_and_their_factors_are_the_tables(tables, figure_of):
    table = tables("final_losses")
    figure = figure_of("final_losses")
    shown = points(figure, "validation_loss")
    for family in ("GPT", "nGPT"):
        mine = table[table["family"] == family]
        assert shown[family] == wanted(mine, "tokens", "validation_loss")
    signs = {"": "", "lower": "≥ ", "upper": "≤ "}
    told = table[table["speed_up"].notna()]
    said = [text.strip() for trace in traces(figure, "speed_up") for text in trace.text]
    assert sorted(said) == sorted(
        signs[bound] + factor(value)
        for bound, value in zip(told["bound"], told["speed_up"], strict=True)
    )
    assert any(text.startswith("≥") for text in said)


def test_bars_reach_from_the_lowest_seed_to_the_highest(tables, figure_of):
    table = tables("final_losses")
    mine = table[(table["family"] == "GPT") & (table["context_length"] == 256)]
    ends = [
        (y - down, y + up)
        for trace in traces(figure_of("final_losses"), "validation_loss")
        for y, up, down in zip(trace.y, trace.error_y.array, trace.error_y.arrayminus, strict=True)
        if trace.name == "GPT"
    ]
    for low, high in mine[["low", "high"]].to_numpy():
        assert any(np.allclose((low, high), end) for end in ends)


def test_speed_ups_are_the_tables(tables, figure_of):
    table = tables("speed_up")
    told = table[table["speed_up"].notna()]
    figure = figure_of("speed_up")
    drawn = points(figure, "speed_up")
    for context, rows in told.groupby("context_length"):
        name = f"nGPT, context {length(context)}"
        assert drawn[name] == wanted(rows, "steps", "speed_up")
    for steps, rows in told.groupby("steps"):
        assert drawn[f"nGPT, {steps} steps"] == wanted(rows, "context_length", "speed_up")
    bounds = told[told["bound"] == "lower"]
    marked = sorted(y for trace in traces(figure, "lower") for y in trace.y)
    assert marked == sorted([*bounds["speed_up"]] * 2)
    assert "at least" in {trace.name for trace in traces(figure, "legend")}


def test_learning_rates_are_the_tables(tables, figure_of):
    table = tables("learning_rates")
    figure = figure_of("learning_rates")
    drawn = points(figure, "validation_loss")
    for (family, steps), rows in table.groupby(["family", "steps"]):
        name = f"{family}, {steps} steps"
        assert drawn[name] == wanted(rows, "learning_rate", "validation_loss")
    rings = sorted((x, y) for t in traces(figure, "best") for x, y in zip(t.x, t.y, strict=True))
    assert rings == wanted(table[table["best"]], "learning_rate", "validation_loss")
    crosses = sorted(x for trace in traces(figure, "diverged") for x in trace.x)
    assert crosses == sorted(table[table["diverged"] > 0]["learning_rate"])


def test_perplexities_are_the_tables(tables, figure_of):
    table = tables("longer_context")
    figure = figure_of("longer_context")
    drawn = points(figure, "perplexity")
    for (family, context), rows in table.groupby(["family", "context_length"]):
        name = f"{family}, context {length(context)}"
        assert drawn[name] == wanted(rows, "evaluated_length", "perplexity")
    assert sorted({shape.x0 for shape in figure.layout.shapes}) == sorted(CONTEXTS)


def test_step_times_are_the_tables(tables, figure_of):
    table = tables("step_time")
    drawn = points(figure_of("step_time"), "ratio")
    assert drawn == {"nGPT": wanted(table, "context_length", "ratio")}


@pytest.mark.parametrize("against", ["steps", "tokens", "seconds"])
def test_training_curves_are_the_tables(tables, against):
    table = tables("training_curves")
    choices = {"against": against, "learning_rate": True, "gradient_norm": True}
    figure = FIGURES["training_curves"].draw(table, **choices)
    x = {"steps": "step"}.get(against, against)
    drawn = points(figure, "value")
    for run, rows in table[table[x].notna()].groupby("run"):
        assert drawn.pop(run) == wanted(rows, x, "value")
    assert not drawn
    notes = " ".join(figure.layout.meta["notes"])
    assert ("No whole record of seconds: GPT 1." in notes) == (against == "seconds")
    assert "the mean of consecutive values" in notes
    assert "3 (GPT 0)" in notes


def test_bands_of_training_curves_hold_every_value(tables):
    table = tables("training_curves", lambda row: row["run"] == "nGPT 0")
    figure = FIGURES["training_curves"].draw(table, gradient_norm=True)
    everything = [row["gradient_norm"] for row in logged() if row["run"] == "nGPT 0"]
    band = traces(figure, "band")[-1]
    assert (min(band.y), max(band.y)) == (min(everything), max(everything))
    assert "GPT 0" not in {trace.name for trace in figure.data}


def test_training_curves_cut_off_the_first_losses_and_nothing_else(tables, figure_of):
    table = tables("training_curves")
    losses = table[table["quantity"] == "train_loss"]
    top = next(figure_of("training_curves").select_yaxes()).range[1]
    assert losses["value"].max() > top > losses[losses["step"] >= 100]["value"].max()


@needs_export
@pytest.mark.slow
def test_plotly_js_draws_them_all(figure_of, tmp_path):
    """Layouts that python accepts can still fail in the browser."""
    with rendering.one_browser():
        for name in DRAWN:
            path = save_figure(figure_of(name), tmp_path / f"{name}.svg")
            assert path.read_text("utf-8").count("<path") > 10


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (factor, 1.4, "1.40×"),
        (factor, 9.96, "10×"),
        (factor, 23.4, "23×"),
        (length, 512, "512"),
        (length, 4096, "4k"),
        (length, 1000, "1000"),
        (rate, 4e-3, "4e-3"),
        (rate, 1.5e-2, "1.5e-2"),
        (short, 819_200, "819k"),
        (short, 4e11, "400B"),
        (short, 300, "300"),
    ],
)
def test_numbers_are_written_short(write, value, text):
    assert write(value) == text


def test_labels_of_ticks_never_collide():
    ticks = [1.0, 1.1, 1.2, 2.0, 5.0]
    kept = kept_apart(ticks, map(str, ticks), [1, 10], 200, log=True)
    assert kept == [1.0, 2.0, 5.0]
    assert nice_steps(0.0, 1.0, 5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def test_only_perplexities_that_explode_are_drawn_over_a_logarithm(tmp_path):
    rows = [
        evaluated(0, text, many * 64, loss, 0.02)
        for text, losses_ in (("held-out", (3.0, 3.1)), ("out-of-domain", (3.0, 6.0)))
        for many, loss in zip((1, 2), losses_, strict=True)
    ]
    table = training_results("perplexities", write_rows(tmp_path / "longer_context.csv", rows))
    figure = FIGURES["longer_context"].draw(table)
    assert [axis.type for axis in figure.select_yaxes()] == ["linear", "log"]


def test_condition_numbers_after_training_by_exposure(tables):
    table = tables("decay_exposure")
    gpt = table[(table["family"] == "GPT") & (table["recipe"] == "AdamW")]
    first = gpt[(gpt["layer"] == 0) & (gpt["weight"] == "W_q")].sort_values("exposure")
    assert first["exposure"].tolist() == pytest.approx([0, 3.6, 12])
    ends = [[3.0, 3.0], [304.0, 604.0], [1005.0, 2005.0]]  # of both seeds, after the last step
    assert first["condition_number"].tolist() == pytest.approx([math.sqrt(a * b) for a, b in ends])
    assert first[["low", "high"]].to_numpy().tolist() == ends
    assert first["at_random"].unique().tolist() == pytest.approx([3.0])  # d_k / d = 1 / 4
    assert table.loc[table["weight"] == "QK", "at_random"].isna().all()

    figure = FIGURES["decay_exposure"].draw(table, layer=0)
    lines = traces(figure, "condition_number")
    assert len(lines) == 6 * 3  # panels; AdamW, Muon and nGPT
    levels = [line for line in lines if line.name.startswith("nGPT")]
    assert all(list(line.x) == [0, 15] and len(set(line.y)) == 1 for line in levels)


def accuracies(table, metric, family):
    rows = table[(table["metric"] == metric) & (table["family"] == family)]
    return sorted(rows[["tokens", "accuracy"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("metric", ["acc", "acc_norm"])
def test_accuracies_by_tokens_are_the_tables(tables, metric):
    table = tables("downstream_accuracy")
    figure = FIGURES["downstream_accuracy"].draw(table, metric=metric)
    drawn = points(figure, "accuracy")
    assert drawn == {each: accuracies(table, metric, each) for each in ("GPT", "nGPT")}
    levels = [trace.y[0] for trace in traces(figure, "level")]
    chances = {"acc": [0.0, 0.25, 0.5, 0.25], "acc_norm": [0.25]}[metric]  # the last: on average
    assert levels == chances
    assert "at random" in {trace.name for trace in traces(figure, "legend")}
    assert "Standard error over documents: at most 0.03." in figure.layout.meta["notes"]
    titles = [note.text for note in figure.layout.annotations if note.name == "title"]
    assert titles == {"acc": ["cloze", "next_line", "pairs", "average"]}.get(metric, ["next_line"])


def test_checkpoints_of_one_run_are_a_line_of_their_own(tmp_path):
    rows = [
        row
        for steps in (100, 200)
        for step in (steps // 2, steps)
        for row in answered({"pairs": 0.5 + step / 1000}, steps=steps, step=step)
    ]
    path = write_rows(tmp_path / "downstream_tasks.csv", rows)
    figure = FIGURES["downstream_accuracy"].draw(training_results("downstream_accuracy", path))
    assert points(figure, "accuracy") == {
        f"nGPT, {steps} steps": [
            (step * 2048, pytest.approx(0.5 + step / 1000)) for step in (steps // 2, steps)
        ]
        for steps in (100, 200)
    }


@pytest.mark.slow
def test_more_tasks_than_fit_a_page_are_told(tmp_path):
    rows = answered({f"task {n:02}": 0.5 for n in range(30)})
    rows += answered({f"task {n:02}": 0.5 for n in range(30)}, "GPT", shots=5)
    path = write_rows(tmp_path / "downstream_tasks.csv", rows)
    for width in WIDTHS:
        table = training_results("downstream_accuracy", path)
        figure = FIGURES["downstream_accuracy"].draw(table, width=width)
        assert figure.layout.height <= PAGE
        assert "Not drawn: 53 more tasks." in figure.layout.meta["notes"]
