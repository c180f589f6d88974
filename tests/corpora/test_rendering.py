from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from affekt.corpora.espeak import Espeak
from affekt.corpora.prosody import Delivery
from affekt.corpora.rendering import SAMPLE_RATE, _warp, render
from affekt.corpora.voices import voice

TEXT = "The bus stops in front of the library."
# without noise of its own, so that what a delivery changes can be measured
SPEAKER = replace(voice(1), noise_db=-120.0, language="en")
QUIET = Delivery(breath_db=-90.0)


@pytest.fixture(scope="module")
def say():
    pytest.importorskip("espeakng_loader")
    with Espeak() as espeak:
        yield lambda delivery, speaker=SPEAKER: render(espeak, speaker, TEXT, delivery, seed=[1, 2])


def rms_db(samples):
    speech = samples[np.abs(samples) > 1e-4]
    return 10 * np.log10(np.mean(speech.astype(np.float64) ** 2))


def bright_db(samples):
    """Energy above 2 kHz over energy below, in dB."""
    frequency, power = welch(samples, SAMPLE_RATE, nperseg=512)
    return 10 * np.log10(power[frequency > 2000].sum() / power[frequency <= 2000].sum())


def pitch(samples):
    """Median pitch in Hz of the frames with a clear period, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 800)[::160].astype(np.float64)
    frames = frames - frames.mean(axis=1, keepdims=True)
    power = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)
    strength = power[:, 40:270] / (power[:, :1] + 1e-12)
    voiced = (strength.max(axis=1) > 0.6) & (power[:, 0] > 0.02 * power[:, 0].max())
    return SAMPLE_RATE / np.median(strength[voiced].argmax(axis=1) + 40)


def test_same_seed_same_samples(say):
    first = say(QUIET)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(say(QUIET), first)


def test_level(say):
    louder = rms_db(say(replace(QUIET, level_db=5.0))) - rms_db(say(QUIET))
    assert louder == pytest.approx(5, abs=0.3)


def test_very_loud_is_turned_down_not_clipped(say):
    samples = say(replace(QUIET, level_db=40.0))
    assert np.abs(samples).max() == pytest.approx(0.95, abs=1e-3)
    assert np.mean(np.abs(samples) > 0.94) < 1e-3


def test_tilt(say):
    assert bright_db(say(replace(QUIET, tilt_db=2.0))) > bright_db(say(QUIET)) + 3
    assert bright_db(say(replace(QUIET, tilt_db=-2.0))) < bright_db(say(QUIET)) - 3


def test_pitch_rises_by_what_was_asked(say):
    semitones = 12 * np.log2(pitch(say(replace(QUIET, pitch_st=4.0))) / pitch(say(QUIET)))
    assert semitones == pytest.approx(4, abs=1)


def test_formants_move_without_the_pitch(say):
    semitones = 12 * np.log2(pitch(say(replace(QUIET, spread_octaves=0.1))) / pitch(say(QUIET)))
    assert abs(semitones) < 0.7


def test_tempo(say):
    assert say(replace(QUIET, rate_octaves=0.4)).size < 0.9 * say(QUIET).size


def test_breath_and_tremor_change_the_sound(say):
    assert bright_db(say(replace(QUIET, breath_db=20.0))) > bright_db(say(QUIET)) + 1.5
    steady, trembling = say(QUIET), say(replace(QUIET, tremor_st=1.0))
    assert steady.shape != trembling.shape or np.abs(steady - trembling).max() > 0.01


def test_noise_of_the_room(say):
    samples = say(QUIET, speaker=replace(SPEAKER, noise_db=-50.0))
    pause = samples[:600].astype(np.float64)  # at least 50 ms before the first word
    assert 10 * np.log10(np.mean(pause**2)) == pytest.approx(-50, abs=3)


def test_warp_against_a_sine():
    time = np.arange(48000)
    sine = np.sin(2 * np.pi * 440 / 48000 * time)
    warped, carried = _warp(sine, np.full(1002, 0.25), np.zeros(1002))
    assert warped.size == pytest.approx(48000 / 2**0.25, abs=3)
    oracle = np.sin(2 * np.pi * 440 * 2**0.25 / 48000 * np.arange(warped.size))
    np.testing.assert_allclose(warped, oracle, atol=1e-3)
    assert not carried.any()
