"""Independent pieces of work over a few processes."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

__all__ = ["run_tasks"]


def run_tasks(function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], *, workers: int) -> Iterator[None]:
    """Call ``function(*task)`` for every task and yield after each; the results are what it writes.

    With several workers each is a fresh process with one thread, so two runs with the same number of threads agree;
    with one, everything happens in this process. The first error stops the rest and is raised here.
    """
    if workers <= 1:
        for task in tasks:
            function(*task)
            yield
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        futures = [pool.submit(function, *task) for task in tasks]
        try:
            for future in as_completed(futures):
                future.result()
                yield
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one_thread() -> None:
    import torch

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
