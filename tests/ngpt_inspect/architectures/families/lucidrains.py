"""lucidrains/nGPT-pytorch: NormLinear modules, Scale modules, alphas that start at 1/L."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from models import OFF_SPHERE

from families.known import (
    ATTENTION,
    D_K,
    HEADS,
    LAYERS,
    MLP,
    D,
    Expected,
    Family,
    Known,
    Written,
    known_ngpt,
    written,
)

PARAMETRISED = ".linear.parametrizations.weight.original"
MANUAL = ".linear.weight"
ROTARY = np.ones(D_K // 2)


def release(
    known: Known, suffix: str, inside: str, *, fn: str = "", outside: str = "to_logits", **more: Any
) -> Written:
    """Write all NormLinear weights; attention is block 0 of a layer and the MLP block 1."""
    attention = "0.{0}to_q{1}=W_q 0.{0}to_k{1}=W_k 0.{0}to_v{1}=W_v 0.{0}to_out{1}=W_o "
    mlp = "1.{0}to_hidden{1}=W_u 1.{0}to_gate{1}=W_nu 1.{0}to_out{1}=W_oMLP "
    logits, _, scales = outside.partition(" ")
    return written(
        known,
        f"token_embed{suffix}=E_input {logits}{suffix}=E_output {scales}",
        "layers.{}.",
        (attention + mlp).format(fn, suffix) + inside,
        **more,
    )


def normalised(known: Known) -> Known:
    """Return the model as a parametrised one runs it: W_v of layer 1 is unit too."""
    w_v = known(*OFF_SPHERE)
    return known.also({(*OFF_SPHERE, None): w_v / np.linalg.norm(w_v, axis=1, keepdims=True)})


def modules(at: Path, *, suffix: str, generation: str) -> Expected:
    """Write releases with Scale modules."""
    known = known_ngpt(signed=True)
    fn, alphas = "fn.", "0.branch_scale.scale=alpha_A 1.branch_scale.scale=alpha_M "
    if generation == "0.1.0":
        fn, alphas = "", "2.scale=alpha_A 3.scale=alpha_M "
    of_qk, over_d = f"0.{fn}q_scale.scale=s_q 0.{fn}k_scale.scale=s_k ", D**-0.5
    if generation == "0.2.0":
        of_qk, over_d = f"0.{fn}qk_scale.scale=s_q ", 1 / D
    times = {"s_z": D**-0.5, "s_q": over_d, "s_k": over_d}
    whole = release(
        known,
        suffix,
        f"{alphas} {of_qk} 1.{fn}hidden_scale.scale=s_u 1.{fn}gate_scale.scale=s_nu",
        fn=fn,
        outside="to_logits logit_scale.scale=s_z",
        times=times | dict.fromkeys(("alpha_A", "alpha_M"), D**-0.5 * LAYERS),
        beside={} if generation == "0.2.0" else {f"0.{fn}rotary_emb.freqs": ROTARY},
    )
    if generation == "0.2.0":
        whole.state["rotary_embed.freqs"] = ROTARY
    found = whole.in_file(at / "model.pt")
    if suffix == MANUAL:
        return found
    values = {key: normalised(known)(*key) for key in whole.values}
    return replace(found, values=values, off_sphere=())


def parameters(
    known: Known, inside: str = "", outside: str = "to_logits", **times: float
) -> Written:
    """Write releases before 0.1: plain parameters, no sqrt(d_k) in the softmax."""
    shared = {("s_qk", i, None): known("s_qk", i)[0] for i in range(LAYERS)}
    whole = release(
        known.also(shared),
        PARAMETRISED,
        f"0.qk_scale=s_qk {inside}",
        outside=outside,
        times={"s_qk": D_K**0.25, **times},
        beside={"0.rotary_emb.freqs": ROTARY},
    )
    for i in range(LAYERS):
        for block, role in enumerate(("alpha_A", "alpha_M")):
            array = known(role, i)
            whole.state[f"residual_lerp_scales.{i}.{block}"] = whole.values[role, i, None] = array
    return whole


def later(at: Path) -> Expected:
    """Write 0.0.7."""
    known, scales = known_ngpt(signed=True), "1.hidden_scale=s_u 1.gate_scale=s_nu"
    whole = parameters(known, scales, "to_logits logit_scale=s_z", s_z=D**-0.5)
    key = (*OFF_SPHERE, None)
    values = whole.values | {key: normalised(known)(*key)}
    return replace(whole.in_file(at / "model.pt"), values=values, off_sphere=())


def first(at: Path) -> Expected:
    """Write 0.0.1, which normalises the axis the paper does not, but for the input embedding."""
    whole = parameters(known_ngpt(signed=True), outside="token_unembed")
    values = dict(whole.values)
    off = tuple(key for key in values if key[0] in (*ATTENTION, *MLP, "E_output"))
    for key in off:
        axis = 1 if key[0] in ("W_o", "W_oMLP") else 0
        values[key] = values[key] / np.linalg.norm(values[key], axis=axis, keepdims=True)
    return replace(whole.in_file(at / "model.pt"), values=values, off_sphere=off)


NO_HEADS = {"heads": HEADS}
"""A raw state dict says nothing of heads."""
FAMILIES = (
    *(
        Family(
            f"lucidrains-{generation}-{way}",
            "lucidrains_ngpt" if generation == "0.2.0" else "lucidrains_ngpt_0_1",
            partial(modules, suffix=suffix, generation=generation),
            NO_HEADS,
        )
        for generation in ("0.1.0", "0.1.6", "0.2.0")
        for way, suffix in {"parametrised": PARAMETRISED, "manual": MANUAL}.items()
    ),
    Family("lucidrains-0.0.7", "lucidrains_ngpt_0_0", later, NO_HEADS),
    Family("lucidrains-0.0.1", "lucidrains_ngpt_first", first, NO_HEADS),
)
