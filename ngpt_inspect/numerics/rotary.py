"""How much rotary embeddings of long contexts lengthen what they rotate."""

import math
from collections.abc import Mapping
from typing import Any

YARN = ("yarn",)
LONG_ROPE = ("longrope", "su")


def lengthening(rope: Mapping[str, Any], longest: float | None, original: float | None) -> float:
    """Return the factor of cos and sin, so of rotated queries and of rotated keys.

    `attention_factor` where it is said. YaRN: 0.1 ln s + 1 for s times the length of training, or
    (0.1 m ln s + 1) / (0.1 m_all ln s + 1) with `mscale` m and `mscale_all_dim` m_all. LongRoPE:
    sqrt(1 + ln s / ln L) for a training length of L tokens. Other kinds only rotate: 1.

    Parameters
    ----------
    rope : mapping
        ``rope_scaling`` of a config of transformers.
    longest, original : float, optional
        Most tokens now and in training, which the config may say elsewhere: s is their ratio
        where `rope` has no ``factor``.

    Raises
    ------
    ValueError
        It does not say s, or L.

    References
    ----------
    YaRN, arXiv 2309.00071, equation 22; LongRoPE as in Phi-3, arXiv 2404.14219, and
    transformers 5.24, ``modeling_rope_utils``.
    """
    kind, said = _kind(rope), rope.get("attention_factor")
    if kind not in YARN + LONG_ROPE:
        return 1.0
    if said is not None:
        return float(said)
    trained: float = rope.get("original_max_position_embeddings") or original or 0.0
    stretch = rope.get("factor") or (longest / trained if longest and trained else None)
    if stretch is None or (kind in LONG_ROPE and not trained):
        msg = f"its rotations ({kind}) also lengthen, by what its config does not say"
        raise ValueError(msg)
    if kind in LONG_ROPE:
        return math.sqrt(1 + math.log(stretch) / math.log(trained)) if stretch > 1 else 1.0
    m, m_all = rope.get("mscale"), rope.get("mscale_all_dim")
    return _mscale(stretch, m) / _mscale(stretch, m_all) if m and m_all else _mscale(stretch, 1.0)


def sharpening(rope: Mapping[str, Any]) -> float:
    """Return what latent attention multiplies its softmax scale by: (0.1 m_all ln s + 1)^2.

    References
    ----------
    DeepSeek-V2, arXiv 2405.04434, section 3.1.4, and the code of its attention.
    """
    m_all, stretch = rope.get("mscale_all_dim"), rope.get("factor")
    return _mscale(stretch, m_all) ** 2 if _kind(rope) in YARN and m_all and stretch else 1.0


def _kind(rope: Mapping[str, Any]) -> Any:
    return rope.get("rope_type", rope.get("type"))


def _mscale(stretch: float, m: float) -> float:
    return 0.1 * m * math.log(stretch) + 1 if stretch > 1 else 1.0
