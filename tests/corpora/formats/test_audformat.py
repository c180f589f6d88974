"""audformat, with the audformat library as the other side."""

from collections.abc import Callable
from pathlib import Path

import audformat
import pandas as pd
import polars as pl
import pytest
import yaml

from affekt.corpora import Corpus
from affekt.corpora.formats.audformat import read, write
from affekt.errors import DataError

Same = Callable[..., None]

# audformat 1.4.3 itself calls pandas 3.1 in a way that it will give up
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.set_index is deprecated")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_audformat_opens_what_is_written(kind: str, corpus: Corpus, tmp_path: Path) -> None:
    done = write(corpus, tmp_path / "db", file_format=kind)
    db = audformat.Database.load(tmp_path / "db", load_data=True)
    assert (db.name, db.source, db.license) == ("small", "a test", "CC0-1.0")
    table = db["utterances"].get()
    file = (corpus.root / "a.wav").resolve().as_posix()
    assert table.index[0] == (file, pd.Timedelta(0), pd.Timedelta("0.5s"))
    assert table.index[1][1] == pd.Timedelta("0.5s")
    assert pd.isna(table.index[1][2])
    assert table["emotion"].tolist()[0] == "joy"
    assert table["emotion"].isna().tolist() == [False, True, False]
    assert table["speaker"].tolist() == ["03", "03", "3"]
    assert table["gender"].tolist() == ["female", "female", "male"]
    assert table["take"].tolist()[2] == "2020-01-01"
    assert table["arousal"].tolist()[::2] == [1.5, 7.0]
    assert list(db.schemes["emotion"].labels) == ["joy", "anger"]
    assert (db.schemes["arousal"].minimum, db.schemes["arousal"].maximum) == (1.0, 7.0)
    assert list(db.raters) == ["r1", "r2"]
    assert db["ratings"]["emotion.r2"].rater_id == "r2"
    assert db["ratings"].get().iloc[0].tolist() == ["joy", "anger"]
    assert len(db["split.train"]) == 2
    assert db["split.test"].split_id == "test"
    assert db.splits["test"].type == "test"
    # the library's own way to ask for a label everywhere finds the utterances and the raters
    assert db.get("arousal")["arousal"].dropna().tolist() == [1.5, 7.0]
    assert done.notes == ("the recordings stay where they are, and the absolute paths make the database not portable",)


def test_whole_files_make_a_portable_filewise_table(whole: Corpus, tmp_path: Path) -> None:
    write(whole, tmp_path / "db", copy_audio=True)
    db = audformat.Database.load(tmp_path / "db", load_data=True)
    assert db.is_portable
    assert db["utterances"].is_filewise
    assert db.files.tolist() == ["a.wav", "b/c.flac"]
    assert (tmp_path / "db" / "b" / "c.flac").is_file()


@pytest.fixture
def database() -> audformat.Database:
    """A database in the style of published ones."""
    db = audformat.Database("mydb", source="here", usage="research", license="CC0-1.0")
    db.schemes["emotion"] = audformat.Scheme(labels=["joy", "anger", "none"])
    db.schemes["speaker"] = audformat.Scheme(
        "str", labels={"03": {"gender": "female", "age": 30}, "7": {"gender": "male"}}
    )
    db.schemes["arousal"] = audformat.Scheme("float", minimum=1, maximum=5)
    db.schemes["confidence"] = audformat.Scheme("float")
    db.schemes["clip"] = audformat.Scheme("time")
    db.schemes["clear"] = audformat.Scheme("bool")
    db.raters["gold"] = audformat.Rater("vote")
    for rater in ("r1", "r2"):
        db.raters[rater] = audformat.Rater("human")
    db.splits["train"] = audformat.Split("train")
    db.splits["heldout"] = audformat.Split("test")
    files = db["files"] = audformat.Table(audformat.filewise_index(["a.wav", "b.wav"]))
    for name, values in {
        "speaker": ["03", "7"],
        "clip": pd.to_timedelta([1.5, None], unit="s"),
        "clear": [True, None],
    }.items():
        files[name] = audformat.Column(scheme_id=name)
        files[name].set(values)
    segments = audformat.segmented_index(["a.wav", "a.wav"], [0.0, 1.0 / 3], [1.0 / 3, pd.NaT])
    train = db["emotion.train"] = audformat.Table(segments, split_id="train")
    train["emotion"] = audformat.Column(scheme_id="emotion", rater_id="gold")
    train["emotion"].set(["joy", "anger"])
    train["emotion.confidence"] = audformat.Column(scheme_id="confidence", rater_id="gold")
    train["emotion.confidence"].set([0.5, 1.0])
    for rater, values in {"r1": ["joy", None], "r2": ["anger", "anger"]}.items():
        train[rater] = audformat.Column(scheme_id="emotion", rater_id=rater)
        train[rater].set(values)
    test = db["emotion.test"] = audformat.Table(audformat.filewise_index(["b.wav"]), split_id="heldout")
    test["arousal"] = audformat.Column(scheme_id="arousal", rater_id="r1")
    test["arousal"].set([2.5])
    return db


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_what_audformat_writes_is_read(kind: str, database: audformat.Database, tmp_path: Path) -> None:
    database.save(tmp_path / "db", storage_format=kind)
    corpus = read(tmp_path / "db")
    assert (corpus.name, corpus.source, corpus.licence, corpus.scale) == ("mydb", "here", "CC0-1.0", (1.0, 5.0))
    assert corpus.classes == ("joy", "anger")
    rows = {row["utterance"]: row for row in corpus.table.sort("file", "start", nulls_last=False).to_dicts()}
    first, second, other = rows.values()
    assert (first["file"], first["start"], first["end"]) == ("a.wav", 0.0, 0.333333333)
    assert (second["start"], second["end"], second["speaker"], second["sex"]) == (0.333333333, None, "03", "f")
    assert (second["age"], second["emotion"], second["split"]) == (30.0, "anger", "train")
    assert (second["emotion.confidence"], second["clip"], second["clear"]) == (1.0, 1.5, True)
    assert (other["utterance"], other["arousal"], other["split"], other["sex"]) == ("b", 2.5, "test", "m")
    assert (other["start"], other["end"], other["clear"]) == (None, None, None)
    ratings = corpus.ratings
    assert ratings is not None
    said = ratings.select("rater", "emotion").sort("rater", "emotion").rows()
    assert said == [("r1", "joy"), ("r2", "anger"), ("r2", "anger")]


def test_some_of_the_tables(database: audformat.Database, tmp_path: Path) -> None:
    database.save(tmp_path / "db")
    assert read(tmp_path / "db" / "db.yaml", tables=["emotion.test"]).table["file"].to_list() == ["b.wav"]
    with pytest.raises(DataError, match=r"describes no table 'emotion.tset'; did you mean 'emotion.test'"):
        read(tmp_path / "db", tables=["emotion.tset"])


def test_tables_that_disagree(database: audformat.Database, tmp_path: Path) -> None:
    table = database["more"] = audformat.Table(audformat.filewise_index(["b.wav"]))
    table["arousal"] = audformat.Column(scheme_id="arousal")
    table["arousal"].set([4.0])
    database.save(tmp_path / "db")
    with pytest.raises(DataError, match=r"'emotion.test' and 'more' disagree about 'arousal' of b.wav"):
        read(tmp_path / "db")


def test_labels_of_speakers_in_a_misc_table(tmp_path: Path) -> None:
    db = audformat.Database("x")
    db["speaker"] = audformat.MiscTable(pd.Index(["03", "7"], name="speaker", dtype="string"))
    db["speaker"]["gender"] = audformat.Column()
    db["speaker"]["gender"].set(["male", "female"])
    db.schemes["speaker"] = audformat.Scheme("str", labels="speaker")
    table = db["files"] = audformat.Table(audformat.filewise_index(["a.wav"]))
    table["speaker"] = audformat.Column(scheme_id="speaker")
    table["speaker"].set(["03"])
    for kind in ("csv", "parquet"):
        db.save(tmp_path / kind, storage_format=kind)
        assert read(tmp_path / kind).table.select("speaker", "sex").rows() == [("03", "m")]


def test_a_time_without_a_unit_is_refused(tmp_path: Path) -> None:
    """It would be seconds for one version of pandas and nanoseconds for another (audformat#529)."""
    (tmp_path / "db.yaml").write_text("name: x\ntables: {t: {type: segmented, columns: {}}}\n", encoding="utf-8")
    (tmp_path / "db.t.csv").write_text("file,start,end\na.wav,0 days,1.5\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"'end' in row 1 of .*db\.t\.csv is '1\.5' without a unit"):
        read(tmp_path)


def test_pickles_are_refused(tmp_path: Path) -> None:
    db = audformat.Database("x")
    db["t"] = audformat.Table(audformat.filewise_index(["a.wav"]))
    db.save(tmp_path, storage_format="pkl")
    with pytest.raises(DataError, match="is a pickle, which can run code"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("header", "table", "message"),
    [
        ("", "file\na.wav\n", "describes no table"),
        ("a: [", "file\na.wav\n", "is not valid YAML"),
        ("tables: [1]\n", "file\na.wav\n", "does not map ids"),
        ("tables: {t: {type: odd}}\n", "file\na.wav\n", "type 'odd'; filewise or segmented"),
        (
            "tables: {t: {type: filewise, columns: {x: }}}\n",
            "file\na.wav\n",
            "has no column 'x', which db.yaml describes",
        ),
        ("tables: {t: {type: segmented}}\n", "file\na.wav\n", "has no column 'start'"),
        ("tables: {t: {type: filewise, columns: [x]}}\n", "file\na.wav\n", "are no mapping"),
        ("tables: {t: {type: filewise}}\n", "", "is empty"),
        ("tables: {t: {type: filewise}}\n", "file,x\n,1\n", "row 1 of .* names no file"),
        ("tables: {u: {type: filewise}}\n", "file\na.wav\n", "table 'u' is missing"),
        (
            "schemes: {s: {dtype: float}}\ntables: {t: {type: filewise, columns: {x: {scheme_id: s}}}}\n",
            "file,x\na.wav,much\n",
            "'x' in row 1 of .* is 'much'; a number was expected",
        ),
        (
            "schemes: {s: {dtype: bool}}\ntables: {t: {type: filewise, columns: {x: {scheme_id: s}}}}\n",
            "file,x\na.wav,maybe\n",
            "True or False was expected",
        ),
        (
            "tables: {t: {type: filewise, columns: {arousal: }}}\n",
            "file,arousal\na.wav,high\n",
            "'arousal' at a.wav in .* is \"high\"; a number was expected",
        ),
        ("affekt: 3\ntables: {t: {type: filewise}}\n", "file\na.wav\n", "does not map ids"),
        ("affekt: {scale: 3}\ntables: {t: {type: filewise}}\n", "file\na.wav\n", "'affekt' in .* is damaged"),
    ],
)
def test_damage(header: str, table: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "db.yaml").write_text(header, encoding="utf-8")
    (tmp_path / "db.t.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(tmp_path)


def test_the_same_segment_twice_is_refused(whole: Corpus, tmp_path: Path) -> None:
    table = pl.concat([whole.table, whole.table[:1].with_columns(utterance=pl.lit("again"))])
    with pytest.raises(DataError, match="'u1' and 'again' are the same segment"):
        write(Corpus(name="x", root=whole.root, table=table), tmp_path / "db")
    assert list(tmp_path.iterdir()) == []


def test_many_raters_and_extra_columns_go_to_a_misc_table(corpus: Corpus, tmp_path: Path, same_ratings: Same) -> None:
    ratings = pl.DataFrame(
        {"utterance": ["u1"] * 40, "rater": [f"r{k:02d}" for k in range(40)], "emotion": ["joy"] * 40}
    )
    many = Corpus(name="x", root=corpus.root, table=corpus.table, ratings=ratings.with_columns(seconds=pl.lit(1.5)))
    write(many, tmp_path / "db")
    assert yaml.safe_load((tmp_path / "db" / "db.yaml").read_text())["misc_tables"]["ratings"]["levels"] == {
        "rating": "int"
    }
    assert len(audformat.Database.load(tmp_path / "db", load_data=True)["ratings"].get()) == 40
    back = read(tmp_path / "db")
    same_ratings(back, many)
    assert back.ratings is not None
    assert back.ratings["seconds"].to_list() == [1.5] * 40
