"""F1 where an utterance can have several emotions.

The decision rule is that of EMO-SUPERB: an emotion is there when its share is above 1/K, in the votes of the raters as
in the probabilities of the model. The score is computed once over all utterances, never as a mean over batches.

Source: definitions card, S.3.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray

__all__ = ["decide_labels", "multi_label_counts", "multi_label_f1", "score_multi_label"]

Average = Literal["macro", "micro"]

_ROUNDING = 1e-6
"""Shares this little above 1/K are rounding: an even vote over all classes decides for none."""


def decide_labels(shares: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Say which emotions are there: those with a share above 1/K.

    Args:
        shares: votes or probabilities of each class, (N, K); rows sum to 1.

    Returns:
        (N, K). A row in which all shares are equal has none.

    Raises:
        ShapeError: not (N, K).
        DataError: empty, or no probabilities.

    Example:
        >>> decide_labels([[0.5, 0.4, 0.1]]).tolist()
        [[True, True, False]]
    """
    array = _inputs.distributions("shares", shares)
    if array.ndim != 2:
        raise ShapeError(f"shares has the wrong shape (got {array.shape}); expected (N, K); give one row an utterance.")
    return np.asarray(array > 1.0 / array.shape[1] + _ROUNDING)


def multi_label_counts(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> RealArray:
    """True positives, false positives and false negatives of each utterance and class; sums of them give every F1.

    Args:
        truth: booleans, (N, K).
        prediction: booleans, (N, K).

    Returns:
        (N, K, 3), 0 or 1.

    Raises:
        ShapeError: not (N, K), or different shapes.
        DataError: empty, or not booleans.
    """
    first, second = np.asarray(truth), np.asarray(prediction)
    if first.ndim != 2 or first.shape != second.shape:
        raise ShapeError(
            f"truth and prediction do not match (got {first.shape} and {second.shape}); expected (N, K) twice; "
            "use decide_labels() on the shares."
        )
    if first.dtype != np.bool_ or second.dtype != np.bool_ or first.size == 0:
        raise DataError(
            f"truth and prediction hold no decisions (got {first.size} of {first.dtype} and {second.dtype}); expected "
            "booleans; use decide_labels() on the shares."
        )
    return np.stack([first & second, ~first & second, first & ~second], axis=2).astype(np.float64)  # (N, K, 3)


def score_multi_label(counts: npt.ArrayLike, *, average: Average = "macro") -> RealArray:
    """Compute F1 from summed counts, many at once.

    Args:
        counts: (..., K, 3), sums over utterances of :func:`multi_label_counts`.
        average: "macro", the mean over classes (undefined counts 0); "micro", of all counts together.

    Returns:
        The score of each sum, shape (...).

    Raises:
        ConfigError: unknown average.
        ShapeError: not (..., K, 3).
    """
    if average not in get_args(Average):
        raise ConfigError(f"the average is unknown (got {average!r}); expected macro or micro; choose one of these.")
    cells = np.asarray(counts, dtype=np.float64)
    if cells.ndim < 2 or cells.shape[-1] != 3:
        raise ShapeError(f"counts has the wrong shape (got {cells.shape}); expected (..., K, 3); sum the counts.")
    if average == "micro":
        return _f1(cells.sum(axis=-2))
    return np.asarray(_f1(cells).mean(axis=-1), dtype=np.float64)


def multi_label_f1(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, average: Average = "macro") -> float:
    """F1 of decisions about several emotions an utterance.

    Args:
        truth: booleans, (N, K).
        prediction: booleans, (N, K).
        average: "macro", the mean over all K classes (undefined counts 0); "micro", of all decisions together.

    Returns:
        In [0, 1].

    Raises:
        ConfigError, ShapeError, DataError: as :func:`multi_label_counts` and :func:`score_multi_label`.

    Example:
        >>> multi_label_f1([[True, True], [False, True]], [[True, False], [False, True]]) == (1 + 2 / 3) / 2
        True
    """
    return float(score_multi_label(multi_label_counts(truth, prediction).sum(axis=0), average=average))


def _f1(cells: RealArray) -> RealArray:
    """F1 from (..., 3) counts of true positives, false positives and false negatives; undefined counts 0."""
    hits = 2.0 * cells[..., 0]
    whole = hits + cells[..., 1] + cells[..., 2]
    return np.asarray(np.divide(hits, whole, out=np.zeros_like(whole), where=whole > 0), dtype=np.float64)
