"""Several emotions an utterance: scikit-learn, the threshold, and sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import bootstrap_sums, decide_labels, multi_label_counts, multi_label_f1, score_multi_label


@given(st.integers(1, 30), st.integers(2, 6), st.integers(0, 10_000))
def test_against_scikit_learn(n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, guess = rng.random((n, k)) < 0.4, rng.random((n, k)) < 0.5
    for average in ("macro", "micro"):
        expected = f1_score(truth, guess, average=average, zero_division=0)
        assert multi_label_f1(truth, guess, average=average) == pytest.approx(expected, abs=1e-12)


def test_threshold_is_one_over_the_number_of_classes() -> None:
    shares = [[0.25, 0.25, 0.25, 0.25], [0.26, 0.26, 0.24, 0.24], [1.0, 0.0, 0.0, 0.0], [0.5, 0.25, 0.25, 0.0]]
    assert decide_labels(shares).tolist() == [
        [False, False, False, False],
        [True, True, False, False],
        [True, False, False, False],
        [True, False, False, False],
    ]
    thirds = np.full((1, 3), np.float32(1) / np.float32(3))
    assert not decide_labels(thirds).any()


def test_it_is_no_mean_over_batches() -> None:
    truth = np.array([[True, False], [True, False], [False, True], [False, True]])
    guess = np.array([[True, False], [False, True], [False, True], [False, True]])
    batches = [multi_label_f1(truth[rows], guess[rows]) for rows in (slice(0, 2), slice(2, 4))]
    assert multi_label_f1(truth, guess) != pytest.approx(np.mean(batches))


def test_goes_through_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((200, 4)) < 0.4
    guess = truth ^ (rng.random((200, 4)) < 0.1)
    counts = multi_label_counts(truth, guess).reshape(200, -1)
    found = bootstrap_sums(
        counts, lambda sums: score_multi_label(sums.reshape(*sums.shape[:-1], 4, 3)), clusters=np.repeat(range(10), 20)
    )
    assert found.estimate == pytest.approx(multi_label_f1(truth, guess))
    assert found.low < found.estimate < found.high


def test_bad_input_is_refused() -> None:
    yes = np.ones((2, 3), dtype=bool)
    with pytest.raises(ShapeError, match="do not match"):
        multi_label_f1(yes, yes[:1])
    with pytest.raises(DataError, match="booleans"):
        multi_label_f1(yes, yes.astype(int))
    with pytest.raises(ConfigError, match="average"):
        multi_label_f1(yes, yes, average="weighted")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="K, 3"):
        score_multi_label(np.ones((4, 2)))
    with pytest.raises(DataError, match="probabilities"):
        decide_labels([[0.9, 0.3]])
    with pytest.raises(ShapeError, match="N, K"):
        decide_labels([0.5, 0.5])
