"""Changes of recordings against what they promise: lengths, ratios, bands, and the same result for the same draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.audio.augmentation import (
    WAYS,
    WaveformAugmentation,
    add_noise,
    change_gain,
    change_speed,
    coloured_noise,
    mask_time,
    stop_band,
)
from affekt.errors import ConfigError, DataError, ShapeError
from affekt.types import FloatArray, Waveform


def sine(hz: float, *, seconds: float = 1.0, level: float = 0.1) -> Waveform:
    times = np.arange(round(seconds * 16000)) / 16000
    return np.asarray(level * np.sin(2 * np.pi * hz * times), np.float32)


def power(values: FloatArray) -> float:
    return float(np.mean(np.asarray(values, np.float64) ** 2))


def peak_hz(waveform: Waveform) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.fft.rfftfreq(len(waveform), 1 / 16000)[spectrum.argmax()])


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("factor", [0.9, 0.95, 1.0, 1.1])
def test_speed_moves_length_and_pitch_together(factor: float) -> None:
    found = change_speed(sine(400.0), factor)
    assert len(found) == pytest.approx(16000 / factor, abs=2)
    assert peak_hz(found) == pytest.approx(400.0 * factor, abs=2.0)
    assert found.dtype == np.float32


@given(st.floats(-20, 20))
def test_gain_is_in_db(gain: float) -> None:
    clip = sine(300.0, level=0.05)
    found = change_gain(clip, gain)
    assert 10 * np.log10(power(found) / power(clip)) == pytest.approx(gain, abs=1e-3)


def test_too_loud_is_turned_down_as_a_whole() -> None:
    found = change_gain(sine(300.0, level=0.5), 20.0)
    assert float(np.abs(found).max()) == 1.0
    np.testing.assert_allclose(found, sine(300.0, level=1.0), atol=2e-3)


@given(st.floats(-5, 40), st.integers(100, 40000), st.sampled_from(["white", "pink"]))
def test_the_ratio_of_speech_to_noise_is_exact(snr: float, length: int, colour: str) -> None:
    clip = sine(250.0, level=0.02)
    noise = 0.3 * coloured_noise(length, random(), colour=colour)  # shorter or longer than the clip
    found = add_noise(clip, noise, snr_db=snr, generator=random(1))
    added = found.astype(np.float64) - clip
    assert 10 * np.log10(power(clip) / power(added)) == pytest.approx(snr, abs=1e-3)


def test_a_silent_clip_stays_silent() -> None:
    silent = np.zeros(1000, np.float32)
    assert not add_noise(silent, np.ones(10), snr_db=10.0, generator=random()).any()


def test_pink_noise_has_the_same_power_in_every_octave() -> None:
    for colour, expected in (("pink", 1.0), ("white", 0.25)):
        spectrum = np.abs(np.fft.rfft(coloured_noise(2**16, random(), colour=colour))) ** 2
        frequencies = np.fft.rfftfreq(2**16, 1 / 16000)
        low = spectrum[(frequencies >= 500) & (frequencies < 1000)].sum()
        high = spectrum[(frequencies >= 2000) & (frequencies < 4000)].sum()
        assert low / high == pytest.approx(expected, rel=0.1)
        assert power(coloured_noise(999, random(), colour=colour)) == pytest.approx(1.0)


def test_a_band_goes_and_the_rest_stays() -> None:
    kept, gone = sine(300.0), sine(2000.0)
    found = stop_band(kept + gone, 1500.0, 2500.0)
    inside = slice(1000, -1000)  # the ends ring
    assert power(found[inside] - kept[inside]) < 1e-3 * power(kept)
    assert len(found) == len(kept)


def test_masks_silence_what_they_say() -> None:
    found = mask_time(np.ones(100, np.float32), [(0.1, 0.3), (0.5, 0.5)])
    assert np.flatnonzero(found == 0).tolist() == list(range(10, 30))


@given(st.integers(0, 200))
def test_a_view_follows_from_the_draw_and_is_sound(seed: int) -> None:
    clip = sine(220.0, seconds=0.3, level=0.4)
    before = clip.copy()
    found, again = (WaveformAugmentation().apply(clip, random(seed)) for _ in range(2))
    assert np.array_equal(found, again)
    assert np.array_equal(clip, before)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert float(np.abs(found).max()) <= 1.0
    assert 0.9 <= len(found) / len(clip) <= 1.0 / 0.9 + 0.01
    assert not np.array_equal(found, clip)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_alone_changes_the_clip(way: str) -> None:
    config = WaveformAugmentation(picks=1, ways=(way,))
    clip = sine(220.0, seconds=0.5, level=0.1)
    assert any(not np.array_equal(config.apply(clip, random(seed)), clip) for seed in range(3))


def test_no_picks_change_nothing() -> None:
    clip = sine(220.0)
    assert np.array_equal(WaveformAugmentation(picks=0).apply(clip, random()), clip)


def test_given_noise_is_used() -> None:
    config = WaveformAugmentation(picks=1, ways=("noise",), snr_db=(10.0, 10.0))
    noise = sine(3000.0)
    found = config.apply(sine(200.0), random(), noises=[noise])
    assert peak_hz(found - sine(200.0)) == pytest.approx(3000.0, abs=2.0)
    assert power(found - sine(200.0)) == pytest.approx(power(sine(200.0)) / 10, rel=1e-3)


def test_errors() -> None:
    clip = sine(100.0)
    with pytest.raises(ConfigError, match=r"factor is 3\.0; a speed from 0\.5 to 2"):
        change_speed(clip, 3.0)
    with pytest.raises(ConfigError, match="colour is 'brown'"):
        coloured_noise(10, random(), colour="brown")
    with pytest.raises(DataError, match="the noise is silent"):
        add_noise(clip, np.zeros(5), snr_db=10.0, generator=random())
    with pytest.raises(ConfigError, match=r"a stretch is 0\.5 to 0\.2"):
        mask_time(clip, [(0.5, 0.2)])
    with pytest.raises(ConfigError, match="the band is 100 to 9000 Hz"):
        stop_band(clip, 100, 9000)
    with pytest.raises(ShapeError, match=r"waveform must be \(T,\)"):
        change_gain(np.zeros((2, 5), np.float32), 1.0)
    with pytest.raises(ConfigError, match="picks is 9"):
        WaveformAugmentation(picks=9)
    with pytest.raises(ConfigError, match="out of echo"):
        WaveformAugmentation(ways=("echo",), picks=1)
    with pytest.raises(ConfigError, match=r"speed is 0\.1 to 1\.1"):
        WaveformAugmentation(speed=(0.1, 1.1))
    with pytest.raises(ConfigError, match=r"mask_share is 0\.9"):
        WaveformAugmentation(mask_share=0.9)
