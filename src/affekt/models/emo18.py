"""Emo18: three convolutions on the raw waveform, an LSTM, a mean over time.

The network named Emo18 in the SER attack code of the group that wrote "Machine Unlearning in Speech Emotion
Recognition via Forget Set Alone" (STAA-Net, arXiv 2402.01227; code glam-imperial/STAA-Net-SER, MIT; facts only).

Theirs: channels 64/128/256, kernels 8/6/6, pools 10/8/8, batch normalisation, LeakyReLU, 2-layer LSTM of 256, linear
per time step, mean of the logits, Kaiming-uniform weights, zero biases, per-utterance z-normalisation.
Ours: clips keep their own length (theirs are tiled or cut to one length); positions beyond the end are masked.
"""

from dataclasses import dataclass

from torch import nn

from affekt.models.family import Family
from affekt.models.raw_network import RECIPE, RawNetwork, Stage

__all__ = ["FAMILY", "Emo18", "Emo18Options"]


@dataclass(frozen=True, kw_only=True)
class Emo18Options:
    """Sizes of Emo18."""

    hidden: int = 256
    """Width of the LSTM."""
    width: float = 1.0
    """Share of the published channels that the convolutions have, for quick experiments; 1 is the published network."""

    def channels(self, published: int) -> int:
        """Channels of a stage that has ``published`` of them in the paper's code."""
        return max(1, round(self.width * published))


class Emo18(RawNetwork):
    """Emo18 on waveforms; see the module."""

    def __init__(self, n_classes: int, options: Emo18Options) -> None:
        super().__init__(
            n_classes,
            stages=(
                Stage(channels=options.channels(64), kernel=8, pool=10),
                Stage(channels=options.channels(128), kernel=6, pool=8),
                Stage(channels=options.channels(256), kernel=6, pool=8),
            ),
            activation=nn.LeakyReLU,
            hidden=options.hidden,
        )


FAMILY = Family(network=Emo18, options=Emo18Options, recipe=RECIPE, not_front_end=frozenset({"hidden"}))
