"""What rules say, in the forms that people, CI systems and code hosts read."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from ngpt_inspect.measures import MEASURES
from ngpt_inspect.places import is_uri
from ngpt_inspect.rules.checking import Checked
from ngpt_inspect.rules.judging import Outcome, Verdict
from ngpt_inspect.rules.rule import CheckRule, Severity
from ngpt_inspect.version import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def named(checked: Checked) -> str:
    """Return a checkpoint's label, with its step where it has one."""
    step = checked.checkpoint.step
    return checked.checkpoint.label + ("" if step is None else f" @ {step}")


def counted(checked: Checked) -> str:
    """Return how many rules are how: ``1 error, 2 warnings; 14 kept, 6 not judged``."""
    found = ((len(checked.broken(severity)), severity) for severity in Severity)
    bad = [f"{n} {severity}{'' if n == 1 else 's'}" for n, severity in found if n]
    outcomes = [each.outcome for each in checked.verdicts]
    rest = [f"{outcomes.count(each)} {each}" for each in (Outcome.KEPT, Outcome.OPEN)]
    return f"{', '.join(bad) or 'no rule is broken'}; {', '.join(rest)}"


def to_text(results: Sequence[Checked]) -> str:
    """Return a line a broken rule under each checkpoint, errors first, and what was counted."""
    lines = []
    for checked in results:
        lines.append(f"{named(checked)} ({checked.checkpoint.architecture}): {counted(checked)}")
        lines += [
            f"  {verdict.rule.severity:<7}  {verdict.rule.name}: {verdict.text}"
            for verdict in errors_first(checked)
        ]
    return "".join(f"{_one_line(line)}\n" for line in lines)


def to_json(results: Sequence[Checked]) -> str:
    """Return a list of checkpoints with a verdict for each rule: strict JSON, null for infinity."""
    told = [
        {
            "checkpoint": checked.checkpoint.label,
            "step": checked.checkpoint.step,
            "architecture": checked.checkpoint.architecture,
            "family": checked.checkpoint.family,
            "source": checked.checkpoint.contents.source,
            "fingerprint": checked.checkpoint.contents.fingerprint,
            "verdicts": [_verdict(each) for each in checked.verdicts],
        }
        for checked in results
    ]
    return json.dumps(_strict(told), ensure_ascii=False, allow_nan=False) + "\n"


def to_junit(results: Sequence[Checked]) -> str:
    """Return JUnit XML: a suite a checkpoint, a case a rule; an error is a failure.

    A warning passes, and says so in the case's output; what was not judged is skipped.
    """
    root = ElementTree.Element("testsuites", name="ngpt-inspect check")
    for checked in results:
        outcomes = [each.outcome for each in checked.verdicts]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_xml(named(checked)),
            tests=str(len(outcomes)),
            failures=str(len(checked.broken(Severity.ERROR))),
            errors="0",
            skipped=str(outcomes.count(Outcome.OPEN)),
        )
        for verdict in checked.verdicts:
            _case(suite, verdict, named(checked))
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, verdict: Verdict, name: str) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=_xml(name), name=verdict.rule.name, time="0"
    )
    text = _xml(verdict.text)
    if verdict.outcome is Outcome.OPEN:
        ElementTree.SubElement(case, "skipped", message=text)
    elif verdict.outcome is Outcome.KEPT:
        return
    elif verdict.rule.severity is Severity.ERROR:
        failure = ElementTree.SubElement(case, "failure", message=text, type=verdict.rule.name)
        failure.text = _xml(explained(verdict.rule))
    else:
        ElementTree.SubElement(case, "system-out").text = f"warning: {text}"


def to_github(results: Sequence[Checked]) -> str:
    """Return a workflow command for each broken rule: an annotation of the run."""
    lines = []
    for checked in results:
        at = _property(_path(checked))
        for verdict in errors_first(checked):
            title = _property(f"{verdict.rule.name} ({named(checked)})")
            text = _escaped(_one_line(verdict.text))
            lines.append(f"::{verdict.rule.severity} file={at},title={title}::{text}\n")
    return "".join(lines)


def to_markdown(results: Sequence[Checked]) -> str:
    """Return a table for a pull request or a step summary: broken rules, then what was counted."""
    lines = ["### Checkpoints against rules", ""]
    lines += ["| checkpoint | rule | severity | found |", "|---|---|---|---|"]
    for checked in results:
        name = _cell(named(checked))
        for verdict in errors_first(checked):
            icon = "🔴" if verdict.rule.severity is Severity.ERROR else "🟠"
            cells = (name, f"`{verdict.rule.name}`", f"{icon} {verdict.rule.severity}")
            lines.append(f"| {' | '.join(cells)} | {_cell(verdict.text)} |")
        if not checked.broken():
            lines.append(f"| {name} | | 🟢 kept | |")
    lines += ["", *(f"{_cell(named(each))}: {counted(each)}  " for each in results)]
    return "\n".join(lines) + "\n"


def to_sarif(results: Sequence[Checked]) -> str:
    """Return SARIF 2.1.0, as code hosts take it: a rule a rule, a result a place that breaks it."""
    rules = list({v.rule.name: v.rule for each in results for v in each.verdicts}.values())
    number = {rule.name: place for place, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "ngpt-inspect",
                "version": __version__,
                "rules": [_sarif_rule(rule) for rule in rules],
            }
        },
        "columnKind": "utf16CodeUnits",
        "results": [
            _sarif_result(checked, verdict, number[verdict.rule.name])
            for checked in results
            for verdict in errors_first(checked)
        ],
    }
    told = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _sarif_rule(rule: CheckRule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.lead or rule.words},
        "fullDescription": {"text": f"{rule.severity} {rule.words}"},
        "help": {"text": explained(rule)},
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _sarif_result(checked: Checked, verdict: Verdict, number: int) -> dict[str, Any]:
    worst = verdict.broken[0] if verdict.broken else {}
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(checked)},
            "region": {"startLine": 1},  # code hosts show nothing without a line
        }
    }
    if worst.get("tensor"):
        location["logicalLocations"] = [{"fullyQualifiedName": worst["tensor"], "kind": "member"}]
    return {
        "ruleId": verdict.rule.name,
        "ruleIndex": number,
        "level": str(verdict.rule.severity),
        "message": {"text": f"{named(checked)}: {verdict.text}"},
        "locations": [location],
        "partialFingerprints": {
            "checkpoint/v1": f"{checked.checkpoint.contents.fingerprint}:{verdict.rule.name}"
        },
    }


FORMATS: dict[str, Callable[[Sequence[Checked]], str]] = {
    "text": to_text,
    "json": to_json,
    "junit": to_junit,
    "github": to_github,
    "markdown": to_markdown,
    "sarif": to_sarif,
}
"""What `--format` takes."""


def explained(rule: CheckRule) -> str:
    """Return all that is known of a rule: when it is broken, why, what to do, the formula."""
    lines = [f"{rule.name}: {rule.severity} {rule.words}"]
    lines += [f"about: {rule.lead}"] if rule.about else []
    lines += [f"for: {', '.join(rule.families)}"] if rule.families else []
    lines += [f"of: {', '.join(rule.roles)}"] if rule.roles else []
    lines += [f"what to do: {rule.advice}"] if rule.advice else []
    if rule.series is not None:
        of = MEASURES[rule.measure[0]]
        lines.append(f"{rule.series.measure}: {of.quantities[rule.series.measure]}")
    lines += [f"source: {MEASURES[name].source}" for name in rule.measure[:1]]
    if rule.base is not None:
        lines.append("judged only with --base")
    lines += [f"a line of health: {rule.item}"] if rule.item else []
    return "\n".join(lines)


def errors_first(checked: Checked) -> Iterator[Verdict]:
    """Yield the verdicts of broken rules."""
    for severity in Severity:
        yield from checked.broken(severity)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "rule": verdict.rule.name,
        "severity": str(verdict.rule.severity),
        "outcome": str(verdict.outcome),
        "text": verdict.text,
        "value": verdict.value,
        "bound": verdict.rule.bound,
        "judged": verdict.judged,
        "broken": len(verdict.broken),
        "worst": verdict.broken[0] if verdict.broken else None,
    }


def _strict(told: Any) -> Any:
    """Return what JSON has words for: null for NaN and infinity."""
    if isinstance(told, Mapping):
        return {name: _strict(value) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_strict(value) for value in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told


def _path(checked: Checked) -> str:
    """Return where the checkpoint lies, from the working folder on where it is below it."""
    source = checked.checkpoint.contents.source
    if is_uri(source):
        return source
    path = Path(source)
    absolute = path.absolute()
    inside = absolute.is_relative_to(Path.cwd())
    return absolute.relative_to(Path.cwd()).as_posix() if inside else str(path)


def _uri(checked: Checked) -> str:
    from urllib.parse import quote

    path = _path(checked)
    if is_uri(path):
        return path
    return Path(path).as_uri() if Path(path).is_absolute() else quote(path)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(_one_line(text)).replace(":", "%3A").replace(",", "%2C")


def _cell(text: str) -> str:
    """Return text that no Markdown table takes for a cell's end, or for markup of its own."""
    text = _one_line(text).replace("\\", "\\\\").replace("|", "\\|")
    return text.replace("<", "&lt;").replace("`", "\\`")


def _xml(text: str) -> str:
    """Return text that XML can hold: no control characters, no half of a pair."""
    return _one_line(text.replace("\n", "\u2028")).replace("\\u2028", "\n")
