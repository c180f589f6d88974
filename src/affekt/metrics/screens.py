"""Screens of a forget set against matched non-members: still remembered, or forgotten so hard that it shows.

Over-forgetting (the Streisand effect) is a leak too: losses far above those of unseen speech point at the person who
asked to be forgotten. So the screen can fail in both directions, and finding nothing is not yet evidence of
forgetting: that is what the equivalence field is for.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector
from affekt.metrics.intervals import Interval
from affekt.metrics.membership import auc_interval

__all__ = ["OverForgetting", "Verdict", "match_non_members", "over_forgetting"]

Verdict = Literal["equivalent", "not told apart", "over-forgotten", "remembered"]


@dataclass(frozen=True, kw_only=True)
class OverForgetting:
    """How the losses of a forget set compare with those of matched non-members under the same model."""

    auc: Interval
    """P(forgotten loss < non-member loss), ties half; above 0.5 is remembered, below is over-forgotten."""
    extreme_fraction: float
    """Share of forgotten utterances whose loss lies above almost all non-members' losses."""
    extreme_expected: float
    """What that share would be on average if forgotten utterances were non-members; about 0.025."""
    extreme_p: float
    """One-sided exact p value of that share."""
    median_forget: float
    """Median loss of the forget set, in nats."""
    median_non_member: float
    """Median loss of the non-members, in nats."""
    over_forgotten: bool
    """The AUC interval lies below 0.5, or extreme_p <= (1 - level) / 2."""
    remembered: bool
    """The AUC interval lies above 0.5."""
    equivalent: bool
    """Two one-sided tests put the AUC inside 0.5 +- margin."""
    verdict: Verdict
    """The first that holds of over-forgotten, remembered, equivalent; otherwise "not told apart"."""


def over_forgetting(
    forget_losses: npt.ArrayLike,
    non_member_losses: npt.ArrayLike,
    *,
    forget_clusters: npt.ArrayLike | None = None,
    non_member_clusters: npt.ArrayLike | None = None,
    margin: float = 0.05,
    tail: float = 0.025,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> OverForgetting:
    """Screen a forget set for memory left over and for over-forgetting.

    Args:
        forget_losses: loss of each forgotten utterance under the unlearned model, (N,).
        non_member_losses: losses of matched utterances it never saw, under the same model, (M,).
        forget_clusters: speaker of each forgotten utterance, (N,).
        non_member_clusters: speaker of each non-member, (M,).
        margin: half width of the AUC range that counts as equivalent; fix it before looking.
        tail: share of non-members that counts as extreme.
        level: confidence level.
        resamples: bootstrap resamples, used when clusters are given.
        seed: seed of the bootstrap.

    Returns:
        The screen. Under exchangeability it says over-forgotten in at most about (1 - level) of the cases: half of
        that is given to the AUC and half to the tail.

    Raises:
        ConfigError: margin or tail outside (0, 0.5), or another setting out of range.
        ShapeError: not one-dimensional, or clusters of another length.
        DataError: empty or not finite.
    """
    for name, value in (("margin", margin), ("tail", tail)):
        if not 0.0 < value < 0.5:
            raise ConfigError(f"{name} is out of range (got {value}); expected 0 < {name} < 0.5; keep the default.")
    _inputs.check_level(level)
    forget = _inputs.reals("forget_losses", forget_losses)
    others = _inputs.reals("non_member_losses", non_member_losses)
    # TOST at 1 - level is the interval at 2 * level - 1 inside the margin; a level <= 0.5 has no such interval
    looser = max(2.0 * level - 1.0, 1e-6)
    area, inner = (
        auc_interval(
            -forget,
            -others,
            positive_clusters=forget_clusters,
            negative_clusters=non_member_clusters,
            resamples=resamples,
            level=at,
            seed=seed,
        )
        for at in (level, looser)
    )
    rank = max(1, round(tail * others.size))
    above = int(np.sum(forget > np.sort(others)[others.size - rank]))
    p = _tail_p(above, rank, forget.size, others.size)
    over = area.high < 0.5 or p <= (1.0 - level) / 2.0
    remembered = area.low > 0.5
    equivalent = 0.5 - margin < inner.low and inner.high < 0.5 + margin
    verdict: Verdict = "not told apart"
    if over:
        verdict = "over-forgotten"
    elif remembered:
        verdict = "remembered"
    elif equivalent:
        verdict = "equivalent"
    return OverForgetting(
        auc=area,
        extreme_fraction=above / forget.size,
        extreme_expected=rank / (others.size + 1),
        extreme_p=p,
        median_forget=float(np.median(forget)),
        median_non_member=float(np.median(others)),
        over_forgotten=over,
        remembered=remembered,
        equivalent=equivalent,
        verdict=verdict,
    )


def match_non_members(
    forget_durations: npt.ArrayLike,
    forget_labels: npt.ArrayLike,
    pool_durations: npt.ArrayLike,
    pool_labels: npt.ArrayLike,
    *,
    seed: int = 0,
) -> IntVector:
    """Choose for each forgotten utterance a non-member of the same emotion and about the same duration.

    Within an emotion the total difference in duration is made as small as possible, with no non-member used twice
    unless the pool has too few of that emotion; then each is used as evenly as possible.

    Args:
        forget_durations: seconds, (N,).
        forget_labels: emotion of each, indices or names, (N,).
        pool_durations: seconds, (M,).
        pool_labels: emotion of each, (M,).
        seed: breaks ties and, when the pool is short, decides who shares.

    Returns:
        Rows of the pool, (N,), one for each forgotten utterance in order.

    Raises:
        ShapeError: lengths differ.
        DataError: empty or not finite, or an emotion that the pool lacks.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import, and only needed here

    wanted = _inputs.reals("forget_durations", forget_durations)
    offered = _inputs.reals("pool_durations", pool_durations)
    emotions, pool_emotions = np.asarray(forget_labels), np.asarray(pool_labels)
    for name, array, size in (
        ("forget_labels", emotions, wanted.size),
        ("pool_labels", pool_emotions, offered.size),
    ):
        if array.shape != (size,):
            raise ShapeError(
                f"{name} has the wrong shape (got {array.shape}); expected ({size},); give one emotion per duration."
            )
    rng = np.random.default_rng(seed)
    chosen = np.full(wanted.size, -1, dtype=np.int64)
    for emotion in np.unique(emotions):
        rows = rng.permutation(np.flatnonzero(emotions == emotion))
        pool = rng.permutation(np.flatnonzero(pool_emotions == emotion))
        if pool.size == 0:
            raise DataError(
                f"the pool has no utterance of an emotion of the forget set (got 0 of {emotion.item()!r}); expected "
                "at least one; add unseen speech of that emotion."
            )
        for start in range(0, rows.size, pool.size):
            part = rows[start : start + pool.size]
            cost = np.abs(wanted[part, None] - offered[None, pool])  # (n, M_emotion)
            left, right = linear_sum_assignment(cost)
            chosen[part[left]] = pool[right]
    return chosen


def _tail_p(above: int, rank: int, forget: int, others: int) -> float:
    """Return P(at least `above` forgotten losses exceed the rank-th largest non-member loss) under exchangeability.

    At least k of them do exactly if at least k of the k + rank - 1 largest pooled losses are forgotten ones, which is
    a hypergeometric tail.
    """
    if above == 0:
        return 1.0
    top = above + rank - 1
    hits = np.arange(max(above, top - others), min(forget, top) + 1)

    def log_choose(n: int, k: npt.NDArray[np.integer] | int) -> npt.NDArray[np.float64]:
        return np.asarray(gammaln(n + 1) - gammaln(np.add(k, 1)) - gammaln(n - np.asarray(k) + 1), dtype=np.float64)

    logs = log_choose(forget, hits) + log_choose(others, top - hits) - log_choose(forget + others, top)
    return min(1.0, float(np.exp(logs).sum()))
