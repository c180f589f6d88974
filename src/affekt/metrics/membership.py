"""How well an attacker tells members from non-members: AUC with its interval, LiRA, U-LiRA and RMIA.

Scores of :func:`auc` are higher for the positive group; for a loss attack on members pass the negated losses. Match
members and non-members on speaker, emotion and duration first, or the attack measures those.

Source: DeLong et al. 1988 with the midranks of Sun & Xu 2014; Carlini et al. 2022 (LiRA); Hayes et al. 2024 (U-LiRA);
Zarifzadeh et al. 2024 (RMIA).
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray
from affekt.metrics._resampling import cluster_groups
from affekt.metrics.intervals import Interval, percentile_interval, wilson_limits

__all__ = [
    "auc",
    "auc_interval",
    "lira_offline",
    "lira_online",
    "rmia_likelihood",
    "rmia_score",
    "true_positive_rate",
    "u_lira",
]


def auc(positive_scores: npt.ArrayLike, negative_scores: npt.ArrayLike) -> float:
    """Probability that a positive scores higher than a negative, ties counted half.

    Args:
        positive_scores: (P,).
        negative_scores: (M,).

    Returns:
        In [0, 1]; 0.5 is chance.

    Raises:
        ShapeError: not one-dimensional.
        DataError: empty or not finite.

    Example:
        >>> auc([3.0, 1.0], [1.0, 0.0])
        0.875
    """
    positive = _inputs.reals("positive_scores", positive_scores)
    negative = _inputs.reals("negative_scores", negative_scores)
    return float(_beaten(positive, negative).mean())


def auc_interval(
    positive_scores: npt.ArrayLike,
    negative_scores: npt.ArrayLike,
    *,
    positive_clusters: npt.ArrayLike | None = None,
    negative_clusters: npt.ArrayLike | None = None,
    method: Literal["auto", "bootstrap", "delong"] = "auto",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """AUC with a confidence interval.

    Args:
        positive_scores: (P,).
        negative_scores: (M,).
        positive_clusters: speaker of each positive, (P,); a single speaker falls back to utterances.
        negative_clusters: speaker of each negative, (M,); likewise.
        method: "delong"; "bootstrap", which resamples the two groups apart, by speaker where given; "auto" is the
            bootstrap when speakers are given and DeLong otherwise.
        resamples: resamples of the bootstrap.
        level: confidence level.
        seed: seed of the bootstrap.

    Returns:
        The interval. Where the method sees no variance (perfect separation, one utterance, nothing but ties) it would
        have no width; Wilson's limits for min(P, M) utterances stand in, and `unit` says so.

    Raises:
        ConfigError: unknown method, level or resamples out of range, or DeLong with clusters.
        ShapeError: not one-dimensional, or clusters of another length.
        DataError: empty or not finite.
    """
    _inputs.check_level(level)
    _inputs.check_resamples(resamples)
    positive = _inputs.reals("positive_scores", positive_scores)
    negative = _inputs.reals("negative_scores", negative_scores)
    clustered = positive_clusters is not None or negative_clusters is not None
    if method not in ("auto", "bootstrap", "delong"):
        raise ConfigError(f"the method is unknown (got {method!r}); expected auto, bootstrap or delong; use auto.")
    if method == "delong" and clustered:
        raise ConfigError("DeLong's interval knows no clusters (got some); expected none; use method='bootstrap'.")
    estimate = float(_beaten(positive, negative).mean())
    if method == "bootstrap" or clustered:
        rng = np.random.default_rng(seed)
        one = cluster_groups(positive.size, positive_clusters, "speaker")
        two = cluster_groups(negative.size, negative_clusters, "speaker")
        drawn = _bootstrap_auc(positive, negative, one.groups, two.groups, resamples, rng)
        result = percentile_interval(estimate, drawn, level, f"{one.unit} against {two.unit}")
        if result.low < result.high:
            return result
    else:
        spread = _delong_deviation(positive, negative)
        if spread > 0.0:
            half = float(ndtri(0.5 + level / 2.0)) * spread
            return Interval(
                estimate=estimate,
                low=max(0.0, estimate - half),
                high=min(1.0, estimate + half),
                level=level,
                resamples=0,
                unit=f"utterance ({positive.size} against {negative.size})",
            )
    size = min(positive.size, negative.size)
    low, high = wilson_limits(estimate, size, level)
    unit = f"utterance (no variance seen; Wilson's limits for {size})"
    return Interval(estimate=estimate, low=low, high=high, level=level, resamples=0, unit=unit)


def true_positive_rate(
    positive_scores: npt.ArrayLike, negative_scores: npt.ArrayLike, *, false_positive_rate: float
) -> float:
    """Largest share of positives found by a threshold that accepts at most the given share of negatives.

    Args:
        positive_scores: (P,).
        negative_scores: (M,); with M < 1 / false_positive_rate not one negative may be accepted.
        false_positive_rate: in [0, 1].

    Returns:
        In [0, 1].

    Raises:
        ConfigError: the rate is out of range.
        ShapeError: not one-dimensional.
        DataError: empty or not finite.
    """
    positive = _inputs.reals("positive_scores", positive_scores)
    negative = np.sort(_inputs.reals("negative_scores", negative_scores))
    if not 0.0 <= false_positive_rate <= 1.0:
        raise ConfigError(
            f"false_positive_rate is out of range (got {false_positive_rate}); expected 0 to 1; use 0.01."
        )
    allowed = int(np.floor(false_positive_rate * negative.size + 1e-9))
    if allowed == negative.size:
        return 1.0
    # accept scores above the best negative that has to be refused
    return float(np.mean(positive > negative[negative.size - 1 - allowed]))


def lira_offline(phi_target: npt.ArrayLike, *, mean_out: npt.ArrayLike, std_out: npt.ArrayLike) -> RealArray:
    """Offline LiRA: how far phi lies above the models that never saw the utterance, Phi((phi - mean) / std).

    Args:
        phi_target: (N,).
        mean_out: mean of phi over those models, (N,) or one number.
        std_out: standard deviation, (N,) or one number; pool it over utterances with fewer than 64 models.

    Returns:
        (N,), in [0, 1]; high = member.

    Raises:
        ShapeError: shapes do not broadcast to (N,).
        DataError: empty, not finite, or a deviation <= 0.
    """
    value = _inputs.reals("phi_target", phi_target)
    mean, std = _gaussian("out", mean_out, std_out, value.size)
    return np.asarray(ndtr((value - mean) / std), dtype=np.float64)


def lira_online(
    phi_target: npt.ArrayLike,
    *,
    mean_in: npt.ArrayLike,
    std_in: npt.ArrayLike,
    mean_out: npt.ArrayLike,
    std_out: npt.ArrayLike,
) -> RealArray:
    """Online LiRA in nats: ln N(phi; in) - ln N(phi; out).

    Args:
        phi_target: (N,).
        mean_in: mean of phi over models trained with the utterance, (N,) or one number; for U-LiRA, trained with it
            and then made to unlearn it.
        std_in: their standard deviation.
        mean_out: mean of phi over models that never saw it.
        std_out: their standard deviation.

    Returns:
        (N,); above 0 = member.

    Raises:
        ShapeError, DataError: as :func:`lira_offline`.
    """
    value = _inputs.reals("phi_target", phi_target)
    inside = _gaussian("in", mean_in, std_in, value.size)
    outside = _gaussian("out", mean_out, std_out, value.size)
    logs = [-0.5 * ((value - mean) / std) ** 2 - np.log(std) for mean, std in (inside, outside)]
    return np.asarray(logs[0] - logs[1], dtype=np.float64)


def u_lira(
    phi_target: npt.ArrayLike,
    *,
    mean_in: npt.ArrayLike,
    std_in: npt.ArrayLike,
    mean_out: npt.ArrayLike,
    std_out: npt.ArrayLike,
) -> RealArray:
    """U-LiRA score N(phi; in) / (N(phi; in) + N(phi; out)); "in" models were trained with it and unlearned it.

    Args:
        phi_target: (N,).
        mean_in: as :func:`lira_online`.
        std_in: as :func:`lira_online`.
        mean_out: as :func:`lira_online`.
        std_out: as :func:`lira_online`.

    Returns:
        (N,), in [0, 1]; above 0.5 = trained and unlearned.

    Raises:
        ShapeError, DataError: as :func:`lira_offline`.
    """
    ratio = lira_online(phi_target, mean_in=mean_in, std_in=std_in, mean_out=mean_out, std_out=std_out)
    return np.asarray(np.exp(-np.logaddexp(0.0, -ratio)), dtype=np.float64)


def rmia_likelihood(confidence_out: npt.ArrayLike, *, a: float) -> RealArray:
    """RMIA's p(x) when every reference model is one that never saw x: ((1 + a) p_out + (1 - a)) / 2.

    Args:
        confidence_out: mean probability of the true class over the references, (N,), in [0, 1].
        a: in [0, 1]; tuned with one reference as a mock target.

    Returns:
        (N,).

    Raises:
        ConfigError: a out of range.
        DataError: a probability outside [0, 1].
    """
    if not 0.0 <= a <= 1.0:
        raise ConfigError(f"a is out of range (got {a}); expected 0 to 1; try 0, 0.1, ..., 1 on a mock target.")
    return 0.5 * ((1.0 + a) * _shares("confidence_out", confidence_out) + (1.0 - a))


def rmia_score(
    confidence_x: npt.ArrayLike,
    likelihood_x: npt.ArrayLike,
    confidence_z: npt.ArrayLike,
    likelihood_z: npt.ArrayLike,
    *,
    gamma: float = 1.0,
) -> RealArray:
    """RMIA: share of population utterances z that x beats, Pr_z[(p(x|model)/p(x)) / (p(z|model)/p(z)) >= gamma].

    Args:
        confidence_x: probability of the true class under the audited model, (N,).
        likelihood_x: p(x) from the references, (N,), > 0.
        confidence_z: the same of population utterances, (Z,).
        likelihood_z: p(z), (Z,), > 0.
        gamma: how clearly z must be beaten, > 0.

    Returns:
        (N,), in [0, 1]; high = member.

    Raises:
        ConfigError: gamma <= 0.
        ShapeError: lengths differ.
        DataError: a probability outside [0, 1], or a likelihood of 0.
    """
    if gamma <= 0.0:
        raise ConfigError(f"gamma is out of range (got {gamma}); expected > 0; use 1.")
    ratios = []
    for name, chance, likelihood in (("x", confidence_x, likelihood_x), ("z", confidence_z, likelihood_z)):
        top, bottom = _shares(f"confidence_{name}", chance), _shares(f"likelihood_{name}", likelihood)
        if top.shape != bottom.shape:
            raise ShapeError(
                f"confidence_{name} and likelihood_{name} differ in length (got {top.size} and {bottom.size}); "
                "expected one of each per utterance; align them."
            )
        if (bottom <= 0.0).any():
            raise DataError(f"likelihood_{name} holds a 0 (got it); expected > 0; use more reference models.")
        ratios.append(top / bottom)
    ordered = np.sort(ratios[1])
    return np.searchsorted(ordered, ratios[0] / gamma, side="right") / ordered.size


def _shares(name: str, values: npt.ArrayLike) -> RealArray:
    array = _inputs.reals(name, values)
    if (array < 0.0).any() or (array > 1.0).any():
        raise DataError(
            f"{name} is not a probability (got {array.min()} to {array.max()}); expected 0 to 1; use confidence()."
        )
    return array


def _gaussian(which: str, mean: npt.ArrayLike, std: npt.ArrayLike, size: int) -> tuple[RealArray, RealArray]:
    """Return mean and deviation as arrays that broadcast to (N,)."""
    pair = [np.array(item, dtype=np.float64) for item in (mean, std)]
    for array in pair:
        if array.shape not in ((), (1,), (size,)):
            raise ShapeError(
                f"the Gaussian '{which}' has the wrong shape (got {array.shape}); expected ({size},) or one number; "
                "fit one per utterance."
            )
        if not np.isfinite(array).all():
            raise DataError(f"the Gaussian '{which}' is not finite; expected numbers; use at least two models.")
    if (pair[1] <= 0.0).any():
        raise DataError(
            f"the deviation of '{which}' is not positive (got {pair[1].min()}); expected > 0; pool it over utterances."
        )
    return pair[0], pair[1]


def _beaten(scores: RealArray, others: RealArray) -> RealArray:
    """Return for each score the share of the others that lie below it, ties counted half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, side="left")
    upto = np.searchsorted(ordered, scores, side="right")
    return np.asarray((below + upto) / (2.0 * ordered.size), dtype=np.float64)


def _delong_deviation(positive: RealArray, negative: RealArray) -> float:
    """Return the standard error of the AUC; 0 where it cannot be estimated."""
    if min(positive.size, negative.size) < 2:
        return 0.0
    of_positive = _beaten(positive, negative)
    of_negative = 1.0 - _beaten(negative, positive)
    variance = of_positive.var(ddof=1) / positive.size + of_negative.var(ddof=1) / negative.size
    return float(np.sqrt(variance)) if variance > 1e-18 else 0.0


def _bootstrap_auc(
    positive: RealArray,
    negative: RealArray,
    positive_groups: IntVector,
    negative_groups: IntVector,
    resamples: int,
    rng: np.random.Generator,
) -> RealArray:
    """Return the AUC of each resample, whole groups being drawn on both sides apart."""
    order = np.argsort(negative, kind="stable")
    below = np.searchsorted(negative[order], positive, side="left")
    upto = np.searchsorted(negative[order], positive, side="right")
    result = np.empty(resamples)
    counts = int(positive_groups.max()) + 1, int(negative_groups.max()) + 1
    for index in range(resamples):
        drawn = [np.bincount(rng.integers(0, count, size=count), minlength=count) for count in counts]
        weights = drawn[0][positive_groups]  # (P,)
        running = np.concatenate(([0], np.cumsum(drawn[1][negative_groups[order]])))  # (M + 1,)
        wins = weights @ (running[below] + running[upto])
        result[index] = wins / (2.0 * weights.sum() * running[-1])
    return result
