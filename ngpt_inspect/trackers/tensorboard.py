"""TensorBoard: event files in a folder, a sub-folder a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ngpt_inspect.trackers._tracker import Log, Moment, Tracker


class _Events:
    def __init__(self, writer: Any) -> None:
        self.writer = writer

    def take(self, moment: Moment) -> None:
        for tag, value in moment.scalars.items():
            self.writer.add_scalar(tag, value, moment.step)
        for tag, each in moment.histograms.items():
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
                global_step=moment.step,
            )
        for name, picture in moment.figures.items():
            seen = picture.pixels()
            self.writer.add_image(f"figures/{name}", seen, moment.step, dataformats="HWC")


@contextmanager
def _opened(where: str, run: str) -> Iterator[Log]:
    from torch.utils.tensorboard import SummaryWriter  # ImportError without tensorboard

    Path(where).mkdir(parents=True, exist_ok=True)
    # A file below the folder of a run, whatever its label.
    with SummaryWriter(str(Path(where, *_safe(run)))) as writer:
        yield _Events(writer)


def _safe(run: str) -> list[str]:
    return [part for part in run.split("/") if part not in ("", ".", "..")] or ["run"]


TRACKER = Tracker(
    name="tensorboard",
    title="TensorBoard",
    package="tensorboard",
    where="folder",
    open=_opened,
    place_needed=True,
    images=True,
)
