"""Accuracy, unweighted average recall, F1 and the confusion matrix they all come from.

Conventions: rows of the confusion matrix are the truth, columns the prediction. A class with no utterance in the
subset has no recall, so UAR leaves it out. Macro-F1 averages over all K classes and counts an undefined F1 as 0.
Weighted accuracy (WA) of the field is :func:`accuracy`; with one label an utterance, micro-F1 is the same number.

Source: Schuller, Steidl & Batliner 2009 (INTERSPEECH emotion challenge) for UAR; definitions card, S.2.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray

__all__ = [
    "ClassificationScore",
    "accuracy",
    "confusion",
    "f1_scores",
    "macro_f1",
    "micro_f1",
    "precisions",
    "recalls",
    "score_confusion",
    "uar",
]

ClassificationScore = Literal["accuracy", "macro_f1", "uar"]
"""Scores that a confusion matrix is enough for."""


def confusion(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int) -> npt.NDArray[np.int64]:
    """Count utterances by true and predicted class.

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K.

    Returns:
        Counts, (K, K); row = truth, column = prediction.

    Raises:
        ShapeError: not (N,), or different lengths.
        DataError: empty, not integers, or a label outside 0..K-1.

    Example:
        >>> confusion([0, 0, 1], [0, 1, 1], n_classes=2).tolist()
        [[1, 1], [0, 1]]
    """
    first, second = _inputs.pair(truth, prediction, n_classes=n_classes)
    cells = np.bincount(first * n_classes + second, minlength=n_classes * n_classes)
    return cells.reshape(n_classes, n_classes).astype(np.int64)  # (K, K)


def score_confusion(score: ClassificationScore, counts: npt.ArrayLike) -> RealArray:
    """Compute a score from confusion matrices, many at once.

    Args:
        score: "accuracy", "uar" or "macro_f1".
        counts: (..., K, K), non-negative, each matrix with at least one utterance; row = truth.

    Returns:
        The score of each matrix, shape (...).

    Raises:
        ConfigError: unknown score.
        ShapeError: not (..., K, K).
        DataError: a negative count or an empty matrix.
    """
    if score not in get_args(ClassificationScore):
        known = ", ".join(get_args(ClassificationScore))
        raise ConfigError(f"the score is unknown (got {score!r}); expected one of {known}; or pass a function.")
    cells = np.asarray(counts, dtype=np.float64)
    if cells.ndim < 2 or cells.shape[-1] != cells.shape[-2]:
        raise ShapeError(f"counts has the wrong shape (got {cells.shape}); expected (..., K, K); use confusion().")
    total = cells.sum(axis=(-2, -1))
    if (cells < 0).any() or not (total > 0).all():
        raise DataError("a confusion matrix is empty or negative; expected counts of utterances; use confusion().")
    hits = np.diagonal(cells, axis1=-2, axis2=-1)  # (..., K)
    if score == "accuracy":
        return np.asarray(hits.sum(axis=-1) / total, dtype=np.float64)
    support = cells.sum(axis=-1)  # utterances that are of the class, (..., K)
    if score == "uar":
        present = support > 0
        recall = np.divide(hits, support, out=np.zeros_like(support), where=present)
        return np.asarray(recall.sum(axis=-1) / present.sum(axis=-1), dtype=np.float64)
    return np.asarray(_f1(cells).mean(axis=-1), dtype=np.float64)


def accuracy(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int | None = None) -> float:
    """Share of utterances whose prediction is right (weighted accuracy).

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K; only used to check the labels.

    Returns:
        In [0, 1].

    Raises:
        ShapeError, DataError: as :func:`confusion`.

    Example:
        >>> accuracy([0, 0, 0, 1], [0, 0, 0, 0])
        0.75
    """
    first, second = _inputs.pair(truth, prediction, n_classes=n_classes)
    return float(np.mean(first == second))


def uar(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int | None = None) -> float:
    """Unweighted average recall: the mean of the recalls of the classes that occur in the truth.

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K; only used to check the labels.

    Returns:
        In [0, 1]; chance is 1 / (number of classes that occur).

    Raises:
        ShapeError, DataError: as :func:`confusion`.

    Example:
        >>> uar([0, 0, 0, 1], [0, 0, 0, 0])
        0.5
    """
    first, second = _inputs.pair(truth, prediction, n_classes=n_classes)
    size = _inputs.class_count(first, second, n_classes)
    return float(score_confusion("uar", confusion(first, second, n_classes=size)))


def macro_f1(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int) -> float:
    """Mean over all K classes of F1; a class that is neither in truth nor predicted counts 0.

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K; it changes the result, so it has no default.

    Returns:
        In [0, 1].

    Raises:
        ShapeError, DataError: as :func:`confusion`.

    Example:
        >>> round(macro_f1([0, 0, 1, 1], [0, 1, 1, 1], n_classes=2), 4)
        0.7333
    """
    return float(score_confusion("macro_f1", confusion(truth, prediction, n_classes=n_classes)))


def recalls(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int) -> RealArray:
    """Recall of each class.

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K.

    Returns:
        (K,), in [0, 1]; NaN for a class with no utterance, since 0 would be a claim about the model.

    Raises:
        ShapeError, DataError: as :func:`confusion`.
    """
    cells = confusion(truth, prediction, n_classes=n_classes).astype(np.float64)
    support = cells.sum(axis=1)
    result = np.full(n_classes, np.nan)
    np.divide(np.diagonal(cells), support, out=result, where=support > 0)
    return result


def precisions(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int) -> RealArray:
    """Precision of each class: the share of the utterances predicted as the class that are of it.

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K.

    Returns:
        (K,), in [0, 1]; NaN for a class that is never predicted.

    Raises:
        ShapeError, DataError: as :func:`confusion`.

    Example:
        >>> precisions([0, 1, 1], [0, 0, 1], n_classes=2).tolist()
        [0.5, 1.0]
    """
    return recalls(prediction, truth, n_classes=n_classes)


def f1_scores(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int) -> RealArray:
    """F1 of each class, 2 TP / (2 TP + FP + FN); their mean is :func:`macro_f1`.

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K.

    Returns:
        (K,), in [0, 1]; 0 for a class that is neither in the truth nor predicted.

    Raises:
        ShapeError, DataError: as :func:`confusion`.

    Example:
        >>> f1_scores([0, 1, 1], [0, 1, 1], n_classes=3).tolist()
        [1.0, 1.0, 0.0]
    """
    return _f1(confusion(truth, prediction, n_classes=n_classes).astype(np.float64))


def micro_f1(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int | None = None) -> float:
    """F1 of the counts of all classes together; with one label an utterance every miss is also a false alarm.

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K; only used to check the labels.

    Returns:
        In [0, 1]; the same number as :func:`accuracy`. For several labels an utterance see ``multi_label_f1``.

    Raises:
        ShapeError, DataError: as :func:`confusion`.
    """
    return accuracy(truth, prediction, n_classes=n_classes)


def _f1(cells: RealArray) -> RealArray:
    """F1 of each class from confusion matrices (..., K, K) -> (..., K); undefined counts 0."""
    # support + predicted is the denominator 2 TP + FP + FN
    both = cells.sum(axis=-1) + cells.sum(axis=-2)
    hits = np.diagonal(cells, axis1=-2, axis2=-1)
    return np.asarray(np.divide(2.0 * hits, both, out=np.zeros_like(both), where=both > 0), dtype=np.float64)
