"""What a tensor's name tells of its role: whole words, before any likeness."""

from __future__ import annotations

import re
from functools import cache

from ngpt_inspect.vocabulary import Role

_NOISE = frozenset({"weight", "model", "transformer", "layers", "layer", "h", "blocks", "block"})

_QKV = frozenset({Role.W_Q, Role.W_K, Role.W_V})
_ATTENTION = frozenset({"attn", "attention", "sa", "mha", "self"})
_MLP = frozenset({"mlp", "ffn", "ff", "fc", "feed", "forward", "ffwd"})

_BY_WORD: dict[str, frozenset[Role]] = {
    word: frozenset(roles)
    for words, roles in (
        ("q wq query queries", (Role.W_Q,)),
        ("k wk key keys", (Role.W_K,)),
        ("v wv value values", (Role.W_V,)),
        ("qkv wqkv", _QKV),
        ("o wo", (Role.W_O,)),
        ("up fc1 wu wup", (Role.W_U,)),
        ("gate nu wgate", (Role.W_NU,)),
        ("down fc2 wdown", (Role.W_O_MLP,)),
    )
    for word in words.split()
    for roles in (roles,)
}
"""Words that tell the role of a matrix inside a layer."""

_IN_BLOCK: dict[frozenset[str], tuple[tuple[str, Role], ...]] = {
    _ATTENTION: tuple((word, Role.W_O) for word in ("out", "output", "dense", "proj")),
    _MLP: (("in", Role.W_U), ("out", Role.W_O_MLP), ("output", Role.W_O_MLP)),
}
"""Words that tell it only by the block they stand in, the most telling first."""

_GAINS = frozenset({Role.GAIN_A, Role.GAIN_M, Role.GAIN_FINAL})
_VECTORS = tuple(
    (re.compile(pattern), frozenset(roles))
    for pattern, roles in (
        # A gain of normed queries or keys is none of a norm before a block.
        (r"\b[qk] ?(?:layer)?norm", ()),
        (r"norm|\bln|\brms", _GAINS),
        (r"alpha", (Role.ALPHA_A, Role.ALPHA_M)),
        (r"\bs ?qk\b|\bqk scale", (Role.S_QK,)),
        (r"\bs ?q\b|\bq scale", (Role.S_Q,)),
        (r"\bs ?k\b|\bk scale", (Role.S_K,)),
        (r"\bs ?u\b", (Role.S_U,)),
        (r"\bs ?(?:nu|v)\b", (Role.S_NU,)),
        (r"\bs ?z\b|logit", (Role.S_Z,)),
    )
)
"""What the words of a vector's name tell, the first that they hold."""

_OUTSIDE = (
    (frozenset({"position", "positions", "pos", "wpe"}), Role.E_POSITION),
    (frozenset({"head", "unembed", "unembedding", "output", "logits"}), Role.E_OUTPUT),
    (
        frozenset({"embed", "embedding", "embeddings", "wte", "tok", "token", "tokens"}),
        Role.E_INPUT,
    ),
)
"""Words of tables outside the layers, the most telling first."""


@cache
def words(name: str) -> tuple[str, ...]:
    """Return the words of a name or template that say the role.

    Those after the layer's number, where there is one, without what every name has.
    """
    plain = re.sub(r"\{\w+\}|[\[\]]", "", name.rpartition("{layer}")[2]).lower()
    return tuple(w for w in re.split(r"[^a-z0-9]+", plain) if w and w not in _NOISE)


def told(name: str) -> frozenset[Role]:
    """Return the roles that a matrix has by the words of its name; none where they do not say.

    Several are those of a fused matrix. ``out`` means what the block's name makes of it:
    ``attn.out`` is W_o, ``mlp.out`` W_oMLP.
    """
    mine = words(name)
    if "{layer}" not in name:
        return frozenset(next(({r} for w, r in _OUTSIDE if w & set(mine)), set()))
    roles = frozenset(role for word in mine for role in _BY_WORD.get(word, ()))
    block = next((b for word in mine for b in (_ATTENTION, _MLP) if word in b), None)
    if not roles and block is not None:
        ways = _IN_BLOCK[block]
        roles = next((frozenset({r}) for word, r in ways if word in mine), frozenset())
    return roles


def told_of_vector(name: str) -> frozenset[Role]:
    """Return the roles one of which a vector has by the words of its name; none: they are mute."""
    mine = " ".join(words(name))
    return next((roles for pattern, roles in _VECTORS if pattern.search(mine)), frozenset())
