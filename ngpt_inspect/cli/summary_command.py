"""``ngpt-inspect summary`` and ``differences``: checkpoints side by side, fact by fact."""

from dataclasses import dataclass
from typing import ClassVar

from ngpt_inspect.cli.command import Opening, Tabling
from ngpt_inspect.cli.options import Checkpoints, Device, RulesFile


@dataclass(kw_only=True)
class SummaryCommand(Opening, Tabling):
    """One screen: sizes, validation loss, condition numbers, scales, and how healthy it is."""

    example: ClassVar[str] = "runs/gpt runs/ngpt"

    checkpoints: Checkpoints
    rules: RulesFile = None
    device: Device = "cpu"

    def run(self) -> None:
        """Write the facts, then the rule behind each that is no good news."""
        from ngpt_inspect.cli.views import coverage_notes, rule_notes, side_by_side
        from ngpt_inspect.rules.reading import rules_of
        from ngpt_inspect.summary import headers, summary

        self.check_output()
        rules = rules_of(self.rules)
        models = self.opened(self.checkpoints)
        with self.progress("Summary", lambda: side_by_side(headers(models))) as progress:
            table = summary(models, rules=rules, device=self.device, progress=progress)
        self.emit(lambda: [side_by_side(table)], lambda: table)
        self.remark([*rule_notes(table), *coverage_notes(table.attrs)])


@dataclass(kw_only=True)
class DifferencesCommand(Opening, Tabling):
    """Every recorded fact in which checkpoints differ: sizes, settings, constants, tensors."""

    example: ClassVar[str] = "runs/gpt runs/ngpt"

    checkpoints: Checkpoints

    def run(self) -> None:
        """Write the facts that differ, then how many do."""
        from ngpt_inspect.cli.views import side_by_side
        from ngpt_inspect.summary import differences

        self.check_output()
        table = differences(self.opened(self.checkpoints))
        self.emit(lambda: [side_by_side(table, ("group", "item"))], lambda: table)
        counted = f"{table.attrs['differ']} facts differ, {table.attrs['agree']} agree"
        self.remark([*table.attrs["remarks"], counted])
