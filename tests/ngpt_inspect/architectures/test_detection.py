"""Which layout a checkpoint has, and what is said when that cannot be told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from families import FAMILIES
from models import LAYOUTS, Tensors, tiny_gpt, tiny_ngpt, write_gpt2, write_llama, write_reference
from safetensors.torch import load_file, save_file

import ngpt_inspect as ni
from ngpt_inspect.architectures import ARCHITECTURES, find_architecture
from ngpt_inspect.checkpoint import open_checkpoint
from ngpt_inspect.errors import MissingRole, UnknownArchitecture, WrongOption
from ngpt_inspect.formats import read_contents
from ngpt_inspect.vocabulary import Role


def why_unknown(path: Path, **settings: object) -> str:
    model = open_checkpoint(path, **settings)
    assert (model.architecture, model.family) == ("unknown", "unknown")
    (note,) = model.notes
    assert note.isprintable()
    return note


def spoiled(tmp_path: Path, change: Callable[[Tensors], None]) -> Path:
    return write_reference(tiny_ngpt(), tmp_path / "spoiled.safetensors", change=change)


def test_a_tie_shows_the_evidence_and_asks(layouts: dict[str, Path]) -> None:
    twins = {
        name: replace(ARCHITECTURES["llama"], name=name, title=name) for name in ("one", "two")
    }
    contents = read_contents(layouts["llama"])
    with pytest.raises(UnknownArchitecture) as caught:
        find_architecture(contents, twins)
    message = str(caught.value)
    assert "one places 21 tensors, leaves 0; two places 21 tensors, leaves 0" in message
    assert message.endswith("say --architecture one or another of them")
    assert find_architecture(contents, twins, name="two").architecture.name == "two"


def test_the_layout_that_leaves_fewest_tensors_wins(layouts: dict[str, Path]) -> None:
    llama = ARCHITECTURES["llama"]
    rules = tuple(r for r in llama.rules if r.role not in (Role.GAIN_A, Role.GAIN_M))
    less = replace(llama, name="less", rules=rules)
    found = find_architecture(read_contents(layouts["llama"]), {"less": less, "llama": llama})
    assert found.architecture.name == "llama"


def test_unknown_names_are_quoted(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({f"conv.{i}.kernel": torch.zeros(2, 2) for i in range(6)}, path)
    message = why_unknown(path)
    assert "no known layout has tensors named conv.0.kernel, conv.1.kernel" in message
    assert "and 2 more; matrices are measured whole, by name" in message


def test_what_is_quoted_is_not_what_layouts_know(tmp_path: Path) -> None:
    path = spoiled(
        tmp_path, lambda t: t.update({f"odd.{i}.codes": torch.ones(2, 2) for i in range(99)})
    )
    tensors = load_file(path)
    del tensors["layers.0.attention.W_q.weight"]
    save_file(tensors, path)
    assert "no known layout has tensors named odd.0.codes, odd.1" in why_unknown(path)


def test_what_no_layout_knows_is_measured_by_name(tmp_path: Path) -> None:
    """An encoder, say: embeddings that cannot be mistaken have a role, matrices their names."""
    draw = torch.Generator().manual_seed(5)
    attention = "bert.encoder.layer.0.attention.self."
    tensors = {
        "bert.embeddings.word_embeddings.weight": torch.randn(30, 4, generator=draw),
        "bert.embeddings.position_embeddings.weight": torch.randn(12, 4, generator=draw),
        f"{attention}query.weight": torch.randn(6, 4, generator=draw),
        f"{attention}query.bias": torch.randn(6, generator=draw),
        "block.experts.up": torch.randn(2, 5, 4, generator=draw),
        "stem.conv.weight": torch.randn(3, 4, 5, generator=draw),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "bert", "num_attention_heads": 2}')
    model = open_checkpoint(tmp_path)
    assert (model.architecture, model.family) == ("unknown", "unknown")
    assert model.roles == (Role.E_INPUT,)
    assert (model.shape.vocab_size, model.shape.d_model, model.shape.n_layers) == (30, 4, 0)
    assert "model_type 'bert'" in model.notes[0]
    assert "--suggest-spec" in model.notes[0]
    table = ni.measure(model, "condition_numbers")
    rows = table[table["measure"] == "condition_number"].set_index("tensor")["value"]
    wanted = {"bert.embeddings.position_embeddings.weight", f"{attention}query.weight"}
    assert set(rows.index) == wanted | {"block.experts.up"}
    assert table["role"].isna().all()
    for name in wanted:
        s_n = np.linalg.svd(tensors[name].double().numpy(), compute_uv=False)
        np.testing.assert_allclose(rows[name], s_n[0] / s_n[-1], rtol=1e-9)
    assert len(rows["block.experts.up"]) == 2  # one a matrix
    with pytest.raises(MissingRole, match="no W_q"):
        ni.measure(model, "condition_numbers", roles=["W_q"])
    with pytest.raises(MissingRole, match="nothing says which layer"):
        ni.measure(model, "condition_numbers", layers=[0])


def test_a_matrix_that_a_known_layout_leaves_is_measured_by_name(tmp_path: Path) -> None:
    extra = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    path = spoiled(tmp_path, lambda t: t.update(mystery=extra))
    table = ni.measure(path, ["condition_numbers", "embedding_norms"])
    (row,) = table[(table["tensor"] == "mystery") & (table["measure"] == "condition_number")].index
    s_n = np.linalg.svd(extra.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(table["value"][row], s_n[0] / s_n[-1], rtol=1e-9)
    assert table["role"].isna().sum() == (table["tensor"] == "mystery").sum() > 0
    named = ni.measure(path, "condition_numbers", roles=["W_q", "W_u"])
    assert "mystery" not in set(named["tensor"])


def test_a_missing_tensor_is_named_with_its_layer(tmp_path: Path) -> None:
    gpt = tiny_gpt()
    deep = replace(gpt, n_layers=4, arrays=dict(gpt.arrays))
    for (role, layer), array in gpt.arrays.items():
        if layer is not None:
            deep.arrays[role, layer + 2] = array
    name = "layers.3.attention.W_k.weight"
    path = write_reference(deep, tmp_path / "a.safetensors", change=lambda t: t.pop(name))
    said = f"the nearest, reference_gpt places 38 tensors, leaves 0; misses {name}"
    assert said in why_unknown(path)


def test_a_hole_between_layers_is_no_shallower_model(tmp_path: Path) -> None:
    def move(tensors: Tensors) -> None:
        for name in [name for name in tensors if name.startswith("layers.1.")]:
            tensors[name.replace("layers.1.", "layers.2.")] = tensors.pop(name)

    assert "misses layers.1.attention.W_q.weight" in why_unknown(spoiled(tmp_path, move))


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        ("mlp.W_u.weight", torch.ones(20, 16), "is [20, 16], not [d_mlp, d_model]"),
        ("alpha_A", torch.ones(5), "is [5], not [d_model or 1]"),
    ],
)
def test_shapes_that_contradict_each_other_are_named(
    name: str, tensor: torch.Tensor, said: str, tmp_path: Path
) -> None:
    """Alternatives of a shape are written as words."""
    name = f"layers.1.{name}"
    path = spoiled(tmp_path, lambda tensors: tensors.update({name: tensor}))
    assert f"{name} {said}" in why_unknown(path)


LONG = "w" * 5000


@pytest.mark.parametrize(
    ("names", "config"),
    [
        ([LONG, f"{LONG}.bias"], {}),
        ([f"encoder.{LONG}"], {}),
        (["model.embed_tokens.weight", LONG], {}),
        (["model.embed_tokens.weight"], {"model_type": LONG}),
        ([f"layers.{'1' * 4000}.attention.W_q.weight", f"{LONG}.lm_head.weight"], {}),
    ],
)
def test_a_name_of_thousands_of_characters_is_cut(
    names: list[str], config: dict[str, str], tmp_path: Path
) -> None:
    save_file({name: torch.zeros(2, 2) for name in names}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert len(why_unknown(tmp_path)) < 1000 + len(str(tmp_path))


def test_names_that_belong_to_a_cousin_exclude(tmp_path: Path) -> None:
    folder = write_llama(tiny_gpt(), tmp_path / "gemma")
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.0.pre_feedforward_layernorm.weight"
    save_file(tensors | {name: torch.ones(16)}, folder / "model.safetensors")
    with pytest.raises(UnknownArchitecture, match=f"{name} belongs to Gemma 2 and later"):
        open_checkpoint(folder, architecture="llama")


def test_the_wrong_layout_asked_for_says_why_it_does_not_fit(layouts: dict[str, Path]) -> None:
    with pytest.raises(UnknownArchitecture, match="places 0 tensors, leaves 21"):
        open_checkpoint(layouts["llama"], architecture="reference_gpt")
    with pytest.raises(UnknownArchitecture, match=r"misses .*attn_alpha"):
        open_checkpoint(layouts["nvidia_gpt"], architecture="nvidia_ngpt")
    with pytest.raises(WrongOption, match=r"no architecture 'lama'; did you mean llama\?"):
        open_checkpoint(layouts["llama"], architecture="lama")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_naming_the_right_layout_changes_nothing(layout: str, layouts: dict[str, Path]) -> None:
    detected = open_checkpoint(layouts[layout])
    named = open_checkpoint(layouts[layout], architecture=detected.architecture)
    assert [w.key for w in named] == [w.key for w in detected]
    assert named.shape == detected.shape


def test_tied_embeddings(tmp_path: Path, layouts: dict[str, Path]) -> None:
    for layout in ("nanogpt", "gpt2", "gpt2-bin", "llama-tied"):
        model = open_checkpoint(layouts[layout])
        assert model.absent[Role.E_OUTPUT] == "tied to E_input", layout
        assert Role.E_OUTPUT not in model.roles
    assert Role.E_OUTPUT in open_checkpoint(layouts["llama"]).roles


def test_absent_roles_say_why(layouts: dict[str, Path]) -> None:
    absent = open_checkpoint(layouts["gpt2"]).absent
    assert absent[Role.ALPHA_A] == absent[Role.S_Z] == "a GPT has none"
    assert absent[Role.W_NU] == "none in the GPT-2 layout"
    assert open_checkpoint(layouts["nvidia_ngpt"]).absent[Role.GAIN_A].startswith("none in the")


def without(family: str, names: Callable[[str], bool], at: Path) -> Path:
    """Write a family's file without some of its tensors."""
    folder = FAMILIES[family].write(at).path
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not names(name)}
    assert len(kept) < len(tensors)
    save_file(kept, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("family", "lost", "said"),
    [
        ("moe-qwen", "layers.1.mlp.experts.1.up_proj", "layers.1.mlp.experts.1.up_proj.weight"),
        ("moe-mixtral", "layers.0.block_sparse_moe.experts.2.", "experts.2.up_proj.weight"),
        ("moe-stacked", "layers.1.mlp.experts.down_proj", "layers.1.mlp.experts.down_proj"),
        ("moe-qwen", "layers.0.mlp.gate_proj", "layers.0.mlp.gate_proj.weight"),
        ("megatron-gated-hybrid", "layers.2.self_attention.sqk", "layers.2.self_attention.sqk"),
        ("megatron-gated-hybrid", "layers.0.mlp.linear_fc2", "layers.0.mlp.linear_fc2.weight"),
        ("megatron-gated-hybrid", "self_attention", "self_attention.linear_qkv.weight"),
        ("bailing", "layers.1.mlp.experts.0.down_proj", "experts.0.down_proj.weight"),
    ],
)
def test_half_a_block_is_missed(family: str, lost: str, said: str, tmp_path: Path) -> None:
    folder = without(family, lambda name: lost in name, tmp_path)
    with pytest.raises(UnknownArchitecture, match=f"misses .*{re.escape(said)}"):
        open_checkpoint(folder, architecture=FAMILIES[family].architecture)


def test_a_mamba_layer_at_the_end_counts(tmp_path: Path) -> None:
    model = open_checkpoint(FAMILIES["megatron-gated-hybrid"].write(tmp_path).path)
    assert model.shape.n_layers == 4
    assert {weight.layer for weight in model} == {None, 0, 2}


def test_two_tensors_for_one_role_are_a_conflict(tmp_path: Path) -> None:
    folder = FAMILIES["gpt_neox"].write(tmp_path).path
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["embed_out.weight"].clone()
    save_file(tensors, folder / "x.safetensors")
    assert re.search(r"both .* would be E_output", why_unknown(folder / "x.safetensors", heads=4))


def test_interleaved_heads_cannot_be_cut_without_their_number(tmp_path: Path) -> None:
    folder = FAMILIES["gpt_neox"].write(tmp_path).path
    (folder / "config.json").unlink()
    assert "nothing says how many: give --heads N" in why_unknown(folder)
    assert open_checkpoint(folder, heads=4).shape.d_k == 4


def test_only_the_config_tells_gemma_from_llama(tmp_path: Path) -> None:
    folder = FAMILIES["gemma"].write(tmp_path).path
    assert open_checkpoint(folder).architecture == "gemma"
    with pytest.raises(UnknownArchitecture, match=r"config.model_type is gemma, another layout"):
        open_checkpoint(folder, architecture="llama")
    (folder / "config.json").write_text('{"num_attention_heads": 4}')
    assert open_checkpoint(folder).architecture == "llama"
    assert open_checkpoint(folder, architecture="gemma").get(Role.GAIN_A, 0).offset == 1


def test_without_any_config_the_other_reading_is_said(tmp_path: Path) -> None:
    """A Gemma alone is read as a Llama, whose gains are as stored: the reader is told."""
    folder = FAMILIES["gemma"].write(tmp_path).path
    (folder / "config.json").unlink()
    alone = open_checkpoint(folder, heads=4)
    assert alone.architecture == "llama"
    (offset,) = alone.constants
    assert (offset.name, offset.value, offset.assumed) == ("gain_offset", 0, True)
    assert any("were model_type gemma or paligemma" in note for note in alone.notes)
    given = open_checkpoint(folder, heads=4, constants={"gain_offset": 1})
    wanted = open_checkpoint(folder, heads=4, architecture="gemma").get(Role.GAIN_M, 1).values()
    assert torch.equal(given.get(Role.GAIN_M, 1).values(), wanted)


def test_without_any_config_another_order_of_rows_is_said(tmp_path: Path) -> None:
    folder = FAMILIES["bigcode-4"].write(tmp_path).path
    mixture = open_checkpoint(folder)
    (folder / "config.json").unlink()
    plain = open_checkpoint(folder, heads=4)
    assert plain.architecture == "nanogpt"
    assert any("model_type gpt_bigcode" in note for note in plain.notes)
    named = open_checkpoint(folder, heads=4, architecture="gpt_bigcode")
    assert [w.source for w in named] == [w.source for w in mixture]


def test_one_key_for_all_heads_needs_the_config_or_the_name(tmp_path: Path) -> None:
    folder = FAMILIES["bigcode-1"].write(tmp_path).path
    (folder / "config.json").unlink()
    message = why_unknown(folder, heads=4)
    assert "needs model_type gpt_bigcode, and the config says nothing (--architecture" in message
    assert open_checkpoint(folder, heads=4, architecture="gpt_bigcode").shape.n_kv_heads == 1


@pytest.mark.parametrize(
    "said",
    [{"embedding_init_method": "normal"}, {"mlp_blocks": [{"use_interleaved_weights": True}]}],
)
def test_releases_whose_gates_alternate_are_refused(said: dict, tmp_path: Path) -> None:
    folder = FAMILIES["dolomite"].write(tmp_path).path
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | said))
    with pytest.raises(UnknownArchitecture, match="another layout"):
        open_checkpoint(folder, architecture="dolomite_ngpt")


E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def test_gates_and_us_that_alternate_in_four_bits(tmp_path: Path) -> None:
    """The public files of gpt-oss: decoded here by hand, then rows 0, 2, 4, ... and 1, 3, 5, ..."""
    folder = FAMILIES["gpt_oss"].write(tmp_path).path
    rng = np.random.default_rng(2)
    tensors = {
        # Groups of 32 need a width that they divide: 16 becomes 32.
        name: torch.cat([tensor, tensor], -1) if tensor.shape[-1] == 16 else tensor
        for name, tensor in load_file(folder / "model.safetensors").items()
        if "experts." not in name
    }
    stacks = {}
    for i in range(2):
        tensors[f"model.layers.{i}.self_attn.o_proj.weight"] = torch.randn(32, 16)
        for name, rows, width in (("gate_up_proj", 128, 32), ("down_proj", 32, 64)):
            full = f"model.layers.{i}.mlp.experts.{name}"
            codes = rng.integers(0, 256, (3, rows, width // 32, 16), dtype=np.uint8)
            scales = rng.integers(120, 124, (3, rows, width // 32), dtype=np.uint8)
            nibbles = np.stack([codes & 15, codes >> 4], -1).reshape(3, rows, -1, 32)
            signed = np.where(nibbles & 8, -1, 1) * E2M1[nibbles & 7]
            powers = 2.0 ** (scales.astype(int) - 127)[..., None]
            stacks[full] = (signed * powers).reshape(3, rows, width)
            tensors[f"{full}_blocks"] = torch.tensor(codes)
            tensors[f"{full}_scales"] = torch.tensor(scales)
    save_file(tensors, folder / "model.safetensors")
    model = open_checkpoint(folder)
    assert (model.architecture, model.unrecognised) == ("gpt_oss", ())
    fused = stacks["model.layers.1.mlp.experts.gate_up_proj"][2]
    for role, wanted in ((Role.W_NU, fused[0::2]), (Role.W_U, fused[1::2])):
        found = model.get(role, 1, 2).values().double().numpy()
        np.testing.assert_array_equal(found, wanted)
        table = ni.measure(model, "condition_numbers", roles=(role,), layers=(1,))
        mine = (table["expert"] == 2) & (table["measure"] == "condition_number")
        (kappa,) = table["value"][mine]
        assert kappa == pytest.approx(np.linalg.cond(wanted), rel=1e-9)
    outputs = stacks["model.layers.0.mlp.experts.down_proj"]
    np.testing.assert_array_equal(model.get(Role.W_O_MLP, 0, 1).values().numpy(), outputs[1])


def test_a_square_stack_is_told_by_the_stack_beside_it(tmp_path: Path) -> None:
    """With d = 2 f the fused stack is square; the other one says which way they are kept."""
    generator = torch.Generator().manual_seed(4)
    for turned in (False, True):
        folder = FAMILIES["moe-stacked"].write(tmp_path / str(turned)).path
        tensors = load_file(folder / "model.safetensors")
        for i in range(2):
            experts = f"model.layers.{i}.mlp.experts."
            tensors[experts + "gate_up_proj"] = torch.randn(3, 16, 16, generator=generator)
            shape = (3, 8, 16) if turned else (3, 16, 8)
            tensors[experts + "down_proj"] = torch.randn(shape, generator=generator)
        save_file(tensors, folder / "model.safetensors")
        model = open_checkpoint(folder)
        fused = tensors["model.layers.1.mlp.experts.gate_up_proj"][2]
        gate = (fused.T if turned else fused)[:8]
        assert torch.equal(model.get(Role.W_NU, 1, 2).values(), gate)


def test_scales_outside_the_weights_are_said(tmp_path: Path) -> None:
    folder = FAMILIES["llama"].write(tmp_path).path
    config = json.loads((folder / "config.json").read_text()) | {"embedding_multiplier": 12.0}
    (folder / "config.json").write_text(json.dumps(config))
    (note,) = open_checkpoint(folder).notes
    assert "input embeddings by config.embedding_multiplier = 12; they are given as stored" in note


def test_a_stack_is_not_believed_beyond_its_bytes(tmp_path: Path) -> None:
    """An axis of a billion experts costs a file nothing when another axis is zero."""
    folder = FAMILIES["moe-stacked"].write(tmp_path).path
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.mlp.experts.down_proj"] = torch.zeros(10**9, 0, 16)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(UnknownArchitecture, match="misses"):
        open_checkpoint(folder, architecture="llama_moe")


class TestHeads:
    """How many heads there are, and how wide: config, shapes, the user, or nobody knows."""

    def shape(self, path: Path, **settings: object) -> tuple[int | None, ...]:
        found = open_checkpoint(path, **settings).shape
        return found.n_heads, found.n_kv_heads, found.d_k

    def test_heads_narrower_than_d_over_n(self, tmp_path: Path) -> None:
        """4 heads of 2 in a model of width 16: config.json says head_dim."""
        folder = write_llama(tiny_gpt(d_k=2), tmp_path / "narrow")
        assert json.loads((folder / "config.json").read_text())["head_dim"] == 2
        assert self.shape(folder) == (4, 4, 2)

    def test_heads_wider_than_d_over_n_from_shapes_alone(self, tmp_path: Path) -> None:
        wide = tiny_gpt(n_heads=2, n_kv_heads=1, d_k=6)
        folder = write_llama(wide, tmp_path / "wide", config={"num_attention_heads": 2})
        assert self.shape(folder) == (2, 1, 6)

    @pytest.mark.parametrize(
        "config",
        [
            {"num_attention_heads": 4, "num_key_value_heads": 2},
            {"num_attention_heads": 4},
            {"num_key_value_heads": 2},
            {"head_dim": 4},
            {"text_config": {"num_attention_heads": 4}},
        ],
    )
    def test_grouped_queries(self, config: dict[str, object], tmp_path: Path) -> None:
        folder = write_llama(tiny_gpt(n_kv_heads=2), tmp_path / "gqa", config=config)
        assert self.shape(folder) == (4, 2, 4)

    def test_given_by_the_user(self, tmp_path: Path) -> None:
        folder = write_llama(tiny_gpt(n_kv_heads=2), tmp_path / "m", config={})
        assert self.shape(folder) == (None, None, None)
        assert self.shape(folder, heads=4) == (4, 2, 4)
        bare = write_gpt2(tiny_gpt(), tmp_path / "g", config=False)
        assert self.shape(bare) == (None, None, None)
        assert self.shape(bare, heads=8) == (8, 8, 2)

    def test_the_user_goes_before_the_config(self, layouts: dict[str, Path]) -> None:
        assert self.shape(layouts["gpt2"], heads=2) == (2, 2, 8)

    @pytest.mark.parametrize("layout", ["gpt2", "nanogpt", "reference_gpt", "nvidia_ngpt"])
    def test_a_number_that_does_not_divide_the_width(
        self, layout: str, layouts: dict[str, Path]
    ) -> None:
        with pytest.raises(UnknownArchitecture, match="3 heads do not divide d_model 16"):
            open_checkpoint(layouts[layout], heads=3)
