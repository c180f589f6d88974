"""affekt train with the methods for few labels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.models import EmotionModel

Affekt = Callable[..., Any]

SETTINGS = """epochs = 1
[method]
labelled = 0.5
mu = 1
[method.views]
count = 1
[method.views.sound]
picks = 1
"""


@pytest.mark.parametrize("method", ["fixmatch", "fullmatch"])
def test_a_method_with_its_settings(affekt: Affekt, shared: Path, tmp_path: Path, method: str) -> None:
    settings = tmp_path / "few.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    line = ["train", shared / "corpus", "--out", tmp_path / "m", "--method", method, "--config", settings]
    ran = affekt(*line)
    assert ran.code == 0, ran.err
    model = EmotionModel.from_pretrained(tmp_path / "m")
    assert model.config.history[-1]["method"] == method


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[method]\nthreshold = 2.0\n", "threshold is 2.0; a value from 0 to 1 was expected"),
        ("[method]\ntreshold = 0.9\n", "did you mean 'threshold'?"),
        ("[method.views]\ncount = 0\n", "count is 0"),
        ('[method]\nlabelled_column = "known"\n', "has no column 'known'"),
    ],
)
def test_bad_settings(affekt: Affekt, shared: Path, tmp_path: Path, content: str, message: str) -> None:
    settings = tmp_path / "few.toml"
    settings.write_text(content, encoding="utf-8")
    line = ["train", shared / "corpus", "--out", tmp_path / "m", "--method", "fixmatch", "--config", settings]
    ran = affekt(*line)
    assert ran.code == 2
    assert message in ran.err
    assert not (tmp_path / "m").exists()
