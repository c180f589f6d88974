"""Pooling over time that looks only at the frames that exist, and over the layers of an encoder."""

import torch
from torch import Tensor, nn

from affekt.audio.batching import length_mask

__all__ = ["AttentiveStatisticsPooling", "LayerMix", "masked_mean", "masked_statistics"]


def masked_mean(frames: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the existing frames: (B, F, D) and (B,) -> (B, D)."""
    mask = length_mask(lengths, frames.shape[1]).unsqueeze(-1)  # (B, F, 1)
    return (frames * mask).sum(1) / lengths.clamp_min(1).unsqueeze(-1)


def masked_statistics(frames: Tensor, lengths: Tensor) -> Tensor:
    """Mean and standard deviation over the existing frames: (B, F, D) and (B,) -> (B, 2 D).

    Conventions: population moments; a deviation is at least 0.001, which keeps its gradient finite.
    """
    mask = length_mask(lengths, frames.shape[1]).unsqueeze(-1)  # (B, F, 1)
    count = lengths.clamp_min(1).unsqueeze(-1)  # (B, 1)
    mean = (frames * mask).sum(1) / count
    variance = ((frames - mean.unsqueeze(1)) * mask).square().sum(1) / count
    return torch.cat([mean, variance.clamp_min(1e-6).sqrt()], dim=-1)


class AttentiveStatisticsPooling(nn.Module):
    """Attention-weighted mean and standard deviation over time.

    Source: Okabe, Koshinaka, Shinoda, "Attentive statistics pooling for deep speaker embedding", Interspeech 2018.
    One linear layer scores each frame; frames beyond a clip's length get no weight.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """(B, F, D) and (B,) -> (B, 2 D): means, then standard deviations."""
        mask = length_mask(lengths, frames.shape[1])  # (B, F)
        score = self.score(frames).squeeze(-1).masked_fill(~mask, float("-inf"))
        weight = score.softmax(1).unsqueeze(-1)  # (B, F, 1)
        mean = (weight * frames).sum(1)
        variance = (weight * (frames - mean.unsqueeze(1)).square()).sum(1)
        return torch.cat([mean, variance.clamp_min(1e-6).sqrt()], dim=-1)


class LayerMix(nn.Module):
    """A learned weighted mean over the layers of an encoder; the weights are a softmax and start equal.

    Source: Peters et al., "Deep contextualized word representations", NAACL 2018, without their overall scale.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))

    def forward(self, values: Tensor) -> Tensor:
        """(..., L, D) -> (..., D)."""
        return self.scores.softmax(0) @ values
