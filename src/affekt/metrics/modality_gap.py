"""How far apart the embeddings of two kinds lie, such as audio and text: MMD, Wasserstein-1, distance of the centres.

All are 0 when both kinds are spread alike, whichever item belongs to which. A model that maps everything to one point
has no gap either: read these beside a retrieval score.

Sources: Gretton et al., "A kernel two-sample test", JMLR 2012 (MMD); Bonneel et al., "Sliced and Radon Wasserstein
barycenters of measures", 2015 (sliced); definitions card, S.10. Kernel and width of EmotionRankCLAP's MMD are not
known to us; the median heuristic is ours.
"""

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray

__all__ = ["centroid_distance", "median_bandwidth", "mmd", "sliced_wasserstein", "wasserstein"]

_BLOCK = 1024
"""Rows of a kernel matrix at a time; bounds the memory."""
_MEDIAN_ITEMS = 2000
"""At most so many items, evenly spaced, make the median distance."""


def mmd(first: npt.ArrayLike, second: npt.ArrayLike, *, bandwidth: float | None = None, unbiased: bool = True) -> float:
    """Squared maximum mean discrepancy with the kernel exp(-d² / (2 s²)).

    Args:
        first: (N, D).
        second: (M, D).
        bandwidth: s; None is ``median_bandwidth``.
        unbiased: leave the pairs of an item with itself out, which is right on average and may be below 0; else the
            square of a distance between the two samples, which is above 0 even for samples of one distribution.

    Returns:
        MMD², not its root; at most 2.

    Raises:
        ConfigError: the bandwidth is not above 0.
        ShapeError: not two matrices of one width.
        DataError: a value is not finite, or unbiased and fewer than two items on a side.
    """
    x, y = _pair(first, second)
    if unbiased and min(len(x), len(y)) < 2:
        raise DataError(
            f"unbiased MMD needs two items a side (got {len(x)} and {len(y)}); more were expected; use unbiased=False."
        )
    width = median_bandwidth(x, y) if bandwidth is None else bandwidth
    if not width > 0.0:
        raise ConfigError(f"bandwidth is {width}; a number above 0 was expected; leave it out for the median.")
    n, m = len(x), len(y)
    within_x, within_y, between = (_kernel_sum(a, b, width) for a, b in ((x, x), (y, y), (x, y)))
    if unbiased:
        return (within_x - n) / (n * (n - 1)) + (within_y - m) / (m * (m - 1)) - 2.0 * between / (n * m)
    return within_x / n**2 + within_y / m**2 - 2.0 * between / (n * m)


def median_bandwidth(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Median distance of two different items of both kinds together; of those that are not at one place if it is 0.

    Of more than 2,000 items every so many are taken.

    Returns:
        Above 0; 1 if all items are at one place.

    Raises:
        ShapeError, DataError: as ``mmd``.
    """
    pooled = np.concatenate(_pair(first, second))
    pooled = pooled[np.linspace(0, len(pooled) - 1, min(len(pooled), _MEDIAN_ITEMS)).round().astype(np.int64)]
    distances = np.sqrt(_squared_distances(pooled, pooled))[np.triu_indices(len(pooled), k=1)]
    middle = float(np.median(distances)) if distances.size else 0.0
    apart = distances[distances > 1e-9]
    if middle > 1e-9 or not apart.size:
        return middle if middle > 1e-9 else 1.0
    return float(np.median(apart))


def wasserstein(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Wasserstein-1 distance of each dimension, averaged over the dimensions; exact for any two numbers of items.

    Args:
        first: (N, D).
        second: (M, D).

    Raises:
        ShapeError, DataError: as ``mmd``.

    Example:
        >>> wasserstein([[0.0], [1.0], [3.0]], [[5.0], [6.0], [8.0]])
        5.0
    """
    return float(_columns_apart(*_pair(first, second)).mean())


def sliced_wasserstein(first: npt.ArrayLike, second: npt.ArrayLike, *, directions: int = 256, seed: int = 0) -> float:
    """Mean Wasserstein-1 distance of the projections on random directions.

    Args:
        first: (N, D).
        second: (M, D).
        directions: how many, drawn evenly from the sphere.
        seed: of the directions.

    Raises:
        ConfigError: no direction.
        ShapeError, DataError: as ``mmd``.
    """
    if directions < 1:
        raise ConfigError(f"directions is {directions}; 1 or more was expected; change it.")
    x, y = _pair(first, second)
    lines = np.random.default_rng(seed).standard_normal((x.shape[1], directions))
    lines /= np.linalg.norm(lines, axis=0)
    return float(_columns_apart(x @ lines, y @ lines).mean())


def centroid_distance(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Euclidean distance of the two means.

    Raises:
        ShapeError, DataError: as ``mmd``.

    Source: Liang et al., "Mind the gap", NeurIPS 2022.
    """
    x, y = _pair(first, second)
    return float(np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)))


def _pair(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[RealArray, RealArray]:
    x, y = _inputs.reals("first", first, ndim=2), _inputs.reals("second", second, ndim=2)
    if x.shape[1] != y.shape[1]:
        raise ShapeError(
            f"the embeddings have {x.shape[1]} and {y.shape[1]} dimensions; the same number was expected; use those of "
            "one space."
        )
    return x, y


def _squared_distances(x: RealArray, y: RealArray) -> RealArray:
    # from the common mean: far from 0 the products would lose the small distances
    middle = x.mean(axis=0)
    x, y = x - middle, y - middle
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2.0 * (x @ y.T)
    return np.asarray(np.maximum(squares, 0.0), dtype=np.float64)


def _kernel_sum(x: RealArray, y: RealArray, width: float) -> float:
    """Sum of the kernel over all pairs; an item with itself counts exactly 1."""
    total = 0.0
    for start in range(0, len(x), _BLOCK):
        squares = _squared_distances(x[start : start + _BLOCK], y)
        if x is y:
            rows = np.arange(len(squares))
            squares[rows, start + rows] = 0.0
        total += float(np.exp(-squares / (2.0 * width**2)).sum())
    return total


def _columns_apart(x: RealArray, y: RealArray) -> RealArray:
    """Wasserstein-1 of each column: the area between the two quantile functions, (D,)."""
    n, m = len(x), len(y)
    x, y = np.sort(x, axis=0), np.sort(y, axis=0)
    # where either quantile function steps, in units of 1 / (n m), so that nothing is rounded
    steps = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    starts, widths = steps[:-1], np.diff(steps) / (n * m)
    return np.asarray(widths @ np.abs(x[starts // m] - y[starts // n]), dtype=np.float64)
