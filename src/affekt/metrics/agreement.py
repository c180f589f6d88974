"""Agreement between raters: Cohen's and Fleiss' kappa, Krippendorff's alpha, intraclass correlations.

Ratings come as a matrix of items and raters with NaN where a rater did not rate, or, where raters are many and rate
few items each, as counts of every value for every item. An item with fewer than two ratings says nothing about
agreement and is left out. Intervals resample items.

Source: Cohen 1960, 1968; Fleiss 1971, with the mean over items for varying numbers of raters (definitions card, S.9);
Krippendorff 2011, Computing Krippendorff's alpha-reliability; Shrout & Fleiss 1979.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray
from affekt.metrics._resampling import item_weights
from affekt.metrics.intervals import Interval, percentile_interval

__all__ = [
    "IccForm",
    "RatingScale",
    "cohen_kappa",
    "cohen_kappa_interval",
    "fleiss_kappa",
    "fleiss_kappa_interval",
    "icc",
    "icc_interval",
    "krippendorff_alpha",
    "krippendorff_alpha_interval",
]

RatingScale: TypeAlias = Literal["interval", "nominal", "ordinal", "ratio"]
"""What the values of a rating mean, for Krippendorff's alpha."""

IccForm: TypeAlias = Literal["1,1", "1,k", "2,1", "2,k", "3,1", "3,k"]
"""Form of the intraclass correlation in the notation of Shrout & Fleiss."""

Statistic: TypeAlias = Callable[[RealArray], RealArray]
"""From weights of the items, (R, N), to the measure of each row, (R,); NaN where it is undefined."""

_CELLS = 2_000_000
"""Weights that are held at a time."""


def cohen_kappa(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    n_classes: int | None = None,
    weights: Literal["linear", "quadratic"] | None = None,
) -> float:
    """Agreement of two raters beyond chance, 1 - observed / expected disagreement.

    Args:
        first: class indices, (N,).
        second: class indices, (N,).
        n_classes: K; needed only so that weights know the range.
        weights: disagreement of classes i and j: None is 1 unless they are the same; "linear" abs(i - j); "quadratic"
            (i - j)^2.

    Returns:
        At most 1; 0 is chance.

    Raises:
        ShapeError: different lengths.
        DataError: labels out of range, or both raters say the same one class throughout, where it is undefined.

    Example:
        >>> cohen_kappa([0, 0, 1, 1], [0, 0, 1, 0])
        0.5
    """
    return _defined(_cohen(first, second, n_classes, weights), "Cohen's kappa")


def cohen_kappa_interval(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    n_classes: int | None = None,
    weights: Literal["linear", "quadratic"] | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """:func:`cohen_kappa` with a percentile interval over items."""
    return _interval(_cohen(first, second, n_classes, weights), "Cohen's kappa", resamples, level, seed)


def fleiss_kappa(counts: npt.ArrayLike) -> float:
    """Agreement of several raters on classes beyond chance, for any number of raters an item.

    P_i = (sum_k n_ik^2 - n_i) / (n_i (n_i - 1)); kappa = (mean P_i - sum p_k^2) / (1 - sum p_k^2), where p_k is the
    share of class k among all ratings of the items that have at least two.

    Args:
        counts: ratings of item i as class k, (N, K), whole numbers.

    Returns:
        At most 1; 0 is chance.

    Raises:
        ShapeError: not (N, K).
        DataError: no item has two ratings, a count is negative or not whole, or every rating is of one class.

    Example:
        >>> round(fleiss_kappa([[3, 0], [0, 3], [2, 1]]), 4)
        0.55
    """
    return _defined(_fleiss(counts), "Fleiss' kappa")


def fleiss_kappa_interval(
    counts: npt.ArrayLike, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """:func:`fleiss_kappa` with a percentile interval over items."""
    return _interval(_fleiss(counts), "Fleiss' kappa", resamples, level, seed)


def krippendorff_alpha(ratings: npt.ArrayLike, *, scale: RatingScale, values: npt.ArrayLike | None = None) -> float:
    """Krippendorff's alpha, 1 - observed / expected disagreement; ratings may be missing.

    The difference of values c and k is, squared, 1 on the nominal scale; (c - k)^2 on the interval scale; ((c - k) /
    (c + k))^2 on the ratio scale, 0 for two zeros; and on the ordinal scale the square of the number of ratings
    between them, the two ends counted half.

    Args:
        ratings: (N, R) numbers with NaN where missing; or counts (N, V) if ``values`` is given.
        scale: "nominal", "ordinal", "interval" or "ratio".
        values: the V values that the columns of counts stand for, rising.

    Returns:
        At most 1; 0 is chance.

    Raises:
        ShapeError: not two-dimensional, or values do not match the counts.
        DataError: no item has two ratings, or all ratings are equal, where alpha is undefined.
        ConfigError: the scale is unknown.

    Example:
        >>> krippendorff_alpha([[1, 1], [2, 2], [3, 3], [3, float("nan")]], scale="interval")
        1.0
    """
    return _defined(_alpha(ratings, scale, values), "Krippendorff's alpha")


def krippendorff_alpha_interval(
    ratings: npt.ArrayLike,
    *,
    scale: RatingScale,
    values: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """:func:`krippendorff_alpha` with a percentile interval over items.

    Krippendorff resamples pairs of ratings; here whole items are drawn, since ratings of one item belong together.
    """
    return _interval(_alpha(ratings, scale, values), "Krippendorff's alpha", resamples, level, seed)


def icc(ratings: npt.ArrayLike, *, form: IccForm) -> float:
    """Intraclass correlation of Shrout & Fleiss.

    "1": every item has other raters; "2": the same raters, who stand for all raters; "3": the same raters and no
    others count. ",1": one rating; ",k": the mean over all raters. (3,k) is Cronbach's alpha.

    Args:
        ratings: (N, R) with NaN where missing; only forms "1,1" and "1,k" allow that. They then come from the one-way
            analysis of variance of unequal groups, in which k is (n - sum n_i^2 / n) / (N - 1) for n ratings.
        form: one of the six.

    Returns:
        At most 1; may be negative.

    Raises:
        ShapeError: not (N, R).
        DataError: fewer than two items with two ratings, ratings missing for another form, or no variance.
        ConfigError: the form is unknown.

    Example:
        >>> round(icc([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
        ...           form="2,1"), 2)
        0.29
    """
    return _defined(_icc(ratings, form), f"ICC({form})")


def icc_interval(
    ratings: npt.ArrayLike, *, form: IccForm, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """:func:`icc` with a percentile interval over items, which asks less than Shrout & Fleiss's F distributions."""
    return _interval(_icc(ratings, form), f"ICC({form})", resamples, level, seed)


# each measure as a function of weights of the items


def _cohen(
    first: npt.ArrayLike, second: npt.ArrayLike, n_classes: int | None, weights: str | None
) -> tuple[Statistic, int]:
    if weights not in (None, "linear", "quadratic"):
        raise ConfigError(f"weights is {weights!r}; None, 'linear' or 'quadratic' was expected; correct it.")
    one, two = _inputs.pair(first, second, n_classes=n_classes)
    size = _inputs.class_count(one, two, n_classes)
    distance = np.abs(np.arange(size)[:, None] - np.arange(size)).astype(np.float64)
    apart = distance**2 if weights == "quadratic" else distance if weights == "linear" else np.sign(distance)
    observed = apart[one, two]  # (N,)
    left, right = np.eye(size)[one], np.eye(size)[two]  # (N, K)

    def statistic(drawn: RealArray) -> RealArray:
        expected = np.einsum("ri,ij,rj->r", drawn @ left, apart, drawn @ right)
        total = drawn.sum(axis=1)
        return 1.0 - _ratio(drawn @ observed * total, expected)

    return statistic, one.size


def _fleiss(counts: npt.ArrayLike) -> tuple[Statistic, int]:
    cells = _counts(counts)
    sizes = cells.sum(axis=1)
    agreed = ((cells**2).sum(axis=1) - sizes) / (sizes * (sizes - 1.0))  # (N,)

    def statistic(drawn: RealArray) -> RealArray:
        pooled = drawn @ cells
        chance = ((pooled / pooled.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
        chance = np.where(pooled.max(axis=1) >= pooled.sum(axis=1), 1.0, chance)
        observed = drawn @ agreed / drawn.sum(axis=1)
        return 1.0 - _ratio(1.0 - observed, 1.0 - chance)

    return statistic, len(cells)


def _alpha(ratings: npt.ArrayLike, scale: RatingScale, values: npt.ArrayLike | None) -> tuple[Statistic, int]:
    if scale not in get_args(RatingScale):
        raise ConfigError(f"the scale is {scale!r}; one of {', '.join(get_args(RatingScale))} was expected; name it.")
    if values is None:
        cells, found = _value_counts(_ratings(ratings))
    else:
        cells, found = _counts(ratings), _inputs.reals("values", values)
        if found.size != cells.shape[1] or (np.diff(found) <= 0).any():
            raise ShapeError(
                f"values do not match the counts (got {found.size} for {cells.shape[1]} columns); one rising value a "
                "column was expected; sort the columns."
            )
    sizes = cells.sum(axis=1)
    if scale == "interval":
        # the sum over ordered pairs of (x - y)^2 is 2 (m sum x^2 - (sum x)^2); centred, so that no digits are lost
        found = found - found @ cells.sum(axis=0) / cells.sum()
        sums, squares = cells @ found, cells @ found**2
        observed = 2.0 * (sizes * squares - sums**2) / (sizes - 1.0)
        moments = np.stack([observed, sizes, sums, squares], axis=1)

        def statistic(drawn: RealArray) -> RealArray:
            within, n, s, q = (drawn @ moments).T
            expected = 2.0 * (n * q - s**2)
            return 1.0 - _ratio(within * (n - 1.0), np.where(expected > 1e-12 * n * q, expected, 0.0))

    elif scale == "ordinal":
        # the difference is that of the interval scale between mean ranks, and every resample has its own ranks

        def statistic(drawn: RealArray) -> RealArray:
            pooled = drawn @ cells  # (R, V)
            n = pooled.sum(axis=1)
            ranks = np.cumsum(pooled, axis=1) - pooled / 2.0 - n[:, None] / 2.0
            squares, sums = ranks**2 @ cells.T, ranks @ cells.T  # (R, N)
            within = (drawn * (2.0 * (sizes * squares - sums**2) / (sizes - 1.0))).sum(axis=1)
            # the mean of the centred ranks is 0
            expected = 2.0 * n * (pooled * ranks**2).sum(axis=1)
            return 1.0 - _ratio(within * (n - 1.0), np.where((pooled > 0).sum(axis=1) > 1, expected, 0.0))

    else:
        difference = _differences(found, scale)
        within_item = np.einsum("nc,ck,nk->n", cells, difference, cells, optimize=True) / (sizes - 1.0)

        def statistic(drawn: RealArray) -> RealArray:
            pooled = drawn @ cells
            expected = np.einsum("rc,ck,rk->r", pooled, difference, pooled, optimize=True)
            return 1.0 - _ratio(drawn @ within_item * (pooled.sum(axis=1) - 1.0), expected)

    return statistic, len(cells)


def _icc(ratings: npt.ArrayLike, form: IccForm) -> tuple[Statistic, int]:
    if form not in get_args(IccForm):
        raise ConfigError(f"the form is {form!r}; one of {'  '.join(get_args(IccForm))} was expected; correct it.")
    table = _ratings(ratings)
    missing = np.isnan(table)
    if form[0] != "1" and missing.any():
        raise DataError(
            f"ICC({form}) needs every rater to rate every item (got {int(missing.sum())} missing ratings); a full "
            "matrix was expected; use form '1,1' or '1,k' where items have other raters."
        )
    if len(table) < 2:
        raise DataError("ICC needs two items with two ratings (got 1); more items were expected; rate more.")
    table = table - np.nanmean(table)
    sizes = (~missing).sum(axis=1).astype(np.float64)
    sums, squares = np.nansum(table, axis=1), np.nansum(table**2, axis=1)
    moments = np.stack([np.ones(len(table)), sizes, sizes**2, sums, sums**2 / sizes, squares], axis=1)
    filled, k = np.where(missing, 0.0, table), table.shape[1]

    def statistic(drawn: RealArray) -> RealArray:
        items, n, n2, total, between, square = (drawn @ moments).T
        rows = _ratio(between - total**2 / n, items - 1.0)  # mean square between items
        error = square - between  # sum of squares within items
        if form[0] == "1":
            within = _ratio(error, n - items)
            size = _ratio(n - n2 / n, items - 1.0)
            return _ratio(rows - within, rows if form == "1,k" else rows + (size - 1.0) * within)
        raters = ((drawn @ filled) ** 2).sum(axis=1) / items - total**2 / n
        columns = raters / (k - 1.0)
        rest = _ratio(error - raters, (items - 1.0) * (k - 1.0))
        if form[0] == "3":
            return _ratio(rows - rest, rows if form == "3,k" else rows + (k - 1.0) * rest)
        bias = (columns - rest) / items
        return _ratio(rows - rest, rows + bias if form == "2,k" else rows + (k - 1.0) * rest + k * bias)

    return statistic, len(table)


# what the measures share


def _defined(measure: tuple[Statistic, int], name: str) -> float:
    """The measure of the data as they are."""
    statistic, size = measure
    found = float(statistic(np.ones((1, size)))[0])
    if not np.isfinite(found):
        raise DataError(
            f"{name} is undefined (got ratings without variation); ratings that vary were expected; add items."
        )
    return found


def _interval(measure: tuple[Statistic, int], name: str, resamples: int, level: float, seed: int) -> Interval:
    """The measure with its bootstrap over items; resamples in which it is undefined are left out and not counted."""
    _inputs.check_level(level)
    _inputs.check_resamples(resamples)
    estimate = _defined(measure, name)
    statistic, size = measure
    rng = np.random.default_rng(seed)
    drawn: list[RealArray] = []
    step = max(1, _CELLS // size)
    for begin in range(0, resamples, step):
        drawn.append(statistic(item_weights(size, min(step, resamples - begin), rng)))
    found = np.concatenate(drawn)
    found = found[np.isfinite(found)]
    if 2 * found.size < resamples:
        raise DataError(
            f"{name} is undefined in most resamples (got {found.size} of {resamples} that vary); more items were "
            "expected; give the estimate without an interval."
        )
    return percentile_interval(estimate, found, level, f"item ({size})")


def _ratio(top: RealArray, bottom: RealArray) -> RealArray:
    """Quotients; NaN where the denominator is 0."""
    return np.asarray(np.divide(top, bottom, out=np.full_like(bottom, np.nan), where=bottom != 0.0), np.float64)


def _ratings(ratings: npt.ArrayLike) -> RealArray:
    """Items with at least two ratings, (N, R)."""
    table = np.array(ratings, np.float64)
    if table.ndim != 2:
        raise ShapeError(f"ratings have shape {table.shape}; (items, raters) was expected; pass a matrix.")
    if np.isinf(table).any():
        raise DataError("a rating is infinite; finite numbers, or NaN where missing, were expected; correct it.")
    return _rated_twice(table, (~np.isnan(table)).sum(axis=1))


def _counts(counts: npt.ArrayLike) -> RealArray:
    """Counts of the items with at least two ratings, (N, K)."""
    table = np.array(counts, np.float64)
    if table.ndim != 2:
        raise ShapeError(f"counts have shape {table.shape}; (items, classes) was expected; pass a matrix.")
    if not np.isfinite(table).all() or (table < 0).any() or (table != np.round(table)).any():
        raise DataError("a count is negative or not whole; whole numbers of ratings were expected; count again.")
    return _rated_twice(table, table.sum(axis=1))


def _rated_twice(table: RealArray, sizes: npt.NDArray[np.generic]) -> RealArray:
    """Rows of items with at least two ratings."""
    kept = table[np.asarray(sizes) >= 2]
    if not len(kept):
        raise DataError(
            f"none of {len(table)} items has two ratings; agreement needs at least one such item; rate items more than "
            "once."
        )
    return kept


def _value_counts(table: RealArray) -> tuple[RealArray, RealArray]:
    """How often each value occurs for each item, and the values."""
    rows, columns = np.nonzero(~np.isnan(table))
    found, codes = np.unique(table[rows, columns], return_inverse=True)
    flat = np.bincount(rows * found.size + codes.reshape(-1), minlength=len(table) * found.size)
    return flat.reshape(len(table), found.size).astype(np.float64), found


def _differences(values: RealArray, scale: RatingScale) -> RealArray:
    """Squared differences of the values on the nominal or the ratio scale, (V, V)."""
    if scale == "nominal":
        return 1.0 - np.eye(values.size)
    if (values < 0).any():
        raise DataError(f"a ratio scale has no negative value (got {values.min():g}); use the interval scale.")
    sums = values[:, None] + values
    return np.divide(values[:, None] - values, sums, out=np.zeros_like(sums), where=sums > 0) ** 2
