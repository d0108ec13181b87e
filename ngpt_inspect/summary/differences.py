"""In which facts checkpoints differ, from their headers alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.summary.recorded import GROUPS, Recorded, recorded
from ngpt_inspect.tables import Source, opened

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("checkpoint", "step", "group", "item", "text")


def differences(sources: Source | Sequence[Source]) -> pd.DataFrame:
    """Return the facts in which checkpoints differ, a row for each fact and checkpoint.

    Compared are the architecture and sizes, the constants and whether each was read or assumed,
    step and tokens, the settings recorded beside the weights, and which roles and other tensors
    there are, in which shapes and dtypes. No tensor is read.

    Returns
    -------
    DataFrame
        Columns ``checkpoint, step, group, item, text``; `attrs` has ``differ`` and ``agree``,
        how many facts do.

    Raises
    ------
    WrongOption
        There is only one checkpoint.
    InspectError
        A checkpoint cannot be opened.
    """
    import pandas as pd

    checkpoints = distinct(opened(sources))
    if len(checkpoints) < 2:
        raise WrongOption(
            "one checkpoint differs from nothing",
            where=checkpoints[0].label,
            next_step="name two or more",
        )
    facts = [recorded(checkpoint) for checkpoint in checkpoints]
    keys = _in_order(facts)
    differing = [key for key in keys if len({_compared(mine.get(key)) for mine in facts}) > 1]
    rows = []
    for group, item in differing:
        texts = _told_apart([mine.get((group, item)) for mine in facts])
        rows += [
            (checkpoint.label, checkpoint.step, group, item, text)
            for checkpoint, text in zip(checkpoints, texts, strict=True)
        ]
    out = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"step": "Int64"})
    out.attrs = {"differ": len(differing), "agree": len(keys) - len(differing)}
    return out


def _in_order(facts: Sequence[dict[tuple[str, str], Recorded]]) -> list[tuple[str, str]]:
    keys = dict.fromkeys(key for mine in facts for key in mine)
    return sorted(keys, key=lambda key: GROUPS.index(key[0]))


def _compared(fact: Recorded | None) -> object:
    # 1 and True are equal in Python, and 1.0 is too; as settings only the numbers are.
    return None if fact is None else (isinstance(fact.value, bool), fact.value)


def _told_apart(facts: Sequence[Recorded | None]) -> Iterator[str]:
    """Yield what each checkpoint shows; numbers that rounding makes equal are shown in full."""
    absent = next(fact.absent for fact in facts if fact is not None)
    shown = {_compared(fact): fact.text for fact in facts if fact is not None}
    in_full = len(set(shown.values())) < len(shown)
    for fact in facts:
        if fact is None:
            yield absent
        else:
            yield fact.exact if in_full else fact.text
