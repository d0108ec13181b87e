"""The README says what the code says."""

import re
from pathlib import Path

import pytest

from ngpt_inspect.cli.commands import app
from ngpt_inspect.measures import MEASURES, Measure

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda m: m.name)
def test_every_quantity_is_explained_with_its_formula(measure: Measure) -> None:
    stale = f"README.md is not what the measure {measure.name} declares: `make docs` writes it"
    assert measure.source in README, stale
    for quantity, formula in measure.quantities.items():
        row = f"| `{quantity}` | {formula.replace('|', chr(92) + '|')} |"
        assert row in README, stale


def test_every_command_it_names_exists_and_every_command_is_named() -> None:
    commands = {str(command.name) for command in app.registered_commands}
    named = set(re.findall(r"ngpt-inspect ([a-z][a-z-]+)", README))
    assert named <= commands
    missing = [command for command in commands if f"`{command}`" not in README]
    assert not missing, f"README.md does not name {missing}: `make docs` writes those of measures"


def test_its_pictures_are_there() -> None:
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (Path(__file__).parent.parent / picture).is_file()


def test_no_placeholder_is_left() -> None:
    assert not re.findall(r"\b[A-Z]+_(?:OUTPUT|SECTION|TABLE)\b", README)
