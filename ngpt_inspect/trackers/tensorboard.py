"""TensorBoard: event files in a folder, a sub-folder a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ngpt_inspect.trackers._tracker import Histogram, Log, Tracker


class _Events:
    def __init__(self, writer: Any) -> None:
        self.writer = writer

    def step(
        self, step: int, scalars: Mapping[str, float], histograms: Mapping[str, Histogram]
    ) -> None:
        for tag, value in scalars.items():
            self.writer.add_scalar(tag, value, step)
        for tag, each in histograms.items():
            n = sum(each.counts)
            self.writer.add_histogram_raw(
                f"{tag}/histogram",
                min=each.edges[0],
                max=each.edges[-1],
                num=n,
                sum=n * each.mean,
                sum_squares=n * (each.mean**2 + each.std**2),
                bucket_limits=list(each.edges[1:]),
                bucket_counts=list(each.counts),
                global_step=step,
            )


def _open(where: str, run: str) -> Any:
    from torch.utils.tensorboard import SummaryWriter  # ImportError without tensorboard

    Path(where).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def opened() -> Iterator[Log]:
        # A file below the folder of a run, whatever its label.
        with SummaryWriter(str(Path(where, *_safe(run)))) as writer:
            yield _Events(writer)

    return opened()


def _safe(run: str) -> list[str]:
    return [part for part in run.split("/") if part not in ("", ".", "..")] or ["run"]


TRACKER = Tracker(
    name="tensorboard",
    title="TensorBoard",
    package="tensorboard",
    where="folder",
    open=_open,
    place_needed=True,
)
