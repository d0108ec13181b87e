"""What the commands of the README print on the runs of `make demo`."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
GPT, NGPT = "runs/demo/gpt", "runs/demo/ngpt"
LAST = f"{NGPT}/step-007000.safetensors"
SESSION = (
    f"ngpt-inspect condition-numbers {LAST}",
    f"ngpt-inspect eigen-learning-rates {NGPT}",
    f"ngpt-inspect condition-numbers {GPT} --roles W_q --fail-above 1000 --quiet; echo $?",
)


def printed(command: str) -> str:
    """Return what a command prints, its notes last, and its exit code where it is echoed."""
    words = shlex.split(command.removesuffix("; echo $?"))[1:]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "ngpt_inspect", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    code = f"{done.returncode}\n" if command.endswith("echo $?") else ""
    return (done.stdout + done.stderr + code).rstrip("\n")


def block(kind: str, *commands: str) -> str:
    """Return a fenced block: of a console with its commands, or of text alone."""
    prompts = (f"$ {command}\n" if kind == "console" else "" for command in commands)
    parts = [prompt + printed(command) for prompt, command in zip(prompts, commands, strict=True)]
    return f"```{kind}\n" + "\n\n".join(parts) + "\n```"


MAKERS = {
    "demo summary": partial(block, "text", f"ngpt-inspect summary {GPT} {NGPT}"),
    "demo session": partial(block, "console", *SESSION),
}
"""Made only when asked: training rounds differently on another processor."""
