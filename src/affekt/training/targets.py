"""What a model shall learn of a corpus: one emotion an utterance, the raters' votes, attributes, or several at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from affekt.corpora import Corpus
from affekt.corpora.ratings import soft_labels
from affekt.errors import DataError
from affekt.losses import ccc_loss, class_weights, cross_entropy, effective_number_weights, soft_cross_entropy
from affekt.models import EmotionModel, Heads, ModelConfig
from affekt.training.config import TrainConfig
from affekt.training.features import FeatureStore
from affekt.types import FloatArray, IntArray

__all__ = ["Objective", "TargetBatch", "Targets", "attribute_range", "targets_of"]


class TargetBatch(NamedTuple):
    """Targets of some utterances as tensors."""

    labels: Tensor
    """Class indices, (B,); -1 where there is none."""
    shares: Tensor | None
    """Distributions over the classes, (B, K), for soft and multi-label targets."""
    attributes: Tensor
    """(B, A) on the scale of the outputs; NaN where nobody rated."""
    intents: Tensor
    """Indices of intents, (B,); -1 where there is none."""
    rows: Tensor
    """Which rows of the store, (B,)."""


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Targets of every utterance of a corpus."""

    labels: IntArray
    """Class indices, (N,); -1 where an utterance has no emotion (never with hard targets alone, unless a method says
    that it learns from such utterances too)."""
    shares: FloatArray | None
    """Distributions over the classes, (N, K), for soft and multi-label targets; NaN where nobody voted for a class."""
    attributes: FloatArray
    """(N, A); 0 and 1 are the ends of the raters' scale, NaN is missing."""
    intents: IntArray
    """Indices of intents, (N,); -1 where there is none."""

    @property
    def usable(self) -> IntArray:
        """Rows with something to learn, in order."""
        emotion = np.asarray(self.labels >= 0 if self.shares is None else ~np.isnan(self.shares).any(1))
        rated = ~np.isnan(self.attributes).all(1) if self.attributes.shape[1] else np.zeros(len(self.labels), np.bool_)
        return np.flatnonzero(emotion | rated | (self.intents >= 0))

    def batch(self, rows: IntArray, device: torch.device | None = None) -> TargetBatch:
        """The targets of some rows, as tensors."""
        shares = None if self.shares is None else torch.as_tensor(self.shares[rows], dtype=torch.float32, device=device)
        return TargetBatch(
            labels=torch.as_tensor(self.labels[rows], device=device),
            shares=shares,
            attributes=torch.as_tensor(self.attributes[rows], dtype=torch.float32, device=device),
            intents=torch.as_tensor(self.intents[rows], device=device),
            rows=torch.as_tensor(rows, device=device),
        )


def attribute_range(corpus: Corpus, attributes: tuple[str, ...]) -> tuple[float, float]:
    """Ends of the scale that attributes are learned on: those the corpus states, else the extremes it holds.

    Raises:
        DataError: the corpus states no scale and its attributes do not vary.
    """
    if not attributes:
        return 0.0, 1.0
    if corpus.scale is not None:
        return corpus.scale
    values = corpus.table.select(attributes).to_numpy().astype(np.float64)
    if np.isnan(values).all() or not np.nanmin(values) < np.nanmax(values):
        raise DataError(
            f"corpus '{corpus.name}' has no values of {', '.join(attributes)} that vary; ratings on one scale were "
            "expected; fill these columns, and state the scale in corpus.toml (scale = [1, 7])."
        )
    return float(np.nanmin(values)), float(np.nanmax(values))


def targets_of(corpus: Corpus, model: ModelConfig, config: TrainConfig, *, partly: bool = False) -> Targets:
    """What a model shall learn of a corpus.

    Args:
        corpus: utterances; its ratings are needed for soft and multi-label targets.
        model: classes, attributes and their range.
        config: the kind of target.
        partly: whether an emotion may be missing (hard).

    Raises:
        DataError: an emotion is missing or unknown (hard), there are no ratings (soft), or nothing can be learned.
    """
    size = len(corpus)
    shares: FloatArray | None = None
    labels: IntArray
    if not model.classes:
        labels = np.full(size, -1, np.int64)
    elif config.target == "hard" and not partly:
        labels = corpus.labels()
    elif config.target == "hard":
        known = np.flatnonzero(corpus.table["emotion"].is_not_null().to_numpy())
        labels = np.full(size, -1, np.int64)
        labels[known] = corpus.select(known).labels()
    else:
        labels = _known_labels(corpus, model.classes)
        shares = _shares(corpus, model.classes, config)
    low, high = model.attribute_range
    columns = [corpus.table[name].to_numpy().astype(np.float64) for name in model.attributes]
    raw = np.stack(columns, axis=1) if columns else np.empty((size, 0))
    found = Targets(
        labels=labels,
        shares=shares,
        attributes=(raw - low) / (high - low),
        intents=_indices(corpus.table["intent"].to_list(), model.intents),
    )
    if model.intents and (found.intents < 0).all():
        raise DataError(
            f"corpus '{corpus.name}' has no intent of {', '.join(model.intents)} in these {size} utterances; fill its "
            "column intent or train without intents."
        )
    for position, name in enumerate(model.attributes):
        if np.isnan(found.attributes[:, position]).all():
            raise DataError(
                f"corpus '{corpus.name}' has no {name} in these {size} utterances; ratings were expected; fill the "
                "column or leave the attribute out."
            )
    if not len(found.usable):
        raise DataError(f"corpus '{corpus.name}' has nothing to learn in these {size} utterances; label some of them.")
    return found


class Objective:
    """The loss of a model's outputs against targets, summed over its heads; methods with another loss subclass it.

    Args:
        config: which targets, their weights.
        targets: of the training corpus.
        rows: what is trained on; class weights are counted there.
        n_classes: K.
    """

    def __init__(self, config: TrainConfig, targets: Targets, rows: IntArray, *, n_classes: int) -> None:
        self.config = config
        self.targets = targets
        self.weights: Tensor | None = None
        if n_classes and config.class_weights:
            if targets.shares is None:
                labels = targets.labels[rows]
                self.weights = class_weights(labels[labels >= 0], n_classes)
            else:
                counts = torch.as_tensor(np.nansum(targets.shares[rows], axis=0))
                self.weights = effective_number_weights(counts)

    def to(self, device: torch.device) -> "Objective":
        """The same objective with its weights on a device."""
        self.weights = None if self.weights is None else self.weights.to(device)
        return self

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """Called before each epoch, counted from 0."""

    def loss(self, model: EmotionModel, features: Tensor, lengths: Tensor, batch: TargetBatch) -> Tensor:
        """The training loss of a batch.

        Args:
            model: in training mode.
            features: (B, F, ...), from the front end.
            lengths: (B,), in frames.
            batch: targets of the same rows.
        """
        return self.heads_loss(model.heads(features, lengths), batch)

    def dev_loss(self, model: EmotionModel, store: FeatureStore, targets: Targets, heads: Heads) -> float:
        """What is compared between epochs, on the development speakers.

        Args:
            model: in evaluation mode.
            store: of the development side.
            targets: of all its rows.
            heads: what the model says of all its rows, float64.
        """
        return float(self.plain_loss(heads, targets.batch(np.arange(len(store)))))

    def figures(self) -> dict[str, float]:
        """What is worth noting of the epoch besides its loss, by name; asked for once an epoch."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Tensors that a resumed run needs besides the model's."""
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take up what :meth:`state` gave."""

    def heads_loss(self, heads: Heads, batch: TargetBatch) -> Tensor:
        """The loss of outputs: weighted, smoothed."""
        return self._loss(heads, batch, weights=self.weights, smoothing=self.config.label_smoothing)

    def plain_loss(self, heads: Heads, batch: TargetBatch) -> Tensor:
        """The loss that is compared between epochs: neither weighted nor smoothed."""
        return self._loss(heads, batch, weights=None, smoothing=0.0)

    def _loss(self, heads: Heads, batch: TargetBatch, *, weights: Tensor | None, smoothing: float) -> Tensor:
        parts: list[Tensor] = []
        if heads.logits.shape[1]:
            parts.append(_emotion_loss(heads.logits, batch, weights=weights, smoothing=smoothing))
        if heads.attributes.shape[1]:
            parts.append(self.config.attribute_weight * ccc_loss(heads.attributes, batch.attributes).sum())
        if heads.intents.shape[1]:
            told = batch.intents >= 0
            loss = cross_entropy(heads.intents[told], batch.intents[told], label_smoothing=smoothing)
            parts.append(self.config.intent_weight * (loss if told.any() else heads.intents.sum() * 0.0))
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum()


def _emotion_loss(logits: Tensor, batch: TargetBatch, *, weights: Tensor | None, smoothing: float) -> Tensor:
    if batch.shares is None:
        known = batch.labels >= 0
        if not known.all():  # only an intent or an attribute is known of the others
            logits, batch = logits[known], batch._replace(labels=batch.labels[known])
        if not len(logits):
            return logits.sum() * 0.0
        return cross_entropy(logits, batch.labels, weights=weights, label_smoothing=smoothing)
    voted = ~torch.isnan(batch.shares).any(1)
    if not voted.any():
        return logits.sum() * 0.0
    return soft_cross_entropy(logits[voted], batch.shares[voted], weights=weights, label_smoothing=smoothing)


def _known_labels(corpus: Corpus, classes: tuple[str, ...]) -> IntArray:
    """Class indices, -1 where an utterance has no emotion or another one."""
    return _indices(corpus.emotions, classes)


def _indices(values: Sequence[str | None], classes: tuple[str, ...]) -> IntArray:
    index = {name: k for k, name in enumerate(classes)}
    return np.array([index.get(value or "", -1) for value in values], np.int64)


def _shares(corpus: Corpus, classes: tuple[str, ...], config: TrainConfig) -> FloatArray:
    if corpus.ratings is None:
        raise DataError(
            f"corpus '{corpus.name}' has no ratings, which {config.target} targets are made of; a ratings table was "
            "expected; add ratings.csv or train with target = 'hard'."
        )
    return soft_labels(corpus, classes=classes, secondary_weight=config.secondary_weight)
