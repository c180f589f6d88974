"""Searching with one kind of item for the other: recall at k, median rank, and whether prompts of graded levels order.

Rows of a score matrix are queries, columns the items that are searched; higher is more alike. A tie counts against: an
item is only as high as the last of those that score the same, so a model that says the same of everything finds
nothing.

The ordinal score is our reading of EmotionRankCLAP (arXiv 2505.23732), which reports Kendall's tau of cross-modal
retrieval for valence and arousal without its details being available to us.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, softmax

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray
from affekt.metrics.ranking import kendall_tau

__all__ = [
    "chance_recall_at_k",
    "median_rank",
    "ordinal_scores",
    "ordinal_tau",
    "prompt_tau",
    "recall_at_k",
    "retrieval_ranks",
]


def retrieval_ranks(scores: npt.ArrayLike, relevant: npt.ArrayLike) -> IntVector:
    """Rank of the best relevant item of each query, 1 is first.

    Args:
        scores: (Q, M); higher is more alike.
        relevant: which items answer which query, (Q, M) bool; at least one each.

    Returns:
        (Q,); every other item that scores the same as the best relevant one stands before it unless it is relevant too.

    Raises:
        ShapeError: not two matrices of one shape.
        DataError: a score is not finite, or a query has no relevant item.
    """
    values, right = _checked(scores, relevant)
    best = np.where(right, values, -np.inf).max(axis=1, keepdims=True)  # (Q, 1)
    ranks: IntVector = 1 + ((values >= best) & ~right).sum(axis=1)
    return ranks


def recall_at_k(scores: npt.ArrayLike, relevant: npt.ArrayLike, *, k: int) -> float:
    """Share of the queries with a relevant item among the first k.

    Args:
        scores: (Q, M).
        relevant: (Q, M) bool.
        k: 1 or more.

    Raises:
        ConfigError: k is below 1.
        ShapeError, DataError: as ``retrieval_ranks``.

    Example:
        >>> recall_at_k([[3.0, 1.0], [2.0, 1.0]], [[True, False], [False, True]], k=1)
        0.5
    """
    _check_k(k)
    return float((retrieval_ranks(scores, relevant) <= k).mean())


def chance_recall_at_k(relevant: npt.ArrayLike, *, k: int) -> float:
    """The recall at k that a random order has on average: 1 - C(M - r, k) / C(M, k), over the queries.

    Args:
        relevant: (Q, M) bool; r items answer a query.
        k: 1 or more.

    Raises:
        ConfigError: k is below 1.
        ShapeError, DataError: as ``retrieval_ranks``.
    """
    _check_k(k)
    _, right = _checked(np.zeros(np.shape(relevant)), relevant)
    size = right.shape[1]
    k = min(k, size)
    wrong = (size - right.sum(axis=1)).astype(np.float64)  # (Q,)
    with np.errstate(invalid="ignore"):
        miss = np.exp(_log_choose(wrong, k) - _log_choose(np.float64(size), k))
    return float(1.0 - np.where(wrong >= k, miss, 0.0).mean())


def median_rank(scores: npt.ArrayLike, relevant: npt.ArrayLike) -> float:
    """Median over the queries of the rank of the best relevant item.

    Raises:
        ShapeError, DataError: as ``retrieval_ranks``.
    """
    return float(np.median(retrieval_ranks(scores, relevant)))


def ordinal_scores(similarities: npt.ArrayLike, levels: npt.ArrayLike, *, temperature: float = 1.0) -> RealArray:
    """The level that prompts give each item on average: sum over levels of p(level | item) level.

    Args:
        similarities: of each item to a prompt of each level ("a very low valence voice" to "a very high valence
            voice"), (N, L).
        levels: what the prompts stand for, (L,).
        temperature: p is the softmax of the similarities divided by it.

    Returns:
        (N,), between the lowest and the highest level.

    Raises:
        ConfigError: the temperature is not above 0.
        ShapeError: one column a level was expected.
        DataError: a value is not finite.
    """
    if not temperature > 0.0:
        raise ConfigError(f"temperature is {temperature}; a number above 0 was expected; use the model's.")
    values = _inputs.reals("similarities", similarities, ndim=2)
    places = _inputs.reals("levels", levels)
    if values.shape[1] != places.size:
        raise ShapeError(
            f"similarities and levels have {values.shape[1]} and {places.size} levels; the same number was expected; "
            "give one prompt a level."
        )
    return np.asarray(softmax(values / temperature, axis=1) @ places, dtype=np.float64)


def ordinal_tau(
    similarities: npt.ArrayLike, levels: npt.ArrayLike, truth: npt.ArrayLike, *, temperature: float = 1.0
) -> float:
    """Kendall's tau-b of ``ordinal_scores`` with the true values; 0 where the scores say nothing.

    Args:
        similarities: (N, L).
        levels: (L,).
        truth: (N,), such as the valence of each recording.
        temperature: as in ``ordinal_scores``.

    Raises:
        ConfigError, ShapeError, DataError: as ``ordinal_scores``; the true values do not vary.
    """
    return kendall_tau(truth, ordinal_scores(similarities, levels, temperature=temperature))


def prompt_tau(similarities: npt.ArrayLike, levels: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Whether each prompt alone orders: the mean over prompts of tau-b of similarity with nearness to its level.

    Args:
        similarities: (N, L).
        levels: on the scale of the true values, (L,).
        truth: (N,).

    Raises:
        ShapeError, DataError: as ``ordinal_scores``; the true values do not vary.
    """
    places = _inputs.reals("levels", levels)
    values = _inputs.reals("similarities", similarities, ndim=2)
    ordinal_scores(values, places)  # checks
    true = _inputs.reals("truth", truth)
    # rounded, so that values equally far on either side of a level tie
    nearness = -np.abs(true[:, None] - places).round(9)  # (N, L)
    return float(
        np.mean([kendall_tau(nearness[:, i], values[:, i]) for i in range(places.size) if np.ptp(nearness[:, i])])
    )


def _checked(scores: npt.ArrayLike, relevant: npt.ArrayLike) -> tuple[RealArray, npt.NDArray[np.bool_]]:
    right = np.asarray(relevant)
    values = _inputs.reals("scores", scores, ndim=2)
    if right.shape != values.shape or right.dtype != np.bool_:
        raise ShapeError(
            f"scores and relevant have the shapes {values.shape} and {right.shape} ({right.dtype}); (Q, M) and (Q, M) "
            "bool were expected; mark the items that answer each query."
        )
    if not right.any(axis=1).all():
        query = int(np.flatnonzero(~right.any(axis=1))[0])
        raise DataError(f"query {query} has no relevant item; at least one was expected; leave the query out.")
    return values, right


def _check_k(k: int) -> None:
    if k < 1:
        raise ConfigError(f"k is {k}; 1 or more was expected; change it.")


def _log_choose(n: RealArray | np.float64, k: int) -> RealArray:
    return np.asarray(gammaln(n + 1.0) - gammaln(n - k + 1.0) - gammaln(k + 1.0), dtype=np.float64)
