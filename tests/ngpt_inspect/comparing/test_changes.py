"""`changes` of small models whose changes are known."""

import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from models import tiny_gpt, tiny_ngpt, write_llama, write_reference
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.comparing import QUANTITIES


def value(table, measure, role, layer=None, statistic=None):
    of = table[(table["measure"] == measure) & (table["role"] == role)]
    of = of[of["layer"].isna() if layer is None else (of["layer"] == layer).fillna(False)]
    of = of[of["statistic"].isna() if statistic is None else of["statistic"] == statistic]
    (found,) = of["value"]
    return found


def degrees(x, y):
    u, v = (np.ravel(each) / np.linalg.norm(each) for each in (x, y))
    return math.degrees(2 * math.atan2(np.linalg.norm(u - v), np.linalg.norm(u + v)))


@pytest.fixture
def pair(tmp_path):
    """Write a model and what became of it: W_q of layer 1 and alpha_A of layer 0 differ."""
    model = tiny_ngpt()
    before = write_reference(model, tmp_path / "before.safetensors")
    opened = ni.open_checkpoint(before)
    names = [opened["W_q"][1].tensor.name, opened["alpha_A"][0].tensor.name]
    generator = torch.Generator().manual_seed(1)

    def changed(tensors):
        for name in names:
            tensors[name] += 0.1 * torch.randn(tensors[name].shape, generator=generator)

    return before, write_reference(model, tmp_path / "after.safetensors", change=changed)


def test_what_changed_is_measured_and_what_did_not_is_said_to_be_equal(pair):
    table = ni.changes(*pair)
    old, new = (ni.open_checkpoint(each) for each in pair)
    weights = [each["W_q"][1].values().double().numpy() for each in (old, new)]
    assert value(table, "angle", "W_q", 1) == pytest.approx(degrees(*weights))
    size = np.linalg.norm(weights[1] - weights[0]) / np.linalg.norm(weights[0])
    assert value(table, "relative_change", "W_q", 1) == pytest.approx(size)
    rows = [degrees(*each) for each in zip(*weights, strict=True)]
    assert value(table, "row_angle", "W_q", 1, "median") == pytest.approx(np.median(rows))
    assert value(table, "row_angle", "W_q", 1, "max") == pytest.approx(np.max(rows))
    assert value(table, "left_overlap_random", "W_q", 1) == 8 / weights[0].shape[0]
    alphas = [each["alpha_A"][0].values().numpy() for each in (old, new)]
    assert value(table, "angle", "alpha_A", 0) == pytest.approx(degrees(*alphas))
    same = table[table["reason"] == "equal: the same bytes"]
    assert set(same["value"]) == {0.0}
    n_weights = len(old.weights)
    assert len(same[same["measure"] == "angle"]) == n_weights - 2
    assert (
        f"{n_weights - 2} of {n_weights} weights are equal, byte for byte"
        in table.attrs["remarks"][0]
    )
    of_embeddings = {"row_angle_largest"}  # none of them changed
    assert set(table["measure"]) == set(QUANTITIES) - {"angle_per_rate"} - of_embeddings
    assert set(table["checkpoint"]) == {"after"}


def test_layouts_are_matched_by_role(tmp_path):
    model = tiny_gpt()
    ours = write_reference(model, tmp_path / "ours.safetensors")
    table = ni.changes(ours, write_llama(model, tmp_path / "llama"), roles=["W_q", "W_oMLP"])
    assert table.loc[table["measure"] == "angle", "reason"].unique() == ["equal: the same bytes"]


def test_what_has_no_role_is_matched_by_name(tmp_path):
    generator = torch.Generator().manual_seed(0)
    old = {f"a.{n}": torch.randn(6, 4, generator=generator) for n in range(3)}
    new = {"a.0": old["a.0"], "a.1": 2 * old["a.1"], "b": old["a.2"], "a.9": torch.ones(2, 2)}
    save_file(old, tmp_path / "x.safetensors")
    save_file({**new, "a.2": torch.ones(3, 3)}, tmp_path / "y.safetensors")
    table = ni.changes(tmp_path / "x.safetensors", tmp_path / "y.safetensors")
    told = table[table["measure"] == "angle"].set_index("tensor")
    assert told.loc["a.0", "reason"] == "equal: the same bytes"
    assert told.loc["a.1", "value"] == pytest.approx(0, abs=1e-5)
    assert told.loc["a.2", "reason"] == "shapes differ: 6x4 and 3x3"
    assert told.loc["b", "reason"] == told.loc["a.9", "reason"] == "only in y"
    relative = table[(table["measure"] == "relative_change") & (table["tensor"] == "a.1")]
    assert relative["value"].tolist() == pytest.approx([1])


def test_what_no_measure_reads_is_compared_too(tmp_path):
    draw = partial(torch.randn, generator=torch.Generator().manual_seed(0))
    old = {"a": draw(6, 4), "b": draw(5), "kernel": draw(3, 2, 2), "one": draw(())}
    new = {"a": old["a"], "b": 2 * old["b"], "kernel": -old["kernel"], "one": old["one"]}
    files = [tmp_path / "x.safetensors", tmp_path / "y.safetensors"]
    for tensors, file in zip((old, {**new, "c": draw(2)}), files, strict=True):
        save_file(tensors, file)
    table = ni.changes(*files)
    told = table.set_index(["tensor", "measure"])["value"]
    assert told["b", "angle"].item() == pytest.approx(0, abs=1e-5)
    assert told["b", "relative_change"].item() == pytest.approx(1)
    assert told["kernel", "angle"].item() == pytest.approx(180)
    assert told["kernel", "relative_change"].item() == pytest.approx(2)
    assert table.attrs["remarks"] == [
        "y from x: 2 of 4 weights are equal, byte for byte",
        "y from x: 1 of 5 weights skipped: only in y",
    ]
    with ThreadPoolExecutor(1) as executor:
        there = ni.changes(*files, executor=executor)
    pd.testing.assert_frame_equal(table, there, check_exact=True)


def test_biases_of_a_known_layout_are_compared_and_buffers_are_not(tmp_path):
    folder = write_llama(tiny_gpt(), tmp_path / "before")
    tensors = load_file(folder / "model.safetensors")
    at = "model.layers.0.self_attn."
    tensors |= {f"{at}q_proj.bias": torch.ones(4), f"{at}rotary_emb.inv_freq": torch.ones(4)}
    shutil.copytree(folder, tmp_path / "after")
    save_file(tensors, folder / "model.safetensors")
    tensors[f"{at}q_proj.bias"] = -torch.ones(4)
    save_file(tensors, tmp_path / "after" / "model.safetensors")
    table = ni.changes(folder, tmp_path / "after")
    differ = table[(table["measure"] == "angle") & (table["value"] > 0)]
    assert differ["tensor"].tolist() == [f"{at}q_proj.bias"]
    assert not table["tensor"].str.contains("inv_freq").any()
    n = len(ni.open_checkpoint(folder).weights)
    assert f"{n} of {n + 1} weights are equal" in table.attrs["remarks"][0]


def test_two_runs_have_no_steps_between_them(tmp_path):
    runs = [
        write_reference(tiny_ngpt(seed), tmp_path / name / "step-000020.safetensors", step=20)
        for seed, name in enumerate(("one", "other"))
    ]
    (pair,) = ni.changes(*runs, roles="alpha_A").attrs["pairs"]
    assert (pair["before"]["step"], pair["steps"], pair["after"]["step"]) == (20, None, 20)


def test_steps_of_a_run_are_divided_by_the_learning_rates_between(tmp_path):
    for step, seed in ((0, 1), (10, 2), (20, 3)):
        write_reference(tiny_ngpt(seed), tmp_path / f"step-{step:06}.safetensors", step=step)
    lines = [{"step": n, "learning_rate": n / 1000} for n in range(1, 21) if n != 15]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    table = ni.changes(tmp_path)
    sums = [sum(range(1, 11)) / 1000, sum(range(11, 21)) / 1000]
    assert [p["learning_rate_sum"] for p in table.attrs["pairs"]] == pytest.approx(sums)
    assert [p["steps"] for p in table.attrs["pairs"]] == [10, 10]
    assert "1 of 10 learning rates interpolated" in table.attrs["remarks"][-1]
    for step, total in zip((10, 20), sums, strict=True):
        mine = table[table["step"] == step]
        angle, rate = (value(mine, name, "W_q", 0) for name in ("angle", "angle_per_rate"))
        assert rate == pytest.approx(angle / total)


def test_a_change_that_rounding_can_make_is_not_plain(tmp_path):
    old = {"w": torch.randn(20, 20, generator=torch.Generator().manual_seed(0))}
    kinds = {"x": torch.float16, "y": torch.float32}
    for name, dtype in kinds.items():
        save_file({"w": old["w"].to(dtype)}, tmp_path / f"{name}.safetensors")
    table = ni.changes(*(tmp_path / f"{name}.safetensors" for name in kinds))
    row = table[table["measure"] == "relative_change"].iloc[0]
    assert row["status"] == "below_resolution"
    made = float(row["reason"].split("a relative change of ")[1])
    assert made == pytest.approx(row["value"], rel=0.3), "the rounding is the whole change"
    blurred = table[table["status"] == "below_resolution"]
    assert "angle" in set(blurred["measure"])
    assert set(blurred["reason"]) == {row["reason"]}


def test_values_that_a_cast_kept_are_equal_in_value(tmp_path):
    half = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).half()
    signed = torch.tensor([0.0, -0.0, 1.0])
    save_file({"a": half, "b": signed, "c": signed.clone()}, tmp_path / "x.safetensors")
    wide = {"a": half.float(), "b": signed.abs(), "c": signed}
    save_file(wide, tmp_path / "y.safetensors")
    table = ni.changes(*(tmp_path / f"{name}.safetensors" for name in "xy"))
    assert set(table["value"]) == {0.0}
    assert set(table["status"]) == {"ok"}
    told = table[table["measure"] == "angle"].set_index("tensor")["reason"]
    assert told["a"] == "equal: the same values, stored as F16 and F32"
    assert told["b"] == "equal: the same values"
    bits, values = table.attrs["remarks"]
    assert "1 of 3 weights are equal, byte for byte" in bits
    assert "2 of 3 weights are equal in value, not byte for byte" in values


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_weight_of_zeros_has_no_angle_and_divides_nothing(when, tmp_path):
    drawn = torch.randn(12, 10, generator=torch.Generator().manual_seed(0))
    both = {"before": drawn, "after": drawn} | {when: torch.zeros(12, 10)}
    for name, matrix in both.items():
        save_file({"w": matrix}, tmp_path / f"{name}.safetensors")
    table = ni.changes(*(tmp_path / f"{name}.safetensors" for name in both))
    rows = table.set_index("measure")
    skipped = rows[rows["status"] == "skipped"]
    assert skipped["reason"].unique().tolist() == [f"the weight {when} is zero"]
    s = torch.linalg.svdvals(drawn.double())
    entropy = -(s / s.sum() * (s / s.sum()).log()).sum()
    assert rows["value"]["change_effective_rank"] == pytest.approx(float(entropy.exp()))
    if when == "before":
        undefined = ["angle", "relative_change", "left_overlap", "right_overlap"]
        assert skipped.index.tolist() == undefined
        assert not {"left_overlap_random", "right_overlap_random"} & set(rows.index)
    else:
        assert skipped.index.tolist() == ["angle"]
        one = ["relative_change", "left_overlap", "right_overlap"]
        assert rows.loc[one, "value"].tolist() == pytest.approx([1, 1, 1])


def test_the_same_bits_elsewhere(pair):
    here = ni.changes(*pair, workers=2)
    with ThreadPoolExecutor(1) as executor:  # what travels is a ticket, as to another process
        there = ni.changes(*pair, executor=executor)
    pd.testing.assert_frame_equal(here, there, check_exact=True)


def test_the_command_prints_and_draws(cli, pair, tmp_path):
    said = cli("changes", *pair, "--figure", tmp_path / "x.html", "--of", "relative-change")
    assert "after at step 7 from before at step 7: relative change" in said.stdout
    assert "weights are equal, byte for byte" in said.stderr
    assert (tmp_path / "x.html").exists()
    refused = cli("changes", pair[0])
    assert refused.exit_code == 2
    assert "one checkpoint has not changed" in refused.stderr


def test_nothing_to_compare_is_one_line_with_its_reasons_and_no_success(cli, tmp_path):
    for name, size in (("x", 3), ("y", 4)):
        save_file(
            {"w": torch.ones(size, 2), name: torch.ones(2, 2)}, tmp_path / f"{name}.safetensors"
        )
    both = [tmp_path / f"{name}.safetensors" for name in "xy"]
    said = cli("changes", *both, "--format", "csv")
    assert said.exit_code == 2
    assert "nothing compared: shapes differ: 3x2 and 4x2, only in y, only in x" in said.stderr
    assert said.stdout.count("skipped") == 3
    table = ni.changes(*both)
    assert len(table) == 3
    assert "y from x: nothing compared: " in table.attrs["remarks"][0], "pages show remarks"


def test_the_figure_has_the_values_of_the_table(pair):
    drawing = ni.figure("changes", list(pair), of="relative_change")
    table = ni.changes(*pair)
    cells = [
        z for trace in drawing.data if trace.type == "heatmap" for z in trace.z if z is not None
    ]
    assert cells == pytest.approx([math.log10(value(table, "relative_change", "W_q", 1))])
