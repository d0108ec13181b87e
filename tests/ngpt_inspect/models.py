"""Tiny models whose numbers are known, written in every layout that ngpt-inspect reads.

Arrays are float64 in (out, in) layout and hold what a file stores. The same `Tiny` can be
written in several layouts: tables of it must then agree.
"""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file

Key = tuple[str, int | None]

ATTENTION = ("W_q", "W_k", "W_v", "W_o")
MLP = ("W_u", "W_nu", "W_oMLP")
EMBEDDINGS = ("E_input", "E_output")
GAINS = ("gain_A", "gain_M", "gain_final")
BASE_SCALE = 0.125
"""Not 1/sqrt(d_model) = 0.25, which a reader would assume."""
CONSTANTS = {
    "alpha_init": 0.05,
    "alpha_scale": BASE_SCALE,
    "s_qk_init": 1.0,
    "s_qk_scale": BASE_SCALE,
    "s_u_init": 1.0,
    "s_u_scale": 1.0,
    "s_nu_init": 1.0,
    "s_nu_scale": 1.0,
    "s_z_init": 1.0,
    "s_z_scale": BASE_SCALE,
}
"""What NVIDIA/ngpt has, so that both layouts of an nGPT mean the same numbers."""
OFF_SPHERE: Key = ("W_v", 1)
"""The one matrix of the tiny nGPT that is not unit-norm."""
TRANSPOSED = frozenset({"W_o", "W_oMLP"})


@dataclass(frozen=True, kw_only=True)
class Tiny:
    """A model of a few thousand numbers."""

    family: str
    arrays: dict[Key, np.ndarray]
    n_layers: int = 2
    n_heads: int = 4
    n_kv_heads: int = 4
    d_model: int = 16
    d_k: int = 4
    d_mlp: int = 24
    vocab_size: int = 30
    constants: dict[str, float] = field(default_factory=lambda: dict(CONSTANTS))

    def effective(self, role: str, layer: int | None = None) -> np.ndarray:
        """Return what the model computes with: stored x init / scale, |.| of alpha."""
        stored = self.arrays[role, layer]
        name = "alpha" if role.startswith("alpha") else role
        if f"{name}_init" in self.constants:
            stored = stored * (self.constants[f"{name}_init"] / self.constants[f"{name}_scale"])
        return np.abs(stored) if name == "alpha" else stored

    def heads(self, role: str, layer: int) -> list[np.ndarray]:
        """Return the heads of an attention matrix, cut out here by hand."""
        matrix = self.arrays[role, layer]
        k = self.d_k
        if role == "W_o":
            return [matrix[:, h * k : (h + 1) * k] for h in range(matrix.shape[1] // k)]
        return [matrix[h * k : (h + 1) * k] for h in range(matrix.shape[0] // k)]

    def changed(self, **arrays: Any) -> Tiny:
        """Return a copy with other arrays: ``W_q_0=...`` is W_q of layer 0, ``s_z=...`` s_z."""
        new = dict(self.arrays)
        for name, array in arrays.items():
            role, _, layer = name.rpartition("_")
            new[(role, int(layer)) if layer.isdecimal() else (name, None)] = array
        return replace(self, arrays=new)

    def rounded(self, dtype: torch.dtype) -> Tiny:
        """Return a copy whose numbers a dtype holds exactly."""
        exact = {k: torch.tensor(a).to(dtype).double().numpy() for k, a in self.arrays.items()}
        return replace(self, arrays=exact)


def orthogonal(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


def head_spectrum(head: int, layer: int, k: int) -> np.ndarray:
    """Return the singular values of one head: from 1 down to 1/kappa, kappa = 2 + head + 10 layer.

    Heads read orthogonal subspaces, so the whole matrix has the values of all of them.
    """
    return np.geomspace(1.0, 1.0 / (2 + head + 10 * layer), k)


def mlp_spectrum(role: str, layer: int, n: int) -> np.ndarray:
    return np.geomspace(3.0, 3.0 / (50 + 100 * MLP.index(role) + layer), n)


def tiny_gpt(
    *, n_layers: int = 2, n_heads: int = 4, n_kv_heads: int = 4, d_k: int = 4, seed: int = 1
) -> Tiny:
    """Return a GPT whose every matrix has a known spectrum (`head_spectrum`, `mlp_spectrum`)."""
    rng = np.random.default_rng(seed)
    sizes = {"n_layers": n_layers, "n_heads": n_heads, "n_kv_heads": n_kv_heads, "d_k": d_k}
    shape = Tiny(family="GPT", arrays={}, **sizes)
    d, arrays = shape.d_model, shape.arrays
    for role in EMBEDDINGS:
        arrays[role, None] = rng.standard_normal((shape.vocab_size, d))
    for layer in range(shape.n_layers):
        for role in ATTENTION:
            n = n_kv_heads if role in ("W_k", "W_v") else n_heads
            basis = orthogonal(max(d, n * d_k), rng)[:d]  # (d, >= n d_k), unit rows
            blocks = []
            for head in range(n):
                span = np.linalg.qr(basis[:, head * d_k : (head + 1) * d_k])[0]
                s_k = head_spectrum(head, layer, d_k)
                blocks.append(orthogonal(d_k, rng) @ np.diag(s_k) @ span.T)
            matrix = np.concatenate(blocks)
            arrays[role, layer] = matrix.T if role == "W_o" else matrix
        for role in MLP:
            s_d = mlp_spectrum(role, layer, d)
            tall = orthogonal(shape.d_mlp, rng)[:, :d] @ np.diag(s_d) @ orthogonal(d, rng).T
            arrays[role, layer] = tall.T if role == "W_oMLP" else tall
        for role in ("gain_A", "gain_M"):
            arrays[role, layer] = 1 + 0.1 * rng.standard_normal(d)
    arrays["gain_final", None] = 1 + 0.1 * rng.standard_normal(d)
    return shape


def tiny_ngpt(seed: int = 2, n_layers: int = 2) -> Tiny:
    """Return an nGPT in float32, on the sphere but for `OFF_SPHERE`, alphas of both signs."""
    rng = np.random.default_rng(seed)
    shape = Tiny(family="nGPT", arrays={}, n_layers=n_layers)
    d, arrays = shape.d_model, shape.arrays

    def unit(rows: int, columns: int, axis: int) -> np.ndarray:
        matrix = rng.standard_normal((rows, columns))
        return matrix / np.linalg.norm(matrix, axis=axis, keepdims=True)

    for role in EMBEDDINGS:
        arrays[role, None] = unit(shape.vocab_size, d, 1)
    for layer in range(shape.n_layers):
        for role in ATTENTION:
            arrays[role, layer] = unit(d, d, 0 if role == "W_o" else 1)
        for role in ("W_u", "W_nu"):
            arrays[role, layer] = unit(shape.d_mlp, d, 1)
        arrays["W_oMLP", layer] = unit(d, shape.d_mlp, 0)
        for role in ("alpha_A", "alpha_M"):
            arrays[role, layer] = BASE_SCALE * rng.uniform(0.5, 8, d)
            arrays[role, layer][::3] *= -1
        arrays["s_qk", layer] = BASE_SCALE * rng.uniform(0.1, 3, (shape.n_heads, shape.d_k))
        for role in ("s_u", "s_nu"):
            arrays[role, layer] = rng.uniform(0.5, 2, shape.d_mlp)
    arrays["s_z", None] = BASE_SCALE * rng.uniform(5, 60, shape.vocab_size)
    arrays[OFF_SPHERE] = 1.25 * arrays[OFF_SPHERE]
    return shape.rounded(torch.float32)


REFERENCE_NAMES = {
    "E_input": "E_input.weight",
    "E_output": "E_output.weight",
    "gain_final": "norm_final.gain",
    "s_z": "s_z",
    "gain_A": "layers.{}.norm_A.gain",
    "gain_M": "layers.{}.norm_M.gain",
    "alpha_A": "layers.{}.alpha_A",
    "alpha_M": "layers.{}.alpha_M",
    "s_qk": "layers.{}.attention.s_qk",
    **{role: f"layers.{{}}.attention.{role}.weight" for role in ATTENTION},
    **{role: f"layers.{{}}.mlp.{role}.weight" for role in MLP},
    "s_u": "layers.{}.mlp.s_u",
    "s_nu": "layers.{}.mlp.s_nu",
}
LLAMA_NAMES = {
    "E_input": "model.embed_tokens.weight",
    "E_output": "lm_head.weight",
    "gain_final": "model.norm.weight",
    "gain_A": "model.layers.{}.input_layernorm.weight",
    "gain_M": "model.layers.{}.post_attention_layernorm.weight",
    "W_q": "model.layers.{}.self_attn.q_proj.weight",
    "W_k": "model.layers.{}.self_attn.k_proj.weight",
    "W_v": "model.layers.{}.self_attn.v_proj.weight",
    "W_o": "model.layers.{}.self_attn.o_proj.weight",
    "W_u": "model.layers.{}.mlp.up_proj.weight",
    "W_nu": "model.layers.{}.mlp.gate_proj.weight",
    "W_oMLP": "model.layers.{}.mlp.down_proj.weight",
}

Tensors = dict[str, torch.Tensor]


def tensor(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(array)).to(dtype)


def named(model: Tiny, names: dict[str, str], dtype: torch.dtype) -> Tensors:
    return {
        names[role].format(layer): tensor(array, dtype)
        for (role, layer), array in model.arrays.items()
    }


def reference_config(model: Tiny) -> dict[str, Any]:
    shape = ("vocab_size", "n_layers", "n_heads", "d_model", "d_mlp")
    config = {name: getattr(model, name) for name in shape} | {"context_length": 12}
    return config | (model.constants if model.family == "nGPT" else {"init_std": 0.02})


def write_reference(
    model: Tiny,
    path: Path,
    *,
    dtype: torch.dtype = torch.float32,
    step: int | None = 7,
    config: dict[str, Any] | None = None,
    change: Callable[[Tensors], None] = lambda tensors: None,
) -> Path:
    """Write what reference_model writes; `change` may spoil the tensors first."""
    tensors = named(model, REFERENCE_NAMES, dtype)
    change(tensors)
    header = {
        "format_version": 1,
        "architecture": model.family.lower(),
        "config": reference_config(model) if config is None else config,
        "step": step,
        "tokens": None if step is None else 1000 * step,
        "seed": 0,
        "code_version": "0",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"reference_model": json.dumps(header)})
    return path


@contextmanager
def throwaway_class(module_name: str, class_name: str) -> Iterator[type]:
    """Give a class that can be pickled inside the block and imported by nobody after it."""
    module = types.ModuleType(module_name)
    made = type(class_name, (), {"__module__": module_name})
    setattr(module, class_name, made)
    sys.modules[module_name] = module
    try:
        yield made
    finally:
        del sys.modules[module_name]


def write_nvidia(
    model: Tiny,
    path: Path,
    *,
    matrix_dtype: torch.dtype = torch.bfloat16,
    dtype: torch.dtype = torch.float32,
    model_args: dict[str, Any] | None = None,
) -> Path:
    """Write NVIDIA/ngpt's ckpt.pt: bf16 block matrices, a pickled config object, RNG state."""
    a = model.arrays
    state: Tensors = {
        "transformer.wte.weight": tensor(a["E_input", None], dtype),
        "lm_head.weight": tensor(a["E_output", None], dtype),
    }
    for i in range(model.n_layers):
        for role, name in {
            "W_q": "query",
            "W_k": "key",
            "W_v": "value",
            "W_o": "att_c_proj",
            "W_oMLP": "mlp_c_proj",
        }.items():
            state[f"transformer.h.{i}.{name}.weight"] = tensor(a[role, i], matrix_dtype)
        both = np.concatenate([a["W_u", i], a["W_nu", i]])
        state[f"transformer.h.{i}.c_fc.weight"] = tensor(both, matrix_dtype)
        if model.family == "nGPT":
            state[f"transformer.h.{i}.attn_alpha"] = tensor(a["alpha_A", i], dtype)
            state[f"transformer.h.{i}.mlp_alpha"] = tensor(a["alpha_M", i], dtype)
            state[f"transformer.h.{i}.sqk"] = tensor(a["s_qk", i].reshape(-1), dtype)
            suv = np.concatenate([a["s_u", i], a["s_nu", i]])
            state[f"transformer.h.{i}.suv"] = tensor(suv, dtype)
        else:
            state[f"transformer.h.{i}.rmsnorm_att.weight"] = tensor(a["gain_A", i], dtype)
            state[f"transformer.h.{i}.rmsnorm_mlp.weight"] = tensor(a["gain_M", i], dtype)
    if model.family == "nGPT":
        state["sz"] = tensor(a["s_z", None], dtype)
    else:
        state["rmsnorm_f.weight"] = tensor(a["gain_final", None], dtype)
    arguments = {
        "use_nGPT": int(model.family == "nGPT"),
        "n_layer": model.n_layers,
        "n_head": model.n_heads,
        "n_embd": model.d_model,
        "block_size": 12,
        "base_scale": BASE_SCALE,
        "bias": False,
        "vocab_size": model.vocab_size,
        "dropout": 0.0,
    }
    if model_args is not None:
        arguments = model_args
    one = next(iter(state.values()))
    with throwaway_class("model", "GPTConfig") as config_class:
        config = config_class()
        vars(config).update(arguments)
        whole = {
            "model": {f"_orig_mod.{name}": value for name, value in state.items()},
            "optimizer": {
                "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros_like(one)}},
                "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.95), "params": [0]}],
            },
            "model_args": arguments,
            "iter_num": 3,
            "config": config,
            "rng_state_pytorch_bytes": torch.random.get_rng_state().numpy().tobytes(),
            "rng_state_numpy": np.random.RandomState(0).get_state(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(whole, path)
    return path


def _gpt2_tensors(model: Tiny, dtype: torch.dtype, *, transposed: bool, prefix: str) -> Tensors:
    a = model.arrays

    def linear(array: np.ndarray) -> torch.Tensor:
        return tensor(array.T if transposed else array, dtype)

    positions = np.random.default_rng(0).standard_normal((12, model.d_model))
    tensors: Tensors = {
        f"{prefix}wte.weight": tensor(a["E_input", None], dtype),
        f"{prefix}wpe.weight": tensor(positions, dtype),
        f"{prefix}ln_f.weight": tensor(a["gain_final", None], dtype),
        f"{prefix}ln_f.bias": torch.zeros(model.d_model, dtype=dtype),
    }
    for i in range(model.n_layers):
        h = f"{prefix}h.{i}."
        fused = np.concatenate([a[role, i] for role in ("W_q", "W_k", "W_v")])
        tensors |= {
            h + "ln_1.weight": tensor(a["gain_A", i], dtype),
            h + "ln_1.bias": torch.zeros(model.d_model, dtype=dtype),
            h + "ln_2.weight": tensor(a["gain_M", i], dtype),
            h + "ln_2.bias": torch.zeros(model.d_model, dtype=dtype),
            h + "attn.c_attn.weight": linear(fused),
            h + "attn.c_attn.bias": torch.zeros(3 * model.d_model, dtype=dtype),
            h + "attn.c_proj.weight": linear(a["W_o", i]),
            h + "attn.c_proj.bias": torch.zeros(model.d_model, dtype=dtype),
            h + "mlp.c_fc.weight": linear(a["W_u", i]),
            h + "mlp.c_fc.bias": torch.zeros(model.d_mlp, dtype=dtype),
            h + "mlp.c_proj.weight": linear(a["W_oMLP", i]),
            h + "mlp.c_proj.bias": torch.zeros(model.d_model, dtype=dtype),
        }
    return tensors


def write_nanogpt(
    model: Tiny, path: Path, *, dtype: torch.dtype = torch.float32, **model_args: Any
) -> Path:
    """Write nanoGPT's ckpt.pt: two names for one embedding, a mask buffer of old versions."""
    state = _gpt2_tensors(model, dtype, transposed=False, prefix="transformer.")
    state["lm_head.weight"] = state["transformer.wte.weight"]
    state["transformer.h.0.attn.bias"] = torch.ones(1, 1, 12, 12).tril()
    arguments = {"n_layer": model.n_layers, "n_head": model.n_heads, "n_embd": model.d_model}
    whole = {
        "model": {f"_orig_mod.{name}": value for name, value in state.items()},
        "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3, "params": [0]}]},
        "model_args": arguments | model_args,
        "iter_num": 11,
        "best_val_loss": torch.tensor(1.5),
        "config": {"dataset": "shakespeare", "learning_rate": 1e-3},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(whole, path)
    return path


def write_gpt2(
    model: Tiny,
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    prefix: str = "transformer.",
    safetensors: bool = True,
    config: bool = True,
) -> Path:
    """Write a Hugging Face GPT-2 folder: Conv1D, no lm_head (tied)."""
    folder.mkdir(parents=True, exist_ok=True)
    state = _gpt2_tensors(model, dtype, transposed=True, prefix=prefix)
    if safetensors:
        save_file(state, folder / "model.safetensors", {"format": "pt"})
    else:
        torch.save(state, folder / "pytorch_model.bin")
    if config:
        settings = {"model_type": "gpt2", "n_head": model.n_heads, "n_embd": model.d_model}
        (folder / "config.json").write_text(json.dumps(settings))
    return folder


def write_llama(
    model: Tiny,
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    tied: bool = False,
    shards: int = 1,
    config: dict[str, Any] | None = None,
) -> Path:
    """Write a Hugging Face Llama folder, one file or several with an index."""
    folder.mkdir(parents=True, exist_ok=True)
    state = named(model, LLAMA_NAMES, dtype)
    if tied:
        del state["lm_head.weight"]
    if shards == 1:
        save_file(state, folder / "model.safetensors", {"format": "pt"})
    else:
        weight_map = {}
        for number in range(shards):
            name = f"model-{number + 1:05d}-of-{shards:05d}.safetensors"
            mine = dict(list(state.items())[number::shards])
            save_file(mine, folder / name, {"format": "pt"})
            weight_map |= dict.fromkeys(mine, name)
        index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    settings = {
        "model_type": "llama",
        "hidden_size": model.d_model,
        "num_attention_heads": model.n_heads,
        "num_key_value_heads": model.n_kv_heads,
        "tie_word_embeddings": tied,
    }
    if model.d_k * model.n_heads != model.d_model:
        settings["head_dim"] = model.d_k
    (folder / "config.json").write_text(json.dumps(settings if config is None else config))
    return folder


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "reference_ngpt": lambda at: write_reference(tiny_ngpt(), at / "ngpt/step-000007.safetensors"),
    "reference_gpt": lambda at: write_reference(tiny_gpt(), at / "gpt/step-000007.safetensors"),
    "nvidia_ngpt": lambda at: write_nvidia(tiny_ngpt(), at / "nvidia/ckpt.pt"),
    "nvidia_gpt": lambda at: write_nvidia(tiny_gpt(), at / "nvidia-gpt/ckpt.pt"),
    "nanogpt": lambda at: write_nanogpt(tiny_gpt(), at / "nano/ckpt.pt"),
    "gpt2": lambda at: write_gpt2(tiny_gpt(), at / "gpt2"),
    "gpt2-bin": lambda at: write_gpt2(tiny_gpt(), at / "gpt2-bin", prefix="", safetensors=False),
    "llama": lambda at: write_llama(tiny_gpt(n_kv_heads=2), at / "llama"),
    "llama-sharded": lambda at: write_llama(tiny_gpt(), at / "llama-sharded", shards=3),
    "llama-tied": lambda at: write_llama(tiny_gpt(), at / "llama-tied", tied=True),
}
"""Each layout at its most usual, by a name to call the test by."""

ARCHITECTURE_OF = {name: name.partition("-")[0] for name in LAYOUTS}


def condition(matrix: np.ndarray) -> float:
    """Return sigma_max / sigma_min by NumPy's SVD."""
    s_n = np.linalg.svd(matrix, compute_uv=False)
    return float(s_n[0] / s_n[-1])


def series_of(table: pd.DataFrame) -> pd.Series:
    """Return what each row is, as tests spell it: ``condition_number``, ``mean dot``."""
    return (table["statistic"].fillna("") + " " + table["measure"]).str.strip()
