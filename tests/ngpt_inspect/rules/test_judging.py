"""Rules against tables whose numbers are written down here: what is broken follows by hand."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from models import tiny_gpt, tiny_ngpt, write_reference

from ngpt_inspect import MEASURES, open_checkpoint
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.rules import Outcome, Subject, check, judge, read_rules, shipped
from ngpt_inspect.tables.rows import frame_of
from ngpt_inspect.vocabulary import COLUMNS

MODEL = SimpleNamespace(family="GPT")


def row(measure: str, value: float, **place: Any) -> dict[str, Any]:
    known = {"checkpoint": "m", "architecture": "a", "tensor": "t", "status": "ok", "reason": ""}
    return dict.fromkeys(COLUMNS) | known | {"measure": measure, "value": value} | place


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return frame_of(rows)


def rule(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "rules.toml"
    path.write_text(f'[[rule]]\nname = "r"\nseverity = "error"\n{text}')
    return read_rules(path).rules[0]


def verdict(tmp_path: Path, text: str, rows: pd.DataFrame, base: pd.DataFrame | None = None) -> Any:
    other = None if base is None else Subject(MODEL, base)  # type: ignore[arg-type]
    return judge([rule(tmp_path, text)], Subject(MODEL, rows), other)[0]  # type: ignore[arg-type]


KAPPAS = table(
    row("condition_number", 3, role="W_q", layer=0, head=0),
    row("condition_number", 50, role="W_q", layer=0, head=1),
    row("condition_number", 9000, role="W_q", layer=0),  # whole: another quantity
    row("condition_number", 70, role="W_u", layer=1),
    row("condition_number", math.inf, role="W_u", layer=2, status="rank_deficient"),
    row("condition_number", math.nan, role="W_k", layer=0, status="skipped", reason="no"),
)
KAPPA = 'measure = "condition_numbers"\n'


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('comparison = ">"\nbound = 50', [math.inf, 70]),
        ('comparison = ">="\nbound = 50', [math.inf, 70, 50]),
        ('comparison = "<"\nbound = 60', [3, 50]),
        ('comparison = "=="\nbound = inf', [math.inf]),
        ('comparison = ">="\nbound = 0\nroles = "W_q"', [50, 3]),
        ('comparison = ">="\nbound = 0\nlayers = [1, 2]', [math.inf, 70]),
        ('comparison = ">="\nbound = 60\nstatistic = "median"\nover = "role"', [math.inf]),
        ('comparison = "<="\nbound = 26.5\nstatistic = "median"', [26.5]),
        ('comparison = ">"\nbound = 1\nstatistic = "min"\nover = "model"', [3]),
        ('comparison = ">"\nbound = 70\nstatistic = "max"\nroles = ["W_q", "W_k"]', []),
    ],
)
def test_values_beyond_a_bound_come_worst_first(
    text: str, values: list[float], tmp_path: Path
) -> None:
    found = verdict(tmp_path, KAPPA + text, KAPPAS)
    assert [each["value"] for each in found.broken] == values
    assert found.outcome is (Outcome.BROKEN if values else Outcome.KEPT)


def test_the_worst_place_is_said(tmp_path: Path) -> None:
    found = verdict(tmp_path, KAPPA + 'comparison = ">"\nbound = 40\nroles = "W_q"', KAPPAS)
    assert found.text == "condition_number 50 (W_q layer 0 head 1) > 40; 1 of 2"
    kept = verdict(tmp_path, KAPPA + 'comparison = ">"\nbound = 60\nroles = "W_q"', KAPPAS)
    assert kept.text == "condition_number 50 (W_q layer 0 head 1)"


@pytest.mark.parametrize(
    ("status", "places"),
    [("rank_deficient", [("W_u", 2)]), ("below_resolution", []), ("skipped", [("W_k", 0)])],
)
def test_what_rows_are(status: str, places: list[tuple[str, int]], tmp_path: Path) -> None:
    found = verdict(tmp_path, KAPPA + f'status = "{status}"', KAPPAS)
    assert [(each["role"], each["layer"]) for each in found.broken] == places


def test_not_finite_is_told_from_other_reasons(tmp_path: Path) -> None:
    rows = table(
        *(
            row(
                "unit_norm", math.nan, role=role, layer=0, tensor=role, status="skipped", reason=why
            )
            for role, why in (("W_q", "x: 1 of 4 values are NaN or infinite"), ("W_k", "no scale"))
        ),
        row("unit_norm", 1, role="W_v", layer=0, tensor="W_v"),
        row("unit_norm", math.nan, role="E_output", tensor=None, status="skipped", reason="tied"),
    )
    at = 'measure = "unit_norm"\nstatus = '
    assert [each["role"] for each in verdict(tmp_path, at + '"not_finite"', rows).broken] == ["W_q"]
    assert [each["role"] for each in verdict(tmp_path, at + '"skipped"', rows).broken] == ["W_k"]
    assert verdict(tmp_path, at + '"skipped"', rows).judged == 3


def embeddings(values: list[float], role: str = "E_input") -> list[dict[str, Any]]:
    return [row("embedding_norm", value, role=role, index=n) for n, value in enumerate(values)]


DEAD = 'measure = "embedding_norms"\nrelative_to = "median"\ncomparison = "<"\nbound = 0.1\n'


def test_a_share_of_a_weight_is_allowed(tmp_path: Path) -> None:
    rows = table(*embeddings([1, 1, 1, 0.05]), *embeddings([5, 5, 5, 0.4, 0], "E_output"))
    every, some = (verdict(tmp_path, DEAD + more, rows).broken for more in ("", "allowed = 0.25"))
    assert [(each["role"], each["index"]) for each in every] == [
        *(("E_output", 4), ("E_input", 3), ("E_output", 3))
    ]
    assert [(each["role"], each["index"]) for each in some] == [("E_output", 4), ("E_output", 3)]
    assert not verdict(tmp_path, DEAD + "allowed = 0.5", rows).broken


def test_rows_of_zeros_are_dead_among_zeros(tmp_path: Path) -> None:
    assert len(verdict(tmp_path, DEAD, table(*embeddings([0, 0, 0, 7]))).broken) == 3


def test_only_where_another_quantity_has_a_value(tmp_path: Path) -> None:
    rows = table(
        *(row("unit_deviation", 0.5, role="W_q", layer=n) for n in (0, 1)),
        row("unit_norm", 0, role="W_q", layer=1),
        row("unit_norm", 1, role="W_q", layer=0),
    )
    text = 'measure = "unit_norm"\nquantity = "unit_deviation"\nwhere = { unit_norm = 0 }\n'
    found = verdict(tmp_path, text + 'comparison = ">"\nbound = 0.1', rows)
    assert [each["layer"] for each in found.broken] == [1]


def test_what_a_rule_asks_of_another_measure_is_measured(tmp_path: Path) -> None:
    """Also for heads, of a quantity that whole matrices have; unmeasured, it is not judged."""
    text = KAPPA + 'comparison = ">"\nbound = 0\n'
    model = write_reference(tiny_gpt(), tmp_path / "gpt.safetensors")
    found = []
    for where in ("", "where = { unit_norm = 0 }"):
        rule(tmp_path, text + where)
        found += check(model, read_rules(tmp_path / "rules.toml"))
    of_all, of_some = (each.verdicts[0] for each in found)
    assert of_some.judged == of_all.judged > 0
    assert of_some.broken == of_all.broken
    assert verdict(tmp_path, text + where, KAPPAS).outcome is Outcome.OPEN


def test_against_the_base_by_place(tmp_path: Path) -> None:
    base = table(
        row("condition_number", 10, role="W_q", layer=0, head=0, tensor="old"),
        row("condition_number", 10, role="W_q", layer=0, head=1, tensor="old"),
        row("condition_number", 35, role="W_u", layer=1),
        row("condition_number", math.inf, role="W_u", layer=2),
    )
    for against, bound, expected in (
        ("ratio", 1.9, {("W_q", 1): 5.0, ("W_u", None): 2.0}),
        ("difference", 36, {("W_q", 1): 40.0}),
        ("relative", 0.6, {("W_q", 0): 0.7, ("W_q", 1): 4.0, ("W_u", None): 1.0}),
    ):
        text = f'base = "{against}"\ncomparison = ">"\nbound = {bound}'
        found = verdict(tmp_path, KAPPA + text, KAPPAS, base)
        got = {(each["role"], each["head"]): each["value"] for each in found.broken}
        assert got == pytest.approx(expected)
        assert found.judged == 3, "what the base lacks, and inf over inf, is not compared"
        assert verdict(tmp_path, KAPPA + text, KAPPAS).outcome is Outcome.OPEN
    other = table(row("condition_number", 1, role="W_v", layer=0))
    text = KAPPA + 'base = "ratio"\ncomparison = ">"\nbound = 2'
    assert verdict(tmp_path, text, KAPPAS, other).text == "the base has no such value"


def test_what_a_measure_gives_itself_is_taken_as_it_is(tmp_path: Path) -> None:
    rows = table(
        row("dot", 0.9, role="E_input", index=0),
        row("dot", 0.01, role="E_input", statistic="mean"),
    )
    text = 'measure = "dot_products"\nquantity = "dot"\ncomparison = ">"\nbound = 0.1\n'
    assert verdict(tmp_path, text + 'statistic = "mean"', rows).value == 0.01
    with pytest.raises(WrongOption, match="no values of mien"):
        verdict(tmp_path, text + 'statistic = "mien"', rows)


def test_facts_of_the_header_and_families(tmp_path: Path) -> None:
    gpt = open_checkpoint(write_reference(tiny_gpt(), tmp_path / "gpt.safetensors"))
    ngpt = open_checkpoint(write_reference(tiny_ngpt(), tmp_path / "ngpt.safetensors"))
    none = frame_of([])

    def outcome(text: str, base: Any = None) -> str:
        other = None if base is None else Subject(base, none)
        return str(judge([rule(tmp_path, text)], Subject(gpt, none), other)[0].outcome)

    assert outcome('fact = "family"\ncomparison = "!="\nbound = "nGPT"') == "broken"
    assert outcome('fact = "family"\ncomparison = "!="\nbound = "GPT"') == "kept"
    assert outcome('fact = "d_model"\ncomparison = "!="\nbound = 16') == "kept"
    assert outcome('fact = "n_layers"\ncomparison = ">"\nbound = 1') == "broken"
    assert outcome('fact = "n_experts"\ncomparison = "!="\nbound = 8') == "broken"
    assert outcome('fact = "n_experts"\ncomparison = ">"\nbound = 8') == "not judged"
    assert outcome('fact = "family"\nbase = "same"', ngpt) == "broken"
    assert outcome('fact = "d_model"\nbase = "same"', ngpt) == "kept"
    assert outcome('fact = "d_model"\nbase = "same"') == "not judged"
    only = 'families = "nGPT"\nfact = "d_model"\ncomparison = "!="\nbound = 3'
    assert outcome(only) == "not judged"


def test_any_measure_can_be_named(tmp_path: Path) -> None:
    """Of every measure the values of its known answers are found, and none of another."""
    for measure in MEASURES.values():
        quantity = measure.headline.measure
        text = f'measure = "{measure.name}"\nquantity = "{quantity}"\ncomparison = ">"\nbound = 1'
        statistic = measure.headline.statistic
        rows = table(
            row(quantity, 2, role="W_q", statistic=statistic), row("another", 3, role="W_q")
        )
        text += "" if statistic is None else f'\nstatistic = "{statistic}"'
        found = verdict(tmp_path, text, rows)
        assert [each["value"] for each in found.broken] == [2.0], measure.name


def test_shipped_rules_read_what_there_is() -> None:
    names = [each.name for each in shipped()]
    assert len(set(names)) == len(names) >= 20
    assert shipped().health_measures == (
        *("eigen_learning_rates", "scaling_factors", "embedding_norms"),
        *("unit_norm", "condition_numbers"),
    )
    assert np.isinf(shipped().of_name("infinite-kappa").bound)
