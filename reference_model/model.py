"""GPT and nGPT, each readable from top to bottom; the parts they share are in `layers`.

References
----------
.. [1] Loshchilov, Hsieh, Sun, Ginsburg: nGPT, Normalized Transformer with Representation Learning
   on the Hypersphere, arXiv 2410.01131. Table 1 sets the two side by side; section 2.6 lists the
   seven changes from GPT to nGPT; appendix A.5 gives the initialisation.

Shapes: B sequences, T positions, D = d_model, V = vocab_size.
"""

import math
from collections.abc import Iterator
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_model.attention import Attention, NormalizedAttention
from reference_model.config import Architecture, GPTConfig, ModelConfig, NGPTConfig
from reference_model.errors import UsageError
from reference_model.layers import MLP, NormalizedMLP, RMSNorm, Scaling
from reference_model.rotary import Rotary
from reference_model.sphere import TINY, lerp_step, slerp_step

Tables = tuple[Tensor, Tensor]


class GPTLayer(nn.Module):
    """h <- h + ATTN(RMSNorm(h)); h <- h + MLP(RMSNorm(h)) (Eqs. 4, 5)."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.norm_A = RMSNorm(config.d_model, config.norm_eps)
        self.attention = Attention(config)
        self.norm_M = RMSNorm(config.d_model, config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, h: Tensor, tables: Tables) -> Tensor:  # noqa: D102
        h = h + self.attention(self.norm_A(h), tables)  # B T D
        return h + self.mlp(self.norm_M(h))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """The baseline transformer: pre-norm, RoPE, SwiGLU, no biases, untied embeddings.

    Parameters
    ----------
    config : GPTConfig

    Notes
    -----
    Tokens are integers of shape [B, T]. Without targets the call returns logits [B, T, V]
    (Eq. 1); with targets [B, T] it returns the mean cross-entropy in nats per token (Eq. 2).
    """

    architecture: ClassVar[Architecture] = "gpt"

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.E_input = nn.Embedding(config.vocab_size, config.d_model)
        self.rotary = Rotary(config)
        self.layers = nn.ModuleList(GPTLayer(config) for _ in range(config.n_layers))
        self.norm_final = RMSNorm(config.d_model, config.norm_eps)
        self.E_output = nn.Linear(config.d_model, config.vocab_size, bias=False)
        initialize_matrices(self, config, config.init_std)

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:  # noqa: D102
        tables = self.rotary(tokens.shape[1])
        h = self.E_input(tokens)  # B T D
        for layer in self.layers:
            h = layer(h, tables)
        logits = self.head(h)  # B T V
        return logits if targets is None else cross_entropy(logits, targets)

    def head(self, h: Tensor) -> Tensor:
        """E_output RMSNorm(h) (Eq. 1), the logits of hidden states [..., D]: [..., V]."""
        return cast(Tensor, self.E_output(self.norm_final(h)))


class NGPTLayer(nn.Module):
    """h <- Norm(h + |alpha| (Norm(block(h)) - h)): attention, then MLP (Eqs. 10, 11)."""

    alpha_A: Tensor
    alpha_M: Tensor

    def __init__(self, config: NGPTConfig) -> None:
        super().__init__()
        self.attention = NormalizedAttention(config)
        self.mlp = NormalizedMLP(config)
        self.scaling = Scaling(config.alpha_init, config.alpha_scale, config.alpha_granularity)
        self.scaling.register(self, "alpha_A", config.d_model)
        self.scaling.register(self, "alpha_M", config.d_model)
        self.step = {"lerp": lerp_step, "slerp": slerp_step}[config.interpolation]

    def forward(self, h: Tensor, tables: Tables) -> Tensor:  # noqa: D102
        # |.|: the sign of alpha and that of an output row cancel (A.2), so only the size counts
        alpha_A = self.scaling.effective(self.alpha_A).abs()  # D
        alpha_M = self.scaling.effective(self.alpha_M).abs()  # D
        h = self.step(h, self.attention(h, tables), alpha_A)  # B T D
        return self.step(h, self.mlp(h), alpha_M)


class NGPT(nn.Module):
    """The normalized transformer: every vector it handles lies on the unit hypersphere.

    Parameters
    ----------
    config : NGPTConfig

    Notes
    -----
    Called like `GPT`. After every optimiser step the trainer must call `normalize_matrices`
    (section 2.6, step 2); the constructor has called it once.
    """

    architecture: ClassVar[Architecture] = "ngpt"
    s_z: Tensor

    def __init__(self, config: NGPTConfig) -> None:
        super().__init__()
        self.config = config
        self.E_input = nn.Embedding(config.vocab_size, config.d_model)
        self.rotary = Rotary(config)
        self.layers = nn.ModuleList(NGPTLayer(config) for _ in range(config.n_layers))
        self.E_output = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.scaling = Scaling(config.s_z_init, config.s_z_scale, config.s_z_granularity)
        self.scaling.register(self, "s_z", config.vocab_size)
        initialize_matrices(self, config, config.d_model**-0.5)
        self.normalize_matrices()

    def forward(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:  # noqa: D102
        tables = self.rotary(tokens.shape[1])
        h = self.E_input(tokens)  # B T D, unit vectors because the rows of E_input are
        for layer in self.layers:
            h = layer(h, tables)
        logits = self.head(h)  # B T V
        return logits if targets is None else cross_entropy(logits, targets)

    def head(self, h: Tensor) -> Tensor:
        """E_output h s_z (Eqs. 1, 3), the logits of hidden states [..., D]: [..., V]."""
        # a logit's scaling is that of a row of E_output, which is far smaller
        s_z = self.scaling.effective(self.s_z)
        return F.linear(h, self.E_output.weight * s_z[:, None])

    def matrices(self) -> Iterator[tuple[Tensor, int]]:
        """Every matrix with the axis that is its embedding dimension (section 2.6, step 2)."""
        yield self.E_input.weight, 1
        yield self.E_output.weight, 1
        for layer in self.layers:
            attention, mlp = cast(NGPTLayer, layer).attention, cast(NGPTLayer, layer).mlp
            for reader in (attention.W_q, attention.W_k, attention.W_v, mlp.W_u, mlp.W_nu):
                yield reader.weight, 1  # rows are compared with h
            for writer in (attention.W_o, mlp.W_oMLP):
                yield writer.weight, 0  # columns are added to h

    @torch.no_grad()
    def normalize_matrices(self) -> None:
        """Put every matrix back on the sphere: unit vectors along its embedding dimension."""
        for matrix, dim in self.matrices():
            if dim == 1:
                norm = torch.linalg.vector_norm(matrix, dim=1, keepdim=True)
            else:  # on a CPU vector_norm takes ten times as long along columns
                norm = matrix.square().sum(0, keepdim=True).sqrt()
            # not clamp_min_: of a sharded column that norm is a sum still to be made
            matrix.div_(norm.clamp_min(TINY))


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(logits)[target] over all positions, in nats (Eq. 2)."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@torch.no_grad()
def initialize_matrices(model: nn.Module, config: ModelConfig, std: float) -> None:
    """Draw every matrix from N(0, std^2); W_o and W_oMLP get std / sqrt(2 n_layers).

    Source: appendix A.5 (the GPT-2 scheme). For nGPT only the directions survive.
    """
    for name, parameter in model.named_parameters():
        if name.endswith(".weight"):
            is_output = name.endswith(("W_o.weight", "W_oMLP.weight"))
            parameter.normal_(0.0, std / math.sqrt(2 * config.n_layers) if is_output else std)


def build_model(config: ModelConfig) -> GPT | NGPT:
    """Make the model that a config describes."""
    if isinstance(config, NGPTConfig):
        return NGPT(config)
    if isinstance(config, GPTConfig):
        return GPT(config)
    message = f"no model is described by a {type(config).__name__}; use GPTConfig or NGPTConfig"
    raise TypeError(message)


def config_class(architecture: str) -> type[Any]:
    """GPTConfig for 'gpt', NGPTConfig for 'ngpt'.

    Raises
    ------
    UsageError
        If it is neither.
    """
    classes = {"gpt": GPTConfig, "ngpt": NGPTConfig}
    if architecture not in classes:
        msg = f"architecture={architecture!r}: choose one of {', '.join(classes)}"
        raise UsageError(msg)
    return classes[architecture]
