"""Where work can go: threads of this process, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from ngpt_inspect.errors import InspectError, MissingLibrary, WrongOption


@contextmanager
def local_workers(count: int) -> Iterator[Executor | None]:
    """Give an executor of so many threads, each computing on one core; None for one worker.

    Helps where matrices are many and small: one large factorisation uses all cores anyway.
    torch releases Python's lock while it computes, so threads serve, and they start at once.
    """
    if count < 1:
        raise WrongOption(f"{count} workers", where="--workers", next_step="give 1 or more")
    if count == 1:
        yield None
        return
    executor = ThreadPoolExecutor(count, initializer=_one_core)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _one_core() -> None:
    import torch

    torch.set_num_threads(1)


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """Give the executor of a Dask cluster. Its workers must see the checkpoints' paths.

    A worker that dies has its work done again by another.

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
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise InspectError(
            f"no Dask scheduler answers ({str(error).splitlines()[0]})",
            where=address,
            next_step="start one with `dask scheduler`, and give its tcp:// address",
        ) from None
    with client:
        yield client.get_executor(retries=3)
