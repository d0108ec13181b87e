"""No input gives a larger logit than the bound, and a constructed one reaches it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from measures_helpers import (
    D_MODEL,
    D_NOPE,
    D_ROPE,
    D_V,
    N_HEADS,
    RANK,
    RANK_Q,
    rows_of,
    write_deepseek,
)
from models import Tensors, tiny_gpt, tiny_ngpt, write_gpt2, write_llama, write_reference
from safetensors.torch import load_file, save_file
from tolerances import rounding

import ngpt_inspect as ni
from ngpt_inspect.vocabulary import Status
from reference_model.config import GPTConfig, NGPTConfig
from reference_model.model import GPT, NGPT, Attention, norm, rotate

Change = Callable[[Tensors], None]
N_INPUTS, D, HEADS = 1000, 16, 4
D_K = D // HEADS
SIZES = {"vocab_size": 5, "n_layers": 1, "n_heads": HEADS, "d_model": D, "d_mlp": 4}


def bounds(path: Path) -> pd.Series:
    table = ni.measure(path, "logit_bounds")
    return rows_of(table, layer=0, measure="logit_bound").set_index("head")["value"]


def logits(attention: Attention, x: torch.Tensor) -> torch.Tensor:
    """Return the logits of every head between all places of sequences (B, T, D), as it has them."""
    from reference_model.model import Rotary

    q, k, _ = attention.project(x)
    tables = Rotary(GPTConfig(context_length=x.shape[1], **SIZES))(x.shape[1])
    q, k = (rotate(each, *(table.double() for table in tables)) for each in (q, k))
    if not hasattr(attention, "s_qk"):
        return attention.d_k**-0.5 * q @ k.mT
    s_qk = attention.scaling.effective(attention.s_qk).unsqueeze(-2)
    return attention.d_k**0.5 * (norm(q) * s_qk) @ (norm(k) * s_qk).mT


def rewrite(folder: Path, change: Change) -> None:
    """Change the tensors of a file that was written."""
    (path,) = folder.glob("*.safetensors")
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def saved(model: GPT | NGPT, folder: Path) -> Path:
    held = {name: each.detach().contiguous() for name, each in model.state_dict().items()}
    path = folder / "model.safetensors"
    config = {"reference_model": json.dumps({"config": SIZES})}
    save_file(held, path, metadata=config)
    return path


def test_a_gpt(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = GPT(GPTConfig(context_length=8, norm_eps=1e-12, **SIZES)).double()
    layer = model.layers[0]
    with torch.no_grad():
        layer.norm_A.gain.normal_()
        # Keys equal to the queries in head 0: both are longest along one direction.
        layer.attention.W_k.weight[:D_K] = layer.attention.W_q.weight[:D_K]
    found = bounds(saved(model, tmp_path))
    x = torch.randn(N_INPUTS // 8, 8, D, dtype=torch.float64)
    some = logits(layer.attention, layer.norm_A(x)).detach().abs().amax((0, 2, 3))
    assert (some.numpy() < found.to_numpy()).all()
    behind = (layer.attention.W_q.weight[:D_K] * layer.norm_A.gain).detach()
    longest = 1e4 * torch.linalg.svd(behind).Vh[0]
    with torch.no_grad():
        reached = logits(layer.attention, layer.norm_A(longest.reshape(1, 1, D)))[0, 0, 0, 0]
    assert float(reached) == pytest.approx(found[0], rel=rounding(D * D) + 1e-15)


def test_an_ngpt(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = NGPT(NGPTConfig(context_length=8, **SIZES)).double()
    attention = model.layers[0].attention
    with torch.no_grad():
        attention.s_qk.normal_()
    found = bounds(saved(model, tmp_path))
    x = norm(torch.randn(N_INPUTS // 8, 8, D, dtype=torch.float64))
    some = logits(attention, x).detach().abs().amax((0, 2, 3))
    assert (some.numpy() < found.to_numpy()).all()
    # A state that only the coordinate of the largest scale is read from.
    best = attention.scaling.effective(attention.s_qk)[0].abs().argmax()
    with torch.no_grad():
        attention.W_k.weight[:D_K] = attention.W_q.weight[:D_K]
    rows = attention.W_q.weight[:D_K].detach()
    only = norm(torch.linalg.pinv(rows)[:, best])
    with torch.no_grad():
        reached = logits(attention, only.reshape(1, 1, D))[0, 0, 0, 0]
    # What leaks into other coordinates goes in squared.
    assert float(reached) == pytest.approx(found[0], rel=rounding(D * D))


def test_a_gpt_that_norms_its_queries_and_keys(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    gains = {name: torch.tensor(rng.standard_normal(D_K)) for name in ("q", "k")}
    gains["k"][1] = gains["q"][1] = 3.0  # the largest of both, at one place

    def normed(tensors: Tensors) -> None:
        for layer in (0, 1):
            for name, gain in gains.items():
                tensors[f"model.layers.{layer}.self_attn.{name}_norm.weight"] = gain.clone()

    path = write_llama(tiny_gpt(n_kv_heads=2), tmp_path / "qwen", dtype=torch.float64)
    rewrite(path, normed)
    found = bounds(path)
    assert found.tolist() == pytest.approx([D_K**0.5 * 9] * 4, rel=rounding(D_K))

    def logit(q: np.ndarray, k: np.ndarray) -> np.ndarray:
        q, k = (each / np.sqrt((each**2).mean(-1, keepdims=True)) for each in (q, k))
        return ((q * gains["q"].numpy()) * (k * gains["k"].numpy())).sum(-1) / D_K**0.5

    some = logit(*rng.standard_normal((2, N_INPUTS, D_K)))
    assert np.abs(some).max() < found[0]
    assert logit(np.eye(D_K)[1], np.eye(D_K)[1]) == pytest.approx(found[0], rel=rounding(D_K))


def test_biases_add_to_what_is_read(tmp_path: Path) -> None:
    """GPT-2: LayerNorm with a bias, queries and keys with one, all in fused tensors."""
    rng = np.random.default_rng(1)
    model = tiny_gpt()
    norm_bias, bias = rng.standard_normal(D), rng.standard_normal(3 * D)

    def add(tensors: Tensors) -> None:
        for name in [name for name in tensors if name.endswith("h.0.ln_1.weight")]:
            tensors[name.replace("weight", "bias")] = torch.tensor(norm_bias)
        for name in [name for name in tensors if name.endswith("h.0.attn.c_attn.weight")]:
            tensors[name.replace("weight", "bias")] = torch.tensor(bias)

    path = write_gpt2(model, tmp_path / "gpt2", dtype=torch.float64)
    rewrite(path, add)
    found = bounds(path)
    gain = model.arrays["gain_A", 0]
    x = rng.standard_normal((N_INPUTS, D))
    x -= x.mean(1, keepdims=True)
    read = x / x.std(1, keepdims=True) * gain + norm_bias
    for head in range(HEADS):
        rows = slice(head * D_K, (head + 1) * D_K)
        q = read @ model.heads("W_q", 0)[head].T + bias[:D][rows]
        k = read @ model.heads("W_k", 0)[head].T + bias[D : 2 * D][rows]
        some = np.abs(q @ k.T).max() / D_K**0.5
        assert some < found[head] < 20 * some
        expected = 1.0
        for role, c in (("W_q", bias[:D][rows]), ("W_k", bias[D : 2 * D][rows])):
            w = model.heads(role, 0)[head]
            longest = np.linalg.norm(w * gain, 2) * D**0.5
            expected *= longest + np.linalg.norm(w @ norm_bias + c)
        assert found[head] == pytest.approx(expected / D_K**0.5, rel=rounding(D * D))


def drop(name: str) -> Change:
    def without(tensors: Tensors) -> None:
        for each in [each for each in tensors if name in each]:
            del tensors[each]

    return without


def test_without_any_norm_nothing_is_claimed(tmp_path: Path) -> None:
    path = write_reference(tiny_ngpt(), tmp_path / "x.safetensors", change=drop("s_qk"))
    table = ni.measure(path, "logit_bounds")
    assert (table["status"] == Status.SKIPPED).all()
    assert table["reason"].str.contains("they can be of any length").all()


@pytest.mark.parametrize(
    ("said", "factor"), [({"query_pre_attn_scalar": 16}, 0.5), ({"attention_multiplier": 0.1}, 0.2)]
)
def test_other_scales_of_the_softmax(said: dict[str, float], factor: float, tmp_path: Path) -> None:
    folder = write_llama(tiny_gpt(), tmp_path / "llama")
    before = bounds(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | said))
    assert bounds(folder).tolist() == pytest.approx((before * factor).tolist(), rel=rounding())
    path.write_text(json.dumps(json.loads(path.read_text()) | {"attn_logit_softcapping": 2.0}))
    assert (bounds(folder) < 2).all()


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}


def test_rotations_that_lengthen(tmp_path: Path) -> None:
    """YaRN: cosines and sines are 0.1 ln 4 + 1 times as long, so logits the square of it."""
    folder = write_llama(tiny_gpt(), tmp_path / "llama", dtype=torch.float64)
    rng = np.random.default_rng(2)
    held: Tensors = {}

    def alike(tensors: Tensors) -> None:
        own = {name.split("layers.0.self_attn.")[-1]: name for name in tensors if "rs.0." in name}
        tensors[own["k_proj.weight"]][:D_K] = tensors[own["q_proj.weight"]][:D_K]
        held.update({name: tensors[own[f"{name}_proj.weight"]] for name in ("q", "k")})
        held["gain"] = tensors["model.layers.0.input_layernorm.weight"]

    rewrite(folder, alike)
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"rope_scaling": YARN}))
    found = bounds(folder)

    def of(name: str, x: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return (N, heads, d_k): read from normed states, rotated and lengthened."""
        read = x / np.sqrt((x**2).mean(1, keepdims=True)) * held["gain"].numpy()
        rows = (read @ held[name].numpy().T).reshape(len(x), HEADS, 2, D_K // 2)
        pairs = rows[:, :, 0] + 1j * rows[:, :, 1]
        turns = places[:, None] * 100.0 ** -np.arange(0, 1, 2 / D_K)
        pairs = pairs * (0.1 * np.log(4) + 1) * np.exp(1j * turns)[:, None]
        return np.concatenate((pairs.real, pairs.imag), 2)

    x, places = rng.standard_normal((2, N_INPUTS, D)), rng.integers(0, 128, (2, N_INPUTS))
    some = (of("q", x[0], places[0]) * of("k", x[1], places[1])).sum(2) / D_K**0.5
    assert (np.abs(some) < found.to_numpy()).all()
    longest = np.linalg.svd(held["q"][:D_K].numpy() * held["gain"].numpy())[2][:1]
    here = np.array([5])
    reached = (of("q", longest, here) * of("k", longest, here))[0, 0].sum() / D_K**0.5
    assert reached == pytest.approx(found[0], rel=rounding(D * D))
    partly = {"rope_scaling": YARN | {"partial_rotary_factor": 0.5}}
    config.write_text(json.dumps(json.loads(config.read_text()) | partly))
    assert ni.measure(folder, "logit_bounds")["reason"].str.contains("lengthen a part").all()


def test_a_temperature_is_of_typical_lengths(tmp_path: Path) -> None:
    model = tiny_gpt(n_kv_heads=2)
    path = write_llama(model, tmp_path / "llama", dtype=torch.float64)
    table = ni.measure(path, "logit_bounds")
    rows = rows_of(table, layer=1, measure="attention_temperature")
    gain = model.arrays["gain_A", 1]
    for head, found in enumerate(rows["value"]):
        q = np.linalg.norm(model.heads("W_q", 1)[head] * gain)
        k = np.linalg.norm(model.heads("W_k", 1)[head // 2] * gain)
        assert found == pytest.approx(D_K**0.5 / (q * k), rel=rounding(D * D_K))


@pytest.mark.parametrize("latent_queries", [False, True])
def test_latent_attention(latent_queries: bool, tmp_path: Path) -> None:
    """DeepSeek, with a token whose queries and keys are longest together, along one direction."""
    d, heads, nope, rope, rank = D_MODEL, N_HEADS, D_NOPE, D_ROPE, RANK
    rng = np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return rng.standard_normal((rows, columns))

    def single(left: np.ndarray, right: np.ndarray, size: float) -> np.ndarray:
        return size * np.outer(left, right) / np.linalg.norm(left) / np.linalg.norm(right)

    gain, gain_kv, gain_q = (rng.standard_normal(n) for n in (d, rank, RANK_Q))
    token, latent, latent_q = (rng.standard_normal(n) for n in (d, rank, RANK_Q))
    # Behind their gains, one large term each: of the token, and of what it becomes.
    down = np.concatenate((single(latent, token, 1.0), single(np.ones(rope), token, 9.0))) / gain
    up = matrix(heads * (nope + D_V), rank)
    up[:nope] = single(np.arange(1.0, nope + 1), latent, 7.0) / gain_kv
    # A query shares its length among both parts as the longest key does.
    key = np.concatenate((up[:nope] * gain_kv @ latent, (down * gain @ token)[rank:]))
    key[:nope] *= np.sqrt(rank) / np.linalg.norm(latent)
    key[nope:] *= np.sqrt(d) / np.linalg.norm(token)
    part = {"kv_a_proj_with_mqa": down, "kv_a_layernorm": gain_kv, "kv_b_proj": up}
    width, read, of_read = (RANK_Q, latent_q, gain_q) if latent_queries else (d, token, gain)
    queries = matrix(heads * (nope + rope), width)
    queries[: nope + rope] = single(key, read, 11.0) / of_read
    if latent_queries:
        part |= {"q_a_proj": single(latent_q, token, 1.0) / gain, "q_a_layernorm": gain_q}
    part["q_b_proj" if latent_queries else "q_proj"] = queries
    part["o_proj"] = matrix(d, heads * D_V)
    found = bounds(write_deepseek(tmp_path, part, gain))

    def normed(x: np.ndarray) -> np.ndarray:
        return x / np.sqrt((x**2).mean(-1, keepdims=True))

    def logits_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the logits of each head, of tokens at one place: rotations drop out."""
        x, y = normed(x) * gain, normed(y) * gain
        x = normed(x @ part["q_a_proj"].T) * gain_q if latent_queries else x
        q = (x @ queries.T).reshape(len(x), heads, -1)
        both = y @ down.T
        k = (normed(both[:, :rank]) * gain_kv @ up.T).reshape(len(y), heads, -1)[:, :, :nope]
        shared = np.repeat(both[:, None, rank:], heads, 1)
        return (q * np.concatenate((k, shared), 2)).sum(2) / np.sqrt(nope + rope)

    some = logits_of(rng.standard_normal((N_INPUTS, d)), rng.standard_normal((N_INPUTS, d)))
    most = found.to_numpy() * (1 + rounding(d * d))
    assert (np.abs(some) <= most).all()
    reached = logits_of(token[None], token[None])[0, 0]
    assert reached == pytest.approx(found[0], rel=rounding(d * d))


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("q_layernorm.norms.0.weight", ()),
        ("query_norm.scale", ()),
        ("norm_k.weight", ()),
        ("k_norm.gain", ("q_norm.weight", "q_norm.bias")),
    ],
)
def test_a_norm_of_queries_that_no_role_has_leaves_no_bound_and_no_circuit(
    name: str, beside: tuple[str, ...], tmp_path: Path
) -> None:
    folder = write_llama(tiny_gpt(), tmp_path)
    added = {f"model.layers.0.self_attn.{each}": torch.ones(D_K) for each in (name, *beside)}
    rewrite(folder, lambda tensors: tensors.update(added))
    table = ni.measure(folder, ["logit_bounds", "circuits"], roles="W_q", layers=0)
    assert (table["status"] == Status.SKIPPED).all()
    assert table["reason"].str.contains(f"{name} looks like a norm of its queries or keys").all()


def test_a_config_that_says_normed_queries_without_a_gain_leaves_no_bound(tmp_path: Path) -> None:
    """Llama 4: ``use_qk_norm`` norms them by a module without parameters."""
    folder = write_llama(
        tiny_gpt(), tmp_path, config={"num_attention_heads": 4, "use_qk_norm": True}
    )
    table = ni.measure(folder, "logit_bounds")
    assert (table["status"] == Status.SKIPPED).all()
    assert table["reason"].str.contains("its config says use_qk_norm").all()
