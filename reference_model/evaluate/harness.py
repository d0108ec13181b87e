"""A reference model as lm-evaluation-harness asks it; imports the harness (extra `evaluate`)."""

from collections.abc import Iterable, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import normalize_gen_kwargs
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from tqdm import tqdm

from reference_model.data.tokens import END_OF_TEXT
from reference_model.errors import UsageError
from reference_model.evaluate.generating import Prompt, generate
from reference_model.evaluate.scoring import Batch, Score, is_cut, score
from reference_model.trained import Trained

MOST_NEW = 256
"""Tokens that are generated where a task does not say how many, as the harness has it."""


class ReferenceLM(TemplateLM):
    """GPT or nGPT: log-likelihoods, whole or rolling, and greedy text.

    Parameters
    ----------
    trained
    max_length
        Tokens read at once; by default the context the model was trained with. Rotary embeddings
        go beyond, at a price (Figure 13).
    """

    def __init__(self, trained: Trained, max_length: int | None = None) -> None:
        super().__init__()
        self.model, self.words = trained.model, trained.words
        self.max_length = max_length or trained.model.config.context_length
        self.asked = self.cut = 0
        """Requests so far, and how many of them lost tokens at the start of their context."""

    @property
    def eot_token_id(self) -> int:
        """The end of text: what stands before a text that has no context."""
        return END_OF_TEXT

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """Token ids of a text; nothing is ever put around it."""
        return self.words.encode_text(string)

    def _loglikelihood_tokens(
        self, requests: Sequence[tuple[Any, list[int], list[int]]], **_: Any
    ) -> list[Score]:
        pairs = [(context, continuation) for _, context, continuation in requests]
        self.asked += len(pairs)
        self.cut += sum(is_cut(*pair, self.max_length) for pair in pairs)
        return score(self.model, pairs, self.max_length, _shown)

    def loglikelihood_rolling(
        self, requests: Sequence[Instance], disable_tqdm: bool = False
    ) -> list[float]:
        """Sum of log p of every token of each text, in windows as the harness cuts them."""
        owners, windows = [], []
        for number, request in enumerate(requests):
            tokens = self.tok_encode(request.args[0])
            for window in get_rolling_token_windows(tokens, END_OF_TEXT, self.max_length, 1):
                owners.append(number)
                windows.append(make_disjoint_window(window))
        sums = [0.0] * len(requests)
        found = score(self.model, windows, self.max_length, _shown)
        for number, (log_likelihood, _) in zip(owners, found, strict=True):
            sums[number] += log_likelihood
        return sums

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Greedy text after each context, up to the first of its stop strings."""
        return generate(self.model, self.words, [self._prompt(*each.args) for each in requests])

    def _prompt(self, context: str, told: dict[str, Any]) -> Prompt:
        told = normalize_gen_kwargs(told, MOST_NEW)
        if told["do_sample"]:
            msg = "a task asks for random text (do_sample, temperature); only greedy text is made"
            raise UsageError(msg)
        most, stops = told["max_gen_toks"], tuple(filter(None, told["until"]))
        if most >= self.max_length:
            raise UsageError(
                f"a task asks for {most} new tokens, and {self.max_length} are read at once; set "
                "its max_gen_toks, or read more with --max-length"
            )
        tokens = self.tok_encode(context) or [END_OF_TEXT]
        self.asked += 1
        self.cut += len(tokens) + most > self.max_length
        return Prompt(tuple(tokens[most - self.max_length :]), stops, most)


def _shown(batches: list[Batch]) -> Iterable[Batch]:
    """Show how far log-likelihoods are, where somebody looks."""
    bar: Iterable[Batch] = tqdm(batches, desc="batches", disable=None, leave=False)
    return bar
