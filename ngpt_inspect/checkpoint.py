"""Opens a checkpoint: bytes to named tensors to weights with roles. Reads headers only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path

from ngpt_inspect.architectures import (
    ARCHITECTURES,
    Constant,
    Match,
    absent_roles,
    find_architecture,
)
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.expressions import evaluate, names_in
from ngpt_inspect.formats import read_contents
from ngpt_inspect.runs import step_of
from ngpt_inspect.stored import Contents
from ngpt_inspect.vocabulary import TIED, Role
from ngpt_inspect.weights import ModelShape, Part, ResolvedConstant, Weight, WeightSet

UNTELLING_NAMES = {"model", "ckpt", "pytorch_model", "consolidated", "checkpoint", "state_dict"}
"""File names that say nothing: the folder's name labels such a checkpoint."""

STEP_KEYS = ("reference_model.step", "iter_num", "step", "iteration", "global_step")


def open_checkpoint(
    source: str | PathLike[str],
    *,
    architecture: str | None = None,
    heads: int | None = None,
    constants: Mapping[str, float] | None = None,
    label: str | None = None,
) -> WeightSet:
    """Open a checkpoint and give every tensor its role.

    Parameters
    ----------
    source
        A file, a folder holding a model, or the folder of a training run (its last step).
    architecture
        Name of the layout, where detection cannot tell.
    heads
        Number of query heads, where the files do not say.
    constants
        Values for what the weights do not hold (``{"alpha_init": 0.1}``); they go before
        what the checkpoint records.
    label
        Short name for tables and legends; by default taken from the path.

    Returns
    -------
    WeightSet
        Its tensors are read one at a time, when they are asked for.

    Raises
    ------
    UnreadableFile
        Missing, broken, or unsafe to read.
    UnknownArchitecture
        The tensors fit no declared layout, or several.
    WrongOption
        An architecture or a constant of that name does not exist, or a number cannot be meant.
    """
    if heads is not None and heads < 1:
        raise WrongOption(f"{heads} heads", next_step="give at least 1, or leave it out")
    contents = read_contents(Path(source))
    found = find_architecture(contents, ARCHITECTURES, name=architecture, n_heads=heads)
    resolved = _constants(found, contents, constants or {})
    known: dict[str, float] = {**found.dimensions} | {
        constant.name: constant.value for constant in resolved
    }
    path = Path(contents.source)
    return WeightSet(
        label=label or _label(path),
        step=_step(contents, path),
        architecture=found.architecture.name,
        family=found.architecture.family,
        contents=contents,
        shape=_shape(found.dimensions),
        weights=tuple(_weights(found, known)),
        ignored=found.ignored,
        buffers=found.buffers,
        unrecognised=found.unplaced,
        absent=absent_roles(found),
        constants=resolved,
        notes=found.architecture.notes,
        settings={"architecture": architecture, "heads": heads, "constants": dict(constants or {})},
    )


def _constants(
    found: Match, contents: Contents, given: Mapping[str, float]
) -> tuple[ResolvedConstant, ...]:
    """Resolve each declared constant: given, else read, else assumed."""
    declared = found.architecture.constants
    unknown = set(given) - {constant.name for constant in declared}
    if unknown:
        names = ", ".join(constant.name for constant in declared) or "none"
        raise WrongOption(
            f"{found.architecture.name} has no constant {', '.join(sorted(unknown))}",
            where=contents.source,
            next_step=f"its constants are: {names}",
        )
    known: dict[str, float] = dict(found.dimensions)
    resolved = []
    for constant in declared:
        value, origin = evaluate(constant.assumed, known), f"assumed: {constant.because}"
        recorded = _recorded(contents, constant)
        if recorded is not None:
            value, origin = recorded
        if constant.name in given:
            value, origin = float(given[constant.name]), "given"
        if value == 0 or not math.isfinite(value):
            raise WrongOption(
                f"{constant.name} is {value:g} ({origin})",
                where=contents.source,
                next_step="it scales every value, so it must be a number other than 0",
            )
        known[constant.name] = value
        resolved.append(ResolvedConstant(name=constant.name, value=value, origin=origin))
    return tuple(resolved)


def _recorded(contents: Contents, constant: Constant) -> tuple[float, str] | None:
    """Return what the checkpoint says a constant is, and where."""
    for key in constant.keys:
        found = (contents.lookup(key), key) if "." in key else contents.find(key)
        if found and isinstance(found[0], int | float) and not isinstance(found[0], bool):
            return float(found[0]), f"read from {found[1]}"
    return None


def _weights(found: Match, known: Mapping[str, float]) -> list[Weight]:
    """Return the placed tensors as weights, layer by layer in the paper's order of roles."""
    weights = []
    for each in found.placed:
        rule, tensor = each.rule, each.tensor
        stored = tensor.shape if each.place is None else tensor.shape[1:]
        stored = stored[::-1] if rule.transposed else stored
        part = None
        if rule.rows is not None:
            start, stop = (int(evaluate(bound, known)) for bound in rule.rows)
            part = Part(start=start, stop=stop, groups=int(evaluate(rule.groups, known)))
            stored = ((stop - start) * part.groups, *stored[1:][-1:])
        weights.append(
            Weight(
                role=rule.role,
                layer=each.layer,
                expert=each.expert,
                tensor=tensor,
                place=each.place,
                shape=_view(rule.view, known, stored),
                part=part,
                transposed=rule.transposed,
                factor=evaluate(rule.factor, {**known, "layer": each.layer or 0}),
                offset=evaluate(rule.offset, known),
                absolute=rule.absolute,
                normalised=rule.normalised,
                n_blocks=_n_blocks(rule.role, known),
            )
        )
    order = {role: rank for rank, role in enumerate(Role)}
    tied = _tied(found)
    return sorted(
        (weight for weight in weights if weight.role not in tied),
        key=lambda w: (_from_none(w.layer), order[w.role], _from_none(w.expert)),
    )


def _from_none(number: int | None) -> int:
    """Sort what is numbered after what is not."""
    return -1 if number is None else number


def _tied(found: Match) -> set[Role]:
    """Return the roles whose tensor only repeats another's: they are reported, not measured."""
    return {role for role, why in absent_roles(found).items() if why == TIED}


def _view(view: str | None, known: Mapping[str, float], stored: tuple[int, ...]) -> tuple[int, ...]:
    """Return the declared shape of the values, or the stored one where it cannot be known."""
    if view is None or not all(names_in(axis) <= set(known) for axis in view.split(",")):
        return stored
    return tuple(int(evaluate(axis.strip(), known)) for axis in view.split(","))


def _n_blocks(role: Role, known: Mapping[str, float]) -> int | None:
    if role.facts.head_axis is None:
        return None
    heads = "n_kv_heads" if role in (Role.W_K, Role.W_V) else "n_heads"
    return int(known[heads]) if heads in known else None


def _shape(known: Mapping[str, int]) -> ModelShape:
    return ModelShape(**{name: known[name] for name in ModelShape.__annotations__ if name in known})


def _step(contents: Contents, path: Path) -> int | None:
    for key in STEP_KEYS:
        value = contents.lookup(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return step_of(path)


def _label(path: Path) -> str:
    """Return the run's or folder's name where the file's own name says nothing."""
    if path.is_dir():
        return path.name
    stem = _stem(path)
    untelling = stem in UNTELLING_NAMES or step_of(path) is not None
    return path.parent.name if untelling and path.parent.name else stem


def _stem(path: Path) -> str:
    """Return a file's name without its suffix: ``model`` of ``model.safetensors.index.json``."""
    return Path(path.name.removesuffix(".index.json")).stem


def distinct(checkpoints: list[WeightSet]) -> list[WeightSet]:
    """Return the checkpoints with labels that tell them apart.

    Steps of one run share its label: the `step` column tells them apart. Otherwise equal
    labels are lengthened by parent folders, and numbered when one file is given twice.
    """
    out: list[WeightSet] = []
    for place, checkpoint in enumerate(checkpoints):
        others = [c for i, c in enumerate(checkpoints) if i != place and _clash(c, checkpoint)]
        if not others:
            out.append(checkpoint)
            continue
        mine = Path(checkpoint.contents.source)
        depth = 1
        while depth < len(mine.parts) and any(
            _tail(Path(c.contents.source), depth) == _tail(mine, depth) for c in others
        ):
            depth += 1
        same_file = depth == len(mine.parts)
        label = f"{checkpoint.label} #{place + 1}" if same_file else _tail(mine, depth)
        out.append(replace(checkpoint, label=label))
    return out


def _clash(one: WeightSet, other: WeightSet) -> bool:
    """Return whether two checkpoints would get rows that cannot be told apart."""
    same_run = Path(one.contents.source).parent == Path(other.contents.source).parent
    told_by_step = same_run and one.step != other.step
    return one.label == other.label and not told_by_step


def _tail(path: Path, depth: int) -> str:
    """Return the last parts of a path, without a file name that says nothing."""
    named = path if path.is_dir() else path.with_name(_stem(path))
    parts = named.parts[:-1] if _label(path) != named.name else named.parts
    return "/".join(parts[-depth:])
