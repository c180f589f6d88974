"""Find the same recording under other names: digests, landmarks of the spectrum, and correlation of the samples.

Two steps, so that ten thousand clips do not cost fifty million comparisons. Pairs of spectral peaks of a clip become
keys; two clips that share several rare keys at one distance in time are candidates (:func:`candidates`). Of a candidate
the samples themselves are correlated (:func:`align`): two takes of one sentence by one actor do not agree sample for
sample, and one take that was encoded again, cut, made louder or resampled does.

What this finds: another gain or polarity, cut ends, another rate down to 8 kHz, lossy encoding, light noise. What it
does not find: a changed speed or pitch, strong noise, a clip of which fewer than 0.3 s are left.

The idea of keys from pairs of spectral peaks is that of Wang 2003 ("An industrial-strength audio search algorithm");
peaks, keys, votes and the correlation behind them are ours.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, ShapeError
from affekt.types import IntArray, Waveform

__all__ = ["RATE", "Alignment", "Candidate", "Landmarks", "align", "candidates", "landmarks", "pcm_digest"]

RATE: Final = 8000
"""Sample rate that landmarks and alignments are computed at, Hz."""

_WINDOW: Final = 512  # 64 ms
_HOP: Final = 128  # 16 ms
_LOW_BIN, _HIGH_BIN = 10, 224  # 156 to 3500 Hz: above hum, below the edge of a file at 8 kHz
_AROUND_FRAMES, _AROUND_BINS = 3, 5  # a peak is the largest value this far to each side
_RANGE: Final = 4.6  # nepers below the largest peak (40 dB): weaker peaks are noise
_PEAKS_A_SECOND: Final = 45
_PARTNERS: Final = 6
_LONGEST_FRAMES, _LONGEST_BINS = 32, 64
_VOTES: Final = 5
_VOTE_SHARE: Final = 0.03
_MOST_PAIRS: Final = 40_000_000  # pairs of equal keys that are looked at: 0.3 GB
_SHORTEST_SECONDS: Final = 0.3
_SHARE: Final = 0.5  # of the shorter clip that must overlap
_BAND_HZ: Final = (200.0, 3400.0)
_FINE: Final = 4  # steps between two samples in the search for the best lag


@dataclass(frozen=True, kw_only=True)
class Landmarks:
    """Pairs of spectral peaks of one clip."""

    keys: npt.NDArray[np.uint32]
    """Two frequencies and the time between them, packed, shape (H,)."""
    frames: npt.NDArray[np.int32]
    """When the first of the two peaks is, in steps of 16 ms, shape (H,)."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Two clips that share keys at one distance in time."""

    first: int
    """Number of a clip."""
    second: int
    """Number of another, larger than ``first``."""
    votes: int
    """Shared keys at the commonest distance."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How two clips agree where they agree best."""

    correlation: float
    """Correlation of the samples from 200 to 3400 Hz, of either sign, in [0, 1]."""
    offset: float
    """Seconds by which the second clip starts after the first one."""
    overlap: float
    """Seconds that both have."""


def pcm_digest(waveform: Waveform) -> bytes:
    """SHA-256 of the samples as 16-bit numbers; the same for every lossless format.

    Args:
        waveform: Samples, shape (T,).
    """
    scaled = np.clip(np.round(waveform.astype(np.float64) * 32768.0), -32768, 32767)
    return hashlib.sha256(scaled.astype("<i2").tobytes()).digest()


def landmarks(waveform: Waveform) -> Landmarks:
    """Keys of a clip; gain changes none of them.

    Args:
        waveform: Samples at :data:`RATE`, shape (T,).

    Returns:
        At most six keys a peak and 45 peaks a second; none for digital silence.

    Raises:
        ShapeError: The waveform has more than one axis.
    """
    from scipy.ndimage import maximum_filter

    _check(waveform)
    padded = np.pad(waveform, (0, max(0, _WINDOW - waveform.size)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]  # (F, window)
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1))[:, _LOW_BIN:_HIGH_BIN]
    largest = float(spectrum.max(initial=0.0))
    if largest < 1e-7:
        return Landmarks(keys=np.empty(0, np.uint32), frames=np.empty(0, np.int32))
    size = (2 * _AROUND_FRAMES + 1, 2 * _AROUND_BINS + 1)
    floor = largest * np.exp(-_RANGE)
    times, bins = np.nonzero((spectrum == maximum_filter(spectrum, size, mode="constant")) & (spectrum > floor))
    most = max(8, round(_PEAKS_A_SECOND * waveform.size / RATE))
    if times.size > most:
        kept = np.sort(np.argsort(-spectrum[times, bins], kind="stable")[:most])
        times, bins = times[kept], bins[kept]
    return _paired(times, bins)


def candidates(clips: Sequence[Landmarks], *, votes: int = _VOTES, share: float = _VOTE_SHARE) -> list[Candidate]:
    """Pairs of clips worth comparing.

    Clips that share a key are looked up in buckets, rare keys first, up to 40 million pairs of equal keys; so the work
    grows with the number of keys and not with the square of the number of clips, and in a very large corpus common keys
    count no more.

    Args:
        clips: Landmarks of every clip.
        votes: Keys that two clips must share at one distance in time (give or take 16 ms).
        share: Part of the keys of the clip with fewer keys that they must share at least.

    Returns:
        The pairs, most votes first.

    Raises:
        ConfigError: ``votes`` is below 1 or ``share`` outside [0, 1].
    """
    if votes < 1:
        raise ConfigError(f"votes is {votes}; 1 or more was expected; use {_VOTES}.")
    if not 0 <= share <= 1:
        raise ConfigError(f"share is {share}; a number from 0 to 1 was expected; use {_VOTE_SHARE}.")
    if len(clips) < 2:
        return []
    keys = np.concatenate([clip.keys for clip in clips])
    frames = np.concatenate([clip.frames for clip in clips]).astype(np.int64)
    owners = np.repeat(np.arange(len(clips)), [clip.keys.size for clip in clips])
    order = np.argsort(keys, kind="stable")  # within a key the clips stay in order
    keys, frames, owners = keys[order], frames[order], owners[order]
    _, starts, sizes = np.unique(keys, return_index=True, return_counts=True)
    by_size = np.argsort(sizes, kind="stable")
    pairs = np.cumsum(sizes[by_size].astype(np.int64) * (sizes[by_size] - 1) // 2)
    used = by_size[: int(np.searchsorted(pairs, _MOST_PAIRS, side="right"))]
    used = used[sizes[used] > 1]
    left = np.zeros(keys.size, np.int64)  # how many of the same key come after each
    for size in np.unique(sizes[used]):
        rows = starts[used[sizes[used] == size]]
        left[(rows[:, None] + np.arange(size)).ravel()] = np.tile(np.arange(size - 1, -1, -1), rows.size)
    span = 2 * int(frames.max(initial=0)) + 3
    found: list[npt.NDArray[np.int64]] = []
    for step in range(1, int(left.max(initial=0)) + 1):
        here = np.flatnonzero(left >= step)
        there = here + step
        other = owners[here] != owners[there]
        here, there = here[other], there[other]
        shift = frames[here] - frames[there] + span // 2
        found.append((owners[here] * len(clips) + owners[there]) * span + shift)
    if not found:
        return []
    codes, counts = np.unique(np.concatenate(found), return_counts=True)
    # a cut that is no whole number of steps spreads the votes over two neighbouring distances
    beside = np.zeros_like(counts)
    beside[:-1] = np.where(np.diff(codes) == 1, counts[1:], 0)
    total = counts + beside
    couple = codes // span
    sizes = np.array([clip.keys.size for clip in clips])
    enough = total >= np.maximum(votes, share * np.minimum(sizes[couple // len(clips)], sizes[couple % len(clips)]))
    couples, total = couple[enough], total[enough]
    best: dict[int, int] = {}
    for couple, number in zip(couples.tolist(), total.tolist(), strict=True):
        best[couple] = max(number, best.get(couple, 0))
    listed = [
        Candidate(first=couple // len(clips), second=couple % len(clips), votes=number)
        for couple, number in best.items()
    ]
    return sorted(listed, key=lambda pair: (-pair.votes, pair.first, pair.second))


def align(first: Waveform, second: Waveform) -> Alignment:
    """Lay one clip over another where their samples agree best.

    Args:
        first: Samples at :data:`RATE`, shape (T,).
        second: Samples at :data:`RATE`, shape (T',).

    Returns:
        The best alignment of those in which at least half of the shorter clip, and 0.3 s, overlap; a correlation of 0
        where there is none.

    Raises:
        ShapeError: A waveform has more than one axis.
    """
    from scipy import fft  # in single precision, unlike NumPy's

    _check(first)
    _check(second)
    size = fft.next_fast_len(first.size + second.size - 1, real=True)
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    band = (frequencies >= _BAND_HZ[0]) & (frequencies <= _BAND_HZ[1])
    one, two = (fft.rfft(clip.astype(np.float32), size) * band for clip in (first, second))
    # product[lag * _FINE]: sum over t of first[t + lag] * second[t]; negative lags at the end
    product = fft.irfft(one * np.conj(two), size * _FINE) * _FINE
    energies = [
        np.concatenate([[0.0], np.cumsum(fft.irfft(spectrum, size)[: clip.size].astype(np.float64) ** 2)])
        for spectrum, clip in ((one, first), (two, second))
    ]
    needed = max(_SHORTEST_SECONDS * RATE, _SHARE * min(first.size, second.size))
    lags = np.arange(-second.size + 1, first.size)
    begins, ends = np.maximum(lags, 0), np.minimum(lags + second.size, first.size)
    fits = ends - begins >= needed
    lags, begins, ends = lags[fits], begins[fits], ends[fits]
    if not lags.size:
        return Alignment(correlation=0.0, offset=0.0, overlap=0.0)
    power = (energies[0][ends] - energies[0][begins]) * (energies[1][ends - lags] - energies[1][begins - lags])
    # a stretch of near silence agrees with any other: at least a tenth of the energy of both must overlap
    loud = power > 0.01 * energies[0][-1] * energies[1][-1]
    fine = np.abs(product).reshape(size, _FINE)
    heights = np.maximum.reduce([fine[:, step] for step in range(_FINE)])[lags % size]  # (lags,)
    correlation = np.where(loud, heights / np.sqrt(np.maximum(power, 1e-30)), 0.0)
    at = int(np.argmax(correlation))
    return Alignment(
        correlation=float(min(1.0, correlation[at])),
        offset=float(lags[at] / RATE),
        overlap=float((ends[at] - begins[at]) / RATE),
    )


def _paired(times: IntArray, bins: IntArray) -> Landmarks:
    """Each peak with those that follow it."""
    keys: list[npt.NDArray[np.uint32]] = []
    frames: list[npt.NDArray[np.int32]] = []
    taken = np.zeros(times.size, np.int64)
    for step in range(1, times.size):
        gap = times[step:] - times[:-step]
        if gap.size == 0 or gap.min() > _LONGEST_FRAMES:
            break
        near = np.abs(bins[step:] - bins[:-step]) <= _LONGEST_BINS
        fits = np.flatnonzero((gap >= 1) & (gap <= _LONGEST_FRAMES) & near & (taken[:-step] < _PARTNERS))
        taken[fits] += 1
        packed = (bins[fits] << 16) | (bins[fits + step] << 8) | gap[fits]
        keys.append(packed.astype(np.uint32))
        frames.append(times[fits].astype(np.int32))
    if not keys:
        return Landmarks(keys=np.empty(0, np.uint32), frames=np.empty(0, np.int32))
    return Landmarks(keys=np.concatenate(keys), frames=np.concatenate(frames))


def _check(waveform: Waveform) -> None:
    if waveform.ndim != 1 or waveform.size == 0:
        raise ShapeError(f"waveform must be (T,) with T >= 1 (got {waveform.shape}); pass one channel of one clip.")
