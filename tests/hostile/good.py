"""One small good checkpoint of every format, each of a model that can be placed."""

from __future__ import annotations

import io
import json
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import save

D, MLP, VOCAB, HEADS = 16, 32, 12, 2
Files = dict[str, bytes]
"""What lies in a folder, by name."""
CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": D,
    "intermediate_size": MLP,
    "num_hidden_layers": 1,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "vocab_size": VOCAB,
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": False,
}
OPENED = {
    "safetensors": "model.safetensors",
    "reference": "step-000003.safetensors",
    "sharded safetensors": "model.safetensors.index.json",
    "torch": "ckpt.pt",
    "sharded torch": "pytorch_model.bin.index.json",
    "distributed": "",
    "gguf": "model.gguf",
    "model parallel": "consolidated.00.pth",
    "deepspeed": "zero_pp_rank_0_mp_rank_00_model_states.pt",
}
"""What is opened of each kind of `good`; empty for the folder itself."""


def llama() -> dict[str, torch.Tensor]:
    """Return the tensors of a Llama of one layer."""
    generator = torch.Generator().manual_seed(1)
    shapes: dict[str, tuple[int, ...]] = {
        **{f"self_attn.{name}_proj": (D, D) for name in "qkvo"},
        "mlp.up_proj": (MLP, D),
        "mlp.gate_proj": (MLP, D),
        "mlp.down_proj": (D, MLP),
        "input_layernorm": (D,),
        "post_attention_layernorm": (D,),
    }
    named = {f"model.layers.0.{name}.weight": shape for name, shape in shapes.items()}
    named |= {"model.embed_tokens.weight": (VOCAB, D), "lm_head.weight": (VOCAB, D)}
    named["model.norm.weight"] = (D,)
    return {name: torch.randn(shape, generator=generator) for name, shape in named.items()}


def nanogpt() -> dict[str, Any]:
    """Return what nanoGPT's training script saves."""
    shapes: dict[str, tuple[int, ...]] = {
        "wte.weight": (VOCAB, D),
        "wpe.weight": (6, D),
        "h.0.ln_1.weight": (D,),
        "h.0.attn.c_attn.weight": (3 * D, D),
        "h.0.attn.c_proj.weight": (D, D),
        "h.0.ln_2.weight": (D,),
        "h.0.mlp.c_fc.weight": (4 * D, D),
        "h.0.mlp.c_proj.weight": (D, 4 * D),
        "ln_f.weight": (D,),
    }
    state = {f"transformer.{name}": torch.ones(shape) for name, shape in shapes.items()}
    state["lm_head.weight"] = state["transformer.wte.weight"]
    settings = {"n_layer": 1, "n_head": HEADS, "n_embd": D, "block_size": 6, "bias": False}
    return {
        "model": state,
        "model_args": {**settings, "vocab_size": VOCAB},
        "iter_num": 3,
        "best_val_loss": torch.tensor(2.5),
        "config": {"dataset": "x", "out": Path("out")},
    }


@cache
def good(kind: str) -> Files:
    """Return the files of a kind of `OPENED`."""
    tensors = llama()
    config = json.dumps(CONFIG).encode()
    halves = [dict(list(tensors.items())[::2]), dict(list(tensors.items())[1::2])]
    match kind:
        case "safetensors":
            data = save(tensors, metadata={"format": "pt"})
            return {"model.safetensors": data, "config.json": config}
        case "reference":
            return {OPENED[kind]: _reference()}
        case "sharded safetensors" | "sharded torch":
            stem, suffix = (
                ("model", "safetensors") if "tensors" in kind else ("pytorch_model", "bin")
            )
            names = [f"{stem}-0000{i}-of-00002.{suffix}" for i in (1, 2)]
            keep = save if suffix == "safetensors" else _torch
            index = {name: names[i] for i, half in enumerate(halves) for name in half}
            shards = {name: keep(half) for name, half in zip(names, halves, strict=True)}
            text = json.dumps({"metadata": {"total_size": 1}, "weight_map": index})
            return {OPENED[kind]: text.encode(), **shards, "config.json": config}
        case "torch":
            return {"ckpt.pt": _torch(nanogpt())}
        case "distributed":
            return _distributed({"model": tensors, "step": 3, "config": CONFIG})
        case "deepspeed":
            return {**_zero3(tensors, 0), **_zero3(tensors, 1), "config.json": config}
        case "model parallel":
            params = json.dumps({"dim": D, "n_heads": HEADS, "n_kv_heads": HEADS}).encode()
            parts = {f"consolidated.0{rank}.pth": _torch(_meta(tensors, rank)) for rank in (0, 1)}
            return {**parts, "params.json": params}
    return {"model.gguf": b"".join(gguf_fields())}


META = {
    **{f"self_attn.{n}_proj": f"attention.w{n}" for n in "qkvo"},
    **{"gate_proj": "w1", "down_proj": "w2", "up_proj": "w3", "mlp": "feed_forward"},
    **{"input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm"},
    **{"lm_head": "output", "embed_tokens": "tok_embeddings", "model.": ""},
}


def _meta(tensors: dict[str, torch.Tensor], rank: int) -> dict[str, torch.Tensor]:
    """Return half of each matrix under Meta's names."""
    out = {}
    for name, tensor in tensors.items():
        for theirs, ours in META.items():
            name = name.replace(theirs, ours)
        columns = name.endswith(("wo.weight", "w2.weight"))
        half = tensor.chunk(2, int(columns))[rank] if tensor.dim() > 1 else tensor
        out[name] = half.clone()
    return out


def _zero3(tensors: dict[str, torch.Tensor], rank: int) -> Files:
    """Return what one of two ranks of DeepSpeed saves."""
    module = dict.fromkeys(tensors, torch.empty(0))
    shapes = [{name: tensor.shape for name, tensor in tensors.items()}]
    flat = torch.cat([tensor.flatten().chunk(2)[rank] for tensor in tensors.values()])
    optimizer = {"zero_stage": 3, "partition_count": 2, "fp32_flat_groups": [flat]}
    stem = f"zero_pp_rank_{rank}_mp_rank_00"
    return {
        f"{stem}_model_states.pt": _torch({"module": module, "param_shapes": shapes}),
        f"{stem}_optim_states.pt": _torch({"optimizer_state_dict": optimizer}),
    }


def _torch(value: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def _reference() -> bytes:
    from reference_model.checkpoint import save_checkpoint
    from reference_model.config import NGPTConfig, TrainConfig
    from reference_model.model import build_model

    sizes = {"n_layers": 1, "n_heads": HEADS, "d_model": D, "d_mlp": MLP, "vocab_size": VOCAB}
    with tempfile.TemporaryDirectory() as folder:
        model = build_model(NGPTConfig(context_length=8, **sizes))
        training = TrainConfig(steps=3, batch_size=1, learning_rate=0.1)
        return save_checkpoint(Path(folder), model, training, step=3, tokens=3).read_bytes()


def _distributed(state: dict[str, Any]) -> Files:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state, checkpoint_id=folder, no_dist=True)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def gguf_fields() -> list[bytes]:
    """Return a GGUF file field by field, as github.com/ggml-org/ggml, docs/gguf.md lays it out."""
    settings: list[tuple[str, int, list[bytes]]] = [
        ("general.architecture", 8, _text("llama")),
        ("llama.embedding_length", 4, [_u32(D)]),
        ("llama.block_count", 4, [_u32(1)]),
        ("llama.feed_forward_length", 4, [_u32(MLP)]),
        ("llama.attention.head_count", 4, [_u32(HEADS)]),
        ("llama.attention.layer_norm_rms_epsilon", 6, [np.float32(1e-5).tobytes()]),
        ("tokenizer.ggml.tokens", 9, [_u32(8), _u64(2), *_text("a"), *_text("b")]),
        ("tokenizer.ggml.scores", 9, [_u32(6), _u64(2), bytes(4), bytes(4)]),
    ]
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (VOCAB, D),
        **{f"blk.0.attn_{name}.weight": (D, D) for name in ("q", "k", "v", "output")},
        "blk.0.ffn_up.weight": (MLP, D),
        "blk.0.ffn_gate.weight": (MLP, D),
        "blk.0.ffn_down.weight": (D, MLP),
        "blk.0.attn_norm.weight": (D,),
        "blk.0.ffn_norm.weight": (D,),
        "output_norm.weight": (D,),
        "output.weight": (VOCAB, D),
    }
    out = [b"GGUF", _u32(3), _u64(len(shapes)), _u64(len(settings))]
    for key, kind, value in settings:
        out += [*_text(key), _u32(kind), *value]
    offset, data = 0, b""
    for name, shape in shapes.items():
        packed = "ffn_down" in name  # rows of 32: one block of Q8_0 (type 8), 34 bytes
        n_bytes = shape[0] * 34 if packed else 4 * int(np.prod(shape))
        sizes = [_u64(size) for size in reversed(shape)]
        out += [*_text(name), _u32(len(shape)), *sizes, _u32(8 if packed else 0), _u64(offset)]
        n_bytes += -n_bytes % 32
        offset += n_bytes
        data += bytes(n_bytes)
    header = sum(map(len, out))
    return [*out, bytes(-header % 32), data]


def _text(value: str) -> list[bytes]:
    return [_u64(len(value)), value.encode()]


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "little")
