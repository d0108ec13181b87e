"""Train a GPT or an nGPT: ``python -m reference_model.train --model ngpt --out runs/demo/ngpt``."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from reference_model.data import TokenData, is_bin_folder, load_bins, load_text
from reference_model.errors import DivergenceError, Interrupted, UsageError, WriteError
from reference_model.files import check_writable
from reference_model.loop import TrainResult, train
from reference_model.presets import PRESETS, model_config, train_config
from reference_model.progress import say
from reference_model.ranks import Ranks, join_ranks

EPILOG = """
The run folder receives step-NNNNNN.safetensors (weights), metrics.jsonl (one line per step),
tokenizer.json and resume.pt. Under torchrun the batch is split over the ranks:
  torchrun --nproc-per-node 2 -m reference_model.train --model gpt --out runs/gpt
Ctrl-C or SIGTERM end the run after the step it is at, and save it; a second one ends it at once.
Exit codes: 0 done, 1 training diverged, 2 wrong use or unusable files, 130 Ctrl-C, 143 SIGTERM.
"""
GO_ON = "the same command with --resume goes on from the last save"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    args = _parser().parse_args(arguments)
    try:
        with join_ranks(args.device) as ranks:
            result = _run(args, ranks)
    except WriteError as error:
        return _fail(f"error: {error}; {GO_ON}", 2)
    except (UsageError, OSError) as error:
        return _fail(f"error: {error}", 2)
    except DivergenceError as error:
        return _fail(f"error: {error}", 1)
    except Interrupted as stopped:
        return _fail(f"{stopped}; {GO_ON}", stopped.exit_code)
    except KeyboardInterrupt:
        return _fail(f"interrupted; {GO_ON}", 130)
    if not result.was_finished and _is_main():
        say(f"done: {result.checkpoint}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference_model.train",
        description="Train a GPT or an nGPT (arXiv 2410.01131) and keep checkpoints to inspect.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, choices=("gpt", "ngpt"), help="architecture")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="run folder")
    parser.add_argument("--preset", default="tiny", choices=tuple(PRESETS), help="size [tiny]")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out, if any")

    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        nargs="+",
        default=[],
        type=Path,
        metavar="PATH",
        help="text files and folders, or a nanoGPT folder with train.bin and val.bin "
        "[the sources of Python's standard library]",
    )
    data.add_argument("--tokenizer", default="bpe", choices=("bpe", "bytes"), help="[bpe]")
    data.add_argument("--vocab-size", type=int, metavar="V", help="entries [of the preset]")

    training = parser.add_argument_group("training (default: of the preset)")
    training.add_argument("--steps", type=int, metavar="N")
    training.add_argument("--batch-size", type=int, metavar="N", help="sequences per step")
    training.add_argument("--micro-batch-size", type=int, metavar="N", help="per forward pass")
    training.add_argument("--context-length", type=int, metavar="N", help="tokens per sequence")
    training.add_argument("--learning-rate", type=float, metavar="X", help="peak of the schedule")
    training.add_argument("--warmup-steps", type=int, metavar="N")
    training.add_argument("--seed", type=int, metavar="N")
    training.add_argument("--validation-every", type=int, metavar="N", help="steps")
    training.add_argument("--checkpoint-every", type=int, metavar="N", help="steps; 0 for none")
    training.add_argument("--checkpoint-steps", type=int, nargs="+", metavar="N", help="more steps")
    training.add_argument("--resume-every", type=int, metavar="N", help="steps between saves")

    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N [auto]")
    machine.add_argument("--precision", choices=("auto", "float32", "bfloat16"), help="[auto]")
    machine.add_argument("--compile", action="store_true", help="use torch.compile")
    machine.add_argument(
        "--shard",
        action="store_true",
        help="under torchrun, split the model over the ranks (FSDP2) instead of copying it to each "
        "(DDP): for sizes that do not fit one GPU",
    )
    return parser


def _run(args: argparse.Namespace, ranks: Ranks) -> TrainResult:
    check_writable(args.out)
    if not ranks.is_main:
        ranks.wait()  # until rank 0 has encoded the corpus into the cache
    data = _load_data(args)
    if ranks.is_main:
        ranks.wait()
    return train(
        model_config(args.model, args.preset, **_model_changes(args, data)),
        train_config(args.model, args.preset, **_train_changes(args)),
        data,
        args.out,
        resume=args.resume,
        device=args.device,
        compiled=args.compile,
        sharded=args.shard,
    )


def _load_data(args: argparse.Namespace) -> TokenData:
    if is_bin_folder(args.data):
        return load_bins(args.data[0], args.vocab_size)
    vocab_size = args.vocab_size or PRESETS[args.preset].shape["vocab_size"]
    # beside the run, so that the two runs of a pair encode their corpus once
    beside = args.out.parent
    cache = beside if os.access(beside, os.W_OK) else args.out
    return load_text(args.data, args.tokenizer, vocab_size, cache)


def _model_changes(args: argparse.Namespace, data: TokenData) -> dict[str, Any]:
    return _given(args, "context_length") | {"vocab_size": data.vocab_size}


def _train_changes(args: argparse.Namespace) -> dict[str, Any]:
    changes = _given(
        args,
        *("steps", "batch_size", "micro_batch_size", "learning_rate", "warmup_steps", "seed"),
        *("validation_every", "checkpoint_every", "checkpoint_steps", "resume_every", "precision"),
    )
    if "checkpoint_steps" in changes:
        changes["checkpoint_steps"] = tuple(changes["checkpoint_steps"])
    return changes


def _given(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _fail(message: str, code: int) -> int:
    if _is_main():  # every rank meets the same mistake; one line is enough
        say(message)
    return code


if __name__ == "__main__":
    sys.exit(main())
