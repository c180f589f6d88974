"""ridge: a head that is solved, not descended to, on a frozen pretrained encoder or on log-mel statistics.

Ours, not a paper's; ridge regression and linear discriminant analysis are textbook methods (Hastie, Tibshirani &
Friedman, "The Elements of Statistical Learning", sections 3.4 and 4.3). One vector a clip is standardised by the
training set's mean and deviation and mapped to one output a class. All of that, the normaliser included, is computed
from sums over recordings (:class:`~affekt.models.head_sums.HeadSums`), so a person can be taken out of it exactly.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from affekt.audio import LogMel
from affekt.errors import ConfigError
from affekt.models.encoder_network import EncoderNetwork, EncoderOptions
from affekt.models.family import Family
from affekt.models.head_sums import HeadSums
from affekt.models.logmel_cnn import relative_levels
from affekt.models.pooling import masked_mean, masked_statistics

__all__ = ["FAMILY", "RidgeNetwork", "RidgeOptions"]


@dataclass(frozen=True, kw_only=True)
class RidgeOptions:
    """Which vector of a clip, and how the head is solved."""

    encoder: str = ""
    """A folder with the encoder in the layout of transformers, or its name on the Hugging Face hub; without one the
    vector is made of log-mel frames."""
    download: bool = False
    """Fetch the encoder from the hub if it is not in its local cache."""
    layer: int = -1
    """Whose output is pooled: 0 for the input to the first layer, negative from the end."""
    pooling: Literal["mean", "mean+std"] = "mean+std"
    """How frames become one vector."""
    n_mels: int = 64
    """Mel bands, without an encoder."""
    head: Literal["ridge", "lda"] = "ridge"
    """``ridge``: least squares to the classes' indicators; ``lda``: one Gaussian a class, all with one covariance."""
    penalty: float = 1.0
    """With ``ridge``: added to the diagonal of the features' correlation matrix."""
    shrinkage: float = 0.6
    """With ``lda``: how far the covariance is drawn towards a multiple of the identity, 0 to 1."""
    balanced: bool = True
    """Every class counts the same, however many recordings it has."""
    temperature: float | None = None
    """Outputs are divided by this; stated and not fitted, as what is fitted would have to be forgotten, too. None: 0.2
    with ``ridge``, whose outputs are about 0 and 1, and 8 with ``lda``, which is much too sure where the features are
    more than the recordings. Penalty, shrinkage and temperatures were chosen on RAVDESS with Whisper-base."""
    architecture: dict[str, Any] = field(default_factory=dict)
    """The encoder's shape; filled when the model is first built."""
    source_sha256: str = ""
    """SHA-256 of the encoder's weight files; filled when the model is first built."""

    def __post_init__(self) -> None:
        if self.pooling not in ("mean", "mean+std") or self.head not in ("ridge", "lda"):
            raise ConfigError(
                f"pooling is {self.pooling!r} and head {self.head!r}; mean or mean+std, and ridge or lda, were "
                "expected; choose one of these."
            )
        if not isinstance(self.layer, int) or isinstance(self.layer, bool):
            raise ConfigError(f"layer is {self.layer!r}; a whole number was expected; change it.")
        if not 0 < self.penalty <= 1e6 or not 0 < self.shrinkage <= 1:
            raise ConfigError(
                f"penalty is {self.penalty} and shrinkage {self.shrinkage}; above 0 to 1e6, and above 0 to 1, were "
                "expected; change them."
            )
        if self.temperature is not None and not 0 < self.temperature <= 1e6:
            raise ConfigError(f"temperature is {self.temperature}; above 0 was expected; change it.")


class RidgeNetwork(nn.Module):
    """The network of the family ridge; see the module.

    Args:
        n_outputs: classes.
        options: see there.
    """

    def __init__(self, n_outputs: int, options: RidgeOptions) -> None:
        super().__init__()
        self.options = options
        self.source: EncoderNetwork | None = None
        if options.encoder or options.architecture:
            self.source = EncoderNetwork(
                n_outputs,
                EncoderOptions(
                    encoder=options.encoder,
                    download=options.download,
                    layer=options.layer,
                    pooling=options.pooling,
                    architecture=options.architecture,
                    source_sha256=options.source_sha256,
                ),
            )
            self.source.head = nn.Sequential()  # what is left gives the pooled and normalised vector
            width = self.source.encoder.width
        else:
            self.logmel = LogMel(n_mels=options.n_mels, hop_ms=20.0, low_hz=50.0)
            width = options.n_mels
        size = width * (1 if options.pooling == "mean" else 2)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("deviation", torch.ones(size, dtype=torch.float64))
        self.head = nn.Linear(size, n_outputs, dtype=torch.float64)

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """One vector a clip: (B, T), (B,) -> (B, 1, ...), (B,)."""
        if self.source is not None:
            return self.source.front_end(waveforms, lengths)
        frames, counts = self.logmel(waveforms, lengths)
        frames = relative_levels(frames, counts, range_db=60.0)
        pool = masked_mean if self.options.pooling == "mean" else masked_statistics
        return pool(frames, counts).unsqueeze(1), torch.ones_like(counts)

    def vectors(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What :meth:`front_end` gave -> (B, P), before any statistic of the training set is used."""
        return features.squeeze(1) if self.source is None else self.source.classify(features, lengths)

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """What :meth:`front_end` gave -> outputs (B, K), computed in float64 unless the network was cast."""
        x = (self.vectors(features, lengths).to(self.mean.dtype) - self.mean) / self.deviation
        outputs: Tensor = self.head(x)
        return outputs.to(features.dtype)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        """Waveforms (B, T) and lengths (B,) -> outputs (B, K)."""
        return self.classify(*self.front_end(waveforms, lengths))

    def sums(self, vectors: Tensor, labels: Tensor) -> HeadSums:
        """The sums that :meth:`solve` needs of recordings: (N, P) from :meth:`vectors`, and (N,)."""
        by_class = self.options.balanced and self.options.head == "ridge"
        return HeadSums.of(vectors, labels, n_classes=self.head.out_features, by_class=by_class)

    def solve(self, sums: HeadSums) -> None:
        """Set normaliser and head, in place, to what the recordings in the sums give."""
        options = self.options
        counts = sums.counts.double()
        there = counts > 0
        # what a recording of each class counts, and the share of each class after that
        weights = torch.ones_like(counts)
        if options.balanced:
            weights = torch.where(there, counts.sum() / (there.sum() * counts.clamp_min(1.0)), 0.0)
        shares = weights * counts / counts.sum()
        if options.head == "ridge":
            mean = (weights @ sums.vectors) / sums.count
            factor = weights if len(sums.moments) == len(counts) else weights.new_ones(1)
            moment = torch.tensordot(factor, sums.moments, 1) / sums.count
        else:  # the normaliser only conditions the problem
            mean = sums.vectors.sum(0) / sums.count
            moment = sums.moments.sum(0) / sums.count
        covariance = moment - torch.outer(mean, mean)
        deviation = (covariance.diagonal().clamp_min(0.0) + 1e-6).sqrt()
        if options.head == "ridge":
            weight, bias = self._ridge(sums, weights, shares, mean, deviation, covariance)
        else:
            weight, bias = self._lda(sums, shares, mean, deviation, covariance)
        temperature = options.temperature or (0.2 if options.head == "ridge" else 8.0)
        with torch.no_grad():
            self.mean.copy_(mean)
            self.deviation.copy_(deviation)
            self.head.weight.copy_(weight / temperature)
            self.head.bias.copy_(bias / temperature)

    def _ridge(
        self, sums: HeadSums, weights: Tensor, shares: Tensor, mean: Tensor, deviation: Tensor, covariance: Tensor
    ) -> tuple[Tensor, Tensor]:
        correlation = covariance / torch.outer(deviation, deviation)
        cross = weights[:, None] * (sums.vectors - sums.counts.double()[:, None] * mean) / sums.count / deviation
        return _solved(correlation, cross, self.options.penalty), shares

    def _lda(
        self, sums: HeadSums, shares: Tensor, mean: Tensor, deviation: Tensor, covariance: Tensor
    ) -> tuple[Tensor, Tensor]:
        counts = sums.counts.double()
        centres = (sums.vectors / counts.clamp_min(1.0)[:, None] - mean) / deviation
        there = counts > 0
        centres[~there] = centres[there].mean(0)
        between = (centres * (counts / counts.sum())[:, None]).T @ centres
        within = covariance / torch.outer(deviation, deviation) - between
        gamma = self.options.shrinkage
        weight = _solved((1 - gamma) * within, centres, gamma * float(within.diagonal().mean()))
        bias = shares.clamp_min(1e-9).log() - 0.5 * (weight * centres).sum(1)
        # a class without recordings is less likely than the mean of the others, so it is never predicted
        bias[~there] = bias[there].mean() - 20.0
        return weight, bias


def _solved(matrix: Tensor, rows: Tensor, ridge: float) -> Tensor:
    """Rows times (matrix + ridge)^-1, (K, P)."""
    factor = torch.linalg.cholesky(matrix + ridge * torch.eye(len(matrix), dtype=matrix.dtype))
    return torch.cholesky_solve(rows.T, factor).T


FAMILY = Family(
    network=RidgeNetwork,
    options=RidgeOptions,
    # the head is solved at once: of the settings only the share that is held out and the memory count
    recipe={"epochs": 1, "label_smoothing": 0.0, "class_weights": False},
    not_front_end=frozenset({"balanced", "download", "encoder", "head", "penalty", "shrinkage", "temperature"}),
)
