"""One line of a summary, and the lines that headers and logs alone can fill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path

from ngpt_inspect.later.pandas import pd
from ngpt_inspect.run_log import losses_of
from ngpt_inspect.weights import WeightSet

TOKEN_KEYS = ("reference_model.tokens", "tokens", "tokens_seen", "num_tokens")
"""Where checkpoints record how many training tokens the model has seen."""


class Level(StrEnum):
    """What a rule makes of a reading."""

    OK = "ok"
    NOTICE = "notice"
    """Worth knowing before the numbers are read."""
    TROUBLE = "trouble"
    """The model, or the file, is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of a checkpoint's summary."""

    item: str
    text: str
    value: float | None = None
    """The number in the text, where there is one."""
    level: Level | None = None
    """What `rule` makes of it; None for a plain fact."""
    rule: str = ""
    """When the level is what, in one sentence."""
    measure: str = ""
    """The measure it was read from, which has the details."""
    role: str | None = None
    layer: int | None = None
    head: int | None = None
    """Where it was found: the worst place, for an item that names one."""


def header_facts(checkpoint: WeightSet) -> Iterator[Fact]:
    """Yield what the headers say: family, sizes, stored dtype, step and tokens."""
    shape = checkpoint.shape
    sizes = [f"{shape.n_layers} layers"] if shape.n_layers else []
    sizes += ["? heads" if shape.n_heads is None else f"{shape.n_heads} heads"]
    sizes += [] if shape.d_model is None else [f"d {shape.d_model}"]
    yield Fact(item="family", text=f"{checkpoint.family} ({checkpoint.architecture})")
    yield Fact(
        item="parameters", text=f"{checkpoint.n_parameters:,}", value=checkpoint.n_parameters
    )
    yield Fact(item="size", text=", ".join(sizes))
    yield Fact(item="stored as", text=", ".join(checkpoint.dtypes))
    if checkpoint.step is not None:
        yield Fact(item="step", text=f"{checkpoint.step:,}", value=checkpoint.step)
    tokens = tokens_of(checkpoint)
    if tokens is not None:
        yield Fact(item="tokens", text=f"{tokens:,}", value=tokens)


def tokens_of(checkpoint: WeightSet) -> int | None:
    """Return how many training tokens the model has seen; None where nothing says."""
    found = (checkpoint.contents.lookup(key) for key in TOKEN_KEYS)
    return next((n for n in found if isinstance(n, int) and not isinstance(n, bool)), None)


def loss_facts(checkpoints: Sequence[WeightSet]) -> list[list[Fact]]:
    """Return the validation loss that the run of each had logged when it was saved.

    Of checkpoints of one step it is that of the last step at which all of them were evaluated.
    """
    curves = [losses_until(each) for each in checkpoints]
    there = [curve for curve in curves if curve]
    common = set.intersection(*map(set, there)) if there else set()
    alike = len({c.step for c, curve in zip(checkpoints, curves, strict=True) if curve}) == 1
    if alike and common:
        last = max(common)
        item = f"validation loss at step {last}"
        return [[_loss(item, curve, last)] if curve else [] for curve in curves]
    return [
        [_loss("validation loss", curve, max(curve), " at step {}")] if curve else []
        for curve in curves
    ]


def _loss(item: str, curve: Mapping[int, float], step: int, when: str = "") -> Fact:
    return Fact(item=item, text=f"{curve[step]:.4f}{when.format(step)}", value=curve[step])


def losses_until(checkpoint: WeightSet) -> dict[int, float]:
    """Return step -> validation loss of a run, as far as it was when the checkpoint was saved."""
    log = losses_of(Path(checkpoint.contents.source))
    there = log if checkpoint.step is None else log[log["step"] <= checkpoint.step]
    return dict(zip(there["step"], there["validation_loss"], strict=True))


def headers(checkpoints: Sequence[WeightSet]) -> pd.DataFrame:
    """Return what `summary` begins with: facts that no tensor is read for."""
    losses = loss_facts(checkpoints)
    return frame(
        (checkpoint, fact)
        for checkpoint, loss in zip(checkpoints, losses, strict=True)
        for fact in (*header_facts(checkpoint), *loss)
    )


def frame(facts: Iterable[tuple[WeightSet, Fact]]) -> pd.DataFrame:
    """Return facts as a table: ``checkpoint, step`` and the fields of `Fact`."""
    rows = [{"checkpoint": c.label, "step": c.step} | asdict(fact) for c, fact in facts]
    columns = ["checkpoint", "step", *(field.name for field in fields(Fact))]
    kinds = dict.fromkeys(("step", "layer", "head"), "Int64") | {"value": "float64"}
    return pd.DataFrame(rows, columns=columns).astype(kinds)


def beside(facts: pd.DataFrame, lead: Sequence[str] = ("item",)) -> pd.DataFrame:
    """Return the texts of facts, what they are about (the lead) down and checkpoints across.

    Lines and columns come in the order of the facts; a checkpoint without the fact has "-".
    """
    at = ("@ " + facts["step"].astype("str")).where(facts["step"].notna(), "")
    named = facts.assign(column=(facts["checkpoint"] + " " + at).str.strip())
    wide = named.pivot(index=list(lead), columns="column", values="text")
    lines = named[list(lead)].drop_duplicates()
    columns = list(named["column"].drop_duplicates())
    return lines.merge(wide.reset_index(), on=list(lead))[[*lead, *columns]].fillna("-")
