"""What the page of tensors asks for: norms of all, values of one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from ngpt_inspect.tables import Progress
from ngpt_inspect.tables.tensor_rows import tensor_norms, tensor_rows, tensor_values
from ngpt_inspect.version import __version__

from ...engine.answers import ask, so_far
from ...engine.questions import Asked
from ...engine.stamps import stamp_of_opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ngpt_inspect.weights import WeightSet


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorRequest(Asked):
    """Norms of all tensors of a checkpoint, or the values of one."""

    checkpoint: WeightSet
    tensor: str = ""
    """Empty for the norms of all."""

    @cached_property
    def key(self) -> str:
        """Names the result: the files by size and time, and what is asked."""
        contents = self.checkpoint.contents
        told = repr((__version__, contents.source, stamp_of_opened(contents), self.tensor))
        return sha256(f"tensors {told}".encode()).hexdigest()

    @property
    def title(self) -> str:
        """What is being done, for people."""
        return f"{self.tensor or 'Norms of the tensors'} of {self.checkpoint.label}"

    @property
    def read(self) -> Sequence[WeightSet]:
        """The one checkpoint."""
        return [self.checkpoint]

    def make(self, progress: Progress) -> dict[str, pd.DataFrame]:
        """Read the tensors, one after another."""
        if self.tensor:
            return {self.key: tensor_values(self.checkpoint.contents.tensors[self.tensor])}
        return {self.key: tensor_norms(self.checkpoint, progress)}


def values_of(checkpoint: WeightSet, tensor: str = "") -> pd.DataFrame | None:
    """Return histogram and singular values of one tensor, or all norms.

    None where they are on their way, and where they cannot be had: the top of the page says which.
    """
    request = TensorRequest(checkpoint=checkpoint, tensor=tensor)
    return so_far([request], [checkpoint]).parts.get(request)


def tensors_of(checkpoint: WeightSet) -> pd.DataFrame:
    """Return one row a tensor and role, with norm, κ and status as far as they are known."""
    import pandas as pd

    table = pd.DataFrame(tensor_rows(checkpoint)).drop(columns="checkpoint")
    table["shape"] = table["shape"].map(lambda shape: " × ".join(map(str, shape)))
    table["role"] = table["role"].map(lambda role: None if role is None else str(role))
    table = table.astype({"layer": "Int64", "expert": "Int64", "bytes": "Int64"})
    norms = values_of(checkpoint)
    if norms is not None:
        table = table.merge(norms[["tensor", "norm", "status", "reason"]], on="tensor", how="left")
        table["note"] = table["note"].where(table["reason"].fillna("") == "", table["reason"])
        table = table.drop(columns="reason")
    kappa = ask(checkpoint, "condition_numbers")
    if kappa is not None and len(kappa):
        table = _with_kappa(table, kappa)
    return table


def _with_kappa(table: pd.DataFrame, kappa: pd.DataFrame) -> pd.DataFrame:
    """Return the same with κ of whole matrices: of the tensor, and of the role it plays."""
    whole = kappa["head"].isna() & kappa["statistic"].isna()
    rows = kappa[whole & (kappa["measure"] == "condition_number")]
    keys = ["tensor", "role", "layer", "expert"]
    told = rows[[*keys, "value", "status"]].rename(columns={"value": "kappa", "status": "rank"})
    told = told.astype({"role": object, "tensor": object}).sort_values("kappa")  # none comes last
    told = told.drop_duplicates(keys)
    out = table.merge(told, on=keys, how="left")
    if "status" in out:
        out["status"] = out["status"].where(out["rank"].isna(), out["rank"].astype(object))
    return out.drop(columns="rank")
