"""One weight, one measure: the unit of work, computed here or shipped by name to elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import InspectError, UnreadableFile, WrongOption
from ngpt_inspect.measures import MEASURES, Measure, Values
from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.places import MEMORY
from ngpt_inspect.tables.devices import usable
from ngpt_inspect.vocabulary import Kind, Status
from ngpt_inspect.weights import Weight, WeightSet

LARGE = 4e9
"""Products of a job (rows x columns x the smaller side) from which on it takes all cores.

A factorisation that is small for its number of threads spends its time waiting for them, many
times its own on a busy machine (docs/performance.md has a measured case).
"""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A measure to take of one weight."""

    checkpoint: WeightSet
    weight: Weight
    measure: Measure
    options: Mapping[str, Any]
    device: str
    cores: int | None = None
    """For a large job; None for as many as torch takes. The last bits depend on it."""

    @property
    def is_large(self) -> bool:
        """Whether one job alone can keep all cores busy."""
        shape = self.weight.shape
        pairs = self.weight.facts.kind is Kind.EMBEDDING
        return math.prod(shape) * (max(shape) if pairs else min(shape)) >= LARGE

    def run(self) -> list[Values]:
        """Take the measure. A tensor that cannot be measured gives one skipped row.

        Raises
        ------
        WrongOption
            A setting that no tensor could be measured with.
        """
        weight = self.weight
        if self.measure.beside:
            weight = replace(weight, model=self.checkpoint)
        try:
            with self._limited():
                found = self.measure.compute(weight, self.options, self.device)
                return [self._defined(values, weight.source) for values in found]
        except WrongOption:
            raise
        except (NonFinite, InspectError) as error:
            return [skipped(self.measure, f"{weight.source}: {error}")]

    def _limited(self) -> AbstractContextManager[None]:
        """Bound torch's threads, where torch computes."""
        if not self.measure.needs_torch:
            return nullcontext()
        return _cores(self.cores if self.is_large else 1)

    def _defined(self, values: Values, source: str) -> Values:
        """Mark the numbers that do not exist, or that no float64 holds.

        The stable rank of a matrix of zeros; the norm of a row of 1e308 throughout.
        """
        import numpy as np

        lost = ~np.isfinite(values.value) & (np.asarray(values.status) == Status.OK)
        if not lost.any():
            return values
        over = np.isinf(values.value).any()
        why = (
            "is beyond the largest float64, 1.8e308"
            if over
            else "is not defined for its values, or too small for a float64"
        )
        reason = f"{source}: {values.measure} {why}"
        if not np.ndim(values.value):
            return replace(values, value=math.nan, status=Status.SKIPPED, reason=reason)
        return replace(
            values,
            value=np.where(lost, np.nan, values.value),
            status=np.where(lost, Status.SKIPPED, values.status),
            reason=np.where(lost, reason, values.reason),
        )

    def ticket(self) -> Ticket:
        """Return what another process needs to run this job: names, never tensors.

        Raises
        ------
        WrongOption
            The model is in memory, and has no name.
        """
        weights = self.checkpoint.weights
        if self.checkpoint.contents.source.startswith(MEMORY):
            raise WrongOption(
                f"{self.checkpoint.label} is in the memory of this process",
                next_step="save it and name the file, or leave the executor out",
            )
        return Ticket(
            source=self.checkpoint.contents.address or self.checkpoint.contents.source,
            fingerprint=self.checkpoint.contents.fingerprint,
            settings=json.dumps(self.checkpoint.settings, sort_keys=True),
            place=next(n for n, weight in enumerate(weights) if weight is self.weight),
            measure=self.measure.name,
            options=dict(self.options),
            device=self.device,
            cores=_torch_cores() if self.cores is None else self.cores,
        )


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A job in words."""

    source: str
    fingerprint: str
    settings: str
    place: int
    """Of the weight among the checkpoint's weights, whose order is fixed."""
    measure: str
    options: dict[str, Any]
    device: str
    cores: int


def skipped(measure: Measure, reason: str) -> Values:
    """Return the row that says why a measure was not taken."""
    of, statistic = measure.headline
    return Values(
        measure=of,
        statistic=statistic,
        value=float("nan"),
        status=Status.SKIPPED,
        reason=reason,
    )


def run_ticket(ticket: Ticket) -> list[Values]:
    """Run a job from its ticket, in whatever process this is."""
    checkpoint = _opened(ticket.source, ticket.settings)
    if checkpoint.contents.fingerprint != ticket.fingerprint:
        _opened.cache_clear()  # the file may have come right since it was opened here
        checkpoint = _opened(ticket.source, ticket.settings)
    if checkpoint.contents.fingerprint != ticket.fingerprint:
        error = UnreadableFile(
            "the file this process sees is not the one the work was planned for",
            where=ticket.source,
            next_step="give a path that names the same file everywhere",
        )
        return [skipped(MEASURES[ticket.measure], str(error))]
    job = Job(
        checkpoint=checkpoint,
        weight=checkpoint.weights[ticket.place],
        measure=MEASURES[ticket.measure],
        options=ticket.options,
        device=usable(ticket.device)[0],
        cores=ticket.cores,
    )
    return job.run()


@lru_cache(maxsize=8)
def _opened(source: str, settings: str) -> WeightSet:
    return open_checkpoint(source, **json.loads(settings))


@contextmanager
def _cores(count: int | None) -> Iterator[None]:
    """Let torch take so many cores in this thread; None leaves it as it is."""
    import torch

    before = torch.get_num_threads()
    if count is None or count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _torch_cores() -> int:
    import torch

    return torch.get_num_threads()
