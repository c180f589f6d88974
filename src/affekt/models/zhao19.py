"""Zhao19: four convolutions on the raw waveform, an LSTM, a mean over time.

The network named Zhao19 in the SER attack code of the group that wrote "Machine Unlearning in Speech Emotion
Recognition via Forget Set Alone" (STAA-Net, arXiv 2402.01227; code glam-imperial/STAA-Net-SER, MIT; facts only).

Theirs: channels 64/64/128/128, kernels of 3, pools of 4, batch normalisation, ELU, 2-layer LSTM of 256, linear per
time step, mean of the logits, per-utterance z-normalisation.
Ours: clips keep their own length (theirs are tiled or cut to one length); positions beyond the end are masked;
weights start as in Emo18.
"""

from dataclasses import dataclass

from torch import nn

from affekt.models.family import Family
from affekt.models.raw_network import RECIPE, RawNetwork, Stage

__all__ = ["FAMILY", "Zhao19", "Zhao19Options"]


@dataclass(frozen=True, kw_only=True)
class Zhao19Options:
    """Sizes of Zhao19."""

    hidden: int = 256
    """Width of the LSTM."""
    width: float = 1.0
    """Share of the published channels that the convolutions have, for quick experiments; 1 is the published network."""

    def channels(self, published: int) -> int:
        """Channels of a stage that has ``published`` of them in the paper's code."""
        return max(1, round(self.width * published))


class Zhao19(RawNetwork):
    """Zhao19 on waveforms; see the module."""

    def __init__(self, n_classes: int, options: Zhao19Options) -> None:
        super().__init__(
            n_classes,
            stages=tuple(
                Stage(channels=options.channels(channels), kernel=3, pool=4) for channels in (64, 64, 128, 128)
            ),
            activation=nn.ELU,
            hidden=options.hidden,
        )


FAMILY = Family(network=Zhao19, options=Zhao19Options, recipe=RECIPE, not_front_end=frozenset({"hidden"}))
