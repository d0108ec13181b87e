"""LoRA (arXiv 2106.09685) as peft and MLX keep it: W + scale B A, factors under ``lora_A/B``.

scale = alpha / r, or alpha / sqrt(r) with ``use_rslora``. A is (r, in), B (out, r); of an
embedding ``lora_embedding_A`` is (r, vocabulary) and ``lora_embedding_B`` (d, r), turned round.
DoRA (arXiv 2402.09353) adds ``lora_magnitude_vector`` m: each output has W + scale B A over its
norm, times m. MLX keeps them turned round too, ``lora_a`` (in, r) and ``lora_b`` (r, out), and says
its scale itself. Of a parameter that stacks experts (``target_parameters``) the factors hold those
of every expert, and do not say which parameter they are of: no product is made of them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import StoredTensor, one_digest, row_range
from ngpt_inspect.wording import quoted, shown, sizes

FACTOR = re.compile(r"(.+)\.lora_(embedding_)?A(?:\.(\w+))?(?:\.weight)?")
OF_MLX = re.compile(r"(.+)\.lora_a")
MAGNITUDE = re.compile(r"(.+)\.lora_magnitude_vector(?:\.(\w+))??(?:\.weight)?")
DTYPE = "F64"
PREFIX = "base_model.model."
QUANTIFIER = re.compile(r"\)?[*+?{]")
MOST_QUANTIFIERS = 2
"""Of a pattern out of a file, and none of a group: more could keep `re` busy for hours."""
LARGEST_ALPHA = 1e9
"""No adapter is scaled by more; a file can say anything."""


@dataclass(frozen=True, kw_only=True)
class LoraUpdate(StoredTensor):
    """scale B A, computed in float64 from the stored factors."""

    factors: tuple[StoredTensor, StoredTensor]
    """B (out, r), then A (r, in)."""
    scale: float
    turned: bool
    """Kept (in, out): of an embedding, or of a Conv1D (``fan_in_fan_out``)."""
    magnitude: StoredTensor | None = None
    """Of DoRA: the norm of each output's weights, once the update is added."""
    of_columns: bool = False
    """The outputs are the columns of what is kept."""

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Compute rows start..stop; see `StoredTensor.read`."""
        first, shape = row_range(self.shape, start, stop)
        rows = slice(first, first + shape[0])
        b, a = (factor.read().double() for factor in self.factors)
        try:
            product: torch.Tensor = (a.T[rows] @ b.T if self.turned else b[rows] @ a) * self.scale
        except RuntimeError as error:
            raise UnreadableFile(
                f"torch cannot hold shape {sizes(shape)} ({shown(str(error))})",
                where=f"{self.location[0]}: tensor {quoted(self.name)}",
                next_step="open it where there is more memory",
            ) from error
        return product

    @property
    def n_bytes(self) -> int:
        """Bytes of the factors."""
        return sum(factor.n_bytes for factor in self.factors)

    @property
    def note(self) -> str:
        """What it is computed from."""
        dora = "" if self.magnitude is None else f", then rescaled to {self.magnitude.name}"
        named = " and ".join(factor.name for factor in self.factors)
        return f"{self.scale:g} B A of {named}{dora}"

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of those of its factors; see `StoredTensor.fingerprint`."""
        found = (factor.fingerprint(n_blocks) for factor in self.factors)
        return one_digest([*found, repr(self.scale)])


@dataclass(frozen=True, kw_only=True)
class AdaptedTensor(StoredTensor):
    """A weight of the base with its update, in float64."""

    base: StoredTensor
    update: LoraUpdate

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Compute rows start..stop; see `StoredTensor.read`."""
        return self._plain(start, stop) * self.gains(start, stop)

    def _plain(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        whole: torch.Tensor = self.base.read(start, stop).double() + self.update.read(start, stop)
        return whole

    def gains(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Return what multiplies rows start..stop: m over the norms where it is DoRA, else 1."""
        magnitude, of_columns = self.update.magnitude, self.update.of_columns
        if magnitude is None:
            return torch.ones((), dtype=torch.float64)
        wanted = magnitude.read().double().reshape(-1)
        norms = self._plain() if of_columns else self._plain(start, stop)
        found: torch.Tensor = (
            wanted / norms.norm(dim=0)
            if of_columns
            else (wanted[start:stop] / norms.norm(dim=1)).unsqueeze(1)
        )
        return found

    @property
    def n_bytes(self) -> int:
        """Bytes of the weight and of the factors."""
        return self.base.n_bytes + self.update.n_bytes

    @property
    def obstacle(self) -> str:
        """Why the weight of the base has no values."""
        return self.base.obstacle

    @property
    def note(self) -> str:
        """What is added to the base."""
        return f"base + {self.update.note}"

    @property
    def errors(self) -> StoredTensor:
        """What storage left in the base; the update is exact beside it."""
        return self.computed(self._errors)

    def _errors(self, start: int, stop: int | None) -> torch.Tensor:
        from ngpt_inspect.numerics.resolution import rounding_errors

        told = self.base.errors
        errors = (
            rounding_errors(self.base.read(start, stop)) if told is None else told.read(start, stop)
        )
        return errors if self.update.magnitude is None else errors * self.gains(start, stop)

    def rounding(self) -> float:
        """Root mean square error of storage over that of the values."""
        squares = float((self.read() ** 2).sum())
        errors = float((self.errors.read().double() ** 2).sum())
        return math.sqrt(errors / squares) if squares else math.inf

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of those of both; see `StoredTensor.fingerprint`."""
        parts = (self.base, self.update, self.update.magnitude)
        return one_digest(part.fingerprint(n_blocks) for part in parts if part is not None)


def updates(
    tensors: Mapping[str, StoredTensor], config: Mapping[str, Any]
) -> dict[str, LoraUpdate]:
    """Return the update of each adapted weight by the name of the weight; factors that fit."""
    found: dict[str, LoraUpdate] = {}
    stacks = _stacks(config)
    for name, a in tensors.items():
        of_mlx = OF_MLX.fullmatch(name)
        if of_mlx is not None and f"{of_mlx[1]}.lora_b" in tensors:
            update = _update(of_mlx[1], tensors[f"{of_mlx[1]}.lora_b"], a, config, turned=True)
            found |= {} if update is None else {update.name: update}
        match = FACTOR.fullmatch(name)
        b = tensors.get(name.replace("lora_A", "lora_B").replace("embedding_A", "embedding_B"))
        if match is None or b is None or name == b.name:
            continue
        if match[1].removesuffix(".base_layer").endswith(stacks):
            continue
        update = _update(match[1], a, b, config, turned=bool(match[2]))
        if update is not None:
            found[update.name] = update
    return _rescaled(found, tensors)


def _stacks(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return how modules end whose parameters, stacks of experts, are adapted."""
    said = config.get("target_parameters")
    if not isinstance(said, list) or not said:
        return ()
    parents = (str(each).rpartition(".")[0] for each in said)
    return ("experts", *filter(None, parents))


def _rescaled(
    found: dict[str, LoraUpdate], tensors: Mapping[str, StoredTensor]
) -> dict[str, LoraUpdate]:
    """Return updates with the magnitudes of DoRA; without those whose magnitudes do not fit."""
    for name, magnitude in tensors.items():
        match = MAGNITUDE.fullmatch(name)
        update = found.get(f"{match[1]}.weight") if match else None
        if update is None:
            continue
        if magnitude.n_values == update.shape[1 if update.of_columns else 0]:
            found[update.name] = replace(update, magnitude=magnitude)
        else:
            del found[update.name]
    return found


def _update(
    module: str, a: StoredTensor, b: StoredTensor, config: Mapping[str, Any], *, turned: bool
) -> LoraUpdate | None:
    if len(a.shape) != 2 or len(b.shape) != 2 or a.shape[0] != b.shape[1] or not a.shape[0]:
        return None
    of_columns = config.get("fan_in_fan_out") is True and not turned
    turned = turned or of_columns
    shape = (b.shape[0], a.shape[1])
    return LoraUpdate(
        name=f"{module}.weight",
        shape=shape[::-1] if turned else shape,
        dtype=DTYPE,
        location=a.location,
        factors=(b, a),
        scale=_scale(module, a, config),
        turned=turned,
        of_columns=of_columns,
    )


def _scale(module: str, a: StoredTensor, config: Mapping[str, Any]) -> float:
    """Return what B A is multiplied by; 1 where the adapter does not say."""
    of_mlx = config.get("lora_parameters")
    said = of_mlx.get("scale") if isinstance(of_mlx, Mapping) else None
    if isinstance(said, int | float) and abs(said) < LARGEST_ALPHA:
        return float(said)
    alpha = config.get("lora_alpha")
    patterns = config.get("alpha_pattern")
    said = patterns if isinstance(patterns, Mapping) else {}
    alpha = next((value for each, value in said.items() if _is_of(each, module, a)), alpha)
    if not isinstance(alpha, int | float) or not abs(alpha) < LARGEST_ALPHA:
        return 1.0
    rank = a.shape[0]
    return alpha / (math.sqrt(rank) if config.get("use_rslora") is True else rank)


def _is_of(pattern: str, module: str, factor: StoredTensor) -> bool:
    """Tell, as peft does, whether a pattern is the name of a module, or the end of it.

    Raises
    ------
    UnreadableFile
        It is no regular expression, or one that is not tried.
    """
    name = module.removeprefix(PREFIX)
    try:
        found = QUANTIFIER.findall(pattern)
        if len(found) > MOST_QUANTIFIERS or any(len(each) > 1 for each in found):
            raise re.error(f"over {MOST_QUANTIFIERS} quantifiers, or one of a group")
        compiled = re.compile(pattern)
    except re.error as error:
        raise UnreadableFile(
            f"its alpha_pattern {quoted(pattern)} cannot be tried ({shown(str(error))})",
            where=factor.location[0],
            next_step="write out the names of the modules in adapter_config.json",
        ) from error
    starts = (0, *(dot.end() for dot in re.finditer(r"\.", name)))
    return any(compiled.fullmatch(name, start) for start in starts)
