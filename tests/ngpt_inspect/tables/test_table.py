"""Columns, nulls, provenance and selection of the tidy table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models import (
    LAYOUTS,
    tiny_gpt,
    write_reference,
)
from safetensors.torch import save_file

import ngpt_inspect as ni
from ngpt_inspect.errors import MissingRole, WrongOption
from ngpt_inspect.measures import MEASURES, Values
from ngpt_inspect.numerics import tiles
from ngpt_inspect.tables import jobs, measuring
from ngpt_inspect.vocabulary import COLUMNS, Role, Status

INTEGERS = ("step", "layer", "expert", "head", "index", "partner")

EVERY = list(MEASURES)


def assert_same(one: pd.DataFrame, two: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(n, marks=[pytest.mark.slow] * (n not in ("reference_ngpt", "llama")))
        for n in LAYOUTS
    ],
)
def test_columns_types_and_nulls(layout: str, layouts: dict[str, Path]) -> None:
    table = ni.measure(layouts[layout], EVERY)
    assert tuple(table.columns) == COLUMNS
    assert {name: str(table[name].dtype) for name in INTEGERS} == dict.fromkeys(INTEGERS, "Int64")
    assert table["value"].dtype == np.float64
    for name in ("checkpoint", "architecture", "role", "measure", "status", "reason"):
        assert pd.api.types.is_string_dtype(table[name])
        assert table[name].notna().all()
    layered = ~table["role"].isin(["E_input", "E_output", "s_z", "gain_final"])
    skipped = table["status"] == Status.SKIPPED
    assert table.loc[~layered, "layer"].isna().all()
    assert table.loc[layered & ~skipped, "layer"].notna().all()
    assert (table["value"].isna() == skipped).all()
    assert (table.loc[skipped, "reason"] != "").all()
    assert set(table["status"]) <= set(Status)
    assert table["expert"].isna().all()
    assert not table.drop(columns=["value", "status", "reason"]).duplicated().any()


def test_provenance_is_complete_and_strict_json(layouts: dict[str, Path]) -> None:
    table = ni.measure([layouts["nvidia_ngpt"], layouts["gpt2"]], EVERY)
    text = json.dumps(table.attrs, allow_nan=False)
    attrs = json.loads(text)
    assert attrs == table.attrs
    assert attrs["tool"] == f"ngpt-inspect {ni.__version__}"
    assert attrs["measures"] == EVERY
    options = {option.name for each in MEASURES.values() for option in each.options}
    assert set(attrs["settings"]) == options | {"device"}
    nvidia, gpt2 = attrs["checkpoints"]
    assert (nvidia["label"], nvidia["step"], nvidia["family"]) == ("nvidia", 3, "nGPT")
    assert (gpt2["label"], gpt2["step"], gpt2["family"]) == ("gpt2", None, "GPT")
    assert nvidia["source"] == str(layouts["nvidia_ngpt"])
    assert gpt2["source"] == str(layouts["gpt2"] / "model.safetensors")
    assert len(nvidia["fingerprint"]) == 64
    assert nvidia["storage"] == ["BF16", "F32"]
    assert nvidia["shape"]["n_heads"] == 4
    origins = {c["name"]: c["origin"] for c in nvidia["constants"]}
    assert origins["base_scale"] == "read from model_args.base_scale"
    assert origins["alpha_init"] == "assumed: written into model.py"
    assert any("sqrt(d_model)" in note for note in nvidia["notes"])


@pytest.mark.parametrize(
    ("layout", "measure", "covered"),
    [
        ("reference_gpt", "condition_numbers", (14, 14, {})),
        ("nanogpt", "embedding_norms", (1, 1, {"E_output": "tied to E_input"})),
        (
            "gpt2",
            "eigen_learning_rates",
            (0, 0, dict.fromkeys(("alpha_A", "alpha_M"), "a GPT has none")),
        ),
        ("reference_ngpt", "scaling_factors", (7, 7, {})),
    ],
)
def test_coverage(
    layout: str, measure: str, covered: tuple[int, int, dict[str, int]], layouts: dict[str, Path]
) -> None:
    found = ni.measure(layouts[layout], measure).attrs["checkpoints"][0]["coverage"]
    assert (found["weights"], found["measured"], found["absent"]) == covered
    assert found["skipped"] == {}


class TestSelection:
    def test_layers_and_roles(self, layouts: dict[str, Path]) -> None:
        whole = ni.measure(layouts["llama"], "condition_numbers")
        some = ni.measure(layouts["llama"], "condition_numbers", layers=[1], roles=["W_o", "W_q"])
        keep = (whole["layer"] == 1) & whole["role"].isin(["W_q", "W_o"])
        assert_same(some, whole[keep].reset_index(drop=True))

    def test_a_role_that_is_not_there(self, layouts: dict[str, Path]) -> None:
        with pytest.raises(MissingRole) as caught:
            ni.measure(layouts["gpt2"], "condition_numbers", roles=["W_nu"])
        assert str(caught.value).startswith("gpt2: no W_nu: none in the GPT-2 layout; it has E_inp")

    def test_a_role_that_only_one_checkpoint_has(self, layouts: dict[str, Path]) -> None:
        both = [layouts["gpt2"], layouts["llama"]]
        table = ni.measure(both, "vector_norms", roles=["W_nu"])
        skipped = table[table["status"] == Status.SKIPPED]
        assert skipped["checkpoint"].tolist() == ["gpt2"]
        assert skipped["reason"].tolist() == ["none in the GPT-2 layout"]
        assert set(table["checkpoint"]) == {"gpt2", "llama"}

    @pytest.mark.parametrize("layer", [2, -1])
    def test_a_layer_that_is_not_there(self, layer: int, layouts: dict[str, Path]) -> None:
        with pytest.raises(MissingRole, match=f"gpt2: no layer {layer}; layers are 0 to 1"):
            ni.measure(layouts["gpt2"], "condition_numbers", layers=[0, layer])

    def test_a_layer_that_only_the_deeper_model_has(self, tmp_path: Path) -> None:
        gpt = tiny_gpt()
        shallow = {key: array for key, array in gpt.arrays.items() if key[1] != 1}
        one = type(gpt)(family="GPT", arrays=shallow, n_layers=1)
        paths = [
            write_reference(one, tmp_path / "one.safetensors"),
            write_reference(gpt, tmp_path / "two.safetensors"),
        ]
        table = ni.measure(paths, "condition_numbers", layers=[1])
        assert set(table["checkpoint"]) == {"two"}
        with pytest.raises(MissingRole, match="one, two: no layer 2; layers are 0 to 1"):
            ni.measure(paths, "condition_numbers", layers=[2])

    def test_layers_say_nothing_of_embeddings(self, layouts: dict[str, Path]) -> None:
        with pytest.raises(WrongOption, match="E_input, E_output: not in any layer; leave"):
            ni.measure(layouts["llama"], "embedding_norms", layers=[0])

    def test_no_layers_at_all_are_a_mistake(self, layouts: dict[str, Path]) -> None:
        with pytest.raises(WrongOption, match="no layers are named"):
            ni.measure(layouts["llama"], "condition_numbers", layers=[])

    def test_wrong_names(self, layouts: dict[str, Path]) -> None:
        with pytest.raises(
            WrongOption, match="no measure 'kappa'; there are circuits, condition_numbers"
        ):
            ni.measure(layouts["gpt2"], "kappa")
        with pytest.raises(
            WrongOption, match=r"bin; did you mean bins\? its options are: quick, exact"
        ):
            ni.measure(layouts["gpt2"], "dot_products", bin=3)
        with pytest.raises(WrongOption, match="unit_norm has no option bins; its options are: no"):
            ni.measure(layouts["gpt2"], "unit_norm", bins=3)
        with pytest.raises(WrongOption, match="no device 'gpu' here"):
            ni.measure(layouts["gpt2"], "unit_norm", device="gpu")
        with pytest.raises(WrongOption, match="give at least one checkpoint"):
            ni.measure([], "unit_norm")

    @pytest.mark.parametrize("options", [{"bins": 0}, {"extremes": -1}])
    def test_options_that_cannot_be_meant(
        self, options: dict[str, int], layouts: dict[str, Path]
    ) -> None:
        with pytest.raises(
            WrongOption, match=r"(bins|extremes) is (0|-1); give a whole number of at least 1"
        ):
            ni.measure(layouts["gpt2"], "dot_products", **options)
        with pytest.raises(WrongOption, match="above is -1; give a number of at least 0"):
            ni.measure(layouts["gpt2"], "power_law", above=-1)


def test_several_checkpoints_and_steps(tmp_path: Path) -> None:
    gpt = tiny_gpt()
    for place, step in (("a/gpt", 1), ("a/gpt", 2), ("b/gpt", 2)):
        path = tmp_path / place / f"step-{step:06d}.safetensors"
        write_reference(gpt, path, step=step)
    one, two = sorted((tmp_path / "a/gpt").iterdir())
    table = ni.measure([one, two, tmp_path / "b/gpt"], "unit_norm")
    found = table[["checkpoint", "step"]].drop_duplicates().to_numpy().tolist()
    assert found == [["a/gpt", 1], ["a/gpt", 2], ["b/gpt", 2]]
    covered = [c["coverage"]["weights"] for c in table.attrs["checkpoints"]]
    assert covered == [16, 16, 16]
    twice = ni.measure([one, one], "unit_norm")
    assert twice["checkpoint"].unique().tolist() == ["gpt #1", "gpt #2"]
    values = [rows["value"].tolist() for _, rows in twice.groupby("checkpoint")]
    assert values[0] == values[1]


def test_open_checkpoints_and_paths_mix(layouts: dict[str, Path]) -> None:
    opened = ni.open_checkpoint(layouts["gpt2"], label="mine")
    table = ni.measure([opened, str(layouts["llama"])], "unit_norm")
    assert table["checkpoint"].unique().tolist() == ["mine", "llama"]


def never_written(path: Path, d_model: int, vocabulary: int) -> Path:
    """Write the header of a model of two layers, and let the file be as long as it says."""
    layer = {f"self_attn.{name}_proj": (d_model, d_model) for name in "qkvo"}
    layer |= {f"mlp.{name}_proj": (4 * d_model, d_model) for name in ("up", "gate")}
    layer |= {"mlp.down_proj": (d_model, 4 * d_model)}
    shapes = {f"model.layers.{n}.{k}.weight": shape for n in (0, 1) for k, shape in layer.items()}
    shapes |= dict.fromkeys(("model.embed_tokens.weight", "lm_head.weight"), (vocabulary, d_model))
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": (start, end)}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(file.tell() + end)
    return path


def test_progress_tells_what_is_left_though_weights_differ_in_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds as they were measured on one core, on a machine that is 7 times as slow."""
    clock, seen = [0.0], []
    took = {**dict.fromkeys(["W_q", "W_k", "W_v", "W_o"], 0.105), "W_oMLP": 0.14}
    took |= {**dict.fromkeys(["W_u", "W_nu"], 0.19), **dict.fromkeys(["E_input", "E_output"], 7.8)}

    def worked(job: jobs.Job) -> list[list[Values]]:
        clock[0] += 7 * took[str(job.weight.role)]
        return [[each.measure.skipped("a fake")] for each in job.takings]

    monkeypatch.setattr(measuring, "results_of", lambda jobs, *_: map(worked, jobs))
    ni.measure(
        ni.open_checkpoint(never_written(tmp_path / "x.safetensors", 768, 20000), heads=6),
        ["condition_numbers", "dot_products"],
        progress=lambda *told: seen.append((clock[0], *told)),
    )
    assert len(seen) == 16
    assert seen[-1][1] == seen[-1][2]
    ends = [time * total / done / clock[0] for time, done, total in seen]
    assert ends == pytest.approx([1] * 16, rel=0.3)
    assert seen[12][1] < 0.5 * seen[12][2], "the embeddings take most of it"


def test_progress_goes_on_inside_a_large_weight_and_can_end_it(
    layouts: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LARGE", 0)
    monkeypatch.setattr(tiles, "TILE_ROWS", 8)
    seen: list[tuple[float, float]] = []
    told = {"roles": ["E_input"], "progress": lambda *each: seen.append(each)}
    ni.measure(layouts["llama"], "dot_products", **told)
    assert seen[-1][0] == seen[-1][1]
    assert len(seen) > 3
    assert seen == sorted(seen)

    def stop(done: float, total: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ni.measure(layouts["llama"], "dot_products", roles=["E_input"], progress=stop)


def test_every_role_is_measured_by_something() -> None:
    measured = {role for each in MEASURES.values() for role in each.roles}
    assert set(Role) - measured == {Role.E_POSITION, Role.SINK, Role.DECAY}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_the_cpu_computes_and_says_so(layouts: dict[str, Path]) -> None:
    path = layouts["reference_ngpt"]
    table = ni.measure(path, "condition_numbers", device="cuda")
    assert table.attrs["remarks"] == ["no cuda here, so computed on the CPU"]
    assert table.attrs["settings"]["device"] == "cpu"
    pd.testing.assert_frame_equal(table, ni.measure(path, "condition_numbers"), check_exact=True)


def test_a_tensor_without_values_is_skipped_and_the_rest_measured(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"none.weight": torch.zeros(0, 8), "some.weight": torch.eye(8)}, path)
    for name in ("matrix_norms", "condition_numbers", "singular_values"):
        table = ni.measure(path, name)
        lost = table[table["status"] == "skipped"]
        assert lost["reason"].unique().tolist() == ["none.weight: no values, of shape (0, 8)"]
        assert set(table["tensor"][table["status"] == "ok"]) == {"some.weight"}
