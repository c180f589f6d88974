import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Affekt = Callable[..., Any]
Snapshot = Callable[[Path], dict[str, str]]


def test_an_untouched_model_fails(affekt: Affekt, shared: Path, tmp_path: Path, snapshot: Snapshot) -> None:
    before = snapshot(shared)
    line = ["audit", shared / "model", shared / "model", shared / "corpus", "--speaker", "00", "--out", tmp_path / "a"]
    ran = affekt(*line, "--json", "--quiet")
    assert ran.code == 1
    assert ran.err == ""
    found = json.loads(ran.out)
    assert found["verdict"] == "FAILED_UNDER_FORGOTTEN"
    assert found == json.loads((tmp_path / "a" / "audit.json").read_text(encoding="utf-8"))
    assert (tmp_path / "a" / "report.html").is_file()
    assert snapshot(shared) == before


def test_a_retrained_model_passes_and_text_says_so(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    line = ["forget", shared / "model", shared / "corpus", "--speaker", "00", "--quiet", "--method", "retrain"]
    assert affekt(*line, "--out", tmp_path / "after").code == 0
    ids = tmp_path / "ids.txt"
    ids.write_text("00-anger-0\n00-anger-1\n00-sadness-2\n00-neutral-1\n", encoding="utf-8")
    ran = affekt("audit", shared / "model", tmp_path / "after", shared / "corpus", "--utterances", ids, "--quiet")
    lines = ran.out.splitlines()
    assert re.match(r"[A-Z_]+: ", lines[0])
    assert "the record of the model after" in next(line for line in lines if line.startswith("passed: "))
    assert lines[-1].startswith("tier T0, 0 references, ")
    assert ran.code == (0 if lines[0].startswith("APPROXIMATE") else 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "give either --speaker ID or --utterances FILE"),
        (["--speaker", "00", "--utterances", "ids.txt"], "give either --speaker ID or --utterances FILE"),
        (["--speaker", "99"], "99"),
        (["--speaker", "00", "--tier", "T1"], "too few reference models"),
        (["--speaker", "00", "--references", "corpus"], "holds no model directory"),
        (["--speaker", "00", "--references", "model"], "trained on|one of the audited models"),
        (["--speaker", "00", "--out", "corpus"], "exists|empty"),
        (["--utterances", "missing.txt"], "cannot be read"),
    ],
)
def test_bad_input_is_refused_and_nothing_changes(
    affekt: Affekt, place: Path, snapshot: Snapshot, words: list[str], sentence: str
) -> None:
    before = snapshot(place)
    given = [place / word if word in ("corpus", "model", "missing.txt", "ids.txt") else word for word in words]
    ran = affekt("audit", place / "model", place / "model", place / "corpus", *given, "--quiet")
    assert ran.code == 2, ran
    assert ran.out == ""
    assert re.search(sentence, ran.err)
    assert ran.err.startswith("affekt: ")
    assert snapshot(place) == before


def test_a_damaged_model_is_refused(affekt: Affekt, place: Path) -> None:
    (place / "model" / "model.safetensors").write_bytes(b"no tensors")
    ran = affekt("audit", place / "model", place / "model", place / "corpus", "--speaker", "00", "--quiet")
    assert (ran.code, ran.out) == (2, "")
