"""A model directory gets its exported form, and predict uses it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.models import EmotionModel, ModelConfig

Affekt = Callable[..., Any]


@pytest.mark.slow
def test_export_and_predict(affekt: Affekt, place: Path) -> None:
    ran = affekt("export", place / "model", "--json")
    assert ran.code == 0, ran
    assert ran.err == ""
    report = json.loads(ran.out)
    assert report["path"] == str(place / "model" / "export" / "model.onnx")
    assert report["outputs"] == ["logits", "probabilities"]
    assert report["largest_difference"] <= 1e-4
    words = [place / "corpus", "--json"]
    wanted = [json.loads(line) for line in affekt("predict", place / "model", *words).out.splitlines()]
    for line in (["--onnx", place / "model"], ["--onnx", report["path"]], [report["path"]]):
        found = [json.loads(row) for row in affekt("predict", *line, *words).out.splitlines()]
        assert [row["file"] for row in found] == [row["file"] for row in wanted]
        for row, other in zip(found, wanted, strict=True):
            assert row["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)
    again = affekt("export", place / "model")
    assert again.code == 2
    assert "model.onnx exists already; results are never written over" in again.err


def test_a_model_that_reads_text_is_refused(affekt: Affekt, tmp_path: Path) -> None:
    config = ModelConfig(family="text", classes=("anger", "joy"), options={"words": 8, "characters": 8})
    EmotionModel(config).save_pretrained(tmp_path / "model")
    ran = affekt("export", tmp_path / "model")
    assert ran.code == 2
    assert ran.out == ""
    assert "a model of the family text cannot be exported (it reads text)" in ran.err
    assert not (tmp_path / "model" / "export").exists()


def test_bad_input(affekt: Affekt, place: Path, snapshot: Callable[[Path], dict[str, str]]) -> None:
    before = snapshot(place)
    ran = affekt("export", place / "nowhere")
    assert ran.code == 2
    assert "there is no model directory" in ran.err
    ran = affekt("export", place / "model", "--out", place / "fast.toml")
    assert ran.code == 2
    assert "fast.toml exists already" in ran.err
    assert snapshot(place) == before
