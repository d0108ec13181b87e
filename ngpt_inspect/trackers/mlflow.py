"""MLflow: metrics of a run in an experiment; the server is that of $MLFLOW_TRACKING_URI."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ngpt_inspect.trackers._tracker import Log, Moment, Tracker

FORBIDDEN = re.compile(r"[^\w\-. /:]", re.ASCII)
"""What names of metrics cannot have."""
AT_ONCE = 1000
"""Metrics that one request takes."""


class _Run:
    def __init__(self, client: Any, run_id: str) -> None:
        self.client = client
        self.run_id = run_id

    def take(self, moment: Moment) -> None:
        """Take all; of a histogram its mean and spread: MLflow has no bins."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        moments = {
            f"{tag}/{name}": value
            for tag, each in moment.histograms.items()
            for name, value in (("mean", each.mean), ("std", each.std))
        }
        metrics = [
            Metric(_named(tag), value, now, moment.step)
            for tag, value in (moments | dict(moment.scalars)).items()
        ]
        for first in range(0, len(metrics), AT_ONCE):
            self.client.log_batch(self.run_id, metrics=metrics[first : first + AT_ONCE])
        for name, picture in moment.figures.items():
            place = f"figures/{name}/{moment.step:08}.html"
            self.client.log_figure(self.run_id, picture.figure, place)


def _named(tag: str) -> str:
    """Return a name in one folder: no metric may be named as the folder of another."""
    quantity, slash, rest = FORBIDDEN.sub("_", tag).partition("/")
    return quantity + slash + rest.replace("/", ".")


@contextmanager
def _opened(where: str, run: str) -> Iterator[Log]:
    from mlflow import MlflowClient

    client = MlflowClient()
    name = where or "ngpt-inspect"
    found = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if found is None else found.experiment_id
    tags = {"ngpt_inspect.run": FORBIDDEN.sub("_", run)}
    mine = f"tags.`ngpt_inspect.run` = '{tags['ngpt_inspect.run']}'"
    earlier = client.search_runs([experiment], mine, max_results=1)
    started = earlier[0] if earlier else client.create_run(experiment, tags=tags, run_name=run)
    yield _Run(client, started.info.run_id)
    client.set_terminated(started.info.run_id)


TRACKER = Tracker(name="mlflow", title="MLflow", package="mlflow", where="experiment", open=_opened)
