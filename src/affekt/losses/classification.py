"""Losses for emotions: one an utterance, or a distribution over them.

Distributions come from votes (:func:`affekt.corpora.ratings.soft_labels`). Cross-entropy and Kullback-Leibler
divergence to such a target differ by the target's entropy, so they have the same gradient.
"""

import torch
from torch import Tensor

from affekt.types import IntArray

__all__ = [
    "class_weights",
    "cross_entropy",
    "effective_number_weights",
    "focal_loss",
    "kl_divergence",
    "soft_cross_entropy",
]


def class_weights(labels: IntArray, n_classes: int) -> Tensor:
    """Weights N / (K n_c), shape (K,); classes without examples get 0.

    Source: the usual balanced weighting.
    """
    counts = torch.bincount(torch.as_tensor(labels, dtype=torch.int64), minlength=n_classes).to(torch.float32)
    weights = len(labels) / (n_classes * counts.clamp_min(1.0))
    return torch.where(counts > 0, weights, 0.0)


def effective_number_weights(counts: Tensor) -> Tensor:
    """Weights proportional to (1 - b) / (1 - b^n_c) with b = (N - 1) / N, of mean 1 over the classes that occur.

    Args:
        counts: examples of each class, (K,), not necessarily whole: votes shared out over classes count as shares.

    Returns:
        Shape (K,); classes without examples get 0.

    Source: Cui et al., "Class-balanced loss based on effective number of samples", CVPR 2019; b as in EMO-SUPERB.
    """
    counts = counts.to(torch.float64)
    total = counts.sum().clamp_min(2.0)
    logarithm = torch.log1p(-1.0 / total)  # of b
    weights = (1.0 / total) / -torch.expm1(counts * logarithm)
    present = counts > 0
    weights = torch.where(present, weights, 0.0)
    return (weights * present.sum().clamp_min(1) / weights.sum().clamp_min(1e-30)).to(torch.float32)


def cross_entropy(
    logits: Tensor, labels: Tensor, *, weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy in nats of logits (B, K) against labels (B,), weighted by class if weights are given."""
    return torch.nn.functional.cross_entropy(logits, labels, weight=weights, label_smoothing=label_smoothing)


def soft_cross_entropy(
    logits: Tensor, targets: Tensor, *, weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy in nats of logits (B, K) against distributions (B, K): - sum_k w_k q_k log p_k / sum_k w_k q_k.

    Both sums run over the batch too, so with one-hot targets and no smoothing this is :func:`cross_entropy`.

    Args:
        logits: (B, K).
        targets: rows that sum to 1, (B, K).
        weights: by class, (K,).
        label_smoothing: e in q' = (1 - e) q + e / K.

    Source: definitions card, S.3.
    """
    targets = (1.0 - label_smoothing) * targets + label_smoothing / targets.shape[1]
    weighted = targets if weights is None else targets * weights
    return -(weighted * logits.log_softmax(1)).sum() / weighted.sum().clamp_min(1e-12)


def kl_divergence(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over the batch of KL(q || p) in nats, for logits (B, K) and distributions (B, K); 0 where they are equal."""
    divergence: Tensor = torch.special.xlogy(targets, targets) - targets * logits.log_softmax(1)  # (B, K)
    return divergence.sum(1).mean()


def focal_loss(logits: Tensor, labels: Tensor, *, gamma: float = 2.0, weights: Tensor | None = None) -> Tensor:
    """Mean of - (1 - p)^gamma log p in nats, where p is the probability of the label; gamma = 0 is cross-entropy.

    Args:
        logits: (B, K).
        labels: (B,).
        gamma: how much less an utterance counts that is recognised already.
        weights: by class, (K,); the mean is then weighted.

    Source: Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    log_p = logits.log_softmax(1).gather(1, labels.unsqueeze(1)).squeeze(1)  # (B,)
    losses = -((-torch.expm1(log_p)) ** gamma) * log_p if gamma else -log_p
    if weights is None:
        return losses.mean()
    share = weights[labels]
    return (share * losses).sum() / share.sum().clamp_min(1e-12)
