"""Seconds as the text that pandas writes for a span of time, such as ``0 days 00:00:01.500000000``.

The text goes to the nanosecond, so a time such as 1/44100 s comes back with an error below 1e-9 s.
"""

import re
from typing import Final

from affekt.errors import DataError

__all__ = ["seconds_of", "text_of"]

_PATTERN: Final = re.compile(
    r"(?:(?P<days>\d+) days?,? ?)?"
    r"(?:\+?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2}):(?P<seconds>\d{1,2})(?P<part>\.\d{1,9})?)?"
)
_NUMBER: Final = re.compile(r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


def text_of(seconds: float) -> str:
    """The text of a time.

    Args:
        seconds: At least 0.

    Returns:
        Days, hours, minutes, seconds and nanoseconds.
    """
    total = round(seconds * 1e9)
    whole, nanoseconds = divmod(total, 10**9)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days} days {hour:02d}:{minute:02d}:{second:02d}.{nanoseconds:09d}"


def seconds_of(text: str, *, where: str, plain: bool) -> float | None:
    """The seconds of a text.

    Args:
        text: ``0 days 00:00:01.5``, ``00:00:01.5``, or nothing or ``NaT`` where the time is not known.
        where: What error messages call its place.
        plain: Whether a number alone is seconds; otherwise it is refused, since readers disagree on its unit.

    Returns:
        Seconds, or None.

    Raises:
        DataError: The text is none of these.
    """
    text = text.strip()
    if text in ("", "NaT"):
        return None
    if _NUMBER.fullmatch(text):
        if plain:
            return float(text)
        raise DataError(
            f"{where} is '{text}' without a unit; a time such as 0 days 00:00:01.5 was expected; write that."
        )
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise DataError(f"{where} is no time (got '{text}'); one such as 0 days 00:00:01.5 was expected; correct it.")
    days, hours, minutes, seconds = (int(match[name] or 0) for name in ("days", "hours", "minutes", "seconds"))
    nanoseconds = int((match["part"] or ".0")[1:].ljust(9, "0"))
    return (((days * 24 + hours) * 60 + minutes) * 60 * 10**9 + seconds * 10**9 + nanoseconds) / 1e9
