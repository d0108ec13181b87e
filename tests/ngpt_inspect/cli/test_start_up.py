"""Which libraries a command imports: what it does not compute with, it does not wait for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

COMMANDS = """
import json, sys
from typer.testing import CliRunner
from ngpt_inspect.cli.commands import app

heavy = ("numpy", "pandas", "torch", "scipy", "plotly", "ngpt_inspect.formats")
for words in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (words, done.output)
    print(json.dumps([name for name in heavy if name in sys.modules]))
"""
SHOWN = {"numpy", "pandas", "ngpt_inspect.formats"}


def imported(commands: list[list[str]]) -> list[set[str]]:
    """What is imported after each of these commands, run one after another in one process."""
    words = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [set(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_command_imports_what_it_computes_with(layouts: dict[str, Path]) -> None:
    model = str(layouts["reference_ngpt"])
    in_numpy = ["eigen-learning-rates", "scaling-factors", "embedding-norms", "vector-norms"]
    found = imported(
        [
            ["--help"],
            ["vector-norms", "--help"],
            ["tensors", model],
            ["tensors", model, "--format", "csv"],
            *([name, model] for name in in_numpy),
            ["condition-numbers", model],
        ]
    )
    assert found[:2] == [set(), set()]
    assert found[2] == {"ngpt_inspect.formats"}
    assert found[3:8] == [SHOWN] * 5
    assert found[8] == SHOWN | {"torch"}
