"""Where jobs run: here, small ones side by side and large ones on all cores; or elsewhere."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from operator import methodcaller
from typing import TypeVar

from ngpt_inspect.errors import InspectError, MissingLibrary, WrongOption
from ngpt_inspect.numerics.cores import cores
from ngpt_inspect.tables.jobs import Computing

Made = TypeVar("Made")

run = methodcaller("run")
"""Do a job, or what its ticket says, in whatever process this is."""

MOST_WORKERS = 8
"""By default; each holds one small matrix at a time."""


def results(
    jobs: Sequence[Computing[Made]], executor: Executor | None = None, workers: int | None = None
) -> Iterator[Made]:
    """Yield what each job makes, in the order of the jobs.

    The numbers are the same to the last bit whatever the workers or the executor: a small job
    always computes on one core, a large one on as many as torch takes where it was planned.

    Parameters
    ----------
    jobs
        What to compute.
    executor
        Any `concurrent.futures.Executor`; jobs travel as tickets. None: here.
    workers
        How many small jobs run side by side here; by default one a core, at most 8.
    """
    if executor is not None:
        yield from executor.map(run, [job.ticket() for job in jobs])
        return
    with ThreadPoolExecutor(_workers(workers)) as pool:
        # torch lets go of Python's lock while it computes, so threads serve, and start at once.
        for large, group in groupby(jobs, key=lambda job: job.is_large):
            alike = list(group)
            if large or not any(job.needs_torch for job in alike):
                yield from map(run, alike)
                continue
            with cores(1):  # of the whole process: threads of the pool begin with it
                yield from pool.map(run, alike)


def _workers(asked: int | None) -> int:
    if asked is not None and asked < 1:
        raise WrongOption(f"{asked} workers", where="--workers", next_step="give 1 or more")
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return asked or min(there or 1, MOST_WORKERS)


@contextmanager
def dask_cluster(address: str, patience: float = 10) -> Iterator[Executor]:
    """Give the executor of a Dask cluster. Its workers must see the checkpoints' paths.

    A worker that dies has its work done again by another. `patience` is in seconds.

    Raises
    ------
    MissingLibrary
        Without dask's distributed.
    InspectError
        Nobody answers at the address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MissingLibrary(
            "a cluster needs dask", next_step="pip install 'ngpt-inspect[cluster]'"
        ) from None
    try:
        client = Client(address, timeout=patience)
    except (OSError, ValueError) as error:
        raise InspectError(
            f"no Dask scheduler answers ({str(error).splitlines()[0]})",
            where=address,
            next_step="start one with `dask scheduler`, and give its tcp:// address",
        ) from None
    with client:
        yield client.get_executor(retries=3)
