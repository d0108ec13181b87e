"""Scores and greedy texts against a float64 computation from the equations."""

import numpy as np
import pytest
import torch
from evaluated import CONTEXT, Plain, write_run
from small_runs import make_config

from reference_model.data.corpus import Document
from reference_model.data.tokens import BPETokenizer, ByteTokenizer
from reference_model.errors import UsageError
from reference_model.evaluate import scoring
from reference_model.evaluate.generating import Prompt, generate
from reference_model.evaluate.scoring import batches, is_cut, score
from reference_model.trained import open_trained

FAMILIES = ["gpt", "ngpt"]
EPS = float(np.finfo(np.float32).eps)


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request, tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp(request.param) / "run", request.param)
    return open_trained(folder).model, Plain(folder)


def requests():
    """Contexts and continuations of many lengths; some share what is read, some are too long."""
    random = np.random.default_rng(0)
    told = [
        (random.integers(1, 256, before).tolist(), random.integers(1, 256, asked).tolist())
        for before, asked in ((1, 1), (3, 4), (20, 5), (2, CONTEXT), (60, 7), (9, 9), (1, 12))
    ]
    question, answer = told[2]
    told += [(question, [token]) for token in (7, 8, 9)]  # one pass for all three
    told += [(question[:-2], [*question[-2:], 7]), (question, answer)]
    return told


def close(found, wanted, count):
    """Float32 passes of a few dozen sums each, and a sum over the tokens."""
    return found == pytest.approx(wanted, abs=200 * EPS * count * max(1.0, abs(wanted) / count))


@pytest.mark.parametrize("most_logits", [1, 3 * CONTEXT * 256, 1 << 25])
def test_scores_are_those_of_each_request_alone(pair, most_logits, monkeypatch):
    model, plain = pair
    monkeypatch.setattr(scoring, "LOGITS", most_logits)
    found = score(model, requests(), CONTEXT)
    assert len(found) == len(requests())
    for (context, continuation), each in zip(requests(), found, strict=True):
        wanted, greedy = plain.score(context, continuation)
        assert close(each.log_likelihood, wanted, len(continuation))
        assert each.greedy == greedy


def test_greedy_is_told_where_it_is(pair):
    model, plain = pair
    said = []
    for _ in range(3):
        said.append(int(plain.log_p([5, 6, 7, *said])[-1].argmax()))
    other = [*said[:-1], (said[-1] + 1) % 256]
    found = score(model, [([5, 6, 7], said), ([5, 6, 7], other)], CONTEXT)
    assert [each.greedy for each in found] == [True, False]


def test_requests_that_read_the_same_share_a_pass(pair):
    model, _ = pair
    sizes = []
    handle = model.register_forward_pre_hook(lambda _, args: sizes.append(tuple(args[0].shape)))
    score(model, requests(), CONTEXT)
    handle.remove()
    assert sizes == [(8, CONTEXT)]


def test_batches_hold_as_many_as_fit_the_longest_first(monkeypatch):
    monkeypatch.setattr(scoring, "LOGITS", 100)
    rows = ["a" * n for n in (3, 1, 10, 2, 2)]
    assert list(batches(rows, len, 5)) == [["a" * 10, "aaa"], ["aa", "aa", "a"]]
    assert list(batches(rows, len, 101)) == [[row] for row in sorted(rows, key=len, reverse=True)]
    assert list(batches([], len, 5)) == []


def test_what_is_cut_is_told():
    assert [is_cut([1] * n, [2] * 4, 10) for n in (1, 7, 8)] == [False, False, True]


def test_continuations_that_cannot_be_scored(pair):
    model, _ = pair
    with pytest.raises(UsageError, match="25 tokens, and 24 are read at once; read more with"):
        score(model, [([1], [2] * 25)], 24)
    with pytest.raises(UsageError, match="no token of its own"):
        score(model, [([1], [])], 24)


STOPS = [(), ("e",), ("xyz", "t", "a"), ("never there at all",)]


def prompts(words):
    texts = ["The way", "x", "def norm(x):\n    ", "a b a b a b"]
    return [
        Prompt(tuple(words.encode_text(text)), stops, most)
        for text, most in zip(texts, (12, 5, 1, 9), strict=True)
        for stops in STOPS
    ]


def bpe():
    text = "The way of the norm is the way of the sphere. " * 30 + "déjà vu"
    return BPETokenizer.train([Document("a", text)], 270)


@pytest.fixture(scope="module", params=[("gpt", "bytes"), ("ngpt", "bpe")])
def speaker(request, tmp_path_factory):
    """A model with more entries than its tokenizer, as padded vocabularies have."""
    architecture, kind = request.param
    words = ByteTokenizer() if kind == "bytes" else bpe()
    folder = tmp_path_factory.mktemp("speaker") / "run"
    write_run(folder, architecture, words, vocab_size=words.vocab_size + 40)
    return open_trained(folder), Plain(folder)


def test_texts_are_those_of_each_prompt_alone(speaker, monkeypatch):
    trained, plain = speaker
    asked = prompts(trained.words)
    wanted = [plain.say(each.tokens, each.most, each.stops) for each in asked]
    assert len(set(wanted)) > 3
    for most_logits in (1, 1 << 25):
        monkeypatch.setattr(scoring, "LOGITS", most_logits)
        assert generate(trained.model, trained.words, asked) == wanted, most_logits


class Following(torch.nn.Module):
    """Says after each byte the one that `then` gives."""

    def __init__(self, then):
        super().__init__()
        self.config = make_config("gpt", vocab_size=256)
        self.E_input = torch.nn.Embedding(256, 1)
        self.then = torch.tensor([then.get(chr(byte), "?").encode()[0] for byte in range(256)])

    def forward(self, tokens):
        return torch.nn.functional.one_hot(self.then[tokens], 256).float()


@pytest.mark.parametrize(
    ("stops", "most", "said"),
    [
        ((), 9, "bcd"),
        ((), 2, "bc"),
        (("d",), 9, "bc"),
        (("cd", "c"), 9, "b"),
        (("d", "bcd"), 9, ""),
        (("\0", "z"), 9, "bcd"),
    ],
)
def test_a_text_ends_at_its_end_its_first_stop_or_when_it_is_full(stops, most, said):
    model = Following({"a": "b", "b": "c", "c": "d", "d": "\0"})
    found = generate(model, ByteTokenizer(), [Prompt(b"xa", stops, most), Prompt(b"d", (), 9)])
    assert found == [said, ""]


def test_bytes_that_are_no_character_are_replaced_and_others_kept():
    words = ByteTokenizer()
    assert words.decode(words.encode_text("héllo\0!")) == "héllo!"
    assert words.decode([0xC3]) == "\N{REPLACEMENT CHARACTER}"
    coded = bpe()
    for text in ("The way", " of\n the  sphere", "déjà"):
        assert coded.decode(coded.encode_text(text)) == text
        documents = coded.encode([Document("", text)]).tolist()
        assert [*coded.encode_text(text), 0] == documents
