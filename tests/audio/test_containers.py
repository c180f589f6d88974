"""The bytes say whether the end is there."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.audio.containers import missing_end

SAMPLES = (0.1 * np.random.default_rng(0).standard_normal(20000)).astype(np.float32)


def content(folder, suffix, **options):
    path = folder / f"whole.{suffix}"
    soundfile.write(path, SAMPLES, 16000, **options)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("wav", {}),
        ("wav", {"subtype": "FLOAT"}),
        ("wav", {"format": "WAVEX"}),
        ("ogg", {}),
        ("ogg", {"subtype": "OPUS"}),
        ("flac", {}),
        ("mp3", {}),
    ],
)
def test_whole_files(tmp_path, suffix, options):
    content(tmp_path, suffix, **options)
    assert missing_end(tmp_path / f"whole.{suffix}") == ""


@pytest.mark.parametrize("suffix", ["wav", "ogg"])
def test_any_cut_is_found(tmp_path, suffix):
    whole = content(tmp_path, suffix)

    @settings(max_examples=50, deadline=None)
    @given(kept=st.integers(44, len(whole) - 1))
    def check(kept):
        (tmp_path / "cut").write_bytes(whole[:kept])
        assert missing_end(tmp_path / "cut")

    check()


def test_chunks_before_and_behind_the_samples_are_stepped_over(tmp_path):
    whole = content(tmp_path, "wav")
    odd = b"LIST" + (5).to_bytes(4, "little") + b"title\0"
    start = whole.index(b"data")
    (tmp_path / "a").write_bytes(whole[:start] + odd + whole[start:] + odd)
    assert missing_end(tmp_path / "a") == ""
    (tmp_path / "b").write_bytes(whole[:start] + odd + whole[start:-1000])
    assert missing_end(tmp_path / "b") == "39000 of 40000 bytes of samples"


@pytest.mark.parametrize("length", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_streamed_wav_is_not_called_cut_off(tmp_path, length):
    whole = bytearray(content(tmp_path, "wav"))
    at = whole.index(b"data") + 4
    whole[at : at + 4] = length.to_bytes(4, "little")
    (tmp_path / "a").write_bytes(whole)
    assert missing_end(tmp_path / "a") == ""


@pytest.mark.parametrize("start", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt ", b"some text"])
def test_files_that_are_something_else_are_left_to_the_decoder(tmp_path, start):
    (tmp_path / "a").write_bytes(start)
    assert missing_end(tmp_path / "a") == ""
