"""nkululeko's CSV; what reads it there is audformat, which serves as the other side."""

from pathlib import Path

import audformat
import pandas as pd
import pytest

from affekt.corpora import Corpus
from affekt.corpora.formats.nkululeko import read, write
from affekt.errors import DataError


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # audformat's own
def test_its_reader_opens_what_is_written(corpus: Corpus, whole: Corpus, tmp_path: Path) -> None:
    write(corpus, tmp_path / "db")
    frame = audformat.utils.read_csv(tmp_path / "db" / "db.csv")
    assert audformat.is_segmented_index(frame.index)
    assert frame.index[1][1] == pd.Timedelta("0.5s")
    assert pd.isna(frame.index[1][2])
    assert frame["gender"].tolist() == ["female", "female", "male"]
    write(whole, tmp_path / "whole", copy_audio=True)
    frame = audformat.utils.read_csv(tmp_path / "whole" / "whole.csv")
    assert frame.index.tolist() == ["a.wav", "b/c.flac"]


def test_its_files_are_read(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text(
        "file,start,end,speaker,gender,emotion,age\n"
        "a.wav,0 days 00:00:00,0 days 00:00:01.5,03,female,joy,31\n"
        "a.wav,1.5,,03,female,,\n"
        "b.wav,0,NaT,4,male,anger,\n",
        encoding="utf-8",
    )
    corpus = read(path)
    columns = ["utterance", "start", "end", "speaker", "sex", "emotion", "age"]
    assert corpus.table.select(columns).rows() == [
        ("a@0.0-1.5", 0.0, 1.5, "03", "f", "joy", 31.0),
        ("a@1.5-", 1.5, None, "03", "f", None, None),
        ("b", None, None, "4", "m", "anger", None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("file\n", "has no rows"),
        ("path,emotion\na.wav,joy\n", "has no column 'file'"),
        ("file,file\na.wav,b.wav\n", "has two columns 'file'"),
        ("file,emotion\n,joy\n", "row 2 names no audio file"),
        ("file,start,end\na.wav,soon,\n", "'start' in .* row 2 is no time"),
        ("file,age\na.wav,old\n", "is no number"),
        ("file,utterance\na.wav,u\nb.wav,u\n", "'u' is there twice"),
    ],
)
def test_damage(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(tmp_path / "x.csv")
