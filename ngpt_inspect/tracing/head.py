"""The head of a model, put on any state: its final norm, its output embeddings, its logits.

Shapes: n states, D = d_model, V = size of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ngpt_inspect.later.torch import torch
from ngpt_inspect.tracing.stream import refused

FACTORS = {"logit_scale": 1, "logits_scaling": -1}
"""Names of a config for what multiplies (1) or divides (-1) all logits."""
CAPS = ("final_logit_softcapping", "logits_soft_cap")
CLOSE = 1e-3
"""Of the largest logit: how far the head may be from what the model itself gave."""


@dataclass(frozen=True)
class Head:
    """What makes logits of a final hidden state."""

    norm: torch.nn.Module | None
    output: Any
    factor: float
    cap: float | None

    def __call__(self, states_nD: torch.Tensor) -> torch.Tensor:
        """Return the logits of states, shape (n, V)."""
        dtype = next(self.output.parameters()).dtype
        x = states_nD.to(dtype)
        logits: torch.Tensor = self.output(x if self.norm is None else self.norm(x)).float()
        logits = logits * self.factor
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)

    def readers(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return what the direction of a state is multiplied with for the logits of tokens (n, D).

        The gain g of the final norm belongs to them: E_output (g * x) = (E_output * g) x. It is
        read off the norm itself, as half the difference of what it makes of v and of -v, for a v
        of ones and minus ones.
        """
        rows: torch.Tensor = self.output.weight[tokens].float()
        return rows if self.norm is None else rows * _gain(self.norm, rows)


def _gain(norm: torch.nn.Module, like: torch.Tensor) -> torch.Tensor:
    width = like.shape[-1]
    v = 1.0 - 2.0 * (torch.arange(width, device=like.device) % 2)
    dtype = next((each.dtype for each in norm.parameters()), torch.float32)
    plus, minus = (norm(sign * v.to(dtype)[None]).float() for sign in (1, -1))
    gain: torch.Tensor = (plus - minus)[0] / 2 * v
    return gain


def head_of(model: Any, final: torch.Tensor, logits: torch.Tensor) -> Head:
    """Return the head of a model that made these logits [T, V] of these final states [T, D].

    Raises
    ------
    UnreadableFile
        What it does could not be told: with a norm or without, the logits come out otherwise.
    """
    output = model.get_output_embeddings()
    if output is None:
        raise refused(model, "has no output embeddings")
    config = model.config.get_text_config()
    factor = 1.0
    for name, power in FACTORS.items():
        factor *= float(getattr(config, name, None) or 1.0) ** power
    cap = next((float(getattr(config, name)) for name in CAPS if getattr(config, name, None)), None)
    for norm in [*_norms(model), None]:
        head = Head(norm, output, factor, cap)
        try:
            made = head(final)
        except RuntimeError:  # of another width
            continue
        if bool((made - logits).abs().max() <= CLOSE * logits.abs().max()):
            return head
    raise refused(model, "what its head does to the final state could not be told")


def _norms(model: Any) -> list[torch.nn.Module]:
    """Return the norms outside the layers, the last first."""
    in_lists = {
        id(module)
        for each in model.modules()
        if isinstance(each, torch.nn.ModuleList)
        for module in each.modules()
    }
    return [
        module
        for name, module in reversed(list(model.named_modules()))
        if id(module) not in in_lists
        and not list(module.children())
        and "norm" in f"{name} {type(module).__name__}".lower()
    ]
