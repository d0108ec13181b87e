"""Every condition number of a checkpoint, against WeightWatcher 0.7.7's `analyze` of its files.

    python benchmarks/weightwatcher.py --case 124M --rounds 3
    python benchmarks/weightwatcher.py --case 7B-layer --rounds 1

WeightWatcher gets an environment of its own (made once, in `--environment`). Two processes, one a
tool, open the same folder in turn and report seconds without imports, so both see the same machine.
We compute more: WeightWatcher takes whole matrices only, we take every head besides.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import torch
from large_checkpoint import write
from recording import Measured, add_option, tell

CASES = {
    "124M": {"n_layers": 12, "d_model": 768, "d_mlp": 2048, "head_width": 64},
    "7B-layer": {"n_layers": 1, "d_model": 4096, "d_mlp": 11008},
}
NEEDS = ("torch==2.13.0", "weightwatcher==0.7.7", "safetensors")

OURS = """
import sys, json, time
import torch
from ngpt_inspect.tables import measure
for folder in map(str.strip, sys.stdin):
    started = time.perf_counter()
    table = measure(folder, "condition_numbers")
    seconds = time.perf_counter() - started
    whole = table[table["head"].isna()]
    ends = {
        f"layers.{row.layer}.{row.role}.{row.measure}": row.value
        for row in whole.itertuples() if row.measure in ("sigma_max", "sigma_min")
    }
    print(json.dumps({"seconds": seconds, "ends": ends, "numbers": len(table) // 4}), flush=True)
"""

THEIRS = """
import sys, json, time, logging, os
import matplotlib; matplotlib.use("Agg")
import weightwatcher
logging.disable(logging.CRITICAL)
out, sys.stdout = sys.stdout, open(os.devnull, "w")
ROLES = {"q_proj": "W_q", "k_proj": "W_k", "v_proj": "W_v", "o_proj": "W_o", "up_proj": "W_u",
         "gate_proj": "W_nu", "down_proj": "W_oMLP"}
for folder in map(str.strip, sys.stdin):
    started = time.perf_counter()
    table = weightwatcher.WeightWatcher(log_level=logging.ERROR).analyze(model=folder)
    seconds = time.perf_counter() - started
    ends = {}
    for row in table.itertuples():
        parts = str(row.longname).split(".")
        role = next((ROLES[part] for part in parts if part in ROLES), None)
        if role:
            layer = parts[parts.index("layers") + 1]
            ends[f"layers.{layer}.{role}.sigma_max"] = float(row.sv_max)
            ends[f"layers.{layer}.{role}.sigma_min"] = float(row.sv_min)
    answer = {"seconds": seconds, "ends": ends, "numbers": len(table)}
    print(json.dumps(answer), file=out, flush=True)
"""


class Tool:
    """A process that analyses a folder each time it is told to."""

    def __init__(self, python: str, program: str) -> None:
        self.process = subprocess.Popen(
            [python, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def analyse(self, folder: Path) -> dict:
        """Return seconds and the ends of every whole matrix's spectrum."""
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit("a tool stopped; its message is above")
        return json.loads(answer)


def environment(folder: Path) -> str:
    """Return the interpreter of WeightWatcher's environment, made if it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        venv.create(folder, with_pip=True, clear=True)
        for need in NEEDS:  # torch first, so that nothing asks for another build of it
            subprocess.run([python, "-m", "pip", "install", "-q", need], check=True)
        (folder / "made").touch()
    return str(python)


def main() -> None:
    """Alternate the tools and print times, ratios and how far they agree."""
    parser = argparse.ArgumentParser(description="Compare with WeightWatcher.")
    parser.add_argument("--case", choices=CASES, default="124M")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--environment", type=Path, default=Path("build/weightwatcher"))
    add_option(parser)
    options = parser.parse_args()
    theirs_python = environment(options.environment.resolve())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / options.case
        write(folder, **CASES[options.case], dtype=torch.float32, vocabulary=64, one_file=True)
        ours, theirs = Tool(sys.executable, OURS), Tool(theirs_python, THEIRS)
        ours.analyse(folder)
        theirs.analyse(folder)  # first calls pay for lazy imports
        rounds = [(ours.analyse(folder), theirs.analyse(folder)) for _ in range(options.rounds)]
    ratios = [their["seconds"] / our["seconds"] for our, their in rounds]
    our, their = rounds[-1]
    shared = our["ends"].keys() & their["ends"].keys()
    apart = {
        end: max(abs(our["ends"][name] / their["ends"][name] - 1) for name in shared if end in name)
        for end in ("sigma_max", "sigma_min")
    }
    tools = zip(("ngpt-inspect", "WeightWatcher"), zip(*rounds, strict=True), strict=True)
    told = [
        Measured(work=name, values=[each["seconds"] for each in results]) for name, results in tools
    ]
    told += [Measured(work="WeightWatcher", against="ngpt-inspect", unit="x", values=ratios)]
    told += [
        Measured(work=f"relative difference of {end}", unit="", values=[value])
        for end, value in apart.items()
    ]
    print(f"{our['numbers']} condition numbers here, {len(shared) // 2} matrices compared")
    tell(options.case, told, write=options.write)


if __name__ == "__main__":
    main()
