"""How well scores order utterances: Kendall's tau-b and the share of pairs that are ordered right, with intervals.

Both are sums over pairs. A resample of speakers weighs the pairs between two speakers by the product of how often each
was drawn, so an interval costs one small matrix for all resamples. An utterance that is drawn twice is tied with its
copy on both sides, which counts nowhere.

Source: Kendall 1945 (tau-b); definitions card, S.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray
from affekt.metrics._resampling import cluster_groups, cluster_weights
from affekt.metrics.intervals import Interval, percentile_interval

__all__ = ["RankingScores", "kendall_tau", "pair_accuracy", "ranking_difference", "score_ranking"]

_LARGEST_MATRIX = 500
"""With more speakers (or utterances, where there are none) the sums over pairs are linearised in their weights: each
unit counts the sum over its own pairs, the leading term of the bootstrap."""
_ROWS = 256
"""Utterances compared with all others at a time; bounds the memory."""


@dataclass(frozen=True, kw_only=True)
class RankingScores:
    """Scores of an order, or differences of them."""

    tau: Interval
    """Kendall's tau-b."""
    pair_accuracy: Interval
    """Share of the pairs that count which are ordered right."""
    pairs: int
    """Pairs that count: of one group, and at least the margin apart in truth."""
    models: int
    """Models whose scores were averaged over."""


def kendall_tau(truth: npt.ArrayLike, scores: npt.ArrayLike, *, within: npt.ArrayLike | None = None) -> float:
    """Kendall's tau-b, (C - D) / sqrt((C + D + T_x) (C + D + T_y)) over all pairs of utterances.

    Args:
        truth: what the order should follow, (N,).
        scores: (N,).
        within: a group for each utterance, (N,); only pairs within a group count, such as documents of one query.

    Returns:
        In [-1, 1]; 0 where all scores are equal.

    Raises:
        ShapeError: lengths differ.
        DataError: empty, not finite, or no two utterances differ in truth.

    Example:
        >>> round(kendall_tau([1, 2, 3, 4], [1, 3, 2, 4]), 6)
        0.666667
    """
    return float(_tau(_pair_sums(truth, scores, None, within, 0.0)[0].sum((1, 2))))


def pair_accuracy(
    truth: npt.ArrayLike, scores: npt.ArrayLike, *, margin: float = 0.0, within: npt.ArrayLike | None = None
) -> float:
    """Share of pairs that are ordered right among those that differ in truth; equal scores are half right.

    Args:
        truth: what the order should follow, (N,).
        scores: (N,).
        margin: pairs nearer than this in truth do not count.
        within: as for :func:`kendall_tau`.

    Returns:
        In [0, 1]; chance is 0.5.

    Raises:
        ShapeError: lengths differ.
        ConfigError: the margin is negative.
        DataError: empty, not finite, or no pair counts.

    Example:
        >>> pair_accuracy([1, 2, 3], [0.1, 0.3, 0.2])
        0.6666666666666666
    """
    return float(_accuracy(_pair_sums(truth, scores, None, within, margin)[0].sum((1, 2))))


def score_ranking(
    truth: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    margin: float = 0.0,
    within: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> RankingScores:
    """Tau-b and pair accuracy with their intervals.

    Args:
        truth: what the order should follow, (N,).
        scores: (N,); or (S, N) of S models, such as seeds of one recipe, whose scores are averaged in every resample.
        margin: of the pair accuracy, see :func:`pair_accuracy`.
        within: as for :func:`kendall_tau`.
        clusters: speaker of each utterance, (N,); None resamples utterances.
        resamples: bootstrap resamples; those where no pair is left do not count.
        level: confidence level.
        seed: of the resampling.
        cluster_unit: what a cluster is called in the result.

    Raises:
        ConfigError: margin, level or resamples out of range.
        ShapeError: lengths differ.
        DataError: empty, not finite, or no pair counts.
    """
    return _scored(truth, [(scores, 1.0)], margin, within, clusters, resamples, level, seed, cluster_unit)


def ranking_difference(
    truth: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    margin: float = 0.0,
    within: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> RankingScores:
    """Scores of the first minus those of the second on the same utterances, resampled together.

    Args:
        truth: what the order should follow, (N,).
        first: scores of one model, (N,), or of several, (S, N).
        second: scores of the other.
        margin, within, clusters, resamples, level, seed, cluster_unit: as for :func:`score_ranking`.

    Raises:
        ConfigError, ShapeError, DataError: as :func:`score_ranking`.
    """
    sides = [(first, 1.0), (second, -1.0)]
    return _scored(truth, sides, margin, within, clusters, resamples, level, seed, cluster_unit)


def _scored(
    truth: npt.ArrayLike,
    sides: list[tuple[npt.ArrayLike, float]],
    margin: float,
    within: npt.ArrayLike | None,
    clusters: npt.ArrayLike | None,
    resamples: int,
    level: float,
    seed: int,
    cluster_unit: str,
) -> RankingScores:
    _inputs.check_level(level)
    _inputs.check_resamples(resamples)
    size = _inputs.reals("truth", truth).size
    groups, unit, _ = cluster_groups(size, clusters, cluster_unit)
    count = int(groups.max()) + 1
    weights = cluster_weights(count, resamples, np.random.default_rng(seed))
    values = np.zeros((2, 1 + resamples))
    models = 0
    for scores, sign in sides:
        runs = np.atleast_2d(np.asarray(scores, dtype=np.float64))
        models = max(models, len(runs))
        for run in runs:
            matrix, pairs = _pair_sums(truth, run, groups, within, margin)
            sums = np.concatenate([matrix.sum((1, 2))[None], _resampled(matrix, weights)])  # (1 + R, 5)
            values += sign / len(runs) * np.stack([_tau(sums), _accuracy(sums)])
    found = []
    for value in values:
        drawn = value[1:][np.isfinite(value[1:])]
        if not drawn.size:
            raise DataError(
                f"no pair is left in any of {resamples} resamples; pairs that differ in truth were expected; use more "
                "utterances or a smaller margin."
            )
        found.append(percentile_interval(float(value[0]), drawn, level, unit))
    return RankingScores(tau=found[0], pair_accuracy=found[1], pairs=pairs, models=models)


def _pair_sums(
    truth: npt.ArrayLike, scores: npt.ArrayLike, groups: IntVector | None, within: npt.ArrayLike | None, margin: float
) -> tuple[RealArray, int]:
    """Sums over unordered pairs by the groups of the two, (5, G, G), and how many pairs count with the margin.

    The five: agreement of signs (C - D), pairs not tied in truth, pairs not tied in scores, agreement and number of
    the pairs that count. Pairs of two groups are halved and stand in both places; those of one are on the diagonal.
    With more than :data:`_LARGEST_MATRIX` groups there are only the sums of each over its pairs, (5, G, 1), halved.
    """
    x, y = _inputs.real_pair(truth, scores)
    if margin < 0 or not np.isfinite(margin):
        raise ConfigError(f"margin is {margin}; 0 or more was expected; change it.")
    size = x.size
    places = np.zeros(size, np.int64) if groups is None else groups
    lists = None if within is None else _inputs.codes("within", within, size)[0]
    count = int(places.max()) + 1
    linear = count > _LARGEST_MATRIX
    columns = np.ones((size, 1)) if linear or groups is None else np.eye(count)[places]  # (N, G)
    found = np.zeros((5, count, columns.shape[1]))
    for some, others in _blocks(size, lists):
        gap = x[some, None] - x[None, others]
        sign = np.sign(gap)
        other = np.sign(y[some, None] - y[None, others])
        counts = (np.abs(gap) >= margin) & (sign != 0.0)
        agreement = sign * other
        parts = (agreement, np.abs(sign), np.abs(other), agreement * counts, counts.astype(np.float64))
        for total, part in zip(found, parts, strict=True):
            np.add.at(total, places[some], part @ columns[others])
    found /= 2.0
    if found[1].sum() <= 0.0 or found[4].sum() <= 0.0:
        raise DataError(
            f"no two of {size} utterances can be compared (got equal truths, or none {margin:g} apart); pairs that "
            "differ were expected; use more utterances or a smaller margin."
        )
    return found, round(float(found[4].sum()))


def _blocks(size: int, lists: IntVector | None) -> Iterator[tuple[IntVector, IntVector]]:
    """Utterances, and those they are compared with: all, or the others of their list."""
    everyone = np.arange(size, dtype=np.int64)
    members = [everyone] if lists is None else [everyone[lists == code] for code in range(int(lists.max()) + 1)]
    for inside in members:
        for start in range(0, len(inside), _ROWS):
            yield inside[start : start + _ROWS], inside


def _resampled(matrix: RealArray, weights: RealArray) -> RealArray:
    """Sums over pairs (R, 5) when groups weigh (R, G)."""
    if matrix.shape[2] < matrix.shape[1]:  # linear in the weights: w' M w is near 2 w' M 1 - 1' M 1
        sums = matrix[:, :, 0]
        return np.asarray(2.0 * weights @ sums.T - sums.sum(1), dtype=np.float64)
    return np.stack([((weights @ one) * weights).sum(1) for one in matrix], axis=1)


def _tau(sums: RealArray) -> RealArray:
    """Tau-b of sums (..., 5); NaN where nothing differs in truth, 0 where nothing does in scores."""
    with np.errstate(invalid="ignore", divide="ignore"):
        value = sums[..., 0] / np.sqrt(sums[..., 1] * sums[..., 2])
    value = np.where(sums[..., 2] > 0.0, value, 0.0)
    return np.asarray(np.where(sums[..., 1] > 0.0, np.clip(value, -1.0, 1.0), np.nan))


def _accuracy(sums: RealArray) -> RealArray:
    """Pair accuracy of sums (..., 5); NaN where no pair counts."""
    with np.errstate(invalid="ignore", divide="ignore"):
        value = 0.5 + 0.5 * sums[..., 3] / sums[..., 4]
    return np.asarray(np.where(sums[..., 4] > 0.0, np.clip(value, 0.0, 1.0), np.nan))
