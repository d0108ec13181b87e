"""Models whose EFFECTIVE numbers are known, and the tools that builders write them with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from models import OFF_SPHERE, tiny_gpt, tiny_ngpt
from safetensors.torch import save_file

Key = tuple[str, int | None, int | None]
"""Role, layer, expert."""

ATTENTION = ("W_q", "W_k", "W_v", "W_o")
MLP = ("W_u", "W_nu", "W_oMLP")
EMBEDDINGS = ("E_input", "E_output")
GAINS = ("gain_A", "gain_M", "gain_final")
ALPHAS = ("alpha_A", "alpha_M")
HEADS, D_K, D, D_MLP, VOCAB, LAYERS, EXPERTS = 4, 4, 16, 24, 30, 2, 3


@dataclass(frozen=True)
class Known:
    """Arrays as a model computes with them, in (out, in) layout."""

    arrays: dict[Key, np.ndarray]
    n_kv_heads: int = HEADS

    def __call__(self, role: str, layer: int | None = None, expert: int | None = None) -> Any:
        return self.arrays[role, layer, expert]

    def also(self, more: Mapping[Key, np.ndarray]) -> Known:
        """Return the model with more arrays, or others."""
        return replace(self, arrays={**self.arrays, **more})


@dataclass(frozen=True)
class Expected:
    """What the tool must find."""

    path: Path
    values: dict[Key, np.ndarray]
    n_kv_heads: int = HEADS
    off_sphere: tuple[Key, ...] = ((*OFF_SPHERE, None),)
    """Of an nGPT: the matrices that are not unit."""


@dataclass(frozen=True)
class Written:
    """A state dict, and what must be found in it."""

    state: dict[str, np.ndarray]
    values: dict[Key, np.ndarray]
    n_kv_heads: int

    def __or__(self, other: Written) -> Written:
        return replace(self, state=self.state | other.state, values={**self.values, **other.values})

    def in_folder(self, at: Path, config: Mapping[str, Any] | None) -> Expected:
        return Expected(save_folder(at, self.state, config), self.values, self.n_kv_heads)

    def in_file(self, path: Path, **beside: Any) -> Expected:
        return Expected(save_torch(path, self.state, **beside), self.values, self.n_kv_heads)


def written(
    known: Known,
    outside: str,
    at: str,
    inside: str,
    *,
    places: Mapping[int, int] | None = None,
    times: Mapping[str, float] | None = None,
    plus_one: bool = False,
    turned: bool = False,
    beside: Mapping[str, np.ndarray] | None = None,
) -> Written:
    """Write a model under names that are given with the roles they hold.

    ``w2=W_oMLP`` is a tensor of one role, ``c_fc=W_u+W_nu`` the rows of two, ``qkv=W_q|W_k|W_v``
    the rows of each group in turn; ``experts.{e}.w2`` is one an expert, ``w2=W_oMLP*`` a stack of
    all of them. `at` stands before each name that is `inside` a layer, and before those that are
    `beside` and have no role. `places`: the number of each layer in the file. `times`: what is
    stored, over what the model computes with; gains of which it takes 1 + w are `plus_one`, and
    matrices inside a layer that are (in, out) are `turned`.
    """
    state: dict[str, np.ndarray] = {}
    values: dict[Key, np.ndarray] = {}
    times = times or {}

    def held(what: str, layer: int | None, place: int | None, expert: int | None) -> np.ndarray:
        parts = []
        for role in re.split(r"[+|]", what):
            values[role, place, expert] = array = known(role, layer, expert)
            flat = array.reshape(-1) if role in ("s_qk", "s_q", "s_k") else array
            parts.append(flat * times.get(role, 1) - (plus_one and role.startswith("gain_")))
        whole = np.concatenate(parts)
        if "|" in what:
            whole = interleave(*parts, groups=known.n_kv_heads)
        return whole.T if turned and layer is not None else whole

    tables: list[tuple[str, str, int | None, int | None]] = [(outside, "", None, None)]
    for layer, place in (places or {i: i for i in range(LAYERS)}).items():
        tables.append((inside, at.format(place), layer, place))
        state |= {at.format(place) + name: array for name, array in (beside or {}).items()}
    for table, before, layer, place in tables:
        for name, _, what in (each.partition("=") for each in table.split()):
            if what.endswith("*"):
                stack = [held(what.strip("()*"), layer, place, e) for e in range(EXPERTS)]
                state[before + name] = np.stack(stack)
                continue
            for e in range(EXPERTS) if "{e}" in name else (None,):
                state[before + name.replace("{e}", str(e))] = held(what, layer, place, e)
    return Written(state, values, known.n_kv_heads)


def in_layers(**arrays: np.ndarray) -> dict[Key, np.ndarray]:
    """Return arrays that every layer has, by their roles."""
    return {(role, layer, None): each for role, each in arrays.items() for layer in range(LAYERS)}


@dataclass(frozen=True)
class Family:
    """A layout, and how to write it."""

    name: str
    architecture: str
    write: Callable[[Path], Expected]
    options: Mapping[str, Any] = field(default_factory=dict)
    """For `open_checkpoint`, where the files do not say enough."""


def known_ngpt(n_kv_heads: int = HEADS, *, signed: bool = False, experts: bool = False) -> Known:
    """Return an nGPT on the sphere but for W_v of layer 1; alphas keep signs only if `signed`."""
    tiny = tiny_ngpt()
    arrays: dict[Key, np.ndarray] = {}
    for role, layer in tiny.arrays:
        arrays[role, layer, None] = tiny.effective(role, layer)
        if signed and role.startswith("alpha"):
            arrays[role, layer, None] *= np.sign(tiny.arrays[role, layer])
    rng = np.random.default_rng(5)
    rows = n_kv_heads * D_K
    for layer in range(LAYERS):
        for role in ("W_k", "W_v"):
            arrays[role, layer, None] = arrays[role, layer, None][:rows]
        arrays["s_q", layer, None] = arrays["s_qk", layer, None]
        arrays["s_k", layer, None] = rng.uniform(0.1, 3, (n_kv_heads, D_K))
    return Known(_with_experts(arrays, rng, unit=True) if experts else arrays, n_kv_heads)


def known_gpt(n_kv_heads: int = HEADS, *, experts: bool = False) -> Known:
    """Return a GPT in which every head and matrix has a spectrum of its own."""
    tiny = tiny_gpt(n_kv_heads=n_kv_heads)
    arrays: dict[Key, np.ndarray] = {
        (role, layer, None): array for (role, layer), array in tiny.arrays.items()
    }
    rng = np.random.default_rng(6)
    return Known(_with_experts(arrays, rng, unit=False) if experts else arrays, n_kv_heads)


def _with_experts(
    arrays: dict[Key, np.ndarray], rng: np.random.Generator, *, unit: bool
) -> dict[Key, np.ndarray]:
    """Replace the MLP of each layer by experts, one that every token passes, and a router."""
    dense = {key: array for key, array in arrays.items() if key[0] not in MLP}
    for layer in range(LAYERS):
        for expert in (*range(EXPERTS), None):
            for role in MLP:
                shape = (D, D_MLP) if role == "W_oMLP" else (D_MLP, D)
                matrix = rng.standard_normal(shape)
                axis = 0 if role == "W_oMLP" else 1
                norms = np.linalg.norm(matrix, axis=axis, keepdims=True)
                dense[role, layer, expert] = matrix / norms if unit else matrix
        rows = np.random.default_rng(70 + layer).standard_normal((EXPERTS, D))
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        dense["W_router", layer, None] = rows / norms if unit else rows
    return dense


def stored(array: np.ndarray, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return an array as a file holds it."""
    return torch.tensor(np.ascontiguousarray(array)).to(dtype)


def interleave(*parts: np.ndarray, groups: int) -> np.ndarray:
    """Stack matrices group by group: the rows of the first group of each, then the second."""
    cut = [part.reshape(groups, -1, part.shape[-1]) for part in parts]
    return np.concatenate(cut, axis=1).reshape(-1, parts[0].shape[-1])


def save_folder(
    folder: Path, arrays: Mapping[str, np.ndarray], config: Mapping[str, Any] | None
) -> Path:
    """Write model.safetensors, and config.json unless there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: stored(array) for name, array in arrays.items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def save_torch(path: Path, arrays: Mapping[str, np.ndarray], **beside: Any) -> Path:
    """Write a torch file whose `model` holds the tensors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: stored(array) for name, array in arrays.items()}
    torch.save({"model": tensors, **beside}, path)
    return path


HF_CONFIG = {
    "hidden_size": D,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "vocab_size": VOCAB,
}
