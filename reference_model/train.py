"""Train a GPT or an nGPT: ``python -m reference_model.train --model ngpt --out runs/demo/ngpt``."""

import argparse
import os
from pathlib import Path
from typing import get_args

from reference_model.config import (
    CadenceConfig,
    GPTConfig,
    ModelConfig,
    NGPTConfig,
    TrainConfig,
    UpdateConfig,
)
from reference_model.data import TokenData, is_bin_folder, load_bins, load_text
from reference_model.errors import DivergenceError, Interrupted, UsageError, WriteError
from reference_model.files import check_writable
from reference_model.presets import PRESETS, model_config, train_config
from reference_model.progress import Style, say
from reference_model.training.loop import TrainResult, train
from reference_model.training.options import add_data, add_options, given, given_of_model
from reference_model.training.ranks import Ranks, join_ranks, leave

DESCRIPTION = """
Train a GPT or an nGPT (arXiv 2410.01131) and keep checkpoints to inspect, for example:

  python -m reference_model.train --model gpt --steps 2000 --weight-decay 0.3 --out runs/gpt
"""
EPILOG = """
The run folder receives step-NNNNNN.safetensors (weights), metrics.jsonl (one line per step),
tokenizer.json and resume.pt. Under torchrun the batch is split over the ranks:
  torchrun --nproc-per-node 2 -m reference_model.train --model gpt --out runs/gpt
Ctrl-C or SIGTERM end the run after the step it is at, and save it; a second one ends it at once.
Exit codes: 0 done, 1 training diverged, 2 wrong use or unusable files, 130 Ctrl-C, 143 SIGTERM.
"""
GROUPS = (ModelConfig, TrainConfig, UpdateConfig, CadenceConfig, GPTConfig, NGPTConfig)
"""Settings whose fields are flags, in the order of the help."""
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
        usage="%(prog)s --model {gpt,ngpt} --out DIR [options]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, choices=("gpt", "ngpt"), help="architecture")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="run folder")
    parser.add_argument("--preset", default="tiny", choices=tuple(PRESETS), help="size [tiny]")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out, if any")

    data = parser.add_argument_group("data")
    add_data(data)
    data.add_argument("--tokenizer", default="bpe", choices=("bpe", "bytes"), help="[bpe]")

    add_options(parser, *GROUPS)

    machine = parser.add_argument_group("machine")
    machine.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N [auto]")
    machine.add_argument("--compile", action="store_true", help="use torch.compile")
    machine.add_argument(
        "--progress",
        default="auto",
        choices=get_args(Style),
        help="auto (a bar on a terminal), lines (for runs side by side) or none [auto]",
    )
    machine.add_argument(
        "--shard",
        action="store_true",
        help="under torchrun, split the model over the ranks (FSDP2) instead of copying it to each "
        "(DDP): for sizes that do not fit one GPU",
    )
    return parser


def _run(args: argparse.Namespace, ranks: Ranks) -> TrainResult:
    check_writable(args.out)
    changes = given_of_model(args, args.model)
    settings = train_config(args.model, args.preset, **given(args, TrainConfig))
    model_config(args.model, args.preset, **changes)  # a mistake is told before the text is read
    if not ranks.is_main:
        ranks.wait()  # until rank 0 has encoded the corpus into the cache
    data = _load_data(args)
    if ranks.is_main:
        ranks.wait()
    return train(
        model_config(args.model, args.preset, **(changes | {"vocab_size": data.vocab_size})),
        settings,
        data,
        args.out,
        resume=args.resume,
        device=args.device,
        compiled=args.compile,
        sharded=args.shard,
        show_progress=args.progress,
    )


def _load_data(args: argparse.Namespace) -> TokenData:
    if is_bin_folder(args.data):
        return load_bins(args.data[0], args.vocab_size)
    vocab_size = args.vocab_size or PRESETS[args.preset].shape["vocab_size"]
    # beside the run, so that the two runs of a pair encode their corpus once
    beside = args.out.parent
    cache = beside if os.access(beside, os.W_OK) else args.out
    return load_text(args.data, args.tokenizer, vocab_size, cache)


def _is_main() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _fail(message: str, code: int) -> int:
    if _is_main():  # every rank meets the same mistake; one line is enough
        say(message)
    return code


if __name__ == "__main__":
    leave(main())
