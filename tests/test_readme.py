"""The README says what the code says."""

import re
from pathlib import Path

import pytest

from ngpt_inspect.cli.commands import app
from ngpt_inspect.measures import MEASURES, Measure

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda m: m.name)
def test_every_quantity_is_explained_with_its_formula(measure: Measure) -> None:
    assert measure.source in README
    for quantity, formula in measure.quantities.items():
        row = f"| `{quantity}` | {formula.replace('|', chr(92) + '|')} |"
        assert row in README


def test_every_command_it_names_exists_and_every_command_is_named() -> None:
    commands = {str(command.name) for command in app.registered_commands}
    named = set(re.findall(r"ngpt-inspect ([a-z][a-z-]+)", README))
    assert named <= commands
    assert all(f"`{command}`" in README for command in commands)


def test_its_pictures_are_there() -> None:
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (Path(__file__).parent.parent / picture).is_file()


def test_no_placeholder_is_left() -> None:
    assert not re.findall(r"\b[A-Z]+_(?:OUTPUT|SECTION|TABLE)\b", README)
