"""A training step the plain way, in the shape of nanoGPT's train.py: what `GPT` is compared with.

The same architecture and sizes as `reference_model.model.GPT` (RMSNorm, RoPE, SwiGLU, no biases,
untied embeddings), written with torch's own layers and nothing measured or tuned. As in nanoGPT,
q, k and v come from one matrix, windows are drawn at random from a memory map opened anew for each
batch, AdamW decays tensors of two axes and is fused on CUDA only, and float32 is used on a CPU.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reference_model.config import ModelConfig, TrainConfig


def rotate_half(x: Tensor) -> Tensor:
    """(-second half, first half) of the last axis."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


class PlainBlock(nn.Module):
    """Attention and MLP, each after its RMSNorm and added to the stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d = config.d_model
        self.n_heads = config.n_heads
        self.norm_1, self.norm_2 = nn.RMSNorm(d, eps=1e-6), nn.RMSNorm(d, eps=1e-6)
        self.c_attn = nn.Linear(d, 3 * d, bias=False)
        self.c_proj = nn.Linear(d, d, bias=False)
        self.up = nn.Linear(d, config.d_mlp, bias=False)
        self.gate = nn.Linear(d, config.d_mlp, bias=False)
        self.down = nn.Linear(config.d_mlp, d, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[B, T, D] to [B, T, D]."""
        B, T, D = x.shape
        q, k, v = self.c_attn(self.norm_1(x)).split(D, dim=2)
        q, k, v = (y.view(B, T, self.n_heads, -1).transpose(1, 2) for y in (q, k, v))
        q = (q * cos + rotate_half(q) * sin).to(v.dtype)
        k = (k * cos + rotate_half(k) * sin).to(v.dtype)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).contiguous().view(B, T, D))
        y = self.norm_2(x)
        return x + self.down(self.up(y) * F.silu(self.gate(y)))


class PlainGPT(nn.Module):
    """The model; called with tokens and targets it returns the loss."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(PlainBlock(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.d_model, eps=1e-6)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        pairs = config.rope_base ** (-torch.arange(0, config.d_k, 2) / config.d_k)
        angles = torch.outer(torch.arange(config.context_length), pairs).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))

    @torch.no_grad()
    def take_weights(self, model: Any) -> None:
        """Copy the weights of a `reference_model.model.GPT`, so that losses can be compared."""
        self.embedding.weight.copy_(model.E_input.weight)
        self.head.weight.copy_(model.E_output.weight)
        self.norm.weight.copy_(model.norm_final.gain)
        for block, layer in zip(self.blocks, model.layers, strict=True):
            attention, mlp = layer.attention, layer.mlp
            readers = (attention.W_q.weight, attention.W_k.weight, attention.W_v.weight)
            block.c_attn.weight.copy_(torch.cat(readers))
            block.c_proj.weight.copy_(attention.W_o.weight)
            block.up.weight.copy_(mlp.W_u.weight)
            block.gate.weight.copy_(mlp.W_nu.weight)
            block.down.weight.copy_(mlp.W_oMLP.weight)
            block.norm_1.weight.copy_(layer.norm_A.gain)
            block.norm_2.weight.copy_(layer.norm_M.gain)


class PlainLoop:
    """The loop around it: `take_step` does one iteration of nanoGPT's."""

    def __init__(
        self,
        config: ModelConfig,
        training: TrainConfig,
        bin_path: Path,
        device: torch.device,
        *,
        autocast: bool,
        compiled: bool = False,
    ) -> None:
        self.device, self.bin_path = device, bin_path
        self.block_size, self.batch_size = config.context_length, training.batch_size
        self.grad_clip = training.gradient_clip
        self.context: Any = contextlib.nullcontext()
        if autocast:
            self.context = torch.amp.autocast(device.type, torch.bfloat16)
        self.model = PlainGPT(config).to(device)
        decay = [p for p in self.model.parameters() if p.dim() >= 2]
        others = [p for p in self.model.parameters() if p.dim() < 2]
        groups = [
            {"params": decay, "weight_decay": training.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        fused = {"fused": True} if device.type == "cuda" else {}
        betas = (training.beta1, training.beta2)
        self.optimizer = torch.optim.AdamW(groups, lr=training.learning_rate, betas=betas, **fused)
        self.called: Any = torch.compile(self.model) if compiled else self.model
        self.batch = self._next_batch()

    def _next_batch(self) -> tuple[Tensor, Tensor]:
        data = np.memmap(self.bin_path, dtype=np.uint16, mode="r")
        length = self.block_size
        starts = torch.randint(len(data) - length, (self.batch_size,))
        x, y = (
            torch.stack([torch.from_numpy(data[i : i + length].astype(np.int64)) for i in first])
            for first in (starts, starts + 1)
        )
        if self.device.type == "cuda":
            pinned = (x.pin_memory(), y.pin_memory())
            return tuple(ids.to(self.device, non_blocking=True) for ids in pinned)
        return x, y

    def take_step(self) -> float:
        """Forward, backward, clip, AdamW; returns the loss."""
        with self.context:
            loss = self.called(*self.batch)
        self.batch = self._next_batch()  # while the device is busy
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.grad_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()
