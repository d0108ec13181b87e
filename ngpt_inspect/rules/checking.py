"""A gate: what rules need is measured of each checkpoint, and judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ngpt_inspect.checkpoint import distinct
from ngpt_inspect.errors import InspectError
from ngpt_inspect.rules.judging import Outcome, Subject, Verdict, applies, judge
from ngpt_inspect.rules.reading import Rules, in_force, measures_of
from ngpt_inspect.rules.rule import CheckRule, Severity
from ngpt_inspect.tables import Progress, Source, measure, opened
from ngpt_inspect.tables.rows import frame_of, rows_of
from ngpt_inspect.vocabulary import Status
from ngpt_inspect.weights import WeightSet


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A checkpoint, and what the rules say of it."""

    checkpoint: WeightSet
    verdicts: tuple[Verdict, ...]

    def broken(self, *severities: Severity) -> list[Verdict]:
        """Return the verdicts of broken rules, of all or these severities."""
        wanted = severities or tuple(Severity)
        return [
            each
            for each in self.verdicts
            if each.outcome is Outcome.BROKEN and each.rule.severity in wanted
        ]


def check(
    sources: Source | Sequence[Source],
    rules: Rules | None = None,
    *,
    base: Source | None = None,
    device: str = "cpu",
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Checked]:
    """Measure what rules need and return what they say of each checkpoint.

    Parameters
    ----------
    sources
        One or several checkpoints.
    rules
        By default those in force: of `$NGPT_INSPECT_RULES`, or the shipped ones.
    base
        What rules with a `base` compare with.
    device, workers, progress
        As of `measure`; the progress is over all checkpoints.

    Raises
    ------
    InspectError
        A checkpoint cannot be opened, or nothing of one could be measured: a gate that looked
        at nothing is no gate.
    """
    taken = in_force() if rules is None else rules
    models = distinct(opened(sources))
    other = None if base is None else opened(base)[0]
    whole = len(models) + (other is not None)
    done = 0

    def measured(model: WeightSet, chosen: Sequence[CheckRule]) -> Subject:
        nonlocal done
        heard = None if progress is None else _heard(progress, done, whole)
        done += 1
        options = {"device": device, "workers": workers, "progress": heard}
        return subject_of(model, chosen, taken, **options)

    compared = None
    if other is not None:
        compared = measured(other, [rule for rule in taken if rule.base is not None])
    out = []
    for model in models:
        mine = [r for r in taken if applies(r, model) and (r.base is None or compared is not None)]
        subject = measured(model, mine)
        if measures_of(mine) and not _anything(subject):
            reasons = "; ".join(dict.fromkeys(subject.rows["reason"]))
            raise InspectError(
                f"nothing measured: {reasons}",
                where=model.label,
                next_step="`ngpt-inspect tensors` shows what is in it",
            )
        out.append(Checked(checkpoint=model, verdicts=tuple(judge(taken.rules, subject, compared))))
    return out


def subject_of(
    checkpoint: WeightSet, chosen: Sequence[CheckRule], rules: Rules, **how: Any
) -> Subject:
    """Return a checkpoint with the rows that the chosen rules read."""
    names = measures_of(chosen)
    if not names:
        return Subject(checkpoint, frame_of([]))
    table = measure(checkpoint, names, **how, **rules.options_of(names))
    return Subject(checkpoint, rows_of(table, checkpoint))


def _anything(subject: Subject) -> bool:
    return bool((subject.rows["status"] != Status.SKIPPED).any())


def _heard(progress: Progress, done: int, whole: int) -> Progress:
    return lambda part, total: progress(done + part / max(total, 1), whole)
