"""Dawid-Skene: the true class of each item and the confusions of each rater, estimated together.

A. P. Dawid, A. M. Skene: Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, Applied
Statistics 28(1), 1979.

Theirs: every item has one true class; a rater says l of a true k with a probability of the rater's own, whatever the
item; EM starts from the shares of the votes. Ours: pseudo-counts, the limit on the steps, and work in logarithms. The
pseudo-counts on the diagonal keep a class and its name together: without them the most probable classes of many raters
with few answers on unequal classes can be any mixture (see `docs/raters.md`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from affekt.errors import ConfigError, DataError, ShapeError

__all__ = ["DawidSkene", "dawid_skene"]


@dataclass(frozen=True, kw_only=True)
class DawidSkene:
    """What EM found about N items, R raters and K classes."""

    posteriors: npt.NDArray[np.float64]
    """Probability of each class, (N, K); NaN for an item that nobody rated."""
    priors: npt.NDArray[np.float64]
    """How common each class is, (K,)."""
    confusions: npt.NDArray[np.float64]
    """What each rater says, (R, K, K); row = true class; every row sums to 1."""
    log_likelihood: float
    """Logarithm of the probability of the ratings, in nats; with pseudo-counts the quantity that rises is this plus
    the logarithm of the prior."""
    steps: int
    """Steps of EM."""
    converged: bool
    """Whether the posteriors came to rest before the limit on the steps."""


def dawid_skene(
    items: npt.ArrayLike,
    raters: npt.ArrayLike,
    choices: npt.ArrayLike,
    *,
    n_classes: int,
    n_items: int | None = None,
    n_raters: int | None = None,
    smoothing: float = 0.1,
    diagonal: float = 1.0,
    max_steps: int = 500,
    tolerance: float = 1e-4,
) -> DawidSkene:
    """Estimate true classes and confusions by EM. Nothing is random: the same ratings give the same numbers.

    Args:
        items: Item of each rating, 0..N-1, (M,).
        raters: Rater of each rating, 0..R-1, (M,).
        choices: Chosen class, 0..K-1, (M,).
        n_classes: K.
        n_items: N; None is one more than the greatest item.
        n_raters: R; None is one more than the greatest rater.
        smoothing: Pseudo-count added to every cell of every confusion and to every prior.
        diagonal: Further pseudo-count of right answers, added to the diagonal of every confusion. With 0 for both the
            estimate is that of the paper, which believes a rater of few ratings too much.
        max_steps: Limit on the steps.
        tolerance: EM rests when no posterior changes by more.

    Raises:
        ShapeError: The three arrays do not have one length.
        DataError: There is no rating, or an index is out of range.
        ConfigError: A setting is out of range.

    Example:
        >>> dawid_skene([0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [1, 1, 1, 0, 0, 1], n_classes=2).posteriors.argmax(1)
        array([1, 0])
    """
    if smoothing < 0 or diagonal < 0 or max_steps < 1 or tolerance <= 0 or n_classes < 1:
        raise ConfigError(
            f"a setting is out of range (got smoothing {smoothing}, diagonal {diagonal}, max_steps {max_steps}, "
            f"tolerance {tolerance}, n_classes {n_classes}); pseudo-counts >= 0 and the others above 0 were expected; "
            "correct it."
        )
    item, rater, choice = (np.asarray(values) for values in (items, raters, choices))
    if item.ndim != 1 or item.shape != rater.shape or item.shape != choice.shape:
        raise ShapeError(
            f"items, raters and choices have shapes {item.shape}, {rater.shape} and {choice.shape}; (M,) three times "
            "was expected; give one of each a rating."
        )
    if item.size == 0:
        raise DataError("there is no rating (got 0); at least one was expected; choose other classes or utterances.")
    size_items = int(item.max()) + 1 if n_items is None else n_items
    size_raters = int(rater.max()) + 1 if n_raters is None else n_raters
    for name, values, size in (
        ("items", item, size_items),
        ("raters", rater, size_raters),
        ("choices", choice, n_classes),
    ):
        if values.min() < 0 or values.max() >= size:
            raise DataError(
                f"{name} run from {values.min()} to {values.max()}; 0 to {size - 1} was expected; encode them again."
            )
    votes = np.bincount(item * n_classes + choice, minlength=size_items * n_classes)
    votes = votes.reshape(size_items, n_classes).astype(np.float64)
    rated = votes.sum(axis=1) > 0
    posteriors = votes / np.maximum(votes.sum(axis=1, keepdims=True), 1.0)
    cells = rater * n_classes + choice  # what a rating adds to, (M,)
    pseudo = smoothing + diagonal * np.eye(n_classes)
    steps, converged, likelihood = 0, False, float("-inf")
    priors, confusions = np.empty(n_classes), np.empty((size_raters, n_classes, n_classes))
    while steps < max_steps and not converged:
        priors, confusions = _maximise(
            posteriors[rated].sum(axis=0) + smoothing, posteriors[item], cells, pseudo, size_raters
        )
        with np.errstate(divide="ignore"):
            spoken = np.log(confusions).transpose(0, 2, 1).reshape(-1, n_classes)  # (R * K said, K true)
            joint = np.log(priors) + _sums(spoken[cells], item, size_items)  # (N, K)
        norm = logsumexp(joint[rated], axis=1)
        likelihood = float(norm.sum())
        new = np.zeros_like(posteriors)
        new[rated] = np.exp(joint[rated] - norm[:, None])
        converged = bool(np.abs(new - posteriors).max() <= tolerance)
        posteriors = new
        steps += 1
    shown = posteriors.copy()
    shown[~rated] = np.nan
    return DawidSkene(
        posteriors=shown,
        priors=priors,
        confusions=confusions,
        log_likelihood=likelihood,
        steps=steps,
        converged=converged,
    )


def _maximise(
    priors: npt.NDArray[np.float64],
    truths: npt.NDArray[np.float64],
    cells: npt.NDArray[np.int64],
    pseudo: npt.NDArray[np.float64],
    n_raters: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Priors and confusions under which the ratings and these posteriors are most probable.

    Args:
        priors: Sums of the posteriors, (K,).
        truths: Posteriors of the item of each rating, (M, K).
        cells: Rater and chosen class of each rating as one number, (M,).
        pseudo: Pseudo-counts, (K, K).
        n_raters: R.
    """
    size = priors.size
    said = _sums(truths, cells, n_raters * size)  # (R * K said, K true)
    confusions = said.reshape(n_raters, size, size).transpose(0, 2, 1) + pseudo  # (R, K true, K said)
    totals = confusions.sum(axis=2, keepdims=True)
    # without pseudo-counts a class that a rater never met says nothing about the rater
    uniform = np.full_like(confusions, 1.0 / size)
    return priors / priors.sum(), np.divide(confusions, totals, out=uniform, where=totals > 0)


def _sums(values: npt.NDArray[np.float64], groups: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.float64]:
    """Sums of the rows (M, K) of each group, (size, K)."""
    return np.stack([np.bincount(groups, weights=column, minlength=size) for column in values.T], axis=1)
