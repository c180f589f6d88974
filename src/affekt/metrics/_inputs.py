"""Checks that every metric makes of its arrays before it counts anything."""

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError

__all__ = [
    "IntVector",
    "RealArray",
    "check_level",
    "check_resamples",
    "class_count",
    "codes",
    "distributions",
    "labels",
    "pair",
    "real_pair",
    "reals",
]

IntVector = npt.NDArray[np.int64]
RealArray = npt.NDArray[np.float64]


def labels(name: str, values: npt.ArrayLike, *, n_classes: int | None = None) -> IntVector:
    """Return class indices as an int64 vector; the caller's array is never written to.

    Raises:
        ShapeError: not one-dimensional.
        DataError: empty, not integers, or outside 0..n_classes-1.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ShapeError(f"{name} has the wrong shape (got {array.shape}); expected (N,); flatten it first.")
    if array.size == 0:
        raise DataError(f"{name} is empty (got 0 utterances); expected at least one; select some utterances.")
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"{name} does not hold class indices (got dtype {array.dtype}); expected integers; "
            "use Corpus.labels() or argmax over the logits."
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or (n_classes is not None and high >= n_classes):
        top = "K-1" if n_classes is None else str(n_classes - 1)
        raise DataError(
            f"{name} has a label out of range (got {low} to {high}); expected 0 to {top}; "
            "encode the labels by the model's class list."
        )
    return array.astype(np.int64)


def pair(
    truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int | None = None
) -> tuple[IntVector, IntVector]:
    """Return truth and prediction as int64 vectors of one length.

    Raises:
        ShapeError: different lengths, or not one-dimensional.
        DataError: as :func:`labels`.
    """
    if n_classes is not None and n_classes < 1:
        raise ConfigError(f"n_classes is too small (got {n_classes}); expected 1 or more; pass the number of classes.")
    first = labels("truth", truth, n_classes=n_classes)
    second = labels("prediction", prediction, n_classes=n_classes)
    if first.size != second.size:
        raise ShapeError(
            f"truth and prediction differ in length (got {first.size} and {second.size}); "
            "expected one prediction per utterance; align them by utterance."
        )
    return first, second


def class_count(truth: IntVector, prediction: IntVector, n_classes: int | None) -> int:
    """Return n_classes, or when it is not given the number that the labels themselves imply."""
    return n_classes if n_classes is not None else int(max(truth.max(), prediction.max())) + 1


def reals(name: str, values: npt.ArrayLike, *, ndim: int = 1) -> RealArray:
    """Return a float64 copy with `ndim` axes, at least one element, all finite.

    Raises:
        ShapeError: another number of axes.
        DataError: empty or not finite.
    """
    array = np.array(values, dtype=np.float64)
    if array.ndim != ndim:
        raise ShapeError(f"{name} has the wrong shape (got {array.shape}); expected {ndim} axes; reshape it.")
    if array.size == 0:
        raise DataError(f"{name} is empty (got shape {array.shape}); expected at least one value; select some rows.")
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array.ravel()))[0])
        raise DataError(
            f"{name} is not finite (got {array.ravel()[bad]} at flat position {bad}); "
            "expected finite numbers; find out which utterance broke the model."
        )
    return array


def real_pair(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> tuple[RealArray, RealArray]:
    """Return truth and prediction as finite float64 vectors of one length.

    Raises:
        ShapeError: different lengths, or not one-dimensional.
        DataError: empty or not finite.
    """
    first, second = reals("truth", truth), reals("prediction", prediction)
    if first.size != second.size:
        raise ShapeError(
            f"truth and prediction differ in length (got {first.size} and {second.size}); "
            "expected one prediction per utterance; align them by utterance."
        )
    return first, second


def distributions(name: str, values: npt.ArrayLike) -> RealArray:
    """Return probability distributions (..., K) in float64, each made to sum to 1 exactly.

    Raises:
        ShapeError: no axes.
        DataError: empty, negative, not finite, or sums further from 1 than float32 rounding explains.
    """
    shape = np.shape(values)
    array = reals(name, values, ndim=max(1, len(shape)))
    total = array.sum(axis=-1, keepdims=True)
    if (array < 0.0).any() or (np.abs(total - 1.0) > 1e-4).any():
        raise DataError(
            f"{name} does not hold probabilities (got a least value of {array.min()} and sums of {total.min()} to "
            f"{total.max()}); expected rows >= 0 that sum to 1; use probabilities() on the logits."
        )
    return np.asarray(array / total, dtype=np.float64)


def codes(name: str, values: npt.ArrayLike, size: int) -> tuple[IntVector, int]:
    """Return cluster names as codes 0..G-1 and the number of clusters G; names are text or integers.

    Raises:
        ShapeError: not one name per utterance.
    """
    array = np.asarray(values)
    if array.shape != (size,):
        raise ShapeError(
            f"{name} has the wrong shape (got {array.shape}); expected ({size},); give one name per utterance."
        )
    if array.dtype == object:
        if any(item is None for item in array):
            raise DataError(f"{name} has a missing name (got None); expected text; name or drop that utterance.")
        array = array.astype(str)
    found, inverse = np.unique(array, return_inverse=True)
    return inverse.reshape(-1).astype(np.int64), int(found.size)


def check_level(level: float) -> None:
    """Raise ConfigError unless the confidence level lies inside (0, 1)."""
    if not 0.0 < level < 1.0:
        raise ConfigError(f"level is out of range (got {level}); expected 0 < level < 1; use 0.95.")


def check_resamples(resamples: int) -> None:
    """Raise ConfigError unless there is at least one resample."""
    if resamples < 1:
        raise ConfigError(f"resamples is too small (got {resamples}); expected 1 or more; use 1000.")
