"""``ngpt-inspect check``: a gate. Rules are measured, judged and reported."""

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from ngpt_inspect.cli.command import Opening
from ngpt_inspect.cli.options import JUDGING, WRITING, Device, RulesFile, Workers
from ngpt_inspect.cli.terminal import write
from ngpt_inspect.errors import InspectError, WrongOption
from ngpt_inspect.naming import named

if TYPE_CHECKING:
    from ngpt_inspect.rules import Checked

BROKEN = 1
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file of GitHub Actions to which a step appends Markdown."""


@dataclass(kw_only=True)
class CheckCommand(Opening):
    """A gate: which rules checkpoints break. Exit code 1 if any, 2 if it could not run.

    Rules are a TOML file (docs/rules.md); without one those that are shipped: NaN or Inf, unit
    norm, condition numbers, rank, dead and equal rows, and against --base norms, condition numbers
    and shape. In GitHub Actions it also annotates the run and appends a table to its summary.
    """

    example: ClassVar[str] = "runs/ngpt --base runs/gpt --format markdown"

    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHECKPOINT...", help="One, or several, each judged by itself."),
    ] = None
    rules: RulesFile = None
    base: Annotated[
        str | None,
        typer.Option(
            help="Compare with this checkpoint: the rules that have a base.",
            metavar="CHECKPOINT",
            rich_help_panel=JUDGING,
        ),
    ] = None
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 1 for warnings too.", rich_help_panel=JUDGING),
    ] = False
    explain: Annotated[
        str | None,
        typer.Option(
            help="Say when a rule is broken, why, and what to do; checks nothing.",
            metavar="RULE",
            rich_help_panel=JUDGING,
        ),
    ] = None
    report: Annotated[
        str,
        typer.Option(
            "--format",
            help="text, json, junit, github, markdown or sarif.",
            rich_help_panel=WRITING,
        ),
    ] = "text"
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Write it here, not to stdout.", rich_help_panel=WRITING
        ),
    ] = None
    device: Device = "cpu"
    workers: Workers = None

    def run(self) -> None:
        """Judge, write the report, tell the workflow it runs in, and exit by what was found."""
        from ngpt_inspect.rules import Severity, check
        from ngpt_inspect.rules.reading import rules_of
        from ngpt_inspect.rules.reports import FORMATS, explained

        as_report = named(self.report, FORMATS, "format", where="--format")
        rules = rules_of(self.rules)
        if self.explain is not None:
            text = explained(rules.of_name(self.explain)) + "\n"
            return write(text.encode(), to=self.output)
        if not self.checkpoints:
            raise WrongOption("no checkpoint is named", next_step="name one, or --explain a rule")
        models = self.opened(self.checkpoints)
        base = None if self.base is None else replace(self, steps="last").opened([self.base])[0]
        with self.progress("Check") as progress:
            results = check(
                models,
                rules,
                base=base,
                device=self.device,
                workers=self.workers,
                progress=progress,
            )
        write(as_report(results).encode(), to=self.output)
        self._tell_the_workflow(results)
        failing = tuple(Severity) if self.strict else (Severity.ERROR,)
        if any(each.broken(*failing) for each in results):
            raise SystemExit(BROKEN)
        return None

    def _tell_the_workflow(self, results: "list[Checked]") -> None:
        """Annotate the run and append to its summary, inside GitHub Actions."""
        from ngpt_inspect.rules.reports import to_github, to_markdown

        if os.environ.get("GITHUB_ACTIONS") == "true" and self.report != "github":
            sys.stderr.write(to_github(results))  # stdout is the report alone
        summary = os.environ.get(STEP_SUMMARY)
        if not summary:
            return
        try:
            with Path(summary).open("a", encoding="utf-8") as file:
                file.write(to_markdown(results))
        except OSError as error:
            raise InspectError(
                f"cannot be written ({error.strerror})",
                where=f"${STEP_SUMMARY}: {summary}",
                next_step="unset it outside GitHub Actions",
            ) from None
