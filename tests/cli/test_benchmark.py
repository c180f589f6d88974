import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Affekt = Callable[..., Any]

SETTINGS = """
[train]
epochs = 1
batch_size = 16
heldout_fraction = 0.15

[methods.gradient_ascent]
max_steps = 1
"""


@pytest.mark.slow
def test_one_command_runs_the_protocol(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    settings = tmp_path / "quick.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    line = ["benchmark", "forgetting", shared / "corpus", "--out", tmp_path / "out", "--seeds", 1, "--draws", 1]
    line += ["--model", f"logmel-cnn={settings}", "--methods", "gradient_ascent,out_of_fold", "--sizes", "2,speaker"]
    ran = affekt(*line, "--json")
    assert ran.code == 0, ran.err
    shown = json.loads(ran.out)
    assert shown == json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    (run,) = shown["runs"]
    assert run["name"] == "corpus, logmel-cnn (quick)"
    assert run["config"]["erasure"] == {}
    assert {row["method"] for row in run["rows"]} == {
        "retrain", "retrain again", "original", "gradient_ascent", "out_of_fold",
    }  # fmt: skip
    assert {row["steps"] for row in run["rows"] if row["method"] == "gradient_ascent"} <= {0, 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "quick.toml"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "no corpus was named"),
        (["CORPUS", "--model", "lstm"], "unknown model family 'lstm'"),
        (["CORPUS", "--model", "logmel-cnn=there-is-none.toml"], "cannot be read"),
        (["CORPUS", "--methods", "amnesia"], "unknown method 'amnesia'"),
        (["CORPUS", "--sizes", "ten"], "unknown size 'ten'"),
        (["CORPUS", "--sizes", "5000"], "5000 utterances cannot be forgotten"),
        (["CORPUS", "CORPUS"], "twice: corpus, logmel-cnn"),
        (["CORPUS", "--models", "2"], "models is 2; 4 or more"),
        (["CORPUS", "--sizes", "2", "--models", "4", "--models-sizes", "2"], "until the last epoch"),
        (["CORPUS", "--models", "4", "--models-methods", "scrub"], "scrub needs the retained data"),
        (["NOWHERE"], "nowhere"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(
    affekt: Affekt, shared: Path, tmp_path: Path, line: list[str], message: str
) -> None:
    places = {"CORPUS": shared / "corpus", "NOWHERE": tmp_path / "nowhere"}
    words = [places.get(word, word) for word in line]
    ran = affekt("benchmark", "forgetting", *words, "--out", tmp_path / "out")
    assert ran.code == 2
    assert message in ran.err
    assert ran.out == ""
    assert not list(tmp_path.iterdir())
