"""Late fusion: the weighted mean by hand, its ends, and weights that are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import probabilities
from affekt.recognition.fusion import FusionWeights, choose_weights, fuse
from affekt.training import PredictedHeads
from affekt.types import IntArray


def said(emotions: IntArray, intents: IntArray, *, sure: float = 3.0) -> PredictedHeads:
    """Logits that speak for these labels of 3 emotions and 2 intents."""
    return PredictedHeads(
        logits=(sure * np.eye(3)[emotions]).astype(np.float32),
        attributes=np.empty((len(emotions), 0), np.float32),
        intents=(sure * np.eye(2)[intents]).astype(np.float32),
    )


def truth(size: int = 60) -> tuple[IntArray, IntArray]:
    random = np.random.default_rng(0)
    return random.integers(0, 3, size), random.integers(0, 2, size)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_mean_is_weighted_for_each_head(first: float, second: float) -> None:
    emotions, intents = truth(5)
    one, two = said(emotions, intents), said((emotions + 1) % 3, 1 - intents, sure=1.0)
    found = fuse(one, two, FusionWeights(first, second))
    expected = first * probabilities(one.logits) + (1 - first) * probabilities(two.logits)
    np.testing.assert_allclose(found.emotions, expected, atol=1e-12)
    expected = second * probabilities(one.intents) + (1 - second) * probabilities(two.intents)
    np.testing.assert_allclose(found.intents, expected, atol=1e-12)
    np.testing.assert_allclose(found.emotions.sum(1), 1.0)


def test_the_ends_are_the_single_models() -> None:
    emotions, intents = truth()
    one, two = said(emotions, intents), said((emotions + 1) % 3, 1 - intents)
    assert np.array_equal(fuse(one, two, FusionWeights(1, 1)).labels().emotions, emotions)
    assert np.array_equal(fuse(one, two, FusionWeights(0, 0)).labels().intents, 1 - intents)


def test_each_head_listens_to_who_knows() -> None:
    """The acoustic model knows the emotions and the other the intents; each is sure of what it does not know."""
    emotions, intents = truth()
    acoustic = said(emotions, 1 - intents, sure=2.0)._replace(intents=said(emotions, 1 - intents, sure=4.0).intents)
    text = said((emotions + 1) % 3, intents, sure=2.0)._replace(
        logits=said((emotions + 1) % 3, intents, sure=4.0).logits
    )
    found = choose_weights(acoustic, text, emotions=emotions, intents=intents)
    assert found.emotions > 0.5 > found.intents
    labels = fuse(acoustic, text, found).labels()
    assert np.array_equal(labels.emotions, emotions)
    assert np.array_equal(labels.intents, intents)
    one = choose_weights(acoustic, text, emotions=emotions, intents=intents, per_head=False)
    assert one.emotions == one.intents


def test_where_nothing_matters_both_count_the_same() -> None:
    emotions, intents = truth()
    model = said(emotions, intents)
    assert choose_weights(model, model, emotions=emotions, intents=intents) == FusionWeights(0.5, 0.5)


def test_errors() -> None:
    emotions, intents = truth()
    model = said(emotions, intents)
    with pytest.raises(ConfigError, match=r"weights are \(1\.5, 0\.5\)"):
        fuse(model, model, FusionWeights(1.5, 0.5))
    with pytest.raises(ShapeError, match=r"got \(60, 3\) and \(60, 2\) with \(5, 3\)"):
        fuse(model, said(emotions[:5], intents[:5]))
