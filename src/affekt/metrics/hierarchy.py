"""The bootstrap over levels: training seeds, then draws of the forget set, then utterances.

Utterances judged by one model share that model, and draws judged by one original share that original. An interval that
resamples utterances alone is far too narrow for a statement about a method.

Source: Davison & Hinkley 1997, section 3.8 (resampling each level with replacement).
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from affekt.errors import DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray
from affekt.metrics.intervals import Interval, percentile_interval

__all__ = ["hierarchical_bootstrap"]

Tree: TypeAlias = "RealArray | list[Tree]"
"""Values of one unit, or the units within it."""


def hierarchical_bootstrap(
    values: npt.ArrayLike,
    *levels: npt.ArrayLike,
    names: tuple[str, ...] = ("seed", "draw"),
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bootstrap a mean of means: resample the outermost units, within each the next ones, at last single values.

    Args:
        values: one for each utterance, (N,).
        levels: the unit of each value on every level, outermost first, each (N,); inner units need to be distinct
            within an outer one only.
        names: what the levels are called in the result, as many as there are.
        resamples: number of resamples.
        level: confidence level.
        seed: seed of the resampling.

    Returns:
        The percentile interval of the mean over outer units of the means of their inner units, and so on: every unit
        weighs as much as its siblings, whatever its number of utterances.

    Raises:
        ConfigError: level or resamples out of range.
        ShapeError: lengths differ, or there is no level.
        DataError: empty or not finite, or names do not match the levels.
    """
    _inputs.check_level(level)
    _inputs.check_resamples(resamples)
    array = _inputs.reals("values", values)
    if not levels:
        raise ShapeError("there is no level to resample (got none); expected at least one; use bootstrap_values.")
    if len(names) != len(levels):
        raise DataError(
            f"the levels have {len(names)} names (got {', '.join(names)}); expected {len(levels)}, one each; name all."
        )
    codes = [_inputs.codes(name, units, array.size)[0] for name, units in zip(names, levels, strict=True)]
    leaves, counts = _leaves(array, codes)
    rng = np.random.default_rng(seed)
    drawn = _resampled(leaves, resamples, rng)
    unit = ", then ".join([*(f"{name} ({count})" for name, count in zip(names, counts, strict=True)), "utterance"])
    return percentile_interval(_mean(leaves), drawn, level, unit)


def _leaves(array: RealArray, codes: Sequence[IntVector]) -> tuple[Tree, list[int]]:
    """Nested units with the values at the bottom, and the number of units on each level."""
    counts = [0] * len(codes)

    def split(rows: IntVector, depth: int) -> Tree:
        if depth == len(codes):
            return array[rows]
        found = np.unique(codes[depth][rows])
        counts[depth] += found.size
        return [split(rows[codes[depth][rows] == code], depth + 1) for code in found]

    return split(np.arange(array.size, dtype=np.int64), 0), counts


def _mean(node: Tree) -> float:
    if isinstance(node, np.ndarray):
        return float(node.mean())
    return float(np.mean([_mean(child) for child in node]))


def _resampled(node: Tree, resamples: int, rng: np.random.Generator) -> RealArray:
    """The mean of a node in every resample, (R,)."""
    if isinstance(node, np.ndarray):
        draws = rng.integers(0, node.size, size=(resamples, node.size))
        return np.asarray(node[draws].mean(axis=1), dtype=np.float64)
    # a child that is drawn twice in a resample is resampled twice, independently
    picks = rng.integers(0, len(node), size=(resamples, len(node)))
    totals = np.zeros(resamples)
    for number, child in enumerate(node):
        times = (picks == number).sum(axis=1)
        means = _resampled(child, int(times.sum()), rng)
        totals += np.bincount(np.repeat(np.arange(resamples), times), weights=means, minlength=resamples)
    return np.asarray(totals / len(node), dtype=np.float64)
