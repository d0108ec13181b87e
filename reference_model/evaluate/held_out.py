"""Three small tasks from held-out text, for where there is no network: what a task folder holds.

``python -m reference_model.evaluate.held_out -o tasks`` writes, from the text that training held
out, `cloze` (say the last word of a passage, as LAMBADA), `next_line` (choose the line that follows
from four, as HellaSwag) and `rolling` (perplexity of whole documents). Evaluate with
``--task-folder tasks --tasks cloze next_line rolling``.
"""

import argparse
import json
import random
import re
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from reference_model.data.corpus import Document, read_corpus, split_corpus
from reference_model.errors import UsageError, WriteError
from reference_model.files import write_text_atomically
from reference_model.progress import say

PASSAGE = 120
"""Characters before a word that is asked for, at most."""
WORD = re.compile(r"(?<=\S) ([a-zA-Z]{2,})(?!\w)")
"""A word that one space sets apart from what stands before it."""
LINES = 3
"""Before the line that is asked for."""
LONGEST = 60
"""Bytes of a line, at most: it fits into short contexts, whatever the tokens."""
CHOICES = 4
CHARACTERS = 2000
"""Of each document whose perplexity is taken, at most."""
TRIES = 100
"""For each document, before the text is given up."""
Row = dict[str, Any]
Maker = Callable[[Sequence[Document], random.Random], Row | None]
"""Makes one document of a task, or none where it has come upon unsuitable text."""
TASKS: dict[str, Row] = {
    "cloze": {
        "output_type": "loglikelihood",
        "doc_to_text": "{{context}}",
        "doc_to_target": "{{' ' + word}}",
        "target_delimiter": "",
    },
    "next_line": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{context}}",
        "doc_to_choice": "choices",
        "doc_to_target": "{{label}}",
        "target_delimiter": "",
    },
    "rolling": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{text}}",
    },
}
"""What the harness is told of each, besides its metrics and where its documents are."""
METRICS: dict[str, dict[str, tuple[str, bool]]] = {
    "cloze": {"acc": ("mean", True), "perplexity": ("perplexity", False)},
    "next_line": {"acc": ("mean", True), "acc_norm": ("mean", True)},
    "rolling": {"bits_per_byte": ("bits_per_byte", False)},
}
"""How each metric is taken over documents, and whether higher is better."""


def cloze(documents: Sequence[Document], chance: random.Random) -> Row | None:
    """Return a passage without its last word, and that word."""
    text = chance.choice(documents).text
    words = list(WORD.finditer(text))
    if not words:
        return None
    word = chance.choice(words)
    return {"context": text[max(0, word.start() - PASSAGE) : word.start()], "word": word[1]}


def next_line(documents: Sequence[Document], chance: random.Random) -> Row | None:
    """Return `LINES` lines, the one that follows, and others from anywhere to choose among."""
    lines, *others = (_lines(chance.choice(documents)) for _ in range(CHOICES))
    if len(lines) <= LINES or not all(others):
        return None
    start = chance.randrange(len(lines) - LINES)
    *before, true = lines[start : start + LINES + 1]
    choices = [true, *map(chance.choice, others)]
    if len(set(choices)) < CHOICES or max(len(line.encode()) for line in choices) > LONGEST:
        return None
    chance.shuffle(choices)
    context = "".join(f"{line}\n" for line in before)
    return {"context": context, "choices": choices, "label": choices.index(true)}


def rolling(documents: Sequence[Document], chance: random.Random) -> Row | None:
    """Return the first `CHARACTERS` of a document."""
    return {"text": chance.choice(documents).text[:CHARACTERS]}


MAKERS: dict[str, Maker] = {"cloze": cloze, "next_line": next_line, "rolling": rolling}


def write_tasks(corpus: list[Path], folder: Path, count: int) -> None:
    """Write the three tasks: a YAML and a JSON-lines file each, `count` documents.

    Raises
    ------
    UsageError
        If the text cannot be read, or there is too little of it.
    WriteError
        If the system refuses.
    """
    _, documents = split_corpus(read_corpus(corpus))
    for name, told in TASKS.items():
        rows = _made(name, documents, count)
        data = folder.resolve() / f"{name}.jsonl"
        write_text_atomically(data, "".join(f"{json.dumps(row)}\n" for row in rows))
        task = {
            "task": name,
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data)}},
            "test_split": "test",
            "metric_list": [
                {"metric": metric, "aggregation": how, "higher_is_better": higher}
                for metric, (how, higher) in METRICS[name].items()
            ],
            **told,
        }
        # JSON is YAML, and needs no library to be written
        write_text_atomically(folder / f"{name}.yaml", json.dumps(task, indent=2) + "\n")


def _made(name: str, documents: Sequence[Document], count: int) -> list[Row]:
    chance = random.Random(0)
    tries = (MAKERS[name](documents, chance) for _ in range(TRIES * count))
    rows = list(islice(filter(None, tries), count))
    if len(rows) < count:
        msg = f"too little held-out text for {count} documents of {name}; give more with --data"
        raise UsageError(msg)
    return rows


def _lines(document: Document) -> list[str]:
    return [line for line in document.text.splitlines() if line.strip()]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m reference_model.evaluate.held_out",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", nargs="+", default=[], type=Path, metavar="PATH", help="[standard library]")
    add("--count", type=int, default=500, metavar="N", help="documents of each task [500]")
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the tasks")
    args = parser.parse_args(arguments)
    try:
        if args.count < 1:
            raise UsageError(f"--count {args.count}: must be at least 1")
        write_tasks(args.data, args.output, args.count)
    except (UsageError, WriteError) as error:
        say(f"error: {error}")
        return 2
    say(f"written: {', '.join(TASKS)} to {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
