"""Log-likelihoods of continuations, many at a time.

Shapes: B sequences, T positions, V = vocab_size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from reference_model.data.tokens import END_OF_TEXT
from reference_model.errors import UsageError
from reference_model.model import GPT, NGPT

LOGITS = 1 << 25
"""Logits that are held at once: 128 MB."""
Ids = Sequence[int]
Batch = list[tuple[int, ...]]
T = TypeVar("T")
Shown = Callable[[list[Batch]], Iterable[Batch]]
"""Passes batches on and shows how far they are."""


class Score(NamedTuple):
    """What a model says of a continuation."""

    log_likelihood: float
    """Sum over its tokens of log p(token | all tokens before), nats."""
    greedy: bool
    """Whether each of its tokens is the most likely one."""


@torch.no_grad()
def score(
    model: GPT | NGPT, requests: Sequence[tuple[Ids, Ids]], most: int, shown: Shown = iter
) -> list[Score]:
    """Score each continuation after its context.

    Contexts lose tokens at their start until `most` are read with the continuation, whose last
    token is not read. Requests that read the same tokens share one pass (the choices of one
    token after a question). Longest first, so that what does not fit into memory fails at once.

    Parameters
    ----------
    model
    requests
        Context, of at least one token, and continuation.
    most
        Tokens that the model may read at once.

    Raises
    ------
    UsageError
        If a continuation is empty, or longer than `most`.
    """
    readers: dict[tuple[int, ...], list[int]] = {}
    for number, (context, continuation) in enumerate(requests):
        _check(continuation, most)
        read = (*context, *continuation)[-(most + 1) : -1]
        readers.setdefault(read, []).append(number)
    found: dict[int, Score] = {}
    for batch in shown(list(batches(readers, len, model.config.vocab_size))):
        logits = model(padded(batch, model))  # B T V
        for row, read in zip(logits, batch, strict=True):
            for number in readers[read]:
                found[number] = _of(row[: len(read)], requests[number][1])
    return [found[number] for number in range(len(requests))]


def is_cut(context: Ids, continuation: Ids, most: int) -> bool:
    """Whether a context loses tokens, as `score` says."""
    return len(context) + len(continuation) > most + 1


def batches(items: Iterable[T], size: Callable[[T], int], vocab_size: int) -> Iterator[list[T]]:
    """Yield items by size in tokens, largest first, as many at once as logits of them fit."""
    batch: list[T] = []
    for item in sorted(items, key=size, reverse=True):
        if batch and (len(batch) + 1) * size(batch[0]) * vocab_size > LOGITS:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def padded(rows: Sequence[Ids], model: GPT | NGPT) -> Tensor:
    """Return rows [B, T] on the model's device, closed by fillers that no earlier token sees."""
    longest = max(map(len, rows))
    full = [[*row, *[END_OF_TEXT] * (longest - len(row))] for row in rows]
    return torch.tensor(full, device=model.E_input.weight.device)


def _of(logits: Tensor, continuation: Ids) -> Score:
    """Score from logits [T, V] whose last rows predict the continuation; sums are float64."""
    targets = torch.tensor(continuation, device=logits.device)
    rows = logits[-len(targets) :]
    each = rows.double().log_softmax(-1).gather(1, targets[:, None])
    return Score(each.sum().item(), bool((rows.argmax(-1) == targets).all()))


def _check(continuation: Ids, most: int) -> None:
    if not continuation:
        msg = "a continuation has no token of its own after its context; leave it out of the task"
        raise UsageError(msg)
    if len(continuation) > most:
        raise UsageError(
            f"a continuation has {len(continuation)} tokens, and {most} are read at once; "
            "read more with --max-length"
        )
