"""An exported model predicts what the model predicts, without torch; what is no exported model is refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from affekt.errors import CheckpointError, ConfigError, MissingExtraError, ShapeError
from affekt.models import EmotionModel, ModelConfig
from affekt.models.onnx_export import export_onnx
from affekt.prediction import OnnxScorer, Windows, find_recordings, open_scorer, predict
from affekt.prediction.torch_scorer import TorchScorer

WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "accelerate", "safetensors", "transformers", "peft"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
from affekt.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""affekt as on a machine that has no torch."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory with its exported form."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = EmotionModel(
            ModelConfig(
                family="logmel-cnn",
                classes=("anger", "joy"),
                options={"channels": (4, 6, 8), "width": 16, "n_mels": 40},
                attributes=("valence", "arousal"),
                attribute_range=(1.0, 7.0),
            )
        )
    path = model.save_pretrained(tmp_path_factory.mktemp("models") / "model")
    export_onnx(model, path / "export" / "model.onnx")
    return path


@pytest.fixture(scope="module")
def exported(directory: Path) -> Path:
    return directory / "export" / "model.onnx"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import soundfile

    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(0)
    for number, seconds in enumerate((0.3, 2.2, 1.1, 0.31)):
        clip = 0.1 * random.standard_normal(round(16000 * seconds))
        soundfile.write(folder / f"{number}.wav", clip, 16000, subtype="PCM_16")
    return folder


def test_the_model_and_its_exported_form_say_the_same(directory: Path, recordings: Path) -> None:
    found = find_recordings([recordings])
    windows = Windows(seconds=1.0, hop_seconds=0.25)
    through = [
        list(predict(open_scorer(directory, onnx=onnx), found, windows=windows, batch_seconds=batch_seconds))
        for onnx, batch_seconds in ((False, 60.0), (True, 60.0), (True, 0.1))
    ]
    assert len(through[0]) == 1 + 6 + 2 + 1
    for other in through[1:]:
        for ours, theirs in zip(through[0], other, strict=True):
            assert (ours.file, ours.start, ours.end) == (theirs.file, theirs.start, theirs.end)
            assert list(ours.probabilities) == list(theirs.probabilities) == ["anger", "joy"]
            assert list(ours.attributes) == list(theirs.attributes) == ["valence", "arousal"]
            assert list(ours.probabilities.values()) == pytest.approx(list(theirs.probabilities.values()), abs=1e-4)
            assert list(ours.attributes.values()) == pytest.approx(list(theirs.attributes.values()), abs=6e-4)


def test_attributes_are_on_the_raters_scale(directory: Path) -> None:
    model = EmotionModel.from_pretrained(directory)
    clip = np.sin(np.arange(8000) / 9).astype(np.float32)
    with torch.no_grad():
        heads = model.heads(*model.front_end(torch.from_numpy(clip)[None], torch.tensor([8000])))
    scores = TorchScorer(model)([clip])
    assert scores.attributes == pytest.approx(1 + 6 * heads.attributes.numpy(), abs=1e-5)
    assert scores.logits == pytest.approx(heads.logits.numpy(), abs=1e-6)


def test_a_clip_that_does_not_fit(exported: Path) -> None:
    scorer = OnnxScorer(exported)
    scorer([np.zeros(400, np.float32)])
    with pytest.raises(ShapeError, match=r"too short for this model \(got 399 samples\); at least 400"):
        scorer([np.zeros(1000, np.float32), np.zeros(399, np.float32)])
    scorer.maximum_samples = 5000
    with pytest.raises(ShapeError, match=r"too long for this exported model \(got 5001 samples\); at most 5000"):
        scorer([np.zeros(5001, np.float32)])


def altered(exported: Path, target: Path, change: Callable[[Any], None]) -> Path:
    proto = onnx.load(exported)
    change(proto)
    onnx.save(proto, target)
    return target


def described(**values: Any) -> Callable[[Any], None]:
    """Change fields of the description; None takes one away."""

    def change(proto: Any) -> None:
        (entry,) = (entry for entry in proto.metadata_props if entry.key == "affekt")
        facts = json.loads(entry.value) | values
        entry.value = json.dumps({key: value for key, value in facts.items() if value is not None})

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda proto: proto.metadata_props.__delitem__(slice(None)), "says nothing of its emotions"),
        (lambda proto: setattr(proto.metadata_props[0], "value", "{cut"), "garbled description|says nothing"),
        (described(format_version=9), "export format version 9; version 1 was expected"),
        (described(classes=None), "lacks or garbles the field 'classes'"),
        (described(minimum_samples="few"), "lacks or garbles the field"),
        (lambda proto: setattr(proto.graph.output[0], "name", "scores"), "onnxruntime can run|other inputs or outputs"),
    ],
)
def test_a_file_that_affekt_did_not_write(
    exported: Path, tmp_path: Path, change: Callable[[Any], None], match: str
) -> None:
    with pytest.raises(CheckpointError, match=match):
        OnnxScorer(altered(exported, tmp_path / "other.onnx", change))


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "text"])
def test_a_damaged_file(exported: Path, tmp_path: Path, how: str) -> None:
    path = tmp_path / "bad.onnx"
    content = exported.read_bytes()
    if how != "missing":
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "text": b"not a model"}[how])
    expected = "there is no file" if how == "missing" else "is no ONNX model that onnxruntime can run|says nothing"
    with pytest.raises(CheckpointError, match=expected):
        OnnxScorer(path)


def test_a_directory_that_was_not_exported(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no export/model\.onnx; .*make it with affekt export"):
        open_scorer(tmp_path, onnx=True)


def test_devices(directory: Path) -> None:
    with pytest.raises(ConfigError, match=r"the device 'cuda' is of no use to an exported model"):
        open_scorer(directory, onnx=True, device="cuda")
    with pytest.raises(ConfigError, match=r"the device 'gpu7' cannot be used"):
        open_scorer(directory, device="gpu7")


def test_a_missing_extra_is_named(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'affekt\[onnx\]'"):
        OnnxScorer(exported)


@pytest.mark.slow
def test_without_torch(directory: Path, recordings: Path, tmp_path: Path) -> None:
    """The same numbers come out where torch cannot be imported, and what needs it says so."""

    def affekt(*words: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", WITHOUT_TORCH, *map(str, words)]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    ran = affekt("predict", "--onnx", directory, recordings, "--json")
    assert ran.returncode == 0, ran.stderr
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    wanted = list(predict(open_scorer(directory), find_recordings([recordings])))
    assert [row["file"] for row in rows] == [prediction.file for prediction in wanted]
    for row, prediction in zip(rows, wanted, strict=True):
        assert row["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-4)
    assert (
        affekt("predict", directory / "export" / "model.onnx", recordings, "--out", tmp_path / "p.csv").returncode == 0
    )
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 5
    for words in (
        ["predict", directory, recordings],
        ["train", recordings, "--out", tmp_path / "new"],
        ["evaluate", directory, recordings],
        ["export", directory, "--out", tmp_path / "new.onnx"],
    ):
        ran = affekt(*words)
        assert ran.returncode == 2
        assert ran.stdout == ""
        assert ran.stderr.startswith(f"affekt: affekt {words[0]} needs torch, which is not installed;")
        assert ran.stderr.count("\n") == 1
        assert "pip install 'affekt[torch]'" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]
