"""Two weights to compare: the unit of work, done here or said in words and done elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ngpt_inspect.comparing._quantities import compared, not_compared
from ngpt_inspect.errors import InspectError
from ngpt_inspect.measures import Cost, Values
from ngpt_inspect.tables.addresses import WeightAddress, address_of
from ngpt_inspect.tables.devices import usable
from ngpt_inspect.tables.jobs import BARE, LARGE, Computing, made
from ngpt_inspect.weights import Weight, WeightSet

COST = Cost(values=30, products=0.1, spectra=0.3)
"""What a comparison takes (`benchmarks/changes.py`)."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Computing[list[Values]]):
    """A weight and what became of it."""

    before: tuple[WeightSet, Weight]
    after: tuple[WeightSet, Weight]
    rate_sum: float | None
    """Of the learning rates of the steps between; None where nothing has them."""

    @property
    def is_large(self) -> bool:
        """Whether it alone can keep all cores busy."""
        shape = self.after[1].shape
        return math.prod(shape) * min(shape, default=0) >= LARGE

    @property
    def cost(self) -> float:
        """How long it takes: two Gram matrices and their spectra."""
        shape = self.after[1].shape
        return BARE + COST.of(shape if len(shape) == 2 else (math.prod(shape), 1))

    def run(self) -> list[Values]:
        """Compare them; what cannot be compared gives one skipped row."""
        (_, before), (_, after) = self.before, self.after
        with self.limited():
            return made(
                lambda: compared(before, after, self.rate_sum, self.device),
                after.source,
                not_compared,
            )

    def ticket(self) -> ComparisonTicket:
        """Return what another process needs to make it: names, never tensors."""
        return ComparisonTicket(
            before=address_of(*self.before),
            after=address_of(*self.after),
            rate_sum=self.rate_sum,
            **self.elsewhere(),
        )


@dataclass(frozen=True, kw_only=True)
class ComparisonTicket:
    """A comparison in words."""

    before: WeightAddress
    after: WeightAddress
    rate_sum: float | None
    device: str
    cores: int

    def run(self) -> list[Values]:
        """Make the comparison, in whatever process this is."""
        try:
            before, after = self.before.found(), self.after.found()
        except InspectError as error:
            return [not_compared(str(error))]
        return Comparison(
            before=before,
            after=after,
            rate_sum=self.rate_sum,
            device=usable(self.device)[0],
            cores=self.cores,
        ).run()
