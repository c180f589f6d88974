"""Copies are found, other recordings are not, whatever was done to the copies."""

import hashlib
import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.audio import resample
from affekt.audio.fingerprint import RATE, Alignment, align, candidates, landmarks, pcm_digest
from affekt.errors import ConfigError, ShapeError
from affekt.types import Waveform


def voice(seed: int, *, seconds: float = 1.5, rate: int = 16000) -> Waveform:
    """Something with the harmonics, glides and pauses of a voice; another seed is another take."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    knots = np.linspace(0, seconds, 8)
    pitch = np.interp(times, knots, random.uniform(100, 220, 8))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    clip = np.zeros(times.size)
    for harmonic in range(1, 16):
        strength = np.interp(times, knots, random.uniform(0, 1, 8)) / harmonic**0.7
        clip += strength * np.sin(harmonic * phase + random.uniform(0, 6))
    clip *= np.interp(times, np.linspace(0, seconds, 12), random.uniform(0.05, 1, 12))
    return (0.3 * clip / np.abs(clip).max() + 1e-4 * random.standard_normal(times.size)).astype(np.float32)


def low(clip: Waveform) -> Waveform:
    return resample(clip, from_rate=16000, to_rate=RATE)


def coded(clip: Waveform, file_format: str, subtype: str) -> Waveform:
    buffer = io.BytesIO()
    soundfile.write(buffer, clip, 16000, format=file_format, subtype=subtype)
    buffer.seek(0)
    decoded: Waveform = soundfile.read(buffer, dtype="float32")[0]
    return decoded


def noisy(clip: Waveform, snr_db: float) -> Waveform:
    noise = np.random.default_rng(5).standard_normal(clip.size)
    return (clip + noise * np.sqrt(np.mean(clip**2) / 10 ** (snr_db / 10))).astype(np.float32)


CHANGES: dict[str, Callable[[Waveform], Waveform]] = {
    "gain": lambda clip: clip * np.float32(0.1),
    "polarity": lambda clip: -clip,
    "trim": lambda clip: clip[3001:-2222],
    "longer": lambda clip: np.concatenate([np.zeros(4777, np.float32), clip]),
    "mp3": lambda clip: coded(clip, "MP3", "MPEG_LAYER_III"),
    "vorbis": lambda clip: coded(clip, "OGG", "VORBIS"),
    "8 kHz": lambda clip: resample(low(clip), from_rate=RATE, to_rate=16000),
    "noise": lambda clip: noisy(clip, 30.0),
    "all": lambda clip: coded(noisy(clip[4000:-1999] * np.float32(0.3), 30.0), "MP3", "MPEG_LAYER_III"),
}


def test_a_digest_is_that_of_the_samples() -> None:
    samples = np.array([-32768, -1, 0, 1, 32767], "<i2")
    waveform = (samples / 32768).astype(np.float32)
    assert pcm_digest(waveform) == hashlib.sha256(samples.tobytes()).digest()
    assert pcm_digest(waveform) != pcm_digest(-waveform)
    assert pcm_digest(np.array([1.5], np.float32)) == pcm_digest(np.array([32767 / 32768], np.float32))


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_others_and_nothing_else(change: str) -> None:
    others = [low(voice(seed)) for seed in range(1, 25)]
    clips = [low(voice(0)), *others, low(CHANGES[change](voice(0)))]
    pairs = candidates([landmarks(clip) for clip in clips])
    flagged = [
        (pair.first, pair.second) for pair in pairs if align(clips[pair.first], clips[pair.second]).correlation >= 0.75
    ]
    assert flagged == [(0, 25)]
    assert (pairs[0].first, pairs[0].second) == (0, 25)  # most votes


def test_the_offset_is_where_the_cut_was() -> None:
    clip = low(voice(0))
    found = align(clip, clip[1234:-500])
    assert found.offset == pytest.approx(1234 / RATE, abs=1e-9)
    assert found.overlap == pytest.approx((clip.size - 1734) / RATE, abs=1e-9)
    assert found.correlation == pytest.approx(1.0, abs=0.01)
    assert align(clip[1234:-500], clip).offset == pytest.approx(-1234 / RATE, abs=1e-9)


def test_correlation_is_that_of_numpy() -> None:
    """Oracle: at the lag that wins, the correlation of the band-passed samples themselves."""
    first, second = low(voice(3))[:6000], low(voice(4))[:5000]
    found = align(first, second)

    def band(clip: Waveform) -> np.ndarray:
        size = 16384
        frequencies = np.fft.rfftfreq(size, 1 / RATE)
        return np.fft.irfft(np.fft.rfft(clip, size) * ((frequencies >= 200) & (frequencies <= 3400)), size)

    one, two = band(first)[: first.size], band(second)[: second.size]
    best = 0.0
    for lag in range(-2500, 3501):
        begin, end = max(lag, 0), min(lag + second.size, first.size)
        if end - begin < 2500:
            continue
        a, b = one[begin:end], two[begin - lag : end - lag]
        if (a @ a) * (b @ b) > 0.01 * (one @ one) * (two @ two):
            best = max(best, abs(a @ b) / np.sqrt((a @ a) * (b @ b)))
    # between samples it may be a little higher
    assert best - 1e-3 <= found.correlation <= best + 0.1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.001, 3.0))
def test_gain_changes_no_key(seed: int, gain: float) -> None:
    clip = low(voice(seed, seconds=0.6))
    one, two = landmarks(clip), landmarks((gain * clip).astype(np.float32))
    same = len(set(zip(one.keys.tolist(), one.frames.tolist(), strict=True))
               & set(zip(two.keys.tolist(), two.frames.tolist(), strict=True)))  # fmt: skip
    assert same >= 0.97 * one.keys.size > 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_alignment_is_symmetric(one: int, two: int) -> None:
    first, second = low(voice(one, seconds=0.7)), low(voice(two, seconds=0.5))
    there, back = align(first, second), align(second, first)
    assert there.correlation == pytest.approx(back.correlation, abs=0.02)
    assert 0 <= there.correlation <= 1


def test_a_pair_needs_votes_at_one_distance() -> None:
    clip = landmarks(low(voice(0)))
    shuffled = np.random.default_rng(0).permutation(clip.frames.size)
    mixed = type(clip)(keys=clip.keys, frames=clip.frames[shuffled])
    (whole,) = candidates([clip, clip])
    assert whole.votes >= clip.keys.size  # every key, and chance repetitions
    assert whole.votes > 5 * max((pair.votes for pair in candidates([clip, mixed], share=0.0)), default=0)


def test_silence_and_short_clips_have_nothing_to_compare() -> None:
    assert landmarks(np.zeros(8000, np.float32)).keys.size == 0
    assert landmarks(np.ones(1, np.float32)).frames.size == 0
    assert candidates([landmarks(np.zeros(8000, np.float32))] * 3) == []
    assert candidates([]) == []
    short = low(voice(0, seconds=0.2))
    assert align(short, short) == Alignment(correlation=0.0, offset=0.0, overlap=0.0)


def test_bad_arguments() -> None:
    with pytest.raises(ShapeError, match=r"waveform must be \(T,\)"):
        landmarks(np.zeros((2, 100), np.float32))
    with pytest.raises(ShapeError, match=r"waveform must be \(T,\)"):
        align(np.zeros(0, np.float32), np.zeros(5, np.float32))
    with pytest.raises(ConfigError, match="votes is 0"):
        candidates([], votes=0)
    with pytest.raises(ConfigError, match="share is 2"):
        candidates([], share=2.0)
