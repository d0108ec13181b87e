"""One tensor, or a part of one, with its role: what is read of it, and how it is used."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ngpt_inspect.errors import InspectError
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.numerics.directions import row_norms, unit_rows
from ngpt_inspect.numerics.resolution import Spacing, rounding_errors
from ngpt_inspect.stored import FLOATS, StoredTensor, as_array
from ngpt_inspect.vocabulary import NAMED_ONLY, MatrixAxis, Role, RoleFacts
from ngpt_inspect.weights.part import Part
from ngpt_inspect.wording import shown, sizes

if TYPE_CHECKING:
    from ngpt_inspect.weights.weight_set import WeightSet

Made = TypeVar("Made")


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
        if self.normalised is not None or self.place is not None or self.tensor.obstacle:
            return as_array(self.values())
        stored = self.tensor.array()
        stored = np.ascontiguousarray(self._taken(stored.T if self.transposed else stored))
        if (self.factor, self.offset) != (1.0, 0.0):
            stored = stored.astype(np.float64) * self.factor + self.offset
        return np.abs(stored) if self.absolute else stored

    @property
    def spacing(self) -> Spacing:
        """Of the dtype that `values` were rounded to: float64's where they are computed."""
        rescaled = (self.factor, self.offset) != (1.0, 0.0)
        return FLOATS["F64"] if rescaled else self.tensor.spacing

    def errors(self, device: str = "cpu") -> torch.Tensor | None:
        """Return the root mean square error that storage left in each of `values`.

        None where that is the rounding to the dtype of `values`.
        """
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


def _normalised(values: torch.Tensor, axis: MatrixAxis) -> torch.Tensor:
    """Divide rows or columns by their norms, rounded to the stored dtype as the model has them."""
    unit, _ = unit_rows(values if axis is MatrixAxis.ROWS else values.T)
    return (unit if axis is MatrixAxis.ROWS else unit.T).to(values.dtype).contiguous()


def over_norms(errors: torch.Tensor, values: torch.Tensor, axis: MatrixAxis) -> torch.Tensor:
    """Divide errors of entries by the norms of the rows or columns of `values` that are not 0."""
    norms = row_norms(values if axis is MatrixAxis.ROWS else values.T)
    norms = norms.where(norms != 0, 1.0).to(errors.dtype)
    return errors / norms.unsqueeze(1 if axis is MatrixAxis.ROWS else 0)


def _of(what: str, place: int | None) -> str:
    return "" if place is None else f" of {what} {place}"
