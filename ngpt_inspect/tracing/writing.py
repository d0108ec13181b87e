"""From a causal model of transformers and a prompt to a trace file (docs/traces.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from ngpt_inspect.errors import InspectError, UnreadableFile, WrongOption
from ngpt_inspect.later.torch import torch
from ngpt_inspect.tables import Progress
from ngpt_inspect.tables.export import write_bytes
from ngpt_inspect.traces import FORMAT_VERSION, KEY
from ngpt_inspect.tracing.head import Head, head_of
from ngpt_inspect.tracing.stream import listening, refused
from ngpt_inspect.version import __version__

KEPT = 5
"""Predictions kept of each hidden state."""
LOGITS = 1 << 25
"""Logits that are held at once."""
EXTRA = "pip install 'ngpt-inspect[transformers]'"


def trace_model(
    model: Any,
    prompt: str,
    output: str | PathLike[str],
    *,
    tokenizer: Any = None,
    device: str = "cpu",
    allow_code: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Run a causal model on a prompt and write what becomes of its hidden states; returns `output`.

    One forward pass in float32, with hooks on the model's own modules. Attention is computed
    eagerly, so that its weights are seen.

    Parameters
    ----------
    model
        A folder as ``save_pretrained`` writes it, with a tokenizer; or the name of a model that is
        in the Hugging Face cache. Nothing is downloaded. Or a model that is loaded already, as it
        is: with ``attn_implementation="eager"`` its attention is seen too.
    prompt
        Text; encoded with what the tokenizer puts around it.
    output
        The trace, safetensors; whole or not at all.
    tokenizer
        Of a model that is loaded already.
    device
        As torch names it; a loaded model stays where it is.
    allow_code
        Whether code that comes with the model may run; never by default.
    progress
        Called with the layers that have run, and how many there are.

    Raises
    ------
    UnreadableFile
        It is no such model, has no tokenizer, or has blocks that cannot be told apart.
    WrongOption
        The prompt is empty or too long, or transformers is not there.

    Examples
    --------
    >>> import ngpt_inspect as ni
    >>> ni.trace_model("gpt2", "The way", "trace.safetensors")  # doctest: +SKIP
    """
    is_named = isinstance(model, str | PathLike)
    loaded, words = _loaded(str(model), device, allow_code) if is_named else (model, tokenizer)
    ids = _encoded(words, prompt, loaded)
    tensors, parallel = _traced(loaded, ids.to(loaded.device), progress)
    config = loaded.config.get_text_config()
    described = {
        "format_version": FORMAT_VERSION,
        "family": "GPT",
        "checkpoint": Path(model).name if is_named else config.model_type,
        "step": None,
        "config": {"model_type": config.model_type, "n_layers": config.num_hidden_layers},
        "tokens": [words.decode([i]) for i in ids.tolist()],
        "predictions": {
            str(i): words.decode([i])
            for i in tensors["top_ids"].unique().tolist()
            if i < len(words)
        },
        "parallel": parallel,
        "writer": f"ngpt-inspect {__version__}, {type(loaded).__name__}",
    }
    from safetensors.torch import save

    whole = {name: each.contiguous().cpu() for name, each in tensors.items()}
    write_bytes(Path(output), save(whole, {KEY: json.dumps(described, allow_nan=False)}))
    return Path(output)


def _loaded(model: str, device: str, allow_code: bool) -> tuple[Any, Any]:
    """Return a model and its tokenizer, from local files."""
    is_path = model.startswith((".", "/", "~")) or model.count("/") > 1
    if is_path and not Path(model).exists():
        raise UnreadableFile(
            "there is no such file or folder", where=model, next_step="check the path"
        )
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError:
        raise WrongOption("transformers is not installed", where="trace", next_step=EXTRA) from None
    how = {"local_files_only": True, "trust_remote_code": allow_code}
    try:
        with _without_bars():
            words = AutoTokenizer.from_pretrained(model, **how)
            loaded = AutoModelForCausalLM.from_pretrained(
                model, dtype=torch.float32, attn_implementation="eager", **how
            )
    except (OSError, ValueError, KeyError, ImportError) as error:
        said = " ".join(str(error).split())
        raise UnreadableFile(
            f"transformers cannot open it: {said:.200}",
            where=model,
            next_step="give a folder of save_pretrained, or a model in the Hugging Face cache "
            "(hf download); --allow-code runs code that comes with a model",
        ) from None
    return loaded.to(device), words


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep transformers from drawing bars of its own where others draw theirs."""
    from transformers.utils import logging

    drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if drawn:
            logging.enable_progress_bar()


def _encoded(words: Any, prompt: str, model: Any) -> torch.Tensor:
    ids = words(prompt)["input_ids"] if prompt else []
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if not ids:
        raise WrongOption("the prompt is empty", where="--prompt", next_step="give some text")
    if most is not None and len(ids) > most:
        raise WrongOption(
            f"the prompt has {len(ids)} tokens, the model's context {most}",
            where="--prompt",
            next_step="give a shorter one",
        )
    return torch.tensor(ids)


def _traced(
    model: Any, ids: torch.Tensor, progress: Progress | None
) -> tuple[dict[str, torch.Tensor], bool]:
    """Return the tensors of a trace, and whether blocks run in parallel."""
    try:
        with torch.no_grad(), _at_rest(model), listening(model, progress) as stream_of:
            given = model(ids[None], output_attentions=True, use_cache=False, return_dict=True)
        stream = stream_of()
    except InspectError:
        raise
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        said = " ".join(str(error).split())
        raise refused(model, f"does not run: {said:.200}") from None
    with torch.no_grad(), _at_rest(model):
        head = head_of(model, stream.states[-1], given.logits[0].float())
        tensors = {
            "token_ids": ids,
            "states": stream.states,
            "suggestions": stream.added,
            "next_embeddings": head.readers(ids[1:]),
            **_predictions(head, stream.states, ids, given.logits.shape[-1]),
            **_attention(getattr(given, "attentions", None), (len(stream.states) - 1) // 2),
        }
    return tensors, stream.parallel


@contextmanager
def _at_rest(model: Any) -> Iterator[None]:
    """Switch dropout and the like off, and after it back to what each module had."""
    trained = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in trained:
            module.training = True


def _predictions(
    head: Head, states: torch.Tensor, ids: torch.Tensor, n_words: int
) -> dict[str, torch.Tensor]:
    """Return what the head makes of every state (S + 1, T, D), as many at once as fit."""
    following = ids.roll(-1).expand(states.shape[:2]).flatten()  # the last has none, cut below
    at_once = max(1, LOGITS // n_words)
    tops, values, nexts = [], [], []
    flat = states.flatten(0, 1)
    for some, after in zip(flat.split(at_once), following.split(at_once), strict=True):
        probabilities = head(some).softmax(-1)
        top = probabilities.topk(min(KEPT, n_words))
        tops.append(top.indices)
        values.append(top.values)
        nexts.append(probabilities.gather(1, after[:, None]))
    shape = (*states.shape[:2], -1)
    return {
        "top_ids": torch.cat(tops).view(shape),
        "top_probabilities": torch.cat(values).view(shape),
        "next_probabilities": torch.cat(nexts).view(states.shape[:2])[:, :-1],
    }


def _attention(weights: Any, n_layers: int) -> dict[str, torch.Tensor]:
    """Return entropy and share of the first token of every head, if every layer has the same."""
    if weights is None or len(weights) != n_layers or any(each is None for each in weights):
        return {}
    if len({each.shape for each in weights}) > 1 or weights[0].shape[-1] != weights[0].shape[-2]:
        return {}
    every = torch.stack([each[0].float() for each in weights])  # L H T T
    return {
        "attention_entropy": torch.special.entr(every).sum(-1),
        "attention_to_first": every[..., 0],
    }
