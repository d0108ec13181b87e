"""Traces that contradict themselves are refused in one line that says how."""

import pytest
import torch
from safetensors.torch import save_file
from trace_files import described, tensors, write

from ngpt_inspect.errors import UnreadableFile
from ngpt_inspect.traces import is_trace, read_trace


def without(key):
    about = described()
    del about[key]
    return about


def changed(name, change):
    values = tensors()
    values[name] = change(values[name].clone())
    return values


def attended(**given):
    """The tensors of a trace with something of attention."""
    return tensors() | given


def put(value, *at):
    def change(x):
        x[at] = value
        return x

    return change


METADATA = {
    "no JSON object": ("[]", "is no trace"),
    "another version": (described(format_version=3), "format version 3, and this reads 1 to 2"),
    "a version that is none": (described(format_version=True), "format version True"),
    "no version": (without("format_version"), "format version None"),
    "another family": (described(family="BERT"), "'family' in its metadata is not GPT or nGPT"),
    "a family that is a list": (described(family=["GPT"]), "'family' in its metadata"),
    "no label": (without("checkpoint"), "lacks 'checkpoint'"),
    "an empty label": (described(checkpoint=" "), "'checkpoint' in its metadata is not a short"),
    "a label in lines": (described(checkpoint="a\nb"), "'checkpoint' in its metadata"),
    "a step of half": (described(step=0.5), "'step' in its metadata"),
    "a huge step": (described(step=2**63), "'step' in its metadata"),
    "a config that is none": (described(config=[]), "'config' in its metadata is not a JSON"),
    "tokens that are ids": (described(tokens=[1, 2, 3]), "'tokens' in its metadata is not a list"),
    "too few tokens": (described(tokens=["a", "b"]), "names 2 tokens for states of 3"),
    "too many tokens": (described(tokens=["a"] * 5), "names 5 tokens for states of 3"),
    "a token more than ids": (described(tokens=["a"] * 4), r"token_ids has shape \[3\], not \[4\]"),
    "words for ids": (described(predictions={"one": "a"}), "'predictions' in its metadata"),
    "negative ids": (described(predictions={"-1": "a"}), "'predictions' in its metadata"),
    "predictions that are none": (described(predictions={"1": 2}), "'predictions' in its"),
}

TENSORS = {
    "missing": (
        {name: x for name, x in tensors().items() if name != "states"},
        "lacks the tensor 'states'",
    ),
    "unknown": (tensors() | {"more": torch.zeros(1)}, "has an unknown tensor 'more'"),
    "ids as floats": (changed("top_ids", torch.Tensor.float), "top_ids is stored as F32"),
    "states as ints": (changed("states", torch.Tensor.int), "states is stored as I32"),
    "axes": (changed("states", lambda x: x[0]), "states has 2 axes, not 3"),
    "an even number of states": (changed("states", lambda x: x[:4]), "4 states, not 2 n_layers"),
    "one state": (changed("states", lambda x: x[:1]), "1 states, not 2 n_layers"),
    "no token": (changed("states", lambda x: x[:, :0]), "holds no token"),
    "no coordinate": (changed("states", lambda x: x[..., :0]), "holds no token, no coordinate"),
    "no prediction": (changed("top_ids", lambda x: x[..., :0]), "or no prediction"),
    "suggestions": (
        changed("suggestions", lambda x: x[:3]),
        r"suggestions has shape \[3, 3, 8\], not \[4, 3, 8\] \(S, T, D\)",
    ),
    "another width": (changed("next_embeddings", lambda x: x[:, :4]), "next_embeddings has shape"),
    "predictions": (changed("top_probabilities", lambda x: x[..., :2]), "top_probabilities has"),
    "probabilities": (changed("next_probabilities", lambda x: x[:, :1]), "next_probabilities has"),
    "NaN": (changed("states", put(torch.nan, 1, 1, 1)), "states has a value that is NaN"),
    "infinite": (changed("next_embeddings", put(torch.inf, 1, 1)), "next_embeddings has a value"),
    "a negative id": (changed("token_ids", put(-1, 0)), "token_ids has a negative id"),
    "no probability": (changed("next_probabilities", put(1.5, 0, 0)), "outside 0 to 1"),
    "negative": (changed("top_probabilities", put(-0.1, 0, 0, 2)), "outside 0 to 1"),
    "too probable": (changed("top_probabilities", put(0.9, 0, 0, 0)), "add up to more than 1"),
    "an entropy": (attended(attention_entropy=-torch.ones(2, 4, 3)), "has a negative value"),
    "a weight": (attended(attention_to_first=2 * torch.ones(2, 4, 3)), "outside 0 to 1"),
    "layers": (
        attended(attention_entropy=torch.ones(3, 4, 3)),
        r"attention_entropy has shape \[3, 4, 3\], not \[2, 4, 3\] \(L, H, T\)",
    ),
    "no heads": (attended(attention_entropy=torch.ones(2, 0, 3)), "attention_entropy has shape"),
    "disorder": (changed("top_probabilities", put(0.26, 0, 0, 2)), "begin with the largest"),
}


def refused(path, message):
    with pytest.raises(UnreadableFile, match=message) as caught:
        read_trace(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert caught.value.next_step


@pytest.mark.parametrize(("about", "message"), METADATA.values(), ids=METADATA)
def test_metadata(tmp_path, about, message):
    refused(write(tmp_path / "t.safetensors", about=about), message)


@pytest.mark.parametrize(("values", "message"), TENSORS.values(), ids=TENSORS)
def test_tensors(tmp_path, values, message):
    refused(write(tmp_path / "t.safetensors", values, described()), message)


def test_too_many_states(tmp_path, monkeypatch):
    monkeypatch.setattr("ngpt_inspect.traces._reading.MOST_STATES", 14)
    refused(write(tmp_path / "t.safetensors"), "has 15 states, more than 14")


def test_what_is_a_trace(tmp_path):
    assert is_trace(write(tmp_path / "t.safetensors"))
    save_file({"x": torch.zeros(2)}, tmp_path / "weights.safetensors")
    assert not is_trace(tmp_path / "weights.safetensors")
    assert not is_trace(tmp_path / "missing.safetensors")
    assert not is_trace(tmp_path)
    refused(tmp_path / "weights.safetensors", "is no trace")
