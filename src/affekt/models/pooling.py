"""Pooling over time that looks only at the frames that exist."""

import torch
from torch import Tensor, nn

from affekt.audio.batching import length_mask

__all__ = ["AttentiveStatisticsPooling", "masked_mean"]


def masked_mean(frames: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the existing frames: (B, F, D) and (B,) -> (B, D)."""
    mask = length_mask(lengths, frames.shape[1]).unsqueeze(-1)  # (B, F, 1)
    return (frames * mask).sum(1) / lengths.clamp_min(1).unsqueeze(-1)


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
