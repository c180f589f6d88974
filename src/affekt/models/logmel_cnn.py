"""logmel-cnn: affekt's own small recogniser on log-mel spectrograms.

Ours, not a paper's: three convolutions over frequency and time, one over time, attentive statistics pooling, a linear
head; about 0.2 M parameters. Made for small corpora and two CPU cores, and for being forgotten: there is no batch
normalisation and no fitted normaliser, so no statistic of the training speakers lives outside the weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from affekt.audio import LogMel
from affekt.audio.batching import length_mask
from affekt.models.family import Family
from affekt.models.pooling import AttentiveStatisticsPooling

__all__ = ["FAMILY", "LogmelCnn", "LogmelCnnOptions", "relative_levels"]


@dataclass(frozen=True, kw_only=True)
class LogmelCnnOptions:
    """Sizes of logmel-cnn and its training-time augmentation."""

    n_mels: int = 64
    """Mel bands."""
    hop_ms: float = 20.0
    """Step between frames."""
    range_db: float = 60.0
    """Levels further than this below a clip's maximum are raised to that floor (hides the noise floor)."""
    channels: tuple[int, int, int] = (12, 24, 32)
    """Channels of the three two-dimensional convolutions."""
    width: int = 128
    """Channels of the convolution over time; the pooled vector has twice as many."""
    dropout: float = 0.2
    """Dropout after the convolution over time."""
    head_dropout: float = 0.3
    """Dropout before the linear head."""
    stretch: float = 0.2
    """Training only: tempo is changed by a random factor of up to 1 +- this."""
    shift_bands: int = 3
    """Training only: the spectrum is shifted by up to this many mel bands."""
    mask_bands: int = 10
    """Training only: up to two groups of at most this many bands are blanked (SpecAugment)."""
    mask_frames: int = 15
    """Training only: up to two groups of at most this many frames are blanked (SpecAugment)."""


class LogmelCnn(nn.Module):
    """The network of logmel-cnn; see the module.

    ``front_end`` has no parameters, so its output can be computed once and kept (``affekt.training`` does);
    ``classify`` holds everything that is learned.
    """

    def __init__(self, n_classes: int, options: LogmelCnnOptions) -> None:
        super().__init__()
        self.options = options
        self.logmel = LogMel(n_mels=options.n_mels, hop_ms=options.hop_ms, low_hz=50.0)
        first, second, third = options.channels
        self.strides = (2, 2, 1)  # of the convolutions over time
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(1, first, (5, 5), stride=(2, 2), padding=(2, 2)),
                nn.Conv2d(first, second, (3, 5), stride=(2, 2), padding=(1, 2)),
                nn.Conv2d(second, third, (3, 3), stride=(1, 2), padding=(1, 1)),
            ]
        )
        bands = options.n_mels
        for _ in range(3):
            bands = (bands + 1) // 2
        self.temporal = nn.Conv1d(third * bands, options.width, 3, padding=1)
        self.norm = nn.LayerNorm(options.width)
        self.dropout = nn.Dropout(options.dropout)
        self.pooling = AttentiveStatisticsPooling(options.width)
        self.head = nn.Sequential(nn.Dropout(options.head_dropout), nn.Linear(2 * options.width, n_classes))

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel frames without the clip's mean level: (B, T), (B,) -> (B, F, M), (B,).

        One number a clip is subtracted, so a change of gain changes nothing.
        """
        features, frames = self.logmel(waveforms, lengths)  # natural log of power
        return relative_levels(features, frames, range_db=self.options.range_db), frames

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Front-end frames (B, F, M) and their counts (B,) -> logits (B, K)."""
        if self.training:
            features, lengths = self.augment(features, lengths)
        x = features.unsqueeze(1)  # (B, 1, F, M)
        for convolution, stride in zip(self.convolutions, self.strides, strict=True):
            mask = length_mask(lengths, x.shape[2])[:, None, :, None]
            x = nn.functional.gelu(convolution(x * mask))
            lengths = (lengths + stride - 1) // stride
        x = x.transpose(2, 3).flatten(1, 2)  # (B, C M', F')
        x = self.temporal(x * length_mask(lengths, x.shape[2]).unsqueeze(1))
        x = self.dropout(nn.functional.gelu(self.norm(x.transpose(1, 2))))  # (B, F', W)
        logits: Tensor = self.head(self.pooling(x, lengths))
        return logits

    def augment(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """One random tempo and spectral shift for the batch, then blanked bands and frames for each clip."""
        options = self.options
        batch, frames, bands = features.shape
        draws = torch.rand(3).tolist()
        factor = 1.0 + options.stretch * (2.0 * draws[0] - 1.0)
        target = max(4, round(frames * factor))
        x = nn.functional.interpolate(features.transpose(1, 2), size=target, mode="linear").transpose(1, 2)
        lengths = (lengths * (target / frames)).long().clamp(1, target)
        shift = round(options.shift_bands * (2.0 * draws[1] - 1.0))
        x = torch.roll(x, shift, dims=2)
        keep = torch.ones(batch, target, bands, dtype=torch.bool)
        for size, dim, count in (
            (options.mask_bands, 2, bands),
            (options.mask_bands, 2, bands),
            (options.mask_frames, 1, target),
            (options.mask_frames, 1, target),
        ):
            width = (torch.rand(batch, 1) * (size + 1)).floor()
            start = (torch.rand(batch, 1) * (count - width).clamp_min(1)).floor()
            position = torch.arange(count).unsqueeze(0)
            blank = (position >= start) & (position < start + width)  # (B, count)
            keep &= ~blank.unsqueeze(1 if dim == 2 else 2)
        return x * keep.to(x.device), lengths

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Waveforms (B, T) and lengths (B,) -> logits (B, K)."""
        return self.classify(*self.front_end(waveforms, lengths))


def relative_levels(features: Tensor, frames: Tensor, *, range_db: float) -> Tensor:
    """Log-mel frames (B, F, M) and their counts (B,) with each clip's floor raised and mean level subtracted.

    Args:
        features: natural log of power.
        frames: frames that exist.
        range_db: levels further than this below a clip's maximum are raised to that floor.
    """
    mask = length_mask(frames, features.shape[1]).unsqueeze(-1)  # (B, F, 1)
    top = features.masked_fill(~mask, float("-inf")).amax((1, 2), keepdim=True)
    floor = top - range_db * 0.23025850929940458  # dB -> nepers of power
    features = torch.maximum(features, floor) * mask
    count = frames.clamp_min(1).view(-1, 1, 1) * features.shape[2]
    mean = features.sum((1, 2), keepdim=True) / count
    return (features - mean) * mask / 3.0  # 3: about one standard deviation of speech


# the defaults of TrainConfig are its recipe: they were chosen with this network, on RAVDESS
FAMILY = Family(network=LogmelCnn, options=LogmelCnnOptions, not_front_end=frozenset({"dropout", "head_dropout"}))
