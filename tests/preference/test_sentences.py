"""Rated sentences are read, and a file that is none is refused in one sentence."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from affekt.errors import ConfigError, DataError
from affekt.preference import read_sentences

SMALL = "text,valence,arousal\nwell done,4.0,3.0\noh no,1,5\n"


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "sentences.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_sentences_and_where_they_lie(tmp_path: Path) -> None:
    file = written(tmp_path, SMALL)
    found = read_sentences(file, scale=(1.0, 5.0))
    assert found.texts == ("well done", "oh no")
    assert found.places.tolist() == [[0.75, 0.5], [0.0, 1.0]]
    assert found.sha256 == hashlib.sha256(SMALL.encode()).hexdigest()
    assert len(found) == 2
    assert read_sentences(file, scale=(-3.0, 5.0)).places.tolist() == [[0.875, 0.75], [0.5, 1.0]]


@pytest.mark.parametrize(
    "text",
    [
        "id,split,V,A,D,text\na,train,4.0,3.0,1,well done\nb,test,9,nothing,1,\nc,dev,0,0,1,x\nd,train,1,5,1,oh no\n",
        "\ufeffAROUSAL,Text,Valence\r\n3.0,well done,4.0\r\n\r\n5,  oh no ,1\r\n",
        'v,a,text\n4,3,"well done"\n1,5,"oh no"',
    ],
    ids=["EmoBank", "spreadsheet", "short"],
)
def test_columns_have_several_names_and_only_the_training_side_is_read(tmp_path: Path, text: str) -> None:
    found = read_sentences(written(tmp_path, text), scale=(1.0, 5.0))
    assert found.texts == ("well done", "oh no")
    assert found.places.tolist() == [[0.75, 0.5], [0.0, 1.0]]


def test_a_text_keeps_its_commas_quotes_and_lines(tmp_path: Path) -> None:
    file = written(tmp_path, 'text,V,A\n"He said ""no"", twice,\nand left",2,2\nso,1,x\n')
    with pytest.raises(DataError, match=r"line 4 of the sentences .* has the arousal 'x'"):
        read_sentences(file, scale=(1.0, 5.0))
    file = written(tmp_path, 'text,V,A\n"He said ""no"", twice,\nand left",2,2\n')
    assert read_sentences(file, scale=(1.0, 5.0)).texts == ('He said "no", twice,\nand left',)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "have no column of text"),
        ("text,valence\nso,1\n", "have no column of arousal; one each of text"),
        ("text,valence,V,arousal\nso,1,1,1\n", "have 2 columns of valence"),
        ("text,V,A\n", "hold no line; at least one"),
        ("text,V,A,split\nso,1,1,test\n", "hold no line with train in the column split"),
        ("text,V,A\nso,1,\n", "line 2 of the sentences .* has the arousal ''; a number"),
        ("text,V,A\nso,1,2\nso,nan,2\n", "line 3 .* has the valence 'nan'; a number"),
        ("text,V,A\nso,inf,2\n", "has the valence 'inf'"),
        ("text,V,A\nso,5.5,2\n", "has the valence 5.5; 1 to 5 was expected"),
        ("text,V,A\nso,1,0\n", "has the arousal 0; 1 to 5 was expected"),
        ("text,V,A\n  ,1,2\n", "line 2 .* has no text"),
        ("V,A,text\n1,2,oh, no\n", "line 2 .* has 4 cells; 3 were expected"),
        ("V,A,text\n1,2\n", "line 2 .* has 2 cells; 3 were expected"),
        ('text,V,A\n"so,1,2\n', "are not CSV in UTF-8"),
        (b"text,V,A\n\xff\xfe,1,2\n", "are not CSV in UTF-8"),
        (b"PAR1\x00\x00", "are not CSV in UTF-8|have no column"),
    ],
)
def test_files_that_are_no_rated_sentences_are_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_sentences(written(tmp_path, text), scale=(1.0, 5.0))
    assert "\n" not in str(caught.value)


def test_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_sentences(path, scale=(1.0, 5.0))


@pytest.mark.parametrize("scale", [(5.0, 1.0), (1.0, 1.0), (1.0, float("inf")), (float("nan"), 5.0), (1.0,)])
def test_a_scale_has_two_ends(tmp_path: Path, scale: Any) -> None:
    with pytest.raises(ConfigError, match="its two ends were expected"):
        read_sentences(written(tmp_path, SMALL), scale=scale)


@pytest.mark.data
def test_emobank_is_read_as_it_is(data_root: Callable[[str], Path]) -> None:
    file = data_root("text") / "emobank.csv"
    found = read_sentences(file, scale=(1.0, 5.0))
    table = pl.read_csv(file).filter(pl.col("split") == "train")
    assert found.texts == tuple(table["text"].str.strip_chars().to_list())
    assert np.allclose(1 + 4 * found.places, table.select("V", "A").to_numpy(), atol=1e-12)
    assert len(found) == 8062
