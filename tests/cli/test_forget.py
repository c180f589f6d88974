import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.cli.forget import read_ids
from affekt.models import EmotionModel, tensor_digest
from affekt.reports import VERDICTS

Affekt = Callable[..., Any]


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    """Settings of a method that take a second and change the weights."""
    path = tmp_path / "quick.toml"
    path.write_text('stop = "steps"\nmax_steps = 3\n[attack]\nsteps = 2\ncopies = 1\n', encoding="utf-8")
    return path


def quickly(shared: Path, quick: Path, out: Path) -> list[object]:
    """A command line that forgets a speaker in a second."""
    model, corpus = shared / "model", shared / "corpus"
    return ["forget", model, corpus, "--speaker", "00", "--out", out, "--method", "amun", "--config", quick]


def test_forgets_a_speaker(
    affekt: Affekt, shared: Path, quick: Path, tmp_path: Path, snapshot: Callable[[Path], dict[str, str]]
) -> None:
    before = snapshot(shared)
    ran = affekt(*quickly(shared, quick, tmp_path / "m"), "--json")
    report = json.loads(ran.out)
    assert report == json.loads((tmp_path / "m" / "report.json").read_text(encoding="utf-8"))
    assert ran.code == (0 if report["verdict"].startswith(("EXACT", "APPROXIMATE")) else 1)
    assert report["method"]["settings"]["attack"]["steps"] == 2
    assert report["method"]["run"]["steps"] == 3
    old, new = (EmotionModel.from_pretrained(folder) for folder in (shared / "model", tmp_path / "m"))
    assert tensor_digest(old) != tensor_digest(new)
    assert (tmp_path / "m" / "report.html").is_file()
    assert snapshot(shared) == before


def test_text_says_the_verdict_and_where_the_report_is(
    affekt: Affekt, shared: Path, quick: Path, tmp_path: Path
) -> None:
    lines = affekt(*quickly(shared, quick, tmp_path / "m"), "--quiet").out.splitlines()
    assert lines[0].split(":")[0] in VERDICTS
    assert any(str(tmp_path / "m" / "report.html") in line for line in lines)


def test_nothing_to_forget_is_a_failed_verdict(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    test = json.loads(affekt("evaluate", shared / "model", shared / "corpus", "--json").out)
    assert test["speakers"] == 1
    for speaker in ("00", "01", "02", "03", "04", "05"):
        out = tmp_path / f"m{speaker}"
        line = ["forget", shared / "model", shared / "corpus", "--speaker", speaker, "--out", out, "--method"]
        ran = affekt(*line, "random_labels", "--quiet", "--json")
        if json.loads(ran.out)["verdict"] == "NOT_APPLICABLE":
            assert ran.code == 1
            assert tensor_digest(EmotionModel.from_pretrained(out)) == tensor_digest(
                EmotionModel.from_pretrained(shared / "model")
            )
            return
    pytest.fail("no speaker of the shared corpus was left out of training")


@pytest.mark.parametrize("name", ["ids.txt", "ids.csv"])
def test_forgets_listed_utterances(affekt: Affekt, shared: Path, quick: Path, tmp_path: Path, name: str) -> None:
    ids = tmp_path / name
    ids.write_text(("utterance\n" if name.endswith("csv") else "") + "00-anger-0\n00-sadness-1\n", encoding="utf-8")
    line = ["forget", shared / "model", shared / "corpus", "--utterances", ids, "--out", tmp_path / "m"]
    report = json.loads(affekt(*line, "--method", "amun", "--config", quick, "--json", "--quiet").out)
    assert report["request"]["recordings"] == 2
    assert report["request"]["scope"] == "utterances"


def test_retrained_model_stands_beside(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    line = ["forget", shared / "model", shared / "corpus", "--speaker", "00", "--quiet", "--json"]
    first = affekt(*line, "--method", "retrain", "--out", tmp_path / "gold")
    assert (first.code, json.loads(first.out)["verdict"]) == (0, "EXACT")
    second = affekt(*line, "--method", "random_labels", "--out", tmp_path / "m", "--retrained", tmp_path / "gold")
    assert "retrained" in json.loads(second.out)["scores"]


def test_ids_keep_what_they_are(tmp_path: Path) -> None:
    """No number is made of an id, and spaces within one stay."""
    text, table = tmp_path / "ids.txt", tmp_path / "ids.csv"
    text.write_text("\ufeff03\n 1e5 \n\na b\n", encoding="utf-8")
    table.write_text("speaker,utterance\nx,03\ny,1e5\nz,a b\n", encoding="utf-8")
    assert read_ids(text) == read_ids(table) == ("03", "1e5", "a b")
