"""Traces with known answers: paths on great circles, written as docs/traces.md says."""

import json
import math

import torch
from safetensors.torch import save_file

TURNS = [0.0, 10.0, 25.0, 27.0, 60.0]
"""Degrees from the first axis of each state of a token, on its great circle."""
SUGGESTED = [40.0, 50.0, 28.0, 90.0]
NEXT = 75.0
TEXTS = ["The", " way", " on"]
VOCAB = 11


def on_circle(degrees, token, size=8):
    """Vectors in the plane of axes 2 token and 2 token + 1: different tokens are orthogonal."""
    t = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    out = torch.zeros(*t.shape, size, dtype=torch.float64)
    out[..., 2 * token], out[..., 2 * token + 1] = t.cos(), t.sin()
    return out


def tensors(n_tokens=3, n_known=None):
    """The tensors of a trace of two layers; the next token is known of the first `n_known`."""
    n_known = n_tokens - 1 if n_known is None else n_known
    states = torch.stack([on_circle(TURNS, t) for t in range(n_tokens)], 1)
    suggestions = torch.stack([on_circle(SUGGESTED, t) for t in range(n_tokens)], 1)
    following = torch.stack([on_circle(NEXT, t) for t in range(n_tokens)])[:n_known]
    top = torch.tensor([0.5, 0.25, 0.125]).expand(5, n_tokens, 3).clone()
    top[:, :, 0] += torch.arange(5)[:, None] / 100
    return {
        "token_ids": torch.arange(n_known + 1) + 3,
        "states": states.float(),
        "suggestions": suggestions.float(),
        "next_embeddings": following.float(),
        "top_ids": torch.arange(5 * n_tokens * 3).reshape(5, n_tokens, 3) % VOCAB,
        "top_probabilities": top,
        "next_probabilities": torch.linspace(0.1, 0.2, 5)[:, None].expand(5, n_known).clone(),
    }


def described(n=3, **changes):
    return {
        "format_version": 1,
        "family": "nGPT",
        "checkpoint": "ngpt",
        "step": 7,
        "config": {"n_layers": 2},
        "tokens": [*TEXTS, " x"][:n],
        "predictions": {str(i): f"word{i}" for i in range(VOCAB) if i != 4},
        "writer": "a test",
    } | changes


def write(path, values=None, about=None):
    """Write a trace; returns its path."""
    values = tensors() if values is None else values
    about = described(len(values["token_ids"])) if about is None else about
    path.parent.mkdir(parents=True, exist_ok=True)
    text = about if isinstance(about, str) else json.dumps(about)
    save_file({k: v.contiguous() for k, v in values.items()}, path, {"trace": text})
    return path


def write_gpt(path, factor=3.0):
    """Write the same path as of a GPT: states of other lengths, the same directions."""
    values = tensors()
    lengths = torch.linspace(1, factor, 5)[:, None, None]
    values["states"] = values["states"] * lengths
    values["suggestions"] = values["suggestions"] * math.pi
    return write(path, values, described(family="GPT", checkpoint="gpt"))
