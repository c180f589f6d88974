import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.models import EmotionModel

Affekt = Callable[..., Any]


def test_writes_a_model_and_shows_its_score(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    ran = affekt("train", shared / "corpus", "--out", tmp_path / "m", "--config", shared / "fast.toml")
    assert ran.code == 0
    assert EmotionModel.from_pretrained(tmp_path / "m").classes == ("anger", "neutral", "sadness")
    assert "test UAR" in ran.out
    assert ran.err.startswith("affekt: epoch 1 (1 of ")


def test_json_says_the_same_as_run_json(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    line = ["train", shared / "corpus", "--out", tmp_path / "m", "--config", shared / "fast.toml", "--json", "--quiet"]
    ran = affekt(*line, "--test-speakers", "01, 03", "--seed", 5)
    assert ran.err == ""
    shown = json.loads(ran.out)
    assert shown["utterances"]["test"] == 24
    record = json.loads((tmp_path / "m" / "run.json").read_text(encoding="utf-8"))
    assert record["seed"] == 5
    assert record["config"]["epochs"] == 3
    assert record["config"]["patience"] == 12  # the recipe's own
    assert {key: shown[key] for key in record["metrics"]} == record["metrics"]


def test_same_seed_same_weights(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    line = ["train", shared / "corpus", "--config", shared / "fast.toml", "--quiet"]
    for name, seed in (("a", 0), ("b", 1)):
        assert affekt(*line, "--out", tmp_path / name, "--seed", seed).code == 0
    weights = [
        (folder / "model.safetensors").read_bytes() for folder in (shared / "model", tmp_path / "a", tmp_path / "b")
    ]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


@pytest.mark.parametrize("family", ["emo18", "zhao19"])
def test_other_families(affekt: Affekt, shared: Path, tmp_path: Path, family: str) -> None:
    settings = tmp_path / "one.toml"
    settings.write_text("epochs = 1\n", encoding="utf-8")
    line = ["train", shared / "corpus", "--out", tmp_path / "m", "--model", family, "--config", settings]
    assert affekt(*line).code == 0
    assert EmotionModel.from_pretrained(tmp_path / "m").config.family == family


def test_network_options(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    settings = tmp_path / "small.toml"
    settings.write_text("epochs = 1\n[options]\ndropout = 0.5\n", encoding="utf-8")
    assert affekt("train", shared / "corpus", "--out", tmp_path / "m", "--config", settings).code == 0
    assert EmotionModel.from_pretrained(tmp_path / "m").config.options == {"dropout": 0.5}


def test_resume_with_other_settings_is_refused(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    """A checkpoint of one run must not be taken for that of another."""
    from affekt.corpora import open_corpus
    from affekt.training import recipe, train

    class StopError(Exception):
        pass

    def stop(message: str, done: int, total: int) -> None:
        if message == "epoch 2":
            raise StopError

    with pytest.raises(StopError):
        train(open_corpus(shared / "corpus"), tmp_path / "m", config=recipe("logmel-cnn", epochs=3), progress=stop)
    ran = affekt("train", shared / "corpus", "--out", tmp_path / "m", "--config", shared / "fast.toml", "--resume")
    assert ran.code == 2
    assert "belongs to another run" in ran.err
    assert not (tmp_path / "m").exists()


def test_a_model_on_a_pretrained_encoder(
    affekt: Affekt, shared: Path, tmp_path: Path, encoder_folder: Callable[[str], Path]
) -> None:
    settings = tmp_path / "one.toml"
    settings.write_text('epochs = 1\n[options]\nlayer = 1\npooling = "mean"\n', encoding="utf-8")
    line = ["train", shared / "corpus", "--out", tmp_path / "m", "--model", "encoder", "--config", settings]
    missing = affekt(*line)
    assert missing.code == 2
    assert "the model family encoder has no encoder" in missing.err
    gone = affekt(*line, "--encoder", tmp_path / "none")
    assert gone.code == 2
    assert "there is no encoder folder" in gone.err
    assert not (tmp_path / "m").exists()
    assert affekt(*line, "--encoder", encoder_folder("whisper")).code == 0
    options = EmotionModel.from_pretrained(tmp_path / "m").config.options
    assert (options["encoder"], options["layer"]) == (str(encoder_folder("whisper")), 1)
    other = affekt("train", shared / "corpus", "--out", tmp_path / "n", "--encoder", encoder_folder("whisper"))
    assert other.code == 2
    assert "unknown model option 'encoder'" in other.err


def test_settings_may_come_through_a_pipe(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    end, start = os.pipe()
    os.write(start, b"[method]\nlabelled = 7.0\n")  # out of range: read, or it would not be refused
    os.close(start)
    try:
        line = ["train", shared / "corpus", "--method", "fixmatch", "--out", tmp_path / "m"]
        ran = affekt(*line, "--config", f"/dev/fd/{end}")
    finally:
        os.close(end)
    assert ran.code == 2
    assert "labelled is 7.0" in ran.err
    assert not (tmp_path / "m").exists()
