"""Parts that one family each has, as its own code splits them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from families.known import save_folder

import ngpt_inspect as ni
from ngpt_inspect.vocabulary import Role
from ngpt_inspect.weights import WeightSet

V, D, HEADS, D_K, D_MLP, EXPERTS = 31, 12, 3, 4, 10, 2


def drawn(*shape: int) -> np.ndarray:
    """Return numbers that differ with the shape and the place."""
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def of(checkpoint: WeightSet, role: str, layer: int = 0, expert: int | None = None) -> np.ndarray:
    found: np.ndarray = checkpoint.get(Role(role), layer, expert).values().numpy()
    return found


def heads_of(checkpoint: WeightSet, role: str) -> np.ndarray:
    weight = checkpoint.get(Role(role), 0)
    heads = weight.heads(weight.values())
    assert heads is not None
    found: np.ndarray = heads.numpy()
    return found


def opened(folder: Path, arrays: dict[str, np.ndarray], **config: object) -> WeightSet:
    save_folder(folder, arrays, {"num_attention_heads": HEADS, **config})
    checkpoint = ni.open_checkpoint(folder)
    assert (checkpoint.architecture, checkpoint.unrecognised) == ("decoder", ())
    return checkpoint


def check_heads(checkpoint: WeightSet, role: str, wanted: np.ndarray) -> None:
    np.testing.assert_array_equal(heads_of(checkpoint, role), wanted)


def test_xlnet_keeps_heads_as_an_axis(tmp_path: Path) -> None:
    """``einsum("ibh,hnd->ibnd")``: a head's queries are x times its slice of the middle axis."""
    at = "transformer.layer.0."
    parts = {x: n * drawn(D, HEADS, D_K) for n, x in enumerate("qkvor", 1)}
    arrays = {f"{at}rel_attn.{x}": each for x, each in parts.items()}
    arrays |= {"transformer.word_embedding.weight": drawn(V, D)}
    arrays |= {f"{at}rel_attn.seg_embed": drawn(2, HEADS, D_K)}
    arrays |= {f"{at}ff.layer_1.weight": drawn(D_MLP, D), f"{at}ff.layer_2.weight": drawn(D, D_MLP)}
    checkpoint = opened(tmp_path, arrays)
    for leaf in "qkv":
        check_heads(checkpoint, f"W_{leaf}", parts[leaf].transpose(1, 2, 0))
    # ``einsum("ibnd,hnd->ibh")``: what a head writes.
    check_heads(checkpoint, "W_o", parts["o"].transpose(1, 0, 2))


def test_dbrx_keeps_experts_as_rows(tmp_path: Path) -> None:
    """``w.view(-1, d_mlp, d_model)[expert]``; the last one is applied without transposition."""
    at = "transformer.blocks.0."
    stacks = {leaf: n * drawn(EXPERTS * D_MLP, D) for n, leaf in enumerate(("w1", "v1", "w2"), 1)}
    arrays = {
        "transformer.wte.weight": drawn(V, D),
        f"{at}norm_attn_norm.attn.Wqkv.weight": drawn(3 * D, D),
        f"{at}norm_attn_norm.attn.out_proj.weight": drawn(D, D),
        f"{at}ffn.router.layer.weight": drawn(EXPERTS, D),
        **{f"{at}ffn.experts.mlp.{leaf}": array for leaf, array in stacks.items()},
    }
    checkpoint = opened(tmp_path, arrays, ffn_config={"moe_num_experts": EXPERTS})
    assert checkpoint.shape.n_experts == EXPERTS
    for expert in range(EXPERTS):
        for role, leaf in (("W_nu", "w1"), ("W_u", "v1"), ("W_oMLP", "w2")):
            wanted = stacks[leaf].reshape(EXPERTS, D_MLP, D)[expert]
            wanted = wanted.T if leaf == "w2" else wanted
            np.testing.assert_array_equal(of(checkpoint, role, expert=expert), wanted)


def stack(at: str, n_layers: int) -> dict[str, np.ndarray]:
    """Return layers whose attention keeps gates, queries, keys and values in one."""
    shapes = {"attn.gqkv_proj": (4 * D, D), "attn.o_proj": (D, D)}
    shapes |= {"mlp.gate_up_proj": (2 * D_MLP, D), "mlp.down_proj": (D, D_MLP)}
    return {
        f"{at}.layers.{layer}.{name}.weight": drawn(*shape, layer + 1 + len(at))[..., 0]
        for layer in range(n_layers)
        for name, shape in shapes.items()
    }


def test_stacks_side_by_side_are_one_model(tmp_path: Path) -> None:
    """Their layers are counted on, and are no two sets of weights."""
    stacks = stack("model.H_module", 2) | stack("model.L_module", 2)
    checkpoint = opened(tmp_path, {"model.embed_tokens.weight": drawn(V, D), **stacks})
    assert (checkpoint.shape.n_layers, dict(checkpoint.contents.parts)) == (4, {})
    for layer, at in enumerate(f"model.{x}_module.layers.{n}" for x in "HL" for n in (0, 1)):
        parts = np.split(stacks[f"{at}.attn.gqkv_proj.weight"], 4)
        for role, part in zip(("W_gateA", "W_q", "W_k", "W_v"), parts, strict=True):
            np.testing.assert_array_equal(of(checkpoint, role, layer), part)


@pytest.mark.parametrize(
    "home", ["llm_config", "language_config", "thinker_config.text_config", "decoder"]
)
def test_heads_are_those_of_the_language_model_within(home: str, tmp_path: Path) -> None:
    """InternVL, DeepSeek-VL, Qwen-Omni, and an encoder-decoder of transformers."""
    said: dict[str, object] = {"num_attention_heads": HEADS}
    for word in reversed(home.split(".")):
        said = {word: said}
    towers = {"vision_config": {"num_attention_heads": 2}, "encoder": {"num_attention_heads": 2}}
    save_folder(
        tmp_path, {"model.embed_tokens.weight": drawn(V, D), **stack("model", 1)}, towers | said
    )
    assert ni.open_checkpoint(tmp_path).shape.n_heads == HEADS


@pytest.mark.parametrize(
    ("places", "config", "absent"),
    [
        ((0, 4), {}, "nothing of layers 1, 2, 3 is here, but of later ones"),
        ((0, 1), {"num_hidden_layers": 2}, None),
        ((0, 1), {"num_hidden_layers": 1}, None),  # the others predict tokens beyond the next
        ((0, 1), {"num_hidden_layers": 4, "decoder_layers": 2}, None),
        ((0, 1), {"n_layer": 3}, "config.n_layer is 3, and 2 layers are here: others are kept"),
    ],
)
def test_layers_that_are_not_here_are_told(
    places: tuple[int, int], config: dict[str, object], absent: str | None, tmp_path: Path
) -> None:
    """A hole between layers, or one file of several."""
    arrays = {"model.embed_tokens.weight": drawn(V, D)}
    for place in places:
        arrays |= {n.replace(".0.", f".{place}."): x for n, x in stack("model", 1).items()}
    notes = " | ".join(opened(tmp_path, arrays, **config).notes)
    assert re.search(absent, notes) if absent else "here" not in notes


def test_norms_alone_are_no_decoder(tmp_path: Path) -> None:
    """What else there was could not be read: nothing is a model of known parts by its vectors."""
    arrays = {"model.embed_tokens.weight": drawn(V, D)}
    arrays |= {"model.layers.0.input_layernorm.weight": drawn(D, 1)[:, 0]}
    save_folder(tmp_path, arrays, None)
    assert ni.open_checkpoint(tmp_path).architecture == "unknown"


def test_mlx_stacks_gates_and_ups_of_experts_apart(tmp_path: Path) -> None:
    """``SwitchGLU`` (mlx-lm, models/switch_layers.py)."""
    shapes = {"up": (D_MLP, D), "gate": (D_MLP, D), "down": (D, D_MLP)}
    stacks = {x: n + drawn(EXPERTS, *shape) for n, (x, shape) in enumerate(shapes.items())}
    arrays = {f"model.layers.0.self_attn.{x}_proj.weight": drawn(D, D) for x in "qkvo"}
    arrays |= {"model.embed_tokens.weight": drawn(V, D)}
    arrays |= {"model.layers.0.mlp.gate.weight": drawn(EXPERTS, D)}
    at = "model.layers.0.mlp.switch_mlp."
    arrays |= {f"{at}{x}_proj.weight": each for x, each in stacks.items()}
    checkpoint = opened(tmp_path, arrays)
    for role, name in (("W_u", "up"), ("W_nu", "gate"), ("W_oMLP", "down")):
        np.testing.assert_array_equal(of(checkpoint, role, expert=1), stacks[name][1])


@pytest.mark.parametrize("tower", ["vision_tower.encoder", "image_encoder.deep"])
def test_a_longer_tower_is_not_the_language_model(tower: str, tmp_path: Path) -> None:
    layer = {f"attention.self.{name}.weight": (D, D) for name in ("query", "key", "value")}
    layer |= {"attention.output.dense.weight": (D, D)}
    layer |= {"intermediate.dense.weight": (D_MLP, D), "output.dense.weight": (D, D_MLP)}
    arrays = {"git.embeddings.word_embeddings.weight": drawn(V, D)}
    for at, depth in (("git.encoder.layer", 1), (f"git.{tower}.layers", 3)):
        arrays |= {f"{at}.{n}.{x}": drawn(*s) for n in range(depth) for x, s in layer.items()}
    save_folder(tmp_path, arrays, {"num_attention_heads": HEADS})
    checkpoint = ni.open_checkpoint(tmp_path)
    assert checkpoint.shape.n_layers == 1
    assert checkpoint.get(Role.W_Q, 0).tensor.name.startswith("git.encoder.layer.0.")
    assert all(name.startswith(f"git.{tower}") for name in checkpoint.unrecognised)


def test_layers_of_a_sliding_window_have_heads_of_their_own(tmp_path: Path) -> None:
    arrays = {"model.embed_tokens.weight": drawn(V, D)}
    for layer, (heads, width) in enumerate(((HEADS, D_K), (2 * HEADS, 2 * D_K))):
        at = f"model.layers.{layer}.self_attn."
        arrays |= {f"{at}{x}_proj.weight": drawn(heads * width, D) for x in "qkv"}
        arrays |= {f"{at}o_proj.weight": drawn(D, heads * width)}
    wider = {"swa_num_attention_heads": 2 * HEADS, "swa_head_dim": 2 * D_K}
    kinds = ["full_attention", "hybrid_sliding"]
    checkpoint = opened(tmp_path, arrays, head_dim=D_K, layer_types=kinds, **wider)
    blocks = [checkpoint.get(Role.W_Q, layer).n_blocks for layer in (0, 1)]
    assert blocks == [HEADS, 2 * HEADS]


@pytest.mark.parametrize("key", ["num_attention_heads", "num_attention_heads_per_layer"])
def test_heads_that_differ_by_layer(key: str, tmp_path: Path) -> None:
    """As GGUF files of DeciLM and OpenELM say it: a list, which layouts of one size cannot read."""
    arrays = {"model.embed_tokens.weight": drawn(V, D), "model.norm.weight": drawn(D, 1)[:, 0]}
    for layer in (0, 1):
        at = f"model.layers.{layer}."
        arrays |= {f"{at}self_attn.{x}_proj.weight": drawn(D, D) for x in "qkvo"}
        arrays |= {f"{at}mlp.{x}_proj.weight": drawn(D_MLP, D) for x in ("gate", "up")}
        arrays |= {f"{at}mlp.down_proj.weight": drawn(D, D_MLP)}
        arrays |= {
            f"{at}{x}_layernorm.weight": drawn(D, 1)[:, 0] for x in ("input", "post_attention")
        }
    said = {"num_key_value_heads": [HEADS, 2 * HEADS], "hidden_size": D}
    save_folder(tmp_path, arrays, said | {key: [HEADS, 2 * HEADS]})
    checkpoint = ni.open_checkpoint(tmp_path)
    for role in (Role.W_Q, Role.W_K, Role.W_O):
        assert [checkpoint.get(role, layer).n_blocks for layer in (0, 1)] == [HEADS, 2 * HEADS]


@pytest.mark.parametrize("heads", [[HEADS, HEADS], HEADS])
def test_a_list_of_equal_heads_is_their_number(heads: object, tmp_path: Path) -> None:
    arrays = {"model.embed_tokens.weight": drawn(V, D), **stack("model", 1)}
    save_folder(tmp_path, arrays, {"num_attention_heads": heads})
    assert ni.open_checkpoint(tmp_path).shape.n_heads == HEADS


def test_factors_beside_a_model_leave_its_layout(tmp_path: Path) -> None:
    """A model under peft, saved as it is: weights twice wrapped, and more factors than weights."""
    arrays = {
        name.replace(".weight", ".base_layer.base_layer.weight"): each
        for name, each in stack("model", 1).items()
    }
    factors = {
        name.replace("base_layer.weight", f"lora_{which}.weight"): drawn(3, n)
        for name in arrays
        for which, n in (("A", 5), ("B", 6))
    }
    arrays |= {"model.embed_tokens.weight": drawn(V, D)}
    save_folder(tmp_path, arrays | factors, {"num_attention_heads": HEADS})
    checkpoint = ni.open_checkpoint(tmp_path)
    assert set(checkpoint.unrecognised) == set(factors)
    assert checkpoint.architecture == "decoder"


def megatron(qkv: np.ndarray, gain: np.ndarray, width: int = D) -> dict[str, np.ndarray]:
    """Return the embedding and the attention of a layer; heads are so wide together."""
    at = "decoder.layers.0.self_attention."
    return {
        "embedding.word_embeddings.weight": drawn(V, D),
        f"{at}linear_qkv.weight": qkv,
        f"{at}linear_qkv.layer_norm_weight": gain,
        f"{at}linear_proj.weight": drawn(D, width),
    }


@pytest.mark.parametrize("gated", [True, False])
def test_megatron_keeps_groups_of_heads_and_grouped_experts(gated: bool, tmp_path: Path) -> None:
    """``linear_qkv``: each group its queries, a key, a value (megatron/core, attention.py)."""
    at, groups, width = "decoder.layers.0.", 2, (1 + gated) * D_MLP
    qkv = drawn(groups * 4 * D_K, D)
    experts = {
        f"{at}mlp.experts.linear_fc{n}.weight{e}": e + drawn(*shape)
        for e in range(EXPERTS)
        for n, shape in ((1, (width, D)), (2, (D, D_MLP)))
    }
    arrays = megatron(qkv, drawn(D), groups * 2 * D_K) | experts
    arrays |= {f"{at}pre_mlp_layernorm.weight": drawn(D, 1)[:, 0]}
    arrays |= {f"{at}mlp.router.weight": drawn(EXPERTS, D)}
    heads = {"num_attention_heads": 2 * groups, "num_key_value_heads": groups}
    checkpoint = opened(tmp_path, arrays, **heads)
    parts = qkv.reshape(groups, 4, D_K, D)
    check_heads(checkpoint, "W_q", parts[:, :2].reshape(-1, D_K, D))
    check_heads(checkpoint, "W_v", parts[:, 3])
    up = experts[f"{at}mlp.experts.linear_fc1.weight1"]
    np.testing.assert_array_equal(of(checkpoint, "W_u", expert=1), up[-D_MLP:])
    assert np.shape(of(checkpoint, "gain_A")) == np.shape(of(checkpoint, "gain_M")) == (D,)


@pytest.mark.parametrize("index", ["indexer.", "index_"])
def test_minimax_m3_scores_blocks_of_keys_beside_its_attention(index: str, tmp_path: Path) -> None:
    """`MiniMaxM3VLIndexer` reads the layer's input; its checkpoint says ``index_q_proj``."""
    at = "model.layers.0."
    sides = {
        f"{at}self_attn.{index}{x}_proj.weight": drawn(n * D_K, D) for x, n in (("q", 2), ("k", 1))
    }
    arrays = {
        "model.embed_tokens.weight": drawn(V, D),
        f"{at}input_layernorm.weight": np.full(D, 0.25),
        **{f"{at}self_attn.{x}_proj.weight": drawn(D, D) for x in "qkvo"},
        **sides,
        f"{at}mlp.gate_up_proj.weight": drawn(2 * D_MLP, D),
        f"{at}mlp.down_proj.weight": drawn(D, D_MLP),
    }
    checkpoint = opened(tmp_path, arrays, model_type="minimax_m3_vl_text")
    found = {w.tensor.name: w.values().numpy() for w in checkpoint.weights if w.role == Role.X_IN}
    assert found.keys() == sides.keys()
    assert all(np.array_equal(found[name], sides[name]) for name in sides)
    np.testing.assert_array_equal(of(checkpoint, "gain_A"), np.full(D, 1.25))
