"""What holds for every measure, on every layout, whichever is added.

Messages name what is missing and the file to put it in: whoever adds a measure reads them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from models import LAYOUTS, series_of, tiny_gpt, write_gpt2

import ngpt_inspect as ni
from ngpt_inspect.measures import MEASURES, Known, Measure, Summary, View
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.vocabulary import Role, Series, Status
from ngpt_inspect.weights import ModelShape, Weight, WeightSet

TableOf = Callable[[str, str], pd.DataFrame]
DOCUMENT = (Path(__file__).parents[3] / "docs" / "table.md").read_text()
STATISTICS = {
    Summary.HEADS: ("median", "low", "high", "min", "max"),
    Summary.MEAN: ("mean", "std"),
    Summary.SPREAD: ("min", "median", "max"),
    Summary.QUANTILES: ("quantile",),
    Summary.DENSITY: ("density", "density_at"),
    Summary.MAGNITUDE: ("abs_mean", "abs_low", "abs_high"),
    Summary.HISTOGRAM: ("bin_left", "bin_count"),
    Summary.LOG_HISTOGRAM: ("bin_left", "bin_count", "bin_zero"),
}
RTOL = {"F64": 1e-13, "F32": 1e-7, "BF16": 1e-7}
"""Some hundred roundings of a few small numbers; what storage did to a narrower dtype is computed
in float32."""

DTYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16}

every = pytest.mark.parametrize("each", MEASURES.values(), ids=list(MEASURES))


def place(each: Measure) -> str:
    """Return the file that declares a measure, as messages name it."""
    path = Path(str(sys.modules[each.compute.__module__].__file__))
    return "/".join(path.parts[-3:])


def summaries_of(each: Measure) -> set[Series]:
    return {
        Series(quantity, statistic)
        for declared in (each.summaries, each.pooled)
        for quantity, kinds in declared.items()
        for kind in kinds
        for statistic in STATISTICS[kind]
    }


def by_head(each: Measure) -> bool:
    """Tell whether it measures heads: a known answer then has heads, and the whole matrix."""
    return any(known.heads and known.role.facts.head_axis for known in each.known)


def when_asked(each: Measure) -> set[str]:
    """Return the quantities that come with an option only: known answers have them with it."""
    with_it = {name for known in each.known if known.options for name in known.values}
    return with_it - {name for known in each.known if not known.options for name in known.values}


def lacking(each: Measure) -> Iterator[str]:
    """Yield what a declaration lacks, each as a sentence that says where to put it."""
    names = {
        "headline": [each.headline.measure],
        "shown": [series.measure for series in each.shown],
        "summaries": each.summaries,
        "pooled": each.pooled,
        "followed": [followed.series.measure for followed in each.followed.values()],
    }
    for field, found in names.items():
        for name in set(found) - set(each.quantities):
            yield f"`{field}` names {name!r}, which is none of its `quantities`"
    texts = {"title": each.title, "summary": each.summary}
    texts |= {f"quantities[{name!r}]": text for name, text in each.quantities.items()}
    texts |= {f"help of the option {option.name}": option.help for option in each.options}
    for field, text in texts.items():
        if not text or "\n" in text:
            yield f"`{field}` must be one line, not {text!r}"
    for option in each.options:
        if type(option.default) not in (bool, int, float, str):
            yield f"option {option.name}: the default must be a bool, a number or a text"
    answered = {name.split()[-1] for known in each.known for name in known.values}
    for name in [name for name in each.quantities if name not in answered]:
        yield (
            f"no known answer for {name}: add to `known=(Known(role=..., weight=..., "
            f"values={{{name!r}: ...}}),)` a weight of a few small numbers and the value that "
            "follows from the formula by hand"
        )
    for name in ("usual", "alarming", "random"):
        if not getattr(each, name):
            yield f"nothing says how to read it: add `{name}=...` (docs/measures/ shows others)"
    if not each.followed and each.view is not View.PAIRS:
        first = each.shown[0]
        yield (
            "nothing of it can be followed through training: add "
            f"`followed={{{first.measure!r}: Followed(series={first!r}, label=...)}}`"
        )


@every
def test_a_declaration_lacks_nothing(each: Measure) -> None:
    found = [f"{place(each)}: {sentence}" for sentence in lacking(each)]
    assert not found, "\n".join(found)


def test_names_are_taken_once() -> None:
    for what, names in {
        "quantities": [name for each in MEASURES.values() for name in each.quantities],
        "followed": [name for each in MEASURES.values() for name in each.followed],
    }.items():
        twice = [name for name, count in Counter(names).items() if count > 1]
        assert not twice, f"two measures in ngpt_inspect/measures/ have {what} called {twice}"


def test_what_a_declaration_lacks_is_said_with_the_place_for_it() -> None:
    whole = MEASURES["embedding_norms"]
    assert not [*lacking(whole)]
    (no_answer,) = lacking(replace(whole, known=()))
    assert "no known answer for embedding_norm: add to `known=" in no_answer
    (not_followed,) = lacking(replace(whole, followed={}))
    assert "add `followed={'embedding_norm': Followed(" in not_followed
    (unknown,) = lacking(replace(whole, headline=Series("norm")))
    assert unknown == "`headline` names 'norm', which is none of its `quantities`"
    assert place(whole) == "ngpt_inspect/measures/embedding_norms.py"


@dataclass(frozen=True, kw_only=True)
class Held(StoredTensor):
    """A tensor in memory."""

    held: torch.Tensor

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        return self.held[start:stop].clone()


def weight_of(known: Known) -> Weight:
    """Return the known weight, in a model of one layer that has it and what lies beside it."""
    weights = []
    for role, values in {known.role: known.weight, **known.beside}.items():
        blocks = known.heads if role.facts.head_axis or role is known.role else None
        all_held = torch.tensor(values, dtype=DTYPES[known.dtype])
        experts = list(enumerate(all_held)) if all_held.ndim == 3 else [(None, all_held)]
        for expert, held in experts:
            name, shape = f"{role}.{expert}", tuple(held.shape)
            tensor = Held(name=name, shape=shape, dtype=known.dtype, location=("", 0), held=held)
            place = {"role": role, "layer": 0, "expert": expert}
            weights.append(Weight(**place, tensor=tensor, shape=shape, n_blocks=blocks))
    model = WeightSet(
        label="known",
        step=None,
        architecture="known",
        family=known.family,
        contents=Contents(
            source="", format="", tensors={each.tensor.name: each.tensor for each in weights}
        ),
        shape=ModelShape(n_layers=1),
        weights=tuple(weights),
    )
    return replace(weights[0], model=model)


@pytest.mark.parametrize(
    ("each", "known"),
    [
        pytest.param(each, known, id=f"{each.name}-{number}")
        for each in MEASURES.values()
        for number, known in enumerate(each.known)
    ],
)
def test_a_known_weight_gives_its_known_answer(each: Measure, known: Known) -> None:
    assert known.role in each.roles, f"{place(each)}: it does not measure {known.role}"
    options = {option.name: option.default for option in each.options} | dict(known.options)
    found: dict[str, list[float]] = {}
    for values in each.compute(weight_of(known), options, "cpu"):
        name = str(Series(values.measure, values.statistic))
        found.setdefault(name, []).extend(np.atleast_1d(np.asarray(values.value, float)))
    for name, wanted in known.values.items():
        assert name in found, f"{place(each)}: `known` has {name!r}, but there is only {[*found]}"
        answer = np.atleast_1d(np.asarray(wanted, float))
        np.testing.assert_allclose(
            found[name],
            answer,
            rtol=RTOL[known.dtype],
            atol=RTOL[known.dtype] * np.nanmax(np.abs(answer)),
            err_msg=f"{place(each)}: {name} of the known {known.role}",
            strict=True,
        )


@every
def test_quantities_are_documented(each: Measure) -> None:
    for name in each.quantities:
        assert f"`{name}`" in DOCUMENT, f"docs/table.md has no {name}: `make docs` writes it"
    for series in summaries_of(each):
        assert f"`{series.statistic}`" in DOCUMENT.split("## Statistics")[1], series


TELLING = ("reference_gpt", "reference_ngpt", "llama-tied")
"""Layouts that every measure is made of: both families, and what a checkpoint has only once."""


@pytest.mark.parametrize(
    ("each", "layout"),
    [
        pytest.param(each, layout, id=f"{layout}-{each.name}")
        for each in MEASURES.values()
        for layout in (LAYOUTS if each.name in ("vector_norms", "embedding_norms") else TELLING)
    ],
)
def test_rows_are_what_is_declared(
    each: Measure, layout: str, open_layout: Callable[[str], WeightSet], table_of: TableOf
) -> None:
    model = open_layout(layout)
    table = table_of(layout, each.name)
    present = [role for role in each.roles if role in model.roles]
    measured = table[table["status"] != Status.SKIPPED]
    if not present:
        # A GPT has no eigen learning rates: the table says so for each role.
        assert len(measured) == 0
        assert set(table["role"]) == {str(role) for role in each.roles}
        assert table["reason"].str.contains(r"a GPT has none|none in the .* layout").all()
        return
    yielded = set(measured["measure"])
    assert yielded <= set(each.quantities), (
        f"{place(each)}: describe {yielded - set(each.quantities)} in `quantities`"
    )
    never = set(each.quantities) - yielded - when_asked(each)
    assert not never, (
        f"{place(each)}: `compute` yields no {never}; what it yields with an option only, a "
        "`Known` with these `options` has"
    )
    assert set(measured["role"]) == {str(role) for role in present}, (
        f"{place(each)}: `compute` must yield something for each of its `roles`"
    )
    places = measured[["role", "layer"]].drop_duplicates()
    assert len(places) == sum(weight.role in present for weight in model)
    assert measured["value"].notna().all()
    skipped = table[table["status"] == Status.SKIPPED]
    assert set(series_of(skipped)) <= {str(each.headline)}
    assert set(skipped["reason"]) <= {"tied to E_input"}


@every
def test_per_head_and_whole(each: Measure, table_of: TableOf) -> None:
    """Where a quantity has heads, every attention matrix has all of them, and the whole."""
    table = table_of("llama", each.name)  # 4 query heads, 2 key and value heads
    of_heads = set(table.loc[table["head"].notna(), "measure"])
    assert bool(of_heads) == by_head(each), (
        f"{place(each)}: what is measured by head has a `Known` with `heads`, and nothing else has"
    )
    for (role, _, _), rows in table[table["measure"].isin(of_heads)].groupby(
        ["role", "layer", "measure"]
    ):
        heads = [None if pd.isna(head) else head for head in rows["head"].unique()]
        n_heads = {"W_q": 4, "W_o": 4, "W_k": 2, "W_v": 2}.get(role, 0)
        whole = [] if each.heads_only else [None]
        assert heads == [*range(n_heads), *whole], (
            f"{place(each)}: `compute` must yield every head of {role}, then the whole matrix, "
            "or say `heads_only`"
        )


@pytest.mark.parametrize(
    ("each", "layout"),
    [
        *(pytest.param(each, "reference_ngpt", id=name) for name, each in MEASURES.items()),
        pytest.param(MEASURES["scaling_factors"], "reference_gpt", id="only gains"),
        pytest.param(MEASURES["eigen_learning_rates"], "nanogpt", id="nothing"),
    ],
)
def test_summaries_are_those_declared(each: Measure, layout: str, table_of: TableOf) -> None:
    table = table_of(layout, each.name)
    new = ni.summarise(table).iloc[len(table) :]
    measured = (table["status"] != Status.SKIPPED).any()
    declared = {str(series) for series in summaries_of(each)}
    assert set(series_of(new)) == (declared if measured else set())
    assert new["head"].isna().all()


@every
def test_unknown_heads_leave_the_whole_matrix(each: Measure, tmp_path: Path) -> None:
    folder = write_gpt2(tiny_gpt(), tmp_path / "bare", config=False)
    unknown = ni.measure(folder, each.name)
    asked = unknown[unknown["reason"].str.contains("--heads", regex=False)]
    if not by_head(each):
        assert len(asked) == 0
        return
    known = ni.measure(ni.open_checkpoint(folder, heads=4), each.name)
    assert list(asked["status"].unique()) == [Status.SKIPPED], (
        f"{place(each)}: yield `unknown_heads(weight, quantity)` first"
    )
    attention = [role for role in (Role.W_Q, Role.W_K, Role.W_V, Role.W_O) if role in each.roles]
    assert asked.groupby("layer")["role"].apply(list).to_dict() == {
        layer: [str(role) for role in attention] for layer in (0, 1)
    }
    rest = unknown[unknown["status"] != Status.SKIPPED].reset_index(drop=True)
    # What is made of all heads at once has no head, and is not there without any.
    of_all = set(known["measure"]) - set(rest["measure"])
    if each.heads_only:
        assert len(rest) == 0
        return
    assert known.loc[known["measure"].isin(of_all), "head"].isna().all()
    whole = known[known["head"].isna() & ~known["measure"].isin(of_all)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, whole, check_exact=True)
