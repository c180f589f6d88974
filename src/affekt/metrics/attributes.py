"""Estimates of arousal, valence and dominance against the raters: CCC, Pearson's correlation, MAE and RMSE.

All four follow from a few sums over the utterances, so a resample of speakers costs one sum of eight numbers a speaker.
Correlations use population moments (1/N). Compute them once over the whole test set; the mean over batches is another
number.

Source: Lin 1989 (CCC); definitions card, S.1.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray

__all__ = ["AttributeScore", "ccc", "mae", "moments", "pcc", "rmse", "score_moments"]

AttributeScore = Literal["ccc", "mae", "pcc", "rmse"]
"""Scores that the eight sums of :func:`moments` are enough for."""

_ROUNDING = 1e-12
"""A variance below this share of the mean square is rounding: the side is constant."""


def ccc(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Concordance correlation, 2 cov / (var + var + (difference of means)^2), with population moments (1/N).

    Compute it once over the whole test set; the mean over batches is another number.

    Args:
        truth: ratings, (N,).
        prediction: ratings, (N,).

    Returns:
        In [-1, 1]; 0 when one side is constant.

    Raises:
        ShapeError: different lengths.
        DataError: empty, not finite, or both sides constant and equal, where it is undefined.

    Example:
        >>> round(ccc([1, 2, 3, 4, 5], [1.5, 2.5, 2.0, 4.5, 4.0]), 6)
        0.835821
    """
    return _score("ccc", truth, prediction)


def pcc(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Pearson's correlation, cov / (sd sd), with population moments; blind to a wrong mean and a wrong spread.

    Args:
        truth: ratings, (N,).
        prediction: ratings, (N,).

    Returns:
        In [-1, 1]; 0 when one side is constant.

    Raises:
        ShapeError, DataError: as :func:`ccc`.

    Example:
        >>> round(pcc([1, 2, 3, 4], [2, 4, 6, 8]), 6)
        1.0
    """
    return _score("pcc", truth, prediction)


def mae(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean absolute error, in the unit of the ratings.

    Args:
        truth: ratings, (N,).
        prediction: ratings, (N,).

    Returns:
        0 or more.

    Raises:
        ShapeError, DataError: as :func:`ccc`, but constant sides are no error.

    Example:
        >>> mae([1, 2], [2, 4])
        1.5
    """
    return _score("mae", truth, prediction)


def rmse(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Root of the mean squared error, in the unit of the ratings.

    Args:
        truth: ratings, (N,).
        prediction: ratings, (N,).

    Returns:
        0 or more.

    Raises:
        ShapeError, DataError: as :func:`mae`.

    Example:
        >>> rmse([0, 0], [3, 3])
        3.0
    """
    return _score("rmse", truth, prediction)


def moments(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> RealArray:
    """The eight numbers of each utterance whose sums hold all four scores.

    Ratings are shifted by the mean of the truth first, which changes no score and keeps the sums exact.

    Args:
        truth: ratings x, (N,).
        prediction: ratings y, (N,).

    Returns:
        (N, 8): 1, x, y, xx, yy, xy, abs(x - y), (x - y)^2.

    Raises:
        ShapeError: different lengths.
        DataError: empty or not finite.
    """
    x, y = _inputs.real_pair(truth, prediction)
    error = x - y
    shift = x.mean()
    x, y = x - shift, y - shift
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.abs(error), error * error], axis=1)  # (N, 8)


def score_moments(score: AttributeScore, sums: npt.ArrayLike) -> RealArray:
    """Compute a score from summed moments, many at once.

    Args:
        score: "ccc", "mae", "pcc" or "rmse".
        sums: (..., 8), sums over utterances of the rows of :func:`moments`.

    Returns:
        The score of each sum, shape (...); NaN for a correlation with both sides constant and equal.

    Raises:
        ConfigError: unknown score.
        ShapeError: not (..., 8).
        DataError: a sum over no utterance.
    """
    if score not in get_args(AttributeScore):
        known = ", ".join(get_args(AttributeScore))
        raise ConfigError(f"the score is unknown (got {score!r}); expected one of {known}; choose one of these.")
    cells = np.asarray(sums, dtype=np.float64)
    if cells.ndim < 1 or cells.shape[-1] != 8:
        raise ShapeError(f"sums has the wrong shape (got {cells.shape}); expected (..., 8); use moments().")
    if not (cells[..., 0] > 0).all():
        raise DataError("a sum of moments is over no utterance; expected at least one; use moments().")
    x, y, xx, yy, xy, error, squared = np.moveaxis(cells[..., 1:] / cells[..., :1], -1, 0)
    if score == "mae":
        return np.asarray(error, dtype=np.float64)
    if score == "rmse":
        return np.asarray(np.sqrt(squared), dtype=np.float64)
    variance_x, variance_y = _variance(xx, x), _variance(yy, y)
    covariance = xy - x * y
    varies = (variance_x > 0.0) & (variance_y > 0.0)
    gap = (x - y) ** 2
    same = (variance_x + variance_y <= 0.0) & (gap <= _ROUNDING * (xx + yy))
    if score == "ccc":
        top, bottom = 2.0 * covariance, variance_x + variance_y + gap
    else:
        top, bottom = covariance, np.sqrt(variance_x * variance_y)
    ratio = np.divide(top, bottom, out=np.zeros_like(bottom), where=varies)
    return np.asarray(np.where(same, np.nan, np.clip(ratio, -1.0, 1.0)), dtype=np.float64)


def _variance(square: RealArray, mean: RealArray) -> RealArray:
    """Population variance from the mean square and the mean; rounding is taken for 0."""
    variance = square - mean * mean
    return np.where(variance <= _ROUNDING * square, 0.0, variance)


def _score(score: AttributeScore, truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    value = float(score_moments(score, moments(truth, prediction).sum(axis=0)))
    if np.isnan(value):
        constant = np.asarray(truth, dtype=np.float64).flat[0]
        raise DataError(
            f"{score.upper()} is undefined (got the constant {constant} on both sides); expected ratings that vary; "
            "use more utterances."
        )
    return value
