"""Lists, scores and tables as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from affekt.errors import ConfigError

if TYPE_CHECKING:
    from affekt.metrics import Interval

__all__ = ["count", "interval", "split_commas", "table"]


def split_commas(text: str, noun: str) -> tuple[str, ...]:
    """The words of a list with commas: ``"a, b"`` -> ``("a", "b")``.

    Args:
        text: the list.
        noun: what it lists, for the message.

    Raises:
        ConfigError: it lists nothing.
    """
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise ConfigError(f"{text!r} names no {noun}; a list with commas was expected; name at least one.")
    return words


def count(number: int, noun: str) -> str:
    """A number of things: ``1 speaker``, ``2 speakers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def interval(score: "Interval") -> str:
    """A share and its confidence interval in percent."""
    return f"{100 * score.estimate:.1f} % [{100 * score.low:.1f}, {100 * score.high:.1f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a text table: the first column to the left, the others to the right."""
    lines = (head, *rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
