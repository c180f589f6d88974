"""Multinomial logistic regression on fixed features, with the layer and its C chosen inside the training speakers.

The reference that a head on a frozen encoder has to beat. For each fold of test speakers the other speakers are dealt
into a few inner folds; every layer and every C is tried there, the pair with the highest UAR of the pooled inner
predictions is taken, and one regression is fitted to all training speakers. Means and standard deviations come from
training speakers alone, in the inner folds too.

The objective is scikit-learn's: C times the summed cross-entropy plus half the squared weights, biases free. It is
minimised by L-BFGS in single precision, with a coarser stop in the inner folds, where neighbouring Cs start from each
other's solution.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import uar
from affekt.types import FloatArray, IntArray

__all__ = ["Probe", "deal_speakers", "probe"]

_CS: Final = (0.001, 0.01, 0.1, 1.0)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Predictions for speakers that were never trained on."""

    logits: npt.NDArray[np.float64]
    """Of every utterance, from the fold in which its speaker was tested, shape (N, K); minus infinity never occurs, a
    class that a fold's training speakers lack has the logit -50."""
    prediction: npt.NDArray[np.int64]
    """Class with the largest logit, shape (N,)."""
    folds: tuple[tuple[str, ...], ...]
    """Test speakers of each fold."""
    layers: tuple[int, ...]
    """Layer chosen in each fold."""
    cs: tuple[float, ...]
    """C chosen in each fold."""
    seconds: float
    """Wall time."""


def probe(
    features: FloatArray,
    labels: IntArray,
    speakers: Sequence[str],
    *,
    classes: Sequence[str],
    layers: Literal["inner"] | int = "inner",
    cs: Sequence[float] = _CS,
    folds: int | None = None,
    inner_folds: int = 3,
    balanced: bool = True,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Probe:
    """Test every speaker once with a regression that never met them.

    Args:
        features: Numbers of every utterance in every layer, shape (N, L, P), or (N, P) for one layer.
        labels: Class of each utterance, shape (N,), 0 to K - 1.
        speakers: Speaker of each utterance.
        classes: Names of the K classes.
        layers: ``inner`` chooses a layer in each fold; a number takes that layer.
        cs: Inverse strengths of the penalty to choose from, per utterance-summed loss as scikit-learn counts it.
        folds: Folds of test speakers; None leaves one speaker out at a time.
        inner_folds: Folds of training speakers for the choice; fewer where there are fewer speakers.
        balanced: Whether classes weigh the same however often they occur.
        seed: Deals the speakers into folds.
        progress: Called after every fold.

    Returns:
        The pooled predictions and what was chosen.

    Raises:
        ShapeError: The arrays do not fit each other.
        DataError: A speaker is missing, a feature is not finite, or training speakers lack all but one class.
        ConfigError: A setting is out of range, or there are too few speakers.
    """
    started = time.perf_counter()
    values, targets, ids = _checked(features, labels, speakers, classes=classes, layers=layers, cs=cs)
    wanted = list(range(values.shape[1])) if layers == "inner" else [int(layers)]
    outer = deal_speakers(ids, folds=folds, seed=seed)
    names = np.asarray(ids)
    logits = np.full((len(ids), len(classes)), -50.0)
    chosen: list[tuple[int, float]] = []
    for number, test in enumerate(outer, 1):
        tested = np.isin(names, test)
        rows, rest = np.flatnonzero(~tested), np.flatnonzero(tested)
        layer, c = wanted[0], float(cs[0])
        if len(wanted) > 1 or len(cs) > 1:
            layer, c = _choose(
                values, targets, names, rows, wanted=wanted, cs=cs, folds=inner_folds, balanced=balanced, seed=seed
            )
        chosen.append((layer, c))
        one, two = _standardised(values[rows, layer], values[rest, layer])
        model = _fitted(one, targets[rows], c=c, balanced=balanced, tolerance=1e-4)
        logits[np.ix_(rest, model.classes)] = model.logits(two)
        if progress is not None:
            progress("folds", number, len(outer))
    return Probe(
        logits=logits,
        prediction=logits.argmax(1),
        folds=tuple(tuple(test) for test in outer),
        layers=tuple(layer for layer, _ in chosen),
        cs=tuple(c for _, c in chosen),
        seconds=time.perf_counter() - started,
    )


def deal_speakers(speakers: Sequence[str], *, folds: int | None = None, seed: int = 0) -> list[list[str]]:
    """Deal speakers into folds of about the same number of speakers; None gives every speaker a fold.

    Raises:
        ConfigError: There are fewer than two speakers, or fewer than folds.
    """
    import hashlib

    known = sorted(set(speakers), key=lambda name: hashlib.sha256(f"{seed}\nprobe\n{name}".encode()).digest())
    count = len(known) if folds is None else folds
    if not 2 <= count <= len(known):
        raise ConfigError(
            f"{count} folds of {len(known)} speakers are impossible; 2 or more folds of at least one speaker were "
            "expected; use more speakers or other folds."
        )
    if folds is None:
        return [[name] for name in sorted(known)]
    return [sorted(known[k::count]) for k in range(count)]


@dataclass(frozen=True)
class _Fitted:
    """A regression: the classes it met, weights (K', D) and biases (K',)."""

    classes: IntArray
    weights: FloatArray
    biases: FloatArray

    def logits(self, rows: FloatArray) -> FloatArray:
        return np.asarray(rows @ self.weights.T + self.biases)


def _choose(
    values: FloatArray,
    targets: IntArray,
    names: npt.NDArray[Any],
    rows: IntArray,
    *,
    wanted: Sequence[int],
    cs: Sequence[float],
    folds: int,
    balanced: bool,
    seed: int,
) -> tuple[int, float]:
    """The layer and the C with the best UAR in the inner folds; of equals the first layer and the smallest C."""
    present = sorted(set(names[rows]))
    if len(present) < 2:
        raise ConfigError(
            f"{len(present)} training speaker is too few to choose a layer and C; at least two were expected; use more "
            "speakers, or fix layers and give one C."
        )
    inner = deal_speakers(present, folds=min(folds, len(present)), seed=seed)
    order = sorted(cs)
    predicted = np.zeros((len(wanted), len(order), len(names)), np.int64)
    for test in inner:
        tested = np.isin(names[rows], test)
        fit_rows, score_rows = rows[~tested], rows[tested]
        if len(set(targets[fit_rows].tolist())) < 2:
            continue
        for i, layer in enumerate(wanted):
            one, two = _standardised(values[fit_rows, layer], values[score_rows, layer])
            model: _Fitted | None = None
            for k, c in enumerate(order):
                model = _fitted(one, targets[fit_rows], c=float(c), balanced=balanced, tolerance=1e-2, start=model)
                predicted[i, k, score_rows] = model.classes[model.logits(two).argmax(1)]
    scores = [[uar(targets[rows], predicted[i, k, rows]) for k in range(len(order))] for i in range(len(wanted))]
    best = int(np.argmax(scores))
    return wanted[best // len(order)], float(order[best % len(order)])


def _standardised(train: FloatArray, test: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Zero mean and unit deviation in the training rows; columns that are constant there become 0."""
    mean, deviation = train.mean(0, dtype=np.float64), train.std(0, dtype=np.float64)
    deviation[deviation < 1e-8] = 1.0
    shift, scale = mean.astype(np.float32), (1.0 / deviation).astype(np.float32)
    return (train - shift) * scale, (test - shift) * scale


def _fitted(
    rows: FloatArray,
    targets: IntArray,
    *,
    c: float,
    balanced: bool,
    tolerance: float,
    start: _Fitted | None = None,
) -> _Fitted:
    """One regression: minimum of C times the summed cross-entropy plus half the squared weights (biases are free)."""
    from scipy.optimize import minimize

    classes, codes = np.unique(targets, return_inverse=True)
    if classes.size < 2:
        raise DataError(
            f"the training speakers of a fold have {classes.size} class; at least two were expected; use fewer folds."
        )
    n, d, k = rows.shape[0], rows.shape[1], classes.size
    weight = (n / (k * np.bincount(codes)))[codes] if balanced else np.ones(n)
    weight = (weight / n).astype(np.float32)
    hot = np.zeros((n, k), np.float32)
    hot[np.arange(n), codes] = 1.0
    penalty = 1.0 / (c * n)

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        table = flat.reshape(k, d + 1)
        weights = table[:, :d].astype(np.float32)
        scores = rows @ weights.T + table[:, d].astype(np.float32)
        scores -= scores.max(1, keepdims=True)
        exponents = np.exp(scores)
        total = exponents.sum(1, keepdims=True)
        value = float(np.sum(weight * (np.log(total[:, 0]) - scores[np.arange(n), codes]), dtype=np.float64))
        error = (exponents / total - hot) * weight[:, None]
        gradient = np.empty((k, d + 1))
        gradient[:, :d] = error.T @ rows + penalty * table[:, :d]
        gradient[:, d] = error.sum(0)
        return value + 0.5 * penalty * float((table[:, :d] ** 2).sum()), gradient.ravel()

    begin = np.zeros((k, d + 1))
    if start is not None and np.array_equal(start.classes, classes):
        begin[:, :d], begin[:, d] = start.weights, start.biases
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = minimize(
            loss,
            begin.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500, "gtol": 1e-6 if tolerance < 1e-3 else 1e-4, "ftol": tolerance * 1e-5},
        )
    table = found.x.reshape(k, d + 1)
    return _Fitted(classes=classes, weights=table[:, :d].astype(np.float32), biases=table[:, d].astype(np.float32))


def _checked(
    features: FloatArray,
    labels: IntArray,
    speakers: Sequence[str],
    *,
    classes: Sequence[str],
    layers: Literal["inner"] | int,
    cs: Sequence[float],
) -> tuple[FloatArray, IntArray, list[str]]:
    """Arrays of one length with finite numbers and known settings."""
    values = np.asarray(features, np.float32)
    values = values[:, None, :] if values.ndim == 2 else values
    targets = np.asarray(labels)
    if values.ndim != 3 or targets.shape != (values.shape[0],) or len(speakers) != values.shape[0]:
        raise ShapeError(
            f"features must be (N, L, P), labels (N,) and speakers N (got {np.shape(features)}, {targets.shape} and "
            f"{len(speakers)}); align them by utterance."
        )
    if values.size == 0:
        raise DataError("there are no features (got 0 numbers); at least one utterance was expected; choose another.")
    if any(speaker is None for speaker in speakers):
        raise DataError("an utterance has no speaker; one was expected for each; fill the column or leave it out.")
    if not np.issubdtype(targets.dtype, np.integer) or targets.min() < 0 or targets.max() >= len(classes):
        raise DataError(f"the labels do not fit the {len(classes)} classes; 0 to K - 1 was expected; encode them anew.")
    if not np.isfinite(values).all():
        raise DataError("features hold NaN or infinite numbers; finite ones were expected; extract them again.")
    if layers != "inner" and not 0 <= layers < values.shape[1]:
        raise ConfigError(
            f"there is no layer {layers} (the features have {values.shape[1]}); 'inner' or a number was expected; "
            "choose another."
        )
    if not cs or not all(c > 0 for c in cs):
        raise ConfigError(f"cs is {tuple(cs)}; positive numbers were expected; use 0.01, 0.1, 1.")
    return values, targets, list(speakers)
