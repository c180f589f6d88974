"""Results on standard output; notes and progress on standard error; nothing but errors from helper processes."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

__all__ = ["Flag", "Output", "OutputOptions", "process_name"]

_LINE_SECONDS = 10.0
"""A log that is no terminal gets one line of progress in this time."""


def process_name() -> str:
    """Which process of several this is, in words; empty for the only or the main one (``accelerate launch``)."""
    rank = os.environ.get("RANK", "0")
    return "" if rank == "0" else f" (process {rank})"


Flag = Annotated[bool, Parameter(negative=(), show_default=False)]
"""Type of an option that is there or not."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """How a command shows its result."""

    json: Flag = False
    """Write the result as JSON."""
    quiet: Flag = False
    """Write no notes and no progress; errors are still written."""

    def show(self, value: Any, lines: Sequence[str]) -> None:
        """Write a result to standard output: ``value`` as JSON, or else the lines."""
        if process_name():
            return
        text = json.dumps(value, indent=2, allow_nan=False) if self.json else "\n".join(lines)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def show_row(self, value: Any) -> None:
        """Write one line of JSON to standard output."""
        if not process_name():
            sys.stdout.write(json.dumps(value, allow_nan=False) + "\n")

    def note(self, sentence: str) -> None:
        """Write a note to standard error."""
        if not self.quiet and not process_name():
            sys.stderr.write(f"affekt: {sentence}\n")

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, int, int], None] | None]:
        """What to call with a message, the steps done and the steps in all; None if nobody wants to know."""
        if self.quiet or process_name():
            yield None
        elif sys.stderr.isatty():
            with _bar() as report:
                yield report
        else:
            yield _SparseLines()


Output = Annotated[OutputOptions, Parameter(name="*")]
"""Type of the last parameter of every command."""


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def report(message: str, done: int, total: int) -> None:
            progress.update(task, description=message, completed=done, total=total)

        yield report


class _SparseLines:
    """For logs: a line for every stage of the work, and one now and then as a stage goes on."""

    def __init__(self) -> None:
        self.stage = ""
        self.written = 0.0

    def __call__(self, message: str, done: int, total: int) -> None:
        now, stage = time.monotonic(), message.rstrip("0123456789")  # "epoch 1" and "epoch 2" are one stage
        if stage != self.stage or now - self.written >= _LINE_SECONDS:
            self.stage, self.written = stage, now
            sys.stderr.write(f"affekt: {message} ({done} of {total})\n")
