"""From a declaration that fits to constants with their origins and weights with their roles."""

import math
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace

from ngpt_inspect.architectures import (
    MOST_STACKED,
    Constant,
    Match,
    Placed,
    absent_roles,
    fitting,
    holds,
)
from ngpt_inspect.errors import UnknownArchitecture, WrongOption
from ngpt_inspect.expressions import evaluate, names_in
from ngpt_inspect.naming import meant
from ngpt_inspect.products import product_of
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.vocabulary import TIED, Kind, MatrixAxis, Role
from ngpt_inspect.weights import Part, ResolvedConstant, Weight

LATENT = (Role.W_Q_B, Role.W_KV_B)

STACK = re.compile(r"expert|moe", re.IGNORECASE)
"""A name of matrices of experts; any other tensor of three axes may be a kernel."""


def constants_of(
    found: Match, contents: Contents, given: Mapping[str, float]
) -> tuple[ResolvedConstant, ...]:
    """Resolve each declared constant: given, else read, else assumed."""
    declared: dict[str, Constant] = {}
    for constant in found.architecture.constants:
        if holds(contents, constant.when):
            declared.setdefault(constant.name, constant)
    unknown = set(given) - set(declared)
    if unknown:
        raise WrongOption(
            f"{found.architecture.name} has no constant {', '.join(sorted(unknown))}",
            where=contents.source,
            next_step=meant(min(unknown), declared, "its constants are:"),
        )
    known: dict[str, float] = dict(found.dimensions)
    resolved = []
    for constant in declared.values():
        value, origin = _value(constant.assumed, known), f"assumed: {constant.because}"
        recorded = _recorded(contents, constant, known)
        if recorded is not None:
            value, origin = recorded
        if constant.name in given:
            value, origin = float(given[constant.name]), "given"
        # A number chosen by a word may be added, and then be 0; any other scales every value.
        if not math.isfinite(value) or (value == 0 and not constant.values):
            raise WrongOption(
                f"{constant.name} is {value:g} ({origin})",
                where=contents.source,
                next_step="it scales every value, so it must be a number other than 0",
            )
        known[constant.name] = value
        resolved.append(ResolvedConstant(name=constant.name, value=value, origin=origin))
    return tuple(resolved)


def _recorded(
    contents: Contents, constant: Constant, known: Mapping[str, float]
) -> tuple[float, str] | None:
    """Return what the checkpoint says a constant is, and where."""
    for key in constant.keys:
        found = (contents.lookup(key), key) if "." in key else contents.find(key)
        said, where = found or (None, "")
        if constant.values and isinstance(said, str | bool):
            word = fitting(said, constant.values)
            if word is not None:
                return _value(constant.values[word], known), f"read from {where}"
        elif isinstance(said, int | float):
            return _float(said), f"read from {where}"
    return None


def _value(expression: str, known: Mapping[str, float]) -> float:
    """Return what a constant is said or assumed to be; NaN where that cannot be computed."""
    try:
        return evaluate(expression, known)
    except ArithmeticError:
        return math.nan


def _float(value: float) -> float:
    """Return a number of JSON as a float; whole ones have no largest there: beyond, infinity."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def weights_of(found: Match, contents: Contents, known: Mapping[str, float]) -> tuple[Weight, ...]:
    """Return the placed tensors as weights, layer by layer in the paper's order of roles.

    After them come the matrices that no layout knows, by name. `known` are the model's
    dimensions and constants.

    Raises
    ------
    UnknownArchitecture
        A declaration cuts or shapes a tensor as it cannot be.
    """
    order: dict[Role | None, int] = {role: rank for rank, role in enumerate(Role)}
    tied = _tied(found)
    alike: dict[Hashable, Weight] = {}
    weights = [_checked(each, known, alike) for each in found.placed if each.rule.role not in tied]
    weights += _products(found, weights)
    weights.sort(key=lambda w: (_from_none(w.layer), order[w.role], _from_none(w.expert)))
    unplaced = set(found.unplaced)
    rest = (t for t in contents.tensors.values() if t.name in unplaced)
    return (*weights, *(weight for tensor in rest for weight in _by_name(tensor)))


def _products(found: Match, weights: list[Weight]) -> Iterator[Weight]:
    """Yield the matrices of heads that layers have as products of two of their weights."""
    sizes = {each.layer: each.sizes for each in found.placed if each.rule.role in LATENT}
    by_role = {(weight.role, weight.layer): weight for weight in weights}
    for layer, mine in sizes.items():
        for each in found.architecture.products:
            left, right = by_role.get((each.left, layer)), by_role.get((each.right, layer))
            if left is None or right is None:
                continue
            n_heads = mine["n_heads"]
            left = _rows(left, each.left_rows, mine, n_heads)
            right = _rows(right, each.right_rows, mine, 1)
            if left.shape[1] == right.shape[0]:
                tensor = product_of(left, right, by_role.get((each.gain, layer)))
                yield Weight(
                    role=each.role,
                    layer=layer,
                    tensor=tensor,
                    shape=tensor.shape,
                    heads_only=True,
                    n_blocks=n_heads,
                )


def _rows(weight: Weight, rows: tuple[str, str], known: Mapping[str, float], groups: int) -> Weight:
    start, stop = (int(evaluate(bound, known)) for bound in rows)
    part = Part(start=start, stop=stop, groups=groups)
    return replace(weight, part=part, shape=(part.height, weight.shape[1]))


def _by_name(tensor: StoredTensor) -> Iterator[Weight]:
    """Yield a matrix without a role, or each of those a tensor stacks; nothing of a vector."""
    if len(tensor.shape) == 2:
        yield Weight(role=None, layer=None, tensor=tensor, shape=tensor.shape)
    elif len(tensor.shape) == 3 and STACK.search(tensor.name) and tensor.n_values:
        for number in range(min(tensor.shape[0], MOST_STACKED)):
            yield Weight(
                role=None,
                layer=None,
                expert=number,
                tensor=tensor,
                shape=tensor.shape[1:],
                place=number,
            )


def _checked(each: Placed, known: Mapping[str, float], alike: dict[Hashable, Weight]) -> Weight:
    """Return a weight; of many that differ in nothing but their place the first is computed."""
    rule, of = each.rule, each.layer if "layer" in each.rule.factor else None
    kind = (id(rule), of, each.tensor.shape, each.place is None, tuple(each.sizes.items()))
    try:
        if kind not in alike:
            alike[kind] = _weight(each, known)
    except ArithmeticError as error:
        raise UnknownArchitecture(
            f"its declaration cannot be computed ({error})",
            where=f"{each.tensor.location[0]}: {each.tensor.name}",
            next_step="correct its declaration",
        ) from error
    return replace(
        alike[kind], layer=each.layer, expert=each.expert, tensor=each.tensor, place=each.place
    )


def _weight(each: Placed, known: Mapping[str, float]) -> Weight:
    rule, tensor = each.rule, each.tensor
    known = {**known, **each.sizes}
    stored = tensor.shape if each.place is None else tensor.shape[1:]
    stored = stored[::-1] if rule.transposed else stored
    part = None
    if rule.rows is not None:
        start, stop, step = (int(evaluate(bound, known)) for bound in (*rule.rows, "1")[:3])
        part = Part(start=start, stop=stop, step=step, groups=int(evaluate(rule.groups, known)))
        _require_rows(part, stored, tensor)
        stored = (part.height, *stored[1:][-1:])
    weight = Weight(
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
    _require_shape(weight, stored)
    return weight


def _require_rows(part: Part, stored: tuple[int, ...], tensor: StoredTensor) -> None:
    rows = math.prod(stored[:-1] or stored)
    span, rest = divmod(rows, max(part.groups, 1))
    bounded = 0 <= part.start < part.stop <= span and part.step >= 1
    if part.groups < 1 or rest or not bounded:
        raise UnknownArchitecture(
            f"has no rows {part.start} to {part.stop} in each of {part.groups} groups of {rows}",
            where=f"{tensor.location[0]}: {tensor.name}",
            next_step="correct rows and groups of its declaration",
        )


def _require_shape(weight: Weight, stored: tuple[int, ...]) -> None:
    """Refuse a view of another size, a matrix that is none, and heads that do not divide it."""
    shape, facts = weight.shape, weight.facts
    matrix = facts.kind in (Kind.EMBEDDING, Kind.MATRIX)
    split = (
        None if facts.head_axis is None else shape[0 if facts.head_axis is MatrixAxis.ROWS else -1]
    )
    if math.prod(shape) != math.prod(stored):
        what = f"holds {list(stored)}, which is not {list(shape)}"
    elif matrix and len(shape) != 2:
        what = f"is {list(shape)}, and {weight.role} is a matrix"
    elif split is not None and weight.n_blocks is not None and split % weight.n_blocks:
        what = f"has {split} {facts.head_axis}, which {weight.n_blocks} heads do not divide"
    else:
        return
    raise UnknownArchitecture(
        what,
        where=f"{weight.tensor.location[0]}: {weight.source}",
        next_step="correct its declaration, or the number of heads",
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
