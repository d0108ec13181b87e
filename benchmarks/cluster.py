"""What a second worker of a Dask cluster gains: one against two, of one thread each.

    python benchmarks/large_checkpoint.py FOLDER --size 0.4B --layers 8
    python benchmarks/cluster.py FOLDER [--measure singular-values] [--rounds 3]

Both clusters are started before anything is timed, with nothing to do but what is asked of them,
and are asked in turn, round after round. The tables must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import logging
from functools import partial
from pathlib import Path

import pandas as pd
from distributed import LocalCluster
from interleave import interleave, with_ratios
from recording import add_option, tell

from ngpt_inspect.tables import measure
from ngpt_inspect.tables.executors import dask_cluster


def main() -> None:
    """Start two clusters, time them in turn, and compare their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--measure", default="singular_values")
    parser.add_argument("--rounds", type=int, default=3)
    add_option(parser)
    given = parser.parse_args()
    start = partial(
        LocalCluster,
        threads_per_worker=1,
        dashboard_address=None,
        processes=True,
        silence_logs=logging.ERROR,
    )
    with (
        start(n_workers=1) as lone,
        start(n_workers=2) as pair,
        dask_cluster(lone.scheduler_address) as one,
        dask_cluster(pair.scheduler_address) as two,
    ):
        ways = {
            name: partial(measure, given.folder, given.measure, executor=executor)
            for name, executor in (("one worker", one), ("two workers", two))
        }
        tables = [way() for way in ways.values()]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
        told = with_ratios(interleave(ways, given.rounds), "one worker")
        tell(f"{given.measure} of {Path(given.folder).name}", told, write=given.write)


if __name__ == "__main__":
    main()
