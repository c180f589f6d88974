"""Scores of intents, and of emotion and intent together, against sklearn and by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from affekt.corpora import Corpus
from affekt.metrics import JointLabels, jrbm_interval
from affekt.models import ModelConfig
from affekt.training import score_heads
from affekt.training.predict import PredictedHeads
from affekt.types import FloatArray, IntArray

EMOTIONS = ("anger", "joy", "sadness")
INTENTS = ("ask", "tell")
N = 60
CONFIG = ModelConfig(family="logmel-cnn", classes=EMOTIONS, intents=INTENTS)


def drawn() -> tuple[IntArray, IntArray, PredictedHeads]:
    """True emotions and intents of N utterances, and what a model says: right more often than not."""
    random = np.random.default_rng(3)
    emotions, intents = random.integers(0, 3, N), random.integers(0, 2, N)

    def logits(truth: IntArray, size: int) -> FloatArray:
        return (1.2 * np.eye(size)[truth] + random.standard_normal((len(truth), size))).astype(np.float32)

    said = PredictedHeads(
        logits=logits(emotions, 3), attributes=np.empty((N, 0), np.float32), intents=logits(intents, 2)
    )
    return emotions, intents, said


def corpus_of(emotions: list[str | None], intents: list[str | None]) -> Corpus:
    table = pl.DataFrame(
        {
            "file": [f"u{row}.wav" for row in range(len(emotions))],
            "utterance": [f"u{row}" for row in range(len(emotions))],
            "speaker": [f"person {row % 6}" for row in range(len(emotions))],
            "emotion": emotions,
            "intent": intents,
        },
        schema_overrides={"emotion": pl.String, "intent": pl.String},
    )
    return Corpus(name="made", root=Path(), table=table, classes=EMOTIONS)


def named(labels: IntArray, names: tuple[str, ...], *, without: Any = ()) -> list[str | None]:
    return [None if row in without else names[label] for row, label in enumerate(labels)]


def test_intents_and_the_joint_scores_against_sklearn() -> None:
    emotions, intents, said = drawn()
    found = score_heads(CONFIG, said, corpus_of(named(emotions, EMOTIONS), named(intents, INTENTS)), resamples=50)
    told, guess, heard = said.intents.argmax(1), np.bincount, said.logits.argmax(1)
    assert found.intents is not None
    assert (found.intents.utterances, found.intents.without) == (N, 0)
    assert found.intents.confusion == confusion_matrix(intents, told).tolist()
    assert list(found.intents.recalls.values()) == pytest.approx(recall_score(intents, told, average=None))
    assert list(found.intents.precisions.values()) == pytest.approx(precision_score(intents, told, average=None))
    assert list(found.intents.f1.values()) == pytest.approx(f1_score(intents, told, average=None))
    both = found.joint
    assert both is not None
    assert both.utterances == N
    for average, score in (("weighted", both.jrbm_weighted), ("micro", both.jrbm_micro)):
        one, two = f1_score(emotions, heard, average=average), f1_score(intents, told, average=average)
        assert score.estimate == pytest.approx(2 * one * two / (one + two))
        assert score.unit == "speaker (6)"
    assert found.uar is not None
    assert (both.emotion_uar, both.intent_uar) == (found.uar, found.intents.uar)
    # always the most frequent ones, by hand: accuracy p, weighted F1 2 p^2 / (1 + p)
    shares = [guess(labels).max() / N for labels in (emotions, intents)]
    assert both.chance_micro == pytest.approx(2 * shares[0] * shares[1] / sum(shares))
    constant = [2 * p * p / (1 + p) for p in shares]
    assert both.chance_weighted == pytest.approx(2 * constant[0] * constant[1] / sum(constant))
    interval = jrbm_interval(
        JointLabels(emotions, intents),
        JointLabels(heard, told),
        n_emotions=3,
        n_intents=2,
        clusters=[row % 6 for row in range(N)],
        resamples=50,
    )
    assert both.jrbm_weighted == interval


def test_only_utterances_with_both_count_together() -> None:
    emotions, intents, said = drawn()
    corpus = corpus_of(
        named(emotions, EMOTIONS, without=range(0, N, 5)),
        [name if row % 7 else "sing" for row, name in enumerate(named(intents, INTENTS, without=range(0, N, 4)))],
    )
    found = score_heads(CONFIG, said, corpus, resamples=20)
    rows = [row for row in range(N) if row % 5 and row % 7 and row % 4]
    told = [row for row in range(N) if row % 7 and row % 4]
    assert found.unlabelled == 12
    assert found.intents is not None
    assert (found.intents.utterances, found.intents.without) == (len(told), N - len(told))
    assert found.joint is not None
    assert found.joint.utterances == len(rows)
    one = f1_score(emotions[rows], said.logits[rows].argmax(1), average="micro")
    two = f1_score(intents[rows], said.intents[rows].argmax(1), average="micro")
    assert found.joint.jrbm_micro.estimate == pytest.approx(2 * one * two / (one + two))
    assert found.joint.emotion_uar.estimate == pytest.approx(
        recall_score(emotions[rows], said.logits[rows].argmax(1), average="macro")
    )


def test_nothing_together_where_one_is_missing() -> None:
    emotions, intents, said = drawn()
    silent: list[str | None] = [None] * N
    without_intents = score_heads(CONFIG, said, corpus_of(named(emotions, EMOTIONS), silent), resamples=20)
    assert without_intents.intents is None
    assert without_intents.joint is None
    assert not {"intents", "joint"} & set(without_intents.to_json())
    alone = score_heads(CONFIG, said, corpus_of(silent, named(intents, INTENTS)), resamples=20)
    assert alone.intents is not None
    assert alone.joint is None
    assert alone.uar is None
    plain = ModelConfig(family="logmel-cnn", classes=EMOTIONS)
    bare = said._replace(intents=np.empty((N, 0), np.float32))
    labelled = corpus_of(named(emotions, EMOTIONS), named(intents, INTENTS))
    assert not {"intents", "joint"} & set(score_heads(plain, bare, labelled, resamples=20).to_json())
