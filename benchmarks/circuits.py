"""Circuits of a model of GPT-2's shape against the condition numbers of the same matrices.

Both are taken of the files, layer by layer, in one process and on one thread; times are those of
the processor.

Run: python benchmarks/circuits.py --rounds 5
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch
from interleave import interleave, ratio, with_ratios
from recording import add_option, tell
from safetensors.torch import save_file

import ngpt_inspect as ni

NAMES = {"W_q": "q_proj", "W_k": "k_proj", "W_v": "v_proj", "W_o": "o_proj"}


def written(folder: Path, layers: int, d_model: int, heads: int, dtype: torch.dtype) -> Path:
    """Write a model with the attention, the MLP and the norms of GPT-2 at random values."""
    torch.manual_seed(0)
    tensors = {}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        shapes = {f"self_attn.{name}": (d_model, d_model) for name in NAMES.values()}
        shapes |= {"mlp.up_proj": (4 * d_model, d_model), "mlp.down_proj": (d_model, 4 * d_model)}
        for name, shape in shapes.items():
            tensors[f"{prefix}{name}.weight"] = (0.02 * torch.randn(shape)).to(dtype)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}{name}.weight"] = (1 + 0.1 * torch.randn(d_model)).to(dtype)
    tensors["model.embed_tokens.weight"] = torch.zeros(8, d_model, dtype=dtype)
    tensors["model.norm.weight"] = torch.ones(d_model, dtype=dtype)
    path = folder / "gpt2.safetensors"
    save_file(tensors, path)
    return path


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--d-model", type=int, default=768)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dtype", default="float32", help="stored dtype")
    add_option(parser)
    options = parser.parse_args()

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        dtype = getattr(torch, options.dtype)
        path = written(Path(folder), options.layers, options.d_model, options.heads, dtype)
        model = ni.open_checkpoint(path, heads=options.heads)
        ways = {
            name: lambda name=name: ni.measure(model, name, workers=1)
            for name in ("circuits", "condition_numbers", "logit_bounds")
        }
        case = f"{options.layers} layers of {options.d_model}, {options.heads} heads"
        seconds = interleave(ways, options.rounds, time.process_time)
        bounds = ratio(seconds, "logit_bounds", "condition_numbers")
        told = [*with_ratios(seconds, "circuits", time.process_time), bounds]
        tell(case, told, write=options.write)


if __name__ == "__main__":
    main()
