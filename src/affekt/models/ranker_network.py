"""ranker: one score a recording, by another family's network, and an ordinal reading of the score as classes.

Ours, not a paper's. The classes of the model are levels of one thing in rising order, such as intensities. The logit of
level k of 0 to K - 1 is (k - (K - 1) / 2) e^a s + b_k for the score s (Anderson's stereotype model with equal steps,
"Regression and ordered categorical variables", 1984): the higher the score, the higher the likeliest level. So whatever
needs classes (evaluation, deletion, statistics of fold models) works on a model that was trained to order.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.models.family import Family, find_family, source_options

__all__ = ["FAMILY", "RankerNetwork", "RankerOptions"]

_SOURCES: Final = ("emo18", "encoder", "logmel-cnn", "zhao19")
"""Families whose network can give the score."""


@dataclass(frozen=True, kw_only=True)
class RankerOptions:
    """Which network gives the score."""

    source: str = ""
    """Its family: emo18, encoder, logmel-cnn or zhao19; empty: encoder where an encoder is named, else logmel-cnn."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Options of that family that differ from its defaults."""
    encoder: str = ""
    """A folder with a pretrained encoder in the layout of transformers, or its name on the Hugging Face hub."""
    download: bool = False
    """Fetch the encoder from the hub if it is not in its local cache."""
    architecture: dict[str, Any] = field(default_factory=dict)
    """The encoder's shape; filled when the model is first built."""
    source_sha256: str = ""
    """SHA-256 of the encoder's weight files; filled when the model is first built."""

    def __post_init__(self) -> None:
        if self.source and self.source not in _SOURCES:
            raise ConfigError(
                f"source is {self.source!r}; one of {', '.join(_SOURCES)} was expected; choose one of these families."
            )
        if self.family != "encoder" and (self.encoder or self.architecture):
            raise ConfigError(
                f"an encoder is named and source is {self.source!r}; encoder was expected; change one of them."
            )
        source_options(self.family, self)

    @property
    def family(self) -> str:
        """The family of the source."""
        return self.source or ("encoder" if self.encoder or self.architecture else "logmel-cnn")


class RankerNetwork(nn.Module):
    """The network of the family ranker; see the module.

    Args:
        n_outputs: levels.
        options: see there.
    """

    def __init__(self, n_outputs: int, options: RankerOptions) -> None:
        super().__init__()
        self.options = options
        self.source: Any = find_family(options.family).network(1, source_options(options.family, options))
        self.slope = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        self.levels: Tensor
        self.register_buffer("levels", torch.arange(n_outputs) - (n_outputs - 1) / 2, persistent=False)

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The source's: (B, T), (B,) -> (B, F, ...), (B,)."""
        features, counts = self.source.front_end(waveforms, lengths)
        return features, counts

    def score(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What :meth:`front_end` gave -> scores (B,); only their order means anything."""
        outputs: Tensor = self.source.classify(features, lengths)
        return outputs.squeeze(1)

    def read(self, scores: Tensor) -> Tensor:
        """Scores (B,) as logits of the levels, (B, K)."""
        return scores.unsqueeze(1) * self.levels.to(scores.dtype) * self.slope.exp() + self.bias

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What :meth:`front_end` gave -> logits of the levels (B, K)."""
        return self.read(self.score(features, lengths))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Waveforms (B, T) and lengths (B,) -> logits (B, K)."""
        return self.classify(*self.front_end(waveforms, lengths))


FAMILY = Family(
    network=RankerNetwork,
    options=RankerOptions,
    recipe={"epochs": 40, "learning_rate": 3e-3, "label_smoothing": 0.0},
    not_front_end=frozenset({"download", "encoder"}),
)
