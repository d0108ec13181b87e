"""``ngpt-inspect check``: exit codes, and every form of report read by somebody else's rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import Result
from models import tiny_gpt, tiny_ngpt, write_reference
from rules_files import FINITE, LONG_ROWS

from ngpt_inspect.rules import shipped

Cli = Callable[..., Result]
RULES = f"""
{FINITE}{LONG_ROWS.format(bound=1)}[[rule]]
name = "of-base"
severity = "error"
measure = "embedding_norms"
base = "ratio"
comparison = ">"
bound = 2
"""


@pytest.fixture(autouse=True)
def outside_a_workflow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "NGPT_INSPECT_RULES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A GPT whose rows are long, one of them NaN in the other; and rules about both."""
    gpt = tiny_gpt()
    rows = gpt.arrays["E_input", None].copy()
    rows[4, 1] = np.nan
    (tmp_path / "rules.toml").write_text(RULES)
    return {
        "rules": tmp_path / "rules.toml",
        "long": write_reference(gpt, tmp_path / "long.safetensors"),
        "nan": write_reference(gpt.changed(E_input=rows), tmp_path / "a,b|nan.safetensors"),
    }


def test_exit_codes(files: dict[str, Path], cli: Cli, tmp_path: Path) -> None:
    def code(*words: object) -> int:
        return int(cli("check", *words, "--rules", files["rules"]).exit_code)

    assert code(files["long"]) == 0, "a warning breaks no build"
    assert code(files["long"], "--strict") == 1
    assert code(files["nan"]) == 1
    assert code(files["long"], files["nan"]) == 1
    assert code(files["long"], "--base", files["long"]) == 0
    assert code(tmp_path / "none.safetensors") == 2
    assert code() == 2


def test_against_a_base(files: dict[str, Path], cli: Cli, tmp_path: Path) -> None:
    grown = tiny_gpt().changed(E_output=3 * tiny_gpt().arrays["E_output", None])
    path = write_reference(grown, tmp_path / "grown.safetensors")
    found = cli("check", path, "--rules", files["rules"], "--base", files["long"])
    assert found.exit_code == 1
    assert re.search(r"error +of-base: embedding_norm 3 times the base's \(E_output", found.stdout)
    assert "30 of 60" in found.stdout


def test_text_says_the_worst_place(files: dict[str, Path], cli: Cli) -> None:
    found = cli("check", files["nan"], "--rules", files["rules"], "--quiet")
    head, error, warning = found.stdout.splitlines()
    assert "(reference_gpt): 1 error, 1 warning; 0 kept, 1 not judged" in head
    assert error.startswith("  error    finite: E_input not_finite: ")
    assert warning.startswith("  warning  long-rows: embedding_norm ")
    assert found.stderr == ""


def reported(cli: Cli, files: dict[str, Path], kind: str) -> str:
    words = ("check", files["long"], files["nan"], "--rules", files["rules"], "--format", kind)
    return str(cli(*words).stdout)


def strictly(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


def test_json(files: dict[str, Path], cli: Cli) -> None:
    long, nan = strictly(reported(cli, files, "json"))
    outcomes = {each["rule"]: each["outcome"] for each in nan["verdicts"]}
    assert outcomes == {"finite": "broken", "long-rows": "broken", "of-base": "not judged"}
    assert long["verdicts"][0]["outcome"] == "kept"
    assert nan["verdicts"][0]["worst"]["role"] == "E_input"
    assert (long["step"], long["family"]) == (7, "GPT")


def test_junit_is_read_back(files: dict[str, Path], cli: Cli) -> None:
    root = ElementTree.fromstring(reported(cli, files, "junit"))
    suites = root.findall("testsuite")
    assert [suite.get("failures") for suite in suites] == ["0", "1"]
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "")) == len(cases) == 3
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped")) == 1
        assert all(case.get("name") and case.get("classname") for case in cases)
    failure = suites[1].find("testcase[@name='finite']/failure")
    assert failure is not None
    assert "not_finite" in failure.get("message", "")
    warned = suites[0].find("testcase[@name='long-rows']/system-out")
    assert warned is not None
    assert str(warned.text).startswith("warning: ")


def test_github_annotations(files: dict[str, Path], cli: Cli) -> None:
    lines = reported(cli, files, "github").splitlines()
    assert len(lines) == 3
    pattern = re.compile(r"::(error|warning) file=([^,:]+),title=([^,:]+)::(.+)")
    found = [pattern.fullmatch(line) for line in lines]
    assert all(found)
    assert [each[1] for each in found if each] == ["warning", "error", "warning"]
    assert found[1] is not None
    assert found[1][2].endswith("a%2Cb|nan.safetensors")


def test_markdown_is_a_table(files: dict[str, Path], cli: Cli) -> None:
    text = reported(cli, files, "markdown")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", row)[1:-1] for row in rows]
    assert {len(each) for each in cells} == {4}
    assert len(rows) == 2 + 3


REQUIRED = {
    "": {"version", "runs"},
    "runs": {"tool"},
    "tool": {"driver"},
    "driver": {"name"},
    "rules": {"id"},
    "results": {"message"},
    "message": {"text"},
}
"""What SARIF 2.1.0 requires of the objects that we write, by the key they stand under."""


def lacking(told: Any, under: str = "") -> list[str]:
    if isinstance(told, list):
        return [each for item in told for each in lacking(item, under)]
    if not isinstance(told, dict):
        return []
    missing = [f"{under}.{key}" for key in REQUIRED.get(under, set()) - set(told)]
    return missing + [each for key, value in told.items() for each in lacking(value, key)]


def test_sarif(files: dict[str, Path], cli: Cli) -> None:
    told = strictly(reported(cli, files, "sarif"))
    assert lacking(told) == []
    assert told["version"] == "2.1.0"
    (run,) = told["runs"]
    rules = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert rules == ["finite", "long-rows", "of-base"]
    levels = [(each["ruleId"], each["level"]) for each in run["results"]]
    assert levels == [("long-rows", "warning"), ("finite", "error"), ("long-rows", "warning")]
    for each in run["results"]:
        assert rules[each["ruleIndex"]] == each["ruleId"]
        (place,) = each["locations"]
        uri = place["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9._~/:%-]+", uri)
        assert place["physicalLocation"]["region"] == {"startLine": 1}
        assert each["partialFingerprints"]


def test_inside_a_workflow(
    files: dict[str, Path], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    words = ("check", files["nan"], "--rules", files["rules"])
    found = cli(*words, "--format", "json", "--quiet")
    strictly(found.stdout)
    assert found.stderr.startswith("::error file=")
    assert summary.read_text().startswith("before\n### ")
    assert "`finite`" in summary.read_text()
    twice = cli(*words, "--format", "github")
    assert (twice.stdout.count("::error"), twice.stderr.count("::error")) == (1, 0)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    assert cli(*words).exit_code == 2


def test_a_file_is_whole_or_absent(files: dict[str, Path], cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "report.xml"
    words = ("check", files["long"], "--rules", files["rules"], "--format", "junit")
    assert cli(*words, "-o", out).stdout == ""
    assert ElementTree.parse(out).getroot().tag == "testsuites"
    refused = cli(*words, "-o", tmp_path / "none" / "report.xml")
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "xml"), "no format 'xml'"),
        (("--explain", "kapa"), "did you mean kappa?"),
        (("--rules", "none.toml"), "none.toml: cannot be read"),
        ((), "no checkpoint is named"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], said: str, cli: Cli) -> None:
    found = cli("check", *words)
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert said in found.stderr


def test_every_shipped_rule_is_explained(cli: Cli) -> None:
    for rule in shipped():
        lines = cli("check", "--explain", rule.name).stdout.splitlines()
        assert lines[0].startswith(f"{rule.name}: {rule.severity} when") or rule.item
        assert "{" not in lines[0]


def test_a_gate_that_looked_at_nothing_could_not_run(
    files: dict[str, Path], cli: Cli, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3)}, tmp_path / "x.safetensors")
    found = cli("check", tmp_path / "x.safetensors", "--rules", files["rules"])
    assert (found.exit_code, found.stdout) == (2, "")


def test_the_shipped_rules_know_a_trained_pair(trained: dict[str, Path], cli: Cli) -> None:
    told = strictly(cli("check", trained["ngpt"], "--format", "json").stdout)
    outcomes = {each["rule"]: each["outcome"] for each in told[0]["verdicts"]}
    assert outcomes["unit-norm"] == outcomes["off-the-sphere"] == outcomes["not-finite"] == "kept"
    told = strictly(cli("check", trained["gpt"], "--format", "json").stdout)
    outcomes = {each["rule"]: each["outcome"] for each in told[0]["verdicts"]}
    assert outcomes["unit-norm"] == "not judged"


def test_health_follows_the_house_rules(cli: Cli, tmp_path: Path) -> None:
    """The same file decides the levels, the words and the items of `summary`."""
    path = write_reference(tiny_ngpt(), tmp_path / "ngpt.safetensors")
    rules = tmp_path / "house.toml"
    rules.write_text(
        'extends = "default"\ndrop = ["dead-rows", "many-dead-rows", "unit-norm"]\n'
        '[[rule]]\nname = "off-the-sphere"\nbound = 1e3\n'
        '[[rule]]\nname = "long"\nitem = "long rows"\nseverity = "error"\n'
        'measure = "embedding_norms"\ncomparison = ">"\nbound = 0.5\n'
    )
    words = ("summary", path, "--format", "json")
    usual = {each["item"]: each for each in strictly(cli(*words).stdout)}
    house = {each["item"]: each for each in strictly(cli(*words, "--rules", rules).stdout)}
    assert usual["unit norm"]["level"] == "trouble"
    assert house["unit norm"]["level"] == "ok"
    assert house["unit norm"]["rule"].endswith("trouble when one is off by 100000% or more")
    assert "dead rows" in usual
    assert "dead rows" not in house
    assert house["long rows"]["level"] == "trouble"
    assert house["long rows"]["rule"] == "trouble when embedding_norm is > 0.5"
