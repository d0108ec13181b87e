"""From checkpoints to the table of what changed between each and the one before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.comparing._pairs import WeightPair, matched
from ngpt_inspect.comparing._quantities import CHANGES, SAME, SAME_VALUES, not_compared
from ngpt_inspect.comparing._rates import rate_sum
from ngpt_inspect.comparing._work import Comparison
from ngpt_inspect.errors import MissingRole, WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.measures import Values
from ngpt_inspect.naming import several
from ngpt_inspect.places import is_one
from ngpt_inspect.runs import checkpoints_of
from ngpt_inspect.tables import Progress, Source, opened
from ngpt_inspect.tables.asked import device_for, layers_named, roles_named
from ngpt_inspect.tables.executors import results
from ngpt_inspect.tables.provenance import provenance
from ngpt_inspect.tables.rows import entry_of, frame_of, rows_at
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import WeightSet
from ngpt_inspect.wording import at_step, listed

MOST_REASONS = 3
"""Why weights are skipped; often each weight has another shape."""


def changes(
    *sources: Source | Sequence[Source],
    layers: int | Sequence[int] | None = None,
    roles: str | Sequence[str] | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compare every parameter of a checkpoint with what it was in the checkpoint before.

    Two checkpoints, in order: a base and its fine-tune, two steps. More of them are compared each
    with the one before it; the folder of a training run alone stands for all its steps. Weights
    are matched by role, layer and expert, and by the name of the tensor where no layout gives a
    role: biases too, and tensors of any axes; buffers are not compared. One pair of tensors is
    read at a time (a small one a core); of tensors that are equal it is said and nothing computed.

    Parameters
    ----------
    sources
        What `open_checkpoint` returns, or takes.
    layers, roles
        Restrict to these 0-based layers and these roles (spelled ``W_q``), one or several.
    device, executor, workers, progress
        As in `measure`: the same bits on any executor.

    Returns
    -------
    pandas.DataFrame
        The columns of docs/table.md; `checkpoint` and `step` are those of the later one. `attrs`
        as `measure`, and `pairs`: of each comparison the labels and steps of both, the steps
        between (of one run), and the sum of their learning rates where the run's log has them.

    Raises
    ------
    WrongOption
        There are not two checkpoints; no such layer, role or device.
    MissingRole
        None of the checkpoints has such a layer or role.
    InspectError
        A checkpoint cannot be opened.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> table = ni.changes("runs/gpt", "runs/ngpt", roles="W_q", layers=0)
    >>> table[table["measure"] == "right_overlap_random"]["value"].tolist()
    [0.5]
    """
    from ngpt_inspect.tables.printing import TidyTable

    named = _flat(sources)
    models = distinct(opened(checkpoints_of(named[0], "all") if len(named) == 1 else named))
    if len(models) < 2:
        raise WrongOption(
            "one checkpoint has not changed",
            where=models[0].label,
            next_step="name two, or the folder of a training run with several steps",
        )
    device, device_note = device_for(device, executor)
    wanted, layers = roles_named(roles), layers_named(layers)
    plan = [_part(*pair, wanted, layers) for pair in pairwise(models)]
    if not any(part.pairs for part in plan):
        raise MissingRole(
            "none of the checkpoints has such a weight", next_step="leave layers and roles out"
        )
    work = [each for part in plan for each in part.work(device)]
    found, costs, entries = results(work, executor, workers), [each.cost for each in work], []
    done, total, left = 0.0, sum(costs), iter(costs)
    remarks = [device_note] if device_note else []
    for part in plan:
        mine: list[Sequence[Values]] = []
        for pair in part.pairs:
            if pair.before is None or pair.after is None:
                values = [not_compared(f"only in {part.only(pair)}")]
            else:
                values = next(found)
                done += next(left)
            mine.append(values)
            role = pair.either.role
            entries += [entry_of(part.after, role, each, pair.either) for each in values]
            if progress is not None:
                progress(done, total)
        remarks += part.remarks(mine)
    table: pd.DataFrame = TidyTable(frame_of(entries))
    table.attrs = provenance(entries, models, [], {"device": device})
    table.attrs |= {"results": CHANGES, "remarks": remarks, "pairs": [p.told for p in plan]}
    return table


def rows_after(table: pd.DataFrame, pair: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of one comparison, one of the `pairs` of a table's `attrs`."""
    return rows_at(table, **pair["after"])


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Two checkpoints, and their weights in pairs."""

    before: WeightSet
    after: WeightSet
    pairs: list[WeightPair]
    rate_sum: float | None
    rates_note: str

    def work(self, device: str) -> list[Comparison]:
        return [
            Comparison(
                before=(self.before, pair.before),
                after=(self.after, pair.after),
                rate_sum=self.rate_sum,
                device=device,
            )
            for pair in self.pairs
            if pair.before is not None and pair.after is not None
        ]

    def only(self, pair: WeightPair) -> str:
        """Say who has a weight that the other has not, and why if that is known."""
        there, lacks = (
            (self.after, self.before) if pair.before is None else (self.before, self.after)
        )
        role = pair.either.role
        why = lacks.absent.get(role, "") if role is not None else ""
        return _named(there) + (f"; in {_named(lacks)}: {why}" if why else "")

    def remarks(self, found: Sequence[Sequence[Values]]) -> list[str]:
        """Say how many weights are equal, how many skipped and why, and what is known of rates."""
        reasons = [str(values[0].reason) for values in found]
        name = f"{_named(self.after)} from {_named(self.before)}"
        alone = sum(pair.before is None or pair.after is None for pair in self.pairs)
        said = []
        for equal, how in (
            (SAME, ", byte for byte"),
            (SAME_VALUES, " in value, not byte for byte"),
        ):
            count = sum(reason.startswith(equal) for reason in reasons)
            of = f"{count} of {len(reasons) - alone} weights are equal{how}"
            said += [f"{name}: {of}"] if count else []
        lost = [str(values[0].reason) for values in found if values[0].status == Status.SKIPPED]
        if lost:
            statuses = [each.status for values in found for each in values]
            nothing = all(np.all(status == Status.SKIPPED) for status in statuses)
            how = "nothing compared" if nothing else f"{len(lost)} of {len(found)} weights skipped"
            said.append(f"{name}: {how}: {listed(dict.fromkeys(lost), most=MOST_REASONS)}")
        return said + ([f"{name}: {self.rates_note}"] if self.rates_note else [])

    @property
    def told(self) -> dict[str, Any]:
        before, after = self.before, self.after
        # Steps of one run share its label; between two runs there are none.
        known = before.label == after.label and None not in (before.step, after.step)
        return {
            "before": {"label": before.label, "step": before.step},
            "after": {"label": after.label, "step": after.step},
            "steps": (after.step or 0) - (before.step or 0) if known else None,
            "learning_rate_sum": self.rate_sum,
        }


def _part(before: WeightSet, after: WeightSet, roles: Any, layers: Sequence[int] | None) -> _Part:
    total, note = rate_sum(before, after)
    pairs = matched(before, after, roles, layers)
    return _Part(before=before, after=after, pairs=pairs, rate_sum=total, rates_note=note)


def _named(checkpoint: WeightSet) -> str:
    return at_step(checkpoint.label, checkpoint.step)


def _flat(sources: Sequence[Source | Sequence[Source]]) -> list[Source]:
    """Return sources that were given one by one, or as a list."""
    found: list[Any] = []
    for each in sources:
        one = is_one(each) or isinstance(each, WeightSet)
        found += [each] if one else several(each, what="a checkpoint")
    return found
