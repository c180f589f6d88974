"""Equivalence with a margin fixed in advance, and what a test could have found.

"Not significant" is not evidence of forgetting. Two one-sided tests (TOST) show that a mean difference lies inside a
margin; the minimum detectable effect says how large a difference an ordinary test would have found.

Source: Schuirmann 1987 (TOST); Cohen 1988 (power, here with quantiles of Student's t).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from affekt.errors import ConfigError, DataError
from affekt.metrics import _inputs
from affekt.metrics._resampling import cluster_groups
from affekt.metrics.intervals import Interval

__all__ = ["Equivalence", "equivalence"]


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """A mean difference against a margin."""

    difference: Interval
    """The mean with its interval at ``1 - 2 alpha``: equivalent exactly if it lies inside the margin."""
    margin: float
    """Largest difference that does not matter; fixed before looking."""
    p: float
    """Larger of the two one-sided p values."""
    alpha: float
    """Level of the test."""
    equivalent: bool
    """p <= alpha."""
    detectable: float
    """Difference that a two-sided test at level alpha would have found with the given power."""
    showable: float
    """Smallest margin within which no difference at all would have been shown equivalent with the given power."""
    power: float
    """The power of the last two."""


def equivalence(
    differences: npt.ArrayLike,
    *,
    margin: float,
    clusters: npt.ArrayLike | None = None,
    alpha: float = 0.05,
    power: float = 0.8,
    cluster_unit: str = "speaker",
) -> Equivalence:
    """Two one-sided t tests of a mean difference against -margin and +margin.

    Args:
        differences: one for each unit, such as a model against its retrained twin, or an utterance, (N,).
        margin: > 0, in the unit of the differences.
        clusters: what each belongs to, (N,); the means of the clusters are tested then, each counted once.
        alpha: level of each one-sided test.
        power: of the minimum detectable effect, in (0.5, 1).
        cluster_unit: what a cluster is called in the result.

    Returns:
        The test; with no spread at all the p value is 0 or 1.

    Raises:
        ConfigError: margin, alpha or power out of range.
        ShapeError: not one-dimensional, or clusters of another length.
        DataError: not finite, or fewer than two units.

    Example:
        >>> equivalence([0.01, -0.02, 0.0, 0.01, -0.01], margin=0.05).equivalent
        True
    """
    if not margin > 0.0 or not 0.0 < alpha < 0.5 or not 0.5 < power < 1.0:
        raise ConfigError(
            f"the settings are out of range (got margin {margin}, alpha {alpha}, power {power}); expected margin > 0, "
            "0 < alpha < 0.5 and 0.5 < power < 1; fix them before looking at the data."
        )
    values = _inputs.reals("differences", differences)
    unit = f"unit ({values.size})"
    if clusters is not None:
        groups, unit, _ = cluster_groups(values.size, clusters, cluster_unit)
        values = np.bincount(groups, weights=values) / np.bincount(groups)
    if values.size < 2:
        raise DataError(
            f"there are too few units (got {values.size}); expected at least two; add models, draws or speakers."
        )
    mean, free = float(values.mean()), values.size - 1
    error = float(values.std(ddof=1) / np.sqrt(values.size))
    wide = [float(stdtrit(free, share)) for share in (1.0 - alpha, 1.0 - alpha / 2.0, power, 0.5 + power / 2.0)]
    if error > 0.0:
        p = max(1.0 - float(stdtr(free, (mean + margin) / error)), float(stdtr(free, (mean - margin) / error)))
    else:
        p = 0.0 if abs(mean) < margin else 1.0
    return Equivalence(
        difference=Interval(
            estimate=mean,
            low=mean - wide[0] * error,
            high=mean + wide[0] * error,
            level=1.0 - 2.0 * alpha,
            resamples=0,
            unit=unit,
        ),
        margin=margin,
        p=p,
        alpha=alpha,
        equivalent=p <= alpha,
        detectable=(wide[1] + wide[2]) * error,
        showable=(wide[0] + wide[3]) * error,
        power=power,
    )
