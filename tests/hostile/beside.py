"""Small good files that are read beside checkpoints: declarations, tokenizers, metrics, traces."""

from __future__ import annotations

import json
from typing import Any

import torch
from safetensors.torch import save

SPEC: dict[str, Any] = {
    "name": "mine",
    "family": "GPT",
    "constants": [{"name": "c_init", "assumed": "0.05", "because": "so it is"}],
    "ignored": {"model.layers.{layer}.rotary": "rotary frequencies"},
    "rules": [
        {"name": "model.embed_tokens.weight", "role": "E_input", "shape": "vocab_size, d_model"},
        {"name": "lm_head.weight", "role": "E_output", "shape": "vocab_size, d_model"},
        {"name": "model.norm.weight", "role": "gain_final", "shape": "d_model"},
        *(
            {"name": f"model.layers.{{layer}}.{name}.weight", "role": role, "shape": shape}
            for name, role, shape in (
                ("self_attn.q_proj", "W_q", "n_heads*d_k, d_model"),
                ("self_attn.k_proj", "W_k", "n_kv_heads*d_k, d_model"),
                ("self_attn.v_proj", "W_v", "n_kv_heads*d_k, d_model"),
                ("self_attn.o_proj", "W_o", "d_model, n_heads*d_k"),
                ("mlp.up_proj", "W_u", "d_mlp, d_model"),
                ("mlp.gate_proj", "W_nu", "d_mlp, d_model"),
                ("mlp.down_proj", "W_oMLP", "d_model, d_mlp"),
                ("input_layernorm", "gain_A", "d_model"),
            )
        ),
        {
            "name": "model.layers.{layer}.post_attention_layernorm.weight",
            "role": "gain_M",
            "shape": "d_model",
            "factor": "c_init * (layer + 1)**0.5",
        },
    ],
}
"""A declaration of the Llama of `hostile.good`."""
TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [{"id": 4, "content": "<s>", "special": True}],
    "pre_tokenizer": {"type": "ByteLevel"},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "Ġb": 1, "<0x0A>": 2, "ä": 3}, "merges": []},
}
LINE: dict[str, Any] = {
    **{"step": 1, "tokens": 32, "train_loss": 2.5, "validation_loss": None},
    **{"learning_rate": 1e-3, "gradient_norm": 1.0, "seconds": 0.5},
}
TRAINER: dict[str, Any] = {
    **{"global_step": 2, "max_steps": 4, "train_batch_size": 8, "best_metric": None},
    "log_history": [
        {"step": 1, "loss": 2.5, "grad_norm": 1.0, "learning_rate": 1e-3, "epoch": 0.5},
        {"step": 1, "eval_loss": 2.25, "num_input_tokens_seen": 512},
        {"step": 2, "train_loss": 2.4, "train_runtime": 3.0},
    ],
}
N_TOKENS, D, STATES, TOP = 3, 4, 3, 2
ABOUT: dict[str, Any] = {
    "format_version": 1,
    "family": "nGPT",
    "checkpoint": "x",
    "step": 3,
    "config": {"n_layers": 1},
    "tokens": ["a", "b", "c"],
    "predictions": {"0": "a"},
    "writer": "a test",
}


def trace() -> bytes:
    """Return a trace of one layer, as docs/traces.md describes it."""
    tensors = {
        "token_ids": torch.arange(N_TOKENS),
        "states": torch.ones(STATES, N_TOKENS, D),
        "suggestions": torch.ones(STATES - 1, N_TOKENS, D),
        "next_embeddings": torch.ones(N_TOKENS - 1, D),
        "top_ids": torch.zeros(STATES, N_TOKENS, TOP, dtype=torch.int64),
        "top_probabilities": torch.full((STATES, N_TOKENS, TOP), 0.4),
        "next_probabilities": torch.full((STATES, N_TOKENS - 1), 0.4),
    }
    return save(tensors, metadata={"trace": json.dumps(ABOUT)})
