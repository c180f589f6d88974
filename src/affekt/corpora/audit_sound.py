"""One pass over the recordings of a corpus: what an audit and the shortcut baselines need to know of each."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np

from affekt.audio import info, level_db, resample
from affekt.audio.fingerprint import RATE, Alignment, Landmarks, align, candidates, landmarks, pcm_digest
from affekt.corpora.corpus import Corpus
from affekt.errors import ConfigError, DataError
from affekt.types import Waveform

__all__ = ["Duplicate", "Sound", "find_duplicates", "groups", "listen", "members"]

_FRAME_SECONDS: Final = 0.02
_SILENCE_DB: Final = -60.0  # as in affekt.corpora.check
_PAUSE_DB: Final = 30.0  # below the loudest frame: what counts as silence before and after the speech
_CLIPS_IN_MEMORY: Final = 256
_NONE: Final = Landmarks(keys=np.empty(0, np.uint32), frames=np.empty(0, np.int32))


@dataclass(frozen=True, kw_only=True)
class Sound:
    """What one recording is like, apart from what is said in it."""

    seconds: float
    """Length of the segment."""
    level_db: float
    """Level of the whole segment, dBFS (RMS)."""
    peak_db: float
    """Largest sample, dBFS."""
    leading: float
    """Seconds before the first frame that lies at most 30 dB below the loudest one."""
    trailing: float
    """Seconds after the last such frame."""
    sample_rate: int
    """Hz, as stored."""
    channels: int
    """As stored."""
    encoding: str
    """Container and encoding, such as ``FLAC PCM_16``."""
    silent: bool
    """Whether its loudest 20 ms lie below -60 dBFS; silent recordings are not compared."""
    digest: bytes = field(repr=False)
    """SHA-256 of the samples as 16-bit numbers."""
    landmarks: Landmarks = field(repr=False)
    """Keys to find it by."""


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    """Two utterances that are one recording."""

    first: int
    """Row of one utterance."""
    second: int
    """Row of the other; larger."""
    exact: bool
    """Whether all samples are equal."""
    correlation: float
    """Correlation of the samples where they overlap; 1 for exact duplicates."""
    offset: float
    """Seconds by which the second starts after the first."""
    overlap: float
    """Seconds that both have."""


def listen(corpus: Corpus, *, progress: Callable[[int, int], None] | None = None) -> tuple[Sound, ...]:
    """Read every recording once.

    Args:
        corpus: What to read.
        progress: Called with (utterances done, utterances in all) after each one.

    Raises:
        DataError: A recording is missing or damaged.
    """
    found: list[Sound] = []
    for row in range(len(corpus)):
        found.append(_listen(corpus, row))
        if progress is not None:
            progress(row + 1, len(corpus))
    return tuple(found)


def find_duplicates(
    corpus: Corpus,
    sounds: Sequence[Sound],
    *,
    threshold: float = 0.75,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Duplicate, ...]:
    """Pairs of utterances that are the same recording: equal, or encoded again, cut, resampled, louder, a bit noisy.

    Args:
        corpus: The utterances.
        sounds: What :func:`listen` found, one an utterance.
        threshold: Correlation from which two recordings are one. Measured on EMO-DB: different takes reach 0.38, and
            copies with an mp3 coding, cut ends and noise at 30 dB together keep 0.97.
        progress: Called with (pairs compared, pairs to compare).

    Returns:
        Exact pairs (each copy with the first of its kind), then near ones, in the order of the table. Silent recordings
        are left out.

    Raises:
        ConfigError: The threshold is not in (0, 1].
        DataError: There is another number of sounds than of utterances, or a recording has gone.
    """
    if not 0 < threshold <= 1:
        raise ConfigError(f"threshold is {threshold}; a correlation above 0 and up to 1 was expected; use 0.75.")
    if len(sounds) != len(corpus):
        raise DataError(
            f"there are {len(sounds)} sounds of {len(corpus)} utterances; one each was expected; use listen(corpus)."
        )
    first_of: dict[bytes, int] = {}
    copies: list[Duplicate] = []
    rows: list[int] = []
    for row, sound in enumerate(sounds):
        if sound.silent:
            continue
        first = first_of.setdefault(sound.digest, row)
        if first == row:
            rows.append(row)
        else:
            copies.append(
                Duplicate(first=first, second=row, exact=True, correlation=1.0, offset=0.0, overlap=sound.seconds)
            )

    @lru_cache(maxsize=_CLIPS_IN_MEMORY)
    def clip(row: int) -> Waveform:
        return corpus.load(row, sample_rate=RATE)

    near: list[Duplicate] = []
    pairs = candidates([sounds[row].landmarks for row in rows])
    for done, pair in enumerate(sorted(pairs, key=lambda pair: (pair.first, pair.second)), 1):
        first, second = rows[pair.first], rows[pair.second]
        found: Alignment = align(clip(first), clip(second))
        if found.correlation >= threshold:
            near.append(
                Duplicate(
                    first=first,
                    second=second,
                    exact=False,
                    correlation=found.correlation,
                    offset=found.offset,
                    overlap=found.overlap,
                )
            )
        if progress is not None:
            progress(done, len(pairs))
    return (*copies, *near)


def groups(size: int, pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    """The group of each of ``size`` rows, named by its first row, when each pair joins two."""
    parent = list(range(size))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in pairs:
        left, right = sorted((root(one), root(other)))
        parent[right] = left
    return tuple(root(row) for row in range(size))


def members(group_of: Sequence[int]) -> dict[int, list[int]]:
    """Rows of every group of at least two."""
    found: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(group_of):
        found[group].append(row)
    return {group: rows for group, rows in found.items() if len(rows) > 1}


def _listen(corpus: Corpus, row: int) -> Sound:
    import soundfile

    path = corpus.path(row)
    header = info(path)
    # at its own rate: resampling would make equal recordings differ
    waveform = corpus.load(row, sample_rate=header.sample_rate)
    stored = soundfile.info(str(path))
    size = max(1, min(round(_FRAME_SECONDS * header.sample_rate), waveform.size))
    frames = waveform[: waveform.size // size * size].reshape(-1, size).astype(np.float64)  # (F, size)
    levels = 10 * np.log10(np.maximum(np.mean(frames**2, axis=1), 1e-20))  # (F,)
    loud = np.flatnonzero(levels >= levels.max() - _PAUSE_DB)
    silent = bool(levels.max() < _SILENCE_DB)
    low = waveform
    if header.sample_rate != RATE and waveform.size * RATE >= header.sample_rate:
        low = resample(waveform, from_rate=header.sample_rate, to_rate=RATE)
    return Sound(
        seconds=waveform.size / header.sample_rate,
        level_db=max(-120.0, level_db(waveform)),
        peak_db=float(20 * np.log10(max(1e-6, float(np.abs(waveform).max())))),
        leading=float(loud[0] * size / header.sample_rate),
        trailing=float((len(levels) - 1 - loud[-1]) * size / header.sample_rate),
        sample_rate=header.sample_rate,
        channels=header.channels,
        encoding=f"{stored.format} {stored.subtype}",
        silent=silent,
        digest=pcm_digest(waveform),
        landmarks=_NONE if silent else landmarks(low),
    )
