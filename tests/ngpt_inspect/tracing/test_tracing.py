"""Traces of Hugging Face models against the models' own answers and their layers called by hand."""

import sys

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import ngpt_inspect as ni
from ngpt_inspect.cli.commands import app
from ngpt_inspect.errors import InspectError
from ngpt_inspect.traces import read_trace

IDS = [3, 5, 9, 12, 7]
CAUSAL = {"vocab_size": 16, "max_position_embeddings": 32}
WIDE = CAUSAL | {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
GROUPED = WIDE | {"num_key_value_heads": 2, "head_dim": 8}
MODELS = {
    "llama": GROUPED,
    "qwen3": GROUPED,
    "gemma2": GROUPED,  # norms after blocks, capped logits
    "olmo2": GROUPED,  # norms after blocks alone
    "granite": GROUPED | {"residual_multiplier": 0.3, "logits_scaling": 4.0},
    "gpt_neox": WIDE,  # blocks in parallel
    "falcon": CAUSAL | {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
    "gpt2": CAUSAL | {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 32},
    "bloom": {"vocab_size": 16, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "opt": WIDE | {"ffn_dim": 48, "word_embed_proj_dim": 32},
}
PARALLEL = ("gpt_neox", "falcon")


def made(name):
    """A random model of a family, with every parameter off its start."""
    transformers = pytest.importorskip("transformers", reason="the extra transformers")
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(name, **MODELS[name])
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


class Words:
    """A tokenizer of numbers."""

    def __call__(self, text):
        return {"input_ids": [int(word) for word in text.split()]}

    def decode(self, ids):
        return f"<{ids[0]}>"

    def __len__(self):
        return 16


def traced(model, path):
    prompt = " ".join(map(str, IDS))
    return read_trace(ni.trace_model(model, prompt, path / "trace.safetensors", tokenizer=Words()))


@pytest.mark.parametrize("name", MODELS)
def test_states_predictions_and_attention_are_the_models_own(tmp_path, name):
    model = made(name)
    found = traced(model, tmp_path)
    with torch.no_grad():
        given = model(torch.tensor([IDS]), output_hidden_states=True, output_attentions=True)
    for layer, states in enumerate(given.hidden_states[:-1]):
        torch.testing.assert_close(found.states[2 * layer], states[0])
    torch.testing.assert_close(found.suggestions, found.states.diff(dim=0))
    probabilities = given.logits[0].double().softmax(-1)
    np.testing.assert_allclose(found.top_probabilities[-1], probabilities.topk(5).values, rtol=1e-4)
    expected = probabilities[range(4), IDS[1:]]
    np.testing.assert_allclose(found.next_probabilities[-1], expected, rtol=1e-4)
    weights = torch.stack(given.attentions)[:, 0].double()
    np.testing.assert_allclose(found.attention_to_first, weights[..., 0], atol=1e-6)
    entropy = torch.special.entr(weights).sum(-1)
    np.testing.assert_allclose(found.attention_entropy, entropy, atol=1e-5)
    assert found.about.parallel == (name in PARALLEL)


@pytest.mark.parametrize("name", ["llama", "gpt_neox", "gemma2"])
def test_the_state_between_is_what_the_layer_has_there(tmp_path, name):
    model = made(name)
    layer = {"gpt_neox": lambda: model.gpt_neox}.get(name, lambda: model.model)().layers[1]
    heard = {}
    of = {"llama": ("self_attn", "mlp"), "gpt_neox": ("attention", "mlp")}.get(
        name, ("post_attention_layernorm", "post_feedforward_layernorm")
    )
    for block in of:
        getattr(layer, block).register_forward_hook(
            lambda _, __, out, block=block: heard.update(
                {block: (out[0] if isinstance(out, tuple) else out).detach()}
            )
        )
    found = traced(model, tmp_path)
    for at, block in enumerate(of):
        torch.testing.assert_close(found.suggestions[2 + at], heard[block][0], atol=1e-5, rtol=1e-4)


def test_the_reader_of_a_token_makes_its_logit(tmp_path):
    """The dot product of the normed direction and the reader is the logit, up to its scale."""
    model = made("llama")
    found = traced(model, tmp_path)
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0]
    final = found.states[-1].double()
    unit = final / final.square().mean(-1, keepdim=True).sqrt()
    made_of = (unit[:-1] * found.next_embeddings.double()).sum(-1)
    np.testing.assert_allclose(made_of, logits[range(4), IDS[1:]], rtol=1e-4, atol=1e-5)


def test_a_model_in_training_is_looked_at_without_dropout_and_goes_on_training(tmp_path):
    model = made("gpt2")
    resting = traced(model, tmp_path)
    model.train()
    model.transformer.h[1].mlp.eval()  # as somebody may have frozen it
    found = traced(model, tmp_path)
    torch.testing.assert_close(found.states, resting.states, rtol=0, atol=0)
    assert model.training
    assert not model.transformer.h[1].mlp.training


def test_without_eager_attention_the_rest_is_there(tmp_path):
    model = made("llama")
    model.set_attn_implementation("sdpa")
    found = traced(model, tmp_path)
    assert found.attention_entropy is None
    assert len(ni.path(tmp_path / "trace.safetensors"))


def test_a_path_is_drawn_of_it(tmp_path):
    traced(made("gpt2"), tmp_path)
    table = ni.path(tmp_path / "trace.safetensors")
    assert set(table["row"]) == {"state", "next", "mean", "head"}
    assert len(ni.figure("path_angles", table=table).data)


def test_a_model_with_one_block_a_layer_is_refused(tmp_path):
    transformers = pytest.importorskip("transformers", reason="the extra transformers")
    config = transformers.AutoConfig.for_model(
        "mamba", vocab_size=16, hidden_size=32, num_hidden_layers=2, state_size=4
    )
    model = transformers.AutoModelForCausalLM.from_config(config)
    with pytest.raises(InspectError, match=r"MambaForCausalLM: .*could not be told"):
        traced(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_prompts_that_do_not_fit_are_refused(tmp_path):
    for prompt, message in (
        ("", "prompt is empty"),
        ("1 " * 40, "40 tokens, the model's context 32"),
    ):
        with pytest.raises(InspectError, match=message):
            ni.trace_model(made("llama"), prompt, tmp_path / "t", tokenizer=Words())


def test_what_is_no_model_is_one_line(tmp_path):
    pytest.importorskip("transformers", reason="the extra transformers")
    done = CliRunner().invoke(app, ["trace", str(tmp_path), "--prompt", "x"])
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "transformers cannot open it" in done.stderr


def test_without_transformers_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    done = CliRunner().invoke(app, ["trace", str(tmp_path), "--prompt", "x"])
    assert done.exit_code == 2
    assert "pip install 'ngpt-inspect[transformers]'" in done.stderr
