"""Per-utterance statistics of a model's outputs: loss, log odds, confidence and entropies.

Everything takes logits and works in float64: a probability of a float32 softmax that rounds to 1 has lost the loss.
Who holds probabilities p passes log(p) as logits.

Source: Carlini et al. 2022 (phi); Song & Mittal 2021 (modified entropy).
"""

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from affekt.errors import DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray

__all__ = ["confidence", "cross_entropy", "entropy", "modified_entropy", "phi", "phi_from_loss", "probabilities"]


def probabilities(logits: npt.ArrayLike) -> RealArray:
    """Softmax in float64.

    Args:
        logits: (N, K).

    Returns:
        (N, K), rows sum to 1.

    Raises:
        ShapeError: not (N, K).
        DataError: empty or not finite.
    """
    return np.asarray(np.exp(_log_probabilities(_inputs.reals("logits", logits, ndim=2))), dtype=np.float64)


def phi(logits: npt.ArrayLike, labels: npt.ArrayLike) -> RealArray:
    """Log odds of the true class, z_y - logsumexp of the other logits; unbounded and nearly Gaussian.

    Args:
        logits: (N, K) with K >= 2.
        labels: class indices, (N,).

    Returns:
        (N,).

    Raises:
        ShapeError: shapes do not match or K < 2.
        DataError: empty, not finite, or a label out of range.

    Example:
        >>> round(float(phi([[2.0, 0.5, -1.0]], [0])[0]), 6)
        1.298587
    """
    scores, truth = _scored(logits, labels)
    rows = np.arange(truth.size)
    own = scores[rows, truth]
    others = scores.copy()
    others[rows, truth] = -np.inf
    return np.asarray(own - logsumexp(others, axis=1), dtype=np.float64)


def phi_from_loss(losses: npt.ArrayLike) -> RealArray:
    """Log odds of the true class from its cross-entropy in nats, ln(p / (1 - p)) with p = exp(-loss).

    Args:
        losses: positive, (N,).

    Returns:
        (N,); decreasing in the loss.

    Raises:
        ShapeError: not (N,).
        DataError: empty, not finite, or a loss <= 0, whose log odds are infinite.
    """
    array = _inputs.reals("losses", losses)
    if (array <= 0).any():
        raise DataError(
            f"a loss has no finite log odds (got {array.min()}); expected losses > 0; use phi() on the logits."
        )
    return np.asarray(-array - np.log(-np.expm1(-array)), dtype=np.float64)


def cross_entropy(logits: npt.ArrayLike, labels: npt.ArrayLike) -> RealArray:
    """Loss of each utterance, -ln p_y in nats.

    Args:
        logits: (N, K) with K >= 2.
        labels: class indices, (N,).

    Returns:
        (N,), >= 0.

    Raises:
        ShapeError, DataError: as :func:`phi`.
    """
    # softplus(-phi) keeps the digits that 1 - p loses when p is near 1
    return np.asarray(np.logaddexp(0.0, -phi(logits, labels)), dtype=np.float64)


def confidence(logits: npt.ArrayLike, labels: npt.ArrayLike) -> RealArray:
    """Probability of the true class.

    Args:
        logits: (N, K) with K >= 2.
        labels: class indices, (N,).

    Returns:
        (N,), in [0, 1].

    Raises:
        ShapeError, DataError: as :func:`phi`.
    """
    return np.asarray(np.exp(-cross_entropy(logits, labels)), dtype=np.float64)


def entropy(logits: npt.ArrayLike) -> RealArray:
    """Entropy of the predicted distribution, -sum p ln p in nats.

    Args:
        logits: (N, K).

    Returns:
        (N,), in [0, ln K].

    Raises:
        ShapeError, DataError: as :func:`probabilities`.
    """
    logs = _log_probabilities(_inputs.reals("logits", logits, ndim=2))
    return np.asarray(-(np.exp(logs) * logs).sum(axis=1), dtype=np.float64)


def modified_entropy(logits: npt.ArrayLike, labels: npt.ArrayLike) -> RealArray:
    """Entropy that knows the label: -(1 - p_y) ln p_y - sum over i != y of p_i ln(1 - p_i), in nats.

    Args:
        logits: (N, K) with K >= 2.
        labels: class indices, (N,).

    Returns:
        (N,), >= 0; 0 for a sure and right prediction, large for a sure and wrong one.

    Raises:
        ShapeError, DataError: as :func:`phi`.

    Example:
        >>> round(float(modified_entropy(np.log([[0.7, 0.2, 0.1]]), [0])[0]), 6)
        0.162167
    """
    scores, truth = _scored(logits, labels)
    size, classes = scores.shape
    rows = np.arange(size)
    # log odds of every class, (N, K)
    odds = np.stack([phi(scores, np.full(size, column)) for column in range(classes)], axis=1)
    log_p = -np.logaddexp(0.0, -odds)
    log_rest = -np.logaddexp(0.0, odds)  # ln(1 - p)
    terms = -np.exp(log_p) * log_rest
    terms[rows, truth] = -np.exp(log_rest[rows, truth]) * log_p[rows, truth]
    return np.asarray(terms.sum(axis=1), dtype=np.float64)


def _log_probabilities(logits: RealArray) -> RealArray:
    return np.asarray(logits - logsumexp(logits, axis=1, keepdims=True), dtype=np.float64)


def _scored(logits: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[RealArray, IntVector]:
    """Return checked logits (N, K >= 2) and labels (N,)."""
    scores = _inputs.reals("logits", logits, ndim=2)
    if scores.shape[1] < 2:
        raise ShapeError(f"logits has too few classes (got {scores.shape}); expected (N, K) with K >= 2; add classes.")
    truth = _inputs.labels("labels", labels, n_classes=scores.shape[1])
    if truth.size != scores.shape[0]:
        raise ShapeError(
            f"logits and labels differ in length (got {scores.shape[0]} and {truth.size}); "
            "expected one label per row; align them by utterance."
        )
    return scores, truth
