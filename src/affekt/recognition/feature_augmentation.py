"""Feature vectors made from other feature vectors: noise, mixup, SMOTE; and the interface of all that make some.

An augmenter is fitted on the vectors that the last layer of a recogniser reads and makes further ones of a class. The
ones here need no training; those that learn to generate are in :mod:`affekt.recognition.generators`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.types import FloatArray, IntArray

__all__ = ["Augmenter", "Mixup", "Noise", "Samples", "Smote", "Training", "checked", "fill_up", "wanted"]


class Training(NamedTuple):
    """Feature vectors that an augmenter learns from."""

    features: FloatArray
    """(N, D) float32."""
    labels: IntArray
    """Classes, (N,), 0 to K - 1."""
    n_classes: int
    """K."""
    text: FloatArray | None = None
    """Text features of the same rows, (N, E) float32."""


class Samples(NamedTuple):
    """Feature vectors that were made."""

    features: FloatArray
    """(M, D) float32."""
    shares: FloatArray
    """How much of each class is in each vector, (M, K) float32; rows sum to 1, and most of them hold one 1."""
    text: FloatArray | None = None
    """Text features that belong to them, (M, E): those they were made from, or those made with them as pairs."""

    @property
    def labels(self) -> IntArray:
        """The class each vector was made for, (M,)."""
        found: IntArray = self.shares.argmax(1).astype(np.int64)
        return found


class Augmenter(Protocol):
    """Fitted on vectors, makes more of them; the same seed, the same vectors."""

    def fit(self, training: Training, *, seed: int) -> None:
        """Learn from vectors; everything that is kept of them lies in the augmenter."""

    def sample(self, counts: Sequence[int] | IntArray, *, seed: int) -> Samples:
        """Make ``counts[k]`` vectors of each class k, in the order of the classes."""


def checked(training: Training) -> Training:
    """The same, if it can be learned from.

    Raises:
        ShapeError: arrays do not fit each other.
        DataError: there are no vectors, a label is out of range, or a number is not finite.
    """
    features, labels, n_classes, text = training
    if features.ndim != 2 or labels.shape != features.shape[:1] or (text is not None and len(text) != len(features)):
        shape = None if text is None else text.shape
        raise ShapeError(
            f"features {features.shape}, labels {labels.shape} and text {shape} do not fit; (N, D), (N,) and (N, E) "
            "were expected; give one row of each an utterance."
        )
    if not len(features) or int(labels.min()) < 0 or int(labels.max()) >= n_classes:
        raise DataError(
            f"there are {len(features)} vectors of {n_classes} classes with labels {sorted(set(labels.tolist()))[:5]}; "
            "one or more with labels from 0 to K - 1 were expected; leave out what has no label."
        )
    if not np.isfinite(features).all() or (text is not None and not np.isfinite(text).all()):
        raise DataError("a feature is not finite; finite numbers were expected; look for damaged recordings.")
    return training


def fill_up(counts: Sequence[int] | IntArray, total: int) -> IntArray:
    """How many to add to each class so that the smallest grow first: water poured into a vessel with steps.

    Args:
        counts: what there is of each class, (K,).
        total: how many to add in all.

    Returns:
        (K,), summing to ``total``. Classes that end up level differ by one at most.

    Raises:
        ConfigError: the total is negative.

    Example:
        >>> fill_up([10, 2, 5], 6).tolist()
        [0, 5, 1]
        >>> fill_up([4, 4], 3).tolist()
        [2, 1]
    """
    have = np.asarray(counts, dtype=np.int64)
    if total < 0:
        raise ConfigError(f"{total} vectors cannot be added; 0 or more were expected; change the ratio.")
    order = np.argsort(have, kind="stable")
    sizes = have[order]
    # with the n smallest classes at one level the water holds total + their sum
    levels = (total + np.cumsum(sizes)) // np.arange(1, len(sizes) + 1)
    above = np.append(sizes[1:], np.iinfo(np.int64).max)
    wet = int(np.argmax(levels <= above)) + 1
    level = (total + int(sizes[:wet].sum())) // wet
    added = np.zeros(len(sizes), np.int64)
    added[:wet] = level - sizes[:wet]
    added[: total - int(added.sum())] += 1
    found = np.empty_like(added)
    found[order] = added
    return found


@dataclass(kw_only=True)
class Noise:
    """Copies of vectors of the class with Gaussian noise."""

    scale: float = 0.3
    """Standard deviation of the noise, in standard deviations of each feature over the training vectors."""

    def __post_init__(self) -> None:
        if not self.scale >= 0:
            raise ConfigError(f"scale is {self.scale}; 0 or more was expected; change it.")

    def fit(self, training: Training, *, seed: int) -> None:
        """Keep the vectors; nothing is random here."""
        self._training = checked(training)
        self._spread = training.features.std(0)

    def sample(self, counts: Sequence[int] | IntArray, *, seed: int) -> Samples:
        """See :class:`Augmenter`."""
        generator = np.random.default_rng([seed, 31])
        rows, shares = _drawn(self._training, counts, generator)
        noise = generator.standard_normal((len(rows), self._training.features.shape[1]))
        features = self._training.features[rows] + self.scale * self._spread * noise
        return Samples(features.astype(np.float32), shares, _text(self._training, rows))


@dataclass(kw_only=True)
class Mixup:
    """Weighted means of a vector of the class and one of any class, with the classes mixed alike.

    Source: Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018. Ours: the larger weight goes to the
    class that was asked for, so that classes can be filled up.
    """

    alpha: float = 0.4
    """The weight is drawn from Beta(alpha, alpha); the smaller, the less is mixed in."""

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise ConfigError(f"alpha is {self.alpha}; a positive number was expected; change it.")

    def fit(self, training: Training, *, seed: int) -> None:
        """Keep the vectors; nothing is random here."""
        self._training = checked(training)

    def sample(self, counts: Sequence[int] | IntArray, *, seed: int) -> Samples:
        """See :class:`Augmenter`; the text is that of the vector with the larger weight."""
        generator = np.random.default_rng([seed, 32])
        features, labels, n_classes, _ = self._training
        rows, shares = _drawn(self._training, counts, generator)
        others = generator.integers(0, len(features), len(rows))
        weight = generator.beta(self.alpha, self.alpha, len(rows))
        weight = np.maximum(weight, 1.0 - weight)[:, None]  # (M, 1)
        mixed = weight * features[rows] + (1.0 - weight) * features[others]
        shares = weight * shares + (1.0 - weight) * np.eye(n_classes)[labels[others]]
        return Samples(mixed.astype(np.float32), shares.astype(np.float32), _text(self._training, rows))


@dataclass(kw_only=True)
class Smote:
    """Points on the lines between a vector and one of its nearest neighbours of the same class.

    A class with a single vector gives copies of it. Distances are taken with every feature divided by its standard
    deviation.

    Source: Chawla et al., "SMOTE: synthetic minority over-sampling technique", JAIR 16, 2002.
    """

    neighbours: int = 5
    """Nearest vectors of the class to choose from; fewer where the class has fewer."""

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ConfigError(f"neighbours is {self.neighbours}; 1 or more was expected; change it.")

    def fit(self, training: Training, *, seed: int) -> None:
        """Find the neighbours; nothing is random here."""
        self._training = checked(training)
        features, labels, n_classes, _ = training
        scaled = features / np.maximum(features.std(0), 1e-6)
        self._near: list[IntArray] = []  # of each row, rows of its neighbours
        near: dict[int, IntArray] = {}
        for k in range(n_classes):
            members = np.flatnonzero(labels == k)
            square = (scaled[members] ** 2).sum(1)
            distances = square[:, None] + square[None] - 2.0 * scaled[members] @ scaled[members].T
            np.fill_diagonal(distances, np.inf)
            order = np.argsort(distances, axis=1, kind="stable")[:, : min(self.neighbours, len(members) - 1)]
            for position, row in enumerate(members):
                near[int(row)] = members[order[position]] if len(members) > 1 else members
        self._near = [near[row] for row in range(len(labels))]

    def sample(self, counts: Sequence[int] | IntArray, *, seed: int) -> Samples:
        """See :class:`Augmenter`; the text is that of the vector the line starts at."""
        generator = np.random.default_rng([seed, 33])
        features = self._training.features
        rows, shares = _drawn(self._training, counts, generator)
        picks = generator.random(len(rows))
        ends = np.array(
            [self._near[row][int(pick * len(self._near[row]))] for row, pick in zip(rows, picks, strict=True)], np.int64
        )
        along = generator.random((len(rows), 1))
        made = features[rows] + along * (features[ends] - features[rows])
        return Samples(made.astype(np.float32), shares, _text(self._training, rows))


def _drawn(
    training: Training, counts: Sequence[int] | IntArray, generator: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Rows of each class drawn with replacement, (M,), and their classes one-hot, (M, K)."""
    counts = wanted(counts, training)
    rows: list[npt.NDArray[np.int64]] = []
    for k, count in enumerate(counts):
        members = np.flatnonzero(training.labels == k)
        rows.append(generator.choice(members, int(count)) if count else np.empty(0, np.int64))
    drawn = np.concatenate(rows)
    return drawn, np.eye(training.n_classes, dtype=np.float32)[training.labels[drawn]]


def wanted(counts: Sequence[int] | IntArray, training: Training) -> IntArray:
    """Counts of each class as an array, if they can be had.

    Raises:
        ShapeError: there is not one count a class.
        DataError: a count is negative, or one of a class without a training vector.
    """
    found = np.asarray(counts, dtype=np.int64)
    if found.shape != (training.n_classes,):
        raise ShapeError(
            f"counts have the shape {found.shape}; ({training.n_classes},) was expected; give one a class."
        )
    there = np.bincount(training.labels, minlength=training.n_classes)
    if (found < 0).any() or (found[there == 0] > 0).any():
        raise DataError(
            f"{found.tolist()} vectors of classes with {there.tolist()} training vectors cannot be made; 0 or more, "
            "and 0 where there is nothing to learn from, were expected; change the counts."
        )
    return found


def _text(training: Training, rows: IntArray) -> FloatArray | None:
    return None if training.text is None else training.text[rows]
