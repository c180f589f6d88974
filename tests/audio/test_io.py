"""Reading recordings: the right samples, or one clear sentence."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.audio import info, level_db, load, resample, set_level
from affekt.errors import ConfigError, DataError, ShapeError

FORMATS = ["wav", "flac", "ogg", "mp3"]


def noise(samples, *, seed=0, scale=0.1):
    return (scale * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def write(folder, name, samples, rate=16000, **options):
    path = folder / name
    soundfile.write(path, samples, rate, **options)
    return path


def cut(path, part):
    """Keep only the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_info_says_what_was_written(tmp_path, suffix):
    path = write(tmp_path, f"a.{suffix}", noise((22050, 2)), rate=44100)
    found = info(str(path))
    assert (found.sample_rate, found.samples, found.channels, found.seconds) == (44100, 22050, 2, 0.5)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_lossless_files_come_back_exactly(tmp_path, suffix):
    samples = noise(5000)
    loaded = load(write(tmp_path, f"a.{suffix}", samples, subtype="PCM_24"))
    assert loaded.dtype == np.float32
    assert loaded.shape == (5000,)
    np.testing.assert_allclose(loaded, samples, rtol=0, atol=2**-23)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_lossy_files_come_back_nearly_and_in_time(tmp_path, suffix):
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.float32)
    loaded = load(write(tmp_path, f"a.{suffix}", tone))
    assert loaded.shape == tone.shape
    assert np.sqrt(np.mean((loaded - tone)[1000:-1000] ** 2)) < 0.02


@pytest.mark.parametrize("seconds", [1.3, 3.0])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_segment_is_the_same_stretch_of_the_whole(tmp_path, suffix, seconds):
    """A plain seek fails near the end of ogg vorbis and at bursts in mp3, which borrow bits from earlier frames."""
    samples = noise(int(seconds * 16000))
    if suffix == "mp3":
        samples *= 3 * (np.sin(2 * np.pi * 3 * np.arange(samples.size) / 16000) > 0.8)
    path = write(tmp_path, f"a.{suffix}", samples)
    whole = load(path)
    rng = np.random.default_rng(1)
    starts = [0.0, *np.arange(0.15, 0.4, 0.003), seconds - 0.1, *rng.uniform(0, seconds - 0.1, 30)]
    for start in starts:
        first, last = round(start * 16000), round((start + 0.1) * 16000)
        np.testing.assert_allclose(load(path, start=start, end=start + 0.1), whole[first:last], rtol=0, atol=1e-6)
    np.testing.assert_allclose(load(path, start=seconds - 0.2), whole[-3200:], rtol=0, atol=1e-6)


def test_channels_are_averaged(tmp_path):
    samples = noise((4000, 3))
    loaded = load(write(tmp_path, "a.wav", samples, subtype="FLOAT"))
    np.testing.assert_allclose(loaded, samples.mean(axis=1), rtol=0, atol=1e-7)


def test_silence_loads_and_has_no_level(tmp_path):
    loaded = load(write(tmp_path, "a.wav", np.zeros(1000, dtype=np.float32)))
    assert not loaded.any()
    assert level_db(loaded) == -np.inf
    assert not set_level(loaded).any()


def test_an_end_within_a_hundredth_behind_the_file_is_its_end(tmp_path):
    path = write(tmp_path, "a.wav", noise(16000))
    assert load(path, start=0.5, end=1.009).shape == (8000,)
    with pytest.raises(DataError, match="segment lies outside"):
        load(path, start=0.5, end=1.011)


def test_load_resamples(tmp_path):
    tone = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    loaded = load(write(tmp_path, "a.wav", 0.5 * tone, rate=48000, subtype="FLOAT"))
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert loaded.shape == (16000,)
    np.testing.assert_allclose(loaded[500:-500], expected[500:-500], rtol=0, atol=1e-4)


def test_resampling_removes_what_the_new_rate_cannot_hold():
    tone = np.sin(2 * np.pi * 9500 * np.arange(48000) / 48000).astype(np.float32)
    alias = resample(tone, from_rate=48000, to_rate=16000)[500:-500]
    assert level_db(alias) < -100


@settings(max_examples=40, deadline=None)
@given(
    samples=st.integers(1, 3000), rates=st.sampled_from([(48000, 16000), (44100, 16000), (8000, 16000), (16000, 22050)])
)
def test_resampled_length(samples, rates):
    source, target = rates
    clip = noise(samples)
    if samples * target < source:
        with pytest.raises(ShapeError, match=f"must last one sample at {target} Hz"):
            resample(clip, from_rate=source, to_rate=target)
    else:
        assert abs(resample(clip, from_rate=source, to_rate=target).size - samples * target / source) <= 0.5


def test_equal_rates_give_a_copy():
    clip = noise(100)
    same = resample(clip, from_rate=16000, to_rate=16000)
    np.testing.assert_array_equal(same, clip)
    assert not np.shares_memory(same, clip)


def test_level_of_known_signals():
    assert level_db(np.ones(100, dtype=np.float32)) == 0.0
    assert level_db(np.full(100, 0.1, dtype=np.float32)) == pytest.approx(-20.0, abs=1e-5)
    tone = np.sin(2 * np.pi * np.arange(16000) / 160).astype(np.float32)
    assert level_db(tone) == pytest.approx(-10 * np.log10(2), abs=1e-5)


@given(wanted=st.floats(-60, 0), scale=st.floats(1e-4, 10))
def test_set_level_reaches_the_level_or_stops_at_full_scale(wanted, scale):
    clip = noise(1000, scale=scale)
    result = set_level(clip, level_db=wanted)
    peak = np.abs(result).max()
    assert peak <= 1.0 + 1e-6
    if peak < 1.0 - 1e-6:
        assert level_db(result) == pytest.approx(wanted, abs=1e-3)
    else:
        assert level_db(result) <= wanted + 1e-3
    np.testing.assert_allclose(result / np.abs(result).max(), clip / np.abs(clip).max(), rtol=0, atol=1e-6)


def test_missing_file_and_folder(tmp_path):
    for read in (info, load):
        with pytest.raises(DataError, match=r"nope.wav is not a file \(got nothing there\)"):
            read(tmp_path / "nope.wav")
        with pytest.raises(DataError, match=r"is not a file \(got a folder\)"):
            read(tmp_path)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.txt"])
def test_not_audio(tmp_path, name):
    (tmp_path / name).write_bytes(b"once upon a time " * 200)
    for read in (info, load):
        with pytest.raises(DataError, match=f"{name} is not readable audio"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_no_bytes(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=rf"{name} is empty \(got 0 bytes\)"):
        load(tmp_path / name)


@pytest.mark.parametrize("suffix", ["wav", "ogg"])
def test_no_samples(tmp_path, suffix):
    path = write(tmp_path, f"a.{suffix}", np.zeros(0, dtype=np.float32))
    assert info(path).samples == 0
    with pytest.raises(DataError, match=r"is empty \(got 0 samples\)"):
        load(path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read every file")
def test_forbidden_file(tmp_path):
    path = write(tmp_path, "a.wav", noise(100))
    path.chmod(0)
    with pytest.raises(DataError, match="is not readable"):
        load(path)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("suffix", FORMATS)
def test_cut_off_file(tmp_path, suffix, part):
    path = cut(write(tmp_path, f"a.{suffix}", noise(48000)), part)
    with pytest.raises(DataError, match="cut off"):
        load(path)
    with pytest.raises(DataError, match="cut off"):
        load(path, start=2.9)


def test_a_wav_written_to_a_pipe_is_read_to_its_end(tmp_path):
    path = write(tmp_path, "a.wav", noise(1000))
    content, expected = bytearray(path.read_bytes()), load(path)
    content[40:44] = b"\xff" * 4
    path.write_bytes(content)
    np.testing.assert_array_equal(load(path), expected)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3"])
def test_damaged_file(tmp_path, suffix):
    path = write(tmp_path, f"a.{suffix}", noise(48000))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cut off"):
        load(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite(tmp_path, bad):
    samples = noise(1000)
    samples[500] = bad
    path = write(tmp_path, "a.wav", samples, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a.wav holds NaN or infinite samples \(got 1\)"):
        load(path)
    assert load(path, end=0.03).shape == (480,)
    for use in (level_db, set_level):
        with pytest.raises(DataError, match="waveform holds NaN or infinite samples"):
            use(samples)


@pytest.mark.parametrize(
    ("segment", "message"),
    [
        ({"start": 0.8, "end": 0.2}, r"ends before it starts \(got 0.8 to 0.2 s\)"),
        ({"start": 0.5, "end": 0.5}, "ends before it starts"),
        ({"end": -1.0}, "ends before it starts"),
        ({"start": -0.1}, "segment lies outside"),
        ({"start": 1.0}, r"segment lies outside .*within 0 to 1.000 s"),
        ({"start": 2.0, "end": 3.0}, "segment lies outside"),
        ({"end": 1.5}, r"segment lies outside .*got 0.0 to 1.5 s"),
        ({"start": float("nan")}, "segment lies outside"),
        ({"end": float("inf")}, "segment lies outside"),
        ({"start": 0.5, "end": 0.50001}, "holds no sample"),
        ({"start": 0.5, "end": 0.5001, "sample_rate": 1000}, "is too short .*expected at least one sample at 1000 Hz"),
    ],
)
def test_bad_segment(tmp_path, segment, message):
    path = write(tmp_path, "a.wav", noise(16000))
    with pytest.raises(DataError, match=message):
        load(path, **segment)


@pytest.mark.parametrize("rate", [0, -16000, 16000.0, True, None])
def test_bad_rate(tmp_path, rate):
    with pytest.raises(ConfigError, match="sample_rate must be a positive integer"):
        load(tmp_path / "any.wav", sample_rate=rate)
    with pytest.raises(ConfigError, match="from_rate must be"):
        resample(noise(10), from_rate=rate, to_rate=16000)
    with pytest.raises(ConfigError, match="to_rate must be"):
        resample(noise(10), from_rate=16000, to_rate=rate)


@pytest.mark.parametrize("shape", [(2, 100), (0,), ()])
def test_bad_shape(shape):
    clip = np.zeros(shape, dtype=np.float32)
    for use in (level_db, set_level, lambda x: resample(x, from_rate=8000, to_rate=16000)):
        with pytest.raises(ShapeError, match=r"waveform must be \(T,\) with T >= 1"):
            use(clip)


def test_bad_level():
    with pytest.raises(ConfigError, match="level_db must be finite"):
        set_level(noise(100), level_db=float("nan"))


def test_every_message_is_one_sentence_in_three_parts(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"once upon a time " * 200)
    write(tmp_path, "short.wav", noise(100))
    cut(write(tmp_path, "cut.flac", noise(48000)), 0.5)
    for name, segment in [("no.wav", {}), ("a.mp3", {}), ("short.wav", {"end": 1.0}), ("cut.flac", {})]:
        with pytest.raises(DataError) as caught:
            load(tmp_path / name, **segment)
        message = str(caught.value)
        assert message.endswith(".")
        assert message.count("; ") == 2
        assert "\n" not in message


def test_importing_the_package_leaves_torch_alone():
    code = (
        "import sys, affekt.audio as a; dir(a); assert 'torch' not in sys.modules;"
        "a.LogMel; assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_exists():
    import affekt.audio

    assert len(set(affekt.audio.__all__)) == len(affekt.audio.__all__)
    for name in affekt.audio.__all__:
        assert getattr(getattr(affekt.audio, name), "__name__", name) == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = affekt.audio.nothing


@pytest.mark.data
@pytest.mark.parametrize("pattern", ["emodb/audio/*/*.flac", "ravdess/audio/*/*.flac", "emogator/audio/*/*.mp3"])
def test_real_recordings(pattern):
    root = Path(os.environ.get("AFFEKT_DATA", "../shared/data"))
    files = sorted(root.glob(pattern))[::40]
    if not files:
        pytest.skip(f"no {pattern} under {root}: set AFFEKT_DATA")
    for path in files:
        found, whole = info(path), load(path)
        assert abs(whole.size - found.seconds * 16000) <= 1
        if found.sample_rate == 16000:
            half = found.samples // 2 / 16000
            np.testing.assert_allclose(load(path, start=half), whole[found.samples // 2 :], rtol=0, atol=1e-6)
