"""Flags of the training command: one for every field of the settings, told in the help."""

import argparse
import dataclasses
from typing import Literal, get_args

import pytest
from small_runs import SHAPE

from reference_model.checkpoint import checkpoint_path, read_header
from reference_model.config import GPTConfig, NGPTConfig, Role, TrainConfig
from reference_model.model import build_model
from reference_model.settings import Settings
from reference_model.train import GROUPS, _parser, main
from reference_model.training.options import add_options, given

FIELDS = {
    field.name: field
    for cls in (GPTConfig, NGPTConfig, TrainConfig)
    for field in dataclasses.fields(cls)
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Newer(Settings):
    """What is new.

    More of it.
    """

    colour: Literal["red", "blue"] = "blue"
    """Of the whole."""
    sizes: tuple[int, ...] = ()
    """Of its parts."""
    loud: bool = True
    depth: float = 0.25
    """100 % of it,
    told on two lines."""


def train(out, text, *arguments):
    small = [*("--batch-size", "2", "--validation-sequences", "2"), "--tokenizer", "bytes"]
    small += ["--precision", "float32", "--data", str(text), "--out", str(out)]
    small += [f"--{k.replace('_', '-')}={v}" for k, v in SHAPE.items() if k != "vocab_size"]
    return main([*small, "--steps", "3", *arguments])


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_a_flag_with_help(name):
    flag = "--" + name.replace("_", "-")
    (action,) = [a for a in _parser()._actions if flag in a.option_strings]
    assert action.default is None, "a flag not given must leave the preset's value"
    assert len(action.help) > 20


def test_help_groups_are_the_classes_and_it_opens_with_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert shown.index("\n  python -m reference_model.train --model gpt") < shown.index("options:")
    titles = [cls.__doc__.split("\n")[0].rstrip(".") + ":" for cls in GROUPS]
    places = [shown.index(title) for title in titles]
    assert places == sorted(places)


def test_every_role_of_a_flag_is_a_matrix_of_both_models():
    for cls in (GPTConfig, NGPTConfig):
        names = [name for name, _ in build_model(cls(**SHAPE)).named_parameters()]
        matrices = {name.split(".")[-2] for name in names if name.endswith(".weight")}
        assert matrices == set(get_args(Role))


def test_settings_of_the_command_line_reach_the_files(tmp_path, text):
    flags = ["--weight-decay", "0.3", "--no-decay", "W_q", "W_k", "--eps", "1e-5"]
    flags += ["--beta2", "0.99", "--gradient-clip", "0.5", "--init-std", "0.1"]
    assert train(tmp_path / "gpt", text, "--model", "gpt", *flags) == 0
    header = read_header(checkpoint_path(tmp_path / "gpt", 3))
    training = TrainConfig.from_dict(header.training)
    assert (training.weight_decay, training.no_decay) == (0.3, ("W_q", "W_k"))
    assert (training.eps, training.beta2, training.gradient_clip) == (1e-5, 0.99, 0.5)
    assert header.config["init_std"] == 0.1
    flags = ["--alpha-init", "0.3", "--s-z-scale", "0.5", "--no-qk-norm"]
    assert train(tmp_path / "ngpt", text, "--model", "ngpt", *flags) == 0
    config = read_header(checkpoint_path(tmp_path / "ngpt", 3)).model_config()
    assert (config.alpha_init, config.s_z_scale, config.qk_norm) == (0.3, 0.5, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "gpt", "--alpha-init", "1"), "--alpha-init: a setting of --model ngpt, not"),
        (("--model", "ngpt", "--init-std", "1"), "--init-std: a setting of --model gpt, not of ng"),
        (("--model", "gpt", "--n-heads", "3"), "d_model=16 with n_heads=3: "),
        (("--model", "gpt", "--eps", "0"), "eps=0.0: must be a finite number above 0"),
    ],
)
def test_wrong_settings_are_told_before_the_text_is_read(
    tmp_path, capsys, monkeypatch, arguments, message
):
    monkeypatch.setattr("reference_model.train._load_data", lambda _: pytest.fail("too late"))
    assert train(tmp_path / "run", tmp_path / "text.txt", *arguments) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_a_new_field_is_a_new_flag():
    parser = argparse.ArgumentParser()
    add_options(parser, Newer)
    arguments = ["--colour", "red", "--sizes", "2", "3", "--no-loud", "--depth", "0.5"]
    found = given(parser.parse_args(arguments), Newer)
    assert found == {"colour": "red", "sizes": [2, 3], "loud": False, "depth": 0.5}
    assert given(parser.parse_args([]), Newer) == {}
    shown = parser.format_help()
    assert "What is new:" in shown
    assert "100 % of it, told on two lines [0.25]" in " ".join(shown.split())
