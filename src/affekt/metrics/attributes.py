"""Agreement on arousal, valence and dominance: the concordance correlation coefficient.

Source: Lin 1989; definitions card, S.1.
"""

import numpy as np
import numpy.typing as npt

from affekt.errors import DataError, ShapeError
from affekt.metrics import _inputs

__all__ = ["ccc"]


def ccc(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Concordance correlation, 2 cov / (var + var + (difference of means)^2), with population moments (1/N).

    Compute it once over the whole test set; the mean over batches is another number.

    Args:
        truth: ratings, (N,).
        prediction: ratings, (N,).

    Returns:
        In [-1, 1]; 0 when one side is constant.

    Raises:
        ShapeError: different lengths.
        DataError: empty, not finite, or both sides constant and equal, where it is undefined.

    Example:
        >>> round(ccc([1, 2, 3, 4, 5], [1.5, 2.5, 2.0, 4.5, 4.0]), 6)
        0.835821
    """
    first, second = _inputs.reals("truth", truth), _inputs.reals("prediction", prediction)
    if first.size != second.size:
        raise ShapeError(
            f"truth and prediction differ in length (got {first.size} and {second.size}); "
            "expected one prediction per utterance; align them by utterance."
        )
    gap = first.mean() - second.mean()
    bottom = first.var() + second.var() + gap * gap
    if bottom <= 0.0:
        raise DataError(
            f"CCC is undefined (got the constant {first[0]} on both sides); expected ratings that vary; "
            "use more utterances."
        )
    covariance = np.mean((first - first.mean()) * (second - second.mean()))
    return float(2.0 * covariance / bottom)
