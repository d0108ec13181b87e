"""What a head computes of the hidden state: QK of its logits, OV of its output."""

from collections.abc import Iterable, Mapping
from typing import Any

from ngpt_inspect.later.numpy import np
from ngpt_inspect.later.torch import torch
from ngpt_inspect.measures._circuits import ov_circuit, qk_circuit
from ngpt_inspect.measures._conditioning import reason_of
from ngpt_inspect.measures._heads import unknown_heads
from ngpt_inspect.measures._measure import Cost, Followed, Known, Measure, Summary, Values, View
from ngpt_inspect.vocabulary import Role, Series, Status
from ngpt_inspect.weights import Weight

RANKS = ("stable_rank", "effective_rank")


def compute(weight: Weight, options: Mapping[str, Any], device: str) -> Iterable[Values]:
    """Yield kappa, both ends and two ranks of the circuit of each head."""
    from ngpt_inspect.numerics import spectra

    yield from unknown_heads(weight, "circuit_condition_number")
    if weight.n_blocks is None:
        return
    circuit = (qk_circuit if weight.role is Role.W_Q else ov_circuit)(weight, device)
    found = list(circuit.products())
    conditionings = [each for some in found for each in some.conditionings]
    values_Hn, heads = torch.cat([some.values_Hn for some in found]), np.arange(len(conditionings))
    yield Values(
        measure="circuit_condition_number",
        value=np.array([each.kappa for each in conditionings]),
        head=heads,
        status=np.array([Status(each.status) for each in conditionings], object),
        reason=np.array([reason_of(each, weight.tensor.dtype) for each in conditionings], object),
    )
    for end in ("sigma_max", "sigma_min"):
        ends = np.array([getattr(each, end) for each in conditionings])
        yield Values(measure=f"circuit_{end}", value=ends, head=heads)
    for name in RANKS:
        ranks = getattr(spectra, name)(values_Hn).cpu().numpy()
        yield Values(measure=f"circuit_{name}", value=ranks, head=heads)
        share = ranks / values_Hn.shape[1]
        yield Values(measure=f"circuit_{name}_share", value=share, head=heads)


MEASURE = Measure(
    name="circuits",
    title="Circuits of heads",
    summary="QK and OV of each head, what it computes whatever the gauge of its matrices: ranks, κ",
    roles=(Role.W_Q, Role.W_O),
    compute=compute,
    cost=Cost(values=140),
    beside=True,
    heads_only=True,
    quantities={
        "circuit_condition_number": "κ = σ_max / σ_min over the d_k directions of a head; of "
        "QK = W_qᵀ diag(r) W_k in rows of W_q, of OV = W_o W_v in rows of W_o, both behind the "
        "gain of the norm that they read (columns of W_q, W_k, W_v times gain_A); r = s_qk² "
        "(s_q s_k, s_q), or gain_q gain_k where queries and keys are normed, else 1; at rotary "
        "distance 0",
        "circuit_sigma_max": "largest singular value of QK or OV",
        "circuit_sigma_min": "the last of its d_k singular values",
        "circuit_stable_rank": "Σσ² / σ_max² of QK or OV",
        "circuit_stable_rank_share": "the same over d_k",
        "circuit_effective_rank": "exp(−Σ p log p) with p = σ / Σσ, of QK or OV",
        "circuit_effective_rank_share": "the same over d_k",
    },
    headline=Series("circuit_condition_number"),
    shown=(
        *(Series("circuit_condition_number", name) for name in ("median", "max")),
        Series("circuit_effective_rank_share", "median"),
        Series("circuit_stable_rank_share", "median"),
        Series("circuit_sigma_max", "max"),
    ),
    view=View.ROLES,
    summaries=dict.fromkeys(
        (
            "circuit_condition_number",
            "circuit_sigma_max",
            *(f"circuit_{name}{share}" for name in RANKS for share in ("", "_share")),
        ),
        (Summary.HEADS,),
    ),
    pooled=dict.fromkeys(
        ("circuit_condition_number", *(f"circuit_{name}_share" for name in RANKS)),
        (Summary.HEADS,),
    ),
    source="https://transformer-circuits.pub/2021/framework/index.html (Elhage et al.), QK and OV "
    "circuits; s_qk as in arXiv 2410.01131, equations 15 and 16",
    followed={
        "circuit_condition_number": Followed(
            series=Series("circuit_condition_number", "median"),
            label="κ of QK, OV, median",
            log=True,
        ),
        **{
            f"circuit_{name}": Followed(
                series=Series(f"circuit_{name}_share", "median"),
                label=f"{name.replace('_', ' ')} / d_k",
            )
            for name in RANKS
        },
    },
    known=(
        Known(
            role=Role.W_Q,
            # Two heads; QK is diag(12, 3) and diag(2, 8), up to rotations of either side.
            weight=((0, 3, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 0, 2)),
            beside={
                Role.W_K: ((1, 0, 0, 0), (0, 0, 3, 0), (2, 0, 0, 0), (0, 4, 0, 0)),
                Role.S_QK: ((2, 1), (1, 1)),
            },
            heads=2,
            values={
                "circuit_condition_number": (4, 4),
                "circuit_sigma_max": (12, 8),
                "circuit_sigma_min": (3, 2),
                "circuit_stable_rank": (153 / 144, 68 / 64),
                "circuit_stable_rank_share": (153 / 288, 68 / 128),
                "circuit_effective_rank": (5 / 4**0.8, 5 / 4**0.8),
                "circuit_effective_rank_share": (2.5 / 4**0.8, 2.5 / 4**0.8),
            },
        ),
        Known(
            role=Role.W_O,
            weight=((0, 5), (2, 0), (0, 0)),
            beside={
                Role.W_V: ((0, 3, 4), (1, 0, 0)),
                Role.GAIN_A: (1, 1, 1),
            },
            heads=1,
            values={"circuit_condition_number": 2, "circuit_sigma_max": 10},
        ),
    ),
    usual="effective ranks of 0.1 to 0.9 of d_k for QK, of 0.3 to 0.98 for OV (nGPT: 0.4 to 0.7 "
    "and 0.8 to 0.95); κ of QK from 5 to 2e8, largest in heads whose W_q, W_k, s_qk or gains lost "
    "directions, κ of OV of 1.7 to 100. Seven runs "
    "of two layers (d 64, d_k 16), medians of a layer: nGPT 0.53 to 0.71 and 35 to 2e7 (a "
    "head ∞ at twice the learning rate), where the heads of W_q and W_k alone have κ of 5 "
    "to 8 and s_qk² spans 1e3 to 1e14: the rank is lost in s_qk; GPT without weight decay "
    "0.48 to 0.73 and 20 to 70, with it 0.15 to 0.43 and 2e3 to 3e7: lost in W_q and W_k",
    alarming="an effective rank of OV below a quarter of d_k; κ = ∞ of QK in heads whose W_q and "
    "W_k have all of their rank: what is lost sits in s_qk or in a gain",
    random="for heads of 64 × 1024 without scales κ 2.0, an effective rank of 0.98 d_k and a "
    "stable rank of 0.54 d_k; for 32 × 128 they are 4.3, 0.93 and 0.35",
    caution="none of gauge, other than for the κ of W_q, W_k, W_v or W_o alone. The norms' gains "
    "are folded in, what norms do to lengths is not, nor the centring of a LayerNorm, biases, the "
    "α of a block or a norm after it. QK is that of two tokens at one place: at any other distance "
    "rotations stand between W_q and W_k, and where s_qk differs within a rotated pair (they turn "
    "before they are scaled) the places themselves count; OV never changes. Latent attention "
    "(MLA) through its factors, with the rotated keys",
)
