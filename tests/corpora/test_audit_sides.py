"""Splits as others write them; what is incomplete is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from affekt.corpora import Corpus, read_sides, sides_of_corpus
from affekt.errors import DataError

Maker = Callable[..., Corpus]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_column_split(people: Maker, tmp_path: Path) -> None:
    corpus = people(2, each=2)  # 01/0 01/1 02/2 02/3
    path = write(tmp_path / "s.csv", "utterance,split\n01/0,test\n01/1,train\n02/2,train\n")
    (sides,) = read_sides([path], corpus)
    assert sides.name == "split"
    assert sides.rows == {"train": (1, 2), "test": (0,)}
    assert list(sides.rows) == ["train", "test"]


@pytest.mark.parametrize("name", ["01/0", "01/0.wav", "elsewhere/0.flac", "0"])
def test_names_that_mean_an_utterance(people: Maker, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "s.csv", f"file,split\n{name},test\n02/3.wav,train\n")
    (sides,) = read_sides([path], people(2, each=2))
    assert sides.rows == {"train": (3,), "test": (0,)}


def test_a_name_without_folders_must_be_the_only_one(tmp_path: Path) -> None:
    corpus = Corpus(name="x", root=tmp_path, table=pl.DataFrame({"file": ["a/1.wav", "b/1.wav"]}))
    with pytest.raises(DataError, match="unknown utterance '1'"):
        read_sides([write(tmp_path / "s.csv", "file,split\n1,test\na/1.wav,train\n")], corpus)


def test_folds_alone_are_each_test_once(people: Maker, tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", "utterance,fold\n01/0,1\n01/1,2\n02/2,10\n02/3,2\n")
    one, two, three = read_sides([path], people(2, each=2))
    assert [sides.name for sides in (one, two, three)] == ["fold 1", "fold 2", "fold 10"]
    assert one.rows == {"train": (1, 2, 3), "test": (0,)}
    assert two.rows == {"train": (0, 2), "test": (1, 3)}
    assert three.rows == {"train": (0, 1, 3), "test": (2,)}


def test_folds_beside_splits(people: Maker, tmp_path: Path) -> None:
    lines = ["utterance,fold,split", "01/0,a,train", "01/1,a,test", "01/0,b,test", "01/1,b,train", "02/2,b,train"]
    one, two = read_sides([write(tmp_path / "f.csv", "\n".join(lines))], people(2, each=2))
    assert one.rows == {"train": (0,), "test": (1,)}
    assert two.rows == {"train": (1, 2), "test": (0,)}


def test_every_split_column_is_a_division(people: Maker, tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", "utterance,split,split_2,fold_1\n01/0,train,x,test\n01/1,dev,y,train\n")
    found = read_sides([path], people(2, each=2))
    assert [(sides.name, list(sides.rows)) for sides in found] == [
        ("split", ["train", "dev"]),
        ("split_2", ["x", "y"]),
        ("fold_1", ["train", "test"]),
    ]


def test_emobox_lists(people: Maker, tmp_path: Path) -> None:
    corpus = people(2, each=2)
    paths = []
    for fold, test in ((1, "01/0"), (2, "02/2")):
        for side in ("train", "test"):
            names = [test] if side == "test" else [n for n in corpus.table["utterance"].to_list() if n != test]
            text = "\n".join(
                json.dumps({"key": f"people-{name}", "wav": f"downloads/people/wav/{name}.wav", "emo": "joy"})
                for name in names
            )
            paths.append(write(tmp_path / f"fold_{fold}" / f"people_{side}_fold_{fold}.jsonl", text))
    one, two = read_sides(paths, corpus)
    assert one.rows == {"train": (1, 2, 3), "test": (0,)}
    assert two.rows == {"train": (0, 1, 3), "test": (2,)}
    assert one.name != two.name


def test_speechbrain_lists(people: Maker, tmp_path: Path) -> None:
    texts = {"train": ["01/0", "02/2"], "valid": ["01/1"], "test": ["02/3"]}
    paths = [
        write(tmp_path / f"{side}.json", json.dumps({name: {"wav": f"{name}.wav", "emo": "joy"} for name in names}))
        for side, names in texts.items()
    ]
    (sides,) = read_sides(paths, people(2, each=2))
    assert sides.rows == {"train": (0, 2), "dev": (1,), "test": (3,)}


def test_an_utterance_may_be_on_two_sides(people: Maker, tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", "utterance,split\n01/0, test\n01/0,train \n")
    (sides,) = read_sides([path], people(2))
    assert sides.rows == {"train": (0,), "test": (0,)}


def test_partial_leaves_out_what_the_corpus_lacks(people: Maker, tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", "utterance,split\n01/0,test\nmissing,test\n02/2,train\n")
    (sides,) = read_sides([path], people(2), partial=True)
    assert sides.rows == {"train": (2,), "test": (0,)}
    with pytest.raises(DataError, match=r"row 2 of .* names the unknown utterance 'missing'.*--partial"):
        read_sides([path], people(2))
    nothing = write(tmp_path / "n.csv", "utterance,split\nx,test\ny,train\n")
    with pytest.raises(DataError, match="names no utterance of corpus 'people'"):
        read_sides([nothing], people(2), partial=True)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("utterance,split\n01/0,test\n01/1,test\n", r"has 1 side \(test\); at least two"),
        ("utterance,split\n01/0,test\n01/1,\n", "1 of 2 rows of .* have no value in the column 'split'"),
        ("utterance,fold\n01/0,1\n01/1, \n", "no value in the column 'fold'"),
        ("name,split\n01/0,test\n", "no column 'utterance' or 'file'"),
        ("utterance,side\n01/0,test\n", "no column that names a side .got utterance, side"),
        ("utterance,split\n", "has no rows"),
        ("", "is empty"),
        ("utterance,split\nnobody,test\n", "unknown utterance 'nobody'"),
    ],
)
def test_bad_files(people: Maker, tmp_path: Path, text: str, match: str) -> None:
    with pytest.raises(DataError, match=match):
        read_sides([write(tmp_path / "s.csv", text)], people(2))


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"a": 1}', '"text"', "\n"])
def test_bad_json(people: Maker, tmp_path: Path, text: str) -> None:
    for name in ("train.json", "train.jsonl"):
        with pytest.raises(DataError, match="train"):
            read_sides([write(tmp_path / name, text)], people(2))
    with pytest.raises(DataError, match="cannot be read"):
        read_sides([tmp_path / "gone.json"], people(2))


def test_columns_of_the_corpus(people: Maker) -> None:
    assert sides_of_corpus(people(2)) == ()
    (sides,) = sides_of_corpus(people(2, split=["train", "test", "train", "test"]))
    assert sides.rows == {"train": (0, 2), "test": (1, 3)}
    with pytest.raises(DataError, match="1 of 4 rows of corpus 'people' have no value in the column 'split'"):
        sides_of_corpus(people(2, split=["train", None, "test", "test"]))
    with pytest.raises(DataError, match="has 1 side"):
        sides_of_corpus(people(2, split=["train"] * 4))
    assert len(sides_of_corpus(people(2, fold=["1", "2", "3", "3"]))) == 3
