"""Late fusion of a model that hears and one that reads: a weighted mean of what they say, for each head.

Our reading of the paper, which says no more than that the best acoustic and the best linguistic model are fused late:
p = w p_acoustic + (1 - w) p_text with w from 0, 0.1, ..., 1, chosen where JRBM on development data is highest, with
one w for both heads or one each. The plain mean (w = 0.5), which chooses nothing, is to be reported beside it.
"""

from typing import NamedTuple

import numpy as np

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import JointLabels, jrbm, probabilities
from affekt.metrics.joint import Average
from affekt.training import PredictedHeads
from affekt.types import FloatArray, IntArray

__all__ = ["FusedHeads", "FusionWeights", "choose_weights", "fuse"]

_STEPS = 11


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
    if acoustic.logits.shape != text.logits.shape or acoustic.intents.shape != text.intents.shape:
        raise ShapeError(
            f"two models can only be fused for the same utterances and classes (got {acoustic.logits.shape} and "
            f"{acoustic.intents.shape} with {text.logits.shape} and {text.intents.shape}); predict the same corpus "
            "with both."
        )
    if not all(0.0 <= weight <= 1.0 for weight in weights):
        raise ConfigError(f"weights are {tuple(weights)}; shares from 0 to 1 were expected; change them.")
    emotions = weights.emotions * probabilities(acoustic.logits) + (1 - weights.emotions) * probabilities(text.logits)
    intents = weights.intents * probabilities(acoustic.intents) + (1 - weights.intents) * probabilities(text.intents)
    return FusedHeads(emotions, intents)


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
    grid = [step / (_STEPS - 1) for step in range(_STEPS)]
    pairs = [(a, b) for a in grid for b in grid] if per_head else [(a, a) for a in grid]
    truth = JointLabels(emotions, intents)
    sizes = {"n_emotions": acoustic.logits.shape[1], "n_intents": acoustic.intents.shape[1]}
    scored = []
    for pair in pairs:
        weights = FusionWeights(*pair)
        score = jrbm(truth, fuse(acoustic, text, weights).labels(), average=average, **sizes)
        distance = float(np.abs(np.array(pair) - 0.5).sum())
        scored.append((round(score, 12), -distance, weights))
    return max(scored, key=lambda entry: entry[:2])[2]
