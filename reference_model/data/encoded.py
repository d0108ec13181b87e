"""Token ids ready for training: the corpus once encoded, or nanoGPT's train.bin and val.bin.

Every batch is a function of (seed, step) alone: nothing but the step needs to be remembered to
resume, GPT and nGPT see the same tokens, and so does any number of ranks.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reference_model.data.corpus import Document, read_corpus, split_corpus
from reference_model.data.tokens import TokenizerKind, Tokens, make_tokenizer
from reference_model.errors import UsageError
from reference_model.files import write_atomically, write_text_atomically

CACHE_VERSION = "1"  # part of the cache's name: raise it when the same text gives other tokens


@dataclass(frozen=True)
class TokenData:
    """The two parts of a corpus as token ids, with what is needed to read them back."""

    train: Tokens
    validation: Tokens
    vocab_size: int
    tokenizer_json: str
    fingerprint: str
    """Hash of what the tokens were made from: a run resumes only on the same data."""

    def batch(self, seed: int, step: int, sequences: int, length: int) -> tuple[Tensor, Tensor]:
        """Draw inputs and next tokens of training step `step`, each int64 [sequences, length].

        Positions are drawn uniformly from the training part.
        """
        generator = np.random.default_rng([seed, step])
        starts = generator.integers(0, len(self.train) - length, size=sequences)
        return self._gather(self.train, starts, length)

    def validation_batch(self, sequences: int, length: int) -> tuple[Tensor, Tensor]:
        """Take inputs and next tokens held out, evenly spaced: the same at every call."""
        starts = np.linspace(0, len(self.validation) - length - 1, sequences).astype(np.int64)
        return self._gather(self.validation, starts, length)

    def check_length(self, length: int) -> None:
        """Raise UsageError unless both parts hold a sequence of `length` tokens and its next."""
        for name, tokens in (("training", self.train), ("validation", self.validation)):
            if len(tokens) <= length:
                raise UsageError(
                    f"the {name} part has {len(tokens)} tokens, too few for a sequence of {length};"
                    " give more text with --data or a shorter --context-length"
                )

    def _gather(
        self, tokens: Tokens, starts: NDArray[np.int64], length: int
    ) -> tuple[Tensor, Tensor]:
        windows = tokens[starts[:, None] + np.arange(length + 1)].astype(np.int64)
        if windows.max() >= self.vocab_size:
            msg = f"token {windows.max()} is not below the vocabulary of {self.vocab_size}"
            raise UsageError(msg)
        ids = torch.from_numpy(windows)
        return ids[:, :-1], ids[:, 1:]


def load_text(
    paths: list[Path], kind: TokenizerKind, vocab_size: int, cache: Path | None = None
) -> TokenData:
    """Encode a corpus, or take it from `cache` if the same corpus was encoded before.

    Parameters
    ----------
    paths : list of Path
        Text files and folders; empty for Python's standard library (see `corpus.read_corpus`).
    kind : {"bpe", "bytes"}
    vocab_size : int
        Entries of the BPE; bytes have 256.
    cache : Path, optional
        Folder that keeps the encoded corpus under a name made from its content.

    Raises
    ------
    UsageError
        If a path, the text or the vocabulary is unusable.
    """
    documents = read_corpus(paths)
    fingerprint = _fingerprint(documents, kind, vocab_size)
    folder = cache / f".tokens-{fingerprint[:16]}" if cache else None
    if folder and (folder / "done.json").is_file():
        return _read_cache(folder, fingerprint)
    training, validation = split_corpus(documents)
    tokenizer = make_tokenizer(kind, vocab_size, training)
    data = TokenData(
        train=tokenizer.encode(training),
        validation=tokenizer.encode(validation),
        vocab_size=tokenizer.vocab_size,
        tokenizer_json=tokenizer.to_json(),
        fingerprint=fingerprint,
    )
    if folder:
        _write_cache(folder, data)
    return data


def load_bins(folder: Path, vocab_size: int | None = None) -> TokenData:
    """Open nanoGPT's ``train.bin`` and ``val.bin`` (raw uint16 ids) without copying them.

    ``meta.pkl`` is never opened: unpickling runs code. Without `vocab_size` the vocabulary is the
    largest id plus one.

    Raises
    ------
    UsageError
        If a file is missing or does not hold whole 16-bit ids.
    """
    train, validation = (_open_bin(folder / name) for name in ("train.bin", "val.bin"))
    largest = int(max(train.max(), validation.max()))
    if vocab_size is None:
        vocab_size = largest + 1
    if vocab_size <= largest:
        msg = f"{folder}: holds token {largest}; --vocab-size must be at least {largest + 1}"
        raise UsageError(msg)
    digest = hashlib.sha256(f"{len(train)} {len(validation)} ".encode())
    digest.update(train[:4096].tobytes() + train[-4096:].tobytes() + validation[:4096].tobytes())
    unknown = {"kind": "token ids without their tokenizer", "vocab_size": vocab_size}
    tokenizer_json = json.dumps({"reference_model": unknown})
    return TokenData(train, validation, vocab_size, tokenizer_json, digest.hexdigest())


def is_bin_folder(paths: list[Path]) -> bool:
    """Whether the paths are one folder in nanoGPT's layout."""
    return len(paths) == 1 and (paths[0] / "train.bin").is_file()


def _open_bin(path: Path) -> Tokens:
    if not path.is_file():
        raise UsageError(f"{path}: missing; a nanoGPT data folder holds train.bin and val.bin")
    size = path.stat().st_size
    if size == 0 or size % 2:
        raise UsageError(f"{path}: {size} bytes are not a list of 16-bit token ids; write it again")
    return np.memmap(path, dtype="<u2", mode="r")


def _fingerprint(documents: list[Document], kind: str, vocab_size: int) -> str:
    digest = hashlib.sha256(f"{CACHE_VERSION} {kind} {vocab_size}".encode())
    for document in documents:
        text = document.text.encode()
        digest.update(f"\0{document.name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()


def _write_cache(folder: Path, data: TokenData) -> None:
    write_atomically(folder / "train.bin", lambda file: file.write_bytes(data.train.data))
    write_atomically(folder / "val.bin", lambda file: file.write_bytes(data.validation.data))
    write_text_atomically(folder / "tokenizer.json", data.tokenizer_json)
    # last: its presence says that the others are whole
    write_text_atomically(folder / "done.json", json.dumps({"vocab_size": data.vocab_size}))


def _read_cache(folder: Path, fingerprint: str) -> TokenData:
    vocab_size = json.loads((folder / "done.json").read_text())["vocab_size"]
    tokenizer_json = (folder / "tokenizer.json").read_text(encoding="utf-8")
    train, validation = (_open_bin(folder / name) for name in ("train.bin", "val.bin"))
    return TokenData(train, validation, vocab_size, tokenizer_json, fingerprint)
