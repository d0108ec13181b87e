"""Time of one training step: nGPT, GPT, their plain operations, and a plain nanoGPT-style loop.

One step is everything `train` does between two steps: batch, forward, backward, clipping, AdamW
and, for nGPT, the normalisation of its matrices. The ways take their steps in turn in one process,
on tokens of one file, from equal weights (the plain loop first computes the loss of our GPT).

Run: python benchmarks/training_step.py --preset tiny --rounds 60
     python benchmarks/training_step.py --preset small --batch-size 4 --rounds 15
     python benchmarks/training_step.py --preset 0.5B --context-length 4096 --batch-size 2 --compile
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from interleave import interleave, ratio
from plain_loop import PlainLoop
from recording import Measured, add_option, tell

from reference_model.config import Architecture
from reference_model.data import TokenData
from reference_model.presets import PRESETS, model_config, train_config
from reference_model.training import trainer as trainer_module
from reference_model.training.ranks import join_ranks
from reference_model.training.trainer import Trainer

STEPS = 1_000_000  # of the schedule: far beyond those timed, so that no step validates
RATIOS = (
    ("ngpt", "gpt"),
    ("gpt of model.py", "gpt"),
    ("ngpt of model.py", "ngpt"),
    ("plain float32", "gpt"),
    ("plain bfloat16", "gpt"),
)
"""Which way's time is told over which other's."""


def make_data(path: Path, vocab_size: int) -> TokenData:
    """Write random tokens; what they say has no influence on the time."""
    tokens = np.random.default_rng(0).integers(0, vocab_size, 2_000_000).astype(np.uint16)
    tokens.tofile(path)
    mapped = np.memmap(path, dtype=np.uint16, mode="r")
    return TokenData(mapped, mapped, vocab_size, "{}", "random")


def check_equal_loss(gpt: Trainer, plain: PlainLoop) -> None:
    """Give the plain loop our weights and demand our loss in float32."""
    plain.model.take_weights(gpt.model)
    with torch.no_grad():
        ours, theirs = (model(*plain.batch).item() for model in (gpt.model, plain.model))
    if abs(ours - theirs) > 1e-5 * ours:
        message = f"the plain model has loss {theirs}, not {ours}: it is another model"
        raise SystemExit(message)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=list(PRESETS), default="tiny")
    parser.add_argument("--context-length", type=int, default=0, help="0: the preset's")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--precision", default="auto", help="of our models: float32 or bfloat16")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--compile", action="store_true", help="torch.compile for every model")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="time the processor spends on this process, not the clock on the wall: for a CPU with "
        "other work",
    )
    add_option(parser)
    options = parser.parse_args()

    clock = time.process_time if options.cpu_time else time.perf_counter
    changes = {"context_length": options.context_length} if options.context_length else {}
    settings = {"steps": STEPS, "batch_size": options.batch_size, "micro_batch_size": 0}
    settings |= {"validation_every": STEPS, "precision": options.precision}
    with tempfile.TemporaryDirectory() as folder, join_ranks("auto") as ranks:
        bin_path = Path(folder) / "train.bin"
        config = model_config("gpt", options.preset, **changes)
        data = make_data(bin_path, config.vocab_size)

        def make_trainer(name: Architecture) -> Trainer:
            return Trainer(
                model_config(name, options.preset, **changes),
                train_config(name, options.preset, **settings),
                data,
                ranks,
                options.compile,
            )

        trainers = {name: make_trainer(name) for name in ("gpt", "ngpt")}
        with mock.patch.object(trainer_module, "fuse", lambda model: model):
            plain = {f"{name} of model.py": make_trainer(name) for name in ("gpt", "ngpt")}
        loops = {
            precision: PlainLoop(
                config,
                trainers["gpt"].config,
                bin_path,
                ranks.device,
                autocast=precision == "bfloat16",
                compiled=options.compile,
            )
            for precision in ("float32", "bfloat16")
        }
        for loop in loops.values():
            check_equal_loss(trainers["gpt"], loop)
        ways = {name: trainer.take_step for name, trainer in (trainers | plain).items()}
        ways |= {f"plain {precision}": loop.take_step for precision, loop in loops.items()}
        seconds = interleave(ways, options.rounds, clock)

    tokens = options.batch_size * config.context_length
    case = (
        f"{options.preset}, {options.batch_size} x {config.context_length} tokens a step, "
        f"{trainers['gpt'].precision}, {ranks.device}, {torch.get_num_threads()} threads"
    )
    unit = "CPU s" if options.cpu_time else "s"
    told = [
        measured
        for name, times in seconds.items()
        for measured in (
            Measured(work=name, unit=unit, values=times),
            Measured(work=name, unit="tokens/s", values=[tokens / each for each in times]),
        )
    ]
    tell(case, [*told, *(ratio(seconds, *pair) for pair in RATIOS)], write=options.write)


if __name__ == "__main__":
    main()
