"""A small GGUF file of every architecture that the gguf library names, by the names it gives."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import ngpt_inspect as ni
from ngpt_inspect.vocabulary import Role

gguf = pytest.importorskip("gguf")
from gguf.constants import MODEL_ARCH, MODEL_ARCH_NAMES, MODEL_TENSORS, TENSOR_NAMES  # noqa: E402

V, D, HEADS, KV, D_K, D_MLP, EXPERTS, R = 40, 16, 4, 2, 4, 24, 3, 6
NO_DECODERS = ("MMPROJ", "WAVTOKENIZER_DEC")
"""What a model sees with, and what makes sound of codes."""
LEFT = {"T5": {"enc"}, "PLAMO2": {"blk"}}
"""T5's encoder is measured by name. PLaMo 2 has attn_qkv, and attn_k is only listed for it."""
QUICK = ("MMPROJ", "FALCON", "GROK", "QWEN3NEXT", "DEEPSEEK2", "RWKV7", "KIMI_LINEAR", "T5")
SHAPES: dict[str, tuple[int, ...]] = {
    "attn_q": (HEADS * D_K, D),
    "attn_k|attn_v|cross_attn_k|cross_attn_v": (KV * D_K, D),
    "attn_qkv|vis_attn_qkv": ((HEADS + 2 * KV) * D_K, D),
    "attn_output|attn_o|cross_attn_o|vis_attn_output": (D, HEADS * D_K),
    "attn_q_a": (R, D),
    "attn_q_b": (HEADS * 7, R),
    "attn_kv_a_mqa": (R + 2, D),
    "attn_kv_b": (HEADS * (D_K + 5), R),
    "attn_k_b": (HEADS, R, 5),
    "attn_v_b": (HEADS, D_K, R),
    "ffn_up|ffn_gate|vis_up|vis_gate|channel_mix_key": (D_MLP, D),
    "ffn_down|vis_down|channel_mix_value": (D, D_MLP),
    "ffn_(up|gate)_(exps|chexps)": (EXPERTS, 10, D),
    "ffn_gate_up_exps": (EXPERTS, 20, D),
    "ffn_down_(exps|chexps)": (EXPERTS, D, 10),
    "ffn_(up|gate)_shexp": (8, D),
    "ffn_down_shexp": (D, 8),
    "ffn_gate_inp": (EXPERTS, D),
    "token_embd|output|per_layer_token_embd|nextn.embed_tokens|nextn.shared_head_head": (V, D),
    "position_embd": (32, D),
    "attn_q_a_norm|attn_kv_a_norm": (R,),
    "time_mix_w2": (5, D, 7),
    "altup_(proj|unembd_proj)": (3, D, D),
    "attn_q_norm|attn_k_norm|ssm_norm": (D_K,),
    "attn_sinks|ssm_d": (HEADS,),
    ".*conv.*": (D, 1, 4),
    ".*norm.*|.*lerp.*|time_mix_(ln|first|w0|a0|v0|k_k|k_a)|.*scale|rope_.*|attn_rot_embd": (D,),
    "exp_probs_b|enorm|ffn": (D,),
}
BARE = ("ssm_a", "ssm_d")


def shape_of(leaf: str) -> tuple[int, ...]:
    fitting = (shape for words, shape in SHAPES.items() if re.fullmatch(words, leaf))
    return next(fitting, (D + 2, D))


def kinds_of_layers(leaves: set[str]) -> list[set[str]]:
    """Return what two layers have of all that one may have: what stands in one another's place."""
    experts = {x for x in leaves if re.search("exps|shexp|ffn_gate_inp|exp_probs", x)}
    dense = {"ffn_up", "ffn_gate", "ffn_down"} & leaves
    mixers = {x for x in leaves if re.match("ssm|shortconv|time_mix", x)}
    attention = {x for x in leaves if x.startswith("attn_")} - {"attn_norm", "attn_norm_2"}
    whole = {x for x in ("attn_q", "attn_k", "attn_v") if x in leaves}
    first, second = set(leaves), set(leaves)
    if experts and dense:
        first -= experts
        second -= dense
    if mixers and {"attn_output"} <= attention:
        first -= mixers
        second -= attention
    for one, other in (
        ({"attn_qkv"}, whole),
        ({"attn_kv_b"}, {"attn_k_b", "attn_v_b"}),
        ({"ffn_gate_up_exps"}, {"ffn_gate_exps", "ffn_up_exps"}),
        ({"attn_q_a", "attn_q_b", "attn_q_a_norm"}, {"attn_q"}),
        ({"attn_kv_a_mqa", "attn_kv_b", "attn_k_b", "attn_v_b"}, {"attn_k", "attn_v"}),
    ):
        if one & leaves and other & leaves:
            first, second = first - one, second - other
    return [first, second]


def write(path: Path, architecture: MODEL_ARCH) -> Path:
    names = [TENSOR_NAMES[kind] for kind in MODEL_TENSORS[architecture]]
    arch = MODEL_ARCH_NAMES[architecture]
    writer = gguf.GGUFWriter(path, arch)
    for key, value in (("head_count", HEADS), ("head_count_kv", KV)):
        writer.add_uint32(f"{arch}.attention.{key}", value)
    draw = np.random.default_rng(3)
    layers = [name.partition("{bid}.") for name in names if "{bid}." in name]
    chosen = kinds_of_layers({leaf for _, _, leaf in layers})
    found = {name: name for name in names if "{bid}" not in name}
    found |= {
        f"{before}{number}.{leaf}": leaf
        for number, leaves in enumerate(chosen)
        for before, _, leaf in layers
        if leaf in leaves
    }
    for name, leaf in found.items():
        suffix = "" if leaf in BARE else ".bias" if leaf == "exp_probs_b" else ".weight"
        shape = shape_of(leaf.removeprefix("enc.").removeprefix("dec."))
        writer.add_tensor(name + suffix, draw.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    "architecture",
    [
        pytest.param(each, id=each.name, marks=() if each.name in QUICK else pytest.mark.slow)
        for each in MODEL_ARCH
    ],
)
def test_opens_whole(architecture: MODEL_ARCH, tmp_path: Path) -> None:
    checkpoint = ni.open_checkpoint(write(tmp_path / "m.gguf", architecture))
    left = {name.partition(".")[0] for name in checkpoint.unrecognised}
    if architecture.name in NO_DECODERS:
        assert checkpoint.architecture == "unknown"
        assert "no known layout" in " ".join(checkpoint.notes)
    else:
        assert checkpoint.architecture in ("gguf", "gguf_decoder")
        assert left <= LEFT.get(architecture.name, set()), checkpoint.unrecognised
    measured = {weight.tensor.name for weight in checkpoint} | set(checkpoint.ignored)
    assert {t.name for t in checkpoint.contents.tensors.values() if len(t.shape) == 2} <= measured


def test_rows_are_those_of_the_file(tmp_path: Path) -> None:
    """``attn_qkv``: all queries, all keys, all values; experts are the first axis."""
    path = write(tmp_path / "m.gguf", MODEL_ARCH.DBRX)
    stored = {each.name: np.array(each.data) for each in gguf.GGUFReader(path).tensors}
    checkpoint = ni.open_checkpoint(path)
    whole = stored["blk.1.attn_qkv.weight"]
    queries, keys, values = np.split(whole, [HEADS * D_K, (HEADS + KV) * D_K])
    for role, rows, n in (("W_q", queries, HEADS), ("W_k", keys, KV), ("W_v", values, KV)):
        weight = checkpoint.get(Role(role), 1)
        heads = weight.heads(weight.values())
        assert heads is not None
        np.testing.assert_array_equal(heads.numpy(), rows.reshape(n, D_K, D))
    for expert in range(EXPERTS):
        found = checkpoint.get(Role.W_O_MLP, 1, expert).values().numpy()
        np.testing.assert_array_equal(found, stored["blk.1.ffn_down_exps.weight"][expert])


def test_factors_of_latents_make_heads(tmp_path: Path) -> None:
    """MLA: queries of a head are its rows of q_b, times the gain of the latent, times q_a."""
    path = write(tmp_path / "m.gguf", MODEL_ARCH.MINICPM3)
    stored = {each.name: np.array(each.data, np.float64) for each in gguf.GGUFReader(path).tensors}
    at = "blk.0.attn_"
    wanted = stored[f"{at}q_b.weight"] @ np.diag(stored[f"{at}q_a_norm.weight"])
    wanted = wanted @ stored[f"{at}q_a.weight"]
    found = ni.open_checkpoint(path).get(Role.W_Q, 0).values().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
