"""From a delivery to samples: espeak-ng says the sentence, signal processing adds what espeak-ng cannot."""

import numpy as np
import numpy.typing as npt
import soxr

from affekt.corpora.espeak import SAMPLE_RATE as ESPEAK_RATE
from affekt.corpora.espeak import Espeak, Utterance
from affekt.corpora.prosody import Delivery
from affekt.corpora.voices import COLOUR_HZ, Voice
from affekt.types import Waveform

__all__ = ["SAMPLE_RATE", "render"]

SAMPLE_RATE = 16000
"""Hz, of the built-in corpus."""

_WARP_RATE = 48000  # reading between samples is linear; three times the final rate keeps its errors below the noise
_FRAME = 48  # the pitch curve is computed every millisecond
_PEAK = 0.95

_Signal = npt.NDArray[np.float64]


def render(espeak: Espeak, voice: Voice, text: str, delivery: Delivery, *, seed: list[int]) -> Waveform:
    """Speak one sentence.

    Args:
        espeak: An open synthesiser.
        voice: Who speaks.
        text: What is said, in the voice's language.
        delivery: How it is said.
        seed: Entropy for everything that is noise: breath, room, flutter, pauses before and after.

    Returns:
        Waveform (T,) at 16 kHz, at most 0.95 in magnitude.
    """
    rng = np.random.default_rng(seed)
    # Playing faster raises pitch, tempo and formants together; espeak is asked for the opposite in pitch and tempo, so
    # that only the formants move.
    formants = float(np.log2(voice.tract) + delivery.spread_octaves)
    pitch = (voice.pitch_st + delivery.pitch_st) / 12 - formants
    rate = float(np.clip(voice.rate_octaves + delivery.rate_octaves, -0.4, 0.6)) - formants
    # espeak keeps the range in Hz when it moves the pitch; a listener hears it in octaves.
    span = voice.range_octaves + delivery.range_octaves + pitch
    spoken = espeak.speak(
        Utterance(
            text=text,
            voice=f"{voice.language}+{voice.variant}",
            rate=int(np.clip(round(165 * 2**rate), 80, 400)),
            pitch=int(np.clip(round(50 + 50 * pitch), 0, 99)),
            pitch_range=int(np.clip(round(50 * 2**span), 0, 99)),
            word_gap=int(np.clip(round(delivery.pause), 0, 4)),
            seed=int(rng.integers(1, 2**31)),
        )
    )
    fine = soxr.resample(_trim(spoken), ESPEAK_RATE, _WARP_RATE, quality="HQ").astype(np.float64)
    curve, tremor = _pitch_curve(len(fine) // _FRAME + 2, delivery, rng)
    warped, tremor = _warp(fine, curve / 12 + formants, tremor)
    signal = np.asarray(soxr.resample(warped, _WARP_RATE, SAMPLE_RATE, quality="HQ"), np.float64)
    signal *= 1 + np.interp(np.linspace(0, 1, len(signal)), np.linspace(0, 1, len(tremor)), tremor)
    signal = _colour(signal, voice, delivery)
    signal = _breathe(signal, delivery, rng)
    signal *= 10 ** ((voice.level_db + delivery.level_db) / 20) / _rms(signal)
    before, after = (int(SAMPLE_RATE * rng.uniform(*seconds)) for seconds in ((0.05, 0.15), (0.08, 0.25)))
    signal = np.pad(signal, (before, after))
    signal += _room(len(signal), voice, rng)
    peak = float(np.abs(signal).max())
    if peak > _PEAK:  # turned down as a whole: a louder voice must not be a distorted one
        signal *= _PEAK / peak
    return signal.astype(np.float32)


def _trim(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Cut the silence before and after speech."""
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1]


def _pitch_curve(frames: int, delivery: Delivery, rng: np.random.Generator) -> tuple[_Signal, _Signal]:
    """Pitch in semitones every millisecond, shape (frames,), and the tremor of the loudness that goes with it."""
    time = np.arange(frames) / 1000
    end = time[-1]
    smooth = np.hanning(25)
    noise = np.convolve(rng.normal(0, 1, frames + 24), smooth / np.sqrt((smooth**2).sum()), mode="valid")
    flutter = max(0.0, 0.1 + delivery.flutter_st) * noise
    phase = rng.uniform(0, 2 * np.pi, 2)
    # the tremor's own speed wanders, or it would sound like a siren
    speed = rng.uniform(5, 8) * (1 + 0.15 * np.sin(2 * np.pi * 0.9 * time + phase[1]))
    tremor = max(0.0, delivery.tremor_st) * np.sin(phase[0] + 2 * np.pi * np.cumsum(speed) / 1000)
    wave = max(0.0, delivery.wave_st) * np.sin(2 * np.pi * rng.uniform(1.6, 2.6) * time + phase[1])
    last = np.clip((time - 0.6 * end) / (0.4 * end), 0, 1)
    curve = flutter + tremor + wave + delivery.final_st * last**2 * (3 - 2 * last)
    return curve - curve.mean(), 0.25 * tremor


def _warp(signal: _Signal, octaves: _Signal, modulation: _Signal) -> tuple[_Signal, _Signal]:
    """Play a signal at a speed that changes, and carry a modulation along.

    The speed at input time t is 2 ** octaves(t); output time is the integral of its inverse.
    """
    position = np.arange(len(octaves)) * float(_FRAME)
    output = np.concatenate([[0.0], np.cumsum(_FRAME * 2 ** -octaves[:-1])])
    length = int(np.interp(len(signal) - 1, position, output))
    grid = np.arange(length, dtype=np.float64)
    warped = np.interp(np.interp(grid, output, position), np.arange(len(signal)), signal)
    return warped, np.interp(np.arange(0, length, _FRAME, dtype=np.float64), output, modulation)


def _colour(signal: _Signal, voice: Voice, delivery: Delivery) -> _Signal:
    """The voice's own colour and the tilt of the delivery, as one zero-phase filter."""
    spectrum = np.fft.rfft(signal)
    octaves = np.log2(np.clip(np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE), 60, 8000) / 1000)
    gain = np.interp(octaves, np.log2(np.array(COLOUR_HZ) / 1000), voice.colour_db)
    gain += delivery.tilt_db * np.clip(octaves, -3, 2.5)
    return np.fft.irfft(spectrum * 10 ** (gain / 20), len(signal))


def _breathe(signal: _Signal, delivery: Delivery, rng: np.random.Generator) -> _Signal:
    """Add noise that is as loud as the voice is, moment by moment, above 1 kHz."""
    window = np.hanning(SAMPLE_RATE // 50)
    envelope = np.sqrt(np.convolve(signal**2, window / window.sum(), mode="same").clip(0))
    noise = rng.normal(0, 1, len(signal))
    noise = np.diff(noise, prepend=0.0)  # +6 dB an octave: breath is brighter than the voice
    gain = float(10 ** ((-32 + min(delivery.breath_db, 20)) / 20) / np.sqrt(2))
    return np.asarray(signal + gain * envelope * noise, np.float64)


def _room(samples: int, voice: Voice, rng: np.random.Generator) -> _Signal:
    """Steady noise with a falling spectrum at the voice's noise level."""
    size = 1 << (samples - 1).bit_length()  # a power of two: some lengths make the transform slow
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    noise = np.fft.irfft(spectrum / np.sqrt(1 + np.fft.rfftfreq(size, 1 / SAMPLE_RATE) / 300), size)[:samples]
    return noise * 10 ** (voice.noise_db / 20) / _rms(noise)


def _rms(signal: _Signal) -> float:
    return float(np.sqrt(np.mean(signal**2)))
