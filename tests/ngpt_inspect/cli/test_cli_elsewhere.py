"""Where people are: as an extension of `hf`, for agents, and completed by the shell."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from typer.main import get_command

from ngpt_inspect.cli import commands, skill_command
from ngpt_inspect.cli.hub import EXTENSION

ROOT = Path(__file__).parents[3]
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """Return what each script would open; a folder ``here/model`` lies here."""
    found = []

    def note(source, **settings):
        found.append(source)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    (tmp_path / "here" / "model").mkdir(parents=True)
    monkeypatch.setattr("ngpt_inspect.runs.checkpoints_of", lambda source, steps: [source])
    monkeypatch.setattr("ngpt_inspect.checkpoint.open_checkpoint", note)

    def run(script, *words):
        found.clear()
        CliRunner().invoke(get_command(commands.app), words, prog_name=script)
        return found

    return run


@pytest.mark.parametrize("command", ["summary", "report", "condition-numbers"])
def test_the_extension_takes_names_of_the_hub(opened, command):
    assert SCRIPTS[EXTENSION] == SCRIPTS["ngpt-inspect"]
    assert opened(EXTENSION, command, "org/model") == ["hf://org/model"]
    assert opened(EXTENSION, command, "org/model@v1.0") == ["hf://org/model@v1.0"]
    assert opened("ngpt-inspect", command, "org/model") == ["org/model"]


@pytest.mark.parametrize("source", ["here/model", "s3://a/b", "./a/b", "/a/b", "file", "a/b/c"])
def test_what_is_no_name_of_the_hub_stays(opened, source):
    assert opened(EXTENSION, "summary", source) == [source]


def test_the_skill_is_printed_or_put_where_agents_look(cli, tmp_path):
    printed = cli("skill").stdout
    done = cli("skill", "-o", tmp_path / ".agents/skills")
    path = tmp_path / ".agents/skills" / skill_command.NAME / "SKILL.md"
    assert done.stdout.strip() == str(path)
    assert path.read_text() == printed
    _, front, _ = printed.split("---\n", 2)
    facts = dict(line.split(": ", 1) for line in front.splitlines())
    assert facts["name"] == path.parent.name
    assert 0 < len(facts["description"]) <= 1024
    assert cli("skill", "-o", tmp_path / ".agents/skills").exit_code == 0


def test_the_skill_names_only_what_there_is(cli):
    import re

    text = cli("skill").stdout
    known = {str(each.name) for each in commands.app.registered_commands}
    named = set(re.findall(r"^ngpt-inspect ([a-z-]+)", text, re.MULTILINE))
    assert len(named) > 3
    assert named | set(re.findall(r"`([a-z]+-[a-z-]+)`", text)) - {"ngpt-inspect"} <= known


def test_a_folder_that_cannot_be_made_is_one_line(cli, tmp_path):
    (tmp_path / "file").touch()
    done = cli("skill", "-o", tmp_path / "file" / "skills")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)


def test_the_shell_completes_commands(monkeypatch):
    variables = {
        "_NGPT_INSPECT_COMPLETE": "complete_bash",
        "COMP_WORDS": "ngpt-inspect cond",
        "COMP_CWORD": "1",
    }
    done = CliRunner().invoke(
        get_command(commands.app), [], prog_name="ngpt-inspect", env=variables
    )
    assert done.output.split() == ["condition-numbers"]
