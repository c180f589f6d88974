"""A page to listen to: recordings from the best to the worst, each with a player and its score on one axis.

The page is one HTML file without scripts. Its players either point at the recordings by a path relative to the page,
which then has to stay where it is, or hold the recordings themselves, so that the file can be given away alone.
"""

import base64
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import soundfile

from affekt import __version__
from affekt.audio import load
from affekt.errors import ConfigError, DataError
from affekt.files import new_file
from affekt.reports.pages import render
from affekt.types import PathLike

__all__ = ["ListeningRow", "write_listening_page"]

_EMBEDDED_MIB = 256
"""No page with more audio in it than this is written: browsers give up on it."""

_KINDS = {".flac": "audio/flac", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav"}
"""What browsers play, by the ending of the file; anything else goes in as 16-bit WAV."""

_TICKS = 5
"""About as many numbers on the axis."""


@dataclass(frozen=True, kw_only=True)
class ListeningRow:
    """One recording of the page."""

    path: PathLike
    """The file that holds it."""
    score: float
    """What it is ordered by; higher is better."""
    note: str = ""
    """What else to show of it, such as its text."""
    start: float = 0.0
    """First moment of the segment, seconds."""
    end: float | None = None
    """Last moment, seconds; None is the end of the file."""


def write_listening_page(
    file: PathLike,
    *,
    title: str,
    heading: str,
    rows: Sequence[ListeningRow],
    note: str,
    embed: bool,
) -> Path:
    """Write a page with a player for each recording, the highest score first.

    Args:
        file: the page, a new file.
        title: of the browser's tab.
        heading: what the recordings are ordered by, in words; the page's first line.
        rows: recordings in any order; equal scores stay in theirs.
        note: a sentence under the heading: what made the scores, what they do not say.
        embed: put the recordings into the page; else it points at them by relative paths.

    Returns:
        The page.

    Raises:
        DataError: ``file`` exists, there are no rows, a score is not finite, a recording is missing, or with ``embed``
            one cannot be read.
        ConfigError: with ``embed``, the recordings are too large for one page.
    """
    if not rows:
        raise DataError("there is nothing to listen to (got no recordings); at least one was expected; name some.")
    for row in rows:
        if not math.isfinite(row.score):
            raise DataError(f"the score of {row.path} is {row.score}; a finite number was expected; leave it out.")
        if not Path(row.path).is_file():
            raise DataError(f"there is no recording {row.path}; a file was expected; check the path.")
    ordered = sorted(rows, key=lambda row: -row.score)
    low, high = ordered[-1].score, ordered[0].score
    with new_file(file) as page:
        names = _names([Path(row.path) for row in ordered])
        shown: list[dict[str, Any]] = []
        size = 0
        for position, (row, name) in enumerate(zip(ordered, names, strict=True), start=1):
            source = _embedded(row) if embed else _relative(row, Path(file))
            size += len(source)
            if embed and size > _EMBEDDED_MIB * 2**20:
                raise ConfigError(
                    f"the recordings of the page are too large to put into it (got more than {_EMBEDDED_MIB} MiB for "
                    f"{len(rows)} recordings); a smaller page was expected; show fewer, or do not embed them."
                )
            part = "" if not row.start and row.end is None else _part(row)
            shown.append(
                {
                    "number": position,
                    "name": name + part,
                    "source": source,
                    "score": f"{row.score:.3f}",
                    "at": f"{100 * _share(row.score, low, high):.2f}",
                    "note": row.note,
                }
            )
        ticks = [{"at": f"{100 * _share(value, low, high):.2f}", "label": f"{value:g}"} for value in _ticks(low, high)]
        text = render(
            "listening.html",
            title=title,
            heading=heading,
            note=note,
            rows=shown,
            ticks=ticks,
            notes=any(row["note"] for row in shown),
            embed=embed,
            version=__version__,
        )
        page.write_text(text, encoding="utf-8")
    return Path(file)


def _relative(row: ListeningRow, page: Path) -> str:
    """The address of a recording seen from the page's folder; a segment is a media fragment."""
    here, there = page.parent.resolve(), Path(row.path).resolve()
    try:
        path = Path(os.path.relpath(there, here)).as_posix()
    except ValueError:  # another drive
        return there.as_uri() + _fragment(row)
    return quote(path) + _fragment(row)


def _fragment(row: ListeningRow) -> str:
    if not row.start and row.end is None:
        return ""
    return f"#t={row.start:.3f}" + ("" if row.end is None else f",{row.end:.3f}")


def _embedded(row: ListeningRow) -> str:
    """A recording as a data address: the file as it is, or the segment as 16-bit WAV."""
    path = Path(row.path)
    kind = _KINDS.get(path.suffix.lower(), "")
    if not row.start and row.end is None and kind:
        content = path.read_bytes()
    else:
        buffer = io.BytesIO()
        soundfile.write(buffer, load(path, start=row.start, end=row.end), 16000, format="WAV", subtype="PCM_16")
        kind, content = "audio/wav", buffer.getvalue()
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _names(paths: Sequence[Path]) -> list[str]:
    """Paths without the folders that all of them share."""
    whole = [path.resolve() for path in paths]
    shared = Path(os.path.commonpath([path.parent for path in whole]))
    return [path.relative_to(shared).as_posix() for path in whole]


def _part(row: ListeningRow) -> str:
    end = "end" if row.end is None else f"{row.end:.2f} s"
    return f" ({row.start:.2f} s to {end})"


def _share(score: float, low: float, high: float) -> float:
    """Where a score lies between the ends, 0 to 1; the middle if all scores are equal."""
    return 0.5 if high <= low else (score - low) / (high - low)


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two scores."""
    if high <= low:
        return [round(low, 6)]
    step = 10.0 ** math.floor(math.log10((high - low) / _TICKS))
    step *= min((1.0, 2.0, 5.0, 10.0), key=lambda factor: abs((high - low) / (factor * step) - _TICKS))
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]
