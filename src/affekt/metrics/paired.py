"""Two models on the same utterances: McNemar's test, a permutation test by speaker, and Holm's correction for many.

McNemar's test takes utterances to be independent, which utterances of one speaker are not; where speakers are known,
the permutation test is the one to report, beside ``bootstrap_difference`` for the size of the difference.

Source: McNemar 1947; Fagerland, Lydersen & Laake 2013 (mid-p); Edwards 1948 (continuity correction); Holm 1979; the
sign flips of whole clusters are the paired randomisation test with the speaker as its unit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, chi2

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray
from affekt.metrics._resampling import cluster_groups
from affekt.metrics._sums import NamedScore, outcomes

__all__ = ["McNemar", "Permutation", "holm", "mcnemar", "permutation_test"]

Method = Literal["chi2", "exact", "mid-p"]

_ENUMERATED = 14
"""Up to this many units that differ all sign flips are gone through (16,384)."""
_ROUNDING = 1e-12
"""Two differences this near are the same one, summed in another order."""
_ROWS = 256
"""Permutations at a time; bounds the memory."""


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Utterances on which exactly one of two models is right, and how likely so uneven a share is by chance."""

    only_first: int
    """Utterances that only the first model gets right."""
    only_second: int
    """Utterances that only the second model gets right."""
    p: float
    """Two-sided."""
    method: str


@dataclass(frozen=True, kw_only=True)
class Permutation:
    """A difference of scores and how often swapping the two models gives one as large."""

    estimate: float
    """score(first) - score(second)."""
    p: float
    """Two-sided."""
    permutations: int
    exact: bool
    """Whether all swaps were gone through; else p is (1 + as large) / (1 + permutations)."""
    unit: str
    """What was swapped, in words, for example "speaker (24)"."""


def mcnemar(truth: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, *, method: Method = "mid-p") -> McNemar:
    """McNemar's test of equal accuracy.

    Args:
        truth: class indices, (N,).
        first: predictions of one model, (N,).
        second: predictions of the other, (N,).
        method: "mid-p", the binomial test that counts half of the observed outcome; "exact", the binomial test,
            which never exceeds its level and is cautious; "chi2", Edwards' continuity-corrected approximation.

    Returns:
        The counts and p; p is 1 when the models are right on the same utterances.

    Raises:
        ConfigError: unknown method.
        ShapeError, DataError: as ``accuracy``.

    Example:
        >>> mcnemar([0] * 6, [0] * 6, [1] * 5 + [0], method="exact").p
        0.0625
    """
    if method not in get_args(Method):
        known = ", ".join(get_args(Method))
        raise ConfigError(f"the method is unknown (got {method!r}); expected one of {known}; choose one of these.")
    labels, one = _inputs.pair(truth, first)
    two = _inputs.pair(truth, second)[1]
    left = int(np.sum((one == labels) & (two != labels)))
    right = int(np.sum((one != labels) & (two == labels)))
    n, few = left + right, min(left, right)
    if n == 0:
        p = 1.0
    elif method == "chi2":
        p = float(chi2.sf(max(0.0, abs(left - right) - 1.0) ** 2 / n, 1))
    else:
        p = 2.0 * float(binom.cdf(few, n, 0.5))
        if method == "mid-p":
            p -= float(binom.pmf(few, n, 0.5))
    return McNemar(only_first=left, only_second=right, p=min(1.0, p), method=method)


def permutation_test(
    statistic: NamedScore,
    truth: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    n_classes: int | None = None,
    clusters: npt.ArrayLike | None = None,
    permutations: int = 9999,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> Permutation:
    """Test that two models score alike, by swapping their predictions for whole speakers.

    If the models are equally good, whose predictions of a speaker are called the first model's makes no difference.

    Args:
        statistic: "accuracy", "uar", "macro_f1", "ccc", "pcc", "mae" or "rmse".
        truth: (N,).
        first: predictions of one model, (N,).
        second: predictions of the other, (N,).
        n_classes: K; required for "macro_f1".
        clusters: speaker of each utterance, (N,); None swaps single utterances.
        permutations: random swaps, where there are too many to go through all.
        seed: of the random swaps.
        cluster_unit: what a cluster is called in the result.

    Returns:
        The difference and its p. With n speakers p cannot be below 2 / 2^n; with one speaker only, utterances are
        swapped and `unit` says so.

    Raises:
        ConfigError: unknown score or no permutation.
        ShapeError: lengths differ.
        DataError: empty input, or a score that is undefined on the data.
    """
    if permutations < 1:
        raise ConfigError(f"permutations is too small (got {permutations}); expected 1 or more; use 9999.")
    one = outcomes(statistic, truth, first, n_classes=n_classes)
    two = outcomes(statistic, truth, second, n_classes=n_classes)
    size = len(np.asarray(truth))
    groups, unit, _ = cluster_groups(size, clusters, cluster_unit)
    if one.width != two.width:  # the number of classes was left to the labels
        top = int(max(np.max(np.asarray(column)) for column in (truth, first, second))) + 1
        one = outcomes(statistic, truth, first, n_classes=top)
        two = outcomes(statistic, truth, second, n_classes=top)
    count = int(groups.max()) + 1
    left, right = one.sums(groups, count), two.sums(groups, count)  # (units, M)
    estimate = float(one.score(left.sum(axis=0)) - one.score(right.sum(axis=0)))
    if not np.isfinite(estimate):
        raise DataError(
            f"{statistic} is undefined on these utterances (got {estimate}); expected ratings that vary; use more."
        )
    differs = (left != right).any(axis=1)
    half, middle = (left - right)[differs] / 2.0, (left + right).sum(axis=0) / 2.0
    units = int(differs.sum())
    exact = units <= _ENUMERATED
    drawn = []
    for signs in _flips(units, 2**units if exact else permutations, np.random.default_rng(seed), exact=exact):
        moved = signs @ half  # (rows, M)
        drawn.append(one.score(middle + moved) - one.score(middle - moved))
    # an undefined swap counts as large: it must not make p smaller
    large = np.abs(np.nan_to_num(np.concatenate(drawn), nan=np.inf)) >= abs(estimate) - _ROUNDING
    p = float(large.mean()) if exact else float((1 + large.sum()) / (1 + large.size))
    return Permutation(estimate=estimate, p=p, permutations=int(large.size), exact=exact, unit=unit)


def holm(p_values: npt.ArrayLike) -> RealArray:
    """Holm's step-down correction: adjusted p values that hold the family-wise error.

    The i-th smallest of m is multiplied by m - i + 1; then none may be below a smaller one, and none above 1. Reject
    where the adjusted value is at most the level.

    Args:
        p_values: in [0, 1], (m,).

    Returns:
        (m,), in the order given.

    Raises:
        ShapeError: not (m,).
        DataError: empty, not finite, or outside [0, 1].

    Example:
        >>> holm([0.01, 0.04, 0.03, 0.005]).round(6).tolist()
        [0.03, 0.06, 0.06, 0.02]
    """
    values = np.asarray(p_values, dtype=np.float64)
    if values.ndim != 1:
        raise ShapeError(f"p_values has the wrong shape (got {values.shape}); expected (m,); flatten it first.")
    values = _inputs.reals("p_values", values)
    if (values < 0.0).any() or (values > 1.0).any():
        raise DataError(
            f"p_values holds something else (got {values.min()} to {values.max()}); expected numbers from 0 to 1; "
            "pass the p values of the tests."
        )
    order = np.argsort(values, kind="stable")
    factors = np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted


def _flips(units: int, permutations: int, rng: np.random.Generator, *, exact: bool) -> Iterator[RealArray]:
    """Signs -1 or 1 (rows, units), some rows at a time: all vectors, or random ones."""
    for start in range(0, permutations, _ROWS):
        rows = min(_ROWS, permutations - start)
        if exact:
            bits = (np.arange(start, start + rows)[:, None] >> np.arange(units)[None, :]) & 1
        else:
            bits = rng.integers(0, 2, size=(rows, units), dtype=np.int8)
        yield np.asarray(1.0 - 2.0 * bits, dtype=np.float64)
