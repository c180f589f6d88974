"""Recordings changed a little or a lot: speed, gain, noise, and stretches of time or frequency taken out.

Functions of one waveform with what they need, and :class:`WaveformAugmentation`, which draws some of them with sizes
from a generator. Sizes are bounded: large changes of speed and pitch change the emotion that is heard. Nothing here
needs torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import soxr

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.types import FloatArray, Waveform

__all__ = [
    "WAYS",
    "WaveformAugmentation",
    "add_noise",
    "change_gain",
    "change_speed",
    "coloured_noise",
    "mask_time",
    "stop_band",
]

WAYS: Final = ("band", "gain", "noise", "speed", "time")
"""What :class:`WaveformAugmentation` can draw."""


def change_speed(waveform: Waveform, factor: float) -> Waveform:
    """Play faster (above 1) or slower: pitch and tempo change together.

    Args:
        waveform: (T,).
        factor: 0.5 to 2.

    Returns:
        (round(T / factor),), or one sample more or less.

    Raises:
        ConfigError: the factor is out of range.
    """
    _check(waveform)
    if not 0.5 <= factor <= 2.0:
        raise ConfigError(f"factor is {factor}; a speed from 0.5 to 2 was expected; change it.")
    if factor == 1.0:
        return waveform.copy()
    # read as if recorded at another rate
    found = soxr.resample(waveform, 48000.0 * factor, 48000.0, quality="HQ")
    return np.asarray(found, np.float32)


def change_gain(waveform: Waveform, gain_db: float) -> Waveform:
    """Louder or quieter by some dB; what would leave [-1, 1] is turned down as a whole."""
    _check(waveform)
    found = waveform.astype(np.float64) * 10.0 ** (gain_db / 20.0)
    return _within(found)


def coloured_noise(samples: int, generator: np.random.Generator, *, colour: str = "white") -> FloatArray:
    """Noise of unit power, (samples,), float64.

    Args:
        samples: how many, at least 1.
        generator: where it comes from.
        colour: ``white``, or ``pink``: power falls with 3 dB an octave.

    Raises:
        ConfigError: the colour is neither, or there are no samples.
    """
    if colour not in ("white", "pink") or samples < 1:
        raise ConfigError(
            f"colour is '{colour}' and samples {samples}; white or pink, and 1 or more, were expected; change them."
        )
    noise = generator.standard_normal(samples)
    if colour == "pink" and samples > 2:
        size = 1 << (samples - 1).bit_length()  # a power of two: some lengths make the transform slow
        spectrum = np.fft.rfft(np.resize(noise, size))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        spectrum[0] = 0.0
        noise = np.fft.irfft(spectrum, size)[:samples]
    return np.asarray(noise / np.sqrt(np.mean(noise**2)))


def add_noise(waveform: Waveform, noise: FloatArray, *, snr_db: float, generator: np.random.Generator) -> Waveform:
    """Speech with noise at a ratio of their powers over the whole clip.

    Args:
        waveform: (T,).
        noise: (N,) of any level and the same rate; a stretch of it is taken, or it is repeated.
        snr_db: power of the speech over that of the noise, dB.
        generator: draws where the stretch begins.

    Returns:
        (T,); turned down as a whole where it would leave [-1, 1]. A silent clip stays as it is.

    Raises:
        DataError: the noise is silent.
    """
    _check(waveform)
    noise = np.asarray(noise, np.float64)
    start = int(generator.integers(len(noise))) if len(noise) else 0
    piece = np.resize(np.roll(noise, -start), len(waveform)) if len(noise) else noise
    power = float(np.mean(piece**2)) if len(piece) else 0.0
    if not power > 0.0:
        raise DataError("the noise is silent (got power 0); a recording of noise was expected; choose another.")
    clean = waveform.astype(np.float64)
    scale = np.sqrt(np.mean(clean**2) / power / 10.0 ** (snr_db / 10.0))
    return _within(clean + scale * piece)


def mask_time(waveform: Waveform, spans: Sequence[tuple[float, float]]) -> Waveform:
    """Silence in some stretches.

    Args:
        waveform: (T,).
        spans: begin and end as shares of the clip, 0 <= begin <= end <= 1.

    Raises:
        ConfigError: a stretch is impossible.
    """
    _check(waveform)
    found = waveform.copy()
    for begin, end in spans:
        if not 0.0 <= begin <= end <= 1.0:
            raise ConfigError(f"a stretch is {begin} to {end}; 0 <= begin <= end <= 1 was expected; correct it.")
        found[round(begin * len(found)) : round(end * len(found))] = 0.0
    return found


def stop_band(waveform: Waveform, low_hz: float, high_hz: float, *, sample_rate: int = 16000) -> Waveform:
    """Take a band of frequencies out, with zero phase.

    Args:
        waveform: (T,).
        low_hz: where the band begins.
        high_hz: where it ends, at most half the sample rate.
        sample_rate: Hz.

    Raises:
        ConfigError: the band is impossible.
    """
    _check(waveform)
    if not 0.0 <= low_hz < high_hz <= sample_rate / 2:
        raise ConfigError(
            f"the band is {low_hz} to {high_hz} Hz; rising, and at most {sample_rate / 2} Hz, was expected; change it."
        )
    size = 1 << (len(waveform) - 1).bit_length() if len(waveform) > 1 else 2
    spectrum = np.fft.rfft(waveform, size)
    frequencies = np.fft.rfftfreq(size, 1.0 / sample_rate)
    spectrum[(frequencies >= low_hz) & (frequencies <= high_hz)] = 0.0
    return _within(np.fft.irfft(spectrum, size)[: len(waveform)])


@dataclass(frozen=True, kw_only=True)
class WaveformAugmentation:
    """Some of the ways, drawn with their sizes; the defaults are our reading of a strong view of emotional speech."""

    picks: int = 2
    """How many ways are applied to a clip."""
    ways: tuple[str, ...] = WAYS
    """Out of which they are drawn."""
    speed: tuple[float, float] = (0.9, 1.1)
    """Range of the factor of speed."""
    gain_db: float = 5.0
    """Largest change of the level, either way, dB."""
    snr_db: tuple[float, float] = (10.0, 20.0)
    """Range of the ratio of speech to noise, dB."""
    mask_share: float = 0.1
    """Longest silenced stretch as a share of the clip; there are two."""
    stop_octaves: float = 1.0
    """Widest band that is taken out, octaves, between 100 Hz and 7 kHz."""

    def __post_init__(self) -> None:
        if not set(self.ways) <= set(WAYS) or not 0 <= self.picks <= len(self.ways):
            raise ConfigError(
                f"picks is {self.picks} out of {', '.join(self.ways) or 'nothing'}; at most as many as there are ways, "
                f"out of {', '.join(WAYS)}, was expected; change them."
            )
        for name, low, high in (("speed", 0.5, 2.0), ("snr_db", -20.0, 100.0)):
            first, last = getattr(self, name)
            if not low <= first <= last <= high:
                raise ConfigError(f"{name} is {first} to {last}; a range in {low} to {high} was expected; change it.")
        for name, high in (("gain_db", 60.0), ("mask_share", 0.5), ("stop_octaves", 6.0)):
            if not 0.0 <= getattr(self, name) <= high:
                raise ConfigError(f"{name} is {getattr(self, name)}; a value from 0 to {high} was expected; change it.")

    def apply(
        self,
        waveform: Waveform,
        generator: np.random.Generator,
        *,
        sample_rate: int = 16000,
        noises: Sequence[Waveform] = (),
    ) -> Waveform:
        """A changed recording.

        Args:
            waveform: (T,).
            generator: where the choices come from.
            sample_rate: Hz.
            noises: recordings of noise at the same rate to draw from; none: white and pink noise.

        Returns:
            (T',) float32 in [-1, 1].
        """
        found = _check(waveform)
        # in a fixed order, so that what is silenced stays silent of noise only if noise comes first
        chosen = set(generator.permutation(self.ways)[: self.picks].tolist())
        if "speed" in chosen:
            found = change_speed(found, float(generator.uniform(*self.speed)))
        if "gain" in chosen:
            found = change_gain(found, float(generator.uniform(-self.gain_db, self.gain_db)))
        if "noise" in chosen:
            if len(noises):
                noise: FloatArray = noises[int(generator.integers(len(noises)))]
            else:
                colour = ("white", "pink")[int(generator.integers(2))]
                noise = coloured_noise(len(found), generator, colour=colour)
            found = add_noise(found, noise, snr_db=float(generator.uniform(*self.snr_db)), generator=generator)
        if "band" in chosen:
            octaves = float(generator.uniform(0.25 * self.stop_octaves, self.stop_octaves))
            top = min(7000.0, 0.45 * sample_rate)
            low = 100.0 * (top / 100.0) ** float(generator.uniform(0.0, 1.0))
            found = stop_band(found, low, min(low * 2.0**octaves, sample_rate / 2), sample_rate=sample_rate)
        if "time" in chosen:
            shares = generator.uniform(0.0, self.mask_share, 2)
            begins = generator.uniform(0.0, 1.0 - shares)
            found = mask_time(found, [(float(b), float(b + s)) for b, s in zip(begins, shares, strict=True)])
        return found


def _check(waveform: Waveform) -> Waveform:
    if waveform.ndim != 1 or not len(waveform):
        raise ShapeError(f"waveform must be (T,) with T >= 1 (got {waveform.shape}); give one channel of one clip.")
    return waveform


def _within(samples: FloatArray) -> Waveform:
    """float32 in [-1, 1]: turned down as a whole where it would leave it."""
    peak = float(np.abs(samples).max())
    return np.asarray(samples / peak if peak > 1.0 else samples, np.float32)
