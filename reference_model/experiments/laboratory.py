"""Where experiments happen: trains planned runs, one or several at a time, and keeps results."""

import csv
import io
import json
import math
import multiprocessing
import os
import platform
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from reference_model.data import TokenData, is_bin_folder, load_bins, load_text
from reference_model.data.tokens import ByteTokenizer, TokenizerKind
from reference_model.errors import DivergenceError, Interrupted, OutOfTime
from reference_model.experiments.runs import Run, final_loss, is_finished
from reference_model.experiments.scales import Scale
from reference_model.files import write_text_atomically
from reference_model.presets import PRESETS
from reference_model.progress import clock, say
from reference_model.training.loop import train


@dataclass(frozen=True, kw_only=True)
class Laboratory:
    """One scale, one corpus, one machine."""

    scale: Scale
    corpus: tuple[Path, ...] = ()
    """As `corpus.read_corpus` takes them: empty for Python's standard library."""
    runs: Path
    """Folder of all runs of the scale."""
    results: Path
    """Folder of all results of the scale."""
    device: str = "auto"
    compiled: bool = False
    jobs: int = 1
    """Runs trained side by side, each with its share of the cores."""
    deadline: float = math.inf
    """Value of `time.monotonic` at which training stops; what has ended by then is reported."""

    def folder(self, run: Run) -> Path:
        """Where a run is."""
        return self.runs / run.name

    def data(self, vocab_size: int | None = None) -> TokenData:
        """Encode the corpus, or take it from the cache beside the runs.

        A vocabulary of 256 is one of bytes; any other a byte-pair encoding. None: the scale's.
        """
        paths = list(self.corpus)
        vocab_size = vocab_size or PRESETS[self.scale.preset].shape["vocab_size"]
        if is_bin_folder(paths):
            return load_bins(paths[0], vocab_size)
        kind: TokenizerKind = "bytes" if vocab_size == ByteTokenizer.vocab_size else "bpe"
        return load_text(paths, kind, vocab_size, cache=self.runs)

    @property
    def time_is_up(self) -> bool:
        """Whether the deadline is past."""
        return time.monotonic() >= self.deadline

    def train(self, runs: Iterable[Run]) -> None:
        """Bring every run to its last step; finished ones are left as they are.

        One that diverges is told of and left without a final loss.

        Raises
        ------
        OutOfTime
            The deadline came first; another call goes on.
        UsageError
            If a folder holds another run under the same name, or cannot be used.
        """
        wanted = list(dict.fromkeys(runs))
        if len(self.train_in_time(wanted)) < len(wanted):
            raise OutOfTime

    def train_in_time(self, runs: Iterable[Run]) -> list[Run]:
        """Train as `train` does until time is up; return what has ended by then, in their order.

        Raises
        ------
        UsageError
            If a folder holds another run under the same name, or cannot be used.
        OutOfTime
            None has ended.
        """
        wanted = list(dict.fromkeys(runs))
        todo = sorted(wanted, key=lambda run: -run.flops)
        ended: set[Run] = set()
        for vocab_size in {run.model.vocab_size for run in todo}:
            self.data(vocab_size)  # once, before several processes want it
        started, done, left = time.monotonic(), 0.0, sum(run.flops for run in todo)
        for run, was_finished in self._trained(todo):
            ended.add(run)
            left -= run.flops
            done += 0.0 if was_finished else run.flops
            loss = final_loss(run, self.folder(run))
            told = "diverged" if loss is None else f"validation loss {loss:.4f}"
            note = ""
            if done and left and len(ended) >= self.jobs:  # before, most of the work is under way
                note = f"; about {clock((time.monotonic() - started) * left / done)} left"
            say(f"[{len(ended)}/{len(todo)}] {run.name}: {told}{note}")
        if len(ended) < len(todo):
            say(f"time is up: {len(ended)} of {len(todo)} runs have ended; run it again to go on")
        if todo and not ended:
            raise OutOfTime
        return [run for run in wanted if run in ended]

    def _trained(self, runs: Sequence[Run]) -> Iterator[tuple[Run, bool]]:
        """Yield runs as they end, and whether they had ended before; none when time is up."""
        if self.jobs == 1:
            for run in runs:
                was_finished = _train_one(self, run)
                if was_finished is not None:
                    yield run, was_finished
            return
        # spawned: torch's threads do not survive a fork
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.jobs, context, initializer=_end_with_parent)
        try:
            futures = {pool.submit(_train_one, self, run): run for run in runs}
            for future in as_completed(futures):
                was_finished = future.result()
                if was_finished is not None:
                    yield futures[future], was_finished
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()  # a run goes on from its last save the next time
            raise
        pool.shutdown()

    def keep(
        self, name: str, rows: Sequence[dict[str, Any]], runs: Iterable[Run] = (), **facts: Any
    ) -> Path:
        """Write the rows of an experiment as CSV and its settings as JSON; returns the CSV."""
        runs = list(dict.fromkeys(runs))
        vocabularies: list[int | None] = [*sorted({run.model.vocab_size for run in runs})] or [None]
        path = self.results / f"{name}.csv"
        settings = {
            "experiment": name,
            "scale": asdict(self.scale),
            "corpus": [each.name for each in self.corpus] or "Python standard library",
            "corpus_fingerprint": " ".join(self.data(size).fingerprint for size in vocabularies),
            **machine(self.device),
            "compiled": self.compiled,
            **facts,
            "runs": {
                run.name: {"model": run.model.to_dict(), "training": asdict(run.training)}
                for run in runs
            },
        }
        write_results(path, rows, settings)
        return path


def machine(device: str) -> dict[str, Any]:
    """Say what computes: cores or GPU, and the versions of Python and torch."""
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    return {
        "device": torch.cuda.get_device_name() if on_gpu else f"{os.cpu_count()} CPU cores",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def write_results(path: Path, rows: Sequence[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Write rows as CSV under the columns of the first, and beside it the settings as JSON.

    A missing number is empty.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    beside = path.with_suffix(".json")
    write_text_atomically(path, text.getvalue())
    write_text_atomically(beside, json.dumps(settings, indent=1, default=str) + "\n")
    say(f"written: {path} and {beside.name}")


def _end_with_parent() -> None:
    """Let this worker die with the process that started it, however that one ends."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)  # its run goes on from the last save the next time

    threading.Thread(target=watch, daemon=True).start()


def _train_one(laboratory: Laboratory, run: Run) -> bool | None:
    """Train one run, in this process; returns whether it was finished before, None: no time."""
    if laboratory.jobs > 1:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // laboratory.jobs))
    folder = laboratory.folder(run)
    if laboratory.time_is_up and not is_finished(run, folder):
        return None
    try:
        result = train(
            run.model,
            run.training,
            laboratory.data(run.model.vocab_size),
            folder,
            resume=True,
            device=laboratory.device,
            compiled=laboratory.compiled,
            show_progress=laboratory.jobs == 1 and not is_finished(run, folder),
            until=laboratory.deadline,
        )
    except DivergenceError:
        return False
    except Interrupted as stopped:
        if laboratory.time_is_up:
            return None
        if laboratory.jobs > 1:
            os._exit(stopped.exit_code)  # the pool would hand this worker its next run
        raise
    return result.was_finished
