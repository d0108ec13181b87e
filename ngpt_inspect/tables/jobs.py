"""One weight, one measure: the unit of work, computed here or shipped by name to elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import InspectError, UnreadableFile
from ngpt_inspect.measures import MEASURES, Measure, Values
from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import Weight, WeightSet


@dataclass(frozen=True, kw_only=True)
class Job:
    """A measure to take of one weight."""

    checkpoint: WeightSet
    weight: Weight
    measure: Measure
    options: Mapping[str, Any]
    device: str

    def run(self) -> list[Values]:
        """Take the measure. A tensor that cannot be measured gives one skipped row."""
        try:
            found = self.measure.compute(self.weight, self.options, self.device)
            return [self._defined(values) for values in found]
        except (NonFinite, InspectError) as error:
            reason = f"{self.weight.source}: {error}"
        return [skipped(self.measure, reason)]

    def _defined(self, values: Values) -> Values:
        """Mark a number that does not exist: the stable rank of a matrix of zeros."""
        exists = not isinstance(values.value, float) or not math.isnan(values.value)
        if exists or values.status is Status.SKIPPED:
            return values
        reason = f"{self.weight.source}: {values.measure} is not defined for its values"
        return replace(values, status=Status.SKIPPED, reason=reason)

    def ticket(self) -> Ticket:
        """Return what another process needs to run this job: names, never tensors."""
        return Ticket(
            source=self.checkpoint.contents.source,
            fingerprint=self.checkpoint.contents.fingerprint,
            settings=json.dumps(self.checkpoint.settings, sort_keys=True),
            place=self.checkpoint.weights.index(self.weight),
            measure=self.measure.name,
            options=dict(self.options),
            device=self.device,
        )


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A job in words."""

    source: str
    fingerprint: str
    settings: str
    place: int
    """Index into the checkpoint's weights, whose order is fixed."""
    measure: str
    options: dict[str, Any]
    device: str


def skipped(measure: Measure, reason: str) -> Values:
    """Return the row that says why a measure was not taken."""
    return Values(
        measure=measure.headline, value=float("nan"), status=Status.SKIPPED, reason=reason
    )


def run_ticket(ticket: Ticket) -> list[Values]:
    """Run a job from its ticket, in whatever process this is."""
    checkpoint = _opened(ticket.source, ticket.settings, ticket.fingerprint)
    if checkpoint.contents.fingerprint != ticket.fingerprint:
        raise UnreadableFile(
            "the file this process sees is not the one the work was planned for",
            where=ticket.source,
            next_step="give a path that names the same file everywhere",
        )
    job = Job(
        checkpoint=checkpoint,
        weight=checkpoint.weights[ticket.place],
        measure=MEASURES[ticket.measure],
        options=ticket.options,
        device=ticket.device,
    )
    return job.run()


@lru_cache(maxsize=8)
def _opened(source: str, settings: str, fingerprint: str) -> WeightSet:
    """Open a checkpoint once; anew when other weights are expected at the same path."""
    return open_checkpoint(source, **json.loads(settings))


def results(jobs: Iterable[Job], executor: Executor | None) -> Iterator[list[Values]]:
    """Yield each job's values, in the order of the jobs."""
    if executor is None:
        yield from (job.run() for job in jobs)
    else:
        yield from executor.map(run_ticket, [job.ticket() for job in jobs])
