"""affekt train --method ranklist, and affekt rank."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.cli import main
from affekt.metrics import kendall_tau

Affekt = Callable[..., Any]

SETTINGS = """
label = "intensity"
classes = ["faint", "plain", "strong"]
epochs = 8
learning_rate = 1e-2
heldout_fraction = 0.1

[method]
size = 6
lists = 2
curriculum = "linear"

[options.settings]
channels = [4, 6, 8]
width = 24
n_mels = 40
head_dropout = 0.0
"""
LEVELS = ("faint", "plain", "strong")


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def ranking(tmp_path_factory: pytest.TempPathFactory, write_corpus: Callable[..., Path]) -> Path:
    """A folder with ``corpus``, whose intensities differ in their octave, and a ``model`` that orders it."""
    folder = tmp_path_factory.mktemp("ranking")
    corpus = write_corpus(folder / "corpus", easy=True)
    rows = table(corpus / "utterances.csv")
    for row in rows:
        row["intensity"] = dict(zip(("anger", "neutral", "sadness"), LEVELS, strict=True))[row["emotion"]]
        row["text"] = f"take {row['utterance'][-1]}"
    with (corpus / "utterances.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (folder / "rank.toml").write_text(SETTINGS, encoding="utf-8")
    words = ["train", corpus, "--out", folder / "model", "--model", "ranker", "--method", "ranklist"]
    assert main([str(word) for word in (*words, "--config", folder / "rank.toml", "--quiet")]) == 0
    return folder


def test_a_corpus_is_put_in_order(affekt: Affekt, ranking: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "order.csv", tmp_path / "order.html"
    ran = affekt("rank", ranking / "model", ranking / "corpus", "--out", out, "--page", page, "--top", "7", "--json")
    assert ran.code == 0, ran.err
    shown = json.loads(ran.out)
    assert shown["by"] == "intensity"
    assert [row["rank"] for row in shown["recordings"]] == list(range(1, 8))
    rows = table(out)
    assert len(rows) == 72
    intensity = {
        row["utterance"]: LEVELS.index(row["intensity"]) for row in table(ranking / "corpus" / "utterances.csv")
    }
    assert kendall_tau([intensity[row["utterance"]] for row in rows], [float(row["score"]) for row in rows]) > 0.7
    text = page.read_text(encoding="utf-8")
    assert text.count("<audio") == 7
    assert "72 recordings in order of intensity" in text
    assert "The 7 highest of 72 are shown." in text
    assert "trained on corpus" in text
    assert "take 1" in text


def test_text_for_people_and_any_folder(affekt: Affekt, ranking: Path, tmp_path: Path) -> None:
    lines = affekt("rank", ranking / "model", ranking / "corpus" / "audio", "--quiet").out.splitlines()
    assert len(lines) == 22
    assert lines[0].split() == ["rank", "score", "utterance", "file"]
    assert lines[-1] == "72 recordings in order of intensity"
    order = tmp_path / "order.jsonl"
    page = tmp_path / "page.html"
    words = ["rank", ranking / "model", ranking / "corpus" / "audio", "--out", order, "--page", page, "--embed"]
    assert affekt(*words, "--top", "2").code == 0
    rows = [json.loads(line) for line in order.read_text(encoding="utf-8").splitlines()]
    assert [row["rank"] for row in rows] == list(range(1, 73))
    assert page.read_text(encoding="utf-8").count("data:audio/wav;base64,") == 2


def test_its_levels_are_scored_and_forgotten(affekt: Affekt, ranking: Path, tmp_path: Path) -> None:
    """The corpus says emotions, too, which are not what this model tells."""
    shown = json.loads(affekt("evaluate", ranking / "model", ranking / "corpus", "--split", "all", "--json").out)
    assert shown["classes"] == list(LEVELS)
    assert shown["uar"]["estimate"] > 0.6
    renamed = affekt("evaluate", ranking / "model", ranking / "corpus", "--map", "faint=plain", "--json")
    assert json.loads(renamed.out)["mapping"]["renamed"] == {"faint": "plain"}
    for speaker in ("00", "01"):  # one of them at least was trained on
        out = tmp_path / speaker
        words = ["--speaker", speaker, "--out", out, "--method", "gradient_ascent", "--json"]
        report = json.loads(affekt("forget", ranking / "model", ranking / "corpus", *words).out)
        if report["request"]["sides"]["train"]:
            break
    assert report["scores"]["before"]["test"]["uar"]["estimate"] > 0.5


def test_what_is_refused(affekt: Affekt, ranking: Path, shared: Path, tmp_path: Path) -> None:
    model, corpus = ranking / "model", ranking / "corpus"
    taken = tmp_path / "taken.html"
    taken.write_text("mine", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    for words, message in (
        ([shared / "model", corpus], "of the family logmel-cnn, which gives no score; ranker was expected"),
        ([model, corpus, "--out", tmp_path / "order.xml"], "tells no format; a suffix of .csv or .jsonl"),
        ([model, corpus, "--embed"], "no --page is given"),
        ([model, corpus, "--page", taken], "exists already"),
        ([model, tmp_path / "empty"], "holds no recording"),
        ([model, tmp_path / "gone"], "there is no corpus at"),
    ):
        ran = affekt("rank", *words)
        assert ran.code == 2, words
        assert message in ran.err
        assert ran.out == ""
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["empty", "taken.html"]
    assert taken.read_text(encoding="utf-8") == "mine"
