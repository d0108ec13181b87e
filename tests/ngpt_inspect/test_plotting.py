"""From checkpoints to figures: what is measured, drawn, written and said."""

import numpy as np
import pandas as pd
import pytest
from models import series_of, tiny_ngpt, write_reference
from results_files import ablation, evaluated, write_rows

from ngpt_inspect import figure, measure, summarise
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.plotting import (
    colors,
    drawn_rows,
    for_screen,
    joined,
    save_figures,
    spoken,
    thinned,
)


@pytest.fixture(scope="module")
def checkpoints(open_layout):
    return [open_layout("reference_gpt"), open_layout("reference_ngpt")]


OF_TABLE_4 = {"table": "4", "parameter": "s_qk", "init": "1", "scale": "1/sqrt(d)"}
OF_TABLE_5 = {"table": "5"}
MEANS = {"alpha_A": 0.2, "alpha_M": 0.3, "s_qk": 1.5, "s_u": 1.2, "s_nu": 1.1, "s_z": 20.0}


@pytest.fixture
def results(tmp_path):
    """A folder of training results as the experiments write them."""
    folder = tmp_path / "results"
    folder.mkdir()
    lengths = [
        evaluated(0, "held-out", 64 * factor, 3.0, 0.01, family)
        for family in ("GPT", "nGPT")
        for factor in (1, 2, 4)
    ]
    write_rows(folder / "longer_context.csv", lengths)
    settings = [
        (OF_TABLE_4, (4.0, 4.0)),
        (OF_TABLE_4 | {"variant": "init", "init": "0.33", "s_qk": 1.4}, (3.95, 3.97)),
        (OF_TABLE_4 | {"parameter": "s_u & s_nu", "scale": "1"}, (4.0, 4.0)),
        (OF_TABLE_5, (4.0, 4.0)),
        (OF_TABLE_5 | {"variant": "fixed", "s_mlp_kind": "fixed"}, (4.04, 4.0)),
    ]
    ablations = [
        ablation(seed, loss, **(MEANS | {"run": f"{n}"} | changes))
        for n, (changes, losses) in enumerate(settings)
        for seed, loss in enumerate(losses)
    ]
    write_rows(folder / "ablations.csv", ablations)
    return folder


def line(drawing, label, meta):
    (found,) = [t for t in drawing.data if t.name == label and str(t.meta).startswith(meta)]
    return found


@pytest.mark.slow
def test_draws_checkpoints_paths_and_tables_alike(checkpoints):
    drawing = figure("condition_numbers", checkpoints)
    paths = [each.contents.source for each in checkpoints]
    table = measure(checkpoints, "condition_numbers")
    for other in (
        figure("condition-numbers", paths),
        figure("condition_numbers", table=table),
        figure("condition_numbers", table=summarise(table)),
    ):
        assert other.to_dict() == drawing.to_dict()


def test_layers_and_roles_restrict(checkpoints):
    drawing = figure("singular_values", checkpoints, layers=[1], roles=["W_q"])
    assert {t.meta for t in drawing.data} == {"W_q singular value", "legend"}


def test_options_reach_the_measure(checkpoints):
    plain = figure("embedding_spectrum", checkpoints)
    other = figure("embedding_spectrum", checkpoints, uncentred=True)
    before, after = (line(drawing, "gpt", "E_input eig").y for drawing in (plain, other))
    assert not np.array_equal(before, after)


def test_choices_of_a_figure_reach_it_and_others_the_measure(checkpoints):
    ranks = figure("embeddings", checkpoints)
    bins = figure("embeddings", checkpoints, view="histogram", uncentred=True)
    assert ranks.to_dict() != bins.to_dict()
    with pytest.raises(WrongOption, match="view is 'pie'; say rank, histogram"):
        figure("embeddings", checkpoints, view="pie")
    with pytest.raises(WrongOption, match="embeddings has no option colour"):
        figure("embeddings", table=measure(checkpoints, "embedding_norms"), colour="red")


def test_widths_are_columns_or_pixels(checkpoints):
    widths = ("one", "two", 500, None)
    table = measure(checkpoints, "embedding_norms")
    drawn = [figure("embedding_norms", table=table, width=w).layout.width for w in widths]
    assert drawn == [312, 648, 500, 648]
    for wrong in ("three", 10):
        with pytest.raises(WrongOption, match=r"one.*two"):
            figure("embedding_norms", checkpoints, width=wrong)


def test_spoken_choices_are_those_that_figures_declare():
    said = spoken(["view=Histogram", "layer=3", "log-steps=true", "spread=x"])
    assert said == {"view": "histogram", "layer": 3, "log_steps": True, "spread": "x"}
    for wrong in ("histogram", "=3"):
        with pytest.raises(WrongOption, match="sets nothing"):
            spoken([wrong])


def test_unknown_figure_names_all():
    with pytest.raises(WrongOption, match=r"condition_numbers.*vector_norms"):
        figure("condition_number", [])
    with pytest.raises(WrongOption, match="table="):
        figure("condition_numbers")


@pytest.mark.slow
def test_a_table_drawn_alone_or_among_others_is_the_same_figure(checkpoints):
    everything = thinned(measure(checkpoints, ["condition_numbers", "singular_values"]))
    alone = figure("condition_numbers", checkpoints)
    assert figure("condition_numbers", table=everything).to_dict() == alone.to_dict()


@pytest.mark.slow
def test_drawn_rows_hold_summaries_and_skips_but_not_the_values_behind(checkpoints):
    table = measure(checkpoints, "singular_values")
    table.loc[0, ["status", "value", "reason"]] = ["skipped", float("nan"), "no reason"]
    rows = drawn_rows(FIGURES["singular_values"], table)
    assert {"quantile singular_value", "stable_rank"} <= set(series_of(rows))
    raw = rows[series_of(rows) == "singular_value"]
    assert [*raw["reason"]] == ["no reason"]
    assert rows.attrs == table.attrs


def test_joined_tables_keep_every_checkpoint_in_order(checkpoints):
    parts = [measure(each, "eigen_learning_rates") for each in checkpoints]
    table = joined(parts)
    assert [facts["label"] for facts in table.attrs["checkpoints"]] == ["gpt", "ngpt"]
    assert len(table) == sum(map(len, parts))


def test_colours_are_those_of_the_figures(checkpoints):
    several = [checkpoints[1], checkpoints[0], checkpoints[1]]
    drawing = figure("embedding_norms", several)
    assert colors(several) == [t.line.color for t in drawing.data if t.meta == "legend"]


@pytest.mark.slow
def test_for_screen_changes_the_ground_and_not_the_numbers(checkpoints):
    paper = figure("condition_numbers", checkpoints)
    before = paper.to_dict()
    dark, light = for_screen(paper, dark=True), for_screen(paper, dark=False)
    assert paper.to_dict() == before
    assert dark.layout.width is None
    assert dark.layout.template.layout.font.color != light.layout.template.layout.font.color
    assert [t.y for t in dark.data] == [t.y for t in paper.data]


@pytest.mark.slow
def test_save_figures_writes_each_figure_and_its_numbers(checkpoints, tmp_path):
    names = ["condition_numbers", "embeddings", "queries_and_keys"]
    found = save_figures(checkpoints, tmp_path / "out", ["json"], names=names, layer=1)
    found += save_figures(checkpoints, tmp_path / "more", ["html", ".json"], names=["unit_norm"])
    assert [each.name for each in found] == [*names, "unit_norm"]
    assert [path.suffix for path in found[-1].files] == [".html", ".json", ".csv"]
    for each in found:
        assert [path.suffix for path in each.files][-2:] == [".json", ".csv"]
        assert all(path.stat().st_size for path in each.files)
        assert str(each.files[0]) in str(each)
    back = pd.read_csv(tmp_path / "out" / "condition_numbers.csv")
    drawing = FIGURES["condition_numbers"].draw(back)
    wanted = figure("condition_numbers", checkpoints)
    assert line(drawing, "gpt", "W_o κ").y == pytest.approx(line(wanted, "gpt", "W_o κ").y)


def test_save_figures_reports_what_has_nothing_to_show(checkpoints, tmp_path):
    names = ["eigen_learning_rates", "embedding_norms"]
    alphas, norms = save_figures(checkpoints[0], tmp_path, ["json"], names=names)
    assert alphas.files == ()
    assert "nothing to draw" in str(alphas)
    assert "exist in nGPT only" in str(alphas)
    assert norms.files
    assert not (tmp_path / "eigen_learning_rates.csv").exists()


@pytest.mark.slow
def test_save_figures_gives_every_figure_the_sources_it_can_draw(checkpoints, results, tmp_path):
    names = ["condition_numbers", "longer_context", "learning_rates", "ablations"]
    found = save_figures([*checkpoints, results], tmp_path / "out", ["json"], names=names)
    assert [bool(each.files) for each in found] == [True, True, False, True]
    assert found[2].name == "learning_rates"
    assert "nothing to draw" in str(found[2])


def test_results_alone_draw_no_checkpoints(results, tmp_path):
    names = ["condition_numbers", "longer_context"]
    found = save_figures(results, tmp_path / "out", ["json"], names=names, width="one")
    assert [bool(each.files) for each in found] == [False, True]
    assert "No checkpoint is among the sources" in str(found[0])
    wanted = figure("longer_context", results, width="one")
    assert (tmp_path / "out" / "longer_context.json").read_text() == wanted.to_json()


def test_choices_go_to_the_figures_that_declare_them(checkpoints, tmp_path):
    names = ["learned_scales", "queries_and_keys", "embedding_norms"]
    save_figures(checkpoints, tmp_path, ["json"], names=names, layer=1, view="histogram")
    for name, choice in (("learned_scales", {"view": "histogram"}), (names[1], {"layer": 1})):
        wanted = figure(name, checkpoints, **choice)
        assert (tmp_path / f"{name}.json").read_text() == wanted.to_json()
    with pytest.raises(WrongOption, match="no figure here has an option colour"):
        save_figures(checkpoints, tmp_path, ["json"], names=names, colour="red")
    with pytest.raises(WrongOption, match="view is 'pie'"):
        save_figures(checkpoints, tmp_path, ["json"], names=names, view="pie")


def test_ablations_become_the_tables_of_the_paper(results, tmp_path):
    (drawn,) = save_figures(results, tmp_path, ["json"], names=["ablations"])
    assert [path.name for path in drawn.files] == ["ablations.md", "ablations.tex", "ablations.csv"]
    text = (tmp_path / "ablations.md").read_text()
    lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines()]
    assert ["parameter", "init", "scale", "mean", "loss"] in lines
    assert ["s_qk", "1", "1/√d", "1.5", "4.000"] in lines
    assert ["", "0.33", "1/√d", "1.4", "−1.00 ± 0.35 %"] in lines, "named once, mean of two seeds"
    assert ["s_u & s_ν", "1", "1", "1.2 & 1.1", "4.000"] in lines
    assert ["v 1.5", "f 1.2 & 1.1", "v 20", "v 0.2 & 0.3", "+0.50 ± 0.71 %"] in lines
    latex = (tmp_path / "ablations.tex").read_text()
    assert r"$s_{u}$ \& $s_{\nu}$ & 1 & 1 & 1.2 \& 1.1 & 4.000 \\" in latex
    assert r"0.33 & 1/$\sqrt{d}$" in latex
    assert latex.count(r"\begin{table}") == text.count("Validation loss of") == 2


def test_save_figures_refuses_before_it_measures(tmp_path):
    with pytest.raises(WrongOption, match="gif"):
        save_figures("no such checkpoint", tmp_path, ["gif"])
    with pytest.raises(InspectError, match="no such checkpoint"):
        save_figures("no such checkpoint", tmp_path, ["json"])


def test_the_folder_of_a_run_stands_for_its_steps_in_a_figure_over_steps(tmp_path):
    for step in (10, 20, 30):
        path = tmp_path / "run" / f"step-{step:06d}.safetensors"
        write_reference(tiny_ngpt(), path, step=step)
    drawing = figure("trajectories", tmp_path / "run", quantity="eigen_learning_rate")
    strong = [trace for trace in drawing.data if trace.meta == "value"]
    assert [[*trace.x] for trace in strong] == [[10, 20, 30]] * 2
    one = figure("eigen_learning_rates", tmp_path / "run")
    assert len([trace for trace in one.data if trace.meta == "legend"]) == 1
    (drawn,) = save_figures(
        [tmp_path / "run"], tmp_path / "out", ["json"], names=["trajectories"], quantity="row_norm"
    )
    assert "one saved step" in drawn.notes[0], "steps of a run are asked for, as in `measure`"
    assert ",row_norm,mean," in (tmp_path / "out" / "trajectories.csv").read_text()


def test_a_thin_table_is_summarised_once_and_only_where_it_is_not(checkpoints):
    table = measure(checkpoints, ["unit_norm", "eigen_learning_rates"])
    once = thinned(summarise(table))
    pd.testing.assert_frame_equal(thinned(once), once)
    part = measure(checkpoints, "unit_norm")
    both = joined([summarise(part), measure(checkpoints, "eigen_learning_rates")])
    counted = thinned(both)["measure"].value_counts()
    assert counted.to_dict() == once["measure"].value_counts().to_dict()
