"""From checkpoints to figures: what is measured, drawn, written and said."""

import numpy as np
import pandas as pd
import pytest
from models import tiny_gpt, tiny_ngpt, write_reference

from ngpt_inspect import figure, measure, open_checkpoint, summarise
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.figures import FIGURES
from ngpt_inspect.gallery import colors, draw_all, drawn_rows, for_screen, joined, thinned


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    paths = [folder / "gpt.safetensors", folder / "ngpt.safetensors"]
    for path, model in zip(paths, (tiny_gpt(), tiny_ngpt()), strict=True):
        write_reference(model, path)
    return [open_checkpoint(path) for path in paths]


def line(drawing, label, meta):
    (found,) = [t for t in drawing.data if t.name == label and str(t.meta).startswith(meta)]
    return found


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


def test_draws_the_known_condition_numbers(checkpoints):
    model = tiny_gpt()
    drawing = figure("condition_numbers", checkpoints)
    for layer in range(model.n_layers):
        spectra = [np.linalg.svd(head, compute_uv=False) for head in model.heads("W_q", layer)]
        wanted = np.median([s[0] / s[-1] for s in spectra])
        assert line(drawing, "gpt", "W_q").y[layer] == pytest.approx(wanted, rel=1e-5)


def test_layers_and_roles_restrict(checkpoints):
    drawing = figure("singular_values", checkpoints, layers=[1], roles=["W_q"])
    assert {t.meta for t in drawing.data} == {"W_q singular value", "legend"}


def test_one_checkpoint_alone_is_enough(checkpoints):
    assert figure("eigen_learning_rates", checkpoints[1]).data
    assert not figure("eigen_learning_rates", checkpoints[0]).data


def test_options_reach_the_measure(checkpoints):
    plain = figure("embedding_spectrum", checkpoints)
    other = figure("embedding_spectrum", checkpoints, options={"uncentred": True})
    assert line(plain, "gpt", "E_input eig").y != line(other, "gpt", "E_input eig").y


def test_unknown_figure_names_all():
    with pytest.raises(WrongOption, match=r"condition_numbers.*vector_norms"):
        figure("condition_number", [])
    with pytest.raises(WrongOption, match="table="):
        figure("condition_numbers")


def test_a_table_drawn_alone_or_among_others_is_the_same_figure(checkpoints):
    everything = thinned(measure(checkpoints, ["condition_numbers", "singular_values"]))
    alone = figure("condition_numbers", checkpoints)
    assert figure("condition_numbers", table=everything).to_dict() == alone.to_dict()


def test_drawn_rows_hold_summaries_and_skips_but_not_the_values_behind(checkpoints):
    table = measure(checkpoints, "condition_numbers")
    table.loc[0, ["status", "value", "reason"]] = ["skipped", float("nan"), "no reason"]
    rows = drawn_rows(FIGURES["condition_numbers"], table)
    assert "condition_number_median" in set(rows["measure"])
    raw = rows[rows["measure"] == "condition_number"]
    assert [*raw["reason"]] == ["no reason"]
    assert rows.attrs == table.attrs


def test_joined_tables_keep_every_checkpoint_in_order(checkpoints):
    parts = [measure(each, "eigen_learning_rates") for each in checkpoints]
    table = joined(parts)
    assert [facts["label"] for facts in table.attrs["checkpoints"]] == ["gpt", "ngpt"]
    assert len(table) == sum(map(len, parts))


def test_colours_are_those_of_the_figures(checkpoints):
    several = [checkpoints[1], checkpoints[0], checkpoints[1]]
    drawing = figure("condition_numbers", several)
    assert colors(several) == [t.line.color for t in drawing.data if t.meta == "legend"]


def test_for_screen_changes_the_ground_and_not_the_numbers(checkpoints):
    paper = figure("condition_numbers", checkpoints)
    before = paper.to_dict()
    dark, light = for_screen(paper, dark=True), for_screen(paper, dark=False)
    assert paper.to_dict() == before
    assert dark.layout.width is None
    assert dark.layout.template.layout.font.color != light.layout.template.layout.font.color
    assert [t.y for t in dark.data] == [t.y for t in paper.data]


def test_draw_all_writes_each_figure_and_its_numbers(checkpoints, tmp_path):
    found = draw_all(checkpoints, tmp_path / "out", ["html", ".json"])
    assert [each.name for each in found] == [*FIGURES]
    for each in found:
        assert [path.suffix for path in each.files] == [".html", ".json", ".csv"]
        assert all(path.stat().st_size for path in each.files)
        assert str(each.files[0]) in str(each)
    back = pd.read_csv(tmp_path / "out" / "condition_numbers.csv")
    drawing = FIGURES["condition_numbers"].draw(back)
    wanted = figure("condition_numbers", checkpoints)
    assert line(drawing, "gpt", "W_o κ").y == pytest.approx(line(wanted, "gpt", "W_o κ").y)


def test_draw_all_reports_what_has_nothing_to_show(checkpoints, tmp_path):
    names = ["eigen_learning_rates", "embedding_norms"]
    alphas, norms = draw_all(checkpoints[0], tmp_path, ["json"], names=names)
    assert alphas.files == ()
    assert "nothing to draw" in str(alphas)
    assert "exist in nGPT only" in str(alphas)
    assert norms.files
    assert not (tmp_path / "eigen_learning_rates.csv").exists()


def test_draw_all_refuses_before_it_measures(tmp_path):
    with pytest.raises(WrongOption, match="gif"):
        draw_all("no such checkpoint", tmp_path, ["gif"])
    with pytest.raises(InspectError, match="no such checkpoint"):
        draw_all("no such checkpoint", tmp_path, ["json"])
