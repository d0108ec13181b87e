"""What a model is and how it is trained: frozen dataclasses that check themselves.

Source: arXiv 2410.01131 (Loshchilov et al., nGPT), Tables 2 and 3, section 2.6 and appendix A.5.
"""

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from reference_model.errors import UsageError
from reference_model.settings import Settings, require_choice, require_int, require_positive

Architecture = Literal["gpt", "ngpt"]
FAMILY = {"gpt": "GPT", "ngpt": "nGPT"}
Granularity = Literal["element", "scalar", "fixed"]
Interpolation = Literal["lerp", "slerp"]
Precision = Literal["auto", "float32", "bfloat16"]
Optimizer = Literal["adamw", "muon"]
Role = Literal["E_input", "E_output", "W_q", "W_k", "W_v", "W_o", "W_u", "W_nu", "W_oMLP"]
"""The matrices of a model, as the paper names them."""

INVERSE_SQRT_D: Any = None
"""Default of a scale: replaced by the number 1/sqrt(d_model) when the config is made."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Settings):
    """The shape that GPT and nGPT share (Table 2)."""

    vocab_size: int
    """V, rows of E_input and of E_output; entries of the BPE."""
    n_layers: int
    """L, each one attention block and one MLP block."""
    n_heads: int
    """Attention heads; each has d_k = d_model / n_heads coordinates."""
    d_model: int
    """d, the embedding dimension."""
    d_mlp: int
    """Width of the MLP; the paper takes 4 d_model."""
    context_length: int
    """Tokens in one training sequence."""
    rope_base: float = 10000.0
    """Base of the rotary angles (A.5)."""

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "n_layers", "n_heads", "d_model", "d_mlp", "context_length")
        require_int(self, 1, *sizes)
        if self.d_model % self.n_heads or (self.d_model // self.n_heads) % 2:
            raise UsageError(
                f"d_model={self.d_model} with n_heads={self.n_heads}: each head needs an even "
                "number of coordinates (rotary pairs them); make d_model a multiple of 2 n_heads"
            )
        require_positive(self, "rope_base")

    @property
    def d_k(self) -> int:
        """Coordinates per head."""
        return self.d_model // self.n_heads


@dataclass(frozen=True, kw_only=True)
class GPTConfig(ModelConfig):
    """Constants of GPT, the baseline: pre-norm, RMSNorm with learned gains (Table 1, left)."""

    init_std: float = 0.02
    """Standard deviation of every matrix at initialisation (A.5)."""
    norm_eps: float = 1e-6
    """Added to the mean square inside RMSNorm, as in the authors' code."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "init_std", "norm_eps")


@dataclass(frozen=True, kw_only=True)
class NGPTConfig(ModelConfig):
    """Constants of nGPT, the normalized transformer (section 2.6).

    Each learned vector is stored near `scale` and used as stored * init / scale (section 2.5).
    """

    alpha_init: float = 0.05
    """Eigen learning rates at the start, 'of order 1/n_layers'."""
    alpha_scale: float = INVERSE_SQRT_D
    """What alpha is stored near; with Adam, alpha_init / alpha_scale multiplies its rate."""
    s_qk_init: float = 1.0
    """Scaling of normalised queries and keys, Eqs. 15 and 16."""
    s_qk_scale: float = INVERSE_SQRT_D
    """What s_qk is stored near."""
    s_u_init: float = 1.0
    """Scaling of u, Eq. 20."""
    s_u_scale: float = 1.0
    """What s_u is stored near."""
    s_nu_init: float = 1.0
    """Scaling of nu, Eq. 21 (the factor sqrt(d_model) comes on top)."""
    s_nu_scale: float = 1.0
    """What s_nu is stored near."""
    s_z_init: float = 1.0
    """Scaling of the logits, Eq. 3."""
    s_z_scale: float = INVERSE_SQRT_D
    """What s_z is stored near."""
    alpha_granularity: Granularity = "element"
    """Table 5: one number per coordinate, one learned scalar, or fixed at its init."""
    s_qk_granularity: Granularity = "element"
    """The same of s_qk."""
    s_mlp_granularity: Granularity = "element"
    """Of s_u and s_nu together, as in Table 5."""
    s_z_granularity: Granularity = "element"
    """The same of s_z."""
    interpolation: Interpolation = "lerp"
    """Walk towards the block's output along the chord (Eq. 7) or the great circle (Eq. 6)."""
    qk_norm: bool = True
    """Normalise queries and keys (Eqs. 15, 16); Table 6 drops it and keeps s_qk and sqrt(d_k)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "s_qk", "s_u", "s_nu", "s_z"):
            if getattr(self, f"{name}_scale") is None:
                object.__setattr__(self, f"{name}_scale", 1 / math.sqrt(self.d_model))
            require_positive(self, f"{name}_init", f"{name}_scale")
        for name in ("alpha", "s_qk", "s_mlp", "s_z"):
            require_choice(self, f"{name}_granularity", get_args(Granularity))
        require_choice(self, "interpolation", get_args(Interpolation))


@dataclass(frozen=True, kw_only=True)
class UpdateConfig(Settings):
    """How a gradient becomes a step (Table 3, A.5)."""

    learning_rate: float
    """Peak of the schedule: linear warm-up, then a cosine to zero."""
    warmup_steps: int = 0
    """Steps of linear warm-up; the paper has 2000 for GPT and none for nGPT."""
    optimizer: Optimizer = "adamw"
    """AdamW for everything, or Muon for the matrices of the layers and AdamW for the rest."""
    hyperball: bool = False
    """Keep the Frobenius norm of each matrix of the layers, and of its step relative to it: the
    learning rate is then that relative size, and those matrices do not decay (arXiv 2606.16899)."""
    weight_decay: float = 0.0
    """On matrices only; the paper has 0.1 for GPT and none for nGPT."""
    no_decay: tuple[Role, ...] = ()
    """Matrices that do not decay: some of E_input, E_output, W_q, W_k, W_v, W_o, W_u, W_nu,
    W_oMLP."""
    beta1: float = 0.9
    """AdamW's decay of the mean of gradients."""
    beta2: float = 0.95
    """AdamW's decay of the mean of their squares."""
    eps: float = 1e-8
    """AdamW's term beside the root of that mean."""
    momentum: float = 0.95
    """Muon's decay of the mean of gradients (Nesterov)."""
    gradient_clip: float = 1.0
    """Largest global gradient norm."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "no_decay", tuple(self.no_decay))  # a list when read from JSON
        require_int(self, 0, "warmup_steps")
        require_positive(self, "learning_rate", "eps", "gradient_clip")
        for name in ("beta1", "beta2", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise UsageError(f"{name}={getattr(self, name)}: must be in [0, 1)")
        if not 0 <= self.weight_decay < math.inf:
            raise UsageError(f"weight_decay={self.weight_decay}: must be zero or more")
        require_choice(self, "optimizer", get_args(Optimizer))
        require_choice(self, "no_decay", get_args(Role))


@dataclass(frozen=True, kw_only=True)
class CadenceConfig(Settings):
    """When files are written; no number in them depends on it, so a resumed run may change it."""

    checkpoint_every: int = 0
    """Keep the weights every so many steps; 0 for only those of --checkpoint-steps and the last."""
    checkpoint_steps: tuple[int, ...] = ()
    """Further steps whose weights are kept; step 0 is the initialisation."""
    resume_every: int = 50
    """Steps between writes of the resume file."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "checkpoint_steps", tuple(self.checkpoint_steps))
        require_int(self, 1, "resume_every")
        require_int(self, 0, "checkpoint_every")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(CadenceConfig, UpdateConfig):
    """Length, batches and validation of one run."""

    steps: int
    """Optimiser steps; the cosine reaches zero after the last one."""
    batch_size: int
    """Sequences per step over all ranks."""
    micro_batch_size: int = 0
    """Sequences per forward pass on one rank; 0 takes the rank's whole share at once."""
    seed: int = 0
    """Of initialisation and of the order of data."""
    precision: Precision = "auto"
    """Of matrix products; auto is bfloat16 where the hardware multiplies it, else float32."""
    validation_every: int = 25
    """Steps between validation losses; the last step always has one."""
    validation_sequences: int = 128
    """Held-out sequences per validation loss, evenly spaced and always the same."""

    def __post_init__(self) -> None:
        UpdateConfig.__post_init__(self)
        CadenceConfig.__post_init__(self)
        counts = ("steps", "batch_size", "validation_every", "validation_sequences")
        require_int(self, 1, *counts)
        require_int(self, 0, "micro_batch_size", "seed")
        require_choice(self, "precision", get_args(Precision))
        if self.warmup_steps >= self.steps:
            msg = f"warmup_steps={self.warmup_steps}: must be fewer than the {self.steps} steps"
            raise UsageError(msg)
        if any(not 0 <= step <= self.steps for step in self.checkpoint_steps):
            raise UsageError(
                f"checkpoint_steps={list(self.checkpoint_steps)}: each must be between 0 and "
                f"the {self.steps} steps of the run"
            )

    def keeps(self, step: int) -> bool:
        """Whether the weights after `step` steps are kept for inspection."""
        regular = self.checkpoint_every > 0 and step > 0 and step % self.checkpoint_every == 0
        return regular or step == self.steps or step in self.checkpoint_steps


CADENCE = tuple(field.name for field in fields(CadenceConfig))
"""Settings that are free to differ when a run is resumed."""
