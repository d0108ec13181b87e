"""The largest attention logit a head can give, whatever it is given, and its temperature."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ngpt_inspect.errors import InspectError
from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures._circuits import (
    input_gain,
    matrix_of,
    require_groups,
    require_known_norms,
    scales_by_head,
)
from ngpt_inspect.measures._heads import unknown_heads
from ngpt_inspect.measures._measure import Followed, Known, Measure, Summary, Values, View
from ngpt_inspect.products import ProductTensor
from ngpt_inspect.vocabulary import QK_SCALES, Role, Series
from ngpt_inspect.weights import Weight

if TYPE_CHECKING:
    Lengths = tuple[torch.Tensor, torch.Tensor]
    """By head: the largest norm of its queries (or keys), and the mean square over directions."""

SCALES: Mapping[Role | None, tuple[Role, ...]] = {
    Role.W_Q: (Role.S_QK, Role.S_Q),
    Role.W_K: (Role.S_QK, Role.S_K),
}
GAINS: Mapping[Role | None, Role] = {Role.W_Q: Role.GAIN_Q, Role.W_K: Role.GAIN_K}
"""What multiplies the coordinates of normed queries, or of normed keys: nGPT, GPT."""
QK_NORM = ("use_qk_norm", "qk_norm", "qk_layernorm", "use_qk_layernorm", "qk_ln", "norm_qk")
"""Settings that say that a GPT norms its queries and keys."""


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield the bound on the logits of each head, and the temperature."""
    yield from unknown_heads(weight, "logit_bound")
    if weight.n_blocks is None:
        return
    keys = weight.beside(Role.W_K)
    if keys is None or keys.n_blocks is None:
        raise InspectError(f"no W_k beside it in layer {weight.layer}")
    require_groups(weight, weight.n_blocks, keys.n_blocks)
    require_known_norms(weight)
    d_k = weight.shape[0] // weight.n_blocks
    q, squared_q = _lengths(weight, weight.n_blocks, device)
    k, squared_k = _lengths(keys, weight.n_blocks, device)
    rotated = d_k - keys.shape[0] // keys.n_blocks
    if rotated:
        more, squared_more = _of_shared_keys(weight, rotated, device)
        k, squared_k = (k.square() + more.square()).sqrt(), squared_k + squared_more
    scale = _softmax_scale(weight, d_k) * _rotation(weight, latent=bool(rotated))
    bound, typical = scale * q * k, scale * (squared_q * squared_k).sqrt()
    cap = _said(weight, "attn_logit_softcapping")
    if cap:
        bound = cap * (bound / cap).tanh()
    heads = np.arange(weight.n_blocks)
    yield Values(measure="logit_bound", value=bound.cpu().numpy(), head=heads)
    yield Values(measure="attention_temperature", value=(1 / typical).cpu().numpy(), head=heads)


def _lengths(weight: Weight, n_heads: int, device: str) -> Lengths:
    """Return the lengths of queries, or of keys, for each head of the queries."""
    values, _ = matrix_of(weight, device)  # in any case: with NaN in it no bound holds
    heads, gain = weight.heads(values.double()), weight.beside(GAINS[weight.role])
    if heads is None:
        raise InspectError(f"nothing says how many heads {weight.source} has")
    if any(weight.beside(role) for role in QK_SCALES):
        return _scaled(heads, weight, n_heads, device)
    product = weight.tensor
    flag = next((each for each in QK_NORM if _said(weight, each) is True), None)
    if gain is None and flag is not None:
        raise InspectError(
            f"its config says {flag}, and nothing is known of the norm of {weight.role}: no bound "
            "is known"
        )
    if gain is not None:
        found = _normed(gain, len(heads), heads.shape[1], device)
    elif isinstance(product, ProductTensor) and product.gain is not None:
        left = product.left.values(device).double()
        latent = left.reshape(len(heads), -1, left.shape[1])
        found = _of_normed_input(latent, product.gain, weight.bias(device), device)
    else:
        found = _of_normed_input(heads, _input_norm(weight), weight.bias(device), device)
    group = n_heads // len(heads)
    return found[0].repeat_interleave(group), found[1].repeat_interleave(group)


def _scaled(heads: torch.Tensor, weight: Weight, n_heads: int, device: str) -> Lengths:
    """Return max |s| and mean s^2: of unit vectors, scaled (nGPT, equations 15 and 16)."""
    d_k, width = heads.shape[1:]
    s_HK = torch.ones(n_heads, d_k, dtype=torch.float64, device=device)
    for role in SCALES[weight.role]:
        learned = weight.beside(role)
        if learned is not None:
            s_HK = scales_by_head(learned, n_heads, d_k, device)[0]
    largest, squares_HK = s_HK.abs().amax(1), s_HK.square()
    if _said(weight, "qk_norm") is not False:
        return largest, squares_HK.mean(1)
    # Table 6 drops the norm: of a hidden state of length 1 they are as long as W makes them.
    group = n_heads // len(heads)
    rows_HK = heads.square().sum(2).repeat_interleave(group, 0)
    longest_H = _spectral(heads).repeat_interleave(group)
    return largest * longest_H, (squares_HK * rows_HK).sum(1) / width


def _normed(gain: Weight, n_heads: int, d_k: int, device: str) -> Lengths:
    """Return sqrt(d_k) max |g| and sum g^2: of normed vectors of mean square 1, times a gain."""
    g_HK, _ = scales_by_head(gain, n_heads, d_k, device)
    bias = gain.bias(device)
    added = torch.zeros_like(g_HK) if bias is None else bias.reshape(-1, d_k).expand_as(g_HK)
    # A norm over all heads at once leaves the length of all of them to any one.
    over = max(d_k, gain.shape[0] if len(gain.shape) == 1 else gain.shape[-1])
    largest = math.sqrt(over) * g_HK.abs().amax(1) + added.norm(dim=1)
    return largest, g_HK.square().sum(1) + added.square().sum(1)


def _of_shared_keys(weight: Weight, rotated: int, device: str) -> Lengths:
    """Return the lengths of the rotated keys that all heads share: the last rows of the latent."""
    latent = weight.beside(Role.W_KV_A)
    if latent is None or not 0 < rotated <= latent.shape[0]:
        raise InspectError("keys have not the width of queries: no bound is known")
    rows, bias = matrix_of(latent, device)[0][-rotated:].double(), latent.bias(device)
    added = None if bias is None else bias[-rotated:]
    return _of_normed_input(rows.unsqueeze(0), _input_norm(latent), added, device)


def _input_norm(weight: Weight) -> Weight:
    """Return the gain of the norm that the matrix reads."""
    gain = weight.beside(Role.GAIN_A)
    if gain is None or (weight.model is not None and weight.model.family == "nGPT"):
        raise InspectError(
            "no norm of its input, its queries or its keys is known, so that they can be of any "
            "length"
        )
    return gain


def _of_normed_input(
    heads: torch.Tensor, gain: Weight, bias: torch.Tensor | None, device: str
) -> Lengths:
    """Return sqrt(d) sigma_max(W diag(g)) + |W b + c| and |W diag(g)|^2 + |W b + c|^2.

    b is the bias of the norm, c that of the matrix; the mean is over normed inputs of every
    direction. Of latent attention W is what reads the latent, and g the gain of its norm.
    """
    width = heads.shape[2]
    behind = heads * input_gain(gain, width, device)
    added = torch.zeros(heads.shape[:2], dtype=torch.float64, device=device)
    of_norm = gain.bias(device)
    if of_norm is not None:
        added = added + heads @ of_norm
    if bias is not None:
        added = added + bias.reshape(added.shape)
    constant = added.norm(dim=1)
    largest = math.sqrt(width) * _spectral(behind) + constant
    return largest, behind.square().sum((1, 2)) + constant.square()


def _spectral(heads: torch.Tensor) -> torch.Tensor:
    from ngpt_inspect.numerics.spectra import singular_values

    return singular_values(heads)[:, 0]


def _rotation(weight: Weight, *, latent: bool) -> float:
    """Return what rotations multiply logits by: queries and keys are lengthened alike."""
    from ngpt_inspect.numerics.rotary import lengthening, sharpening

    rope = _said(weight, "rope_scaling") or _said(weight, "rope_parameters")
    if not isinstance(rope, Mapping):
        return 1.0
    tokens = [_said(weight, f"{which}max_position_embeddings") for which in ("", "original_")]
    try:
        longer = lengthening(rope, *tokens)
        sharper = sharpening(rope) if latent else 1.0
    except (TypeError, ValueError) as error:
        raise InspectError(f"no bound is known: {error}") from None
    partly = rope.get("partial_rotary_factor") or _said(weight, "partial_rotary_factor") or 1.0
    if longer != 1.0 and (latent or partly != 1.0):
        raise InspectError("its rotations lengthen a part of queries and keys: no bound is known")
    return longer**2 * sharper


def _softmax_scale(weight: Weight, d_k: int) -> float:
    """Return what products of queries and keys are multiplied by, as far as files tell."""
    if any(weight.beside(role) for role in QK_SCALES):
        return math.sqrt(d_k)  # section 2.3.2
    if _said(weight, "scale_attn_weights") is False or _said(weight, "model_type") == "gpt_neo":
        scale = 1.0
    else:
        scalar = _said(weight, "query_pre_attn_scalar")
        scale = _said(weight, "attention_multiplier") or (scalar or d_k) ** -0.5
    by_layer = _said(weight, "scale_attn_by_inverse_layer_idx")
    return float(scale) / ((weight.layer or 0) + 1 if by_layer else 1)


def _said(weight: Weight, setting: str) -> Any:
    found = weight.model and weight.model.contents.find(setting)
    return found[0] if found else None


MEASURE = Measure(
    name="logit_bounds",
    title="Bounds of attention logits",
    summary="the largest attention logit each head can give, from its weights, and its temperature",
    roles=(Role.W_Q,),
    compute=compute,
    beside=True,
    heads_only=True,
    quantities={
        "logit_bound": "scale · max ‖q‖ · max ‖k‖ over all inputs, at any distance (a rotation "
        "keeps lengths), before the softmax. GPT: scale 1/√d_k (or what its config says), "
        "‖q‖ ≤ √d σ_max(W_q diag(gain_A)) + ‖W_q b + c‖ with the biases b of the norm and c of "
        "W_q, if any; with normed queries √d_k max |gain_q|; keys alike. Of latent attention (MLA) "
        "W_q,b and the gain and width of the normed latent take their places, and ‖k‖² is the sum "
        "over both parts of a key. Rotations of long contexts (YaRN, LongRoPE) lengthen both by "
        "f: f² times as much; MLA has a factor in its softmax. nGPT: scale √d_k, "
        "‖q‖ ≤ max |s_qk|, so √d_k max s_qk²",
        "attention_temperature": "T = 1 / (scale · rms ‖q‖ · rms ‖k‖), root mean squares over "
        "normed inputs (normed queries) of every direction: a logit is cos(q, k) / T where both "
        "have their typical length; nGPT: 1 / (√d_k mean s_qk²)",
    },
    headline=Series("logit_bound"),
    shown=(
        Series("logit_bound", "median"),
        Series("logit_bound", "max"),
        Series("attention_temperature", "median"),
        Series("attention_temperature", "min"),
    ),
    view=View.ROLES,
    summaries=dict.fromkeys(("logit_bound", "attention_temperature"), (Summary.HEADS,)),
    pooled=dict.fromkeys(("logit_bound", "attention_temperature"), (Summary.HEADS,)),
    source="arXiv 2410.01131, equations 13 to 16 and section 2.3.2: softmax(√d_k s_qk² cos); "
    "logits that grow, and norms of queries and keys: arXiv 2302.05442, section 2.1",
    followed={
        "logit_bound": Followed(
            series=Series("logit_bound", "max"), label="largest possible logit", log=True
        ),
        "attention_temperature": Followed(
            series=Series("attention_temperature", "median"),
            label="temperature, median",
            log=True,
        ),
    },
    known=(
        Known(
            role=Role.W_Q,
            weight=((1, 0), (0, 1), (1, 0), (0, 1)),
            beside={
                Role.W_K: ((0, 1), (1, 0), (1, 0), (0, 1)),
                Role.S_QK: ((2, 1), (1, -3)),
            },
            heads=2,
            values={
                "logit_bound": (4 * 2**0.5, 9 * 2**0.5),
                "attention_temperature": (1 / (2.5 * 2**0.5), 1 / (5 * 2**0.5)),
            },
        ),
        Known(
            role=Role.W_Q,
            family="GPT",
            weight=((3, 0), (0, 4)),
            beside={Role.W_K: ((0, 1), (2, 0)), Role.GAIN_A: (2, 1)},
            heads=1,
            values={
                # sigma_max of ((6, 0), (0, 4)) and of ((0, 1), (4, 0)), times d / sqrt(d_k).
                "logit_bound": 24 * 2**0.5,
                "attention_temperature": (2 / (52 * 17)) ** 0.5,
            },
        ),
    ),
    usual="nGPT: bounds of 5 to 22 at d_k = 16, growing with √d_k, and temperatures of 0.07 to 0.3;"
    " GPT: from 0.2 to above 1,000, far above the logits that occur",
    alarming="a bound that grows from step to step (in bfloat16 logits above some hundred lose "
    "what tells tokens apart), a temperature near 0: the softmax is one-hot",
    random="GPT with entries of deviation s: about s² d (√d + √d_k)² / √d_k; nGPT: √d_k, as s_qk "
    "starts at 1, and T = 1 / √d_k",
    caution="a bound, not a logit: reached where queries and keys of largest length point one way. "
    "What files do not tell is not in it: other scales of a code, position biases (ALiBi), norms "
    "of queries without a gain. Of a LayerNorm the centring is not used. The tighter bound of two "
    "tokens of a GPT at one place is d / √d_k times `circuit_sigma_max`",
)
