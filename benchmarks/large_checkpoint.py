"""Write a random Llama-like checkpoint of any size, shard by shard.

    python benchmarks/large_checkpoint.py FOLDER --size 7B --layers 20

20 layers of width 4096 in bfloat16 are 8.6 GB in 21 files. Nothing larger than one layer is ever
held in memory.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

HEAD_WIDTH, VOCABULARY = 128, 32000
SIZES = {
    "0.1B": {"n_layers": 12, "d_model": 768, "d_mlp": 2048},
    "0.4B": {"n_layers": 24, "d_model": 1024, "d_mlp": 2816},
    "1.5B": {"n_layers": 26, "d_model": 2048, "d_mlp": 5632},
    "7B": {"n_layers": 32, "d_model": 4096, "d_mlp": 11008},
}

Shapes = dict[str, tuple[int, ...]]


def shards(
    n_layers: int,
    d_model: int,
    d_mlp: int,
    vocabulary: int,
    *,
    tied: bool = False,
    experts: int = 0,
) -> Iterator[Shapes]:
    """Yield the names and shapes of each shard: one a layer, then the embeddings."""
    for layer in range(n_layers):
        block = f"model.layers.{layer}."
        mlp = block + "mlp."
        mlps = [f"{mlp}experts.{n}." for n in range(experts)] or [mlp]
        yield {
            **{block + f"self_attn.{n}_proj.weight": (d_model, d_model) for n in "qkvo"},
            **{f"{each}{n}_proj.weight": (d_mlp, d_model) for each in mlps for n in ("up", "gate")},
            **{f"{each}down_proj.weight": (d_model, d_mlp) for each in mlps},
            **({mlp + "gate.weight": (experts, d_model)} if experts else {}),
            **{block + f"{n}_layernorm.weight": (d_model,) for n in ("input", "post_attention")},
        }
    embeddings = ("model.embed_tokens.weight", "lm_head.weight")[: 1 if tied else 2]
    yield {**dict.fromkeys(embeddings, (vocabulary, d_model)), "model.norm.weight": (d_model,)}


def write(
    folder: Path,
    *,
    n_layers: int,
    d_model: int,
    d_mlp: int,
    dtype: torch.dtype,
    vocabulary: int = VOCABULARY,
    head_width: int = HEAD_WIDTH,
    one_file: bool = False,
    tied: bool = False,
    experts: int = 0,
) -> None:
    """Write the shards with their index, or all in one `model.safetensors`; and config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    parts = list(shards(n_layers, d_model, d_mlp, vocabulary, tied=tied, experts=experts))
    if one_file:
        parts = [{name: shape for part in parts for name, shape in part.items()}]
    names = [f"model-{n + 1:05d}-of-{len(parts):05d}.safetensors" for n in range(len(parts))]
    names = ["model.safetensors"] if one_file else names
    for name, shapes in zip(names, parts, strict=True):
        tensors = {
            tensor: (torch.randn(shape, generator=generator) / d_model**0.5).to(dtype)
            for tensor, shape in shapes.items()
        }
        save_file(tensors, folder / name)
    if not one_file:
        weight_map = {
            tensor: name for name, part in zip(names, parts, strict=True) for tensor in part
        }
        index = {"metadata": {}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    heads = d_model // head_width
    config = {"num_attention_heads": heads, "num_key_value_heads": heads}
    config |= {"tie_word_embeddings": True} if tied else {}
    (folder / "config.json").write_text(json.dumps(config))


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description="Write a large random checkpoint.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SIZES, default="7B")
    parser.add_argument("--layers", type=int, help="fewer than the size has")
    parser.add_argument("--dtype", default="bfloat16")
    options = parser.parse_args()
    dtype = getattr(torch, options.dtype)
    sizes = SIZES[options.size]
    sizes |= {} if options.layers is None else {"n_layers": options.layers}
    write(options.folder, **sizes, dtype=dtype)
    size = sum(file.stat().st_size for file in options.folder.iterdir())
    print(f"{options.folder}: {size / 1e9:.1f} GB in {sizes['n_layers'] + 1} shards")


if __name__ == "__main__":
    main()
