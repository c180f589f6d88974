"""EmoBox; the lines are in the form of its repository."""

import json
from pathlib import Path
from typing import Any

import pytest

from affekt.corpora import Corpus
from affekt.corpora.formats.emobox import read, write
from affekt.errors import DataError


def line(key: str, emo: str = "happy", **more: Any) -> dict[str, Any]:
    known = {
        "key": key,
        "dataset": "emodb",
        "wav": f"downloads/emodb/wav/{key}.wav",
        "type": "raw",
        "sample_rate": 16000,
    }
    return known | {"num_frame": 33978.0, "task": "category", "length": 2.125, "emo": emo, "channel": 1} | more


def put(folder: Path, name: str, *lines: dict[str, Any]) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")


def test_one_fold_is_a_split(tmp_path: Path) -> None:
    put(tmp_path, "cremad.jsonl", line("a"), line("b"), line("c", emo="Neutral"))
    put(tmp_path, "fold_1/cremad_train_fold_1.jsonl", line("a"))
    put(tmp_path, "fold_1/cremad_test_fold_1.jsonl", line("b"))
    (tmp_path / "label_map.json").write_text('{"Neutral": "Neutral", "happy": "Happy"}', encoding="utf-8")
    corpus = read(tmp_path, audio_root="/somewhere")
    assert (corpus.name, corpus.root, corpus.classes) == ("emodb", Path("/somewhere"), ("Neutral", "Happy"))
    rows = corpus.table.select("utterance", "file", "emotion", "emo", "split", "duration").sort("utterance").rows()
    assert rows[0] == ("a", "downloads/emodb/wav/a.wav", "Happy", "happy", "train", 2.125)
    assert [row[4] for row in rows] == ["train", "test", None]
    assert not {"channel", "num_frame", "sample_rate", "task", "type", "key", "wav"} & set(corpus.table.columns)


def test_several_folds_are_columns(tmp_path: Path) -> None:
    for fold, (train, test) in {1: ("a", "b"), 2: ("b", "a")}.items():
        put(tmp_path, f"fold_{fold}/x_train_fold_{fold}.jsonl", line(train))
        put(tmp_path, f"fold_{fold}/x_valid_fold{fold}.jsonl", line("c"))
        put(tmp_path, f"fold_{fold}/x_test_fold_{fold}.jsonl", line(test))
    corpus = read(tmp_path)
    assert corpus.table.select("utterance", "fold_1", "fold_2", "split").sort("utterance").rows() == [
        ("a", "train", "test", None),
        ("b", "test", "train", None),
        ("c", "dev", "dev", None),
    ]


def test_folds_are_written_as_emobox_names_them(whole: Corpus, tmp_path: Path) -> None:
    table = whole.table.with_columns(fold_1=whole.table["split"], fold_2=whole.table["split"].replace("train", "dev"))
    folded = Corpus(name="small", root=whole.root, table=table, classes=whole.classes)
    write(folded, tmp_path / "out")
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.js*"))
    assert written == [
        "fold_1/small_test_fold_1.jsonl",
        "fold_1/small_train_fold_1.jsonl",
        "fold_2/small_test_fold_2.jsonl",
        "fold_2/small_valid_fold_2.jsonl",
        "label_map.json",
        "small.jsonl",
    ]
    first = json.loads((tmp_path / "out" / "small.jsonl").read_text(encoding="utf-8").splitlines()[0])
    expected = {"key": "u1", "dataset": "small", "wav": (whole.root / "a.wav").resolve().as_posix(), "type": "raw"}
    expected |= {
        "sample_rate": 16000,
        "num_frame": 16000,
        "task": "category",
        "length": 1.0,
        "channel": 1,
        "emo": "joy",
    }
    assert {key: first[key] for key in expected} == expected
    back = read(tmp_path / "out")
    assert back.classes == ("joy", "anger")
    assert back.table.select("utterance", "fold_1", "fold_2", "split").equals(
        table.select("utterance", "fold_1", "fold_2", "split")
    )


@pytest.mark.parametrize(
    ("files", "labels", "message"),
    [
        ({"x.jsonl": []}, None, "holds no utterance"),
        ({"x.jsonl": [{"wav": "a.wav"}]}, None, r"x\.jsonl:1 has no 'key'"),
        ({"x.jsonl": [{"key": "a"}]}, None, r"x\.jsonl:1 names no audio file"),
        ({"x.jsonl": [line("a"), line("a")]}, None, r"'a' is there twice in .*x\.jsonl"),
        ({"x.jsonl": [line("a")], "x_test_fold_1.jsonl": [line("a", emo="sad")]}, None, "disagree about 'a'"),
        ({"x_train_fold_1.jsonl": [line("a")], "x_test_fold_1.jsonl": [line("a")]}, None, "puts 'a' on two sides"),
        ({"x_train_fold_1.jsonl": [line("a", split="test")]}, None, "says split test, its file says train"),
        ({"x.jsonl": [line("a", length="long")]}, None, "'duration' at .* is \"long\"; a number was expected"),
        ({"x.jsonl": [line("a", emo=["sad"])]}, None, "'emo' at .*:1 is .*; the text of a label was expected"),
        ({"x.jsonl": [line("a", emo="sad")]}, '{"happy": "Happy"}', "label 'sad', which label_map.json does not name"),
        ({"x.jsonl": [line("a")]}, "[]", "does not map labels to names"),
        ({"x.jsonl": [line("a")]}, "{", "is not valid JSON"),
    ],
)
def test_damage(files: dict[str, list[Any]], labels: str | None, message: str, tmp_path: Path) -> None:
    for name, lines in files.items():
        put(tmp_path, name, *lines)
    if labels is not None:
        (tmp_path / "label_map.json").write_text(labels, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(tmp_path)
