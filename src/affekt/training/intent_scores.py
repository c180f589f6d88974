"""Scores of intents, and of emotion and intent together, for a model that tells both."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.corpora import Corpus
from affekt.metrics import (
    Interval,
    JointLabels,
    bootstrap,
    confusion,
    f1_scores,
    jrbm,
    jrbm_interval,
    precisions,
    recalls,
)
from affekt.metrics.joint import Average
from affekt.models import ModelConfig
from affekt.training.head_scores import by_class, speaker_clusters
from affekt.training.predict import PredictedHeads
from affekt.types import FloatArray, IntArray

__all__ = ["IntentEvaluation", "JointEvaluation", "indices_of", "score_intents", "score_joint"]


@dataclass(frozen=True, kw_only=True)
class IntentEvaluation:
    """Intents, over the utterances that have one of the model's."""

    utterances: int
    without: int
    """Utterances with no intent or with one that the model does not tell: in no score of intents."""
    accuracy: Interval
    uar: Interval
    macro_f1: Interval
    chance_uar: float
    """UAR of guessing among the intents that occur."""
    recalls: dict[str, float | None]
    """Recall of each intent; None for those that do not occur."""
    precisions: dict[str, float | None]
    """Precision of each intent; None for those that are never predicted."""
    f1: dict[str, float]
    """F1 of each intent; 0 where it is undefined."""
    confusion: list[list[int]]
    """Counts; rows are the truth, columns the prediction."""


@dataclass(frozen=True, kw_only=True)
class JointEvaluation:
    """Emotion and intent together, over the utterances that have both."""

    utterances: int
    jrbm_weighted: Interval
    """Joint recognition balance metric of weighted F1, see :func:`affekt.metrics.jrbm`."""
    jrbm_micro: Interval
    """The same of micro F1."""
    chance_weighted: float
    """JRBM of weighted F1 of always naming the most frequent emotion and the most frequent intent."""
    chance_micro: float
    """The same of micro F1."""
    emotion_uar: Interval
    """UAR of emotions over these utterances."""
    intent_uar: Interval
    """UAR of intents over these utterances."""


def indices_of(corpus: Corpus, column: str, names: tuple[str, ...]) -> IntArray:
    """Index of each utterance's word in a list of names, (N,); -1 for none of them."""
    index = {name: place for place, name in enumerate(names)}
    return np.array([index.get(word or "", -1) for word in corpus.table[column]], np.int64)


def score_intents(
    config: ModelConfig, corpus: Corpus, logits: FloatArray, *, resamples: int, seed: int
) -> IntentEvaluation | None:
    """Intents; None for a model that tells none and where no utterance has one of them.

    Args:
        config: of the model.
        corpus: N utterances.
        logits: (N, I).
        resamples: bootstrap resamples of speakers.
        seed: of the resampling.
    """
    labels = indices_of(corpus, "intent", config.intents)
    rows = np.flatnonzero(labels >= 0)
    if not len(rows):
        return None
    truth, prediction, size = labels[rows], logits[rows].argmax(1), len(config.intents)
    clusters = speaker_clusters(corpus.table["speaker"][rows].to_list())

    def interval(score: str) -> Interval:
        return bootstrap(
            score,  # type: ignore[arg-type]
            truth,
            prediction,
            n_classes=size,
            clusters=clusters,
            resamples=resamples,
            seed=seed,
        )

    return IntentEvaluation(
        utterances=len(rows),
        without=len(corpus) - len(rows),
        accuracy=interval("accuracy"),
        uar=interval("uar"),
        macro_f1=interval("macro_f1"),
        chance_uar=1.0 / len(np.unique(truth)),
        recalls=by_class(config.intents, recalls(truth, prediction, n_classes=size)),
        precisions=by_class(config.intents, precisions(truth, prediction, n_classes=size)),
        f1=dict(zip(config.intents, f1_scores(truth, prediction, n_classes=size).tolist(), strict=True)),
        confusion=confusion(truth, prediction, n_classes=size).tolist(),
    )


def score_joint(
    config: ModelConfig, corpus: Corpus, heads: PredictedHeads, *, resamples: int, seed: int
) -> JointEvaluation | None:
    """Emotion and intent together; None for a model that does not tell both and where no utterance has both.

    Args:
        config: of the model.
        corpus: N utterances, labelled by what the model's classes are made of.
        heads: what the model says of them.
        resamples: bootstrap resamples of speakers.
        seed: of the resampling.
    """
    emotions = indices_of(corpus, "emotion", config.classes)
    intents = indices_of(corpus, "intent", config.intents)
    rows = np.flatnonzero((emotions >= 0) & (intents >= 0))
    if not len(rows):
        return None
    truth = JointLabels(emotions[rows], intents[rows])
    said = JointLabels(heads.logits[rows].argmax(1), heads.intents[rows].argmax(1))
    often = JointLabels(*(np.full(len(rows), np.bincount(labels).argmax()) for labels in truth))
    sizes: dict[str, Any] = {"n_emotions": len(config.classes), "n_intents": len(config.intents)}
    clusters = speaker_clusters(corpus.table["speaker"][rows].to_list())

    def joint(average: Average) -> Interval:
        return jrbm_interval(truth, said, average=average, clusters=clusters, resamples=resamples, seed=seed, **sizes)

    def uar(labels: IntArray, prediction: IntArray) -> Interval:
        return bootstrap("uar", labels, prediction, clusters=clusters, resamples=resamples, seed=seed)

    return JointEvaluation(
        utterances=len(rows),
        jrbm_weighted=joint("weighted"),
        jrbm_micro=joint("micro"),
        chance_weighted=jrbm(truth, often, average="weighted", **sizes),
        chance_micro=jrbm(truth, often, average="micro", **sizes),
        emotion_uar=uar(emotions[rows], heads.logits[rows].argmax(1)),
        intent_uar=uar(intents[rows], heads.intents[rows].argmax(1)),
    )
