"""Late fusion of models that hear or read the same utterances: a weighted mean of what they say, for each head.

Our reading of the paper, which says no more than that the best acoustic and the best linguistic model are fused late:
p = w p_acoustic + (1 - w) p_text with w from 0, 0.1, ..., 1, chosen where JRBM on development data is highest, with
one w for both heads or one each. The plain mean (w = 0.5), which chooses nothing, is to be reported beside it. More
than two models have shares that add up to 1, in the same steps.

JRBM is a harmonic mean, which rises with both of its parts: where each head has its own weights, those with the
highest F1 of a head are those with the highest JRBM, and the heads need not be searched together.
"""

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import JointLabels, joint_balance, micro_f1, probabilities, weighted_f1
from affekt.metrics.joint import Average
from affekt.training import PredictedHeads
from affekt.types import FloatArray, IntArray

__all__ = [
    "STEPS",
    "FusedHeads",
    "FusionWeights",
    "best_weights",
    "choose_weights",
    "fuse",
    "head_score",
    "weight_grid",
    "weighted_mean",
]

STEPS = 10
"""A weight is a whole number of these parts of 1."""


class FusedHeads(NamedTuple):
    """Probabilities of N utterances."""

    emotions: FloatArray
    """(N, K)."""
    intents: FloatArray
    """(N, I)."""

    def labels(self) -> JointLabels:
        """The most likely emotion and intent of each."""
        return JointLabels(self.emotions.argmax(1), self.intents.argmax(1))


class FusionWeights(NamedTuple):
    """How much the acoustic model counts."""

    emotions: float = 0.5
    """In emotions, 0 to 1."""
    intents: float = 0.5
    """In intents, 0 to 1."""


def fuse(acoustic: PredictedHeads, text: PredictedHeads, weights: FusionWeights = FusionWeights()) -> FusedHeads:  # noqa: B008 (frozen)
    """Weighted mean of the probabilities of two models.

    Args:
        acoustic: logits of both heads, of N utterances.
        text: of the same utterances and classes.
        weights: of the acoustic model.

    Raises:
        ShapeError: the two are not of the same utterances and classes.
        ConfigError: a weight is outside 0 to 1.
    """
    _require_same(acoustic, text)
    if not all(0.0 <= weight <= 1.0 for weight in weights):
        raise ConfigError(f"weights are {tuple(weights)}; shares from 0 to 1 were expected; change them.")
    pairs = ((acoustic.logits, text.logits), (acoustic.intents, text.intents))
    return FusedHeads(
        *(
            weighted_mean([probabilities(one) for one in pair], (weight, 1.0 - weight))
            for pair, weight in zip(pairs, weights, strict=True)
        )
    )


def choose_weights(
    acoustic: PredictedHeads,
    text: PredictedHeads,
    *,
    emotions: IntArray,
    intents: IntArray,
    average: Average = "weighted",
    per_head: bool = True,
) -> FusionWeights:
    """The weights with the highest JRBM; of equal ones those nearest to one half.

    Args:
        acoustic: logits of both heads on development data, (N, K) and (N, I).
        text: of the same utterances.
        emotions: true emotions, (N,).
        intents: true intents, (N,).
        average: of JRBM.
        per_head: whether each head has its own weight.

    Raises:
        ShapeError, ConfigError, DataError: as :func:`fuse` and :func:`affekt.metrics.jrbm`.
    """
    _require_same(acoustic, text)
    heads = ((acoustic.logits, text.logits), (acoustic.intents, text.intents))
    shares = [[probabilities(one) for one in pair] for pair in heads]
    scores = [head_score(truth, average=average) for truth in (emotions, intents)]
    if per_head:
        return FusionWeights(*(best_weights(*found)[0] for found in zip(shares, scores, strict=True)))

    def joint(weights: Sequence[float]) -> float:
        return joint_balance(*(score(weighted_mean(one, weights)) for one, score in zip(shares, scores, strict=True)))

    weight = _highest(joint, count=2)[0]
    return FusionWeights(weight, weight)


def weighted_mean(shares: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """Weighted mean of the probabilities of M models, (N, K).

    Args:
        shares: of each model, (N, K).
        weights: of each, (M,), 0 to 1; they add up to 1.

    Raises:
        ShapeError: there is not one weight a model, or the models are not of the same utterances and classes.
        ConfigError: a weight is outside 0 to 1, or they do not add up to 1.
    """
    if len(shares) != len(weights) or len({one.shape for one in shares}) != 1:
        raise ShapeError(
            f"probabilities and weights do not fit (got {', '.join(str(one.shape) for one in shares)} with "
            f"{len(weights)} weights); one (N, K) and one weight a model were expected; predict the same utterances."
        )
    if not all(0.0 <= weight <= 1.0 for weight in weights) or abs(sum(weights) - 1.0) > 1e-9:
        raise ConfigError(
            f"weights are {tuple(weights)}; shares from 0 to 1 that add up to 1 were expected; change them."
        )
    return np.asarray(sum(weight * one for weight, one in zip(weights, shares, strict=True)))


def weight_grid(count: int) -> list[tuple[float, ...]]:
    """All weights of some models in steps of 1 / :data:`STEPS` that add up to 1, those nearest to equal ones first.

    Args:
        count: M, how many models.

    Returns:
        Tuples of M weights, by the sum of their distances to 1 / M; of equally near ones, those with less of the first
        model first.
    """
    found = []
    for bars in combinations(range(STEPS + count - 1), count - 1):
        ends = (-1, *bars, STEPS + count - 1)
        found.append(tuple(high - low - 1 for low, high in pairwise(ends)))
    found.sort(key=lambda steps: (sum(abs(count * step - STEPS) for step in steps), steps))
    return [tuple(step / STEPS for step in steps) for steps in found]


def best_weights(shares: Sequence[FloatArray], score: Callable[[FloatArray], float]) -> tuple[float, ...]:
    """The weights whose mean scores highest; of equal ones those nearest to the plain mean.

    Args:
        shares: probabilities of each of M models on development data, (N, K).
        score: of probabilities (N, K); see :func:`head_score`.

    Returns:
        One weight a model, from :func:`weight_grid`.

    Raises:
        ShapeError: the models are not of the same utterances and classes.
    """
    return _highest(lambda weights: score(weighted_mean(shares, weights)), count=len(shares))


def head_score(truth: IntArray, *, average: Average) -> Callable[[FloatArray], float]:
    """One part of JRBM as a function of probabilities (N, K): weighted or micro F1 of the most likely classes.

    Args:
        truth: class indices, (N,).
        average: of F1.

    Raises:
        ConfigError: the average is neither.
    """
    if average not in ("weighted", "micro"):
        raise ConfigError(f"average is '{average}'; weighted or micro was expected; choose one.")
    f1 = weighted_f1 if average == "weighted" else micro_f1
    return lambda shares: f1(truth, shares.argmax(1), n_classes=shares.shape[1])


def _highest(score: Callable[[Sequence[float]], float], *, count: int) -> tuple[float, ...]:
    """The first of the grid with the highest score; scores that differ by rounding alone are equal."""
    return max(weight_grid(count), key=lambda weights: round(score(weights), 12))


def _require_same(acoustic: PredictedHeads, text: PredictedHeads) -> None:
    """Two models of the same utterances and classes."""
    if acoustic.logits.shape != text.logits.shape or acoustic.intents.shape != text.intents.shape:
        raise ShapeError(
            f"two models can only be fused for the same utterances and classes (got {acoustic.logits.shape} and "
            f"{acoustic.intents.shape} with {text.logits.shape} and {text.intents.shape}); predict the same corpus "
            "with both."
        )
