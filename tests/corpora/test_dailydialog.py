"""DailyDialog: rows of its JSON files, and what is no such file."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.corpora import TextCorpus, by_speaker, official
from affekt.corpora.dailydialog import ACTS, read
from affekt.errors import DataError


def written(folder: Path, fold: str, **changes: Any) -> Path:
    said = [
        {"emotion": "no_emotion", "act": "question", "text": "Is it far ?"},
        {"emotion": "happiness", "act": "inform", "text": "No ."} | changes,
    ]
    file = folder / f"dailydialog_{fold}.json"
    file.write_text(json.dumps([{"fold": fold, "topic": "tourism", "dialogue": said}] * 2), encoding="utf-8")
    return file


def test_a_file_becomes_rows(tmp_path: Path) -> None:
    found = read(written(tmp_path, "validation"))
    assert isinstance(found, TextCorpus)
    assert found.table.select("utterance", "speaker", "text", "emotion", "intent", "split", "turn").rows()[1] == (
        "validation-00001-02",
        "validation-00001",
        "No .",
        "happiness",
        "inform",
        "dev",
        "2",
    )
    assert found.table["file"].unique().to_list() == ["dailydialog_validation.json"]
    assert found.text(2) == "Is it far ?"
    assert len(found.classes) == 7


def test_a_folder_gives_all_its_files(tmp_path: Path) -> None:
    for fold in ("test", "validation", "train"):
        written(tmp_path, fold)
    found = official(read(tmp_path))
    assert (len(found.train), len(found.dev), len(found.test)) == (4, 4, 4)


def test_no_dialogue_is_on_two_sides(tmp_path: Path) -> None:
    for fold in ("test", "validation", "train"):
        written(tmp_path, fold)
    split = by_speaker(read(tmp_path), seed=0)
    sides = [set(side.table["speaker"]) for side in (split.train, split.dev, split.test)]
    assert sum(len(side) for side in sides) == len(set().union(*sides)) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "cannot be read as JSON"),
        ('{"a": 1}', "not laid out as DailyDialog"),
        ("[]", "holds no utterance"),
        (
            json.dumps([{"fold": "test", "topic": "x", "dialogue": [{"text": "a", "act": "inform", "emotion": "x"}]}]),
            "x",
        ),
        (
            json.dumps([{"fold": "test", "topic": "x", "dialogue": [{"text": "a", "act": "sing", "emotion": "fear"}]}]),
            "sing",
        ),
    ],
)
def test_strange_files(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "dailydialog_test.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read(file)


def test_nothing_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(DataError, match="there is no DailyDialog at"):
            read(path)


@pytest.mark.data
def test_the_real_files(data_root: Callable[[str], Path]) -> None:
    found = read(data_root("text"))
    assert Counter(found.table["split"]) == {"dev": 8069, "test": 7740}
    assert set(found.table["intent"]) == set(ACTS)
    assert Counter(found.emotions)["neutral"] == 7108 + 6321
    assert found.table["text"].null_count() == 0
