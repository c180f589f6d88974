"""Calibration: whether a model that says 70 % is right 70 % of the time, and the temperature that mends it.

Conventions: the confidence of an utterance is the probability of the predicted class; bins are open below and closed
above, K = 15 of equal width by default, and empty ones count nothing. The Brier score is the sum over the classes, 0
to 2. Probabilities are natural ones (softmax); the negative log-likelihood is in nats.

An expected calibration error is never negative, so it is above 0 even for a perfectly calibrated model: the fewer
utterances and the more bins, the higher. Its bootstrap interval shares that bias; compare it with that of another model
on the same utterances, not with 0.

Source: Guo et al. 2017 (ECE, temperature scaling); Nixon et al. 2019 (class-wise and equal-mass variants); Brier 1950.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray
from affekt.metrics.intervals import Interval, bootstrap_sums, bootstrap_values
from affekt.metrics.outputs import cross_entropy, probabilities

__all__ = [
    "Calibration",
    "ReliabilityBin",
    "Temperature",
    "brier",
    "classwise_ece",
    "ece",
    "fit_temperature",
    "nll",
    "reliability",
    "score_calibration",
]

Binning = Literal["mass", "width"]

_COLDEST, _HOTTEST = 0.05, 20.0
"""Limits of a temperature; a set without a wrong answer would ask for 0."""


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """The utterances whose confidence falls into one bin."""

    low: float
    """Lower end, not in the bin (but 0 is in the first)."""
    high: float
    """Upper end, in the bin."""
    utterances: int
    confidence: float | None
    """Mean confidence; None for an empty bin."""
    accuracy: float | None
    """Share that is right; None for an empty bin."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How well probabilities match what happens, with intervals."""

    ece: Interval
    """Of the predicted class, bins of equal width."""
    adaptive_ece: Interval
    """Of the predicted class, bins of equal mass."""
    classwise_ece: Interval
    """Mean over the classes, each probability against how often the class is there."""
    brier: Interval
    """Sum over the classes of the squared error, 0 to 2."""
    nll: Interval
    """Negative log-likelihood of the true class, nats."""
    confidence: float
    """Mean confidence; above the accuracy the model is too sure."""
    bins: tuple[ReliabilityBin, ...]
    """The reliability diagram."""


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """What logits are divided by."""

    value: float
    """Above 1 softens the probabilities; no prediction changes."""
    nll_before: float
    """Negative log-likelihood of the utterances it was fitted on, nats."""
    nll_after: float
    """The same with the temperature."""
    utterances: int
    at_limit: bool
    """Whether it lies at a limit (0.05 or 20) that keeps it finite: the utterances alone did not determine it."""


def ece(probs: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15, binning: Binning = "width") -> float:
    """Expected calibration error of the predicted class: sum over bins of n_b / N abs(confidence_b - accuracy_b).

    Args:
        probs: (N, K), rows sum to 1.
        labels: class indices, (N,).
        bins: number of bins.
        binning: "width", bins of equal width on [0, 1]; "mass", about equally many utterances in each (equal
            confidences stay together).

    Returns:
        In [0, 1].

    Raises:
        ConfigError: no bin, or an unknown binning.
        ShapeError: shapes do not match.
        DataError: empty, no probabilities, or a label out of range.

    Example:
        >>> round(ece([[0.8, 0.2], [0.6, 0.4]], [0, 1]), 4)
        0.4
    """
    array, truth = _checked(probs, labels)
    return float(_error(_top_columns(array, truth, bins, binning).sum(axis=0)))


def classwise_ece(probs: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15, binning: Binning = "width") -> float:
    """Mean over the classes of the calibration error of the class's own probability.

    Args:
        probs: (N, K), rows sum to 1.
        labels: class indices, (N,).
        bins: number of bins of each class.
        binning: as for :func:`ece`.

    Returns:
        In [0, 1]; over all K classes, those that do not occur too.

    Raises:
        ConfigError, ShapeError, DataError: as :func:`ece`.
    """
    array, truth = _checked(probs, labels)
    return float(_error(_class_columns(array, truth, bins, binning).sum(axis=0)) / array.shape[1])


def brier(probs: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Brier score: mean over utterances of the sum over classes of (p_k - [k is true])^2.

    Args:
        probs: (N, K), rows sum to 1.
        labels: class indices, (N,).

    Returns:
        In [0, 2]; 1 - 1/K for a model that always says 1/K.

    Raises:
        ShapeError, DataError: as :func:`ece`.

    Example:
        >>> round(brier([[0.8, 0.2]], [0]), 4)
        0.08
    """
    return float(_squares(*_checked(probs, labels)).mean())


def nll(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Mean negative log-likelihood of the true class, nats; from logits, so that it is never infinite.

    Args:
        logits: (N, K); for probabilities p, log p.
        labels: class indices, (N,).

    Returns:
        0 or more; ln K for a model that always says 1/K.

    Raises:
        ShapeError, DataError: as ``cross_entropy``.
    """
    return float(cross_entropy(logits, labels).mean())


def reliability(
    probs: npt.ArrayLike, labels: npt.ArrayLike, *, bins: int = 15, binning: Binning = "width"
) -> tuple[ReliabilityBin, ...]:
    """The reliability diagram: confidence and accuracy in bins of confidence.

    Args:
        probs: (N, K), rows sum to 1.
        labels: class indices, (N,).
        bins: number of bins; equal confidences can leave fewer of equal mass.
        binning: as for :func:`ece`.

    Returns:
        All bins, empty ones too.

    Raises:
        ConfigError, ShapeError, DataError: as :func:`ece`.
    """
    array, truth = _checked(probs, labels)
    confidence = array.max(axis=1)
    right = array.argmax(axis=1) == truth
    edges = _edges(confidence, bins, binning)
    place = _place(confidence, edges)
    found = []
    for number in range(edges.size - 1):
        inside = place == number
        count = int(inside.sum())
        found.append(
            ReliabilityBin(
                low=float(edges[number]),
                high=float(edges[number + 1]),
                utterances=count,
                confidence=float(confidence[inside].mean()) if count else None,
                accuracy=float(right[inside].mean()) if count else None,
            )
        )
    return tuple(found)


def fit_temperature(logits: npt.ArrayLike, labels: npt.ArrayLike) -> Temperature:
    """Find the temperature T with the least negative log-likelihood of softmax(logits / T).

    Fit it on utterances that are not scored afterwards. The likelihood has one maximum in T, so a line search finds it.

    Args:
        logits: (N, K).
        labels: class indices, (N,).

    Returns:
        The temperature.

    Raises:
        ShapeError: shapes do not match.
        DataError: empty, not finite, or a label out of range.

    Example:
        >>> round(fit_temperature([[2.0, 0.0]] * 4, [0, 0, 0, 1]).value, 4)  # 3 of 4 are right: 2 / ln 3
        1.8205
    """
    scores = _inputs.reals("logits", logits, ndim=2)
    before = nll(scores, labels)

    def at(log_temperature: float) -> float:
        return nll(scores / np.exp(log_temperature), labels)

    limits = (float(np.log(_COLDEST)), float(np.log(_HOTTEST)))
    found = minimize_scalar(at, bounds=limits, method="bounded", options={"xatol": 1e-10})
    place = min(((float(found.x), float(found.fun)), *((limit, at(limit)) for limit in limits)), key=lambda one: one[1])
    return Temperature(
        value=float(np.exp(place[0])),
        nll_before=before,
        nll_after=place[1],
        utterances=len(scores),
        at_limit=min(abs(place[0] - limit) for limit in limits) < 1e-3,
    )


def score_calibration(
    logits: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    bins: int = 15,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Calibration:
    """All calibration scores, with intervals from resampling speakers.

    Args:
        logits: (N, K).
        labels: class indices, (N,).
        clusters: speaker of each utterance, (N,); None resamples utterances.
        bins: number of bins; they stay where they are in every resample.
        resamples: number of resamples.
        level: confidence level.
        seed: seed of the resampling.

    Returns:
        The scores.

    Raises:
        ConfigError, ShapeError, DataError: as :func:`ece` and ``bootstrap``.
    """
    array, truth = _checked(probabilities(logits), labels)
    size = array.shape[1]
    chosen = {"clusters": clusters, "resamples": resamples, "level": level, "seed": seed}

    def by_class(sums: RealArray) -> RealArray:
        return np.asarray(_error(sums) / size, dtype=np.float64)

    return Calibration(
        ece=bootstrap_sums(_top_columns(array, truth, bins, "width"), _error, **chosen),  # type: ignore[arg-type]
        adaptive_ece=bootstrap_sums(_top_columns(array, truth, bins, "mass"), _error, **chosen),  # type: ignore[arg-type]
        classwise_ece=bootstrap_sums(_class_columns(array, truth, bins, "width"), by_class, **chosen),  # type: ignore[arg-type]
        brier=bootstrap_values(_squares(array, truth), **chosen),  # type: ignore[arg-type]
        nll=bootstrap_values(cross_entropy(logits, truth), **chosen),  # type: ignore[arg-type]
        confidence=float(array.max(axis=1).mean()),
        bins=reliability(array, truth, bins=bins),
    )


def _checked(probs: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[RealArray, IntVector]:
    """Probabilities (N, K) and labels (N,)."""
    array = _inputs.distributions("probs", probs)
    if array.ndim != 2:
        raise ShapeError(f"probs has the wrong shape (got {array.shape}); expected (N, K); give one row an utterance.")
    truth = _inputs.labels("labels", labels, n_classes=array.shape[1])
    if len(truth) != len(array):
        raise ShapeError(
            f"probs and labels differ in length (got {len(array)} and {len(truth)}); expected one label per "
            "utterance; align them by utterance."
        )
    return array, truth


def _squares(array: RealArray, truth: IntVector) -> RealArray:
    """The squared error of each utterance, summed over the classes."""
    return np.asarray(((array - np.eye(array.shape[1])[truth]) ** 2).sum(axis=1), dtype=np.float64)


def _edges(confidence: RealArray, bins: int, binning: Binning) -> RealArray:
    """Ends of the bins, rising from 0 to 1."""
    if bins < 1:
        raise ConfigError(f"bins is too small (got {bins}); expected 1 or more; use 15.")
    if binning not in get_args(Binning):
        raise ConfigError(f"the binning is unknown (got {binning!r}); expected width or mass; choose one of these.")
    shares = np.linspace(0.0, 1.0, bins + 1)
    if binning == "width":
        return shares
    inner = np.quantile(confidence, shares[1:-1], method="higher")
    inner = inner[(inner > 0.0) & (inner < 1.0)]
    return np.unique(np.concatenate([[0.0], inner, [1.0]]))


def _place(confidence: RealArray, edges: RealArray) -> IntVector:
    """The bin of each confidence; bins are closed above, and 0 is in the first."""
    return np.searchsorted(edges[1:-1], confidence, side="left").astype(np.int64)


def _columns(confidence: RealArray, outcome: RealArray, bins: int, binning: Binning) -> RealArray:
    """Confidence minus outcome, each in the column of its bin: (N, bins)."""
    edges = _edges(confidence, bins, binning)
    columns = np.zeros((confidence.size, edges.size - 1))
    columns[np.arange(confidence.size), _place(confidence, edges)] = confidence - outcome
    return columns


def _top_columns(array: RealArray, truth: IntVector, bins: int, binning: Binning) -> RealArray:
    """What :func:`_error` takes, for the predicted class: (N, 1 + bins)."""
    right = (array.argmax(axis=1) == truth).astype(np.float64)
    ones = np.ones((truth.size, 1))
    return np.concatenate([ones, _columns(array.max(axis=1), right, bins, binning)], axis=1)


def _class_columns(array: RealArray, truth: IntVector, bins: int, binning: Binning) -> RealArray:
    """What :func:`_error` takes, for every class: (N, 1 + K * bins)."""
    parts = [_columns(array[:, k], (truth == k).astype(np.float64), bins, binning) for k in range(array.shape[1])]
    return np.concatenate([np.ones((truth.size, 1)), *parts], axis=1)


def _error(sums: RealArray) -> RealArray:
    """Sum of the absolute gaps of the bins over the number of utterances: (..., 1 + bins) -> (...)."""
    return np.asarray(np.abs(sums[..., 1:]).sum(axis=-1) / sums[..., 0], dtype=np.float64)
