"""The rooms of docs/map.md, from the import contracts and the first line of each room."""

from __future__ import annotations

import ast
import tomllib
from functools import partial
from pathlib import Path

from markdown_table import table

ROOT = Path(__file__).parents[1]
CONTRACTS = {
    "ngpt_inspect": "Each floor of ngpt_inspect stands on those below",
    "app": "Each floor of the dashboard stands on those below",
    "reference_model": "Each floor of reference_model stands on those below",
}


def floors(package: str) -> list[list[str]]:
    """Return the rooms of a package, floor by floor from the top, as its contract has them."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    (found,) = (each for each in contracts if each["name"] == CONTRACTS[package])
    return [floor.replace(":", "|").replace("|", " ").split() for floor in found["layers"]]


def room_row(name: str) -> tuple[str, str]:
    """Return the folder or file of a room, and the first line of its docstring."""
    path = ROOT.joinpath(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    shown = f"`{name.replace('.', '/')}{'/' if path.is_dir() else '.py'}`"
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return shown, docstring.split("\n", 1)[0]


def rooms(package: str) -> str:
    """Return the table of a package: floor, room, what it is for."""
    rows = [
        (str(n) if room == floor[0] else "", *room_row(room))
        for n, floor in zip(range(len(floors(package)), 0, -1), floors(package), strict=True)
        for room in floor
    ]
    return table(("floor", "room", "what it is for"), rows)


MAKERS = {f"rooms of {package}": partial(rooms, package) for package in CONTRACTS}
