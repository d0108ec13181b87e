"""One look after the other: what is whole and new is measured, kept, judged and logged."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ngpt_inspect.errors import InspectError
from ngpt_inspect.rules import Checked, Rules, Subject, judge
from ngpt_inspect.rules.reading import measures_of
from ngpt_inspect.rules.reports import errors_first, named
from ngpt_inspect.tables import measure
from ngpt_inspect.tables.rows import rows_of
from ngpt_inspect.trackers import Destination, condensed, log_table
from ngpt_inspect.watching.ledger import Ledger
from ngpt_inspect.watching.looking import Looking
from ngpt_inspect.weights import WeightSet


@dataclass(kw_only=True)
class Intake:
    """What is measured of a checkpoint, and where that goes."""

    ledger: Ledger
    rules: Rules
    measures: Sequence[str] = ()
    """Measures beside those that the rules read."""
    destinations: Sequence[Destination] = ()
    heads: bool = False
    """Whether trackers get a series for each head."""
    device: str = "cpu"
    workers: int | None = None

    @property
    def taken(self) -> list[str]:
        """Every measure that is taken of a checkpoint."""
        mine = [rule for rule in self.rules if rule.base is None]
        return list(dict.fromkeys([*measures_of(mine), *self.measures]))

    def take(self, model: WeightSet, *, still: Callable[[], bool] = lambda: True) -> str:
        """Measure a checkpoint, if nobody has, keep and judge it; return what there is to say.

        Nothing is kept of one that is not `still` as it was opened.
        """
        if self.ledger.knows(model.contents.fingerprint, self.taken):
            still()
            return ""
        options = self.rules.options_of(self.taken)
        table = measure(model, self.taken, device=self.device, workers=self.workers, **options)
        if not still():
            return ""
        mine = [rule for rule in self.rules if rule.base is None]
        verdicts = tuple(judge(mine, Subject(model, rows_of(table, model))))
        checked = Checked(checkpoint=model, verdicts=verdicts)
        broken = [
            {"rule": each.rule.name, "severity": str(each.rule.severity), "text": each.text}
            for each in checked.broken()
        ]
        self.ledger.append(condensed(table), self.taken, broken)
        return f"{named(checked)}: {_said(checked)}"

    def log(self) -> Iterator[str]:
        """Send to each tracker what it does not know of; yield why one did not take it."""
        for each in self.destinations:
            for entry, rows in self.ledger.unlogged(str(each)):
                try:
                    log_table(rows, [each], heads=self.heads)
                except InspectError as error:
                    yield str(error)
                    break
                self.ledger.logged(entry, [str(each)])


@dataclass(kw_only=True)
class Watch(Intake):
    """An intake that looks for checkpoints itself."""

    looking: Looking

    def look(self) -> Iterator[str]:
        """Look once; yield a line for each checkpoint that was new, and for what went wrong.

        A checkpoint is in the table before anybody is told of it; what a tracker did not take is
        sent at the next look, or the next start.
        """
        for candidate in self.looking.look():
            try:
                # One that is written again meanwhile is measured at the next look.
                line = self.take(candidate.checkpoint, still=partial(self.looking.done, candidate))
            except InspectError as error:
                line = str(error)
                self.looking.done(candidate)
            if line:
                yield line
            yield from self.log()
        for path, why in list(self.looking.refused.items()):
            if why:
                yield f"not measured: {why}"
                self.looking.refused[path] = ""
        yield from self.log()


def _said(checked: Checked) -> str:
    """Return what the rules say, in one line: the first error or warning, and how many more."""
    broken = list(errors_first(checked))
    if not broken:
        return "no rule is broken"
    first = broken[0]
    more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
    return f"{first.rule.severity} {first.rule.name}: {first.text}{more}"
