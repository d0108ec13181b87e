"""Rows of an embedding that an adapter has in the place of its base's (peft: trainable tokens)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import StoredTensor, one_digest, row_range
from ngpt_inspect.wording import quoted

ROWS = ".token_adapter.trainable_tokens_delta"
"""What peft calls them, after the name of the embedding."""


@dataclass(frozen=True, kw_only=True)
class WithRows(StoredTensor):
    """An embedding of the base with some of its rows replaced, in the base's dtype as in peft."""

    base: StoredTensor
    rows: StoredTensor
    indices: tuple[int, ...]
    """The token of each row."""

    def read(self, start: int = 0, stop: int | None = None) -> torch.Tensor:
        """Read rows start..stop; see `StoredTensor.read`."""
        first, shape = row_range(self.shape, start, stop)
        found, mine = self.base.read(start, stop).clone(), self.rows.read()  # it may be the file's
        for row, index in zip(mine, self.indices, strict=True):
            if first <= index < first + shape[0]:
                found[index - first] = row
        return found

    @property
    def obstacle(self) -> str:
        """Why the embedding of the base has no values."""
        return self.base.obstacle

    @property
    def note(self) -> str:
        """Which rows are not the base's."""
        return f"base, {len(self.indices)} rows of it from {self.rows.name}"

    @property
    def errors(self) -> StoredTensor | None:
        """What storage left in the base."""
        return self.base.errors

    def fingerprint(self, n_blocks: int) -> str:
        """Digest of those of both; see `StoredTensor.fingerprint`."""
        parts = (each.fingerprint(n_blocks) for each in (self.base, self.rows))
        return one_digest([*parts, repr(self.indices)])


def with_rows(
    module: str, base: StoredTensor | None, rows: StoredTensor, config: Mapping[str, Any]
) -> WithRows:
    """Return the embedding `module` with the rows that an adapter has for some of its tokens.

    Raises
    ------
    UnreadableFile
        ``trainable_token_indices`` does not say of which tokens, or the base has none of these.
    """
    said = config.get("trainable_token_indices")
    if isinstance(said, Mapping):
        said = next((each for name, each in said.items() if module.endswith(str(name))), None)
    indices = said if isinstance(said, list) and all(type(each) is int for each in said) else []
    shape = () if base is None else base.shape
    fits = len(shape) == 2 and rows.shape == (len(indices), shape[1])
    if base is None or not fits or not all(0 <= each < shape[0] for each in indices):
        raise UnreadableFile(
            f"its rows {list(rows.shape)} for tokens of {quoted(module)} do not fit its "
            f"trainable_token_indices, or the base's {list(shape)}",
            where=rows.location[0],
            next_step="give the base it was trained on, or open the adapter alone",
        )
    return WithRows(
        name=base.name,
        shape=shape,
        dtype=base.dtype,
        location=base.location,
        base=base,
        rows=rows,
        indices=tuple(indices),
    )
