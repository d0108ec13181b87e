"""The sum of the learning rates of the steps between two checkpoints of a run."""

from pathlib import Path

import numpy as np

from ngpt_inspect.run_log import read_metrics
from ngpt_inspect.runs import log_of, run_of
from ngpt_inspect.weights import WeightSet


def rate_sum(before: WeightSet, after: WeightSet) -> tuple[float | None, str]:
    """Return the sum over the steps after `before` up to `after`, and what is to be said of it.

    None where they are not steps of one run, or its log has no learning rate between them. What a
    log leaves out is taken to lie on a line between its neighbours.
    """
    start, stop = before.step, after.step
    runs = [run_of(Path(each.contents.source)) for each in (before, after)]
    run = runs[0]
    if run is None or run != runs[1] or start is None or stop is None or start >= stop:
        return None, ""
    if log_of(run) is None:
        return None, "no log beside the run: angles are not divided by learning rates"
    logged = read_metrics(run).dropna(subset="learning_rate")
    steps, rates = logged["step"].to_numpy(), logged["learning_rate"].to_numpy()
    between = np.arange(start + 1, stop + 1)
    there = int(np.isin(between, steps).sum())
    if not there:
        return None, f"no learning rate is logged between steps {start} and {stop}"
    order = np.argsort(steps, kind="stable")
    total = float(np.interp(between, steps[order], rates[order]).sum())
    missing = len(between) - there
    if not total > 0:
        return None, f"the learning rates between steps {start} and {stop} are zero"
    return total, f"{missing} of {len(between)} learning rates interpolated" if missing else ""
