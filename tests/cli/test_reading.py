"""The family text on a corpus of recordings with transcripts: trained, scored, predicted and made to forget."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.cli import main
from affekt.corpora.text_corpus import samples_of
from affekt.models import EmotionModel

Affekt = Callable[..., Any]
Snapshot = Callable[[Path], dict[str, str]]

WORDS = {"anger": "leave me alone now", "neutral": "the train is late", "sadness": "nobody ever comes back"}
SETTINGS = """epochs = 12
learning_rate = 1e-2
batch_size = 16
heldout_fraction = 0.15

[options]
words = 64
characters = 64
hidden = 16
"""


@pytest.fixture(scope="module")
def reading(csv_rows: Any, tmp_path_factory: pytest.TempPathFactory, write_corpus: Callable[..., Path]) -> Path:
    """A folder with ``corpus``, where a quarter of what anybody says is what all say, ``text.toml`` and a ``model``."""
    folder = tmp_path_factory.mktemp("reading")
    corpus = write_corpus(folder / "corpus")
    rows = csv_rows.read(corpus / "utterances.csv")
    for row in rows:
        row["text"] = WORDS[row["emotion"]]
        if not row["utterance"].endswith("3"):
            row["text"] += f", take {row['utterance']}"
    csv_rows.write(corpus / "utterances.csv", rows)
    (folder / "text.toml").write_text(SETTINGS, encoding="utf-8")
    words = ["train", corpus, "--out", folder / "model", "--model", "text", "--config", folder / "text.toml", "--quiet"]
    assert main([str(word) for word in words]) == 0
    return folder


def test_it_reads_and_does_not_listen(affekt: Affekt, reading: Path, tmp_path: Path) -> None:
    shown = json.loads(affekt("evaluate", reading / "model", reading / "corpus", "--json").out)
    assert shown["split"] == "test"  # the utterances are known by their words
    assert (shown["utterances"], shown["speakers"]) == (12, 1)  # also those that others said in training
    assert shown["uar"]["estimate"] > 0.9  # the tones say nothing that easily
    place = Path(shutil.copytree(reading / "corpus", tmp_path / "corpus"))
    shutil.rmtree(place / "audio")
    again = json.loads(affekt("evaluate", reading / "model", place, "--json").out)
    assert again["uar"] == shown["uar"]


def test_it_predicts_from_a_corpus(csv_rows: Any, affekt: Affekt, reading: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.csv"
    ran = affekt("predict", reading / "model", reading / "corpus", "--out", out)
    assert ran.code == 0, ran.err
    rows = csv_rows.read(out)
    truth = [row["emotion"] for row in csv_rows.read(reading / "corpus" / "utterances.csv")]
    assert sum(row["emotion"] == emotion for row, emotion in zip(rows, truth, strict=True)) > 65
    assert {(row["start"], row["end"]) for row in rows} == {("0.0", "0.0")}


def test_it_forgets_a_speaker(csv_rows: Any, affekt: Affekt, reading: Path, tmp_path: Path) -> None:
    rows = csv_rows.read(reading / "corpus" / "utterances.csv")
    stood = []
    for speaker in ("00", "01", "02", "03", "04", "05"):
        ran = affekt(
            "forget", reading / "model", reading / "corpus", "--speaker", speaker, "--out", tmp_path / speaker, "--json"
        )
        assert ran.code in (0, 1), ran.err
        report = json.loads(ran.out)
        sides = report["request"]["sides"]
        stood.append("train" if sides["train"] else "dev" if sides["dev"] else "test")
        assert sides["train"] + sides["heldout"] == (12 if stood[-1] == "train" else 0)
        assert sides["dev"] + sides["test"] == (0 if stood[-1] == "train" else 12)
        assert (report["verdict"] == "NOT_APPLICABLE") == (stood[-1] != "train")
        if stood[-1] == "train":
            assert report["scores"]["before"]["test"]["uar"]["estimate"] > 0.9
        record = EmotionModel.from_pretrained(tmp_path / speaker).erasure
        assert record is not None
        said = [samples_of(row["text"]) for row in rows if row["speaker"] == speaker]
        assert not any(record.side(words) for words in said)
    assert sorted(stood) == ["dev", "test", "train", "train", "train", "train"]


def test_it_is_retrained_without_a_speaker(affekt: Affekt, reading: Path, tmp_path: Path) -> None:
    for speaker in ("00", "01", "02"):
        out = tmp_path / speaker
        words = ["--speaker", speaker, "--out", out, "--method", "retrain", "--json"]
        ran = affekt("forget", reading / "model", reading / "corpus", *words)
        assert ran.code in (0, 1), ran.err
        if json.loads(ran.out)["verdict"] != "NOT_APPLICABLE":
            run = json.loads((out / "run.json").read_text(encoding="utf-8"))
            assert run["method"] == "retrain"
            return
    pytest.fail("nobody was trained on")


def test_it_is_cross_validated_beside_one_that_hears(affekt: Affekt, reading: Path, tmp_path: Path) -> None:
    (tmp_path / "families.toml").write_text(
        "[text]\nepochs = 6\nlearning_rate = 1e-2\n[logmel-cnn]\nepochs = 1\n", encoding="utf-8"
    )
    words = ["--models", "text,logmel-cnn", "--folds", "3", "--seeds", "1", "--config", tmp_path / "families.toml"]
    ran = affekt("cross-validate", reading / "corpus", "--out", tmp_path / "cv", *words, "--json", "--quiet")
    assert ran.code == 0, ran.err
    rows = {row["family"]: row for row in json.loads(ran.out)["rows"]}
    assert rows["text"]["pooled"]["uar"]["estimate"] > 0.9
    assert rows["logmel-cnn"]["pooled"]["uar"]["estimate"] < 0.9


def test_what_hears_stands_beside_what_reads(affekt: Affekt, reading: Path, tmp_path: Path) -> None:
    (tmp_path / "fast.toml").write_text("epochs = 1\nheldout_fraction = 0.15\n", encoding="utf-8")
    words = ["--out", tmp_path / "hears", "--config", tmp_path / "fast.toml", "--quiet"]
    assert affekt("train", reading / "corpus", *words).code == 0
    for one, two in (("hears", "reads"), ("reads", "hears")):
        models = {"hears": tmp_path / "hears", "reads": reading / "model"}
        ran = affekt("evaluate", models[one], reading / "corpus", "--against", models[two], "--json")
        assert ran.code == 0, ran.err
        (other,) = json.loads(ran.out)["against"]
        assert other["trained_on"]["recordings"]["test"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "silent", "--model", "text"], "corpus 'silent' has no text, and a model of the family text reads"),
        (["train", "gap", "--model", "text"], "utterance '00-anger-0' of corpus 'gap' has no text"),
        (["train", "words", "--model", "logmel-cnn"], "is one to read .* and a model of the family logmel-cnn hears"),
        (["evaluate", "model", "silent"], "corpus 'silent' has no text"),
        (["forget", "model", "silent", "--speaker", "00"], "corpus 'silent' has no text"),
        (["predict", "model", "silent"], "nothing says what is spoken in .*00-anger-0.wav"),
        (["predict", "model", "gap"], "nothing says what is spoken in .*00-anger-0.wav"),
        (["predict", "model", "corpus/audio/00-anger-0.wav"], "this model reads words instead of listening"),
        (["predict", "model", "corpus", "--window", "1"], "windows are given for a model that reads text"),
    ],
)
def test_what_cannot_be_read_is_refused(
    csv_rows: Any,
    affekt: Affekt,
    reading: Path,
    snapshot: Snapshot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    place = Path(shutil.copytree(reading, tmp_path / "place"))
    monkeypatch.chdir(place)
    for name in ("silent", "gap", "words"):
        shutil.copytree("corpus", name)
    rows = csv_rows.read(place / "gap" / "utterances.csv")
    rows[0]["text"] = ""
    csv_rows.write(place / "gap" / "utterances.csv", rows)
    csv_rows.write(place / "silent" / "utterances.csv", [{k: v for k, v in row.items() if k != "text"} for row in rows])
    (place / "words" / "corpus.toml").write_text('medium = "text"\n', encoding="utf-8")
    before = snapshot(tmp_path)
    out = ["--out", "new"] if words[0] in ("train", "forget") else []
    ran = affekt(*words, *out)
    assert ran.code == 2, ran
    assert ran.out == ""
    assert snapshot(tmp_path) == before
    assert any(re.search(message, line) for line in ran.err.splitlines())
