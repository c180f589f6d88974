"""Tasks run once each, here or in other processes, and the first error comes through."""

import os
from pathlib import Path

import pytest

from affekt.errors import DataError
from affekt.training import run_tasks


def note(folder: Path, name: str) -> None:
    """Write which process ran a task, and its threads; refuse the name that is bad."""
    import torch

    if name == "bad":
        raise DataError("this task is bad")
    (folder / name).write_text(f"{os.getpid()} {torch.get_num_threads()}")


def test_one_worker_stays_here(tmp_path: Path) -> None:
    run = run_tasks(note, [(tmp_path, "a"), (tmp_path, "b")], workers=1)
    next(run)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]  # one at a time, as the caller goes on
    assert list(run) == [None]
    assert {path.read_text().split()[0] for path in tmp_path.iterdir()} == {str(os.getpid())}


def test_no_task_is_no_work() -> None:
    assert list(run_tasks(note, [], workers=1)) == []


def test_an_error_stops_the_rest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this task is bad"):
        list(run_tasks(note, [(tmp_path, "a"), (tmp_path, "bad"), (tmp_path, "c")], workers=1))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
