"""Rules of the house that import contracts cannot say."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "ngpt_inspect", "reference_model")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MOST_PRIVATE = 6
"""Private files a room may have before it is divided."""


@cache
def parsed(path: Path) -> ast.Module:
    """A file as Python reads it, once for all rules."""
    return ast.parse(path.read_text())


def imported(path: Path) -> list[str]:
    """Every dotted name that a file imports, in full."""
    room = path.relative_to(ROOT).parent.parts
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = room[: len(room) - node.level + 1] if node.level else ()
            start = ".".join([*above, *([node.module] if node.module else [])])
            found += [f"{start}.{alias.name}" for alias in node.names]
    return found


def foreign(path: Path, name: str) -> bool:
    """Whether a name goes through a private one of a room that the file does not lie in."""
    parts = name.split(".")
    private = [n for n, part in enumerate(parts) if part.startswith("_") and part[1:2] != "_"]
    room = path.relative_to(ROOT).parent.parts
    return parts[0] in PACKAGES and any(tuple(parts[:n]) != room[:n] for n in private)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_private_to_a_room_is_used_in_it_alone(package: str) -> None:
    files = [path for path in FILES if path.relative_to(ROOT).parts[0] == package]
    assert len(files) > 10
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}: give it a public name, or import what does"
        for path in files
        for name in imported(path)
        if foreign(path, name)
    ]
    assert wrong == []


def test_a_room_of_many_private_files_is_divided() -> None:
    rooms: dict[Path, list[str]] = defaultdict(list)
    for path in FILES:
        if path.name.startswith("_") and not path.name.startswith("__"):
            rooms[path.parent.relative_to(ROOT)].append(path.name)
    assert {str(room): names for room, names in rooms.items() if len(names) > MOST_PRIVATE} == {}


def test_one_word_means_one_thing() -> None:
    """No two public classes of one package share a name."""
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in FILES:
        inside = path.relative_to(ROOT)
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[inside.parts[0], node.name].append(str(inside))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
