"""Confidence intervals: the bootstrap over speakers or utterances, and Wilson's interval for a share.

Utterances of one speaker resemble each other, so where speakers are known whole speakers are resampled. Percentile
intervals are used. A percentile interval can miss its own estimate when the score is biased under resampling; it is
then widened to include it. With fewer than about ten speakers any cluster bootstrap is too narrow: read `unit`,
which says what was resampled and how many there were.

Source: Efron & Tibshirani 1993 (bootstrap); Cameron, Gelbach & Miller 2008 (few clusters); Wilson 1927.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from affekt.errors import DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray
from affekt.metrics._resampling import block_weights, cluster_groups, resampled_rows, resampled_sums
from affekt.metrics._sums import NamedScore, outcomes

__all__ = ["Interval", "bootstrap", "bootstrap_difference", "bootstrap_sums", "bootstrap_values", "wilson"]

PairStatistic: TypeAlias = Callable[[npt.NDArray[np.generic], npt.NDArray[np.generic]], float]
ValueStatistic: TypeAlias = Callable[[RealArray], float]
SumStatistic: TypeAlias = Callable[[RealArray], RealArray]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    """The score of the data as they are."""
    low: float
    """Lower end; never above the estimate."""
    high: float
    """Upper end; never below the estimate."""
    level: float
    """Confidence level, for example 0.95."""
    resamples: int
    """Bootstrap resamples; 0 when the interval comes from a formula."""
    unit: str
    """What was resampled, in words, for example "speaker (24)" or "utterance (one speaker only)"."""

    def contains(self, value: float) -> bool:
        """Say whether the value lies inside the interval, ends included."""
        return self.low <= value <= self.high


def bootstrap(
    statistic: NamedScore | PairStatistic,
    truth: npt.ArrayLike,
    prediction: npt.ArrayLike,
    *,
    n_classes: int | None = None,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> Interval:
    """Bootstrap a score of truth and prediction.

    A named score is computed from one confusion matrix per speaker (or, for ratings, eight sums), so 1,000 resamples
    cost milliseconds. A function is called once per resample on resampled arrays.

    Args:
        statistic: "accuracy", "uar" or "macro_f1" of class indices, "ccc", "pcc", "mae" or "rmse" of ratings, or a
            function of (truth, prediction).
        truth: (N,).
        prediction: (N,).
        n_classes: K; required for "macro_f1".
        clusters: speaker of each utterance, (N,); None resamples utterances.
        resamples: number of resamples.
        level: confidence level.
        seed: seed of the resampling.
        cluster_unit: what a cluster is called in the result.

    Returns:
        The percentile interval. With one cluster only, utterances are resampled and `unit` says so.

    Raises:
        ConfigError: unknown score, level or resamples out of range, or "macro_f1" without n_classes.
        ShapeError: lengths differ.
        DataError: empty input or labels out of range.

    Example:
        >>> bootstrap("uar", [0, 1, 0, 1], [0, 1, 0, 0], clusters=["a", "a", "b", "b"]).unit
        'speaker (2)'
    """
    _inputs.check_level(level)
    _inputs.check_resamples(resamples)
    rng = np.random.default_rng(seed)
    if callable(statistic):
        left, right = np.array(truth), np.array(prediction)
        if left.ndim != 1 or left.shape != right.shape:
            raise ShapeError(
                f"truth and prediction do not match (got {left.shape} and {right.shape}); expected (N,) twice; "
                "align them by utterance."
            )
        groups, unit, _ = cluster_groups(left.size, clusters, cluster_unit)
        drawn = [float(statistic(left[rows], right[rows])) for rows in resampled_rows(groups, resamples, rng)]
        return percentile_interval(float(statistic(left, right)), np.asarray(drawn), level, unit)
    found = outcomes(statistic, truth, prediction, n_classes=n_classes)
    if found.columns is not None:
        return _sums_interval(found.columns, found.score, clusters, resamples, level, rng, cluster_unit)
    first, second = _inputs.pair(truth, prediction, n_classes=n_classes)
    blocks, weights, unit = block_weights((first, second), clusters, resamples, rng, cluster_unit)
    sums = found.sums(blocks, weights.shape[1])
    # counts are whole
    return percentile_interval(float(found.score(sums.sum(axis=0))), found.score(np.round(weights @ sums)), level, unit)


def bootstrap_difference(
    statistic: NamedScore,
    truth: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    n_classes: int | None = None,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> Interval:
    """Bootstrap score(first) - score(second) of two models on the same utterances, resampled together.

    Args:
        statistic: a named score as for :func:`bootstrap`.
        truth: (N,).
        first: predictions of one model, (N,).
        second: predictions of the other, (N,).
        n_classes: K; required for "macro_f1".
        clusters, resamples, level, seed, cluster_unit: as for :func:`bootstrap`.

    Returns:
        The paired percentile interval of the difference.

    Raises:
        ConfigError, ShapeError, DataError: as :func:`bootstrap`.
    """
    _inputs.check_level(level)
    _inputs.check_resamples(resamples)
    rng = np.random.default_rng(seed)
    one = outcomes(statistic, truth, first, n_classes=n_classes)
    two = outcomes(statistic, truth, second, n_classes=n_classes)
    if one.columns is not None and two.columns is not None:
        width = one.width

        def change(sums: RealArray) -> RealArray:
            return one.score(sums[..., :width]) - two.score(sums[..., width:])

        columns = np.concatenate([one.columns, two.columns], axis=1)  # (N, 16)
        return _sums_interval(columns, change, clusters, resamples, level, rng, cluster_unit)
    labels, left = _inputs.pair(truth, first)
    right = _inputs.pair(truth, second)[1]
    blocks, weights, unit = block_weights((labels, left, right), clusters, resamples, rng, cluster_unit)
    sums = [found.sums(blocks, weights.shape[1]) for found in (one, two)]
    estimate = float(one.score(sums[0].sum(axis=0)) - two.score(sums[1].sum(axis=0)))
    drawn = one.score(np.round(weights @ sums[0])) - two.score(np.round(weights @ sums[1]))
    return percentile_interval(estimate, drawn, level, unit)


def bootstrap_sums(
    columns: npt.ArrayLike,
    statistic: SumStatistic,
    *,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> Interval:
    """Bootstrap a statistic of sums over the utterances, such as a ratio of two of them, without a loop over them.

    Args:
        columns: what is summed, (N, M).
        statistic: function of sums (..., M) that gives (...); NaN where it is undefined.
        clusters, resamples, level, seed, cluster_unit: as for :func:`bootstrap`.

    Returns:
        The percentile interval. A resample where the statistic is undefined does not count; `resamples` says how many
        did. With one cluster only, utterances are resampled and `unit` says so.

    Raises:
        ConfigError: level or resamples out of range.
        ShapeError: columns are not (N, M), or clusters not (N,).
        DataError: empty or not finite, or the statistic is undefined on the data or on every resample.

    Example:
        >>> ratio = lambda sums: sums[..., 0] / sums[..., 1]
        >>> bootstrap_sums([[1, 2], [3, 4]], ratio, resamples=10).estimate
        0.6666666666666666
    """
    _inputs.check_level(level)
    _inputs.check_resamples(resamples)
    array = _inputs.reals("columns", columns, ndim=2)
    rng = np.random.default_rng(seed)
    return _sums_interval(array, statistic, clusters, resamples, level, rng, cluster_unit)


def bootstrap_values(
    values: npt.ArrayLike,
    *,
    statistic: ValueStatistic | None = None,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> Interval:
    """Bootstrap a statistic of one value per utterance; paired differences are values too.

    Args:
        values: finite numbers, (N,).
        statistic: function of (n,) values; None is the mean, which is computed without a loop.
        clusters: speaker of each value, (N,); None resamples single values.
        resamples, level, seed, cluster_unit: as for :func:`bootstrap`.

    Returns:
        The percentile interval. With one cluster only, single values are resampled and `unit` says so.

    Raises:
        ConfigError: level or resamples out of range.
        ShapeError: values or clusters are not (N,).
        DataError: empty or not finite.
    """
    _inputs.check_level(level)
    _inputs.check_resamples(resamples)
    array = _inputs.reals("values", values)
    rng = np.random.default_rng(seed)
    groups, unit, _ = cluster_groups(array.size, clusters, cluster_unit)
    if statistic is not None:
        drawn = np.asarray([float(statistic(array[rows])) for rows in resampled_rows(groups, resamples, rng)])
        return percentile_interval(float(statistic(array)), drawn, level, unit)
    sizes = np.bincount(groups).astype(np.float64)
    sums = np.bincount(groups, weights=array)
    picks = [rng.integers(0, sizes.size, size=sizes.size) for _ in range(resamples)]
    means = np.asarray([sums[pick].sum() / sizes[pick].sum() for pick in picks])
    return percentile_interval(float(array.mean()), means, level, unit)


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson's interval for a share, for example the accuracy on a forget set of 20 utterances.

    Args:
        successes: 0..n.
        n: number of utterances, taken to be independent.
        level: confidence level.

    Returns:
        The interval; `resamples` is 0.

    Raises:
        ConfigError: level out of range.
        DataError: n < 1 or successes outside 0..n.

    Example:
        >>> round(wilson(9, 10).low, 4)
        0.5958
    """
    _inputs.check_level(level)
    if n < 1 or not 0 <= successes <= n:
        raise DataError(
            f"the counts make no share (got {successes} of {n}); expected 0 <= successes <= n and n >= 1; "
            "count the utterances again."
        )
    low, high = wilson_limits(successes / n, n, level)
    return Interval(estimate=successes / n, low=low, high=high, level=level, resamples=0, unit=f"utterance ({n})")


def wilson_limits(share: float, n: int, level: float) -> tuple[float, float]:
    """Return Wilson's two limits for a share that need not be a whole number of successes."""
    z = float(ndtri(0.5 + level / 2.0))
    scale = 1.0 + z * z / n
    middle = (share + z * z / (2.0 * n)) / scale
    half = z / scale * float(np.sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n)))
    # rounding may leave the limit a hair inside at shares 0 and 1, where Wilson's limit is exact
    return min(max(0.0, middle - half), share), max(min(1.0, middle + half), share)


def _sums_interval(
    columns: RealArray,
    statistic: SumStatistic,
    clusters: npt.ArrayLike | None,
    resamples: int,
    level: float,
    rng: np.random.Generator,
    cluster_unit: str,
) -> Interval:
    """The interval of a statistic of column sums; resamples where it is undefined are left out."""
    sums, unit = resampled_sums(columns, clusters, resamples, rng, cluster_unit)
    drawn = np.asarray(statistic(sums), dtype=np.float64)
    defined = drawn[np.isfinite(drawn)]
    if defined.size == 0:
        raise DataError(
            f"the statistic is undefined on all of {resamples} resamples; a number was expected on most; use more "
            "utterances."
        )
    return percentile_interval(float(statistic(columns.sum(axis=0))), defined, level, unit)


def percentile_interval(estimate: float, drawn: RealArray, level: float, unit: str) -> Interval:
    """Return the percentile interval, widened where it would miss the estimate."""
    if not np.isfinite(estimate) or not np.isfinite(drawn).all():
        raise DataError(
            f"the statistic is not finite on the data or on a resample (got estimate {estimate}); "
            "expected a number each time; use a statistic that is defined on small subsets."
        )
    low, high = np.quantile(drawn, [0.5 - level / 2.0, 0.5 + level / 2.0])
    return Interval(
        estimate=estimate,
        low=min(float(low), estimate),
        high=max(float(high), estimate),
        level=level,
        resamples=int(drawn.size),
        unit=unit,
    )
