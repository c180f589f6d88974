"""Emotion and intent scored together: the joint recognition balance metric of the MEIJU challenge.

JRBM is the harmonic mean of one F1 of emotions and one of intents: weighted F1 (each class counts as often as it
occurs) in the challenge's first track, micro F1 (which is accuracy) in the second. The challenge's code adds 1e-6 to
the denominator; here JRBM is 0 where both are 0 and exact elsewhere. Weighted F1 hides rare classes: report UAR or
macro F1 beside it.

Source: MEIJU 2025 (ICASSP 2025 grand challenge on multimodal emotion and intent joint understanding).
"""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray
from affekt.metrics.intervals import Interval, bootstrap_sums

__all__ = ["JointLabels", "joint_balance", "jrbm", "jrbm_difference", "jrbm_interval", "weighted_f1"]

Average: TypeAlias = Literal["weighted", "micro"]


class JointLabels(NamedTuple):
    """Emotion and intent of N utterances, true or predicted."""

    emotions: npt.ArrayLike
    """Class indices, (N,)."""
    intents: npt.ArrayLike
    """Class indices, (N,)."""


def weighted_f1(truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int | None = None) -> float:
    """F1 of each class weighted by its share of the truth, in [0, 1]; a class never predicted has F1 0.

    Args:
        truth: class indices, (N,).
        prediction: class indices, (N,).
        n_classes: K; None is what the labels imply.

    Raises:
        ShapeError, DataError: labels are not two (N,) of class indices.
    """
    first, second = _inputs.pair(truth, prediction, n_classes=n_classes)
    size = _inputs.class_count(first, second, n_classes)
    return float(_score(_cells(first, second, size).sum(0), size, "weighted"))


def joint_balance(emotion: float, intent: float) -> float:
    """Harmonic mean of a score of emotions and one of intents, both in [0, 1]; 0 where both are 0.

    Example:
        >>> round(joint_balance(0.3174, 0.3944), 6)
        0.351735
    """
    return float(_harmonic(np.asarray(emotion, np.float64), np.asarray(intent, np.float64)))


def jrbm(
    truth: JointLabels, prediction: JointLabels, *, n_emotions: int, n_intents: int, average: Average = "weighted"
) -> float:
    """Joint recognition balance metric, in [0, 1].

    Args:
        truth: emotions and intents.
        prediction: of the same utterances.
        n_emotions: number of emotions.
        n_intents: number of intents.
        average: ``weighted`` or ``micro`` F1 for both.

    Raises:
        ConfigError: the average is neither.
        ShapeError, DataError: labels are not (N,) of class indices.

    Example:
        >>> truth = JointLabels(emotions=[0, 1, 1, 0], intents=[0, 1, 2, 0])
        >>> jrbm(truth, truth, n_emotions=2, n_intents=3)
        1.0
    """
    columns, sizes = _columns(truth, prediction, n_emotions, n_intents, average)
    return float(_joint(columns.sum(0), sizes, average))


def jrbm_interval(
    truth: JointLabels,
    prediction: JointLabels,
    *,
    n_emotions: int,
    n_intents: int,
    average: Average = "weighted",
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> Interval:
    """JRBM with its bootstrap interval; emotion and intent of an utterance are resampled together.

    Args:
        truth, prediction, n_emotions, n_intents, average: as :func:`jrbm`.
        clusters, resamples, level, seed, cluster_unit: as :func:`affekt.metrics.bootstrap`.

    Raises:
        ConfigError, ShapeError, DataError: as :func:`jrbm` and :func:`affekt.metrics.bootstrap_sums`.
    """
    columns, sizes = _columns(truth, prediction, n_emotions, n_intents, average)
    return bootstrap_sums(
        columns,
        lambda sums: _joint(sums, sizes, average),
        clusters=clusters,
        resamples=resamples,
        level=level,
        seed=seed,
        cluster_unit=cluster_unit,
    )


def jrbm_difference(
    truth: JointLabels,
    first: JointLabels,
    second: JointLabels,
    *,
    n_emotions: int,
    n_intents: int,
    average: Average = "weighted",
    relative: bool = False,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    cluster_unit: str = "speaker",
) -> Interval:
    """JRBM(first) - JRBM(second) of two models on the same utterances, resampled together.

    Args:
        truth: emotions and intents.
        first: what one model says.
        second: what the other says.
        n_emotions, n_intents, average, clusters, resamples, level, seed, cluster_unit: as :func:`jrbm_interval`.
        relative: divide the difference by JRBM(second).

    Raises:
        ConfigError, ShapeError, DataError: as :func:`jrbm_interval`.
    """
    one, sizes = _columns(truth, first, n_emotions, n_intents, average)
    two, _ = _columns(truth, second, n_emotions, n_intents, average)
    width = one.shape[1]

    def change(sums: RealArray) -> RealArray:
        base = _joint(sums[..., width:], sizes, average)
        gain = _joint(sums[..., :width], sizes, average) - base
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(gain / base if relative else gain, np.float64)

    return bootstrap_sums(
        np.concatenate([one, two], axis=1),
        change,
        clusters=clusters,
        resamples=resamples,
        level=level,
        seed=seed,
        cluster_unit=cluster_unit,
    )


def _columns(
    truth: JointLabels, prediction: JointLabels, n_emotions: int, n_intents: int, average: Average
) -> tuple[RealArray, tuple[int, int]]:
    """Cells of both confusion matrices of each utterance, (N, K K + I I), and (K, I)."""
    if average not in ("weighted", "micro"):
        raise ConfigError(f"average is '{average}'; weighted or micro was expected; choose one.")
    emotions = _inputs.pair(truth.emotions, prediction.emotions, n_classes=n_emotions)
    intents = _inputs.pair(truth.intents, prediction.intents, n_classes=n_intents)
    if len(emotions[0]) != len(intents[0]):
        raise ShapeError(
            f"emotions and intents differ in length (got {len(emotions[0])} and {len(intents[0])}); one of each an "
            "utterance was expected; align them by utterance."
        )
    cells = [_cells(*emotions, n_emotions), _cells(*intents, n_intents)]
    return np.concatenate(cells, axis=1), (n_emotions, n_intents)


def _cells(truth: IntVector, prediction: IntVector, size: int) -> RealArray:
    """One-hot cell of the confusion matrix of each utterance, (N, K K)."""
    return np.asarray(np.eye(size * size)[truth * size + prediction])


def _score(cells: RealArray, size: int, average: Average) -> RealArray:
    """F1 of sums of cells (..., K K), (...)."""
    matrix = cells.reshape(*cells.shape[:-1], size, size)  # (..., truth, prediction)
    hits: RealArray = np.diagonal(matrix, axis1=-2, axis2=-1)  # (..., K)
    total = matrix.sum((-2, -1))
    if average == "micro":
        return np.asarray(hits.sum(-1) / total)
    true, said = matrix.sum(-1), matrix.sum(-2)
    f1 = 2.0 * hits / np.maximum(true + said, 1.0)
    return np.asarray((f1 * true).sum(-1) / total, np.float64)


def _joint(cells: RealArray, sizes: tuple[int, int], average: Average) -> RealArray:
    border = sizes[0] ** 2
    return _harmonic(_score(cells[..., :border], sizes[0], average), _score(cells[..., border:], sizes[1], average))


def _harmonic(first: RealArray, second: RealArray) -> RealArray:
    total = first + second
    return np.asarray(np.where(total > 0.0, 2.0 * first * second / np.where(total > 0.0, total, 1.0), 0.0))
