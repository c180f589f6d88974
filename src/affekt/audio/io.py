"""Recordings on disk and their waveforms: reading, sample rate, level."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import soundfile
import soxr

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.types import PathLike, Waveform

__all__ = ["AudioInfo", "info", "level_db", "load", "resample", "set_level"]

_END_TOLERANCE_SECONDS = 0.01
"""Tables round times to hundredths of a second, so an end this far behind the last sample means the last sample."""

_UNKNOWN_LENGTH = 2**48
"""libsndfile announces a number near 2**63 when a streamed file does not say how long it is."""


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What the header of a recording says."""

    sample_rate: int
    """Hz, as stored."""
    samples: int
    """Samples of one channel."""
    channels: int
    """Number of channels."""
    seconds: float
    """Duration."""


def info(path: PathLike) -> AudioInfo:
    """Read the header of a recording (wav, flac, ogg, mp3); nothing is decoded.

    Args:
        path: The file.

    Returns:
        Rate in Hz, samples per channel, channels and seconds.

    Raises:
        DataError: The file is missing, is not audio that libsndfile reads, or does not say how long it is.
    """
    with _opened(path) as file:
        rate, samples = int(file.samplerate), int(file.frames)
        return AudioInfo(sample_rate=rate, samples=samples, channels=int(file.channels), seconds=samples / rate)


def load(path: PathLike, *, start: float = 0.0, end: float | None = None, sample_rate: int = 16000) -> Waveform:
    """Read a recording, or a segment of it, as one channel at one rate.

    Only the segment is decoded. Channels are averaged. The level is left as it is, and a silent recording is not an
    error here; float and lossy files can exceed [-1, 1] slightly and are not clipped.

    Args:
        path: A wav, flac, ogg or mp3 file.
        start: First moment, seconds, >= 0.
        end: Last moment (not included), seconds; None is the end of the file. It may lie up to 0.01 s behind the end
            of the file, because tables round their times.
        sample_rate: Hz of the result.

    Returns:
        Samples, shape (T,), float32.

    Raises:
        DataError: The file is missing, unreadable, empty, cut off, or holds NaN or infinite samples; or the segment is
            empty or reaches outside the file.
        ConfigError: The sample rate is not a positive integer.
    """
    _check_rate("sample_rate", sample_rate)
    with _opened(path) as file:
        rate, samples = int(file.samplerate), int(file.frames)
        if samples == 0:
            raise DataError(f"{path} is empty (got 0 samples); expected a recording; remove it or record it again.")
        first, last = _segment(path, start, end, rate=rate, samples=samples)
        decoded = _decode(file, path, first, last)  # (T, C)
    if not np.isfinite(decoded).all():
        bad = int((~np.isfinite(decoded)).sum())
        raise DataError(f"{path} holds NaN or infinite samples (got {bad}); expected finite ones; export it again.")
    waveform = decoded[:, 0] if decoded.shape[1] == 1 else decoded.mean(axis=1, dtype=np.float32)
    return resample(waveform, from_rate=rate, to_rate=sample_rate)


def resample(waveform: Waveform, *, from_rate: int, to_rate: int) -> Waveform:
    """Change the sample rate with soxr at its HQ setting (band-limited, linear phase, no delay).

    Args:
        waveform: Samples, shape (T,).
        from_rate: Rate of ``waveform``, Hz.
        to_rate: Rate wanted, Hz.

    Returns:
        Samples, shape (about T * to_rate / from_rate, at least 1), float32. Equal rates give the samples unchanged.

    Raises:
        ShapeError: The waveform has more than one axis, or no sample.
        ConfigError: A rate is not a positive integer.
    """
    _check_rate("from_rate", from_rate)
    _check_rate("to_rate", to_rate)
    samples = _one_axis(waveform)
    if from_rate == to_rate:
        return samples
    wanted = max(1, round(samples.size * to_rate / from_rate))
    result = np.asarray(soxr.resample(samples, from_rate, to_rate, quality="HQ"), dtype=np.float32)
    # A clip shorter than one period of the ratio comes back with a sample too few or too many.
    if result.size < wanted:
        result = np.pad(result, (0, wanted - result.size))
    return np.ascontiguousarray(result[:wanted])


def level_db(waveform: Waveform) -> float:
    """Root-mean-square level in dB relative to full scale (dBFS).

    Conventions: a square wave of amplitude 1 is 0 dBFS, a sine of amplitude 1 is -3.01 dBFS; a silent waveform is
    ``-inf``.

    Args:
        waveform: Samples, shape (T,).

    Returns:
        10 log10 of the mean square.

    Raises:
        ShapeError: The waveform has more than one axis, or no sample.
    """
    samples = _one_axis(waveform).astype(np.float64)
    power = float(np.mean(np.square(samples)))
    return float(10.0 * np.log10(power)) if power > 0.0 else -np.inf


def set_level(waveform: Waveform, *, level_db: float = -26.0) -> Waveform:
    """Scale a clip to an RMS level, without ever clipping it.

    The clip is multiplied by one number. Where the level asked for would push the largest sample beyond 1, the gain
    stops where that sample is exactly 1, so the result is quieter than asked for: compare :func:`level_db` of the
    result when it matters. A silent clip is returned as it is.

    Args:
        waveform: Samples, shape (T,).
        level_db: Level wanted, dBFS.

    Returns:
        Samples, shape (T,), float32, a new array.

    Raises:
        ShapeError: The waveform has more than one axis, or no sample.
        ConfigError: The level is not finite.
    """
    if not isfinite(level_db):
        raise ConfigError(f"level_db must be finite (got {level_db}); expected a level in dBFS; choose one near -26.")
    samples = _one_axis(waveform).astype(np.float64)
    power = float(np.mean(np.square(samples)))
    if power == 0.0:
        return samples.astype(np.float32)
    gain = min(10.0 ** (level_db / 20.0) / np.sqrt(power), 1.0 / float(np.abs(samples).max()))
    return np.asarray(samples * gain, dtype=np.float32)


@contextmanager
def _opened(path: PathLike) -> Iterator[soundfile.SoundFile]:
    """Open a recording; what goes wrong on the way is a DataError."""
    if not Path(path).is_file():
        raise DataError(
            f"{path} is missing (got no such file); expected a recording; check the path and the root folder."
        )
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        raise DataError(
            f"{path} cannot be read (got {str(error).rstrip('.')}); expected wav, flac, ogg or mp3; convert it."
        ) from error
    with file:
        if file.frames >= _UNKNOWN_LENGTH:
            raise DataError(
                f"{path} does not say how long it is (got a streamed header); expected a length; convert it."
            )
        yield file


def _segment(path: PathLike, start: float, end: float | None, *, rate: int, samples: int) -> tuple[int, int]:
    """First and last sample (not included) of a segment in seconds."""
    seconds = samples / rate
    stop = seconds if end is None else end
    if (
        not (isfinite(start) and isfinite(stop))
        or start < 0
        or start >= seconds
        or stop > seconds + _END_TOLERANCE_SECONDS
    ):
        raise DataError(
            f"segment lies outside {path} (got {start} to {stop} s); expected times within 0 to {seconds:.3f} s; "
            "correct start and end."
        )
    if stop <= start:
        raise DataError(
            f"segment of {path} ends before it starts (got {start} to {stop} s); expected end > start; "
            "correct start and end."
        )
    first, last = round(start * rate), min(round(stop * rate), samples)
    if last <= first:
        raise DataError(
            f"segment of {path} holds no sample (got {start} to {stop} s at {rate} Hz); expected at least one; "
            "correct start and end."
        )
    return first, last


def _decode(file: soundfile.SoundFile, path: PathLike, first: int, last: int) -> Waveform:
    """Samples first..last of an open file, shape (T, C)."""
    wanted = last - first
    try:
        if first:
            file.seek(first)
        decoded: Waveform = file.read(wanted, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise DataError(
            f"{path} cannot be decoded (got {str(error).rstrip('.')}); expected {wanted} samples; export it again."
        ) from error
    if len(decoded) < wanted:
        raise DataError(
            f"{path} is cut off (got {len(decoded)} samples); expected the {wanted} that its header announces; "
            "copy or export it again."
        )
    return decoded


def _one_axis(waveform: Waveform) -> Waveform:
    samples = np.asarray(waveform, dtype=np.float32)
    if samples.ndim != 1 or samples.size == 0:
        raise ShapeError(f"waveform must be (T,) with T >= 1 (got {samples.shape}); pass one channel of one clip.")
    return samples


def _check_rate(name: str, rate: int) -> None:
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate <= 0:
        raise ConfigError(f"{name} must be a positive integer (got {rate!r}); expected Hz; use 16000 for speech.")
