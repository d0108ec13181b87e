"""A tensor with a role, read lazily, and the set of them that makes a model."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ngpt_inspect.card import Card
from ngpt_inspect.errors import InspectError, MissingRole
from ngpt_inspect.naming import named
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.vocabulary import NAMED_ONLY, Kind, MatrixAxis, Role, RoleFacts
from ngpt_inspect.wording import listed, number, shown, sizes

if TYPE_CHECKING:
    import numpy as np
    import torch

Made = TypeVar("Made")
MOST_SHOWN = 20
"""Weights that are listed where a notebook shows some of them."""


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """The sizes of a model. None: the checkpoint does not say, and nobody gave it."""

    n_layers: int = 0
    d_model: int | None = None
    vocab_size: int | None = None
    n_heads: int | None = None
    n_kv_heads: int | None = None
    d_k: int | None = None
    d_mlp: int | None = None
    n_experts: int | None = None

    @property
    def told(self) -> str:
        """The sizes as people say them, those that are known."""
        heads = "heads unknown" if self.n_heads is None else f"{self.n_heads} heads"
        if self.n_kv_heads not in (None, self.n_heads):
            heads += f" ({self.n_kv_heads} for keys and values)"
        named = {"d_model": self.d_model, "vocabulary": self.vocab_size, "experts": self.n_experts}
        sizes = [f"{name} {size:,}" for name, size in named.items() if size is not None]
        return ", ".join([f"{self.n_layers} layers", heads, *sizes])


@dataclass(frozen=True, kw_only=True)
class Part:
    """Which rows of a tensor, in (out, in) layout, belong to a weight.

    Rows are counted through where the tensor has more axes. They are seen as (groups, span), and
    start..stop of each span is taken, every step-th row: one group for blocks stacked one after
    another, one group a head for interleaved ones, a step of 2 where two roles alternate.
    """

    start: int
    stop: int
    step: int = 1
    groups: int = 1

    @property
    def height(self) -> int:
        """Rows in all."""
        return self.groups * len(range(self.start, self.stop, self.step))

    def __str__(self) -> str:
        """Return the rows as a slice: ``0:128:2``."""
        step = f":{self.step}" if self.step > 1 else ""
        each = f" of each of {self.groups} groups" if self.groups > 1 else ""
        return f"{self.start}:{self.stop}{step}{each}"

    def of(self, values: Any) -> Any:
        """Return these rows of a whole tensor or array, (groups, rows of each, ...)."""
        row = values.shape[-1:] if values.ndim > 1 else ()
        spans = values.reshape(self.groups, -1, *row)
        return spans[:, self.start : self.stop : self.step]


@dataclass(frozen=True, kw_only=True, repr=False)
class Weight:
    """One tensor, or one part of a fused tensor, with its role in the model."""

    role: Role | None
    """None: no layout says what it is; it is measured whole, by its name."""
    layer: int | None
    tensor: StoredTensor
    shape: tuple[int, ...]
    """Shape of `values`: (out, in) for a matrix."""
    expert: int | None = None
    place: int | None = None
    """Along the first axis, where the tensor stacks experts or layers; None where it is one."""
    part: Part | None = None
    transposed: bool = False
    """Stored (in, out), as the Conv1D of GPT-2."""
    factor: float = 1.0
    """Effective value = stored value x factor (s_init / s_scale, section 2.5)."""
    offset: float = 0.0
    """Added after the factor: 1 where a norm gain is used as 1 + w."""
    absolute: bool = False
    """The model takes |.| of it, as it does of alpha (section A.2)."""
    normalised: MatrixAxis | None = None
    """The vectors that the model divides by their norm whenever it uses the tensor."""
    heads_only: bool = False
    """Computed for its heads: as a whole the model never has it."""
    n_blocks: int | None = None
    """Head blocks along the role's head axis; None where the number of heads is unknown."""
    model: WeightSet | None = field(default=None, compare=False)
    """The model it is of, for a measure that reads what lies beside it (`Measure.beside`)."""

    def __repr__(self) -> str:
        name = f"{self.role or 'no role'}{_of('layer', self.layer)}{_of('expert', self.expert)}"
        return f"<{name}: {sizes(self.shape)} {self.tensor.dtype}, {shown(self.source)}>"

    @property
    def facts(self) -> RoleFacts:
        """What is known of its role."""
        return NAMED_ONLY if self.role is None else self.role.facts

    @property
    def key(self) -> tuple[Role | None, int | None, int | None]:
        """Role, layer and expert: what names a weight inside its model."""
        return self.role, self.layer, self.expert

    @property
    def source(self) -> str:
        """The raw tensor name, with the rows taken when it is fused."""
        name = self.tensor.name if self.place is None else f"{self.tensor.name}[{self.place}]"
        return name if self.part is None else f"{name}[{self.part}]"

    def stored(self) -> torch.Tensor:
        """Return the stored values in (out, in) layout and the stored dtype."""
        part = self.part
        if self.place is not None:
            values = self.tensor.read(self.place, self.place + 1)[0]
        elif part is None or self.transposed or part.groups > 1 or len(self.tensor.shape) > 2:
            values = self.tensor.read()
        else:
            return self.tensor.read(part.start, part.stop)[:: part.step].reshape(self.shape)
        # Contiguous, so that sums run in the same order as over any other layout.
        values = values.T.contiguous() if self.transposed else values
        taken: torch.Tensor = self._taken(values)
        return taken

    def _taken(self, values: Any) -> Any:
        """Return this weight's part of a whole tensor, or of an array, in (out, in) layout."""
        return (values if self.part is None else self.part.of(values)).reshape(self.shape)

    def values(self, device: str = "cpu") -> torch.Tensor:
        """Return the EFFECTIVE values: stored x factor + offset, |.| where the model takes it.

        Matrices come in the stored dtype, as stored or normalised where the model does so
        whenever it reads them; rescaled vectors in float64.

        Raises
        ------
        InspectError
            They are numbers of a quantisation, not of the model.
        """
        if self.tensor.obstacle:
            raise InspectError(
                self.tensor.obstacle,
                next_step="if it is quantised, give the checkpoint it was made from",
            )
        values = self.stored().to(device)
        if self.normalised is not None:
            values = _normalised(values, self.normalised)
        if (self.factor, self.offset) != (1.0, 0.0):
            values = values.double() * self.factor + self.offset
        return values.abs() if self.absolute else values

    def array(self) -> np.ndarray:
        """Return `values` as a NumPy array, exactly; where the format can, without torch.

        Raises
        ------
        InspectError
            As `values`.
        """
        import numpy as np

        if self.normalised is not None or self.place is not None or self.tensor.obstacle:
            return as_array(self.values())
        stored = self.tensor.array()
        stored = np.ascontiguousarray(self._taken(stored.T if self.transposed else stored))
        if (self.factor, self.offset) != (1.0, 0.0):
            stored = stored.astype(np.float64) * self.factor + self.offset
        return np.abs(stored) if self.absolute else stored

    def errors(self, device: str = "cpu") -> torch.Tensor | None:
        """Return the root mean square error that storage left in each of `values`.

        None where that is the rounding to the dtype of `values`.
        """
        from ngpt_inspect.numerics.resolution import rounding_errors

        tensor = self.tensor.errors
        if tensor is None and (self.factor, self.offset) == (1.0, 0.0):
            return None
        stored = self.stored().to(device)
        if tensor is None:
            errors = rounding_errors(stored)
        else:
            errors = replace(self, tensor=tensor).stored().to(device)
        if self.normalised is not None:
            errors = over_norms(errors, stored, self.normalised)
        return errors * abs(self.factor)

    @property
    def wants(self) -> tuple[Any, ...]:
        """What the measures that are taken of it together want made; see `SharedWeight`."""
        return ()

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returns; made once for all measures taken together that name it so."""
        return make()

    def beside(self, role: Role) -> Weight | None:
        """Return the weight of a role in the same layer: of the same expert, or of all."""
        if self.model is None:
            return None
        by_key = self.model.by_key
        own = by_key.get((role, self.layer, self.expert))
        found = own or by_key.get((role, self.layer, None))
        return found and replace(found, model=self.model)

    def bias(self, device: str = "cpu") -> torch.Tensor | None:
        """Return the bias that is stored beside it (``q.bias`` of ``q.weight``), in float64.

        Raises
        ------
        InspectError
            It is not one value for each output.
        """
        stem, _, leaf = self.tensor.name.rpartition(".")
        name = f"{stem}.{leaf.replace('weight', 'bias')}"
        tensor = None if self.model is None else self.model.contents.tensors.get(name)
        if tensor is None or name == self.tensor.name:
            return None
        place = self.place
        values = tensor.read() if place is None else tensor.read(place, place + 1)[0]
        n_outputs = self.shape[0]
        if self.part is not None and values.numel() != n_outputs:
            values = self.part.of(values)
        if values.numel() != n_outputs or tensor.obstacle:
            said = f"{name} is {sizes(tensor.shape)} {tensor.dtype}"
            raise InspectError(
                f"{said}, not a bias of {n_outputs} outputs",
                next_step="look at it with `ngpt-inspect tensors`",
            )
        return values.to(device).double().flatten()

    def heads(self, values: torch.Tensor) -> torch.Tensor | None:
        """Cut this weight's values into heads, (n_blocks, out, in); None when it has none.

        Row blocks for W_q, W_k and W_v, column blocks for W_o.
        """
        if self.n_blocks is None or self.facts.head_axis is None:
            return None
        if self.facts.head_axis is MatrixAxis.ROWS:
            return values.reshape(self.n_blocks, -1, values.shape[1])
        return values.reshape(values.shape[0], self.n_blocks, -1).movedim(1, 0)


@dataclass(frozen=True, kw_only=True, repr=False)
class SharedWeight(Weight):
    """A weight while several measures are taken of it: read once, each product made once.

    It lives as long as these measures run, and holds what they made until then.
    """

    shared_wants: tuple[Any, ...]
    needs_torch: bool
    """Whether any of the measures does: then NumPy looks at what torch read."""
    made: dict[Hashable, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, weight: Weight, wants: tuple[Any, ...], *, needs_torch: bool) -> SharedWeight:
        """Return the same weight, to be shared."""
        facts = {name: getattr(weight, name) for name in weight.__dataclass_fields__}
        return cls(**facts, shared_wants=wants, needs_torch=needs_torch)

    @property
    def wants(self) -> tuple[Any, ...]:
        """What the measures that are taken of it together want made."""
        return self.shared_wants

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returned when it was first asked for."""
        if name not in self.made:
            self.made[name] = make()
        found: Made = self.made[name]
        return found

    def values(self, device: str = "cpu") -> torch.Tensor:
        """Return the effective values, read once. Nobody may change them."""
        return self.once(("values", device), lambda: super(SharedWeight, self).values(device))

    def array(self) -> np.ndarray:
        """Return them as an array, read once."""
        if not self.needs_torch:
            return self.once("array", super().array)
        return as_array(self.values())


def as_array(values: torch.Tensor) -> np.ndarray:
    """Return values as NumPy has them: exact, in their dtype or in float32."""
    found: np.ndarray = (values if values.dtype.itemsize > 2 else values.float()).numpy()
    return found


def _normalised(values: torch.Tensor, axis: MatrixAxis) -> torch.Tensor:
    """Divide rows or columns by their norms, rounded to the stored dtype as the model has them."""
    from ngpt_inspect.numerics.directions import unit_rows

    unit, _ = unit_rows(values if axis is MatrixAxis.ROWS else values.T)
    return (unit if axis is MatrixAxis.ROWS else unit.T).to(values.dtype).contiguous()


def over_norms(errors: torch.Tensor, values: torch.Tensor, axis: MatrixAxis) -> torch.Tensor:
    """Divide errors of entries by the norms of the rows or columns of `values` that are not 0."""
    from ngpt_inspect.numerics.directions import row_norms

    norms = row_norms(values if axis is MatrixAxis.ROWS else values.T)
    norms = norms.where(norms != 0, 1.0).to(errors.dtype)
    return errors / norms.unsqueeze(1 if axis is MatrixAxis.ROWS else 0)


def _of(what: str, place: int | None) -> str:
    return "" if place is None else f" of {what} {place}"


class Weights(Sequence[Weight]):
    """Some weights of a model, in its order: by number, or by role (``layer["W_q"]``)."""

    def __init__(self, weights: Sequence[Weight], whose: WeightSet) -> None:
        self._weights = tuple(weights)
        self._whose = whose

    @overload
    def __getitem__(self, key: int) -> Weight: ...
    @overload
    def __getitem__(self, key: slice | str) -> Weights: ...
    def __getitem__(self, key: int | slice | str) -> Weight | Weights:
        """Return one weight, or those of a role; MissingRole where there is no such role."""
        if isinstance(key, int):
            return self._weights[key]
        if isinstance(key, slice):
            return Weights(self._weights[key], self._whose)
        role = named(key, {str(role): role for role in Role}, "role")
        found = [weight for weight in self if weight.role == role]
        if not found:
            there = dict.fromkeys(str(weight.role) for weight in self if weight.role)
            raise MissingRole(
                self._whose.absent.get(role, f"no {role} here"),
                where=self._whose.label,
                next_step=f"there are {', '.join(there) or 'none'}",
            )
        return Weights(found, self._whose)

    def __len__(self) -> int:
        return len(self._weights)

    def __repr__(self) -> str:
        lines = [repr(weight) for weight in self[:MOST_SHOWN]]
        more = len(self) - len(lines)
        return "\n".join([*lines, *([f"... and {more} more"] if more else [])]) or "no weights"


@dataclass(frozen=True, kw_only=True)
class ResolvedConstant:
    """A number the model multiplies by that its weights do not hold."""

    name: str
    value: float
    origin: str
    """``read from model_args.base_scale``, ``assumed: ...`` or ``given``."""

    @property
    def assumed(self) -> bool:
        """Whether nothing but convention stands behind the value."""
        return self.origin.startswith("assumed")


@dataclass(frozen=True, kw_only=True, repr=False)
class WeightSet:
    """A model as its checkpoint describes it: weights by role and layer, nothing read yet.

    ``checkpoint["W_q"]`` are the weights of a role, ``checkpoint.layers[2]`` those of a layer,
    and ``checkpoint.layers[2]["W_q"][0].values()`` are numbers.
    """

    label: str
    """Short name for tables and legends."""
    step: int | None
    architecture: str
    """Name of the declaration that fits: ``reference_ngpt``, ``llama``, ..."""
    family: str
    """``GPT`` or ``nGPT``."""
    contents: Contents
    shape: ModelShape
    weights: tuple[Weight, ...]
    ignored: Mapping[str, str] = field(default_factory=dict)
    """Tensor name -> why no measure reads it (a bias, a rotary table)."""
    buffers: frozenset[str] = frozenset()
    """Those of them that are no parameters."""
    unrecognised: tuple[str, ...] = ()
    absent: Mapping[Role, str] = field(default_factory=dict)
    """Roles this model has not, with the reason (E_output: tied to E_input)."""
    constants: tuple[ResolvedConstant, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader of the numbers should know of this layout."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How it was opened, so that another process can open it alike."""

    @cached_property
    def by_key(self) -> Mapping[tuple[Role | None, int | None, int | None], Weight]:
        """The weights by role, layer and expert; of several with one key the first."""
        found: dict[tuple[Role | None, int | None, int | None], Weight] = {}
        for weight in self.weights:
            found.setdefault(weight.key, weight)
        return found

    @property
    def unasked(self) -> str:
        """What was chosen of the file without being asked for; empty where nothing was."""
        others = [name for name in self.contents.parts if name != self.contents.part]
        if not others or self.settings.get("part") is not None:
            return ""
        return f"{self.contents.part} is read; the file also holds {listed(others)} (--part)"

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles present, in the paper's order."""
        present = {weight.role for weight in self.weights}
        return tuple(role for role in Role if role in present)

    @property
    def n_parameters(self) -> int:
        """Values in distinct tensors; tied tensors count once, buffers not at all."""
        tensors = [t for t in self.contents.tensors.values() if t.name not in self.buffers]
        # Views can begin at one byte and differ in extent, hence the shape.
        return sum({(t.location, t.shape): t.n_values for t in tensors}.values())

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Stored dtypes of the matrices and embeddings, most values first."""
        count: dict[str, int] = {}
        for weight in self.weights:
            if weight.facts.kind in (Kind.EMBEDDING, Kind.MATRIX):
                dtype = weight.tensor.dtype
                count[dtype] = count.get(dtype, 0) + weight.tensor.n_values
        return tuple(sorted(count, key=lambda dtype: -count[dtype]))

    def __iter__(self) -> Iterator[Weight]:
        return iter(self.weights)

    def __getitem__(self, role: str) -> Weights:
        """Return the weights of a role; MissingRole where there are none."""
        return Weights(self.weights, self)[role]

    @property
    def layers(self) -> tuple[Weights, ...]:
        """The weights of each layer, from 0; what lies outside the layers is not among them."""
        found: list[list[Weight]] = [[] for _ in range(self.shape.n_layers)]
        for weight in self.weights:
            if weight.layer is not None:
                found[weight.layer].append(weight)
        return tuple(Weights(each, self) for each in found)

    @property
    def card(self) -> Card:
        """What can be said of it in a few lines, before any tensor is read."""
        lines = {
            "family": f"{self.family} ({self.architecture})",
            "size": self.shape.told,
            "parameters": f"{self.n_parameters:,}, stored as {', '.join(self.dtypes)}",
            "step": "not recorded" if self.step is None else f"{self.step:,}",
        }
        assumed = [f"{each.name} = {number(each.value)}" for each in self.constants if each.assumed]
        if assumed:
            lines["assumed"] = listed(assumed)
        known = listed(self.unrecognised) if self.unrecognised else "nothing"
        return Card(title=self.label, lines=lines | {"unrecognised": known})

    def __repr__(self) -> str:
        return str(self.card)

    def _repr_html_(self) -> str:
        return self.card.html

    def get(self, role: Role, layer: int | None = None, expert: int | None = None) -> Weight:
        """Return one weight.

        Raises
        ------
        MissingRole
            There is none; the message says what there is.
        """
        found = self.by_key.get((role, layer, expert))
        if found is not None:
            return found
        place = str(role) if layer is None else f"{role} of layer {layer}"
        raise MissingRole(
            self.absent.get(role, f"no {place} here"),
            where=self.label,
            next_step=f"it has {', '.join(self.roles)} in {self.shape.n_layers} layers (0-based)",
        )

    def select(
        self, roles: tuple[Role | None, ...] | None = None, layers: tuple[int, ...] | None = None
    ) -> tuple[Weight, ...]:
        """Return the weights of these roles and layers (all by default; None: without a role).

        Weights outside the layers (embeddings, s_z, the final gain) are left out when layers
        are named.

        Raises
        ------
        MissingRole
            A named layer does not exist.
        """
        for layer in layers or ():
            if not 0 <= layer < self.shape.n_layers:
                raise MissingRole(
                    f"no layer {layer}",
                    where=self.label,
                    next_step=f"layers are 0 to {self.shape.n_layers - 1}",
                )
        return tuple(
            weight
            for weight in self.weights
            if (roles is None or weight.role in roles)
            and (layers is None or weight.layer in layers)
        )
