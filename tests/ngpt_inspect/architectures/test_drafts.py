"""Drafts of declarations: a word goes before a likeness, and what nothing tells is left open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from models import LLAMA_NAMES, REFERENCE_NAMES, Tensors, named, tiny_gpt, tiny_ngpt
from safetensors.torch import save_file

from ngpt_inspect.architectures import ARCHITECTURES, Architecture, as_spec, suggested
from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.formats import read_contents
from ngpt_inspect.vocabulary import Role

RENAMED = {
    "E_input": "tok_embeddings",
    "E_output": "head",
    "layers.": "net.decoder.",
    "attention.W_": "attn.w",
    "mlp.W_oMLP": "ff.down",
    "mlp.W_u": "ff.up",
    "mlp.W_nu": "ff.gate",
    ".alpha_A": ".attn_alpha_vector",
    ".alpha_M": ".mlp_alpha_vector",
}


def write_renamed(path: Path) -> Tensors:
    tensors = named(tiny_ngpt(), REFERENCE_NAMES, torch.float32)
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in RENAMED.items():
            name = name.replace(old, new)
        renamed[name] = tensor
    save_file(renamed, path)
    return tensors


def test_a_draft_for_names_nobody_has(tmp_path: Path, cli: Callable[..., Result]) -> None:
    """Roles are guessed from likeness; the paper's constants are assumed and said."""
    path, spec = tmp_path / "odd.safetensors", tmp_path / "my.json"
    write_renamed(path)
    assert "--suggest-spec" in open_checkpoint(path, heads=4).notes[0]
    result = cli("tensors", path, "--suggest-spec", "--heads", 4, "-o", spec)
    assert result.exit_code == 0, result.stderr
    assert "places 27 weights; check each role before use" in result.stderr
    model = open_checkpoint(path, spec=spec, heads=4)
    source = tiny_ngpt()
    assert len(model.weights) == len(source.arrays)
    for weight in model:
        stored = source.arrays[str(weight.role), weight.layer]
        np.testing.assert_array_equal(weight.stored().double().numpy(), stored)
    assert {c.name for c in model.constants if c.assumed} >= {"alpha_init", "s_z_scale"}


def test_a_draft_of_a_known_layout_places_it_too(
    layouts: dict[str, Path], cli: Callable[..., Result], tmp_path: Path
) -> None:
    for layout in ("llama", "gpt2"):
        result = cli("tensors", layouts[layout], "--suggest-spec", "-o", tmp_path / "my.json")
        assert result.exit_code == 0
        drafted = open_checkpoint(layouts[layout], spec=tmp_path / "my.json")
        known = open_checkpoint(layouts[layout])
        assert {w.key: w.source for w in drafted} == {w.key: w.source for w in known}


def test_a_draft_says_what_it_leaves(tmp_path: Path, cli: Callable[..., Result]) -> None:
    tensors = named(tiny_gpt(), LLAMA_NAMES, torch.float32) | {"mystery.weight": torch.ones(7, 7)}
    save_file(tensors, tmp_path / "x.safetensors")
    result = cli("tensors", tmp_path / "x.safetensors", "--suggest-spec")
    assert json.loads(result.stdout)["ignored"].keys() == {"mystery.weight"}
    assert "mystery.weight: its words tell no role" in result.stderr
    two = cli("tensors", tmp_path / "x.safetensors", tmp_path / "x.safetensors", "--suggest-spec")
    assert two.exit_code == 2
    assert "--suggest-spec: 2 checkpoints; name one" in two.stderr


D, F, VOCAB, LAYERS = 16, 40, 30, 2
Shapes = dict[str, tuple[int, ...]]


def draft(at: Path, layer: Shapes, outside: Shapes, prefix: str = "h.") -> Architecture:
    """Write layers of these tensors, each inside ``h.0.``, ``h.1.``, ..., and draft for them."""
    generator = torch.Generator().manual_seed(6)
    shapes = outside | {f"{prefix}{i}.{n}": s for i in range(LAYERS) for n, s in layer.items()}
    save_file({n: torch.randn(s, generator=generator) for n, s in shapes.items()}, at)
    return suggested(read_contents(at), ARCHITECTURES)


def roles(drafted: Architecture) -> dict[str, str]:
    """Return the last words of each name with a role, and its role."""
    said: dict[str, str] = {}
    for rule in drafted.rules:
        name = rule.name.rpartition("{layer}.")[2].removesuffix(".weight")
        said[name] = " ".join(filter(None, (said.get(name), str(rule.role))))
    return said


def four(block: str, *names: str) -> Shapes:
    return {f"{block}.{name}.weight": (D, D) for name in names}


def test_gpt_j_in_which_every_attention_matrix_is_square(tmp_path: Path) -> None:
    drafted = draft(
        tmp_path / "x.safetensors",
        four("attn", "q_proj", "k_proj", "v_proj", "out_proj")
        | {"mlp.fc_in.weight": (F, D), "mlp.fc_out.weight": (D, F), "ln_1.weight": (D,)},
        {"wte.weight": (VOCAB, D), "lm_head.weight": (VOCAB, D), "ln_f.weight": (D,)},
        "transformer.h.",
    )
    assert roles(drafted) == {
        **{"attn.q_proj": "W_q", "attn.k_proj": "W_k", "attn.v_proj": "W_v"},
        **{"attn.out_proj": "W_o", "mlp.fc_in": "W_u", "mlp.fc_out": "W_oMLP"},
        **{"ln_1": "gain_A", "wte": "E_input", "lm_head": "E_output", "ln_f": "gain_final"},
    }
    assert not any(rule.transposed for rule in drafted.rules)
    assert drafted.ignored == {}


def test_opt_whose_mlp_is_two_matrices(tmp_path: Path) -> None:
    drafted = draft(
        tmp_path / "x.safetensors",
        four("self_attn", "k_proj", "v_proj", "q_proj", "out_proj")
        | {"fc1.weight": (4 * D, D), "fc1.bias": (4 * D,), "fc2.weight": (D, 4 * D)},
        {"decoder.embed_tokens.weight": (VOCAB, D), "decoder.embed_positions.weight": (18, D)},
        "decoder.layers.",
    )
    assert (
        roles(drafted).items()
        >= {
            **{"fc1": "W_u", "fc2": "W_oMLP", "self_attn.k_proj": "W_k"},
            **{"self_attn.out_proj": "W_o", "decoder.embed_positions": "E_position"},
        }.items()
    )
    assert all(rule.rows is None for rule in drafted.rules)


@pytest.mark.parametrize("turned", [False, True])
def test_a_square_matrix_is_stored_as_the_others_are(turned: bool, tmp_path: Path) -> None:
    """A nanoGPT with other norms: W_o is square, and c_attn, c_fc and c_proj tell."""

    def way(*shape: int) -> tuple[int, ...]:
        return shape[::-1] if turned else shape

    drafted = draft(
        tmp_path / "x.safetensors",
        {"attn.c_attn.weight": way(3 * D, D), "attn.c_proj.weight": (D, D)}
        | {"mlp.c_fc.weight": way(4 * D, D), "mlp.c_proj.weight": way(D, 4 * D)},
        {"transformer.wte.weight": (VOCAB, D), "transformer.wpe.weight": (12, D)},
        "transformer.h.",
    )
    matrices = {rule.role: rule for rule in drafted.rules if str(rule.role).startswith("W")}
    assert set(matrices) == {"W_q", "W_k", "W_v", "W_o", "W_u", "W_oMLP"}
    assert {rule.transposed for rule in matrices.values()} == {turned}
    (note,) = drafted.notes
    assert "attn.c_attn.weight is cut as others of its name are" in note
    model = open_checkpoint(tmp_path / "x.safetensors", spec=as_spec(drafted), heads=4)
    assert model.get("W_u", 1).shape == (4 * D, D)  # type: ignore[arg-type]


def test_squares_of_which_no_word_tells_are_left_open(tmp_path: Path) -> None:
    layer = four("mix", "a", "b", "c", "d") | {"step": (D,)}
    drafted = draft(tmp_path / "x.safetensors", layer, {"tok.weight": (VOCAB, D)})
    assert roles(drafted) == {"tok": "E_input"}
    for name in "abcd":
        said = drafted.ignored[f"h.{{layer}}.mix.{name}.weight"]
        assert "its words tell no role and its shape fits several" in said
    assert "no role suggested" in drafted.ignored["h.{layer}.step"]


def test_that_all_matrices_are_square_is_said(tmp_path: Path) -> None:
    layer = four("attn", "wq", "wk", "wv", "wo") | four("mlp", "up", "down")
    drafted = draft(tmp_path / "x.safetensors", layer, {"tok.weight": (VOCAB, D)})
    assert len(drafted.rules) == 7
    (note,) = drafted.notes
    assert "every matrix is square: whether they are stored (out, in), as taken" in note


@pytest.mark.parametrize(
    ("name", "shape", "held"),
    [
        ("attn.qkv_proj.weight", (3 * D, D), "W_q, W_k and W_v"),
        ("self_attention.query_key_value.weight", (3 * D, D), "W_q, W_k and W_v"),
        ("mlp.up_gate.weight", (2 * F, D), "W_u and W_nu"),
    ],
)
def test_an_order_of_rows_that_nothing_tells_is_left_open(
    name: str, shape: tuple[int, ...], held: str, tmp_path: Path
) -> None:
    layer = {name: shape, "mlp.down.weight": (D, F)}
    drafted = draft(tmp_path / "x.safetensors", layer, {"tok.weight": (VOCAB, D)})
    assert drafted.ignored == {
        f"h.{{layer}}.{name}": f"holds {held} in an order that nothing tells: give rows and groups"
    }


def test_a_norm_after_its_block_is_no_gain_before_the_next(tmp_path: Path) -> None:
    """The same name is a gain to a Llama and none to a Gemma 2, which the other norms tell."""
    norms = ("input_layernorm", "post_attention_layernorm")
    more = ("pre_feedforward_layernorm", "post_feedforward_layernorm")
    attention = four("self_attn", "q_proj", "k_proj", "v_proj", "o_proj")
    outside: Shapes = {"model.embed_tokens.weight": (VOCAB, D)}
    for all_norms, before_mlp in ((norms, norms[1]), ((*norms, *more), more[0])):
        layer = attention | {f"{name}.weight": (D,) for name in all_norms}
        drafted = draft(tmp_path / "x.safetensors", layer, outside, "model.layers.")
        found = {name for name, role in roles(drafted).items() if role == "gain_M"}
        assert found == {before_mlp}


def test_the_config_keeps_an_order_of_rows_open(tmp_path: Path) -> None:
    """A GPT-BigCode has nanoGPT's names and not its order: neither is drafted."""
    settings = {"model_type": "gpt_bigcode", "n_head": 4}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    layer: Shapes = {"attn.c_attn.weight": (3 * D, D), "mlp.c_proj.weight": (D, F)}
    outside: Shapes = {"transformer.wte.weight": (VOCAB, D)}
    drafted = draft(tmp_path / "model.safetensors", layer, outside, "transformer.h.")
    assert roles(drafted) == {"transformer.wte": "E_input", "mlp.c_proj": "W_oMLP"}
    (why,) = drafted.ignored.values()
    assert "holds W_q, W_k, W_v in an order that nothing tells" in why


def test_layers_of_two_kinds_and_a_router(tmp_path: Path) -> None:
    """Layer 0 is dense, layer 1 has experts: each may lack the other's tensors."""
    generator = torch.Generator().manual_seed(6)
    attention = four("self_attn", "q_proj", "k_proj", "v_proj", "o_proj")
    shapes: Shapes = {"model.embed_tokens.weight": (VOCAB, D)}
    shapes |= {f"model.layers.{i}.{n}": s for i in range(2) for n, s in attention.items()}
    gated = {"gate_proj.weight": (F, D), "up_proj.weight": (F, D), "down_proj.weight": (D, F)}
    shapes |= {f"model.layers.0.mlp.{n}": s for n, s in gated.items()}
    shapes |= {f"model.layers.1.mlp.experts.{e}.{n}": s for e in range(3) for n, s in gated.items()}
    shapes["model.layers.1.mlp.gate.weight"] = (3, D)
    path = tmp_path / "x.safetensors"
    save_file({n: torch.randn(s, generator=generator) for n, s in shapes.items()}, path)
    drafted = suggested(read_contents(path), ARCHITECTURES)
    assert drafted.ignored == {}
    model = open_checkpoint(path, spec=as_spec(drafted), heads=4)
    keys = {(str(w.role), w.layer, w.expert) for w in model if str(w.role) == "W_nu"}
    assert keys == {("W_nu", 0, None), *(("W_nu", 1, e) for e in range(3))}
    assert model.get(Role.W_ROUTER, 1).shape == (3, D)
