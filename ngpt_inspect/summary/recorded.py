"""Everything a checkpoint says of itself, and what names its values, by group and name."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from ngpt_inspect.sameness import values_of
from ngpt_inspect.summary.facts import tokens_of
from ngpt_inspect.vocabulary import TIED, Role
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import number

LONGEST = 60
"""Characters of a setting that are shown; settings are compared whole."""


VALUES = "values"
GROUPS = ("model", "progress", "settings", "constants", "weights", "other tensors", VALUES)
"""What facts are about, in the order they are shown."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One fact, to compare and to show."""

    group: str
    """One of `GROUPS`."""
    name: str
    value: Any
    """What is compared; hashable."""
    text: str
    exact: str = ""
    """The text with every digit, where rounding could make two values look equal."""
    absent: str = "not recorded"
    """What a checkpoint without this fact shows in its place."""


def recorded(checkpoint: WeightSet, n_blocks: int) -> dict[tuple[str, str], Recorded]:
    """Return the facts of one checkpoint by group and name.

    A setting that only repeats a fact of the other groups, under its name and with its value, is
    left out. Of the values of each tensor `n_blocks` blocks are looked at.
    """
    known = [*_model(checkpoint), *_progress(checkpoint), *_constants(checkpoint)]
    said = {(fact.name, _bare(fact.value)) for fact in known}
    settings = [
        fact
        for fact in _settings(checkpoint)
        if (fact.name.rpartition(".")[2], fact.value) not in said
    ]
    everything = [*known, *settings, *_weights(checkpoint), *_other_tensors(checkpoint)]
    everything += _values(checkpoint, n_blocks)
    return {(fact.group, fact.name): fact for fact in everything}


def _bare(value: Any) -> Any:
    """Return the number of a constant, without where it came from."""
    return value[0] if isinstance(value, tuple) else value


def _model(checkpoint: WeightSet) -> Iterator[Recorded]:
    facts = {
        "family": checkpoint.family,
        "architecture": checkpoint.architecture,
        **asdict(checkpoint.shape),
        "parameters": checkpoint.n_parameters,
        "stored as": ", ".join(checkpoint.dtypes),
        "file format": checkpoint.contents.format,
    }
    for name, value in facts.items():
        text = "unknown" if value is None else _text(value)
        yield Recorded(group="model", name=name, value=value, text=text)


def _progress(checkpoint: WeightSet) -> Iterator[Recorded]:
    for name, value in (("step", checkpoint.step), ("tokens", tokens_of(checkpoint))):
        if value is not None:
            text = _text(value)
            yield Recorded(group="progress", name=name, value=value, text=text)


def _constants(checkpoint: WeightSet) -> Iterator[Recorded]:
    """Yield what weights are scaled by: a value that was read is not one that was assumed."""
    for constant in checkpoint.constants:
        origin = constant.origin.partition(" from ")[0]
        yield Recorded(
            group="constants",
            name=constant.name,
            value=(constant.value, constant.origin.split()[0]),
            text=f"{_text(constant.value)} ({origin})",
            exact=f"{constant.value!r} ({origin})",
            absent="none",
        )


def _settings(checkpoint: WeightSet) -> Iterator[Recorded]:
    """Yield every setting kept beside the weights, by its dotted path."""
    for path, value in _leaves(checkpoint.contents.config):
        text = _text(value)
        cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
        hashable = value if isinstance(value, str | int | float | None) else text
        yield Recorded(group="settings", name=path, value=hashable, text=cut, exact=_exact(value))


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _weights(checkpoint: WeightSet) -> Iterator[Recorded]:
    """Yield each role with shape and dtype: the same whatever a layout calls its tensors."""
    for role in Role:
        mine = [weight for weight in checkpoint if weight.role is role]
        text = " or ".join(dict.fromkeys(f"{list(w.shape)} {w.tensor.dtype}" for w in mine))
        n_layers = len({weight.layer for weight in mine})
        if mine and n_layers not in (1, checkpoint.shape.n_layers):
            text += f", in {n_layers} layers"
        if checkpoint.absent.get(role) == TIED:
            text = TIED
        if text:
            yield Recorded(group="weights", name=role, value=text, text=text, absent="absent")


def _other_tensors(checkpoint: WeightSet) -> Iterator[Recorded]:
    """Yield the tensors without a role; the numbers in names, a layer's, are left out."""
    placed = {weight.tensor.name for weight in checkpoint}
    alike: dict[str, list[str]] = {}
    for name, tensor in checkpoint.contents.tensors.items():
        if tensor.name not in placed:
            kind = f"{list(tensor.shape)} {tensor.dtype}"
            alike.setdefault(re.sub(r"\d+", "*", name), []).append(kind)
    for pattern, kinds in alike.items():
        times = f"{len(kinds)} of " if len(kinds) > 1 else ""
        text = times + " or ".join(dict.fromkeys(kinds))
        yield Recorded(group="other tensors", name=pattern, value=text, text=text, absent="absent")


def _values(checkpoint: WeightSet, n_blocks: int) -> Iterator[Recorded]:
    """Yield what names the values of each kind of tensor; nothing where bytes cannot tell."""
    for what, digests in values_of(checkpoint, n_blocks).items():
        held = tuple(sorted(digests.items())) if all(digests.values()) else ()
        text = sha256(repr(held).encode()).hexdigest()[:8]
        yield Recorded(group=VALUES, name=what, value=held, text=text)


def _exact(value: Any) -> str:
    return repr(value) if isinstance(value, float) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, str) else json.dumps(value, default=str)
