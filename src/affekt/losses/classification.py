"""Losses for one emotion an utterance."""

import torch
from torch import Tensor

from affekt.types import IntArray

__all__ = ["class_weights", "cross_entropy"]


def class_weights(labels: IntArray, n_classes: int) -> Tensor:
    """Weights N / (K n_c), shape (K,); classes without examples get 0.

    Source: the usual balanced weighting.
    """
    counts = torch.bincount(torch.as_tensor(labels, dtype=torch.int64), minlength=n_classes).to(torch.float32)
    weights = len(labels) / (n_classes * counts.clamp_min(1.0))
    return torch.where(counts > 0, weights, 0.0)


def cross_entropy(
    logits: Tensor, labels: Tensor, *, weights: Tensor | None = None, label_smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy in nats of logits (B, K) against labels (B,), weighted by class if weights are given."""
    return torch.nn.functional.cross_entropy(logits, labels, weight=weights, label_smoothing=label_smoothing)
