"""README and docs say what the code says: commands and names exist, links lead somewhere."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from click import Context
from typer.main import get_command

import ngpt_inspect as ni
from ngpt_inspect.cli.commands import app
from ngpt_inspect.measures import MEASURES, Measure

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
ALL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SCREEN = 60
"""Lines of a README that is seen at one glance."""


def blocks(kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall(ALL) if found == kind]


def typed() -> list[str]:
    """Return every command line of the tool that a document shows."""
    lines = "\n".join(blocks("console")).splitlines()
    return [line[2:] for line in lines if line.startswith("$ ngpt-inspect ")]


def anchors(page: Path) -> set[str]:
    """Return what headings can be linked to, as Markdown makes it of their words."""
    heads = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda m: m.name)
def test_every_quantity_is_explained_with_its_formula(measure: Measure) -> None:
    numbers = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
    stale = f"docs/numbers.md is not what the measure {measure.name} declares: `make docs`"
    assert measure.source in numbers, stale
    for quantity, formula in measure.quantities.items():
        row = f"| `{quantity}` | {formula.replace('|', chr(92) + '|')} |"
        assert row in numbers, stale


def test_every_command_it_names_exists_and_every_command_is_named() -> None:
    commands = {str(command.name) for command in app.registered_commands}
    named = set(re.findall(r"ngpt-inspect ([a-z][a-z-]+)", README.read_text(encoding="utf-8")))
    assert named <= commands
    told = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    missing = [command for command in commands if f"`{command}`" not in told]
    assert not missing, f"docs/command_line.md does not name {missing}"


def test_it_is_one_screen_with_one_picture() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= SCREEN
    assert len(re.findall(r"!\[", text)) == 1


def test_every_command_line_can_be_typed() -> None:
    command = get_command(app)
    lines = typed()
    assert len(lines) > 30
    for line in lines:
        words = shlex.split(line.partition(" # ")[0].partition(">")[0].partition(";")[0])[1:]
        if words[0].startswith("--"):
            continue
        sub = command.commands[words[0]]  # type: ignore[attr-defined]
        with Context(sub, info_name=words[0]) as context:
            sub.parse_args(context, words[1:])


def test_python_blocks_are_python_and_name_what_there_is() -> None:
    for block in blocks("python"):
        if block.startswith("ni."):
            continue  # the signatures of the reference
        tree = ast.parse(block)
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "ni"
        }
        assert used <= set(ni.__all__)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_is_in_the_site_and_the_site_has_no_other() -> None:
    said = re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    there = [str(page.relative_to(ROOT / "docs")) for page in PAGES[1:]]
    assert sorted(said) == sorted(there)


def test_no_placeholder_is_left() -> None:
    assert not re.findall(r"\b[A-Z]+_(?:OUTPUT|SECTION|TABLE)\b", ALL)
