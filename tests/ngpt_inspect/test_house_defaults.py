"""House defaults: where the file is, what it can say, and what is said of a mistake in it."""

from pathlib import Path

import pytest

from ngpt_inspect.cli.watch_command import WatchCommand
from ngpt_inspect.environment import environment
from ngpt_inspect.errors import InspectError
from ngpt_inspect.house import House, config_file, house
from ngpt_inspect.rules import in_force, shipped


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "ngpt-inspect").mkdir()
    return tmp_path / "ngpt-inspect" / "config.toml"


def test_without_a_file_nothing_is_said(file):
    assert house() == House(file=file)
    assert environment()["house defaults"] == f"none at {file}"


def test_without_the_variable_it_is_below_home(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config_file() == tmp_path / ".config" / "ngpt-inspect" / "config.toml"


def test_paths_are_from_its_folder_on_and_env_shows_them(file):
    file.write_text('rules = "lab.toml"\ncache = "~/kept"\ntrackers = ["tensorboard", "wandb"]\n')
    said = house()
    assert said.rules == file.parent / "lab.toml"
    assert said.cache == Path.home() / "kept"
    assert said.trackers == ("tensorboard", "wandb")
    facts = environment()
    assert facts["house defaults"] == str(file)
    assert facts["house rules"] == str(said.rules)
    assert facts["house trackers"] == "tensorboard, wandb"


def test_its_rules_are_in_force_unless_the_variable_names_others(file, monkeypatch):
    monkeypatch.delenv("NGPT_INSPECT_RULES", raising=False)
    file.write_text('rules = "none.toml"')
    with pytest.raises(InspectError, match=r"none\.toml"):
        in_force()
    monkeypatch.setenv("NGPT_INSPECT_RULES", "default")
    assert in_force() == shipped()


def test_watch_sends_numbers_to_its_trackers_unless_others_are_typed(file, tmp_path):
    file.write_text('trackers = ["nosuch=logs"]')
    with pytest.raises(InspectError, match="nosuch"):
        WatchCommand(folder=tmp_path, once=True).run()
    with pytest.raises(InspectError, match="another"):
        WatchCommand(folder=tmp_path, once=True, to=["another=logs"]).run()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rule = 'x'", "no setting rule; did you mean rules?"),
        ("cache = 3", "3 is no path"),
        ("trackers = 'wandb'", "is no list of names"),
        ("rules = ", "repair it"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(file, text, words):
    file.write_text(text)
    with pytest.raises(InspectError) as error:
        house()
    assert words in str(error.value)
    assert str(error.value).startswith(str(file))
    assert len(str(error.value).splitlines()) == 1
    assert words in environment()["house defaults"]
