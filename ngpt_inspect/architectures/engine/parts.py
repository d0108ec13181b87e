"""Puts a decoder together from a vocabulary of parts, layer by layer, block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ngpt_inspect.architectures.engine.architecture import (
    BIAS,
    ROTARY,
    Architecture,
    Variant,
    variants_of,
)
from ngpt_inspect.architectures.engine.cautions import cautions
from ngpt_inspect.architectures.engine.conflicts import rivals, uncuttable
from ngpt_inspect.architectures.engine.dimensions import (
    CONFIG_KEYS,
    Shaped,
    completed,
    names_of,
    stated,
)
from ngpt_inspect.architectures.engine.homes import Home, home_of
from ngpt_inspect.architectures.engine.match import Match
from ngpt_inspect.architectures.engine.placed import Placed, placements
from ngpt_inspect.architectures.engine.said import holds
from ngpt_inspect.architectures.engine.seen import seen_as
from ngpt_inspect.architectures.engine.template import FACTOR, Templates
from ngpt_inspect.expressions import names_in
from ngpt_inspect.stored import Contents, StoredTensor
from ngpt_inspect.vocabulary import Role

VECTOR = "a vector or a number; no measure reads it"
ROTATIONS = ("rotary", "inv_freq", "rope_freqs", "rope_factors", "attn_rot_embd")
SKIP = "what a state space passes on, a number a channel; no measure reads it"
KERNEL = "a convolution kernel; no measure reads it"
LEAST = 0.75
"""Share of the matrices of the layers that must be known parts."""

DOUBTED = (
    (),
    ("n_kv_heads",),
    ("d_k",),
    ("n_heads",),
    ("d_k", "n_kv_heads"),
    ("n_heads", "n_kv_heads"),
    ("d_model",),
    ("d_model", "d_k"),
    ("d_model", "n_kv_heads"),
)
"""Stated sizes that a layer may contradict, the most likely first: a config states one size."""

PER_LAYER = {
    "n_heads": ("num_attention_heads_per_layer", *CONFIG_KEYS["n_heads"]),
    "n_kv_heads": CONFIG_KEYS["n_kv_heads"],
    "d_model": ("hidden_size", "n_embd"),
}
"""Settings that are a list with a number for each layer, or the width."""

SLIDING = {"n_heads": "num_attention_heads", "n_kv_heads": "num_key_value_heads", "d_k": "head_dim"}
"""Settings that, after ``swa_``, hold in layers whose type is a sliding window."""

ATTENDS = (Role.W_Q, Role.W_Q_B, Role.M_IN)
"""One of these every decoder has."""


def assembled(contents: Contents, architecture: Architecture, n_heads: int | None) -> Match:
    """Return how a checkpoint is made of the parts that a vocabulary names."""
    marks = architecture.marks
    if marks and not any(mark in contents.tensors for mark in marks):
        return Match(
            architecture=architecture,
            placed=(),
            dimensions={},
            unplaced=tuple(contents.tensors),
            missing=marks[:1],
        )
    rules = [rule for rule in architecture.rules if holds(contents, rule.when)]
    words = Templates((rule.name, rule) for rule in rules)
    home = home_of(contents.tensors, words)
    told = stated(contents) | ({} if n_heads is None else {"n_heads": n_heads})
    experts = contents.find("moe_num_experts", "ffn_config.moe_num_experts")
    told |= {"n_experts": experts[0]} if experts and isinstance(experts[0], int) else {}
    claims: dict[int | None, list[Placed]] = {}
    for name, tensor in contents.tensors.items():
        for rule, (layer, expert) in words.find(home.name(name)):
            seen = seen_as(tensor, rule.seen, told) if rule.seen else tensor
            if seen is not None:
                claims.setdefault(layer, []).extend(placements(rule, layer, expert, seen))
    variants, sizes = variants_of(rules), _Sizes(set() if n_heads is None else {"n_heads"})
    placed = [
        each
        for layer, mine in claims.items()
        for each in _layer(mine, variants, _told(contents, told, layer), sizes)
    ]
    attends = any(each.rule.role in ATTENDS for each in placed)
    return _match(contents, architecture, placed, home, [] if attends else sizes.refused)


def _told(contents: Contents, told: Mapping[str, int], layer: int | None) -> dict[str, int]:
    """Return the sizes that the config states for a layer."""
    mine = dict(told)
    for name, keys in PER_LAYER.items():
        found = contents.find(*keys)
        said = None if found is None else found[0]
        if isinstance(said, list | tuple) and layer is not None:
            said = said[layer] if layer < len(said) else None
            mine.pop(name, None)
        if isinstance(said, int) and said > 0:
            mine.setdefault(name, said)  # what the user says goes before
    kinds = contents.find("layer_types")
    if layer is not None and kinds is not None and "sliding" in _at(kinds[0], layer):
        for name, key in SLIDING.items():
            window = contents.find(f"swa_{key}")
            mine |= {name: window[0]} if window and isinstance(window[0], int) else {}
    return mine


def _at(kinds: object, layer: int) -> str:
    """Return what a list says of a layer."""
    return str(kinds[layer]) if isinstance(kinds, list | tuple) and layer < len(kinds) else ""


def _layer(
    claims: list[Placed],
    variants: Mapping[str, list[Variant]],
    told: Mapping[str, int],
    sizes: _Sizes,
) -> Iterator[Placed]:
    """Yield what a layer, or all that is outside of them, has of each block."""
    by_rule: dict[int, list[Placed]] = {}
    for each in claims:
        by_rule.setdefault(id(each.rule), []).append(each)
    for mine in variants.values():
        whole = [v for v in mine if all(r.optional or id(r) in by_rule for r in v)]
        held = [(v, [p for r in v for p in by_rule.get(id(r), ())]) for v in whole]
        for variant, found in sorted(held, key=_weight, reverse=True):
            mine_here = sizes.of(variant, found, told)
            if found and mine_here is not None:
                yield from (replace(each, sizes=mine_here) for each in found)
                break


def _weight(held: tuple[Variant, list[Placed]]) -> tuple[bool, int]:
    """Rank a variant: what the config states goes first, then the number of tensors."""
    variant, found = held
    return any(rule.when for rule in variant), len({each.tensor.name for each in found})


class _Sizes:
    """Solves the sizes of blocks, once for all layers that are alike."""

    def __init__(self, sure: set[str]) -> None:
        self._sure = sure
        self._known: dict[Any, Mapping[str, int] | None] = {}
        self.refused: list[str] = []
        """Why blocks whose tensors are all there could not be read, a sentence each."""

    def of(
        self, variant: Variant, found: list[Placed], told: Mapping[str, int]
    ) -> Mapping[str, int] | None:
        """Return the sizes that make all shapes of a block agree, or None."""
        kinds = {(each.rule.shape, each.tensor.shape): each.tensor.name for each in found}
        key = (id(variant[0]), tuple(kinds), tuple(told.items()))
        if key not in self._known:
            shaped = [(name, declared, real) for (declared, real), name in kinds.items()]
            cuts = [b for rule in variant for b in (*(rule.rows or ()), rule.groups)]
            self._known[key] = self._solved(shaped, told, names_in(" + ".join(cuts) or "0"))
        return self._known[key]

    def _solved(
        self, shaped: list[Shaped], told: Mapping[str, int], needed: frozenset[str]
    ) -> Mapping[str, int] | None:
        whys = []
        for doubted in DOUBTED:
            if self._sure & set(doubted) or not set(doubted) <= set(told):
                continue
            seed = {name: size for name, size in told.items() if name not in doubted}
            sizes, problems = completed(seed, shaped)
            if not problems and needed - set(sizes):
                problems = [uncuttable(shaped[0][0])]
            heads, groups = sizes.get("n_heads", 1), sizes.get("n_kv_heads", 1)
            if not problems and heads % groups == 0:
                return sizes
            whys += problems
        self.refused += whys[:1]
        return None


def _match(
    contents: Contents,
    architecture: Architecture,
    placed: list[Placed],
    home: Home,
    troubles: list[str],
) -> Match:
    here = {each.tensor.name for each in placed}
    left = [tensor for name, tensor in contents.tensors.items() if tensor.name not in here]
    ignored = {t.name: why for t in left if (why := _passed_over(t, home.holds(t.name)))}
    unplaced = tuple(tensor.name for tensor in left if tensor.name not in ignored)
    roles = {each.rule.role for each in placed}
    missing = [] if Role.E_INPUT in roles else ["the input embedding"]
    matrices = [
        each
        for each in contents.tensors.values()
        if len(each.shape) > 1 and FACTOR not in each.name and home.layered(each.name)
    ]
    n_known = sum(tensor.name in here or tensor.name in ignored for tensor in matrices)
    if n_known < LEAST * len(matrices) or not any(map(_is_layered_matrix, placed)):
        missing.append("known parts in its layers")
    return Match(
        architecture=architecture,
        placed=tuple(placed),
        dimensions=_dimensions(placed),
        ignored=ignored,
        buffers=frozenset(name for name, why in ignored.items() if why == ROTARY),
        unplaced=unplaced,
        missing=tuple(missing),
        conflicts=(*rivals(placed), *troubles[:1]),
        cautions=tuple(cautions(contents, architecture, home.layers(contents.tensors))),
    )


def _is_layered_matrix(placed: Placed) -> bool:
    return placed.layer is not None and len(placed.tensor.shape) > 1


def _passed_over(tensor: StoredTensor, is_ours: bool) -> str:
    """Return why no measure reads a tensor that is no matrix; empty where it may be one."""
    if any(word in tensor.name for word in ROTATIONS):
        return ROTARY
    if not is_ours:
        return ""
    if tensor.name.endswith(("bias", "biases")):
        return BIAS
    if "conv" in tensor.name and len(tensor.shape) == 3:
        return KERNEL
    if tensor.name.endswith(".D"):
        return SKIP
    return VECTOR if tensor.n_values <= max(tensor.shape, default=1) else ""


def _dimensions(placed: list[Placed]) -> dict[str, int]:
    """Return the sizes that most layers have, each counted where a shape names it."""
    sizes: Counter[tuple[str, int]] = Counter()
    for each in placed:
        named = names_of(each.rule.shape)
        sizes.update(item for item in each.sizes.items() if item[0] in named)
    known = {name: size for (name, size), _ in reversed(sizes.most_common())}
    tables = [each.tensor.shape for each in placed if each.rule.role is Role.E_INPUT]
    known |= {"vocab_size": tables[0][0]} if tables else {}
    layers = [each.layer for each in placed if each.layer is not None]
    experts = [p.expert for p in placed if p.expert is not None and p.layer is not None]
    known["n_layers"] = max(layers, default=-1) + 1
    return known | ({"n_experts": max(experts) + 1} if experts else {})
