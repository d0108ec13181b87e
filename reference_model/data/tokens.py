"""Text to token ids: a byte-pair encoding trained on the corpus, or plain bytes."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reference_model.data.corpus import Document
from reference_model.errors import UsageError

TokenizerKind = Literal["bpe", "bytes"]
Tokens = NDArray[np.uint16]

END_OF_TEXT = 0
"""Token after every document: the first BPE entry, or the byte 0, which no text contains."""
MOST_TOKENS = 65536  # what a 16-bit id can tell apart
SMALLEST_BPE = 257  # the 256 bytes and the end of text
BPE_SAMPLE = 8_000_000
"""Characters of training text the BPE merges are counted on; more changes few merges."""


class ByteTokenizer:
    """One token per UTF-8 byte; needs no further library."""

    vocab_size = 256

    def encode(self, documents: Iterable[Document]) -> Tokens:
        """Ids of all documents, each closed by `END_OF_TEXT`."""
        text = "".join(document.text.replace("\0", "") + "\0" for document in documents)
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.uint16)

    def encode_text(self, text: str) -> list[int]:
        """Ids of a text that goes on: no end of text closes it."""
        return list(text.replace("\0", "").encode())

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens; bytes that are no character become U+FFFD."""
        return bytes(tokens).decode(errors="replace")

    def text_of(self, token: int) -> str:
        """Write out one token; a byte that is no text by itself as ``<0xC3>``."""
        byte = bytes([token])
        return byte.decode() if byte.isascii() else f"<0x{token:02X}>"

    def to_json(self) -> str:
        """Content of ``tokenizer.json``: the kind, since there is nothing else to know."""
        kind = {"kind": "bytes", "vocab_size": self.vocab_size, "end_of_text": END_OF_TEXT}
        return json.dumps({"reference_model": kind})


class BPETokenizer:
    """Byte-level byte-pair encoding of the `tokenizers` library."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.vocab_size: int = tokenizer.get_vocab_size()

    @classmethod
    def train(cls, documents: list[Document], vocab_size: int) -> "BPETokenizer":
        """Learn `vocab_size` entries from the given (training) documents."""
        tokenizers = _import_tokenizers()
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(_sample(documents), trainer)
        learned = tokenizer.get_vocab_size()
        if learned < vocab_size:
            raise UsageError(
                f"the text is too short for {vocab_size} entries: it gave {learned}; "
                f"pass --vocab-size {learned} or less, or more text"
            )
        return cls(tokenizer)

    def encode(self, documents: Iterable[Document]) -> Tokens:
        """Ids of all documents, each closed by `END_OF_TEXT`."""
        encoded = self.tokenizer.encode_batch_fast(
            [document.text for document in documents], add_special_tokens=False
        )
        close = np.array([END_OF_TEXT], dtype=np.uint16)
        parts = [part for e in encoded for part in (np.array(e.ids, dtype=np.uint16), close)]
        return np.concatenate(parts) if parts else close[:0]

    def encode_text(self, text: str) -> list[int]:
        """Ids of a text that goes on: no end of text closes it."""
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of tokens; bytes that are no character become U+FFFD."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=False))

    def text_of(self, token: int) -> str:
        """Write out one token; part of a character as the library spells it."""
        text = str(self.tokenizer.decode([token], skip_special_tokens=False))
        return (
            str(self.tokenizer.id_to_token(token)) if "\N{REPLACEMENT CHARACTER}" in text else text
        )

    def to_json(self) -> str:
        """Content of ``tokenizer.json``: the library's own format."""
        return str(self.tokenizer.to_str(pretty=False))


def make_tokenizer(
    kind: TokenizerKind, vocab_size: int, documents: list[Document]
) -> BPETokenizer | ByteTokenizer:
    """Make the tokenizer of a run from its training documents.

    Raises
    ------
    UsageError
        If the vocabulary does not suit the kind, or `tokenizers` is not installed.
    """
    if kind == "bytes":
        return ByteTokenizer()
    if not SMALLEST_BPE <= vocab_size <= MOST_TOKENS:
        msg = f"--vocab-size {vocab_size}: a BPE takes {SMALLEST_BPE} to {MOST_TOKENS} entries"
        raise UsageError(msg)
    return BPETokenizer.train(documents, vocab_size)


def tokenizer_from_json(text: str) -> BPETokenizer | ByteTokenizer:
    """Rebuild a tokenizer from a run's ``tokenizer.json``.

    Raises
    ------
    UsageError
        If it is unknown (token ids came without one), or `tokenizers` is not installed.
    """
    kind = json.loads(text).get("reference_model")
    if kind is None:
        return BPETokenizer(_import_tokenizers().Tokenizer.from_str(text))
    if kind["kind"] != "bytes":
        msg = f"{kind['kind']}: other text cannot be encoded; train with --data TEXT instead"
        raise UsageError(msg)
    return ByteTokenizer()


def read_tokenizer(path: Path) -> BPETokenizer | ByteTokenizer:
    """Read a run's ``tokenizer.json``.

    Raises
    ------
    UsageError
        If there is none, it is damaged, or as `tokenizer_from_json`.
    """
    try:
        return tokenizer_from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: no tokenizer ({error.strerror}); name a run's tokenizer.json"
        raise UsageError(msg) from error
    except UsageError:
        raise
    except Exception as error:  # the tokenizers library raises plain Exception
        msg = f"{path}: not a tokenizer ({error}); name a run's tokenizer.json"
        raise UsageError(msg) from error


def _sample(documents: list[Document]) -> list[str]:
    """Every n-th document, so that the merges see all of the corpus and training stays quick."""
    total = sum(len(document.text) for document in documents)
    every = max(1, round(total / BPE_SAMPLE))
    return [document.text for document in documents[::every]]


def _import_tokenizers() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError as error:
        msg = "BPE needs the `tokenizers` package: install it, or pass --tokenizer bytes"
        raise UsageError(msg) from error
    return tokenizers
