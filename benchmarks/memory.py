"""Peak memory and processor time of the command line on a large checkpoint.

    python benchmarks/large_checkpoint.py FOLDER --size 7B --layers 20
    python benchmarks/memory.py FOLDER --layers 0-1

The bound on every measure is 2 x its largest tensor in float64 + 350 MB, whatever the checkpoint's
size; `--size` of the first script makes the sizes of the table of scale. Condition numbers and
spectra take minutes a layer of width 4096; `--layers` names some.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from recording import Measured, add_option, tell

from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.measures import MEASURES
from ngpt_inspect.vocabulary import Kind

ALLOWANCE = 350e6


def run(arguments: list[str]) -> tuple[float, float]:
    """Return processor seconds and peak resident bytes of one run of the command line."""
    command = [sys.executable, "-m", "ngpt_inspect", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024.0


def main() -> None:
    """Tell seconds and peaks, with their bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", default="0-1", help="for measures of matrices")
    parser.add_argument("--measures", nargs="*", default=list(MEASURES), help="only these")
    add_option(parser)
    options = parser.parse_args()
    model = open_checkpoint(options.folder)
    case = f"{options.folder.name}, layers {options.layers}"
    for measure in (MEASURES[name] for name in options.measures):
        weights = [weight for weight in model if weight.role in measure.roles]
        if not weights:
            continue
        bound = 2 * 8 * max(weight.tensor.n_values for weight in weights) + ALLOWANCE
        in_layers = all(weight.role.facts.kind is Kind.MATRIX for weight in weights)
        chosen = ["--layers", options.layers] if in_layers else []
        seconds, peak = run([measure.command, str(options.folder), *chosen, "--format", "csv"])
        told = [
            Measured(work=measure.command, unit="CPU s", values=[seconds]),
            Measured(work=measure.command, unit="MB", values=[peak / 1e6]),
            Measured(work=f"bound of {measure.command}", unit="MB", values=[bound / 1e6]),
        ]
        tell(case, told, write=options.write)


if __name__ == "__main__":
    main()
