"""evaluate_with_report on tones: what it says, what it warns of, and what its page holds."""

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from affekt.corpora import Corpus, as_text
from affekt.errors import DataError
from affekt.metrics import (
    JointLabels,
    bootstrap_difference,
    ece,
    fit_temperature,
    holm,
    jrbm,
    permutation_test,
    probabilities,
    uar,
)
from affekt.models import EmotionModel, ErasureRecord, ModelConfig
from affekt.reports import EvaluationReport, evaluate_with_report
from affekt.reports.evaluation_page import evaluation_page
from affekt.training import FeatureStore, evaluate, predict_heads, predict_rows

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Balanced(HTMLParser):
    """Checks that tags close in the order they opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def other_folder(trained_folder: Any, options: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same classes that has learned nothing and keeps no record."""
    config = ModelConfig(family="logmel-cnn", classes=trained_folder.corpus.classes, options=options)
    return EmotionModel(config).save_pretrained(tmp_path_factory.mktemp("other") / "untrained")


@pytest.fixture(scope="module")
def whole(
    trained_folder: Any, other_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, EvaluationReport]:
    """All of the corpus, which the model was trained on, beside two other models."""
    out = tmp_path_factory.mktemp("whole") / "report"
    report = evaluate_with_report(
        trained_folder.folder, trained_folder.corpus, out, split="all", against=[other_folder, trained_folder.folder],
        resamples=100,
    )  # fmt: skip
    return out, report


def test_files_and_no_leftovers(whole: tuple[Path, EvaluationReport]) -> None:
    out, report = whole
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json"]
    assert [path.name for path in out.parent.iterdir()] == ["report"]
    saved = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert saved == json.loads(json.dumps(report.content, allow_nan=False))


def test_scores_are_those_of_evaluate(trained_folder: Any, whole: tuple[Path, EvaluationReport]) -> None:
    model = EmotionModel.from_pretrained(trained_folder.folder)
    exact = evaluate(model, trained_folder.corpus, resamples=100, groups=("speaker", "sex"), calibration=True)
    assert whole[1].evaluation == exact


def test_being_scored_on_what_was_trained_on_is_said_loudly(
    trained_folder: Any, whole: tuple[Path, EvaluationReport]
) -> None:
    content = whole[1].content
    sides = {side: len(names) for side, names in trained_folder.sides.items()}
    assert content["trained_on"]["recordings"] == {"train": 0, "heldout": 0, "dev": 0, "test": 0, "unknown": 0} | sides
    assert content["trained_on"]["of_trained_speakers"] == sides["heldout"]
    first = content["warnings"][0]
    assert f"trained on {sides['train']} of the 72 scored recordings" in first
    assert any("best epoch was chosen on" in line for line in content["warnings"])
    assert any(line.startswith("untrained has no record") for line in content["warnings"])
    page = (whole[0] / "report.html").read_text(encoding="utf-8")
    assert page.count("<strong>Attention.</strong>") == len(content["warnings"]) == 5
    assert first in page


def test_the_test_side_needs_no_warning(trained_folder: Any) -> None:
    report = evaluate_with_report(trained_folder.folder, trained_folder.corpus, resamples=20)
    assert report.content["split"] == "test"
    assert report.content["warnings"] == []
    assert report.content["utterances"] == len(trained_folder.sides["test"])


def test_another_model_is_compared_on_the_same_recordings(
    trained_folder: Any, other_folder: Path, whole: tuple[Path, EvaluationReport]
) -> None:
    corpus = trained_folder.corpus
    truth, speakers = corpus.labels(), corpus.table["speaker"].to_list()
    guesses = []
    for folder in (trained_folder.folder, other_folder):
        model = EmotionModel.from_pretrained(folder)
        guesses.append(predict_rows(model, FeatureStore(model, corpus), np.arange(len(corpus))).argmax(1))
    entry, itself = whole[1].content["against"]
    swapped = permutation_test("uar", truth, *guesses, n_classes=3, clusters=speakers)
    change = bootstrap_difference("uar", truth, *guesses, n_classes=3, clusters=speakers, resamples=100)
    assert entry["permutation"]["p"] == swapped.p
    assert entry["permutation"]["unit"] == "speaker (6)"
    assert (entry["difference"]["estimate"], entry["difference"]["low"]) == (change.estimate, change.low)
    assert itself["difference"]["high"] == 0.0
    assert itself["permutation"]["p"] == itself["p_holm"] == 1.0
    assert [entry["p_holm"], 1.0] == pytest.approx(holm([swapped.p, 1.0]).tolist())


def test_the_temperature_comes_from_recordings_that_are_not_scored(
    trained_folder: Any, tmp_path: Path, whole: tuple[Path, EvaluationReport]
) -> None:
    assert whole[1].content["temperature"] is None  # everything is scored: nothing is left to fit on
    report = evaluate_with_report(trained_folder.folder, trained_folder.corpus, tmp_path / "out", resamples=20)
    model = EmotionModel.from_pretrained(trained_folder.folder)

    def side(name: str) -> tuple[np.ndarray, np.ndarray]:
        corpus = trained_folder.corpus.select(pl.col("utterance").is_in(trained_folder.sides[name]))
        return predict_rows(model, FeatureStore(model, corpus), np.arange(len(corpus))), corpus.labels()

    fitted = fit_temperature(*side("dev"))
    found = report.content["temperature"]
    assert found["value"] == pytest.approx(fitted.value, rel=1e-6)
    assert (found["utterances"], found["from_dev"]) == (len(trained_folder.sides["dev"]), True)
    logits, labels = side("test")
    after = ece(probabilities(logits.astype(float) / fitted.value), labels)
    assert found["calibration"]["ece"]["estimate"] == pytest.approx(after, abs=1e-9)


def test_the_page_names_nobody_loads_nothing_and_is_well_formed(whole: tuple[Path, EvaluationReport]) -> None:
    page = (whole[0] / "report.html").read_text(encoding="utf-8")
    saved = (whole[0] / "report.json").read_text(encoding="utf-8")
    checked = Balanced()
    checked.feed(page)
    assert not checked.open
    assert len(checked.ids) == len(set(checked.ids))
    for speaker in ("s1", "s2", "s3", "s4", "s5", "s6"):
        assert f'"{speaker}"' not in saved
        assert f">{speaker}<" not in page
        assert f"{speaker}-" not in page + saved
    for word in ("http:", "https:", "<script", "<link", "@import", "src="):
        assert word not in page.replace("http-equiv", "")
    for start in [place for place in range(len(page)) if page.startswith("<svg", place)]:
        ElementTree.fromstring(page[start : page.index("</svg>", start) + len("</svg>")])
    text = " ".join(checked.text)
    assert "guessing gives 33" in text
    for words in ("For whom: speakers", "For whom: sexes", "How sure the model is", "Synthetic speech", "p after Holm"):
        assert words in text, words


def test_mapping_is_applied_and_told(trained_folder: Any) -> None:
    renamed = trained_folder.corpus.table.with_columns(
        pl.col("emotion").replace({"joy": "happiness", "sadness": "calm"})
    )
    other = replace(trained_folder.corpus, name="other", table=renamed, classes=())
    with pytest.raises(DataError, match=r"got calm \(24\), happiness \(24\)"):
        evaluate_with_report(trained_folder.folder, other, split="all")
    report = evaluate_with_report(
        trained_folder.folder, other, split="all", mapping={"happiness": "joy"}, drop=["calm"], resamples=20
    )
    assert report.content["mapping"]["utterances_renamed"] == {"happiness": 24}
    assert report.content["mapping"]["dropped"] == {"calm": 24}
    assert [sum(row) for row in report.content["confusion"]] == [24, 24, 0]
    assert report.content["chance_uar"] == 0.5
    page = evaluation_page(report.content)
    assert "happiness was taken for joy (24 recordings of the corpus)." in page
    assert "calm was left out (24 recordings of the corpus)." in page


@pytest.mark.parametrize("kind", ["attributes alone", "several labels", "everything"])
def test_every_kind_of_model_has_a_page(
    trained_folder: Any, options: dict[str, Any], tmp_path: Path, kind: str
) -> None:
    corpus = trained_folder.corpus
    several = kind != "attributes alone"
    config = ModelConfig(
        family="logmel-cnn", classes=corpus.classes if several else (), multi_label=several, options=options,
        attributes=() if kind == "several labels" else ("arousal", "valence"), attribute_range=(1.0, 7.0),
    )  # fmt: skip
    model = EmotionModel(config).save_pretrained(tmp_path / "model")
    twin = EmotionModel(config).save_pretrained(tmp_path / "twin")
    table = corpus.table.with_columns(pl.Series("arousal", [1.0 + row % 7 for row in range(len(corpus))]))
    ratings = pl.DataFrame(
        {"utterance": table["utterance"], "rater": ["r"] * 72, "emotion": ["joy", "anger", "sadness"] * 24}
    )
    rated = replace(corpus, table=table, ratings=ratings if several else None)
    report = evaluate_with_report(model, rated, tmp_path / "out", against=[twin], resamples=20)
    checked = Balanced()
    checked.feed((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert not checked.open
    text = " ".join(checked.text)
    assert ("Arousal: CCC" in text) == (kind != "several labels")
    assert ("Valence: not rated in this corpus" in text) == (kind != "several labels")
    assert ("Several emotions at once" in text) == several
    assert ("Against the people who rated" in text) == several
    assert report.content["against"][0]["statistic"] == ("uar" if several else "ccc")
    assert "no record of its training" in report.content["warnings"][0]


def test_intents_beside_emotions_and_other_models(trained_folder: Any, options: dict[str, Any], tmp_path: Path) -> None:
    """Two models that were never trained, on tones that ask or tell; some have no intent."""
    corpus = trained_folder.corpus
    config = ModelConfig(family="logmel-cnn", classes=corpus.classes, intents=("ask", "tell"), options=options)
    torch.manual_seed(0)
    model, twin = (EmotionModel(config).save_pretrained(tmp_path / name) for name in ("model", "twin"))
    told = [None if row % 9 == 0 else "ask" if row % 2 else "tell" for row in range(len(corpus))]
    asked = replace(corpus, table=corpus.table.with_columns(pl.Series("intent", told, dtype=pl.String)))
    report = evaluate_with_report(model, asked, tmp_path / "out", against=[twin], resamples=20)
    content = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert content["intents"]["utterances"] == content["joint"]["utterances"] == 64
    assert content["intents"]["without"] == 8
    truth = np.array([("ask", "tell").index(name) for name in told if name is not None])
    rows = [row for row, name in enumerate(told) if name is not None]
    loaded = [EmotionModel.from_pretrained(path) for path in (model, twin)]
    ours, theirs = (predict_heads(one, FeatureStore(one, corpus), rows) for one in loaded)
    (entry,) = content["against"]
    gain = uar(truth, ours.intents.argmax(1)) - uar(truth, theirs.intents.argmax(1))
    assert entry["intents"]["difference"]["estimate"] == pytest.approx(gain)
    labels = JointLabels(corpus.select(rows).labels(), truth)
    both = [
        jrbm(labels, JointLabels(one.logits.argmax(1), one.intents.argmax(1)), n_emotions=3, n_intents=2)
        for one in (ours, theirs)
    ]
    assert content["joint"]["jrbm_weighted"]["estimate"] == pytest.approx(both[0])
    assert entry["joint"]["jrbm_weighted"]["estimate"] == pytest.approx(both[1])
    assert entry["joint"]["difference_weighted"]["estimate"] == pytest.approx(both[0] - both[1])
    assert entry["joint"]["difference_weighted"]["unit"] == "speaker (6)"
    checked = Balanced()
    checked.feed((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert not checked.open
    text = " ".join(" ".join(checked.text).split())
    for words in ("of intents, where guessing gives", "Each intent", "Emotion and intent together", "JRBM, micro F1",
                  "64 recordings with both labels", "8 recordings have no intent", "UAR of intents"):  # fmt: skip
        assert words in text
    # intents alone: they are what is compared
    silent = replace(asked, table=asked.table.with_columns(pl.lit(None, dtype=pl.String).alias("emotion")))
    alone = evaluate_with_report(model, silent, tmp_path / "alone", against=[twin], resamples=20)
    assert alone.content["uar"] is None
    assert alone.content["against"][0]["difference"] == entry["intents"]["difference"]
    page = (tmp_path / "alone" / "report.html").read_text(encoding="utf-8")
    assert re.search(r"<h1>\d+.% of intents recognised, where guessing gives 50.%</h1>", page)
    assert "recall of intents is" in page
    plain = ModelConfig(family="logmel-cnn", classes=corpus.classes, options=options)
    deaf: Any = EmotionModel(plain).save_pretrained(tmp_path / "deaf")
    with pytest.raises(DataError, match="tells the intents none; ask, tell were expected"):
        evaluate_with_report(model, silent, against=[deaf], resamples=20)
    assert "intents" not in evaluate_with_report(model, asked, against=[deaf], resamples=20).content["against"][0]
    assert report.evaluation.joint is not None


def test_a_model_that_reads_is_scored_on_all_that_test_speakers_said(tmp_path: Path) -> None:
    """Two speakers say the same words on two sides; neither is taken for the other."""
    lines = {"a": ["yes", "no", "go on", "come"], "b": ["yes", "why", "stop", "never"]}
    said = [(speaker, text) for speaker, texts in lines.items() for text in texts]
    table = pl.DataFrame(
        {
            "file": [f"{row}.txt" for row in range(8)],
            "speaker": [speaker for speaker, _ in said],
            "text": [text for _, text in said],
            "emotion": ["joy", "anger"] * 4,
        }
    )
    corpus = as_text(Corpus(name="said", root=tmp_path, table=table))
    record = ErasureRecord()
    sides = {
        side: frozenset(record.commitment(corpus.load(row)) for row in range(8) if said[row][0] == speaker)
        for side, speaker in (("train", "a"), ("test", "b"))
    }
    config = ModelConfig(family="text", classes=("anger", "joy"), options={"words": 16, "characters": 16})
    model = EmotionModel(config, erasure=replace(record, commitments=sides)).save_pretrained(tmp_path / "model")
    content = evaluate_with_report(model, corpus, tmp_path / "out", resamples=20).content
    assert (content["split"], content["utterances"], content["warnings"]) == ("test", 4, [])
    assert content["trained_on"]["words_learned"] == 1
    assert "1 of the scored utterances have the same words" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_bad_input_is_refused(trained_folder: Any, options: dict[str, Any], tmp_path: Path) -> None:
    corpus: Corpus = trained_folder.corpus
    angry = corpus.select(pl.col("emotion") == "anger")
    with pytest.raises(DataError, match="have the emotion 'anger'"):
        evaluate_with_report(trained_folder.folder, angry, split="all")
    with pytest.raises(DataError, match="0 utterances"):
        evaluate_with_report(trained_folder.folder, corpus.select([]))
    config = ModelConfig(family="logmel-cnn", classes=("anger", "joy"), options=options)
    two: Any = EmotionModel(config).save_pretrained(tmp_path / "two")
    with pytest.raises(DataError, match="has the classes anger, joy; anger, joy, sadness were expected"):
        evaluate_with_report(trained_folder.folder, corpus, tmp_path / "out", against=[two])
    with pytest.raises(DataError, match="can give a temperature"):
        evaluate_with_report(trained_folder.folder, corpus, split="all", temperature_from=corpus)
    assert not (tmp_path / "out").exists()
