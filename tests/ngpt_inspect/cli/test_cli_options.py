"""What every command has: shared options, groups of them, an example that can be typed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import Result
from models import tiny_gpt, write_reference
from typer.main import get_command
from typer.testing import CliRunner

import ngpt_inspect as ni
from ngpt_inspect.cli import options
from ngpt_inspect.cli.commands import app, narrowed
from ngpt_inspect.measures import MEASURES

Cli = Callable[..., Result]
COMMANDS = get_command(app).commands
MEASURING = {each.command for each in MEASURES.values()}
OPENING = MEASURING | {"tensors", "summary", "differences", "tokens", "figures", "check", "report"}
TABLING = MEASURING | {"tensors", "summary", "differences", "tokens", "path", "env"}
COMPUTING = MEASURING | {"summary", "tokens", "figures", "check", "report"}


@pytest.mark.parametrize(
    "words", [["tensors"], ["unit-norm", "--help"], ["--help"], ["nothing"], []]
)
def test_the_line_of_one_command_is_that_of_all(words: list[str]) -> None:
    whole, narrow = get_command(app).commands, get_command(narrowed(words)).commands
    assert set(narrow) == set(words[:1]) & set(whole) or set(whole)
    run = CliRunner().invoke
    assert run(narrowed(words), words).output == run(app, words).output


def flags(command: str) -> set[str]:
    return {flag for each in COMMANDS[command].params for flag in each.opts}


@pytest.mark.parametrize(
    ("commands", "shared"),
    [
        (set(COMMANDS), ("--quiet", "-q")),
        (TABLING, ("--format", "-o")),
        (OPENING, ("--steps", "--heads", "--architecture", "--spec", "--constant", "--part")),
        (COMPUTING, ("--device",)),
        (MEASURING, ("--layers", "--roles", "--figure", "--fail-above", "--workers")),
    ],
)
def test_commands_of_a_kind_take_the_same_options(
    commands: set[str], shared: tuple[str, ...]
) -> None:
    assert {name for name in commands if not set(shared) <= flags(name)} == set()


def test_an_option_that_is_shared_has_one_meaning_and_one_group() -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for name, command in COMMANDS.items():
        for each in command.params:
            other = {"--output"} | ({"--format"} if name == "check" else set())  # of reports
            if each.param_type_name == "option" and not other & set(each.opts):
                said = (each.help, each.rich_help_panel)
                found.setdefault(each.opts[0], set()).add(said)
    own = {f"--{setting.name}" for each in MEASURES.values() for setting in each.options}
    assert {flag for flag, said in found.items() if len(said) > 1} - own == set()
    groups = {group for said in found.values() for _, group in said} - {None}
    named = {options.OPENING, options.CHOOSING, options.WRITING, options.COMPUTING, options.JUDGING}
    assert groups == named


def said_in_help(command: str | None) -> Iterator[str]:
    """Yield what a help names: of a measure its quantities and options, above them the commands."""
    for each in MEASURES.values():
        if command is None:
            yield each.command
        elif command == each.command:
            yield "--fail-above"
            yield from (f"--{option.name}" for option in each.options)
            yield from ("".join(name.split()) for name in each.quantities)


def test_the_version_is_told(cli: Cli) -> None:
    assert cli("--version").stdout == f"ngpt-inspect {ni.__version__}\n"


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_opens_with_an_example_that_can_be_typed_and_leaves_nothing_out(
    name: str | None, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an empty folder: the words are understood, and only the files are missing."""
    monkeypatch.chdir(tmp_path)
    result = cli(*filter(None, [name]), "--help")
    assert result.exit_code == 0
    shown = re.sub(r"\s+", " ", result.stdout)
    whole = shown.replace(" ", "")
    assert all(each in whole for each in said_in_help(name))
    text = COMMANDS[name].help if name else get_command(app).help
    example = text.partition("\n")[0]
    assert example.startswith(f"Example: ngpt-inspect {name or ''}")
    assert shown.index(example) < shown.index(" --")  # before any option
    words = example.split()[2:]
    if words[0] == "dashboard":
        return
    done = cli(*words)
    if words[0] in ("env", "skill"):  # they take no file
        assert done.exit_code == 0
        return
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert re.search("there is no such file or folder|No such file or directory", done.stderr)


def test_env_says_what_a_bug_report_needs(cli: Cli) -> None:
    facts = {row["item"]: row["value"] for row in json.loads(cli("env", "--format", "json").stdout)}
    for name in ("torch", "numpy", "pandas", "typer"):
        assert facts[name] == metadata.version(name)
    assert {"ngpt-inspect", "python", "platform", "cores", "threads", "CUDA"} <= set(facts)
    assert facts["extra app"].split()[0] in ("pyarrow", "streamlit")
    assert not any("dev" in name for name in facts)
    printed = cli("env").stdout.splitlines()
    assert [line.split("  ")[0].strip() for line in printed] == list(facts)


def test_env_works_where_the_package_is_only_a_folder(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    result = cli("env")
    assert result.exit_code == 0
    assert "python" in result.stdout


def test_steps_of_what_is_no_run_are_refused(cli: Cli, tmp_path: Path) -> None:
    file = write_reference(tiny_gpt(), tmp_path / "one.safetensors")
    for command in ("tensors", "summary", "unit-norm"):
        refused = cli(command, file, "--steps", "all")
        assert refused.exit_code == 2
        assert refused.stderr == (
            f"ngpt-inspect: {file}: is no folder of a training run, so it has no steps; "
            "leave --steps out\n"
        )
    write_reference(tiny_gpt(), tmp_path / "run/step-000010.safetensors", step=10)
    write_reference(tiny_gpt(), tmp_path / "run/step-000020.safetensors", step=20)
    both = cli("tensors", tmp_path / "run", file, "--steps", "10", "--format", "json")
    assert {row["checkpoint"] for row in json.loads(both.stdout)} == {"run", "one"}
    assert f"{file}: no training run, so --steps is not for it" in both.stderr


def test_quiet_tensors(cli: Cli, tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors")
    assert "every tensor recognised" in cli("tensors", path).stderr
    quiet = cli("tensors", path, "--quiet")
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    assert quiet.stdout == cli("tensors", path).stdout != ""


@pytest.mark.parametrize("name", ["x.xlsx", "x.CSVX", "run-0.5"])
def test_a_name_that_says_no_format_is_refused(name: str, cli: Cli, tmp_path: Path) -> None:
    path = write_reference(tiny_gpt(), tmp_path / "x.safetensors")
    saved = tmp_path / name
    for command in ("unit-norm", "summary", "tensors", "differences", "tokens"):
        refused = cli(command, path, "-o", saved)
        assert refused.exit_code == 2
        assert f"{saved}: no format {saved.suffix.lower()}; end the name in .txt" in refused.stderr
        assert not saved.exists()
    kept = cli("tensors", path, "-o", saved, "--format", "table")
    assert (kept.exit_code, kept.stdout) == (0, "")
    assert saved.read_text() == cli("tensors", path).stdout
