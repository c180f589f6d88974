"""Intents go the same way through torch, through the exported model and into every format."""

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
import torch

from affekt.models import EmotionModel, ModelConfig
from affekt.models.onnx_export import export_onnx
from affekt.prediction import open_scorer, predict, write_predictions
from affekt.prediction.recordings import Recording

CLASSES, INTENTS = ("anger", "joy", "sadness"), ("ask", "tell")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with its exported form, and a recording."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = EmotionModel(
            ModelConfig(
                family="logmel-cnn",
                classes=CLASSES,
                intents=INTENTS,
                options={"channels": (4, 6, 8), "width": 16, "n_mels": 40},
            )
        ).eval()
    path = model.save_pretrained(tmp_path_factory.mktemp("intents") / "m")
    (path / "export").mkdir()
    assert export_onnx(model, path / "export" / "model.onnx").outputs == ("logits", "probabilities", "intents")
    soundfile.write(path / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(16000), 16000)
    return path


def test_torch_and_onnx_agree(folder: Path) -> None:
    model = EmotionModel.from_pretrained(folder)
    recording = Recording(file=str(folder / "a.wav"))
    found = [next(predict(open_scorer(folder, onnx=onnx), [recording])) for onnx in (False, True)]
    waveform = torch.from_numpy(recording.load(sample_rate=16000)).unsqueeze(0)
    with torch.no_grad():
        expected = model.heads(*model.front_end(waveform, torch.tensor([16000]))).intents.softmax(1)[0]
    for one in found:
        assert list(one.intents) == list(INTENTS)
        assert list(one.intents.values()) == pytest.approx(expected.tolist(), abs=1e-4)
        assert one.intent == INTENTS[int(expected.argmax())]


def test_every_format_has_them(folder: Path, tmp_path: Path) -> None:
    scorer = open_scorer(folder)
    found = list(predict(scorer, [Recording(file=str(folder / "a.wav"))]))
    for suffix in ("jsonl", "csv", "parquet"):
        assert write_predictions(tmp_path / f"p.{suffix}", found, scorer.outputs) == 1
    line = json.loads((tmp_path / "p.jsonl").read_text(encoding="utf-8"))
    assert line["intents"] == found[0].intents
    (row,) = csv.DictReader((tmp_path / "p.csv").read_text(encoding="utf-8").splitlines())
    assert row["intent"] == found[0].intent
    table = pl.read_parquet(tmp_path / "p.parquet")
    assert table.columns[-3:] == ["intent", "p_intent_ask", "p_intent_tell"]
    assert table["p_intent_ask"][0] == pytest.approx(found[0].intents["ask"], abs=1e-12)
