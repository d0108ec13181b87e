"""Names, shapes, counts, initialisation and the unit-norm invariant of the weights."""

import math

import pytest
import torch
from small_runs import make_config, make_data, make_train_config

from reference_model.config import NGPTConfig
from reference_model.model import build_model
from reference_model.presets import PRESETS, model_config
from reference_model.training.ranks import Ranks
from reference_model.training.trainer import Trainer

UNIT_AXIS = {"W_o": 0, "W_oMLP": 0}  # all others: rows

V, D, H, K, M = 23, 16, 2, 8, 40
SHARED = {
    "E_input.weight": (V, D),
    "E_output.weight": (V, D),
    **{
        f"layers.{i}.{name}.weight": shape
        for i in range(2)
        for name, shape in {
            "attention.W_q": (D, D),
            "attention.W_k": (D, D),
            "attention.W_v": (D, D),
            "attention.W_o": (D, D),
            "mlp.W_u": (M, D),
            "mlp.W_nu": (M, D),
            "mlp.W_oMLP": (D, M),
        }.items()
    },
}
GPT_ONLY = {
    "norm_final.gain": (D,),
    **{f"layers.{i}.norm_{block}.gain": (D,) for i in range(2) for block in "AM"},
}
NGPT_ONLY = {
    "s_z": (V,),
    **{
        f"layers.{i}.{name}": shape
        for i in range(2)
        for name, shape in {
            "attention.s_qk": (H, K),
            "mlp.s_u": (M,),
            "mlp.s_nu": (M,),
            "alpha_A": (D,),
            "alpha_M": (D,),
        }.items()
    },
}


@pytest.mark.parametrize(("architecture", "own"), [("gpt", GPT_ONLY), ("ngpt", NGPT_ONLY)])
def test_tensor_names_and_shapes(architecture, own):
    state = build_model(make_config(architecture)).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == SHARED | own


@pytest.mark.parametrize("granularity", ["scalar", "fixed"])
def test_scalar_and_fixed_scalings_are_stored_with_one_number(granularity):
    names = ("alpha", "s_qk", "s_mlp", "s_z")
    config = make_config("ngpt", **{f"{name}_granularity": granularity for name in names})
    model = build_model(config)
    state = model.state_dict()
    assert {name for name in state if tuple(state[name].shape) == (1,)} == set(NGPT_ONLY)
    trained = {name for name, _ in model.named_parameters()}
    assert trained == set(SHARED) | (set(NGPT_ONLY) if granularity == "scalar" else set())


@pytest.mark.parametrize(
    ("architecture", "preset", "count"),
    [
        ("gpt", "0.5B", 468_239_360),
        ("ngpt", "0.5B", 468_491_520),
        ("gpt", "1B", 1_025_731_840),
        ("ngpt", "1B", 1_026_177_280),
    ],
)
def test_parameter_counts_of_table_2(architecture, preset, count):
    with torch.device("meta"):
        model = build_model(model_config(architecture, preset))
    assert sum(parameter.numel() for parameter in model.parameters()) == count


@pytest.mark.parametrize("preset", ["0.5B", "1B"])
def test_paper_presets_have_the_paper_constants(preset):
    config = model_config("ngpt", preset)
    assert isinstance(config, NGPTConfig)
    root = 1 / math.sqrt(PRESETS[preset].shape["d_model"])
    assert (config.alpha_init, config.alpha_scale) == (0.05, root)
    assert (config.s_qk_init, config.s_qk_scale) == (1.0, root)
    assert (config.s_z_init, config.s_z_scale) == (1.0, root)
    assert (config.s_u_init, config.s_u_scale) == (1.0, 1.0)
    assert (config.s_nu_init, config.s_nu_scale) == (1.0, 1.0)
    assert (config.interpolation, config.qk_norm) == ("lerp", True)


def test_gpt_is_initialised_as_in_a5():
    config = make_config("gpt", vocab_size=500, d_model=64, d_mlp=256, n_layers=8)
    state = build_model(config).state_dict()
    for name, tensor in state.items():
        if name.endswith("gain"):
            assert (tensor == 1).all()
        else:
            is_output = name.endswith(("W_o.weight", "W_oMLP.weight"))
            expected = 0.02 / math.sqrt(16) if is_output else 0.02
            assert tensor.std().item() == pytest.approx(expected, rel=0.1), name


def test_ngpt_scalings_start_at_their_scale():
    config = make_config("ngpt", alpha_scale=0.3)
    state = build_model(config).state_dict()
    assert (state["layers.0.alpha_A"] == torch.tensor(0.3)).all()
    assert (state["s_z"] == torch.tensor(1 / 4)).all()
    assert (state["layers.1.mlp.s_u"] == 1).all()


def assert_unit_norms(state):
    checked = 0
    for name, tensor in state.items():
        if name.endswith(".weight"):
            axis = UNIT_AXIS.get(name.split(".")[-2], 1)
            norms = tensor.double().norm(dim=axis)
            torch.testing.assert_close(norms, torch.ones_like(norms), rtol=0, atol=1e-6)
            checked += 1
    assert checked == len(SHARED)


def test_every_ngpt_matrix_is_unit_norm_at_the_start_and_after_steps():
    model_settings = make_config("ngpt")
    trainer = Trainer(
        model_settings, make_train_config(), make_data(), Ranks(0, 1, torch.device("cpu"))
    )
    assert_unit_norms(trainer.model.state_dict())
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    for _ in range(5):
        trainer.take_step()
    after = trainer.model.state_dict()
    assert_unit_norms(after)
    assert all((after[name] != before[name]).any() for name in after)
