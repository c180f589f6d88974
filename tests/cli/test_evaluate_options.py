"""affekt evaluate beyond its defaults: mapping, other models, groups, reports, and what it refuses."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.models import EmotionModel, ModelConfig

Affekt = Callable[..., Any]
Snapshot = Callable[[Path], dict[str, str]]


def relabel(corpus: Path, names: dict[str, str], **columns: Callable[[int], str]) -> Path:
    """Rename emotions in a corpus folder, and add columns made from the row number."""
    file = corpus / "utterances.csv"
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for number, row in enumerate(rows):
        row["emotion"] = names.get(row["emotion"], row["emotion"])
        row.update({name: make(number) for name, make in columns.items()})
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return corpus


def test_training_recordings_are_never_scored_silently(affekt: Affekt, shared: Path) -> None:
    ran = affekt("evaluate", shared / "model", shared / "corpus", "--split", "all", "--quiet")
    assert ran.err == ""
    assert re.search(r"^ATTENTION   The model was trained on \d+ of the 72 scored recordings", ran.out)
    ran = affekt("evaluate", shared / "model", shared / "corpus", "--split", "all", "--json")
    assert "affekt: attention: The model was trained on" in ran.err
    shown = json.loads(ran.out)
    assert shown["warnings"][0].startswith("The model was trained on")
    assert shown["trained_on"]["recordings"]["train"] > 0


def test_cross_corpus_with_a_mapping(
    affekt: Affekt, shared: Path, write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    other = relabel(write_corpus(tmp_path / "other", speakers=2, seconds=0.7), {"anger": "rage", "neutral": "calm"})
    ran = affekt("evaluate", shared / "model", other, "--map", "rage=anger,calm=", "--json")
    shown = json.loads(ran.out)
    assert shown["utterances"] == 16
    assert shown["mapping"]["renamed"] == {"rage": "anger"}
    assert shown["mapping"]["dropped"] == {"calm": 8}
    text = affekt("evaluate", shared / "model", other, "--map", "rage=anger, calm=").out
    assert "mapped      rage to anger (8 in the corpus)" in text
    assert "left out    calm (8 in the corpus)" in text


def test_recordings_of_training_are_recognised_across_corpora(affekt: Affekt, place: Path, shared: Path) -> None:
    """The training recordings in other clothes: renamed emotions, another folder."""
    ran = affekt("evaluate", shared / "model", relabel(place / "corpus", {"anger": "rage"}), "--split", "all",
                 "--map", "rage=anger")  # fmt: skip
    assert "ATTENTION   The model was trained on" in ran.out


def test_groups_report_and_other_models(affekt: Affekt, place: Path) -> None:
    relabel(place / "corpus", {}, sex=lambda row: "fm"[row // 12 % 2], room=lambda row: "ab"[row % 2])
    out = place / "report"
    ran = affekt("evaluate", place / "model", place / "corpus", "--split", "all", "--group", "sex,room",
                 "--against", place / "model", "--against", place / "model", "--out", out)  # fmt: skip
    assert ran.code == 0, ran.err
    assert "(4 of 5)" in ran.err  # progress
    for words in ("sex", "room", "gap: ", "by chance up to", "p (Holm)", "p from swapping the models by speaker (6)"):
        assert words in ran.out
    assert f"report      {out / 'report.html'}" in ran.out
    saved = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert list(saved["groups"]) == ["sex", "room"]
    assert len(saved["against"]) == 2
    assert saved["command_line"].split()[0] == "affekt"


def test_intents_and_both_together(affekt: Affekt, place: Path) -> None:
    corpus = relabel(place / "corpus", {}, intent=lambda row: ("ask", "tell", "sing", "")[row % 4])
    config = ModelConfig(family="logmel-cnn", classes=("anger", "neutral", "sadness"), intents=("ask", "tell"))
    model = EmotionModel(config).save_pretrained(place / "told")
    shown = json.loads(affekt("evaluate", model, corpus, "--json").out)
    assert shown["intents"]["utterances"] == shown["joint"]["utterances"] == 36
    assert shown["intents"]["without"] == 36
    lines = affekt("evaluate", model, corpus, "--against", model).out.splitlines()
    score = shown["joint"]["jrbm_weighted"]
    span = f"{score['estimate']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
    (joint,) = [line for line in lines if line.startswith("joint ")]
    assert joint.startswith(f"joint       JRBM weighted {span}, micro ")
    assert any(line.strip().startswith("on 36 utterances with both; UAR there: emotion ") for line in lines)
    heads = [line.split() for line in lines if line.split()[1:2] == ["recall"]]
    assert [head[0] for head in heads] == ["emotion", "intent"]
    assert any(line.startswith("other model") and "JRBM, weighted" in line for line in lines)
    assert any(line.startswith("told ") and span in line and "0.000 [0.000, 0.000]" in line for line in lines)


def test_temperature_from_another_corpus(
    affekt: Affekt, shared: Path, write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    other = write_corpus(tmp_path / "other", speakers=2, seconds=0.7)
    ran = affekt("evaluate", shared / "model", shared / "corpus", "--temperature-from", other)
    assert re.search(r"temperature \d+\.\d\d from 24 recordings of other: ECE", ran.out)
    own = json.loads(
        affekt("evaluate", shared / "model", shared / "corpus", "--temperature-from", shared / "corpus", "--json").out
    )
    assert own["temperature"]["from_dev"] is True
    assert own["temperature"]["utterances"] == 12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--map", "calm"], "'calm' in --map maps nothing"),
        (["--map", "=joy"], "maps nothing"),
        (["--map", "a=b=c"], "maps nothing"),
        (["--map", ","], "names no emotion"),
        (["--map", "anger=neutral,anger="], "'anger' is in --map twice"),
        (["--map", "anger=rage"], "'rage', which is no class of the model"),
        (["--map", "angr="], "did you mean 'anger'"),
        (["--map", "anger=,neutral=,sadness="], "nothing is left"),
        (["--map", "anger=,neutral="], "have the emotion 'sadness'"),
        (["--group", "sexx"], "'sexx' is no column to group by"),
        (["--group", "file"], "'file' is no column to group by"),
        (["--group", "language"], "no utterance has a value in the column 'language'"),
        (["--against", "nowhere"], "there is no model directory nowhere"),
        (["--temperature-from", "nowhere"], "there is no corpus at nowhere"),
        (["--out", "corpus"], "is not empty"),
    ],
)
def test_bad_options(refused: Callable[..., str], place: Path, options: list[str], words: str) -> None:
    options = [str(place / word) if word == "corpus" else word for word in options]
    assert words in refused("evaluate", place / "model", place / "corpus", "--split", "all", *options)


def test_emotions_the_model_does_not_know(refused: Callable[..., str], place: Path) -> None:
    relabel(place / "corpus", {"anger": "rage", "neutral": "calm"})
    sentence = refused("evaluate", place / "model", place / "corpus", "--map", "rage=anger", "--out", place / "new")
    assert "got calm (24)); only anger, neutral, sadness were expected" in sentence


def test_a_model_of_other_classes(
    affekt: Affekt, refused: Callable[..., str], place: Path, write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    corpus = relabel(write_corpus(tmp_path / "two"), {"neutral": "sadness"})
    assert affekt("train", corpus, "--out", tmp_path / "two-classes", "--config", place / "fast.toml").code == 0
    sentence = refused(
        "evaluate", place / "model", place / "corpus", "--against", tmp_path / "two-classes", "--out", place / "new"
    )
    assert "has the classes anger, sadness; anger, neutral, sadness were expected" in sentence


def test_attributes_that_are_no_numbers(refused: Callable[..., str], place: Path) -> None:
    relabel(place / "corpus", {}, arousal=lambda row: "inf" if row == 3 else "2")
    assert "arousal" in refused("evaluate", place / "model", place / "corpus")
