"""What pages are told of what they ask for: at once where it is known, else soon.

A table that is not known yet is made in the background (`engine.jobs`). The page shows how far
the work is and is run again when it is done.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import streamlit as st

from ngpt_inspect.plotting import joined

from .jobs import BackgroundJob, State
from .loading import workshop
from .palette import painted, palette_key
from .questions import Asked, requests

if TYPE_CHECKING:
    import pandas as pd

    from ngpt_inspect.weights import WeightSet

PATIENCE = 0.4
"""Seconds that one run of a page waits for work before it is shown without its results."""
PART, FIRST = 4, 2.5
"""Times as long waits a part that is drawn alone: the rest of the page is there meanwhile; and the
first run of a session while nothing is known: the browser still loads what draws figures."""
WAITING, PATIENT, LONGER = "waiting", "patient for", "patient for longer"


def ask(
    checkpoint: WeightSet,
    measure: str,
    *,
    whole: bool = False,
    layers: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    **options: Any,
) -> pd.DataFrame | None:
    """Return the table of one measure of one checkpoint, or None: it is on its way.

    Parameters
    ----------
    checkpoint, measure
        What is measured; a name from `MEASURES`.
    whole
        With the many single values; else summaries stand in their place.
    layers, roles, options
        As in `ngpt_inspect.measure`.
    """
    return ask_all([checkpoint], [measure], whole=whole, layers=layers, roles=roles, **options)


def ask_all(
    checkpoints: Sequence[WeightSet],
    measures: Iterable[str],
    *,
    whole: bool = False,
    layers: Sequence[int] | None = None,
    roles: Sequence[str] | None = None,
    **options: Any,
) -> pd.DataFrame | None:
    """Return one table of several measures of several checkpoints, or None: it is on its way.

    What failed is left out, and the page says why; so are roles and layers that a checkpoint has
    not. Every checkpoint is in ``attrs`` all the same, so that each keeps its colour.
    """
    found = answer_all(
        checkpoints, measures, whole=whole, layers=layers, roles=roles, options=options
    )
    return None if found is None else found.table


def answer_all(
    checkpoints: Sequence[WeightSet], measures: Iterable[str], **limits: Any
) -> SoFar | None:
    """Return the same with the key that stands for it; `limits` as `requests` takes them."""
    return answer(requests(checkpoints, measures, **limits), checkpoints)


@dataclass(frozen=True, kw_only=True)
class SoFar:
    """What is known of requests by now; what failed is neither late nor in the table."""

    parts: Mapping[Asked, pd.DataFrame]
    """What is kept of what was asked, or of a sample in its place."""
    checkpoints: Sequence[WeightSet]
    key: str
    """Stands for the table: how checkpoints are called, ordered and coloured is part of it."""
    late: tuple[Asked, ...]
    """On their way."""
    sampled: tuple[Asked, ...]
    """Those of the late ones that a sample stands in for."""

    @property
    def known(self) -> tuple[Asked, ...]:
        """What the table is of."""
        return tuple(self.parts)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One table of it all; made only where no cache holds what is drawn of it."""
        shown = [asked.shown(kept) for asked, kept in self.parts.items()]
        return painted(joined(shown, self.checkpoints))

    def said(self) -> str:
        """Say what is still to come, and of what a sample is shown meanwhile; else nothing."""
        bare = [each.title for each in self.late if each not in self.sampled]
        words = [f"Still to come: {'; '.join(bare)}."] if bare else []
        if self.sampled:
            told = "; ".join(each.title for each in self.sampled)
            words.append(f"Still to come, shown from a random sample so far: {told}.")
        return " ".join(words)


def so_far(asked: Sequence[Asked], checkpoints: Sequence[WeightSet]) -> SoFar:
    """Return what is known of requests, from samples where the whole is on its way."""
    found = {each: each.kept() for each in asked}
    unknown = [each for each in asked if found[each] is None]
    samples = {each: sample for each in unknown if (sample := each.sample()) is not None}
    found |= {each: each.kept() for each in samples.values()}
    wanting = [*(each for each in samples.values() if found[each] is None), *unknown]
    wanting.sort(key=lambda each: each.seconds())  # work begins with the first that is asked for
    jobs = {
        each: workshop().ask(each.key, each.title, each.work, seconds=each.seconds)
        for each in wanting
    }
    for each, job in jobs.items():
        if any(table is not None for table in found.values()):
            st.session_state[LONGER] = 0.0
        began = time.monotonic()
        job.wait(max(0.0, st.session_state[PATIENT] + st.session_state[LONGER]))
        st.session_state[PATIENT] -= time.monotonic() - began
        found[each] = each.kept()
    st.session_state[WAITING] += [job for each, job in jobs.items() if found[each] is None]
    late = [e for e in unknown if found[e] is None and jobs[e].state is not State.FAILED]
    parts = {}
    for each in asked:
        way = samples.get(each, each) if found[each] is None else each
        if (kept := found[way]) is not None:
            parts[way] = kept
    return SoFar(
        parts=parts,
        checkpoints=checkpoints,
        key=_key_of(list(parts), checkpoints),
        late=tuple(late),
        sampled=tuple(each for each in late if samples.get(each) in parts),
    )


def answer(asked: Sequence[Asked], checkpoints: Sequence[WeightSet]) -> SoFar | None:
    """Return what is known of requests, or None while any of it is on its way."""
    found = so_far(asked, checkpoints)
    return None if found.late else found


def _key_of(parts: Sequence[Asked], checkpoints: Sequence[WeightSet]) -> str:
    told = [
        [each.key for each in parts],
        [(each.label, each.step) for each in checkpoints],
        palette_key(),
    ]
    return sha256(repr(told).encode()).hexdigest()


def begin(*, alone: bool = False) -> None:
    """Begin to draw a page, or a part of it alone: nothing is waited for yet."""
    st.session_state[PATIENT] = PATIENCE * (PART if alone else 1)
    st.session_state[LONGER] = 0.0 if WAITING in st.session_state else PATIENCE * (FIRST - 1)
    st.session_state[WAITING] = []


def waited_for() -> list[BackgroundJob]:
    """Return the jobs this run of the page would have liked to be done, each once."""
    return list(dict.fromkeys(st.session_state[WAITING]))
