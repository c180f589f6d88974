"""A model over a corpus, scored with intervals."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from affekt.corpora import Corpus
from affekt.errors import DataError
from affekt.metrics import Interval, accuracy, bootstrap, confusion, cross_entropy, macro_f1, recalls, uar
from affekt.models import EmotionModel
from affekt.training.features import FeatureStore
from affekt.training.predict import predict_rows
from affekt.types import FloatArray, IntArray

__all__ = ["Evaluation", "evaluate", "rows_of_side", "score_logits"]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of one model on one set of utterances."""

    utterances: int
    speakers: int
    classes: tuple[str, ...]
    accuracy: Interval
    uar: Interval
    macro_f1: Interval
    loss: float
    """Mean cross-entropy, nats."""
    recalls: dict[str, float | None]
    """Recall of each class; None for classes that do not occur."""
    confusion: list[list[int]]
    """Counts; rows are the truth, columns the prediction."""
    chance_uar: float
    """UAR of guessing among the classes that occur."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def score_logits(
    logits: FloatArray,
    labels: IntArray,
    *,
    classes: tuple[str, ...],
    speakers: list[str | None] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Score logits (N, K) against labels (N,), with intervals from resampling speakers where they are known."""
    prediction = logits.argmax(1)
    size = len(classes)
    known = speakers is not None and all(speaker is not None for speaker in speakers)
    clusters = np.asarray(speakers) if known else None

    def interval(name: str) -> Interval:
        return bootstrap(
            name,  # type: ignore[arg-type]
            labels,
            prediction,
            n_classes=size,
            clusters=clusters,
            resamples=resamples,
            seed=seed,
        )

    found = recalls(labels, prediction, n_classes=size)
    scores = {"accuracy": accuracy(labels, prediction), "uar": uar(labels, prediction)}
    scores["macro_f1"] = macro_f1(labels, prediction, n_classes=size)
    return Evaluation(
        utterances=len(labels),
        speakers=len(set(speakers)) if known and speakers is not None else 0,
        classes=classes,
        accuracy=interval("accuracy"),
        uar=interval("uar"),
        macro_f1=interval("macro_f1"),
        loss=float(cross_entropy(logits, labels).mean()),
        recalls={name: None if np.isnan(value) else float(value) for name, value in zip(classes, found, strict=True)},
        confusion=confusion(labels, prediction, n_classes=size).tolist(),
        chance_uar=1.0 / len(np.unique(labels)),
    )


def evaluate(
    model: EmotionModel, corpus: Corpus, *, store: FeatureStore | None = None, resamples: int = 1000, seed: int = 0
) -> Evaluation:
    """Run a model over every utterance of a corpus and score it.

    Args:
        model: any model with the corpus's classes.
        corpus: labelled utterances.
        store: front-end features of the corpus that exist already.
        resamples: bootstrap resamples of speakers.
        seed: of the resampling.

    Raises:
        DataError: the corpus is empty, unlabelled, or has an emotion the model does not know.
    """
    corpus = with_classes(corpus, model.classes)
    if not len(corpus):
        raise DataError("there is nothing to evaluate (got 0 utterances); at least one was expected; choose another.")
    store = store or FeatureStore(model, corpus)
    logits = predict_rows(model, store, np.arange(len(corpus)))
    return score_logits(
        logits,
        corpus.labels(),
        classes=model.classes,
        speakers=corpus.table["speaker"].to_list(),
        resamples=resamples,
        seed=seed,
    )


def with_classes(corpus: Corpus, classes: tuple[str, ...]) -> Corpus:
    """The corpus with a model's classes in a model's order.

    Raises:
        DataError: the corpus has an emotion that the model does not know, or none at all.
    """
    from dataclasses import replace

    changed = replace(corpus, classes=classes)
    changed.labels()
    return changed


def rows_of_side(model: EmotionModel, corpus: Corpus, side: str) -> IntArray:
    """Rows of a corpus that stood on one side (train, heldout, dev, test) when the model was trained.

    Recognised by the recordings' keyed commitments, so names of files and speakers do not matter.

    Raises:
        DataError: the model has no erasure record.
    """
    if model.erasure is None:
        raise DataError(
            "the model does not know which recordings it was trained on (it has no erasure record); a model trained "
            "by affekt was expected; use --split all."
        )
    rate = model.config.sample_rate
    found = [model.erasure.side(corpus.load(row, sample_rate=rate)) == side for row in range(len(corpus))]
    return np.flatnonzero(found)
