"""Recordings on disk and their waveforms: reading, sample rate, level."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import soundfile
import soxr

from affekt.audio.containers import missing_end
from affekt.errors import ConfigError, DataError, ShapeError
from affekt.types import PathLike, Waveform

__all__ = ["AudioInfo", "info", "level_db", "load", "resample", "set_level"]

_END_TOLERANCE_SECONDS = 0.01
"""Tables round times to hundredths of a second, so an end this far behind the last sample means the last sample."""

_UNKNOWN_LENGTH = 2**48
"""libsndfile announces a number near 2**63 when a streamed file does not say how long it is."""

_MP3_PREROLL = 32 * 1152
"""Samples decoded ahead of an mp3 segment: a frame borrows bits from frames before it and overlaps the previous one."""


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

    Only the segment is decoded; of ogg vorbis, where seeking is not exact, everything up to its end, at once (cut
    hours of it into files first). A segment equals the same stretch of the whole recording, apart from what the
    resampling filter sees beyond its edges. Channels are averaged. The level is left as it is, and a silent recording
    is not an error here; float and lossy files can exceed [-1, 1] slightly and are not clipped.

    A file that lost its end is refused wherever the format lets it be known: an mp3 file without an info frame does
    not say how long it was.

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
        if (last - first) * sample_rate < rate:
            raise DataError(
                f"{path} from {start} s is too short (got {last - first} samples at {rate} Hz); expected at least one "
                f"sample at {sample_rate} Hz; take a longer segment."
            )
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
        Samples, shape (T * to_rate / from_rate to the nearest integer,), float32, a new array.

    Raises:
        ShapeError: The waveform has more than one axis, or is shorter than one sample of the new rate.
        DataError: The waveform holds NaN or infinite samples.
        ConfigError: A rate is not a positive integer.
    """
    _check_rate("from_rate", from_rate)
    _check_rate("to_rate", to_rate)
    samples = _one_axis(waveform)
    if from_rate == to_rate:
        return samples.copy()
    if samples.size * to_rate < from_rate:
        raise ShapeError(
            f"waveform must last one sample at {to_rate} Hz (got {samples.size} at {from_rate} Hz); pass a longer clip."
        )
    return np.asarray(soxr.resample(samples, from_rate, to_rate, quality="HQ"), dtype=np.float32)


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
        DataError: The waveform holds NaN or infinite samples.
    """
    samples = _one_axis(waveform).astype(np.float64)
    power = float(np.mean(np.square(samples)))
    return -np.inf if power == 0.0 else float(10.0 * np.log10(power))


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
        DataError: The waveform holds NaN or infinite samples.
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
    _check_file(path)
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        detail = _detail(error)
        if "does not exist" in detail:  # libsndfile says so of an mp3 file without a single frame
            detail = "no audio in it"
        raise DataError(
            f"{path} is not readable audio (got: {detail}); expected wav, flac, ogg or mp3; convert it."
        ) from error
    with file:
        if file.frames >= _UNKNOWN_LENGTH:
            raise DataError(
                f"{path} does not say how long it is (got a streamed header); expected a length; convert it."
            )
        yield file


def _check_file(path: PathLike) -> None:
    """Refuse what can be seen without a decoder."""
    file = Path(path)
    if not file.is_file():
        got = "a folder" if file.is_dir() else "nothing there"
        raise DataError(f"{path} is not a file (got {got}); expected a recording; check the path and the root folder.")
    try:
        found = "0 bytes" if file.stat().st_size == 0 else missing_end(file)
    except OSError as error:
        raise DataError(
            f"{path} is not readable (got: {error.strerror}); expected a recording; check its rights."
        ) from error
    if found == "0 bytes":
        raise DataError(f"{path} is empty (got 0 bytes); expected a recording; remove it or record it again.")
    if found:
        raise DataError(f"{path} is cut off (got {found}); expected the whole recording; copy or export it again.")


def _detail(error: Exception) -> str:
    """What the decoder says, without its frills."""
    return str(getattr(error, "error_string", error)).removeprefix("Error : ").rstrip(".")


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
    """Samples first..last of an open file, shape (T, C).

    Seeking must land on the sample. In ogg vorbis it misses by a block near the end (libsndfile issue 885), so that is
    decoded from its start; mp3 needs the frames before. What lies before the segment is decoded in the same call,
    because soundfile seeks after every call and an mp3 decoder loses its state by that.
    """
    before = {"VORBIS": first, "MPEG_LAYER_III": min(first, _MP3_PREROLL)}.get(file.subtype, 0)
    wanted = last - first
    try:
        if first > before:
            file.seek(first - before)
        decoded: Waveform = file.read(before + wanted, dtype="float32", always_2d=True)[before:]  # (T, C)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        detail = _detail(error)
        raise DataError(
            f"{path} is damaged or cut off (got: {detail}); expected {wanted} samples; copy or export it again."
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
    if not np.isfinite(samples).all():
        raise DataError(
            "waveform holds NaN or infinite samples (got at least one); expected finite ones; drop the clip."
        )
    return samples


def _check_rate(name: str, rate: int) -> None:
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate <= 0:
        raise ConfigError(f"{name} must be a positive integer (got {rate!r}); expected Hz; use 16000 for speech.")
