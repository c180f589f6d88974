"""JRBM against scikit-learn, published values and a plain bootstrap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import JointLabels, joint_balance, jrbm, jrbm_difference, jrbm_interval, weighted_f1
from affekt.types import IntArray

COUNT = 60


def drawn(seed: int, *, right: float = 0.6, size: int = COUNT) -> tuple[JointLabels, JointLabels]:
    """Truth and prediction of 4 emotions and 3 intents, each right with a probability."""
    random = np.random.default_rng(seed)
    found = []
    for classes in (4, 3):
        truth = random.integers(0, classes, size)
        guess = np.where(random.random(size) < right, truth, random.integers(0, classes, size))
        found.append((truth, guess))
    (emotions, said_emotions), (intents, said_intents) = found
    return JointLabels(emotions, intents), JointLabels(said_emotions, said_intents)


@pytest.mark.parametrize(("emotion", "intent", "joint"), [(0.3174, 0.3944, 0.351735), (0.5342, 0.5412, 0.537677)])
def test_the_published_pairs(emotion: float, intent: float, joint: float) -> None:
    assert joint_balance(emotion, intent) == pytest.approx(joint, abs=5e-7)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_balance_lies_between_its_parts_and_nearer_the_lower(first: float, second: float) -> None:
    joint = joint_balance(first, second)
    assert joint == joint_balance(second, first)
    assert min(first, second) - 1e-12 <= joint <= (first + second) / 2 + 1e-12


def test_nothing_right_in_both_is_zero() -> None:
    assert joint_balance(0.0, 0.0) == 0.0
    assert joint_balance(0.0, 1.0) == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_scikit_learn_gives_the_same(seed: int) -> None:
    truth, said = drawn(seed)
    for average in ("weighted", "micro"):
        parts = [
            f1_score(truth.emotions, said.emotions, average=average, labels=range(4), zero_division=0),
            f1_score(truth.intents, said.intents, average=average, labels=range(3), zero_division=0),
        ]
        found = jrbm(truth, said, n_emotions=4, n_intents=3, average=average)  # type: ignore[arg-type]
        assert found == pytest.approx(2 * parts[0] * parts[1] / sum(parts), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_weighted_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, said = np.array(pairs).T
    expected = f1_score(truth, said, average="weighted", labels=range(5), zero_division=0)
    assert weighted_f1(truth, said, n_classes=5) == pytest.approx(expected, abs=1e-12)
    assert weighted_f1(truth, said) == pytest.approx(expected, abs=1e-12)


def test_weighted_and_micro_differ_where_classes_are_unequal() -> None:
    truth = JointLabels([0] * 9 + [1], [0, 1] * 5)
    said = JointLabels([0] * 10, [0, 1] * 5)
    micro = jrbm(truth, said, n_emotions=2, n_intents=2, average="micro")
    assert micro == pytest.approx(joint_balance(0.9, 1.0))
    assert jrbm(truth, said, n_emotions=2, n_intents=2) < micro


def test_the_interval_is_that_of_a_plain_bootstrap_over_speakers() -> None:
    truth, said = drawn(1, size=200)
    speakers = np.arange(200) % 10
    found = jrbm_interval(truth, said, n_emotions=4, n_intents=3, clusters=speakers, resamples=4000)
    assert found.estimate == pytest.approx(jrbm(truth, said, n_emotions=4, n_intents=3))
    assert found.unit == "speaker (10)"
    random = np.random.default_rng(5)
    values = []

    def taken(labels: JointLabels, rows: IntArray) -> JointLabels:
        return JointLabels(np.asarray(labels.emotions)[rows], np.asarray(labels.intents)[rows])

    for _ in range(4000):
        rows = np.concatenate([np.flatnonzero(speakers == one) for one in random.integers(0, 10, 10)])
        values.append(jrbm(taken(truth, rows), taken(said, rows), n_emotions=4, n_intents=3))
    low, high = np.quantile(values, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.006)
    assert found.high == pytest.approx(high, abs=0.006)


def test_a_difference_is_resampled_together() -> None:
    truth, said = drawn(2, size=300)
    same = jrbm_difference(truth, said, said, n_emotions=4, n_intents=3, resamples=50)
    assert (same.estimate, same.low, same.high) == (0.0, 0.0, 0.0)
    better = JointLabels(truth.emotions, said.intents)
    absolute = jrbm_difference(truth, better, said, n_emotions=4, n_intents=3, resamples=200)
    expected = jrbm(truth, better, n_emotions=4, n_intents=3) - jrbm(truth, said, n_emotions=4, n_intents=3)
    assert absolute.estimate == pytest.approx(expected)
    assert 0 < absolute.low <= absolute.high
    share = jrbm_difference(truth, better, said, n_emotions=4, n_intents=3, resamples=200, relative=True)
    assert share.estimate == pytest.approx(expected / jrbm(truth, said, n_emotions=4, n_intents=3))


def test_errors() -> None:
    truth, said = drawn(0)
    with pytest.raises(ConfigError, match="average is 'macro'; weighted or micro was expected"):
        jrbm(truth, said, n_emotions=4, n_intents=3, average="macro")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="label out of range"):
        jrbm(truth, said, n_emotions=4, n_intents=2)
    shorter = JointLabels(np.zeros(3, np.int64), np.zeros(4, np.int64))
    with pytest.raises(ShapeError, match="emotions and intents differ in length"):
        jrbm(shorter, shorter, n_emotions=4, n_intents=3)
