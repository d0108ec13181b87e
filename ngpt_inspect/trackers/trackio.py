"""Trackio: a project in its own store on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ngpt_inspect.trackers._tracker import Log, Moment, Tracker


class _Run:
    def __init__(self, trackio: Any) -> None:
        self.trackio = trackio

    def take(self, moment: Moment) -> None:
        told: dict[str, Any] = dict(moment.scalars)
        for tag, each in moment.histograms.items():
            binned = (list(each.counts), list(each.edges))
            told[f"{tag}/histogram"] = self.trackio.Histogram(np_histogram=binned)
        for name, picture in moment.figures.items():
            told[f"figures/{name}"] = self.trackio.Image(picture.pixels())
        self.trackio.log(told, step=moment.step)


@contextmanager
def _opened(where: str, run: str) -> Iterator[Log]:
    import trackio

    trackio.init(project=where or "ngpt-inspect", name=run, resume="allow")
    try:
        yield _Run(trackio)
    finally:
        trackio.finish()


TRACKER = Tracker(
    name="trackio", title="Trackio", package="trackio", where="project", open=_opened, images=True
)
