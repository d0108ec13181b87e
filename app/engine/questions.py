"""What can be asked for: a table under a key, and the work that makes it.

The key names all that the table depends on, so that it is measured once for all browser sessions,
and kept (`engine.store`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from ngpt_inspect.errors import InspectError
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.plotting import thinned
from ngpt_inspect.table import Table
from ngpt_inspect.tables import Progress, expected_seconds, measure, summarise
from ngpt_inspect.version import __version__
from ngpt_inspect.vocabulary import COLUMNS

from .loading import store
from .stamps import check_unchanged, stamp_of_opened

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

ONE_PASS = ("dot_products", "nearest_tokens")
"""What looks at all pairs of rows, and is shown together: whichever is asked for, all are taken."""
LARGE = 8192
"""Rows of an embedding from which on all pairs of them take longer than a second."""


class Asked:
    """A table that is kept under a key, and the work that makes it."""

    @property
    def key(self) -> str:
        """Name of the result: it changes with all that the result depends on."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What is being done, for people."""
        raise NotImplementedError

    def seconds(self) -> float:
        """Return about how long it takes, on one core; what takes least is done first."""
        return math.inf

    @property
    def read(self) -> Sequence[WeightSet]:
        """What it reads the files of: all are still those that were opened, or nothing is kept."""
        raise NotImplementedError

    def make(self, progress: Progress) -> dict[str, pd.DataFrame]:
        """Make the table, and what else comes of the same work, by key."""
        raise NotImplementedError

    def work(self, progress: Progress) -> None:
        """Make the table, and keep it."""
        made = self.make(progress)
        for each in self.read:
            check_unchanged(each.contents)
        for key, table in made.items():
            store().put(key, table)

    def kept(self) -> pd.DataFrame | None:
        """Return the table if it is known; what failed has none, and may have one later.

        All sessions share it: nobody may change it.
        """
        return store().get(self.key)

    def shown(self, kept: pd.DataFrame) -> pd.DataFrame:
        """Return the table that is kept as pages take it."""
        return kept

    def sample(self) -> Asked | None:
        """Return what stands in its place until it is known, if that is sooner."""
        return None


@dataclass(frozen=True, kw_only=True, eq=False)
class Request(Asked):
    """One measure of one checkpoint."""

    checkpoint: WeightSet
    measure: str
    whole: bool = False
    """With the many single values; else summaries stand in their place."""
    layers: tuple[int, ...] | None = None
    roles: tuple[str, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Names the result: the files by size and time, what is asked, and who computes it."""
        contents = self.checkpoint.contents
        asked = (self.measure, self.whole, self.layers, self.roles, sorted(self.options.items()))
        opened = json.dumps(self.checkpoint.settings, sort_keys=True, default=str)
        state = stamp_of_opened(contents)
        told = repr((__version__, COLUMNS, contents.source, state, opened, asked))
        return sha256(told.encode()).hexdigest()

    @property
    def title(self) -> str:
        """What is being done, for people."""
        sampled = ", from a sample" if "quick" in self.options else ""
        return f"{MEASURES[self.measure].title} of {self.checkpoint.label}{sampled}"

    def seconds(self) -> float:
        """As the measure declares; a choice of layers, tokens or a sample takes less."""
        limits: dict[str, Any] = {"layers": self.layers, "roles": self.roles, **self.options}
        try:
            return expected_seconds(self.checkpoint, [self.measure], **limits)
        except InspectError:
            return 0.0  # it cannot be measured, and says so at once

    def sample(self) -> Request | None:
        """Return the same of a random sample, where all of it takes more than a second."""
        large = (self.checkpoint.shape.vocab_size or 0) >= LARGE
        if not large or "quick" in self.options or not MEASURES[self.measure].can_be_quick:
            return None
        return replace(self, options={**self.options, "quick": True})

    @property
    def read(self) -> Sequence[WeightSet]:
        """The one checkpoint."""
        return [self.checkpoint]

    def make(self, progress: Progress) -> dict[str, pd.DataFrame]:
        """Measure; with the single values and without."""
        if self.kept() is not None:
            return {}  # asked for in another way while this was waiting
        asked = self._together()
        # Labels depend on what else is open; they are put in when the table is taken out.
        unnamed = replace(self.checkpoint, label="")
        table = summarise(
            measure(
                unnamed,
                [each.measure for each in asked],
                layers=self.layers,
                roles=self.roles,
                progress=progress,
                **self.options,
            )
        )
        made = {}
        for each in asked:
            mine = each._narrowed(table if asked == [self] else _of_measure(table, each.measure))
            made[replace(each, whole=True).key] = mine
            made[replace(each, whole=False).key] = thinned(mine)
        return made

    def _together(self) -> list[Request]:
        """Return this and what is not known yet of those that the same pass answers."""
        if self.measure not in ONE_PASS or set(self.options) - {"quick"}:
            return [self]
        others = (replace(self, measure=name) for name in ONE_PASS if name != self.measure)
        return [self, *(each for each in others if each.kept() is None)]

    def kept(self) -> pd.DataFrame | None:
        """Return the table if it is known, by itself or as part of a wider one."""
        found = store().get(self.key)
        if found is None and (self.layers, self.roles) != (None, None):
            found = store().get(replace(self, layers=None, roles=None).key)
        return found

    def shown(self, kept: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that are asked for, under the label that the checkpoint has here."""
        kept = self._narrowed(kept)
        # Without attrs, which pandas would copy deeply each time.
        named = Table.of(kept).rows.assign(checkpoint=self.checkpoint.label)
        named["checkpoint"] = named["checkpoint"].astype(kept["checkpoint"].dtype)
        (facts,) = kept.attrs["checkpoints"]
        named.attrs = kept.attrs | {
            "checkpoints": [facts | {"label": self.checkpoint.label, "step": self.checkpoint.step}]
        }
        return named

    def _narrowed(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of the layers and roles that are asked for.

        Of some layers only: what is summarised over all layers says nothing of them.
        """
        wanted = np.ones(len(table), bool)
        for column, values in (("layer", self.layers), ("role", self.roles)):
            if values is not None:
                wanted &= table[column].isin(list(values)).to_numpy(bool)
        rows = table if wanted.all() else table[wanted]
        rows.attrs = table.attrs
        return rows


def requests(
    checkpoints: Sequence[WeightSet],
    measures: Iterable[str],
    *,
    whole: bool = False,
    layers: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[Request]:
    """Return what is to be asked for: each measure of each checkpoint that has what it takes."""
    return [
        Request(
            checkpoint=checkpoint,
            measure=name,
            whole=whole,
            layers=_present(layers, range(checkpoint.shape.n_layers)),
            roles=_present(roles, _measurable(checkpoint, name)),
            options=options or {},
        )
        for name in dict.fromkeys(measures)
        for checkpoint in checkpoints
        if _present(layers, range(checkpoint.shape.n_layers)) != ()
        and _present(roles, _measurable(checkpoint, name)) != ()
    ]


def _of_measure(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return what one measure says in a table of `ONE_PASS`."""
    rows = table[table["measure"].isin(list(MEASURES[name].quantities))]
    options = {each: {option.name for option in MEASURES[each].options} for each in ONE_PASS}
    foreign = set().union(*options.values()) - options[name]
    settings = table.attrs["settings"]
    rows.attrs = table.attrs | {
        "measures": [name],
        "settings": {key: settings[key] for key in settings if key not in foreign},
    }
    return rows


def _measurable(checkpoint: WeightSet, measure: str) -> tuple[str, ...]:
    return tuple(role for role in checkpoint.roles if role in MEASURES[measure].roles)


def _present(wanted: Sequence[Any] | None, there: Container[Any]) -> tuple[Any, ...] | None:
    return None if wanted is None else tuple(each for each in wanted if each in there)
