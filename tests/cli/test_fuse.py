"""affekt fuse: what it shows and writes, what it refuses, and a model that hears with one that reads."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from affekt.corpora.builtin import build
from affekt.models import EmotionModel, ModelConfig

Affekt = Callable[..., Any]
Snapshot = Callable[[Path], dict[str, str]]


def twin(place: Path, name: str, **changes: Any) -> Path:
    """A model with other weights and the record of the trained one."""
    torch.manual_seed(len(name))
    model = EmotionModel.from_pretrained(place / "model")
    config = replace(model.config, **changes)
    return EmotionModel(config, erasure=model.erasure).save_pretrained(place / name)


def test_a_table_of_scores_and_one_of_differences(affekt: Affekt, place: Path) -> None:
    other, third = twin(place, "other"), twin(place, "third one")
    ran = affekt("fuse", place / "model", other, place / "corpus", "--also", third, "--out", place / "out")
    assert ran.code == 0, ran.err
    assert ran.err.splitlines()[0] == "affekt: looking for recordings the models know (0 of 8)"
    lines = ran.out.splitlines()
    assert lines[0] == "utterances  12 of 1 speaker, for testing in the training of every model"
    shares = re.fullmatch(r"emotions    model (\d\.\d), other (\d\.\d), third one (\d\.\d)", lines[1])
    assert shares is not None
    assert sum(map(float, shares.groups())) == pytest.approx(1.0)
    assert lines[2].startswith("weights     from 12 utterances of 1 speaker in corpus; UAR there 0.")
    saved = json.loads((place / "out" / "report.json").read_text(encoding="utf-8"))
    for one in saved["scores"]:
        score = one["emotion_uar"]
        words = f"{100 * score['estimate']:.1f} [{100 * score['low']:.1f}, {100 * score['high']:.1f}]"
        assert any(line.startswith(one["name"]) and line.endswith(words) for line in lines)
    assert sum(line.startswith(("fusion less ", "plain mean less ")) for line in lines) == 7
    assert any(re.fullmatch(r"guessing +33\.3", line) for line in lines)
    assert lines[-2:] == [
        f"report      {place / 'out' / 'report.html'}",
        f"predictions {place / 'out' / 'predictions.csv'}",
    ]
    assert "intents" not in ran.out
    shown = json.loads(
        affekt("fuse", place / "model", other, place / "corpus", "--also", third, "--json", "--quiet").out
    )
    assert shown["scores"] == saved["scores"]
    assert shown["differences"] == saved["differences"]


def test_weights_from_other_speakers(affekt: Affekt, place: Path, write_corpus: Callable[..., Path]) -> None:
    other = write_corpus(place / "elsewhere", speakers=2, seconds=0.7)
    ran = affekt("fuse", place / "model", twin(place, "other"), place / "corpus", "--weights-from", other)
    assert ran.code == 0, ran.err
    assert "weights     from 24 utterances of 2 speakers in elsewhere; UAR there" in ran.out
    ran = affekt("fuse", place / "model", place / "other", place / "corpus", "--weights-from", place / "corpus")
    assert "weights     from 12 utterances of 1 speaker in corpus, 60 left out; UAR there" in ran.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model", "model", "corpus"], "is named twice; different models were expected"),
        (["model", "copy", "corpus"], "model and copy are the same model (their weights are equal)"),
        (["model", "nowhere", "corpus"], "there is no model directory"),
        (["model", "other", "nowhere"], "there is no corpus at"),
        (["model", "classes", "corpus"], "classes has the classes sadness, neutral, anger of emotion"),
        (["model", "intents", "corpus"], "intents tells the intents ask, tell and model tells none"),
        (["model", "ranker", "corpus"], "ranker cannot be fused (it is of the family ranker"),
        (["model", "unknown", "corpus"], "unknown does not know which recordings it was trained on"),
        (["model", "reader", "corpus"], "corpus 'corpus' has no text, and a model of the family text reads words"),
        (["model", "other", "elsewhere"], "no recording of elsewhere was for testing in the training of every model"),
        (["model", "other", "tested.csv"], "no recording of tested was for development in the training of every"),
        (
            ["model", "other", "corpus", "--weights-from", "tested.csv"],
            "can give weights (got 12 that a model learned from",
        ),
        (["model", "other", "corpus", "--weights-from", "mixed.csv"], "are of speakers that are scored (got "),
        (["model", "other", "corpus", "--weights-from", "nowhere"], "there is no corpus at"),
        (["model", "other", "corpus", "--out", "corpus"], "is not empty"),
        (["model", "other"], "parameter CORPUS requires an argument"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_bad_input(
    refused: Callable[..., str], place: Path, write_corpus: Callable[..., Path], words: list[str], message: str
) -> None:
    model = EmotionModel.from_pretrained(place / "model")
    twin(place, "other")
    twin(place, "classes", classes=("sadness", "neutral", "anger"))
    twin(place, "intents", intents=("ask", "tell"))
    model.save_pretrained(place / "copy")
    EmotionModel(model.config).save_pretrained(place / "unknown")
    for name, family in (("ranker", "ranker"), ("reader", "text")):
        config = ModelConfig(family=family, classes=model.classes)
        EmotionModel(config, erasure=model.erasure).save_pretrained(place / name)
    write_corpus(place / "elsewhere", speakers=1, seconds=0.7)
    _tables(place, model)
    named = [str(place / word) if not word.startswith("--") else word for word in words]
    assert message in refused("fuse", *named)


def _tables(place: Path, model: EmotionModel) -> None:
    """The test recordings alone, and development recordings under the name of the test speaker."""
    from affekt.corpora import open_corpus
    from affekt.training import exposure

    corpus = open_corpus(place / "corpus")
    sides = exposure(model, corpus).sides
    rows = [dict(row) for row in corpus.table.select("file", "utterance", "speaker", "emotion").iter_rows(named=True)]
    for row in rows:
        row["file"] = str(place / "corpus" / row["file"])
    tested = [row for row, side in zip(rows, sides, strict=True) if side == "test"]
    mixed = [row | {"speaker": tested[0]["speaker"]} for row, side in zip(rows, sides, strict=True) if side == "dev"]
    for name, table in (("tested", tested), ("mixed", mixed)):
        with (place / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)


@pytest.mark.slow
def test_hearing_and_reading_with_intents(affekt: Affekt, tmp_path: Path) -> None:
    """Synthetic speech with intents: two models that train makes, and what they say together."""
    corpus = build(cache=tmp_path / "cache", seed=0, speakers=6, takes=4, intents=True)
    (tmp_path / "both.toml").write_text("epochs = 2\nintents = true\n", encoding="utf-8")
    for name, family in (("hears", "logmel-cnn"), ("reads", "text")):
        line = ["train", corpus.root, "--out", tmp_path / name, "--model", family, "--config", tmp_path / "both.toml"]
        assert affekt(*line).code == 0
    ran = affekt("fuse", tmp_path / "hears", tmp_path / "reads", corpus.root, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    saved = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert saved["weights"]["chosen_by"] == "jrbm_weighted"
    assert [one["reads"] for one in saved["models"]] == ["sound", "text"]
    assert saved["models"][0]["recordings"] == saved["models"][1]["recordings"]
    assert saved["models"][0]["recordings"]["test"] == saved["utterances"] == 20
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == saved["utterances"]
    for words in ("intents     hears ", "JRBM, weighted", "intents, UAR, %", "fusion less reads"):
        assert words in ran.out
    told = json.loads((tmp_path / "reads" / "run.json").read_text(encoding="utf-8"))["metrics"]["test"]
    alone = next(one for one in saved["scores"] if one["name"] == "reads")
    assert alone["emotion_uar"]["estimate"] == pytest.approx(told["uar"]["estimate"])  # the same recordings
