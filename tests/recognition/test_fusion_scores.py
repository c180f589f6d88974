"""Scores of fused models against sklearn, paired differences against both scores, and utterances without a label."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score, recall_score

from affekt.corpora import Corpus
from affekt.recognition.fusion import FusedHeads
from affekt.recognition.fusion_scores import FusionTruth
from affekt.types import FloatArray

CLASSES = ("anger", "joy", "sadness")
INTENTS = ("ask", "tell")
N = 48
WITHOUT_EMOTION, WITHOUT_INTENT = 5, 7


def corpus() -> Corpus:
    random = np.random.default_rng(1)
    rows = [
        {
            "file": f"u{row}.wav",
            "utterance": f"u{row}",
            "speaker": f"s{row % 4}",
            "emotion": CLASSES[random.integers(3)] if row % WITHOUT_EMOTION else None,
            "intent": INTENTS[random.integers(2)] if row % WITHOUT_INTENT else None,
        }
        for row in range(N)
    ]
    return Corpus(name="made", root=Path(), table=pl.DataFrame(rows), classes=CLASSES)


def said(seed: int) -> FusedHeads:
    random = np.random.default_rng(seed)

    def shares(size: int) -> FloatArray:
        return random.dirichlet(np.ones(size), N)

    return FusedHeads(shares(3), shares(2))


def by_hand(truth: FusionTruth, heads: FusedHeads, average: str) -> float:
    rows = np.flatnonzero((truth.emotions >= 0) & (truth.intents >= 0))
    one = f1_score(truth.emotions[rows], heads.emotions[rows].argmax(1), average=average, zero_division=0)
    two = f1_score(truth.intents[rows], heads.intents[rows].argmax(1), average=average, zero_division=0)
    return float(2 * one * two / (one + two))


def test_scores_against_sklearn() -> None:
    truth, heads = FusionTruth.of(corpus(), classes=CLASSES, intents=INTENTS), said(2)
    assert (truth.emotions < 0).sum() == -(-N // WITHOUT_EMOTION)
    assert (truth.intents < 0).sum() == -(-N // WITHOUT_INTENT)
    assert len(truth.both) == sum(bool(row % WITHOUT_EMOTION and row % WITHOUT_INTENT) for row in range(N))
    found = truth.score(heads, resamples=50, seed=0)
    rows = np.flatnonzero(truth.emotions >= 0)
    assert found.emotion_uar.estimate == pytest.approx(
        recall_score(truth.emotions[rows], heads.emotions[rows].argmax(1), average="macro")
    )
    assert found.emotion_uar.unit == "speaker (4)"
    rows = np.flatnonzero(truth.intents >= 0)
    assert found.intent_uar is not None
    assert found.intent_uar.estimate == pytest.approx(
        recall_score(truth.intents[rows], heads.intents[rows].argmax(1), average="macro")
    )
    assert found.jrbm_weighted is not None
    assert found.jrbm_micro is not None
    assert found.jrbm_weighted.estimate == pytest.approx(by_hand(truth, heads, "weighted"))
    assert found.jrbm_micro.estimate == pytest.approx(by_hand(truth, heads, "micro"))


def test_a_difference_is_that_of_the_scores_and_paired() -> None:
    truth, one, two = FusionTruth.of(corpus(), classes=CLASSES, intents=INTENTS), said(2), said(3)
    first, second = (truth.score(heads, resamples=50, seed=0) for heads in (one, two))
    less = truth.difference(one, two, resamples=50, seed=0)
    nothing = truth.difference(one, one, resamples=50, seed=0)
    for name in ("emotion_uar", "intent_uar", "jrbm_weighted", "jrbm_micro"):
        apart = getattr(first, name).estimate - getattr(second, name).estimate
        assert getattr(less, name).estimate == pytest.approx(apart)
        assert (getattr(nothing, name).low, getattr(nothing, name).high) == (0.0, 0.0)


def test_models_without_intents() -> None:
    truth = FusionTruth.of(corpus(), classes=CLASSES, intents=())
    heads = FusedHeads(said(2).emotions, np.empty((N, 0)))
    found = truth.score(heads, resamples=20, seed=0)
    assert found.intent_uar is found.jrbm_weighted is found.jrbm_micro is None
    assert truth.difference(heads, heads, resamples=20, seed=0).jrbm_micro is None
    assert len(truth.both) == (truth.emotions >= 0).sum()
    assert truth.chance() == {
        "emotion_uar": pytest.approx(1 / 3),
        "intent_uar": None,
        "jrbm_weighted": None,
        "jrbm_micro": None,
    }


def test_chance_is_always_naming_the_most_frequent() -> None:
    truth = FusionTruth.of(corpus(), classes=CLASSES, intents=INTENTS)
    often = [np.bincount(labels[truth.both]).argmax() for labels in (truth.emotions, truth.intents)]
    constant = FusedHeads(np.tile(np.eye(3)[often[0]], (N, 1)), np.tile(np.eye(2)[often[1]], (N, 1)))
    found = truth.chance()
    assert found["intent_uar"] == 0.5
    assert found["jrbm_weighted"] == pytest.approx(by_hand(truth, constant, "weighted"))
    assert found["jrbm_micro"] == pytest.approx(by_hand(truth, constant, "micro"))
