"""Configs check themselves."""

import dataclasses

import pytest
from small_runs import SHAPE, make_config, make_train_config

from reference_model.config import NGPTConfig
from reference_model.errors import UsageError
from reference_model.presets import PRESETS, model_config, train_config
from reference_model.schedule import decay_exposure


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layers": 0}, "n_layers=0: must be a whole number of at least 1"),
        ({"n_heads": 3}, "d_model=16 with n_heads=3: .* make d_model a multiple of 2 n_heads"),
        ({"n_heads": 16}, "d_model=16 with n_heads=16: "),
        ({"rope_base": -1.0}, "rope_base=-1.0: must be a finite number above 0"),
        ({"alpha_init": 0.0}, "alpha_init=0.0: must be a finite number above 0"),
        ({"s_z_scale": float("inf")}, "s_z_scale=inf"),
        ({"interpolation": "nlerp"}, "interpolation='nlerp': choose one of lerp, slerp"),
        ({"s_qk_granularity": "head"}, "choose one of element, scalar, fixed"),
    ],
)
def test_wrong_model_configs(changes, message):
    with pytest.raises(UsageError, match=message):
        make_config("ngpt", **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps=0"),
        ({"beta2": 1.0}, r"beta2=1\.0: must be in \[0, 1\)"),
        ({"warmup_steps": 12}, "warmup_steps=12: must be fewer than the 12 steps"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1: must be zero or more"),
        ({"precision": "half"}, "precision='half': choose one of auto, float32, bfloat16"),
        ({"checkpoint_steps": (13,)}, r"checkpoint_steps=\[13\]"),
        ({"eps": 0.0}, r"eps=0\.0: must be a finite number above 0"),
        ({"optimizer": "sgd"}, "optimizer='sgd': choose one of adamw, muon"),
        ({"no_decay": ("W_q", "W_x")}, "no_decay='W_x': choose one of E_input, .*W_oMLP"),
        ({"momentum": 1.0}, r"momentum=1\.0: must be in \[0, 1\)"),
    ],
)
def test_wrong_train_configs(changes, message):
    with pytest.raises(UsageError, match=message):
        make_train_config(**changes)


def test_config_survives_a_round_trip_and_names_strangers():
    config = make_config("ngpt", alpha_init=0.2)
    assert NGPTConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UsageError, match=r"fields colour are unknown; .* newer version"):
        NGPTConfig.from_dict(config.to_dict() | {"colour": 1})
    with pytest.raises(UsageError, match="fields d_model, n_heads are missing"):
        NGPTConfig.from_dict({k: v for k, v in SHAPE.items() if k not in ("d_model", "n_heads")})
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.d_model = 3


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_compare_like_with_like(preset):
    gpt, ngpt = model_config("gpt", preset), model_config("ngpt", preset)
    assert {name: getattr(gpt, name) for name in SHAPE} == {
        name: getattr(ngpt, name) for name in SHAPE
    }
    gpt, ngpt = train_config("gpt", preset), train_config("ngpt", preset)
    own = {"learning_rate": 1.0, "warmup_steps": 0, "weight_decay": 0.0}
    assert dataclasses.replace(gpt, **own) == dataclasses.replace(ngpt, **own)
    # these make up for their short runs: the exposure of the paper's decay over its steps
    assert gpt.weight_decay == {"contrast": 1.0, "demo": 0.7}.get(preset, 0.1)
    assert (ngpt.weight_decay, ngpt.warmup_steps) == (0.0, 0)
    assert gpt.warmup_steps > 0


@pytest.mark.parametrize("preset", ["contrast", "demo"])
def test_the_contrast_has_the_decay_exposure_of_the_papers_runs(preset):
    paper = [0.1 * rate * 100_000 / 2 for rate in (1e-3, 3e-3)]  # a cosine has half its peak
    assert paper[0] <= decay_exposure(train_config("gpt", preset)) <= paper[1]


def test_unknown_preset_lists_the_known_ones():
    with pytest.raises(UsageError, match=r"choose one of contrast, demo, tiny, small, 0\.5B, 1B"):
        model_config("gpt", "huge")
