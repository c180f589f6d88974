import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Affekt = Callable[..., Any]

SETTINGS = """
[train]
epochs = 2
batch_size = 16
heldout_fraction = 0.15

[methods.forget_set_alone]
max_steps = 2

[methods.forget_set_alone.attack]
steps = 1
copies = 1
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "compare.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


@pytest.mark.slow
def test_compares_with_the_settings_of_the_file(affekt: Affekt, shared: Path, tmp_path: Path, settings: Path) -> None:
    line = ["compare", shared / "corpus", "--out", tmp_path / "out", "--config", settings, "--seeds", 1, "--draws", 1]
    line += ["--methods", "forget_set_alone, forget_set_alone:max_steps=1,random_labels", "--sizes", "2,speaker"]
    ran = affekt(*line, "--json")
    assert ran.code == 0, ran.err
    shown = json.loads(ran.out)
    assert shown == json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    steps = {(row["method"], row["size"]): row.get("steps") for row in shown["rows"]}
    assert steps["forget_set_alone", "2"] <= 2
    assert steps["forget_set_alone:max_steps=1", "2"] <= 1
    assert {size for _, size in steps} == {"2", "speaker"}
    assert shown["originals"][0]["epochs"] <= 2
    for name in ("results.md", "plot.svg", "report.html", "run.json"):
        assert (tmp_path / "out" / name).is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["compare.toml", "out"]


@pytest.mark.slow
def test_two_workers_and_text(affekt: Affekt, shared: Path, tmp_path: Path, settings: Path) -> None:
    line = ["compare", shared / "corpus", "--out", tmp_path / "out", "--config", settings, "--seeds", 1, "--draws", 2]
    ran = affekt(*line, "--methods", "random_labels", "--sizes", "1", "--workers", 2, "--quiet")
    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert ran.out == (tmp_path / "out" / "results.md").read_text(encoding="utf-8").rstrip() + "\n"
    assert "random_labels" in ran.out
