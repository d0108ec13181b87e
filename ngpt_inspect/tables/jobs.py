"""One weight and what is asked of it: the unit of work, computed here or shipped by name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from ngpt_inspect.errors import InspectError, UnreadableFile, WrongOption
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures import MEASURES, QUICK_COST, Measure, Values
from ngpt_inspect.numerics.cores import cores
from ngpt_inspect.numerics.finite import NonFinite
from ngpt_inspect.numerics.heartbeat import part
from ngpt_inspect.numerics.memory import WORTH, give_back
from ngpt_inspect.tables.addresses import WeightAddress, address_of
from ngpt_inspect.tables.devices import usable
from ngpt_inspect.vocabulary import Kind, Status
from ngpt_inspect.weights import SharedWeight, Weight, WeightSet

Made = TypeVar("Made")
LARGE = 4e9
"""Products of a job (rows x columns x the smaller side) from which on it takes all cores.

A factorisation that is small for its number of threads spends its time waiting for them, many
times its own on a busy machine (docs/performance.md has a measured case).
"""
BARE = 1e6
"""Nanoseconds of a weight of which next to nothing is asked: it is found and opened."""


@dataclass(frozen=True, kw_only=True)
class Taking:
    """A measure to take, with its settings."""

    measure: Measure
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Computing(ABC, Generic[Made]):
    """What can be computed here, or be said in words and computed elsewhere; on how many cores."""

    device: str
    cores: int | None = None
    """For a large job; None for as many as torch takes. The last bits depend on it."""

    @property
    @abstractmethod
    def is_large(self) -> bool:
        """Whether it alone can keep all cores busy."""

    @property
    @abstractmethod
    def cost(self) -> float:
        """How long it takes, in units of which only ratios count."""

    @abstractmethod
    def run(self) -> Made:
        """Compute it here."""

    @abstractmethod
    def ticket(self) -> Any:
        """Say it in words that travel, names and never tensors; its `run` computes the same."""

    @property
    def needs_torch(self) -> bool:
        """Whether torch computes."""
        return True

    def limited(self) -> AbstractContextManager[None]:
        """Bound torch's threads, where torch computes."""
        if not self.needs_torch:
            return nullcontext()
        return cores(self.cores if self.is_large else 1)

    def elsewhere(self) -> dict[str, Any]:
        """Return the same device and cores in words, for another process."""
        taken = torch_cores() if self.cores is None else self.cores
        return {"device": self.device, "cores": taken}


@dataclass(frozen=True, kw_only=True)
class Job(Computing[list[list[Values]]]):
    """Measures to take of one weight, which is read once for all of them."""

    checkpoint: WeightSet
    weight: Weight
    takings: tuple[Taking, ...]

    @property
    def is_large(self) -> bool:
        """Whether one job alone can keep all cores busy."""
        shape = self.weight.shape
        pairs = self.weight.facts.kind is Kind.EMBEDDING
        return math.prod(shape) * (max(shape) if pairs else min(shape)) >= LARGE

    @property
    def cost(self) -> float:
        """How long all the measures take."""
        return BARE + sum(self.costs)

    @property
    def costs(self) -> list[float]:
        """How long each measure takes; pairs of rows are multiplied for the first that looks."""
        found, multiplied = [], False
        for each in self.takings:
            looks = bool(each.measure.wants(each.options))
            cost = each.measure.cost.of(
                self.weight.shape,
                heads=self.weight.n_blocks is not None,
                multiplies=looks and not multiplied,
            )
            found.append(min(cost, QUICK_COST) if _is_quick(each) else cost)
            multiplied |= looks
        return found

    @property
    def needs_torch(self) -> bool:
        """Whether any of the measures does."""
        return any(each.measure.needs_torch for each in self.takings)

    def run(self) -> list[list[Values]]:
        """Take the measures, in their order.

        Raises
        ------
        WrongOption
            A setting that no tensor could be measured with.
        """
        weight = self.weight
        if any(each.measure.beside for each in self.takings):
            weight = replace(weight, model=self.checkpoint)
        wants = [want for each in self.takings for want in each.measure.wants(each.options)]
        weight = SharedWeight.of(weight, tuple(dict.fromkeys(wants)), needs_torch=self.needs_torch)
        found = []
        with self.limited():
            costs = self.costs
            for number, each in enumerate(self.takings):
                with part(sum(costs[:number]), costs[number], sum(costs)):
                    found.append(self._taken(each, weight))
        if math.prod(self.weight.shape) >= WORTH:
            weight.made.clear()
            give_back()
        return found

    def _taken(self, taking: Taking, weight: Weight) -> list[Values]:
        measure = taking.measure
        if not math.prod(weight.shape):
            return [measure.skipped(f"{weight.source}: no values, of shape {weight.shape}")]
        return made(
            lambda: measure.compute(weight, taking.options, self.device),
            weight.source,
            measure.skipped,
        )

    def ticket(self) -> Ticket:
        """Return what another process needs to run this job: names, never tensors.

        Raises
        ------
        WrongOption
            The model is in memory, and has no name.
        """
        return Ticket(
            address=address_of(self.checkpoint, self.weight),
            takings=tuple((each.measure.name, dict(each.options)) for each in self.takings),
            **self.elsewhere(),
        )


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """A job in words."""

    address: WeightAddress
    takings: tuple[tuple[str, dict[str, Any]], ...]
    """Names of measures, each with its settings."""
    device: str
    cores: int

    def run(self) -> list[list[Values]]:
        """Run the job, in whatever process this is."""
        try:
            checkpoint, weight = self.address.found()
        except UnreadableFile as error:
            return [[MEASURES[name].skipped(str(error))] for name, _ in self.takings]
        return Job(
            checkpoint=checkpoint,
            weight=weight,
            takings=tuple(
                Taking(measure=MEASURES[name], options=options) for name, options in self.takings
            ),
            device=usable(self.device)[0],
            cores=self.cores,
        ).run()


def _is_quick(taking: Taking) -> bool:
    return taking.measure.can_be_quick and bool(taking.options["quick"])


def made(
    compute: Callable[[], Iterable[Values]], source: str, skip: Callable[[str], Values]
) -> list[Values]:
    """Return what is computed of a tensor; one that cannot be measured gives one skipped row.

    Raises
    ------
    WrongOption
        A setting that no tensor could be measured with.
    """
    try:
        return [_defined(values, source) for values in compute()]
    except WrongOption:
        raise
    except (NonFinite, InspectError) as error:
        return [skip(f"{source}: {error}")]


def _defined(values: Values, source: str) -> Values:
    """Mark the numbers that do not exist, or that no float64 holds.

    The stable rank of a matrix of zeros; the norm of a row of 1e308 throughout.
    """
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


def torch_cores() -> int:
    """Return how many cores torch takes in this thread."""
    return torch.get_num_threads()
