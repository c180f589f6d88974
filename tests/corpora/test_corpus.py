from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.corpora import Corpus, open_corpus
from affekt.errors import ConfigError, DataError

TABLE = pl.DataFrame(
    {
        "utterance": ["u1", "u2", "u3", "u4"],
        "file": ["a.wav", "sub/b.wav", "a2.wav", "c.wav"],
        "speaker": ["03", "08", "03", None],
        "emotion": ["joy", "anger", "joy", None],
        "take": [1, 2, 3, 4],
    }
)
RATINGS = pl.DataFrame({"utterance": ["u1", "u1", "u2"], "rater": ["r", "s", "r"], "emotion": ["joy", "anger", "joy"]})


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(name="four", root=tmp_path, table=TABLE, ratings=RATINGS, source="here", licence="CC0")


def test_what_it_says_about_itself(corpus: Corpus) -> None:
    assert len(corpus) == 4
    assert corpus.speakers == ("03", "08")
    assert corpus.classes == ("anger", "joy")
    assert corpus.emotions == ["joy", "anger", "joy", None]
    assert corpus.path(1) == corpus.root / "sub" / "b.wav"
    assert repr(corpus) == "Corpus('four', 4 utterances, 2 speakers, 2 classes)"


def test_it_never_changes(corpus: Corpus) -> None:
    with pytest.raises(FrozenInstanceError):
        corpus.name = "five"  # type: ignore[misc]
    before = corpus.digest
    corpus.select([0])
    assert corpus.digest == before
    assert len(corpus) == 4


def test_labels_follow_the_order_of_the_classes() -> None:
    corpus = Corpus(name="x", root=Path(), table=TABLE.head(3), classes=("joy", "calm", "anger"))
    labels = corpus.labels()
    assert labels.dtype == np.int64
    assert labels.tolist() == [0, 2, 0]


def test_labels_refuse_what_is_missing_or_unknown(corpus: Corpus) -> None:
    with pytest.raises(DataError, match=r"'u4' \(row 4 of corpus 'four'\) has no emotion"):
        corpus.labels()
    other = Corpus(name="x", root=Path(), table=TABLE.head(3), classes=("joys", "anger"))
    with pytest.raises(DataError, match=r"'u1' \(row 1 .*unknown emotion 'joy'; did you mean 'joys'"):
        other.labels()


def test_classes_are_named_once() -> None:
    with pytest.raises(DataError, match="repeat a name"):
        Corpus(name="x", root=Path(), table=TABLE, classes=("joy", "joy"))


@pytest.mark.parametrize(
    "rows",
    [
        [1, 2],
        np.array([1, 2]),
        (False, True, True, False),
        np.array([False, True, True, False]),
        pl.Series([False, True, True, False]),
        pl.col("utterance").is_in(["u2", "u3"]),
    ],
)
def test_select_keeps_classes_and_ratings_of_the_rest(corpus: Corpus, rows: object) -> None:
    some = corpus.select(rows)  # type: ignore[arg-type]
    assert some.table["utterance"].to_list() == ["u2", "u3"]
    assert some.table["take"].to_list() == [2, 3]
    assert some.classes == corpus.classes
    assert some.ratings is not None
    assert some.ratings["utterance"].to_list() == ["u2"]
    only_joy = corpus.select([0])
    assert only_joy.classes == ("anger", "joy")
    assert only_joy.labels().tolist() == [1]


def test_select_nothing_and_reorder(corpus: Corpus) -> None:
    assert len(corpus.select([])) == 0
    assert corpus.select([]).classes == corpus.classes
    assert corpus.select([2, 0]).table["utterance"].to_list() == ["u3", "u1"]
    assert corpus.select([3, 2, 1, 0]).digest == corpus.digest


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([4], "no row 4; 0 to 3"),
        ([-1], "no row -1"),
        ([True], "mask has 1 values; 4 were expected"),
        ([0.5], "whole numbers or booleans"),
        ([[0]], "one-dimensional"),
        ([0, 0], "shares its id"),
        (pl.col("nothing") == 1, "fits no column"),
    ],
)
def test_select_refuses(corpus: Corpus, rows: object, match: str) -> None:
    with pytest.raises(DataError, match=match):
        corpus.select(rows)  # type: ignore[arg-type]


def test_with_and_without_speakers(corpus: Corpus) -> None:
    assert corpus.with_speakers("03").table["utterance"].to_list() == ["u1", "u3"]
    assert corpus.without_speakers("03").table["utterance"].to_list() == ["u2", "u4"]
    assert len(corpus.with_speakers("03", "08")) == 3
    for method in (corpus.with_speakers, corpus.without_speakers):
        with pytest.raises(DataError, match=r"unknown speaker '3' \(corpus 'four' has 2\); did you mean '03'"):
            method("3")


@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_select_and_its_complement_share_out_the_corpus(mask: list[bool]) -> None:
    corpus = Corpus(name="x", root=Path(), table=TABLE)
    ids = [*corpus.select(mask).table["utterance"], *corpus.select([not bit for bit in mask]).table["utterance"]]
    assert sorted(ids) == ["u1", "u2", "u3", "u4"]


def test_digest_depends_on_ratings_not_on_place_or_name(corpus: Corpus) -> None:
    moved = Corpus(name="other", root=Path("/elsewhere"), table=TABLE, ratings=RATINGS.reverse())
    assert moved.digest == corpus.digest
    assert Corpus(name="four", root=corpus.root, table=TABLE).digest != corpus.digest


def test_load_and_seconds(tmp_path: Path, tone: Callable[..., Path]) -> None:
    tone("a.wav", seconds=0.5, rate=8000)
    table = pl.DataFrame(
        {"utterance": ["whole", "part"], "file": ["a.wav"] * 2, "start": [None, 0.1], "end": [None, 0.3]}
    )
    corpus = Corpus(name="x", root=tmp_path, table=table)
    np.testing.assert_allclose(corpus.seconds(), [0.5, 0.2])
    assert corpus.load(0).shape == (8000,)
    part = corpus.load(1, sample_rate=8000)
    assert part.shape == (1600,)
    np.testing.assert_array_equal(part, corpus.load(0, sample_rate=8000)[800:2400])
    with pytest.raises(DataError, match="no row 2"):
        corpus.load(2)


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_write_and_open_again(corpus: Corpus, tmp_path: Path, file_format: str) -> None:
    folder = corpus.write(tmp_path / "out" / "new", file_format=file_format)
    assert sorted(path.name for path in folder.iterdir()) == [
        "corpus.toml",
        f"ratings.{file_format}",
        f"utterances.{file_format}",
    ]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
    back = open_corpus(folder)
    assert back.digest == corpus.digest
    assert (back.name, back.classes, back.source, back.licence, back.synthetic) == (
        "four",
        ("anger", "joy"),
        "here",
        "CC0",
        False,
    )
    assert back.path(1) == corpus.path(1)
    assert back.table["take"].cast(pl.Int64).to_list() == [1, 2, 3, 4]


def test_the_scale_is_kept_and_holds(tmp_path: Path) -> None:
    table = pl.DataFrame({"file": ["a.wav", "b.wav"], "arousal": [1.0, 7.0], "valence": [None, 2.5]})
    rated = Corpus(name="rated", root=tmp_path, table=table, scale=(1, 7))
    assert open_corpus(rated.write(tmp_path / "out")).scale == (1.0, 7.0)
    assert Corpus(name="rated", root=tmp_path, table=table).scale is None
    with pytest.raises(DataError, match=r"'b' .* has arousal 7; a value on the scale from 1 to 5 was expected"):
        Corpus(name="rated", root=tmp_path, table=table, scale=(1, 5))
    with pytest.raises(DataError, match=r"scale .* is \[7, 1\]; its two ends in rising order"):
        Corpus(name="rated", root=tmp_path, table=table, scale=(7, 1))


def test_write_keeps_awkward_words(tmp_path: Path) -> None:
    name = 'a "b" \\ \n \x7f ü 🎤'
    corpus = Corpus(name=name, root=tmp_path, table=TABLE, classes=("joy", "anger", name), synthetic=True)
    back = open_corpus(corpus.write(tmp_path / "new"))
    assert (back.name, back.classes, back.synthetic) == (name, corpus.classes, True)


def test_write_refuses_a_full_folder(corpus: Corpus, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="not empty"):
        corpus.write(full)
    assert [path.name for path in full.iterdir()] == ["mine.txt"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert open_corpus(corpus.write(empty)).digest == corpus.digest
    with pytest.raises(ConfigError, match="unknown table format 'xlsx'"):
        corpus.write(tmp_path / "new", file_format="xlsx")


def test_write_with_recordings(tmp_path: Path, tone: Callable[..., Path]) -> None:
    tone("in/a.wav")
    tone("in/sub/b.wav", hz=300)
    table = pl.DataFrame({"file": ["a.wav", "sub/b.wav"]})
    corpus = Corpus(name="x", root=tmp_path / "in", table=table)
    folder = corpus.write(tmp_path / "out", copy_audio=True)
    moved = folder.rename(tmp_path / "moved")
    back = open_corpus(moved)
    assert back.path(1) == moved / "sub" / "b.wav"
    np.testing.assert_array_equal(back.load(1), corpus.load(1))


@pytest.mark.parametrize(("file", "match"), [("gone.wav", "no recording at"), ("../x.wav", "outside the corpus root")])
def test_write_with_recordings_leaves_nothing_half_done(tmp_path: Path, file: str, match: str) -> None:
    (tmp_path / "x.wav").touch()
    corpus = Corpus(name="x", root=tmp_path / "in", table=pl.DataFrame({"file": [file]}))
    with pytest.raises(DataError, match=match):
        corpus.write(tmp_path / "out" / "new", copy_audio=True)
    assert list((tmp_path / "out").iterdir()) == []
