"""Greedy text until a stop string, many at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from reference_model.data.tokens import END_OF_TEXT, BPETokenizer, ByteTokenizer
from reference_model.evaluate.scoring import batches, padded
from reference_model.model import GPT, NGPT


@dataclass(frozen=True)
class Prompt:
    """What to go on from, and until when."""

    tokens: tuple[int, ...]
    """At least one."""
    stops: tuple[str, ...]
    """The answer ends before the first of them."""
    most: int
    """Tokens of the answer, at most."""


@dataclass
class _Answer:
    """The tokens that a prompt has got so far."""

    prompt: Prompt
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    is_open: bool = True

    def add(self, token: int, words: BPETokenizer | ByteTokenizer) -> None:
        """Add a token, and close the answer if it ends here."""
        if token != END_OF_TEXT:
            self.tokens.append(token)
            self.text = words.decode(self.tokens)
        stops = [at for stop in self.prompt.stops if (at := self.text.find(stop)) >= 0]
        self.text = self.text[: min(stops, default=None)]
        full = len(self.tokens) >= self.prompt.most
        self.is_open = not (stops or full or token == END_OF_TEXT)


@torch.no_grad()
def generate(
    model: GPT | NGPT, words: BPETokenizer | ByteTokenizer, prompts: Sequence[Prompt]
) -> list[str]:
    """Return what the model says after each prompt: its most likely token, again and again.

    An answer ends before the first stop string, at an end of text, or after `most` tokens. Only
    tokens that the tokenizer has are said. Rows of a batch keep their own lengths, so that no
    answer depends on those beside it.
    """
    answers = [_Answer(prompt) for prompt in prompts]
    for batch in batches(answers, _room, model.config.vocab_size):
        while still := [answer for answer in batch if answer.is_open]:
            rows = [(*answer.prompt.tokens, *answer.tokens) for answer in still]
            logits = model(padded(rows, model))  # B T V
            last = logits[range(len(rows)), [len(row) - 1 for row in rows], : words.vocab_size]
            for answer, token in zip(still, last.argmax(-1).tolist(), strict=True):
                answer.add(token, words)
    return [answer.text for answer in answers]


def _room(answer: _Answer) -> int:
    return len(answer.prompt.tokens) + answer.prompt.most
