import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Affekt = Callable[..., Any]


def test_default_is_the_test_side(affekt: Affekt, shared: Path) -> None:
    ran = affekt("evaluate", shared / "model", shared / "corpus", "--json")
    assert ran.code == 0
    assert ran.err == "affekt: scoring the model's test recordings in this corpus (--split test)\n"
    shown = json.loads(ran.out)
    record = json.loads((shared / "model" / "run.json").read_text(encoding="utf-8"))
    assert shown["split"] == "test"
    assert shown["confusion"] == record["metrics"]["test"]["confusion"]
    assert shown["loss"] == pytest.approx(record["metrics"]["test"]["loss"], abs=1e-6)


def test_default_for_a_corpus_never_seen_is_all_of_it(
    affekt: Affekt, shared: Path, write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    other = write_corpus(tmp_path / "other", speakers=2, seconds=0.7)
    ran = affekt("evaluate", shared / "model", other, "--json")
    assert "scoring all of it (--split all)" in ran.err
    assert json.loads(ran.out)["utterances"] == 24


def test_sides_make_up_the_corpus(affekt: Affekt, shared: Path) -> None:
    line = ["evaluate", shared / "model", shared / "corpus", "--json", "--split"]
    sides = [json.loads(affekt(*line, side).out) for side in ("train", "heldout", "dev", "test")]
    whole = json.loads(affekt(*line, "all").out)
    assert sum(side["utterances"] for side in sides) == whole["utterances"] == 72
    summed = [
        [sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*(s["confusion"] for s in sides), strict=True)
    ]
    assert summed == whole["confusion"]


def test_recordings_are_recognised_under_other_names(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "renamed"
    shutil.copytree(shared / "corpus", renamed)
    lines = (renamed / "utterances.csv").read_text(encoding="utf-8").splitlines()
    new = [lines[0]]
    for number, line in enumerate(lines[1:]):
        file, _, speaker, emotion = line.split(",")
        (renamed / file).rename(renamed / "audio" / f"{number}.wav")
        new.append(f"audio/{number}.wav,u{number},person-{speaker},{emotion}")
    (renamed / "utterances.csv").write_text("\n".join(new) + "\n", encoding="utf-8")
    shown = [json.loads(affekt("evaluate", shared / "model", c, "--json").out) for c in (shared / "corpus", renamed)]
    assert shown[0]["confusion"] == shown[1]["confusion"]


def test_text(affekt: Affekt, shared: Path) -> None:
    ran = affekt("evaluate", shared / "model", shared / "corpus", "--quiet")
    assert ran.err == ""
    assert "UAR         33.3 % [" in ran.out
    assert "chance 33.3 %" in ran.out
    assert "emotion" in ran.out
