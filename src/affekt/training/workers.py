"""Independent pieces of work over a few processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
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
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        with _deaf_children():
            futures = [pool.submit(function, *task) for task in tasks]
        try:
            for future in as_completed(futures):
                future.result()
                yield
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            # what a worker writes appears whole or not at all, so it can be stopped at any moment
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that start within the block ignore Ctrl-C, which a terminal sends to all: this process stops them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)


def _one_thread() -> None:
    import torch

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
