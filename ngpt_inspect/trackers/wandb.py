"""Weights & Biases: a run a checkpoint's label, with steps of its own."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ngpt_inspect.trackers._tracker import Log, Moment, Tracker

PREFIX = "ngpt"
STEP = f"{PREFIX}/step"
MOST_BINS = 512
"""Bins that W&B takes."""


class _Run:
    def __init__(self, run: Any) -> None:
        import wandb

        self.run = run
        self.histogram, self.drawing = wandb.Histogram, wandb.Plotly
        # Steps may come late, and out of order with those of the training loop.
        run.define_metric(STEP)
        run.define_metric(f"{PREFIX}/*", step_metric=STEP)

    def take(self, moment: Moment) -> None:
        told: dict[str, Any] = {f"{PREFIX}/{tag}": value for tag, value in moment.scalars.items()}
        for tag, each in moment.histograms.items():
            if len(each.counts) <= MOST_BINS:
                binned = (list(each.counts), list(each.edges))
                told[f"{PREFIX}/{tag}/histogram"] = self.histogram(np_histogram=binned)
        for name, picture in moment.figures.items():
            told[f"{PREFIX}/figures/{name}"] = self.drawing(picture.figure)
        self.run.log({STEP: moment.step, **told})


@contextmanager
def _opened(where: str, run: str) -> Iterator[Log]:
    import wandb

    project = where or "ngpt-inspect"
    key = hashlib.sha256(f"{project}/{run}".encode()).hexdigest()[:16]
    settings = wandb.Settings(silent=True)
    started = wandb.init(project=project, name=run, id=key, resume="allow", settings=settings)
    try:
        yield _Run(started)
    finally:
        started.finish()


TRACKER = Tracker(
    name="wandb", title="Weights & Biases", package="wandb", where="project", open=_opened
)
