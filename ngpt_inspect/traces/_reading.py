"""Reads a trace and believes nothing of it that it does not bear out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import InspectError, UnreadableFile
from ngpt_inspect.formats import read_contents
from ngpt_inspect.formats.safetensors_file import read_file
from ngpt_inspect.later.torch import torch
from ngpt_inspect.stored import FLOATS, Contents
from ngpt_inspect.traces._described import Description, described

KEY = "trace"
"""Key of the metadata that makes a safetensors file a trace."""
SUFFIX = ".safetensors"
INTEGERS = ("I64", "I32", "I16", "U8", "I8")
SHAPES = {
    "token_ids": ("N",),
    "states": ("S + 1", "T", "D"),
    "suggestions": ("S", "T", "D"),
    "next_embeddings": ("N - 1", "D"),
    "top_ids": ("S + 1", "T", "K"),
    "top_probabilities": ("S + 1", "T", "K"),
    "next_probabilities": ("S + 1", "N - 1"),
}
OF_HEADS = {"attention_entropy": ("L", "H", "T"), "attention_to_first": ("L", "H", "T")}
"""What a trace may leave out: not every writer sees the weights of attention."""
WHOLE = ("token_ids", "top_ids")
PROBABILITIES = ("top_probabilities", "next_probabilities", "attention_to_first")
MOST_STATES = 2_000_000
"""States of all tokens: rows of a table that still fits a memory."""
SLACK = 1e-2
"""How far probabilities may leave [0, 1] or add up to more: they may be stored in 8 bits."""
NEXT_STEP = "docs/traces.md says how a trace is written"


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The path of one prompt through one model; every tensor checked, none NaN.

    Shapes: S = 2 n_layers blocks, T tokens, D = d_model, K predictions; N is T, or T + 1 where
    the token that follows the prompt is known.
    """

    source: str
    fingerprint: str
    about: Description
    token_ids: torch.Tensor
    """(N,) int64."""
    states: torch.Tensor
    """(S + 1, T, D): the hidden state at first and after each block."""
    suggestions: torch.Tensor
    """(S, T, D): what each block pulls the state towards."""
    next_embeddings: torch.Tensor
    """(N - 1, D): output embedding of the token that follows each."""
    top_ids: torch.Tensor
    """(S + 1, T, K) int64, most probable first."""
    top_probabilities: torch.Tensor
    next_probabilities: torch.Tensor
    """(S + 1, N - 1)."""
    attention_entropy: torch.Tensor | None = None
    """(n_layers, H, T), nats: of the weights of each query; at most log of its keys."""
    attention_to_first: torch.Tensor | None = None
    """(n_layers, H, T): the weight that each query gives the first token."""


def is_trace(source: object) -> bool:
    """Tell whether a source is a trace file; what cannot be read is none."""
    if not isinstance(source, str | PathLike) or Path(source).suffix.lower() != SUFFIX:
        return False
    try:
        _, config = read_file(Path(source))
    except (InspectError, OSError):
        return False
    return KEY in config


def read_trace(source: str | PathLike[str]) -> Trace:
    """Read a trace and check all of it: names, dtypes, sizes, values, and what it says of itself.

    Raises
    ------
    UnreadableFile
        It is missing, damaged, no trace, or contradicts itself.
    """
    contents = read_contents(Path(source))
    refuse = _refusing(contents.source)
    if KEY not in contents.config:
        raise refuse(
            f"is no trace: its metadata has no {KEY!r}",
            "write one: ngpt-inspect trace MODEL --prompt TEXT, or python -m reference_model.trace",
        )
    about = described(contents.config[KEY], refuse)
    _check_header(contents, len(about.tokens), refuse)
    tensors = {name: tensor.read() for name, tensor in contents.tensors.items()}
    _check_values(tensors, refuse)
    return Trace(
        source=contents.source, fingerprint=contents.fingerprint, about=about, **_typed(tensors)
    )


Refuse = Callable[..., UnreadableFile]


def _refusing(where: str) -> Refuse:
    return lambda what, next_step=NEXT_STEP: UnreadableFile(what, where=where, next_step=next_step)


def _check_header(contents: Contents, n_tokens: int, refuse: Refuse) -> None:
    """Refuse tensors that are missing, unknown, or of the wrong dtype or shape."""
    missing = [name for name in SHAPES if name not in contents.tensors]
    there = SHAPES | {name: axes for name, axes in OF_HEADS.items() if name in contents.tensors}
    unknown = [name for name in contents.tensors if name not in there]
    for what, which in (("lacks the tensor", missing), ("has an unknown tensor", unknown)):
        if which:
            raise refuse(f"{what} {which[0]!r}")
    for name, axes in there.items():
        tensor = contents.tensors[name]
        if tensor.dtype not in (INTEGERS if name in WHOLE else FLOATS):
            kind = "integers" if name in WHOLE else "floating-point numbers"
            raise refuse(f"{name} is stored as {tensor.dtype}, not as {kind}")
        if len(tensor.shape) != len(axes):
            raise refuse(f"{name} has {len(tensor.shape)} axes, not {len(axes)}")
    n_states, n_positions, d_model = contents.tensors["states"].shape
    if n_states < 3 or n_states % 2 == 0:
        raise refuse(f"states has {n_states} states, not 2 n_layers + 1")
    if n_positions < 1 or d_model < 1 or contents.tensors["top_ids"].shape[2] < 1:
        raise refuse("holds no token, no coordinate or no prediction")
    if n_states * n_positions > MOST_STATES:
        raise refuse(f"has {n_states * n_positions:,} states, more than {MOST_STATES:,}")
    if n_tokens not in (n_positions, n_positions + 1):
        raise refuse(
            f"names {n_tokens} tokens for states of {n_positions}: "
            "it must name as many, or one more that follows"
        )
    sizes = {"S": n_states - 1, "S + 1": n_states, "T": n_positions, "D": d_model}
    sizes |= {"N": n_tokens, "N - 1": n_tokens - 1, "K": contents.tensors["top_ids"].shape[2]}
    for heads in (contents.tensors[name].shape[1] for name in OF_HEADS if name in there):
        sizes |= {"L": (n_states - 1) // 2, "H": max(1, heads)}
    for name, axes in there.items():
        shape, wanted = contents.tensors[name].shape, tuple(sizes[axis] for axis in axes)
        if shape != wanted:
            says = ", ".join(axes)
            raise refuse(f"{name} has shape {list(shape)}, not {list(wanted)} ({says})")


def _check_values(tensors: dict[str, torch.Tensor], refuse: Refuse) -> None:
    """Refuse values that are not finite, no probabilities, or no ids."""
    for name, tensor in tensors.items():
        if name in WHOLE:
            if bool((tensor < 0).any()):
                raise refuse(f"{name} has a negative id")
        elif not bool(tensor.float().isfinite().all()):
            raise refuse(f"{name} has a value that is NaN or infinite")
    for name in (name for name in PROBABILITIES if name in tensors):
        values = tensors[name].float()
        if bool((values < -SLACK).any()) or bool((values > 1 + SLACK).any()):
            raise refuse(f"{name} has a value outside 0 to 1")
    if "attention_entropy" in tensors and bool((tensors["attention_entropy"] < -SLACK).any()):
        raise refuse("attention_entropy has a negative value")
    top = tensors["top_probabilities"].float()
    if bool((top.sum(-1) > 1 + SLACK).any()):
        raise refuse("top_probabilities of one state add up to more than 1")
    if bool((top.diff(dim=-1) > 0).any()):
        raise refuse("top_probabilities do not begin with the largest")


def _typed(tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    wanted = {name: torch.int64 if name in WHOLE else torch.float64 for name in tensors}
    big = ("states", "suggestions", "next_embeddings")  # become float64 piece by piece, when used
    return {
        name: tensor if name in big else tensor.to(wanted[name]) for name, tensor in tensors.items()
    }
