"""Learning rates of GPT and nGPT from one grid: ``python -m reference_model.sweep``.

Trains every (model, rate) pair of a preset on the same data with the same seed, prints the final
validation losses and writes them as CSV (arXiv 2410.01131, Figure 7). Interrupted sweeps go on
where they stopped.
"""

import argparse
import sys
from dataclasses import dataclass, fields
from pathlib import Path

from reference_model.config import Architecture
from reference_model.data import load_text
from reference_model.errors import DivergenceError, UsageError
from reference_model.files import write_text_atomically
from reference_model.loop import train
from reference_model.metrics import read_metrics
from reference_model.presets import PRESETS, model_config, train_config
from reference_model.progress import say

RATES = (2e-3, 4e-3, 8e-3, 16e-3)
ARCHITECTURES: tuple[Architecture, ...] = ("gpt", "ngpt")


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """One trained model of the grid."""

    model: str
    learning_rate: float
    steps: int
    tokens: int
    validation_loss: float | None
    """After the last step, nats per token; None if training diverged."""
    seconds_per_step: float
    """Median over the run."""


def sweep(preset: str, rates: list[float], paths: list[Path], out: Path) -> list[SweepRow]:
    """Train both models at every rate; one row per run."""
    data = load_text(paths, "bpe", PRESETS[preset].shape["vocab_size"], cache=out)
    rows = []
    for rate in rates:
        for architecture in ARCHITECTURES:
            folder = out / f"{architecture}-{rate:g}"
            say(f"{architecture} at learning rate {rate:g}")
            settings = train_config(architecture, preset, learning_rate=rate, checkpoint_every=0)
            try:
                train(model_config(architecture, preset), settings, data, folder, resume=True)
            except DivergenceError as error:
                say(f"{folder}: {error}")
            rows.append(_row(architecture, rate, folder))
            write_text_atomically(out / "sweep.csv", to_csv(rows))
    return rows


def _row(architecture: str, rate: float, folder: Path) -> SweepRow:
    lines = read_metrics(folder)
    seconds = sorted(line["seconds"] or 0.0 for line in lines)
    return SweepRow(
        model=architecture,
        learning_rate=rate,
        steps=int(lines[-1]["step"] or 0),
        tokens=int(lines[-1]["tokens"] or 0),
        validation_loss=lines[-1]["validation_loss"],
        seconds_per_step=seconds[len(seconds) // 2],
    )


def to_csv(rows: list[SweepRow]) -> str:
    """Rows as CSV with a header line; a missing loss is empty."""
    names = [field.name for field in fields(SweepRow)]
    lines = [names, *([getattr(row, name) for name in names] for row in rows)]
    return "".join(
        ",".join("" if value is None else str(value) for value in line) + "\n" for line in lines
    )


def to_table(rows: list[SweepRow]) -> str:
    """Lay out final validation losses, rates down and models across; the best per model starred."""
    losses = {(row.model, row.learning_rate): row.validation_loss for row in rows}
    best = {
        name: min(loss for (model, _), loss in losses.items() if model == name and loss is not None)
        for name in ARCHITECTURES
        if any(model == name and loss is not None for (model, _), loss in losses.items())
    }
    lines = ["learning rate" + "".join(f"{name:>10}" for name in ARCHITECTURES)]
    for rate in sorted({row.learning_rate for row in rows}):
        cells = ""
        for name in ARCHITECTURES:
            loss = losses.get((name, rate))
            star = "*" if loss is not None and loss == best[name] else " "
            cells += f"{'diverged' if loss is None else f'{loss:.4f}':>9}{star}"
        lines.append(f"{rate:>13g}{cells}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m reference_model.sweep", description=__doc__)
    parser.add_argument("--preset", default="tiny", choices=tuple(PRESETS), help="size [tiny]")
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES), metavar="X")
    parser.add_argument("--data", nargs="+", type=Path, default=[], metavar="PATH")
    parser.add_argument("--out", type=Path, default=Path("runs/sweep"), metavar="DIR")
    args = parser.parse_args(arguments)
    try:
        rows = sweep(args.preset, args.rates, args.data, args.out)
    except (UsageError, OSError) as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted; the same command goes on where it stopped")
        return 130
    sys.stdout.write(to_table(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
