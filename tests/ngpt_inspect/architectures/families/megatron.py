"""Megatron-LM exports: qkv by groups, the gate first, Mamba layers between, experts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from families.known import (
    ALPHAS,
    ATTENTION,
    D_MLP,
    EMBEDDINGS,
    EXPERTS,
    HEADS,
    LAYERS,
    MLP,
    D,
    Expected,
    Family,
    Known,
    interleave,
    known_ngpt,
    router,
    save_folder,
    save_torch,
)

STD = 0.02
KV = 2
CONFIG = {"num_attention_heads": HEADS, "num_query_groups": KV}


def trunk(known: Known, layers: dict[int, int]) -> dict[str, np.ndarray]:
    """Return everything but the MLP; `layers` gives the place of each layer in the file."""
    state = {
        "embedding.word_embeddings.weight": known("E_input"),
        "output_layer.weight": known("E_output"),
        "sz": known("s_z") * STD,
    }
    for i, place in layers.items():
        layer = f"decoder.layers.{place}."
        qkv = interleave(*(known(role, i) for role in ("W_q", "W_k", "W_v")), groups=KV)
        state |= {
            layer + "self_attention.linear_qkv.weight": qkv,
            layer + "self_attention.linear_proj.weight": known("W_o", i),
            layer + "self_attention.sqk": known("s_qk", i).reshape(-1) * STD,
            layer + "attn_alpha": known("alpha_A", i) * STD / 0.05,
            layer + "mlp_alpha": -known("alpha_M", i) * STD / 0.05,
        }
    return state


def plain(at: Path) -> Expected:
    known = known_ngpt(n_kv_heads=KV)
    state = trunk(known, {i: i for i in range(LAYERS)})
    for i in range(LAYERS):
        mlp = f"decoder.layers.{i}.mlp."
        state[mlp + "linear_fc1.weight"] = known("W_u", i)
        state[mlp + "linear_fc2.weight"] = known("W_oMLP", i)
        state[mlp + "suv"] = known("s_u", i)
    path = save_torch(at / "model.pt", state, args=CONFIG | {"init_method_std": STD})
    roles = (*EMBEDDINGS, *ATTENTION, "W_u", "W_oMLP", *ALPHAS, "s_qk", "s_u", "s_z")
    return Expected(path, known.only(roles), n_kv_heads=KV)


def gated_hybrid(at: Path) -> Expected:
    """Write attention in layers 0 and 2, Mamba in layer 1 and at the end."""
    known = known_ngpt(n_kv_heads=KV)
    places = {0: 0, 1: 2}
    state = trunk(known, places)
    for i, place in places.items():
        mlp = f"decoder.layers.{place}.mlp."
        gate_first = np.concatenate([known("W_nu", i), known("W_u", i)])
        state[mlp + "linear_fc1.weight"] = gate_first
        state[mlp + "linear_fc2.weight"] = known("W_oMLP", i)
        state[mlp + "suv"] = np.concatenate([known("s_nu", i), known("s_u", i)])
    for place in (1, 3):
        mixer = f"decoder.layers.{place}.mixer."
        state |= {
            mixer + "in_proj.weight": np.ones((40, D)),
            mixer + "out_proj.weight": np.ones((D, 32)),
            mixer + "A_log": np.ones(4),
            f"decoder.layers.{place}.mixer_alpha": np.ones(D),
        }
    path = save_folder(at, state, CONFIG)
    roles = (*EMBEDDINGS, *ATTENTION, *MLP, *ALPHAS, "s_qk", "s_u", "s_nu", "s_z")
    values = {
        (role, None if layer is None else places[layer], expert): array
        for (role, layer, expert), array in known.only(roles).items()
    }
    return Expected(path, values, n_kv_heads=KV, off_sphere=(("W_v", 2, None),))


def experts(at: Path) -> Expected:
    known = known_ngpt(n_kv_heads=KV, experts=True)
    state = trunk(known, {i: i for i in range(LAYERS)})
    for i in range(LAYERS):
        mlp = f"decoder.layers.{i}.mlp."
        for e in range(EXPERTS):
            state[f"{mlp}experts.linear_fc1.weight{e}"] = known("W_u", i, e)
            state[f"{mlp}experts.linear_fc2.weight{e}"] = known("W_oMLP", i, e)
        state[mlp + "shared_experts.linear_fc1.weight"] = known("W_u", i)
        state[mlp + "shared_experts.linear_fc2.weight"] = known("W_oMLP", i)
        state[mlp + "experts.suv"] = known("s_u", i)
        state[mlp + "router.weight"] = router(i, unit=True)
    assert known("W_u", 0, 0).shape == (D_MLP, D)
    path = save_folder(at, state, CONFIG | {"init_method_std": STD})
    roles = (*EMBEDDINGS, *ATTENTION, "W_u", "W_oMLP", *ALPHAS, "s_qk", "s_u", "s_z")
    values = known.only(roles)
    values |= {("W_router", i, None): router(i, unit=True) for i in range(LAYERS)}
    return Expected(path, values, n_kv_heads=KV)


FAMILIES = (
    Family("megatron", "megatron_ngpt", plain),
    Family("megatron-experts", "megatron_ngpt", experts),
    Family("megatron-gated-hybrid", "megatron_ngpt_gated", gated_hybrid),
)
