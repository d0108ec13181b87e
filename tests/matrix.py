"""``make matrix``: wheel and sdist in clean environments, with the lowest and the newest versions.

For every Python from 3.11 that is here, and for the oldest and the newest releases of all that the
package needs which have wheels for it: a new environment, the wheel that was built from the sdist,
a model trained for two steps, and commands that read it. Prints a line for each, and exits with 1
if one fails. What cannot be tried here is said, not skipped in silence.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
TRAIN = (
    *("reference_model.train", "--model", "ngpt", "--tokenizer", "bytes", "--steps", "2"),
    *("--batch-size", "2", "--context-length", "16", "--validation-every", "2", "--out", "run"),
)
COMMANDS = (
    "--version",
    "env",
    "summary run",
    "check run",
    "condition-numbers run --format json -o numbers.json",
    "figures run --names unit_norm -o figures",
    "report run --names unit_norm -o report.html",
)
TOLD = ("torch", "numpy", "pandas", "plotly", "typer")
"""Whose versions a line names."""


def run(*words: object, cwd: Path) -> str:
    """Run a command; return what it prints.

    Raises
    ------
    RuntimeError
        It fails; with the last line that it says.
    """
    done = subprocess.run(list(map(str, words)), cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [""]
        raise RuntimeError(f"{Path(str(words[0])).name} {words[1]}: {said[-1].strip()}")
    return done.stdout


def needed() -> list[str]:
    """Return what the package needs, with the lowest versions that it says."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return list(project["dependencies"])


def built(uv: str, folder: Path) -> Path:
    """Return the wheel, built from the sdist, which is built from the repository."""
    run(uv, "build", "--quiet", "--sdist", "--out-dir", folder, REPOSITORY, cwd=folder)
    (sdist,) = folder.glob("*.tar.gz")
    run(uv, "build", "--quiet", "--wheel", "--out-dir", folder, sdist, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def tried(uv: str, wheel: Path, python: str, resolution: str, more: list[str]) -> str:
    """Install the wheel in a new environment and use it; return the versions it got."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        run(uv, "venv", "--quiet", "--python", python, "--no-python-downloads", "e", cwd=home)
        inside = home / "e" / "bin" / "python"
        install = [uv, "pip", "install", "--quiet", "--python", inside, "--resolution", resolution]
        # Named here they are direct ones: else the lowest would be that of the wheel alone.
        run(*install, *more, "--no-build", wheel, *needed(), cwd=home)
        run(inside, "-m", *TRAIN, cwd=home)
        for command in COMMANDS:
            run(inside, "-m", "ngpt_inspect", *command.split(), cwd=home)
        run(home / "e" / "bin" / "hf-ngpt-inspect", "skill", cwd=home)
        told = f"from importlib.metadata import version as v; print(*map(v, {TOLD!r}))"
        found = run(inside, "-c", told, cwd=home).split()
        return ", ".join(f"{name} {is_}" for name, is_ in zip(TOLD, found, strict=True))


def lines(uv: str, pythons: list[str], kinds: list[str], more: list[str]) -> Iterator[bool]:
    """Print a line for each environment; yield whether it is one of something that works."""
    with tempfile.TemporaryDirectory() as name:
        wheel = built(uv, Path(name))
        print(f"built {wheel.name} from its sdist", flush=True)
        for python in pythons:
            try:
                run(uv, "python", "find", "--no-python-downloads", python, cwd=Path(name))
            except RuntimeError:
                print(f"python {python}: not on this machine", flush=True)
                continue
            for kind in kinds:
                try:
                    said = tried(uv, wheel, python, RESOLUTIONS[kind], more)
                    print(f"python {python}, {kind}: works ({said})", flush=True)
                    yield True
                except RuntimeError as error:
                    print(f"python {python}, {kind}: FAILS: {error}", flush=True)
                    yield False


def main(words: list[str]) -> int:
    """Read the command line, try all environments; return the exit code."""
    floor = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["requires-python"]
    assert floor == f">={PYTHONS[0]}", floor
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--pythons", nargs="+", default=list(PYTHONS))
    parser.add_argument("--versions", nargs="+", choices=RESOLUTIONS, default=list(RESOLUTIONS))
    known, more = parser.parse_known_args(words)  # the rest is for uv: --torch-backend cpu
    uv = shutil.which("uv")
    if uv is None:
        sys.stderr.write("make matrix needs uv: pip install uv\n")
        return 2
    return 0 if all(list(lines(uv, known.pythons, known.versions, more))) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
