from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from affekt.corpora import Corpus
from affekt.corpora.formats.recordings import headers, place
from affekt.errors import DataError


def test_recordings_that_stay_are_named_from_the_root_of_the_disk(corpus: Corpus, tmp_path: Path) -> None:
    placed = place(corpus, tmp_path, copy_audio=False)
    assert [Path(one.file).is_absolute() for one in placed] == [True] * 3
    assert (placed[1].start, placed[1].end) == (0.5, None)
    assert [header.sample_rate for header in headers(placed)] == [16000, 16000, 44100]
    assert list(tmp_path.iterdir()) == []


def test_segments_are_cut_at_their_own_rate_sample_for_sample(recordings: Path, tmp_path: Path) -> None:
    table = pl.DataFrame({"file": ["ä ö/03.wav"], "utterance": ["../é/1"], "start": [0.1], "end": [0.35]})
    (one,) = place(Corpus(name="x", root=recordings, table=table), tmp_path, copy_audio=True, cut=True)
    assert one.file == "clips/000000--1.wav"
    assert (one.start, one.end) == (None, None)
    samples, rate = soundfile.read(one.path, dtype="int16")
    assert rate == 8000
    whole, _ = soundfile.read(recordings / "ä ö" / "03.wav", dtype="int16")
    np.testing.assert_array_equal(samples, whole[800:2800])


def test_what_cannot_be_copied_or_cut(recordings: Path, tmp_path: Path) -> None:
    def corpus(**row: object) -> Corpus:
        return Corpus(name="x", root=recordings, table=pl.DataFrame({key: [value] for key, value in row.items()}))

    with pytest.raises(DataError, match="is outside the corpus root"):
        place(corpus(file="../a.wav"), tmp_path, copy_audio=True)
    with pytest.raises(DataError, match=r"no recording at .*gone\.wav; it was to be copied"):
        place(corpus(file="gone.wav"), tmp_path, copy_audio=True)
    with pytest.raises(DataError, match="the segment of utterance 'a' lies outside"):
        place(corpus(file="a.wav", start=5.0), tmp_path, copy_audio=True, cut=True)
    late = place(corpus(file="a.wav", end=1.5), tmp_path, copy_audio=False)
    with pytest.raises(DataError, match=r"a\.wav reaches to 1\.5 s; the file is 1 s long"):
        headers(late)
