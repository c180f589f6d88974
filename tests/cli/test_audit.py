"""affekt corpus audit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from affekt.corpora import open_corpus

Affekt = Callable[..., Any]
Snapshot = Callable[[Path], dict[str, str]]


def splits(path: Path, sides: dict[str, str]) -> Path:
    path.write_text("utterance,split\n" + "".join(f"{name},{side}\n" for name, side in sides.items()))
    return path


def by_speaker(corpus: Path) -> dict[str, str]:
    table = open_corpus(corpus).table
    pairs = zip(table["utterance"].to_list(), table["speaker"].to_list(), strict=True)
    return {name: "test" if speaker == "00" else "train" for name, speaker in pairs}


def test_without_a_split(affekt: Affekt, shared: Path) -> None:
    ran = affekt("corpus", "audit", shared / "corpus", "--no-audio")
    assert ran.code == 0
    assert "speaker-disjoint  train, dev and test\n" in ran.out
    assert ran.out.endswith("72 utterances audited without listening: no split to audit\n")
    heard = affekt("corpus", "audit", shared / "corpus")
    assert heard.code == 0
    assert "72 utterances audited: no split to audit, " in heard.out


def test_a_clean_and_a_leaking_split(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    clean = splits(tmp_path / "clean.csv", by_speaker(shared / "corpus"))
    ran = affekt("corpus", "audit", shared / "corpus", "--splits", clean, "--no-audio")
    assert ran.code == 0
    assert ran.out.endswith("72 utterances audited without listening: splits that leak: 0 of 1\n")
    names = open_corpus(shared / "corpus").table["utterance"].to_list()
    leaking = splits(tmp_path / "leaking.csv", {name: ("train", "test")[i % 2] for i, name in enumerate(names)})
    ran = affekt("corpus", "audit", shared / "corpus", "--splits", clean, leaking, "--no-audio", "--json")
    assert ran.code == 1
    shown = json.loads(ran.out)
    assert [division["name"] for division in shown["divisions"]] == ["clean split", "leaking split"]
    (pair,) = shown["divisions"][1]["pairs"]
    assert {found["kind"]: found["shared"] for found in pair["overlaps"]}["speakers"] == 6
    assert shown["leaks"] == 1


def test_a_copy_is_named_in_the_terminal_and_not_in_the_files(affekt: Affekt, place: Path) -> None:
    audio = place / "corpus" / "audio"
    samples, rate = soundfile.read(audio / "01-anger-0.wav")
    soundfile.write(audio / "00-anger-0.wav", samples, rate, subtype="PCM_24")
    sides = splits(place / "s.csv", by_speaker(place / "corpus"))
    ran = affekt("corpus", "audit", place / "corpus", "--splits", sides, "--out", place / "audit")
    assert ran.code == 1
    assert "duplicate: 01-anger-0 is the same as 00-anger-0\n" in ran.out
    assert "leave the names out" in ran.err
    written = "".join((place / "audit" / name).read_text() for name in ("results.json", "report.html"))
    assert "anger-0" not in written
    assert json.loads((place / "audit" / "results.json").read_text())["audit"]["duplicates"][0]["rows"] == [0, 12]


def test_shortcuts(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    ran = affekt("corpus", "audit", shared / "corpus", "--shortcuts", "--json", "--out", tmp_path / "out")
    assert ran.code == 0
    shown = json.loads(ran.out)["shortcuts"]
    scored = {found["name"] for found in shown["baselines"] if found["uar"] is not None}
    assert scored == {"level", "all"}
    text = affekt("corpus", "audit", shared / "corpus", "--shortcuts", "--no-audio").out
    assert "shortcut baselines, 6 speaker folds, chance 33.3 %\n" in text
    assert "the recordings were not read" in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("utterance,split\nnobody,test\n", "unknown utterance 'nobody'"),
        ("utterance,split\n00-anger-0,test\n00-anger-1,\n", "no value in the column 'split'"),
        ("utterance,split\n00-anger-0,test\n", "at least two were expected"),
        ("utterance,split\n", "has no rows"),
        ("", "is empty"),
        ("utterance\n00-anger-0\n", "no column that names a side"),
        (None, "no table at"),
    ],
)
def test_bad_splits_are_one_sentence_and_change_nothing(
    affekt: Affekt, place: Path, snapshot: Snapshot, text: str | None, message: str
) -> None:
    path = place / "s.csv"
    if text is not None:
        path.write_text(text)
    before = snapshot(place)
    ran = affekt("corpus", "audit", place / "corpus", "--splits", path, "--out", place / "new")
    assert ran.code == 2
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert message in line
    assert line.startswith("affekt: ")
    assert line.endswith((".", "?"))
    assert snapshot(place) == before


def test_bad_corpora(affekt: Affekt, place: Path, snapshot: Snapshot) -> None:
    (place / "corpus" / "audio" / "00-anger-0.wav").write_bytes(b"RIFF")
    before = snapshot(place)
    ran = affekt("corpus", "audit", place / "corpus", "--out", place / "new", "--quiet")
    assert (ran.code, ran.out) == (2, "")
    assert "00-anger-0.wav" in ran.err
    assert affekt("corpus", "audit", place / "corpus", "--out", place / "model").code == 2
    (place / "labels.csv").write_text("file,speaker\na.wav,x\n")
    ran = affekt("corpus", "audit", place / "labels.csv", "--shortcuts", "--no-audio")
    assert ran.code == 2
    assert "no emotion" in ran.err
    (place / "labels.csv").unlink()
    assert snapshot(place) == before
