import math
from pathlib import Path

import polars as pl
import pytest

from affekt.corpora import Corpus
from affekt.corpora.formats.records import corpus_of, derived_id, named_sex, notes_of, records_of
from affekt.errors import DataError


def made(*records: dict[str, object], typed: bool = True) -> Corpus:
    places = [(f"row {number}", dict(record)) for number, record in enumerate(records, 1)]
    return corpus_of(places, name="x", root=Path(), source="it", typed=typed)


def test_foreign_names_unless_affekts_own_is_there() -> None:
    (row,) = made({"wav": "a.wav", "spk_id": 3, "gender": "Female", "emo": "joy", "length": 1}).table.to_dicts()
    assert (row["file"], row["speaker"], row["sex"], row["emotion"], row["duration"]) == ("a.wav", "3", "f", "joy", 1.0)
    (row,) = made({"file": "a.wav", "path": "b.wav", "emotion": "joy", "label": 3}).table.to_dicts()
    assert (row["file"], row["path"], row["emotion"], row["label"]) == ("a.wav", "b.wav", "joy", 3)


def test_types_of_extra_columns() -> None:
    table = made(
        {"file": "a", "n": 1, "x": 1, "ok": True, "mixed": 1, "big": 2**70, "list": [1]},
        {"file": "b", "x": 0.5, "mixed": "é"},
    ).table
    assert [table.schema[name] for name in ("n", "x", "ok")] == [pl.Int64, pl.Float64, pl.Boolean]
    assert table["mixed"].to_list() == ["1", "é"]
    assert table["big"].to_list() == [str(2**70), None]
    assert table["list"].to_list() == ["[1]", None]


def test_segments_of_one_file_get_ids_of_their_own() -> None:
    table = made({"file": "a.wav", "start": 0.0, "end": 1.5}, {"file": "a.wav", "start": 1.5}, {"file": "b.wav"}).table
    assert table["utterance"].to_list() == ["a@0.0-1.5", "a@1.5-", "b"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, r"row 1 names no audio file \(got null\)"),
        ({"file": 3}, r"row 1 names no audio file \(got 3\)"),
        ({"file": "a", "arousal": True}, "'arousal' at row 1 is true; a number was expected"),
        ({"file": "a", "speaker": 0.5}, r"'speaker' at row 1 is 0\.5; text was expected"),
        ({"file": "a", "ratings": {}}, "'ratings' at row 1 is {}; a list of objects was expected"),
        ({"file": "a", "ratings": [{"rater": 0.5}]}, r"'rater' at a rating at row 1 is 0\.5"),
        ({"file": "a", "ratings": [{"arousal": "x"}]}, "'arousal' at a rating at row 1"),
    ],
)
def test_wrong_values_are_named(record: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        made(record)


def test_what_is_known_of_an_utterance(corpus: Corpus) -> None:
    table = corpus.table.with_columns(pl.Series("level", [math.inf, math.nan, 1.0]))
    records, left_out = records_of(Corpus(name="x", root=corpus.root, table=table, ratings=corpus.ratings))
    assert left_out == ()
    assert records[1] == {"utterance": "u2", "speaker": "03", "sex": "f", "age": 30.0, "split": "train"}
    assert records[0]["ratings"] == [{"rater": "r1", "emotion": "joy"}, {"rater": "r2", "emotion": "anger"}]
    assert records[2]["level"] == 1.0


def test_what_a_format_has_no_place_for(corpus: Corpus) -> None:
    lost, ratings = notes_of(corpus, "elsewhere", holds={"scale"}, ratings=False)
    assert lost == "the format has no place for these keys of corpus.toml: name, source, licence, classes"
    assert ratings == "the format has no place for single ratings: 2 were left out"
    assert notes_of(corpus, "small", holds={"scale", "source", "licence", "classes"}) == ()


def test_names() -> None:
    assert [named_sex(word, short=True) for word in ("Male", "f", "divers", None)] == ["m", "f", "divers", None]
    assert [named_sex(word, short=False) for word in ("m", "f", "divers")] == ["male", "female", "divers"]
    assert derived_id("a.b/c.d.wav") == "a.b/c.d"
