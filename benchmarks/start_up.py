"""What commands cost that compute next to nothing, beside the imports they cannot do without.

Run: python benchmarks/start_up.py runs/demo/ngpt --rounds 5
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from interleave import interleave
from recording import Measured, add_option, tell

IMPORTS = ("pass", "import typer.rich_utils", "import pandas", "import torch")
COMMANDS = (
    "--help",
    "tensors",
    "eigen-learning-rates",
    "scaling-factors",
    "embedding-norms",
    "vector-norms",
    "condition-numbers",
    "summary",
)
CALL = "import sys; from ngpt_inspect.cli import main; sys.argv[0] = 'ngpt-inspect'; main()"


def run(words: list[str]) -> None:
    """Run Python, which may keep what it compiles as it does for users, and hear nothing of it."""
    quiet = subprocess.DEVNULL
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *words], stdout=quiet, stderr=quiet, check=True, env=kept)


def of_children() -> float:
    """Seconds of all processes that ended."""
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    """Measure and print CPU seconds, user and system."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--rounds", type=int, default=5)
    add_option(parser)
    options = parser.parse_args()

    ways = {code: partial(run, ["-c", code]) for code in IMPORTS}
    for command in COMMANDS:
        words = [command] if command.startswith("-") else [command, options.checkpoint]
        ways[command] = partial(run, ["-c", CALL, *words])
    seconds = interleave(ways, options.rounds, of_children)
    told = [Measured(work=name, unit="CPU s", values=each) for name, each in seconds.items()]
    tell(Path(options.checkpoint).name, told, write=options.write)


if __name__ == "__main__":
    main()
