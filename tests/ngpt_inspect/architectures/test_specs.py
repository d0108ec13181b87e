"""Layouts of one's own: the language, its document, and what is said of mistakes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import Result
from models import Tensors
from safetensors.torch import save_file

import ngpt_inspect as ni
from ngpt_inspect.architectures import (
    ARCHITECTURES,
    Architecture,
    Constant,
    Product,
    Rule,
    as_spec,
    declared,
)
from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import UnknownArchitecture, WrongOption
from ngpt_inspect.tables.jobs import Job, Taking
from ngpt_inspect.vocabulary import Role

DOCUMENT = (Path(__file__).parents[3] / "docs/specs.md").read_text()
EXAMPLE: dict[str, Any] = json.loads(re.search(r"```json\n(.*?)```", DOCUMENT, re.S)[1])
TENSORS = {
    name: [int(size) for size in shape.split(",")]
    for name, shape in re.findall(r"\| `([^`]+)` \| \[([\d, ]+)\] \|", DOCUMENT)
}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tensors]:
    """Return the checkpoint that the document describes, and its tensors."""
    generator = torch.Generator().manual_seed(1)
    layered = {name.replace("net.0.", "net.1."): shape for name, shape in TENSORS.items()}
    tensors = {n: torch.randn(s, generator=generator) for n, s in (TENSORS | layered).items()}
    tensors["net.0.step_attn"][5] = -0.04
    path = tmp_path_factory.mktemp("mine") / "mine.safetensors"
    save_file(tensors, path)
    return path, tensors


def test_the_document_has_an_example() -> None:
    assert len(TENSORS) == 11
    assert len(EXAMPLE["rules"]) == 13


def test_the_worked_example(example: tuple[Path, Tensors]) -> None:
    path, tensors = example
    model = open_checkpoint(path, spec=EXAMPLE, heads=4)
    assert model.architecture == "my_ngpt"
    assert model.unrecognised == ()
    assert model.shape.n_kv_heads == 2
    assert {c.name: c.origin for c in model.constants} == {
        "step_init": "assumed: written into my train.py",
        "step_scale": "assumed: written into my train.py",
    }
    alpha = model.get(Role.ALPHA_A, 0).values()
    assert alpha[5] == pytest.approx(0.1, rel=1e-6)
    torch.testing.assert_close(alpha, tensors["net.0.step_attn"].double().abs() * 2.5)
    qkv, up_gate = tensors["net.1.qkv"], tensors["net.1.mlp.up_gate"]
    parts = {
        Role.W_Q: qkv[:16],
        Role.W_K: qkv[16:24],
        Role.W_V: qkv[24:],
        Role.W_U: up_gate[:, :24].T,
        Role.W_NU: up_gate[:, 24:].T,
        Role.W_O_MLP: tensors["net.1.mlp.down"].T,
    }
    for role, wanted in parts.items():
        assert torch.equal(model.get(role, 1).values(), wanted)
    s_z = model.get(Role.S_Z).values()
    torch.testing.assert_close(s_z, tensors["out_scale"].double() * 4)


def test_the_document_names_every_key() -> None:
    for kind in (Architecture, Rule, Constant, Product):
        for each in fields(kind):
            assert f"`{each.name}`" in DOCUMENT, each.name
    for role in Role:
        assert re.search(rf"\b{role}\b", DOCUMENT), role


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_built_in_declaration_can_be_said_as_json(name: str) -> None:
    said = json.loads(json.dumps(as_spec(ARCHITECTURES[name])))
    assert declared(said) == ARCHITECTURES[name]


def changed(**changes: Any) -> dict[str, Any]:
    return deepcopy(EXAMPLE) | changes


def with_rule(**changes: Any) -> dict[str, Any]:
    """Return the example with another first rule."""
    spec = deepcopy(EXAMPLE)
    spec["rules"][0] |= changes
    return spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (changed(familly="GPT"), "familly does not exist; there are name, family, title"),
        ({"name": "a", "family": "GPT"}, "rules is missing"),
        (changed(family="Mamba"), "family is 'Mamba', not one of GPT, nGPT"),
        (changed(rules={}), r"rules is {}, not a list"),
        (changed(ignored=[]), r"ignored is \[\], not an object"),
        (with_rule(role="W_x"), r"rules\[0\].role is 'W_x', not one of E_input"),
        (with_rule(shap="d_model"), r"rules\[0\].shap does not exist; there are name, role"),
        (with_rule(shape=3), r"rules\[0\].shape is 3, not text in quotes"),
        (with_rule(optional="yes"), r"rules\[0\].optional is 'yes', not true or false"),
        (with_rule(rows=["0"]), r"rules\[0\].rows has 1 entries, not start, stop"),
        (with_rule(shape="vocab_size; 3"), r"rules\[0\].shape: 'vocab_size; 3' is not arithmetic"),
        (with_rule(shape="open('x')"), r"rules\[0\].shape: .* is not plain arithmetic"),
        (with_rule(factor="9**9**9**9"), r"rules\[0\].factor: .* cannot be computed"),
        (with_rule(factor="1+" * 200 + "1"), r"rules\[0\].factor: .* is too long"),
        (with_rule(factor="alpha"), r"rules\[0\].factor uses alpha, which no shape and no const"),
        (with_rule(name="a.{block}"), r"only {layer} and {expert} stand in braces"),
        (with_rule(name="[a.b"), r"each \[ needs a \] after it"),
        (with_rule(name="w{layer}{expert}"), r"two numbers side by side"),
        (with_rule(stacked="head"), r"rules\[0\].stacked is 'head', not 'expert' or 'layer'"),
        (with_rule(normalised="both"), r"normalised is 'both', not one of rows, columns"),
        (with_rule(block="mlp"), r"rules\[0\].block is 'mlp', not like 'mlp/experts'"),
        (with_rule(role="E_output"), "rules has none for E_input"),
        (
            changed(constants=[{"name": "a", "assumed": "b", "because": "c"}]),
            r"constants\[0\].assumed uses b, which",
        ),
    ],
)
def test_mistakes_name_the_key(
    spec: dict[str, Any], message: str, example: tuple[Path, Tensors]
) -> None:
    with pytest.raises(WrongOption, match=message) as caught:
        open_checkpoint(example[0], spec=spec, heads=4)
    assert "docs/specs.md" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "changes", "message"),
    [
        (3, {"rows": ["0", "n_heads*d_k*3"]}, r"net.0.qkv: has no rows 0 to 48 in each of 1"),
        (3, {"groups": "5"}, r"net.0.qkv: has no rows 0 to 16 in each of 5 groups of 32"),
        (7, {"view": "n_heads, d_model"}, r"holds \[4, 4\], which is not \[4, 16\]"),
        (6, {"view": "n_heads, d_k, d_model"}, "W_o is a matrix|which is not"),
        (2, {"shape": "d_model"}, r"out_scale is \[30\], not \[d_model\]"),
    ],
)
def test_declarations_that_do_not_fit_the_file(
    rule: int, changes: dict[str, Any], message: str, example: tuple[Path, Tensors]
) -> None:
    spec = deepcopy(EXAMPLE)
    spec["rules"][rule] |= changes
    with pytest.raises(UnknownArchitecture, match=message):
        open_checkpoint(example[0], spec=spec, heads=4)


def test_files_that_are_no_declaration(tmp_path: Path, example: tuple[Path, Tensors]) -> None:
    path = tmp_path / "my.json"
    no_json = "is not JSON"
    for text, said in (("{", no_json), ("[]", "is not a JSON object"), ("{" * 100_000, no_json)):
        path.write_text(text)
        with pytest.raises(WrongOption, match=f"my.json: {said}"):
            open_checkpoint(example[0], spec=path)
    with pytest.raises(WrongOption, match=r"nowhere.json: cannot be read \(No such file"):
        open_checkpoint(example[0], spec=tmp_path / "nowhere.json")


def test_other_processes_open_with_the_same_declaration(
    example: tuple[Path, Tensors], tmp_path: Path
) -> None:
    path = tmp_path / "my.json"
    path.write_text(json.dumps(EXAMPLE))
    model = open_checkpoint(example[0], spec=path, heads=4, constants={"step_scale": 0.5})
    path.unlink()
    weight = model.get(Role.ALPHA_M, 1)
    measure = ni.MEASURES["eigen_learning_rates"]
    takings = (Taking(measure=measure, options={}),)
    job = Job(checkpoint=model, weight=weight, takings=takings, device="cpu")
    ((here,),), ((there,),) = job.run(), job.ticket().run()
    np.testing.assert_array_equal(here.value, there.value)
    stored = example[1]["net.1.step_mlp"].double().abs().numpy()
    np.testing.assert_allclose(here.value, stored * 0.1, rtol=1e-12)


def test_every_command_takes_one(
    example: tuple[Path, Tensors], tmp_path: Path, cli: Callable[..., Result]
) -> None:
    path = tmp_path / "my.json"
    path.write_text(json.dumps(EXAMPLE))
    opened = (example[0], "--spec", path, "--heads", 4)
    for command in (
        ("condition-numbers", "--format", "csv"),
        ("tensors",),
        ("summary",),
        ("differences", example[0]),
        ("figures", "--names", "unit_norm", "-o", tmp_path / "figures"),
    ):
        result = cli(command[0], *opened, *command[1:])
        assert result.exit_code == 0, (command, result.stderr)
    result = cli("tensors", *opened, "--constant", "step_scale=0.5")
    assert "step_scale = 0.5 (given)" in result.stderr
    result = cli("tensors", *opened, "--constant", "step_scale:0.5")
    assert result.exit_code == 2
    assert "--constant: 'step_scale:0.5' is no name with a number" in result.stderr
