"""Where the recordings of an export are: left in place, copied, or cut into files of their own."""

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from affekt.audio import AudioInfo, info
from affekt.corpora.corpus import Corpus
from affekt.errors import DataError

__all__ = ["Placed", "headers", "place"]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """One utterance's recording as an export refers to it."""

    file: str
    """Path to write: from the folder of the export where the recording was copied, absolute where it stays."""
    path: Path
    """Where the recording is now."""
    start: float | None
    """Seconds; None is the start of the file."""
    end: float | None
    """Seconds; None is the end of the file."""


def place(
    corpus: Corpus, folder: Path, *, copy_audio: bool, cut: bool = False, under: Sequence[str] = ()
) -> list[Placed]:
    """Where the recording of each utterance is, after copying or cutting if that is asked for.

    Args:
        corpus: The corpus.
        folder: Folder that is being written.
        copy_audio: Whether to copy the recordings to the same relative paths under it.
        cut: The format refers to whole files, so a segment is written to ``clips/`` as a file of its own.
        under: Folder inside the folder for each utterance; none is the folder itself.

    Returns:
        One for each utterance, in the order of the table.

    Raises:
        DataError: A recording that shall be copied is missing or outside the root, or there are segments, the format
            has none, and nothing may be copied.
    """
    rows = corpus.table.select("utterance", "file", "start", "end").rows()
    segments = [row for row in rows if cut and (row[2] or row[3] is not None)]
    if segments and not copy_audio:
        raise DataError(
            f"utterance '{segments[0][0]}' is a part of {segments[0][1]} and this format refers to whole files; "
            "permission to cut was expected; export with the audio copied (--copy-audio)."
        )
    placed = []
    for number, (utterance, file, start, end) in enumerate(rows):
        origin = Path(os.path.abspath(corpus.root / file))
        into = folder / under[number] if under else folder
        if cut and (start or end is not None):
            path = _cut(origin, into, utterance, number, start or 0.0, end)
            placed.append(Placed(file=path.relative_to(folder).as_posix(), path=path, start=None, end=None))
        elif copy_audio:
            path = _copy(origin, into, file)
            placed.append(Placed(file=path.relative_to(folder).as_posix(), path=path, start=start, end=end))
        else:
            placed.append(Placed(file=origin.as_posix(), path=origin, start=start, end=end))
    return placed


def headers(placed: list[Placed]) -> list[AudioInfo]:
    """What the header of each recording says; each file is opened once.

    Raises:
        DataError: A recording is missing or damaged, or a segment ends after its file.
    """
    known: dict[Path, AudioInfo] = {}
    found = []
    for recording in placed:
        header = known.get(recording.path) or known.setdefault(recording.path, info(recording.path))
        last = max(recording.start or 0.0, recording.end or 0.0)
        if last > header.seconds + 0.5 / header.sample_rate:
            raise DataError(
                f"a segment of {recording.path} reaches to {last:g} s; the file is {header.seconds:g} s long; "
                "run affekt corpus check and correct the segment."
            )
        found.append(header)
    return found


def _copy(origin: Path, folder: Path, file: str) -> Path:
    """Copy a recording to the same relative path; copied once."""
    inside = os.path.normpath(file)
    if os.path.isabs(inside) or inside.startswith(".."):
        raise DataError(f"{file} is outside the corpus root; only files under it can be copied; use relative paths.")
    if not origin.is_file():
        raise DataError(f"no recording at {origin}; it was to be copied; restore it or leave its rows out.")
    target = folder / inside
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(origin, target)
    return target


def _cut(origin: Path, folder: Path, utterance: str, number: int, start: float, end: float | None) -> Path:
    """Write a segment as a wav file at its own rate, with all channels and, where wav knows it, its own sample type."""
    import soundfile

    header = info(origin)
    first = round(start * header.sample_rate)
    last = header.samples if end is None else min(round(end * header.sample_rate), header.samples)
    if first >= last:
        raise DataError(
            f"the segment of utterance '{utterance}' lies outside {origin} ({header.seconds:g} s); correct its times."
        )
    samples, rate = soundfile.read(origin, start=first, stop=last, dtype="float64", always_2d=True)
    subtype = soundfile.info(origin).subtype
    if not soundfile.check_format("WAV", subtype) or not subtype.startswith("PCM"):
        subtype = "FLOAT"  # what lossy formats decode to
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", utterance)[-60:]
    target = folder / "clips" / f"{number:06d}-{slug}.wav"
    target.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(target, samples, rate, subtype=subtype)
    return target
