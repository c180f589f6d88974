"""Per-utterance statistics: golden values, scipy, and float32-proof tails."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import log_loss

from affekt.errors import DataError, ShapeError
from affekt.metrics import confidence, cross_entropy, entropy, modified_entropy, phi, phi_from_loss, probabilities


def some_logits(n: int = 50, classes: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 4, (n, classes)), rng.integers(0, classes, n)


def test_golden_values() -> None:
    assert phi([[2.0, 0.5, -1.0]], [0])[0] == pytest.approx(1.298587, abs=1e-6)
    assert modified_entropy(np.log([[0.7, 0.2, 0.1]]), [0])[0] == pytest.approx(0.162167, abs=1e-6)
    assert phi(np.log([[0.8, 0.1, 0.1]]), [0])[0] == pytest.approx(1.386294, abs=1e-6)


def test_agrees_with_the_formulas_on_probabilities() -> None:
    logits, labels = some_logits()
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    own = p[np.arange(50), labels]
    assert np.allclose(probabilities(logits), p, atol=1e-12)
    assert np.allclose(confidence(logits, labels), own, atol=1e-12)
    assert np.allclose(phi(logits, labels), np.log(own / (1 - own)), atol=1e-6)
    assert np.allclose(entropy(logits), scipy_entropy(p, axis=1), atol=1e-10)
    assert cross_entropy(logits, labels).mean() == pytest.approx(log_loss(labels, p, labels=range(6)), abs=1e-9)
    expected = []
    for row, label in zip(p, labels, strict=True):
        others = sum(row[i] * np.log(1 - row[i]) for i in range(6) if i != label)
        expected.append(-(1 - row[label]) * np.log(row[label]) - others)
    assert np.allclose(modified_entropy(logits, labels), expected, atol=1e-8)


def test_tails_survive_where_a_float32_softmax_is_one() -> None:
    logits = np.array([[60.0, 0.0, 0.0], [-60.0, 0.0, 0.0]], dtype=np.float32)
    assert phi(logits, [0, 0]) == pytest.approx([60 - np.log(2), -60 - np.log(2)])
    assert cross_entropy(logits, [0, 0]) == pytest.approx([2 * np.exp(-60.0), 60 + np.log(2)])
    assert modified_entropy(logits, [0, 0])[1] == pytest.approx(60 + np.log(2) + np.log(2), rel=1e-6)
    assert np.isfinite(entropy(logits)).all()


@given(st.floats(1e-6, 50.0))
def test_phi_from_loss_inverts_the_loss(loss: float) -> None:
    value = float(phi_from_loss([loss])[0])
    assert np.logaddexp(0.0, -value) == pytest.approx(loss, rel=1e-6)


@given(st.floats(-300, 300), st.integers(0, 5))
def test_shifting_all_logits_changes_nothing(shift: float, seed: int) -> None:
    logits, labels = some_logits(seed=seed)
    for statistic in (phi, cross_entropy, confidence, modified_entropy):
        assert np.allclose(statistic(logits + shift, labels), statistic(logits, labels), atol=1e-9)


def test_inputs_are_left_alone_and_results_are_float64() -> None:
    logits, labels = some_logits()
    logits = logits.astype(np.float32)
    kept = logits.copy(), labels.copy()
    results = [f(logits, labels) for f in (phi, cross_entropy, confidence, modified_entropy)]
    results += [entropy(logits), probabilities(logits)]
    assert all(result.dtype == np.float64 for result in results)
    assert np.array_equal(kept[0], logits)
    assert np.array_equal(kept[1], labels)


def test_bad_logits_are_refused() -> None:
    with pytest.raises(ShapeError, match="too few classes"):
        phi([[1.0]], [0])
    with pytest.raises(ShapeError, match="axes"):
        phi([1.0, 2.0], [0])
    with pytest.raises(ShapeError, match="differ in length"):
        cross_entropy([[1.0, 2.0]], [0, 1])
    with pytest.raises(DataError, match="out of range"):
        confidence([[1.0, 2.0]], [2])
    with pytest.raises(DataError, match="not finite"):
        entropy([[1.0, float("inf")]])
    with pytest.raises(DataError, match="log odds"):
        phi_from_loss([0.0])
