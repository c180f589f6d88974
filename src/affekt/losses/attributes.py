"""Losses for arousal, valence and dominance."""

import torch
from torch import Tensor

__all__ = ["ccc_loss"]


def ccc_loss(prediction: Tensor, target: Tensor, *, eps: float = 1e-8) -> Tensor:
    """1 - CCC of each attribute, with population moments over the batch; missing targets are left out.

    The value depends on the batch: the mean over batches is no CCC of the whole, which :func:`affekt.metrics.ccc` is.

    Args:
        prediction: (B, A).
        target: (B, A); NaN where nobody rated.
        eps: keeps the quotient finite when both sides are constant.

    Returns:
        Shape (A,), each in [0, 2]; 0 where fewer than two targets are known, so that such a column has no gradient.

    Source: definitions card, S.1.
    """
    known = ~torch.isnan(target)
    count = known.sum(0).clamp_min(1)
    target = torch.where(known, target, 0.0)
    prediction = torch.where(known, prediction, 0.0)
    mean_p, mean_t = prediction.sum(0) / count, target.sum(0) / count
    off_p, off_t = (prediction - mean_p) * known, (target - mean_t) * known
    covariance = (off_p * off_t).sum(0) / count
    bottom = off_p.square().sum(0) / count + off_t.square().sum(0) / count + (mean_p - mean_t).square()
    concordance = 2.0 * covariance / (bottom + eps)
    return torch.where(known.sum(0) >= 2, 1.0 - concordance, 0.0)
