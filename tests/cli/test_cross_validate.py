import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Affekt = Callable[..., Any]


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text("[logmel-cnn]\nepochs = 1\nheldout_fraction = 0.15\n", encoding="utf-8")
    return path


def test_every_utterance_is_tested_once(affekt: Affekt, shared: Path, tmp_path: Path, settings: Path) -> None:
    line = ["cross-validate", shared / "corpus", "--out", tmp_path / "out", "--folds", 3, "--seeds", 1]
    ran = affekt(*line, "--config", settings, "--json", "--quiet")
    assert ran.code == 0, ran.err
    shown = json.loads(ran.out)
    assert shown == json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert shown["rows"][0]["pooled"]["utterances"] == 72
    assert shown["folds"] == 3


def test_unknown_family_and_setting(affekt: Affekt, shared: Path, tmp_path: Path, settings: Path) -> None:
    line = ["cross-validate", shared / "corpus", "--out", tmp_path / "out"]
    ran = affekt(*line, "--models", "logmel-cnn,wav2vec")
    assert ran.code == 2
    assert "unknown model family 'wav2vec'" in ran.err
    settings.write_text("[logmel-cnn]\nepoch = 1\n", encoding="utf-8")
    ran = affekt(*line, "--config", settings)
    assert ran.code == 2
    assert "unknown key 'epoch'" in ran.err
    assert not (tmp_path / "out").exists()
