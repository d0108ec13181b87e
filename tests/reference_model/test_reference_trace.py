"""The trace of a prompt against the equations, the model's own answer, and what it refuses."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from small_runs import make_config, make_train_config, shake

from reference_model.checkpoint import load_model, save_checkpoint
from reference_model.data.tokens import ByteTokenizer
from reference_model.errors import UsageError
from reference_model.model import build_model
from reference_model.trace import main, trace, write_trace

TOKENS = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])
PROMPT = "héllo"
FAMILIES = ["gpt", "ngpt"]


def small_model(architecture, **changes):
    return shake(build_model(make_config(architecture, **changes)))


@pytest.fixture
def run(tmp_path):
    """A function that writes the folder of a run with a tokenizer of bytes."""

    def write(architecture, **changes):
        model = small_model(architecture, vocab_size=256, **changes)
        folder = tmp_path / architecture
        save_checkpoint(folder, model, make_train_config(), step=7, tokens=0)
        (folder / "tokenizer.json").write_text(ByteTokenizer().to_json())
        return folder

    return write


def norm(x):
    return x / x.norm(dim=-1, keepdim=True)


@torch.no_grad()
def steps(model):
    """Yield h before each block, the block's suggestion and h after it, by Eqs. 4, 5, 10, 11."""
    tables, h = model.rotary(len(TOKENS)), model.E_input.weight[TOKENS][None]
    for layer in model.layers:
        for block, gain, alpha in (
            (lambda x, layer=layer: layer.attention(x, tables), "norm_A", "alpha_A"),
            (layer.mlp, "norm_M", "alpha_M"),
        ):
            if model.architecture == "gpt":
                suggestion = block(getattr(layer, gain)(h))
                after = h + suggestion
            else:
                suggestion = norm(block(h))
                rate = getattr(layer, alpha) * layer.scaling.init / layer.scaling.scale
                after = norm(h + rate.abs() * (suggestion - h))
            yield h[0], suggestion[0], after[0]
            h = after


@pytest.mark.parametrize("architecture", FAMILIES)
def test_states_and_suggestions_follow_the_equations(architecture):
    model = small_model(architecture)
    found = trace(model, TOKENS)
    wanted = list(steps(model))
    assert found["states"].shape == (len(wanted) + 1, len(TOKENS), 16)
    for k, (before, suggestion, after) in enumerate(wanted):
        torch.testing.assert_close(found["states"][k], before)
        torch.testing.assert_close(found["suggestions"][k], suggestion)
        torch.testing.assert_close(found["states"][k + 1], after)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_the_last_state_predicts_what_the_model_does(architecture):
    model = small_model(architecture)
    found = trace(model, TOKENS)
    with torch.no_grad():
        probabilities = model(TOKENS[None])[0].softmax(-1)
    expected, ids = probabilities.sort(descending=True)
    torch.testing.assert_close(found["top_probabilities"][-1], expected[:, :5])
    assert torch.equal(found["top_ids"][-1], ids[:, :5])
    follows = probabilities[range(len(TOKENS) - 1), TOKENS[1:]]
    torch.testing.assert_close(found["next_probabilities"][-1], follows)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_next_embeddings_order_the_logits_of_a_direction(architecture):
    model = (
        small_model(architecture, s_z_granularity="fixed")
        if architecture == "ngpt"
        else (small_model(architecture))
    )
    found = trace(model, TOKENS)
    state = found["states"][-1][0]
    with torch.no_grad():
        logits = model.head(state)[TOKENS[1:]]
    dots = found["next_embeddings"] @ state
    torch.testing.assert_close(logits / logits.norm(), dots / dots.norm())


def test_tracing_leaves_the_model_as_it_was():
    model = small_model("ngpt")
    trace(model, TOKENS)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("architecture", FAMILIES)
def test_the_file_explains_itself(run, tmp_path, architecture):
    folder = run(architecture)
    path = write_trace(folder, PROMPT, tmp_path / "trace.safetensors")
    tensors = load_file(path)
    assert tensors["token_ids"].tolist() == list(PROMPT.encode())
    model = load_model(folder / "step-000007.safetensors")
    for name, values in trace(model, tensors["token_ids"]).items():
        assert torch.equal(tensors[name], values)
    with safe_open(path, framework="pt") as file:
        told = json.loads(file.metadata()["trace"])
    assert told["family"] == {"gpt": "GPT", "ngpt": "nGPT"}[architecture]
    assert (told["checkpoint"], told["step"]) == (architecture, 7)
    assert told["tokens"] == ["h", "<0xC3>", "<0xA9>", "l", "l", "o"]
    assert set(told["predictions"]) == {str(i) for i in tensors["top_ids"].unique().tolist()}
    assert told["config"]["d_model"] == 16


def test_one_token_has_no_next(run, tmp_path):
    tensors = load_file(write_trace(run("ngpt"), "a", tmp_path / "trace.safetensors"))
    assert tensors["next_embeddings"].shape == (0, 16)
    assert tensors["next_probabilities"].shape == (5, 0)


def test_command_line(run, tmp_path, capsys):
    out = tmp_path / "t.safetensors"
    folder = run("gpt")
    assert main([str(folder / "step-000007.safetensors"), "--prompt", "abc", "-o", str(out)]) == 0
    assert load_file(out)["token_ids"].tolist() == [97, 98, 99]
    assert main([str(folder), "--prompt", "", "-o", str(out)]) == 2
    assert "the prompt is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("prompt", "spoil", "message"),
    [
        ("", None, "the prompt is empty"),
        ("\0", None, "the prompt is empty"),
        ("a" * 13, None, "13 tokens, the model's context 12"),
        ("a", lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer"),
        ("a", lambda folder: (folder / "tokenizer.json").write_text("{"), "not a tokenizer"),
        ("a", lambda folder: (folder / "tokenizer.json").write_text("[]"), "not a tokenizer"),
        (
            "a",
            lambda folder: (folder / "step-000007.safetensors").write_bytes(b"no"),
            "cannot be read as safetensors",
        ),
        ("a", lambda folder: (folder / "step-000007.safetensors").unlink(), "holds no step"),
    ],
)
def test_refusals(run, tmp_path, prompt, spoil, message):
    folder = run("ngpt")
    if spoil:
        spoil(folder)
    out = tmp_path / "trace.safetensors"
    with pytest.raises(UsageError, match=message):
        write_trace(folder, prompt, out)
    assert not out.exists()


def test_a_tokenizer_of_another_model_is_refused(run, tmp_path):
    folder = run("gpt")
    model = small_model("gpt", vocab_size=100)
    save_checkpoint(folder, model, make_train_config(), step=8, tokens=0)
    with pytest.raises(UsageError, match="256 entries, the model 100"):
        write_trace(folder, "a", tmp_path / "trace.safetensors")


@pytest.mark.parametrize("architecture", FAMILIES)
def test_few_logits_at_once_give_the_same(architecture, monkeypatch):
    model = small_model(architecture)
    whole = trace(model, TOKENS)
    monkeypatch.setattr("reference_model.trace.LOGITS", 3 * 23)
    for name, values in trace(model, TOKENS).items():
        torch.testing.assert_close(values, whole[name])


@pytest.mark.parametrize("architecture", FAMILIES)
def test_attention_is_that_of_the_equations(architecture):
    """Weights by einsum from the layer's own matrices, in float64 (Eqs. 12, 13, 15, 16)."""
    model = small_model(architecture).double()
    found = trace(model, TOKENS)
    config = model.config
    n, d_k = len(TOKENS), config.d_k
    inputs = [before for before, _, _ in steps(model)][::2]
    angles = torch.arange(n)[:, None] * 10_000.0 ** (-torch.arange(d_k // 2).double() * 2 / d_k)
    turns = torch.polar(torch.ones_like(angles), angles)
    for number, (layer, h) in enumerate(zip(model.layers, inputs, strict=True)):
        x = h if architecture == "ngpt" else layer.norm_A(h)
        q, k = (
            (x @ getattr(layer.attention, name).weight.T).view(n, -1, d_k).transpose(0, 1)
            for name in ("W_q", "W_k")
        )
        turned = []
        for each in (q, k):
            pairs = torch.complex(each[..., : d_k // 2], each[..., d_k // 2 :]) * turns
            turned.append(torch.cat((pairs.real, pairs.imag), -1))
        scale = d_k**-0.5
        if architecture == "ngpt":
            s_qk = layer.attention.scaling.effective(layer.attention.s_qk).unsqueeze(1)
            turned, scale = [norm(each) * s_qk for each in turned], d_k**0.5
        logits = scale * torch.einsum("htk,hsk->hts", *turned)
        weights = logits.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf).softmax(-1)
        torch.testing.assert_close(found["attention_to_first"][number], weights[..., 0])
        entropy = -(weights * weights.clamp(min=1e-300).log()).sum(-1)
        torch.testing.assert_close(found["attention_entropy"][number], entropy)
