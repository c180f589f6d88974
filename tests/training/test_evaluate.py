"""Scores against scikit-learn."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn import metrics

from affekt.corpora import Corpus, Split
from affekt.errors import DataError
from affekt.models import EmotionModel
from affekt.training import FeatureStore, TrainReport, evaluate, predict_rows, rows_of_side, score_logits

CLASSES = ("anger", "joy", "neutral", "sadness")


@pytest.mark.parametrize("absent", [False, True])
def test_scores_against_scikit_learn(absent: bool) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3 if absent else 4, 90)
    logits = random.normal(size=(90, 4)).astype(np.float32)
    logits[np.arange(90), labels] += 1.0
    found = score_logits(logits, labels, classes=CLASSES, speakers=[f"s{i % 7}" for i in range(90)])
    prediction = logits.argmax(1)
    occurring = sorted(set(labels.tolist()))
    recall = metrics.recall_score(labels, prediction, labels=range(4), average=None, zero_division=0)
    probabilities = np.exp(logits.astype(np.float64))
    probabilities /= probabilities.sum(1, keepdims=True)
    assert found.accuracy.estimate == pytest.approx(metrics.accuracy_score(labels, prediction))
    assert found.uar.estimate == pytest.approx(recall[occurring].mean())
    assert found.loss == pytest.approx(metrics.log_loss(labels, probabilities, labels=range(4)), abs=1e-6)
    assert found.confusion == metrics.confusion_matrix(labels, prediction, labels=range(4)).tolist()
    if not absent:
        assert found.macro_f1.estimate == pytest.approx(metrics.f1_score(labels, prediction, average="macro"))
    for k, name in enumerate(CLASSES):
        if k in occurring:
            assert found.recalls[name] == pytest.approx(recall[k])
        else:
            assert found.recalls[name] is None
    assert found.chance_uar == pytest.approx(1 / len(occurring))
    assert (found.utterances, found.speakers) == (90, 7)
    for interval in (found.accuracy, found.uar, found.macro_f1):
        assert interval.low <= interval.estimate <= interval.high
    assert json.loads(json.dumps(found.to_json()))["classes"] == list(CLASSES)


def test_speakers_that_are_not_known_are_not_counted() -> None:
    logits, labels = np.eye(4, dtype=np.float32), np.arange(4)
    found = score_logits(logits, labels, classes=CLASSES, speakers=["a", None, "b", "c"])
    assert found.speakers == 0
    assert found.accuracy.unit.startswith("utterance")


def test_a_model_over_a_corpus(trained: EmotionModel, tone_corpus: Corpus) -> None:
    found = evaluate(trained, tone_corpus, resamples=50)
    logits = predict_rows(trained, FeatureStore(trained, tone_corpus), range(len(tone_corpus)))
    assert found.accuracy.estimate == pytest.approx(np.mean(logits.argmax(1) == tone_corpus.labels()))
    assert found == evaluate(trained, tone_corpus, store=FeatureStore(trained, tone_corpus), resamples=50)


def test_classes_are_matched_by_name(trained: EmotionModel, tone_corpus: Corpus) -> None:
    turned = Corpus(
        name="turned", root=tone_corpus.root, table=tone_corpus.table, classes=tuple(reversed(tone_corpus.classes))
    )
    assert evaluate(trained, turned, resamples=50) == evaluate(trained, tone_corpus, resamples=50)


def test_what_cannot_be_evaluated(trained: EmotionModel, tone_corpus: Corpus) -> None:
    with pytest.raises(DataError, match=r"nothing to evaluate \(got 0 utterances\)"):
        evaluate(trained, tone_corpus.select([]))
    strange = Corpus(
        name="strange", root=tone_corpus.root, table=tone_corpus.table.with_columns(emotion=pl.lit("disgust"))
    )
    with pytest.raises(DataError, match="unknown emotion 'disgust'"):
        evaluate(trained, strange)


def test_sides_are_recognised_by_the_recordings(
    trained_report: TrainReport, tone_corpus: Corpus, tone_split: Split
) -> None:
    model = trained_report.model
    renamed = Corpus(  # names say nothing
        name="renamed",
        root=tone_corpus.root,
        table=tone_corpus.table.with_columns(
            speaker=pl.lit("x"), utterance=pl.Series([f"u{i}" for i in range(len(tone_corpus))])
        ),
    )
    files = np.array(tone_corpus.table["file"].to_list())
    train_files = np.array(tone_split.train.table["file"].to_list())
    wanted = {
        "train": set(train_files[list(trained_report.fit.trained_rows)]),
        "heldout": set(train_files[list(trained_report.fit.heldout_rows)]),
        "dev": set(tone_split.dev.table["file"]),
        "test": set(tone_split.test.table["file"]),
    }
    for side, names in wanted.items():
        assert set(files[rows_of_side(model, renamed, side)]) == names


def test_sides_need_a_record(trained: EmotionModel, tone_corpus: Corpus) -> None:
    trained.erasure = None
    with pytest.raises(DataError, match="it has no erasure record"):
        rows_of_side(trained, tone_corpus, "train")
