"""Peak memory and start-up of the command line on a large checkpoint.

    python benchmarks/large_checkpoint.py FOLDER --size 7B --layers 20
    python benchmarks/memory.py FOLDER --layers 0-1

The bound on every measure is 2 x its largest tensor in float64 + 350 MB, whatever the checkpoint's
size; `--size` of the first script makes the sizes of the table of scale. Condition numbers and
spectra take minutes a layer of width 4096; `--layers` names some.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

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
    """Print a table of peaks against bounds, then one of start-up times."""
    parser = argparse.ArgumentParser(description="Measure memory and start-up.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", default="0-1", help="for measures of matrices")
    parser.add_argument("--measures", nargs="*", default=list(MEASURES), help="only these")
    parser.add_argument("--rounds", type=int, default=5, help="of the start-up commands")
    options = parser.parse_args()
    model = open_checkpoint(options.folder)
    print(f"checkpoint: {sum(t.n_bytes for t in model.contents.tensors.values()) / 1e9:.1f} GB")
    print("| command | CPU seconds | peak MB | bound MB |\n|---|---|---|---|")
    for measure in (MEASURES[name] for name in options.measures):
        weights = [weight for weight in model if weight.role in measure.roles]
        if not weights:
            continue
        bound = 2 * 8 * max(weight.tensor.n_values for weight in weights) + ALLOWANCE
        in_layers = all(weight.role.facts.kind is Kind.MATRIX for weight in weights)
        chosen = ["--layers", options.layers] if in_layers else []
        seconds, peak = run([measure.command, str(options.folder), *chosen, "--format", "csv"])
        print(f"| {measure.command} | {seconds:.1f} | {peak / 1e6:.0f} | {bound / 1e6:.0f} |")
    print("\n| command | median CPU seconds | peak MB |\n|---|---|---|")
    for arguments in (["--help"], ["tensors", str(options.folder)]):
        runs = [run(arguments) for _ in range(options.rounds)]
        seconds, peak = statistics.median(r[0] for r in runs), max(r[1] for r in runs)
        print(f"| {arguments[0]} | {seconds:.2f} | {peak / 1e6:.0f} |")


if __name__ == "__main__":
    main()
