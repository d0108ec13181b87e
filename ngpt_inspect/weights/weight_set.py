"""The weights of one model: by role, by layer, by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

from ngpt_inspect.card import Card
from ngpt_inspect.errors import MissingRole
from ngpt_inspect.naming import named
from ngpt_inspect.stored import Contents
from ngpt_inspect.vocabulary import Kind, Role
from ngpt_inspect.weights.shape import ModelShape
from ngpt_inspect.weights.weight import Weight
from ngpt_inspect.wording import listed, number

MOST_SHOWN = 20
"""Weights that are listed where a notebook shows some of them."""


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

    @cached_property
    def unmeasured(self) -> tuple[Weight, ...]:
        """Parameters that no measure reads: biases, and of unknown layouts what is no matrix."""
        read = {weight.tensor.name for weight in self.weights} | self.buffers
        tensors = self.contents.tensors
        return tuple(
            Weight(role=None, layer=None, tensor=tensors[name], shape=tensors[name].shape)
            for name in (*self.ignored, *self.unrecognised)
            if name in tensors and name not in read
        )

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
