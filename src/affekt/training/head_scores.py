"""Scores of what a model says besides one emotion: attributes, several emotions, and the answer to every rater."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from affekt.corpora import Corpus
from affekt.corpora.ratings import rated_by_anyone, soft_labels
from affekt.metrics import (
    Interval,
    bootstrap,
    bootstrap_sums,
    bootstrap_values,
    decide_labels,
    multi_label_counts,
    probabilities,
    score_multi_label,
)
from affekt.models import ModelConfig
from affekt.types import FloatArray, IntArray

__all__ = [
    "AttributeEvaluation",
    "MultiLabelEvaluation",
    "RaterEvaluation",
    "by_class",
    "first_rated",
    "score_attribute",
    "score_raters",
    "score_several",
    "speaker_clusters",
]

Clusters: TypeAlias = npt.NDArray[Any] | None


@dataclass(frozen=True, kw_only=True)
class AttributeEvaluation:
    """One attribute, on the raters' scale."""

    utterances: int
    """Those that have a rating of it."""
    scale: tuple[float, float]
    """Ends of the scale of the scores: that of the corpus, or where it names none that of the model."""
    ccc: Interval | None
    """None where it is undefined: ratings and estimates that do not vary."""
    pcc: Interval | None
    mae: Interval
    rmse: Interval


@dataclass(frozen=True, kw_only=True)
class MultiLabelEvaluation:
    """Several emotions an utterance: those with a share above 1/K, in the votes and in the probabilities."""

    utterances: int
    """Those somebody voted a class for; where the corpus has no ratings, all, each with its one emotion."""
    from_votes: bool
    """Whether the truth is votes of raters, not single labels."""
    macro_f1: Interval
    micro_f1: Interval
    f1: dict[str, float]
    """F1 of each class; undefined counts 0."""


@dataclass(frozen=True, kw_only=True)
class RaterEvaluation:
    """The prediction against the label and against everybody who rated."""

    utterances: int
    """Utterances with an emotion and with at least one rating of a class; both scores are over these."""
    majority: Interval
    """Share of predictions that are the emotion of the table."""
    anyone: Interval
    """Share of predictions that at least one rater chose."""
    chance_anyone: float
    """The same share for guessing among all classes."""


def speaker_clusters(speakers: Sequence[str | None] | None) -> Clusters:
    """Speakers as clusters; None unless all are known."""
    if speakers is None or any(speaker is None for speaker in speakers):
        return None
    return np.asarray(speakers)


def by_class(names: Sequence[str], values: FloatArray) -> dict[str, float | None]:
    """Values by name; NaN is None."""
    return {name: None if np.isnan(value) else float(value) for name, value in zip(names, values, strict=True)}


def _native(config: ModelConfig, corpus: Corpus, estimates: FloatArray) -> FloatArray:
    """Estimates on the raters' scale."""
    low, high = corpus.scale or config.attribute_range
    return np.asarray(low + (high - low) * estimates.astype(np.float64))


def score_attribute(
    config: ModelConfig, corpus: Corpus, name: str, estimates: FloatArray, *, resamples: int, seed: int
) -> AttributeEvaluation | None:
    """One attribute over the utterances that were rated."""
    truth = corpus.table[name].fill_null(float("nan")).to_numpy()
    rated = np.flatnonzero(np.isfinite(truth))
    if not len(rated):
        return None
    speakers = corpus.table["speaker"].to_list()
    clusters = speaker_clusters([speakers[row] for row in rated])
    pair = truth[rated], _native(config, corpus, estimates)[rated]

    def interval(score: str) -> Interval:
        return bootstrap(score, *pair, clusters=clusters, resamples=resamples, seed=seed)  # type: ignore[arg-type]

    varies = bool(np.ptp(pair[0]) > 0 or np.ptp(pair[1]) > 0) and len(rated) > 1
    return AttributeEvaluation(
        utterances=len(rated),
        scale=corpus.scale or config.attribute_range,
        ccc=interval("ccc") if varies else None,
        pcc=interval("pcc") if varies else None,
        mae=interval("mae"),
        rmse=interval("rmse"),
    )


def first_rated(
    config: ModelConfig, corpus: Corpus, estimates: FloatArray, found: dict[str, AttributeEvaluation | None]
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Rows, ratings and estimates of the first attribute that the corpus rates."""
    name = next(name for name, one in found.items() if one is not None)
    truth = corpus.table[name].fill_null(float("nan")).to_numpy()
    rows = np.flatnonzero(np.isfinite(truth))
    return rows, truth[rows], _native(config, corpus, estimates[:, config.attributes.index(name)])[rows]


def score_several(
    config: ModelConfig, corpus: Corpus, logits: FloatArray, labelled: IntArray, *, resamples: int, seed: int
) -> MultiLabelEvaluation | None:
    """Several emotions an utterance; None for a model of single labels."""
    if not config.multi_label or not config.classes:
        return None
    size = len(config.classes)
    if corpus.ratings is not None and corpus.ratings.height:
        shares = soft_labels(corpus, classes=config.classes, secondary_weight=1.0)
        rows: IntArray = np.flatnonzero(~np.isnan(shares).any(axis=1))
    else:
        shares = np.zeros((len(corpus), size))
        rows = labelled
        shares[rows, corpus.select(rows).labels()] = 1.0
    if not len(rows):
        return None
    counts = multi_label_counts(decide_labels(shares[rows]), decide_labels(probabilities(logits[rows])))
    speakers = corpus.table["speaker"].to_list()
    clusters = speaker_clusters([speakers[row] for row in rows])

    def interval(average: str) -> Interval:
        def score(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return score_multi_label(sums.reshape(*sums.shape[:-1], size, 3), average=average)  # type: ignore[arg-type]

        flat = counts.reshape(len(rows), -1)
        return bootstrap_sums(flat, score, clusters=clusters, resamples=resamples, seed=seed)

    each = [float(score_multi_label(counts[:, [k]].sum(axis=0))) for k in range(size)]
    return MultiLabelEvaluation(
        utterances=len(rows),
        from_votes=corpus.ratings is not None and corpus.ratings.height > 0,
        macro_f1=interval("macro"),
        micro_f1=interval("micro"),
        f1=dict(zip(config.classes, each, strict=True)),
    )


def score_raters(
    config: ModelConfig,
    corpus: Corpus,
    logits: FloatArray,
    labelled: IntArray,
    labels: IntArray,
    *,
    resamples: int,
    seed: int,
) -> RaterEvaluation | None:
    """Against the label and against everybody; None without ratings of classes."""
    if corpus.ratings is None or not corpus.ratings.height or not len(labelled):
        return None
    chosen = rated_by_anyone(corpus, config.classes)[labelled]  # (N, K)
    rated = chosen.any(axis=1)
    if not rated.any():
        return None
    prediction = logits[labelled].argmax(1)
    anyone = chosen[np.arange(len(labelled)), prediction][rated].astype(np.float64)
    majority = (prediction == labels)[rated].astype(np.float64)
    speakers = corpus.table["speaker"].to_list()
    clusters = speaker_clusters([speakers[row] for row in labelled[rated]])
    return RaterEvaluation(
        utterances=int(rated.sum()),
        majority=bootstrap_values(majority, clusters=clusters, resamples=resamples, seed=seed),
        anyone=bootstrap_values(anyone, clusters=clusters, resamples=resamples, seed=seed),
        chance_anyone=float(chosen[rated].mean()),
    )
