"""Rules files: what can be written, and one line for what cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ngpt_inspect.errors import WrongOption
from ngpt_inspect.rules import in_force, read_rules, shipped

RULE = '[[rule]]\nname = "r"\nseverity = "error"\nmeasure = "condition_numbers"\n'
BOUND = 'comparison = ">"\nbound = 3\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "house.toml"
    path.write_text(text)
    return path


def test_a_house_file_changes_drops_and_adds(tmp_path: Path) -> None:
    text = 'extends = "default"\ndrop = ["dead-rows"]\n[options]\nthreshold = 4.0\n'
    text += '[[rule]]\nname = "kappa"\nbound = 1e6\n'
    found = read_rules(written(tmp_path, text + RULE + BOUND))
    assert {each.name for each in found} == {each.name for each in shipped()} - {"dead-rows"} | {
        "r"
    }
    kappa, before = found.of_name("kappa"), shipped().of_name("kappa")
    assert (kappa.bound, kappa.measure, kappa.severity) == (1e6, before.measure, before.severity)
    assert kappa.words == "from 1e+06"
    assert found.options == {"threshold": 4.0}
    assert found.of_name("r").words == "when condition_number is > 3"


def test_the_environment_names_the_rules_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NGPT_INSPECT_RULES", raising=False)
    assert in_force() == shipped() == read_rules(Path("default"))
    monkeypatch.setenv("NGPT_INSPECT_RULES", str(written(tmp_path, RULE + BOUND)))
    assert [each.name for each in in_force()] == ["r"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x =", "is no TOML"),
        ("", "there is no rule"),
        ("rule = 3", "rule is no list of tables"),
        ('extends = "mine"', "extends is 'mine'"),
        ('extends = "default"\ndrop = ["kapa"]', "did you mean kappa?"),
        ("colour = 1\n" + RULE, "no key 'colour'"),
        ('[[rule]]\nname = "A b"', "no name of lower-case words"),
        (RULE + BOUND + RULE + BOUND, "two rules are named r"),
        (RULE + BOUND + "statistics = 3", "did you mean statistic?"),
        ('[[rule]]\nname = "r"\nmeasure = "unit_norm"\n' + BOUND, "has no severity"),
        (RULE + BOUND.replace("3", '"3"'), "has no bound to compare with"),
        (RULE + 'comparison = "=>"\nbound = 3', "no comparison '=>'"),
        (RULE + 'comparison = ">"', "has no bound"),
        (RULE + "comparison = 3\nbound = 3", "comparison: is 3; give a text"),
        (RULE + BOUND + 'severity = "fatal"'.replace("severity", "over"), "no over 'fatal'"),
        (RULE + BOUND + 'quantity = "kappa"', "no quantity 'kappa'"),
        (RULE + BOUND + 'roles = "W_Q"', "did you mean W_q?"),
        (RULE + BOUND + 'layers = "0"', "layers: is '0'; give a whole number"),
        (RULE + BOUND + "allowed = 2", "2 is no share"),
        (RULE + BOUND + "where = 1", "where: is no table"),
        (RULE + BOUND + "where = { nothing = 1 }", "no quantity 'nothing'"),
        (RULE + BOUND + 'base = "same"', "numbers are not just the same"),
        (RULE + BOUND + 'fact = "family"', "looks at nothing, or at two things"),
        (RULE + BOUND + 'status = "skipped"', "a status has no bound"),
        (RULE.replace("condition_numbers", "conditions") + BOUND, "no measure 'conditions'"),
        (RULE + 'comparison = ">"\nbound = nan', "bound: is nan; give a number"),
        ("[options]\nnone = 1\n" + RULE + BOUND, "options: no key 'none'"),
    ],
)
def test_what_cannot_be_meant_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(WrongOption) as caught:
        read_rules(written(tmp_path, text))
    assert said in str(caught.value)
    assert str(tmp_path / "house.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WrongOption, match="cannot be read"):
        read_rules(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(WrongOption, match="is no TOML"):
        read_rules(tmp_path / "bytes.toml")


ROOT = Path(__file__).parents[3]


def test_the_example_of_the_document_is_a_rules_file(tmp_path: Path) -> None:
    example = (ROOT / "docs/rules.md").read_text().split("```toml\n")[1].split("```")[0]
    found = read_rules(written(tmp_path, example))
    assert {"flat-spectrum", "expected-width", "kappa"} <= {each.name for each in found}
    assert found.of_name("expected-width").words == "when d_model is != 1024"


def test_the_action_types_what_can_be_typed() -> None:
    """Nothing of its inputs is put into a script: they travel in the environment."""
    from typer.main import get_command

    from ngpt_inspect.cli.commands import app

    text = (ROOT / "action.yml").read_text()
    script = text.partition("run: |")[2]
    there = {flag for each in get_command(app).commands["check"].params for flag in each.opts}
    typed = set(re.findall(r"(?<=[( ])--?[a-z]+(?= )", script.replace("--from", "")))
    assert {"--rules", "--base", "--format"} <= typed
    assert {flag for flag in typed if flag.startswith("--")} <= there | {"--strict"}
    assert "${{" not in script
    inputs = set(re.findall(r"inputs\.(\w+)", text))
    declared = text.partition("inputs:")[2].partition("runs:")[0]
    assert all(f"  {name}:\n" in declared for name in inputs)
    used = (ROOT / "examples/pre-release.yml").read_text().partition("with:")[2]
    assert set(re.findall(r"^          (\w+):", used, re.M)) <= inputs | {"sarif_file", "category"}
