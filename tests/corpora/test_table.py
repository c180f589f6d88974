import hashlib
import struct
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affekt.corpora.table import COLUMNS, canonical_ratings, canonical_table, nearest, read_table, table_digest
from affekt.errors import DataError


def table(**columns: list[object]) -> pl.DataFrame:
    return canonical_table(pl.DataFrame(columns))


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_csv_ids_stay_text(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "file,speaker,sentence,session,age,duration\na.wav,03,007,1,31,1.50\n")
    frame = canonical_table(read_table(path))
    assert frame.select("speaker", "sentence", "session").row(0) == ("03", "007", "1")
    assert frame.select("age", "duration").row(0) == (31.0, 1.5)


def test_only_file_gives_every_canonical_column_as_null_of_its_type() -> None:
    frame = table(file=["a/b.c.wav", "plain"])
    assert frame.columns == list(COLUMNS)
    assert dict(frame.schema) == {name: kind() for name, kind in COLUMNS.items()}
    assert frame["utterance"].to_list() == ["a/b.c", "plain"]
    assert all(frame[name].null_count() == 2 for name in COLUMNS if name not in ("file", "utterance"))


def test_a_dot_in_a_folder_is_no_suffix() -> None:
    assert table(file=["v1.0/take"])["utterance"].to_list() == ["v1.0/take"]


def test_empty_text_and_nan_become_null() -> None:
    frame = table(file=["a"], speaker=[""], age=[float("nan")], note=[""])
    assert frame.select("speaker", "age", "note").row(0) == (None, None, None)


def test_extra_columns_stay_behind_with_their_types() -> None:
    frame = table(zebra=[[1, 2]], file=["a"], apple=[7])
    assert frame.columns[len(COLUMNS) :] == ["zebra", "apple"]
    assert frame["apple"].dtype == pl.Int64


def test_integer_ids_of_parquet_become_text() -> None:
    assert table(file=["a"], speaker=[3])["speaker"].to_list() == ["3"]


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"filename": ["a"], "speaker": ["1"]}, r"no column 'file' \(nearest columns found: 'filename', .*rename"),
        ({"file": ["a", None]}, "row 2 .* has no file"),
        ({"file": ["a.wav", "a.flac"]}, r"row 1 .*utterance 'a', and 1 more\) shares its id"),
        ({"file": ["a", "b"], "utterance": ["x", "x"]}, "'x'.* shares its id"),
        ({"file": ["a", "b"], "start": ["0.5", "soon"]}, r"'start' in row 2 .* no number \(got 'soon'\)"),
        ({"file": ["a"], "end": ["inf"]}, "'end' in row 1 .* no number"),
        ({"file": ["a"], "age": ["old"]}, "'age' in row 1"),
        ({"file": ["a"], "start": [-0.1]}, "impossible segment"),
        ({"file": ["a"], "start": [2.0], "end": [1.0]}, "impossible segment"),
        ({"file": ["a"], "end": [0.0]}, "impossible segment"),
        ({"file": ["a"], "speaker": [3.0]}, "'speaker' .* holds Float64; text was expected"),
        ({"file": ["a"], "age": [[1.0]]}, "'age' .* numbers were expected"),
    ],
)
def test_bad_tables(columns: dict[str, list[object]], match: str) -> None:
    with pytest.raises(DataError, match=match):
        table(**columns)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("t.csv", "", "is empty"),
        ("t.csv", "file,speaker\n", "has no rows"),
        ("t.csv", "file,a\nx,1,2\n", "cannot be read as csv"),
        ("t.csv", "file,file\na,b\n", "two columns 'file'"),
        ("t.parquet", "file\na\n", "cannot be read as parquet"),
        ("t.xlsx", "file\na\n", "is not a table"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read_table(write(tmp_path / name, content))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no table at"):
        read_table(tmp_path / "t.csv")


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("file,text\na,Tüten\n".encode("latin1"))
    with pytest.raises(DataError, match="cannot be read as csv"):
        read_table(path)


def test_ratings() -> None:
    ids = pl.Series(["u", "v"])
    frame = canonical_ratings(pl.DataFrame({"utterance": ["u", "u"], "rater": [1, 2], "valence": ["3.5", ""]}), ids)
    assert frame["rater"].to_list() == ["1", "2"]
    assert frame["valence"].to_list() == [3.5, None]
    with pytest.raises(DataError, match=r"row 1 .*'w'.* rates no utterance"):
        canonical_ratings(pl.DataFrame({"utterance": ["w"]}), ids)
    with pytest.raises(DataError, match="no column 'utterance'"):
        canonical_ratings(pl.DataFrame({"id": ["u"]}), ids)


def test_nearest() -> None:
    assert nearest("angr", ["anger", "joy"]) == "did you mean 'anger'"
    assert nearest("Anger", ["anger", "joy"]) == "did you mean 'anger'"
    assert nearest("zzz", ["joy", "anger"]) == "known: anger, joy"
    assert nearest("zzz", map(str, range(10))).endswith("and 2 more")


def test_digest_is_the_sha256_of_these_bytes() -> None:
    # stored run records name corpora by their digest, so its making must never change
    def text(name: str, nulls: bytes, *cells: str) -> bytes:
        return name.encode() + b"\n" + nulls + struct.pack("<2q", *map(len, cells)) + "".join(cells).encode()

    frame = table(file=["b.wav", "a.wav"], speaker=["03", None], age=[31.0, None])
    content = (
        b"4 columns of 2 rows\n"
        + (b"age\n" + b"\1\0" + struct.pack("<2d", 0.0, 31.0))
        + text("file", b"\0\0", "a.wav", "b.wav")
        + text("speaker", b"\1\0", "", "03")
        + text("utterance", b"\0\0", "a", "b")
    )
    assert table_digest(frame) == hashlib.sha256(content).hexdigest()


def test_digest_sees_every_canonical_cell_and_no_other() -> None:
    plain = {"file": ["a", "b"], "speaker": ["1", "2"], "age": [1.0, None]}
    digest = table_digest(table(**plain))
    assert table_digest(table(**plain, note=["x", "y"])) == digest
    assert table_digest(table(**plain, sex=[None, None])) == digest
    for other in (
        {"speaker": ["1", "3"]},
        {"speaker": ["1", None]},
        {"age": [None, 1.0]},
        {"age": [0.0, None]},
        {"file": ["a", "c"]},
        {"sex": ["f", None]},
    ):
        assert table_digest(table(**{**plain, **other})) != digest


def test_digest_is_not_fooled_by_shifted_text() -> None:
    one = table(file=["a", "b"], speaker=["xy", "z"])
    other = table(file=["a", "b"], speaker=["x", "yz"])
    assert table_digest(one) != table_digest(other)


TEXT = st.none() | st.text(st.characters(codec="utf-8"), max_size=6)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "utterance": st.text(st.characters(codec="utf-8"), min_size=1, max_size=6),
            "file": st.text(st.characters(codec="utf-8"), min_size=1, max_size=6),
            "speaker": TEXT,
            "text": TEXT,
            "emotion": TEXT,
            "age": NUMBER,
            "valence": NUMBER,
            "note": TEXT,
        }
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row["utterance"],
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, shuffled=st.randoms(use_true_random=False))
def test_csv_and_parquet_lose_nothing(tmp_path: Path, rows: list[dict[str, object]], shuffled: object) -> None:
    schema = {name: pl.Float64 if name in ("age", "valence") else pl.String for name in rows[0]}
    frame = canonical_table(pl.DataFrame(rows, schema=schema))
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet", row_group_size=2)
    for name in ("t.csv", "t.parquet"):
        back = canonical_table(read_table(tmp_path / name))
        assert back.equals(frame)
        assert table_digest(back) == table_digest(frame)
    order = list(range(frame.height))
    shuffled.shuffle(order)  # type: ignore[attr-defined]
    assert table_digest(frame[order]) == table_digest(frame)
