"""Scores that follow from sums over utterances, which is what makes resampling whole speakers cheap."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray
from affekt.metrics._resampling import group_sums
from affekt.metrics.attributes import AttributeScore, moments, score_moments
from affekt.metrics.classification import ClassificationScore, score_confusion

__all__ = ["NamedScore", "Outcomes", "check_score", "outcomes"]

NamedScore: TypeAlias = ClassificationScore | AttributeScore


@dataclass(frozen=True)
class Outcomes:
    """Predictions beside the truth, as what is summed."""

    cells: IntVector | None
    """The cell of the confusion matrix of each utterance, (N,); None for ratings."""
    columns: RealArray | None
    """The moments of each utterance, (N, 8); None for classes."""
    width: int
    """M: cells of the confusion matrix, or moments."""
    score: Callable[[RealArray], RealArray]
    """Sums (..., M) -> scores (...); NaN where undefined."""

    def sums(self, blocks: IntVector, count: int) -> RealArray:
        """Sums within blocks 0..count-1 of utterances: blocks (N,) -> (count, M)."""
        if self.cells is not None:
            flat = np.bincount(blocks * self.width + self.cells, minlength=count * self.width)
            return flat.reshape(count, self.width).astype(np.float64)
        assert self.columns is not None
        return group_sums(self.columns, blocks, count)

    def only(self, inside: npt.NDArray[np.bool_]) -> "Outcomes":
        """Those of some utterances."""
        cells = None if self.cells is None else self.cells[inside]
        return replace(self, cells=cells, columns=None if self.columns is None else self.columns[inside])

    def score_or_nan(self, sums: RealArray) -> RealArray:
        """Scores of sums (R, M) of which some may be over no utterance: NaN for those."""
        some = sums[:, 0] > 0 if self.cells is None else sums.sum(axis=1) > 0
        found = np.full(len(sums), np.nan)
        if some.any():
            found[some] = self.score(sums[some])
        return found


def check_score(score: str) -> None:
    """Raise ConfigError unless the score has a name that follows from sums."""
    known = (*get_args(ClassificationScore), *get_args(AttributeScore))
    if score not in known:
        raise ConfigError(
            f"the score is unknown (got {score!r}); expected one of {', '.join(known)}; or pass a function."
        )


def outcomes(
    score: NamedScore, truth: npt.ArrayLike, prediction: npt.ArrayLike, *, n_classes: int | None = None
) -> Outcomes:
    """Check truth and prediction and make them ready to be summed.

    Raises:
        ConfigError: unknown score, or "macro_f1" without n_classes.
        ShapeError, DataError: not labels (for classes) or finite numbers (for ratings) of one length.
    """
    check_score(score)
    if score in get_args(AttributeScore):
        columns = moments(truth, prediction)
        return Outcomes(None, columns, columns.shape[1], lambda sums: score_moments(score, sums))  # type: ignore[arg-type]
    if score == "macro_f1" and n_classes is None:
        raise ConfigError("macro_f1 needs n_classes (got None); expected the number of classes; pass n_classes.")
    first, second = _inputs.pair(truth, prediction, n_classes=n_classes)
    size = _inputs.class_count(first, second, n_classes)

    def of_counts(sums: RealArray) -> RealArray:
        return score_confusion(score, sums.reshape(*sums.shape[:-1], size, size))  # type: ignore[arg-type]

    return Outcomes(first * size + second, None, size * size, of_counts)
