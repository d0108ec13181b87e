"""The path of each token's hidden state through the blocks, written to a file for inspection.

``python -m reference_model.trace runs/demo/ngpt --prompt "The way" -o trace.safetensors``

One forward pass in float32. The paper reads nGPT as an optimiser that moves the hidden state h on
the hypersphere, two steps a layer, from the token's input embedding to the output embedding of the
next token (arXiv 2410.01131, section 2.2.2). The file holds what it takes to look at that: h after
every block, what each block suggested, the output embeddings of the next tokens, and what the
model's head would predict from every h on the way. docs/traces.md describes the format.

Shapes: S = 2 n_layers blocks, T tokens, D = d_model, K predictions kept, H heads.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reference_model.checkpoint import write_safetensors
from reference_model.config import FAMILY
from reference_model.data.tokens import BPETokenizer, ByteTokenizer
from reference_model.errors import UsageError, WriteError
from reference_model.files import write_atomically
from reference_model.fused import norm
from reference_model.model import GPT, NGPT
from reference_model.progress import say
from reference_model.trained import open_trained

FORMAT_VERSION = 2
METADATA_KEY = "trace"
LOGITS = 1 << 25
"""Logits that are held at once: 128 MB."""
KEPT = 5
"""Predictions kept of each hidden state."""


def write_trace(checkpoint: Path, prompt: str, out: Path, *, tokenizer: Path | None = None) -> Path:
    """Run a checkpoint on a prompt and write what becomes of its hidden states; returns `out`.

    The last token's next one is not known: nothing is compared with it.

    Parameters
    ----------
    checkpoint
        A file of `save_checkpoint`, or the folder of a run: its last step.
    prompt
        Text of at most the model's context length in tokens. No token is put before it.
    out
        The trace, safetensors; whole or not at all.
    tokenizer
        A run's tokenizer.json; by default the one beside the checkpoint.

    Raises
    ------
    UsageError
        If the checkpoint is not one of reference_model, the prompt is empty or too long, or there
        is no tokenizer that can encode it.
    WriteError
        If the system refuses.
    """
    trained = open_trained(checkpoint, tokenizer)
    header, words = trained.header, trained.words
    tokens = _encode(words, prompt, header.model_config().context_length)
    tensors = trace(trained.model, tokens)
    described = {
        "format_version": FORMAT_VERSION,
        "family": FAMILY[header.architecture],
        "checkpoint": trained.name,
        "step": header.step,
        "config": header.config,
        "tokens": [words.text_of(token) for token in tokens.tolist()],
        "predictions": _texts(words, tensors["top_ids"]),
        "writer": f"reference_model {header.code_version}",
    }
    metadata = {METADATA_KEY: json.dumps(described, allow_nan=False)}
    write_atomically(out, lambda file: write_safetensors(tensors, file, metadata))
    return out


@torch.no_grad()
def trace(model: GPT | NGPT, tokens: Tensor) -> dict[str, Tensor]:
    """Follow the hidden states of `tokens` [T] through the model.

    Returns
    -------
    dict
        ``token_ids`` [T]; ``states`` [S + 1, T, D], the first the input embeddings, each further
        one after one more block; ``suggestions`` [S, T, D]: nGPT's h_A and h_M (Eqs. 10, 11),
        GPT's block outputs, which it adds (Eqs. 4, 5); ``next_embeddings`` [T - 1, D], what the
        head multiplies a state with to get the logit of the true next token: its row of E_output,
        for a GPT times the gain of the final norm; ``top_ids`` and ``top_probabilities``
        [S + 1, T, K], the head's predictions from every state; ``next_probabilities``
        [S + 1, T - 1], of the true next tokens; ``attention_entropy`` in nats and
        ``attention_to_first`` [n_layers, H, T], of the weights of each query (Eq. 13).
    """
    states: list[Tensor] = []
    suggestions: list[Tensor] = []
    weights: list[Tensor] = []
    with _listening(model, states, suggestions, weights):
        model(tokens[None])
    if isinstance(model, NGPT):
        suggestions = [norm(each) for each in suggestions]
    return {
        "token_ids": tokens,
        "states": torch.stack(states),
        "suggestions": torch.stack(suggestions),
        "next_embeddings": _readers(model, tokens[1:]),
        **_predictions(model, torch.stack(states), tokens),
        "attention_entropy": torch.special.entr(torch.stack(weights)).sum(-1),
        "attention_to_first": torch.stack(weights)[..., 0].contiguous(),
    }


def _predictions(model: GPT | NGPT, states: Tensor, tokens: Tensor) -> dict[str, Tensor]:
    """Return what the head predicts from `states` [S + 1, T, D], as many at once as fit."""
    following = tokens.roll(-1).expand(states.shape[:2]).flatten()  # the last has none, cut below
    at_once = max(1, LOGITS // model.config.vocab_size)
    ids, values, nexts = [], [], []
    flat = states.flatten(0, 1)
    for some, after in zip(flat.split(at_once), following.split(at_once), strict=True):
        probabilities = model.head(some).softmax(-1)  # n V
        top = probabilities.topk(min(KEPT, probabilities.shape[1]))
        ids.append(top.indices)
        values.append(top.values)
        nexts.append(probabilities.gather(1, after[:, None]))
    shape = (*states.shape[:2], -1)
    return {
        "top_ids": torch.cat(ids).view(shape),
        "top_probabilities": torch.cat(values).view(shape),
        "next_probabilities": torch.cat(nexts).view(states.shape[:2])[:, :-1].contiguous(),
    }


@contextlib.contextmanager
def _listening(
    model: GPT | NGPT, states: list[Tensor], suggestions: list[Tensor], weights: list[Tensor]
) -> Iterator[None]:
    """Collect, during a call, h before and after every block, block outputs, weights [H, T, T]."""

    def input_to(into: list[Tensor], module: Any) -> Any:
        return module.register_forward_pre_hook(lambda _, args: into.append(args[0][0]))

    def output_of(into: list[Tensor], module: Any) -> Any:
        return module.register_forward_hook(lambda _, args, output: into.append(output[0]))

    def weights_of(module: Any, args: Any) -> None:
        q, k, _ = module.prepare(*args)
        mask = q.new_full((q.shape[-2], q.shape[-2]), -torch.inf).triu(1)
        weights.append((module.softmax_scale * q @ k.mT + mask).softmax(-1)[0])

    with contextlib.ExitStack() as stack:
        for layer in model.layers:
            attention: Any = layer.attention
            stack.callback(attention.register_forward_pre_hook(weights_of).remove)
            # what reads h first in each block; h_A and h_M are what the block returns
            readers = (layer.attention, layer.mlp)
            if isinstance(model, GPT):
                readers = (layer.norm_A, layer.norm_M)
            handles = [input_to(states, reader) for reader in readers]
            handles += [output_of(suggestions, block) for block in (layer.attention, layer.mlp)]
            for handle in handles:
                stack.callback(handle.remove)
        stack.callback(output_of(states, model.layers[-1]).remove)
        yield


def _readers(model: GPT | NGPT, tokens: Tensor) -> Tensor:
    """Return what a state's direction is multiplied with for the logits of `tokens` [T, D].

    RMSNorm's gain g belongs to them: E_output (g * x) = (E_output * g) x. A GPT with g moved into
    E_output is the same function, and must give the same angles.
    """
    rows = model.E_output.weight[tokens]
    return rows if isinstance(model, NGPT) else rows * model.norm_final.gain


def _encode(words: BPETokenizer | ByteTokenizer, prompt: str, most: int) -> Tensor:
    """Return the ids of a prompt [T].

    Raises
    ------
    UsageError
        If it is empty, or has more tokens than `most`.
    """
    ids = words.encode_text(prompt)
    if not ids:
        raise UsageError("the prompt is empty; give at least one character")
    if len(ids) > most:
        msg = f"the prompt has {len(ids)} tokens, the model's context {most}; give a shorter one"
        raise UsageError(msg)
    return torch.tensor(ids)


def _texts(words: BPETokenizer | ByteTokenizer, ids: Tensor) -> dict[str, str]:
    """Return the text of each id, by the id in digits; a model may have more than its tokenizer."""
    known = [token for token in ids.unique().tolist() if token < words.vocab_size]
    return {str(token): words.text_of(token) for token in known}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m reference_model.trace",
        description="Write the path of a prompt's hidden states through a GPT or an nGPT, to look "
        "at with ngpt-inspect path.",
    )
    add = parser.add_argument
    add("checkpoint", type=Path, metavar="CHECKPOINT", help="step-NNNNNN.safetensors, or a run")
    add("--prompt", required=True, metavar="TEXT")
    add("--tokenizer", type=Path, metavar="FILE", help="[tokenizer.json beside the checkpoint]")
    add("-o", "--output", type=Path, default=Path("trace.safetensors"), metavar="FILE")
    args = parser.parse_args(arguments)
    try:
        path = write_trace(args.checkpoint, args.prompt, args.output, tokenizer=args.tokenizer)
    except (UsageError, WriteError) as error:
        say(f"error: {error}")
        return 2
    say(f"done: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
