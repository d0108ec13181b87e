"""In which facts checkpoints differ: what headers say, and whether values are the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.errors import WrongOption
from ngpt_inspect.later.pandas import pd
from ngpt_inspect.sameness import blocks_for, remarks_on
from ngpt_inspect.summary.recorded import GROUPS, VALUES, Recorded, recorded
from ngpt_inspect.tables import Source, opened
from ngpt_inspect.wording import listed

Facts = dict[tuple[str, str], Recorded]
COLUMNS = ("checkpoint", "step", "group", "item", "text")


def differences(sources: Source | Sequence[Source]) -> pd.DataFrame:
    """Return the facts in which checkpoints differ, a row for each fact and checkpoint.

    Compared are the architecture and sizes, the constants and whether each was read or assumed,
    step and tokens, the settings recorded beside the weights, which roles and other tensors there
    are, in which shapes and dtypes, and their values: by blocks of bytes spread through each
    tensor (`ngpt_inspect.sameness`), so that different values are certain to differ, and equal
    ones are equal where they were looked at.

    Returns
    -------
    DataFrame
        Columns ``checkpoint, step, group, item, text``; `attrs` has ``differ`` and ``agree``,
        how many facts do, and ``remarks``.

    Raises
    ------
    WrongOption
        There is only one checkpoint.
    InspectError
        A checkpoint cannot be opened.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> table = ni.differences(["runs/gpt", "runs/ngpt"])
    >>> table[table["item"] == "family"]["text"].tolist()
    ['GPT', 'nGPT']
    """
    checkpoints = distinct(opened(sources))
    if len(checkpoints) < 2:
        raise WrongOption(
            "one checkpoint differs from nothing",
            where=checkpoints[0].label,
            next_step="name two or more",
        )
    n_blocks = blocks_for(checkpoints)
    facts = [recorded(checkpoint, n_blocks) for checkpoint in checkpoints]
    alike = [key for key in _in_order(facts) if key[0] != VALUES or _is_comparable(key, facts)]
    keys = [key for key in alike if key[0] != VALUES or _is_told(key, facts)]
    differing = [key for key in keys if len({_compared(mine.get(key)) for mine in facts}) > 1]
    rows = []
    for group, item in differing:
        mine = [each.get((group, item)) for each in facts]
        texts = _places(mine) if group == VALUES else _told_apart(mine)
        rows += [
            (checkpoint.label, checkpoint.step, group, item, text)
            for checkpoint, text in zip(checkpoints, texts, strict=True)
        ]
    out = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"step": "Int64"})
    out.attrs = {"differ": len(differing), "agree": len(keys) - len(differing)}
    out.attrs["remarks"] = [*remarks_on(checkpoints), *_untold(set(alike) - set(keys))]
    return out


def _is_comparable(key: tuple[str, str], facts: Sequence[Facts]) -> bool:
    """Whether all have such tensors, of one shape and dtype: what differs there says it all."""
    _, item = key
    kinds = [("weights", name) for name in item.split()] + [("other tensors", item)]
    return all(key in mine for mine in facts) and all(
        len({_compared(mine.get(kind)) for mine in facts}) == 1 for kind in kinds
    )


def _is_told(key: tuple[str, str], facts: Sequence[Facts]) -> bool:
    return all(mine[key].value for mine in facts)


def _untold(keys: Iterable[tuple[str, str]]) -> list[str]:
    """Say of which tensors nobody knows whether their values agree."""
    names = sorted(item for _, item in keys)
    why = "their bytes are compressed, in another order, or elsewhere"
    return [f"values not compared of {listed(names)}: {why}"] if names else []


def _places(facts: Sequence[Recorded | None]) -> Iterator[str]:
    """Yield what names the values of each checkpoint, and where they are not those of the first."""
    told = [fact for fact in facts if fact is not None]
    first = dict(told[0].value)
    for fact in told:
        others = [where for where, digest in fact.value if first.get(where) != digest]
        some = 0 < len(others) < len(fact.value)
        yield f"{fact.text}, others in {listed(others)}" if some else fact.text


def _in_order(facts: Sequence[Facts]) -> list[tuple[str, str]]:
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
            yield fact.exact or fact.text if in_full else fact.text
