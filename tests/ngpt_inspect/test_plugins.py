import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from ngpt_inspect.plugins import collect


@dataclass
class Tool:
    name: str


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `tools` whose modules can say `from builtins import Tool`."""
    import builtins

    monkeypatch.setattr(builtins, "Tool", Tool, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "tools"
    package.mkdir()
    (package / "__init__.py").touch()
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "tools"]:
        del sys.modules[name]


def test_one_thing_a_module(folder: Path) -> None:
    (folder / "saw.py").write_text("SAW = Tool('saw')")
    (folder / "axe.py").write_text("AXE = Tool('axe')")
    (folder / "_shared.py").write_text("raise SystemExit('helpers are passed over')")
    for name, text in (("handles", "WOOD = 'a room of helpers'"), ("drill", "D = Tool('drill')")):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(text)
    names = ("axe", "drill", "saw")
    assert collect("tools", [str(folder)], Tool) == {name: Tool(name) for name in names}


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("NOTHING = 1", "tools.saw must declare exactly one Tool, not 0"),
        ("A, B = Tool('a'), Tool('b')", "tools.saw must declare exactly one Tool, not 2"),
        ("A = Tool('axe')", "declares 'axe' a second time"),
    ],
)
def test_mistakes_are_named(folder: Path, module: str, message: str) -> None:
    (folder / "axe.py").write_text("AXE = Tool('axe')")
    (folder / "saw.py").write_text(module)
    with pytest.raises(TypeError, match=message):
        collect("tools", [str(folder)], Tool)
