"""What the two end-to-end networks share: convolutions on the waveform, an LSTM, a mean over time of the logits.

Zhao19 and Emo18 differ only in their convolution stacks, so each is a list of :class:`Stage` in its own module.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

from affekt.audio.batching import length_mask
from affekt.errors import ShapeError

__all__ = ["RECIPE", "RawNetwork", "Stage"]

RECIPE: Final = {
    "epochs": 10,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "crop_seconds": 1.0,
}
"""Adam at 1e-3 as the authors' code has it (STAA-Net); few epochs on stretches of one second are what two CPU cores
afford, not what the networks could reach."""

LengthT = TypeVar("LengthT", int, Tensor)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One convolution stage: Conv1d -> BatchNorm -> activation -> MaxPool."""

    channels: int
    kernel: int
    pool: int

    def steps(self, length: LengthT) -> LengthT:
        """Steps that come out for steps that go in; 0 or less where the clip is too short."""
        return (length + 2 * ((self.kernel - 1) // 2) - self.kernel + 1) // self.pool


class RawNetwork(nn.Module):
    """Waveform -> convolution stages -> 2-layer LSTM -> linear per time step -> mean over time.

    Each clip is normalised to zero mean and unit variance inside the network, so gradients (and attacks) act on the
    raw waveform. After every stage the positions beyond a clip's length are set to zero, which is what the clip
    alone would have seen as padding: in evaluation mode a score does not depend on the other clips of the batch.
    """

    def __init__(self, n_classes: int, *, stages: tuple[Stage, ...], activation: type[nn.Module], hidden: int) -> None:
        super().__init__()
        self.stages = stages
        channels = [1, *(stage.channels for stage in stages)]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels[i], stage.channels, stage.kernel, padding=(stage.kernel - 1) // 2)
            for i, stage in enumerate(stages)
        )
        self.normalisations = nn.ModuleList(nn.BatchNorm1d(stage.channels) for stage in stages)
        self.activation = activation()
        self.lstm = nn.LSTM(stages[-1].channels, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Z-normalise each clip over its own samples: (B, T), (B,) -> (B, T), (B,)."""
        mask = length_mask(lengths, waveforms.shape[1])
        count = lengths.clamp_min(1).unsqueeze(1)
        mean = (waveforms * mask).sum(1, keepdim=True) / count
        centred = (waveforms - mean) * mask
        deviation = (centred.square().sum(1, keepdim=True) / count + 1e-12).sqrt()
        return centred / deviation, lengths

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Normalised waveforms (B, T) and lengths (B,) -> logits (B, K)."""
        if not torch.compiler.is_exporting():  # a graph cannot refuse; what runs it does (affekt.prediction)
            self._check_lengths(lengths)
        x = features.unsqueeze(1)  # (B, 1, T)
        for stage, convolution, normalisation in zip(self.stages, self.convolutions, self.normalisations, strict=True):
            x = normalisation(convolution(x))
            # the largest of increasing functions is the function of the largest: pooling first saves most of the work
            x = self.activation(_largest(x, stage.pool))
            lengths = stage.steps(lengths)
            x = x * length_mask(lengths, x.shape[2]).unsqueeze(1)
        hidden, _ = self.lstm(x.transpose(1, 2))  # (B, F, H)
        logits = self.head(hidden)  # (B, F, K)
        mask = length_mask(lengths, logits.shape[1]).unsqueeze(-1)
        return torch.where(mask, logits, 0.0).sum(1) / lengths.unsqueeze(-1)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Waveforms (B, T) and lengths (B,) -> logits (B, K)."""
        return self.classify(*self.front_end(waveforms, lengths))

    def _check_lengths(self, lengths: Tensor) -> None:
        """Refuse clips of which no step would be left."""
        shortest = steps = int(lengths.min())
        for stage in self.stages:
            steps = stage.steps(steps)
        if steps < 1:
            raise ShapeError(
                f"a clip is too short for this network (got {shortest} samples); at least a tenth of a second at "
                "16 kHz was expected; leave it out or add silence."
            )


def _largest(x: Tensor, size: int) -> Tensor:
    """The largest of every ``size`` steps: (B, C, T) -> (B, C, T // size)."""
    if torch.compiler.is_exporting():  # torch.export would fix T to that of its example in the pooling of one axis
        return nn.functional.max_pool2d(x.unsqueeze(2), (1, size)).squeeze(2)
    return nn.functional.max_pool1d(x, size)
