"""Late fusion: the weighted mean by hand, its ends, and weights that are found."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import JointLabels, jrbm, probabilities, uar
from affekt.metrics.joint import Average
from affekt.recognition.fusion import (
    FusionWeights,
    best_weights,
    choose_weights,
    fuse,
    head_score,
    weight_grid,
    weighted_mean,
)
from affekt.training import PredictedHeads
from affekt.types import FloatArray, IntArray


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
    with pytest.raises(ConfigError, match="average is 'macro'; weighted or micro"):
        head_score(emotions, average="macro")  # type: ignore[arg-type]


# any number of models


def drawn(seed: int, *, models: int = 2, size: int = 40) -> tuple[list[FloatArray], IntArray]:
    """Probabilities of some models for 3 classes, each right more often than not, and the truth."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, size)
    logits = [1.5 * np.eye(3)[labels] + 1.5 * random.standard_normal((size, 3)) for _ in range(models)]
    return [probabilities(one) for one in logits], labels


@pytest.mark.parametrize(("count", "size"), [(2, 11), (3, 66), (4, 286), (5, 1001)])
def test_the_grid_holds_every_share_in_tenths_once(count: int, size: int) -> None:
    grid = weight_grid(count)
    tenths = {steps for steps in product(range(11), repeat=count) if sum(steps) == 10}
    assert len(grid) == len(tenths) == size
    assert {tuple(round(10 * weight) for weight in weights) for weights in grid} == tenths
    distances = [round(sum(abs(weight - 1 / count) for weight in weights), 9) for weights in grid]
    assert distances == sorted(distances)


def test_two_models_are_tried_from_the_middle_out() -> None:
    assert [weights[0] for weights in weight_grid(2)] == [0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9, 0.0, 1.0]


def test_the_mean_of_three_is_weighted() -> None:
    shares, _ = drawn(0, models=3)
    found = weighted_mean(shares, (0.2, 0.3, 0.5))
    for row in range(len(found)):
        for column in range(3):
            by_hand = 0.2 * shares[0][row, column] + 0.3 * shares[1][row, column] + 0.5 * shares[2][row, column]
            assert found[row, column] == pytest.approx(by_hand)
    assert np.array_equal(weighted_mean(shares, (0, 1, 0)), shares[1])
    with pytest.raises(ConfigError, match="add up to 1"):
        weighted_mean(shares, (0.2, 0.3, 0.6))
    with pytest.raises(ShapeError, match="one weight a model"):
        weighted_mean(shares, (0.5, 0.5))
    with pytest.raises(ShapeError, match="predict the same utterances"):
        weighted_mean([shares[0], shares[1][:3]], (0.5, 0.5))


def test_weights_of_a_case_worked_out_by_hand() -> None:
    """Two utterances of two classes, of which each model alone gets one wrong.

    With weight w on the first model, the true class of utterance 1 (class 0) gets 0.9 w + 0.35 (1 - w), above one half
    for w > 0.27; that of utterance 2 (class 1) gets 0.4 w + 0.8 (1 - w), above one half for w < 0.75. So both are right
    for w of 0.3 to 0.7, and 0.5 is the plain mean.
    """
    first, second = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.35, 0.65], [0.2, 0.8]])
    labels = np.array([0, 1])

    def right(shares: FloatArray) -> float:
        return uar(labels, shares.argmax(1), n_classes=2)

    scores = {weights[0]: right(weighted_mean((first, second), weights)) for weights in weight_grid(2)}
    assert {weight for weight, score in scores.items() if score == 1.0} == {0.3, 0.4, 0.5, 0.6, 0.7}
    assert best_weights((first, second), right) == (0.5, 0.5)
    # surer of its mistake, the first model may say little: 0.1 w + 0.58 (1 - w) > 0.5 for w < 0.17; but not nothing:
    # 0.9 w + 0.48 (1 - w) > 0.5 for w > 0.05
    first[1], second[1], second[0] = (0.9, 0.1), (0.42, 0.58), (0.48, 0.52)
    assert best_weights((first, second), right) == (0.1, 0.9)


@pytest.mark.parametrize("average", ["weighted", "micro"])
@pytest.mark.parametrize("seed", range(6))
def test_the_best_of_each_head_is_the_best_of_both(seed: int, average: Average) -> None:
    """JRBM of every pair of weights, by the metric itself."""
    heard, emotions = drawn(seed)
    told, intents = drawn(100 + seed)
    models = [
        PredictedHeads(
            logits=np.log(heard[place]).astype(np.float32),
            attributes=np.empty((40, 0), np.float32),
            intents=np.log(told[place]).astype(np.float32),
        )
        for place in (0, 1)
    ]

    def joint(first: float, second: float) -> float:
        said = fuse(models[0], models[1], FusionWeights(first, second)).labels()
        return jrbm(JointLabels(emotions, intents), said, n_emotions=3, n_intents=3, average=average)

    tenths = [step / 10 for step in range(11)]
    every = {pair: joint(*pair) for pair in product(tenths, repeat=2)}
    found = choose_weights(models[0], models[1], emotions=emotions, intents=intents, average=average)
    assert every[tuple(found)] == pytest.approx(max(every.values()))
    best = [pair for pair, score in every.items() if score > max(every.values()) - 1e-12]
    nearest = min(abs(one - 0.5) + abs(two - 0.5) for one, two in best)
    assert abs(found.emotions - 0.5) + abs(found.intents - 0.5) == pytest.approx(nearest)
    one = choose_weights(models[0], models[1], emotions=emotions, intents=intents, average=average, per_head=False)
    assert one.emotions == one.intents
    assert every[tuple(one)] == pytest.approx(max(every[(weight, weight)] for weight in tenths))


def test_three_models_of_which_one_knows() -> None:
    labels = np.array([0, 1, 2] * 10)
    knows, wrong = np.eye(3)[labels], np.eye(3)[(labels + 1) % 3]
    found = best_weights((wrong, wrong, knows), head_score(labels, average="micro"))
    assert found[2] > 0.5
    assert sum(found) == pytest.approx(1.0)
