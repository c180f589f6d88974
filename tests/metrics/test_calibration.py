"""Calibration: known answers, loops written out, scikit-learn, and what a temperature must do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import (
    brier,
    classwise_ece,
    ece,
    fit_temperature,
    nll,
    probabilities,
    reliability,
    score_calibration,
)


def made(n: int, k: int, *, sharpness: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax at temperature ``sharpness`` is the law of the labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, k))
    chances = probabilities(logits)
    labels = np.array([rng.choice(k, p=row) for row in chances])
    return sharpness * logits, labels


def slow_ece(confidence: np.ndarray, outcome: np.ndarray, bins: int) -> float:
    edges = np.linspace(0, 1, bins + 1)
    total = 0.0
    for number in range(bins):
        rows = [
            row
            for row, value in enumerate(confidence)
            if edges[number] < value <= edges[number + 1] or (number == 0 and value == 0)
        ]
        if rows:
            total += len(rows) / len(confidence) * abs(confidence[rows].mean() - outcome[rows].mean())
    return total


def test_known_answers() -> None:
    # ten utterances said with 0.8, seven of them right; four said with 0.6, three of them right
    probs = [[0.8, 0.2]] * 10 + [[0.6, 0.4]] * 4
    labels = [0] * 7 + [1] * 3 + [0] * 3 + [1]
    assert ece(probs, labels) == pytest.approx((10 * 0.1 + 4 * 0.15) / 14)
    assert ece(probs, labels, binning="mass") == pytest.approx((10 * 0.1 + 4 * 0.15) / 14)
    assert classwise_ece(probs, labels) == pytest.approx((10 * 0.1 + 4 * 0.15) / 14)  # both classes err alike
    assert ece(probs, labels, bins=1) == pytest.approx(abs(10 / 14 - (10 * 0.8 + 4 * 0.6) / 14))
    assert brier([[1.0, 0.0], [0.0, 1.0]], [0, 0]) == 1.0
    assert brier([[0.25] * 4], [2]) == pytest.approx(1 - 1 / 4)
    assert nll(np.zeros((3, 5)), [0, 1, 4]) == pytest.approx(np.log(5))
    assert ece([[1.0, 0.0]] * 4, [0, 0, 0, 0]) == 0.0
    assert ece([[1.0, 0.0]] * 4, [1, 1, 1, 1]) == 1.0


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(2, 5), st.integers(1, 20), st.integers(0, 10_000))
def test_against_loops_and_scikit_learn(n: int, k: int, bins: int, seed: int) -> None:
    logits, labels = made(n, k, seed=seed)
    probs = probabilities(logits)
    right = (probs.argmax(1) == labels).astype(float)
    assert ece(probs, labels, bins=bins) == pytest.approx(slow_ece(probs.max(1), right, bins), abs=1e-12)
    each = [slow_ece(probs[:, c], (labels == c).astype(float), bins) for c in range(k)]
    assert classwise_ece(probs, labels, bins=bins) == pytest.approx(np.mean(each), abs=1e-12)
    binary = k == 2 or len(set(labels.tolist())) < k  # scikit-learn wants every class to be there
    if not binary:
        assert brier(probs, labels) == pytest.approx(brier_score_loss(labels, probs, scale_by_half=False), abs=1e-12)
    assert nll(logits, labels) == pytest.approx(log_loss(labels, probs, labels=range(k)), abs=1e-9)
    order = np.random.default_rng(seed).permutation(n)
    for binning in ("mass", "width"):
        whole = ece(probs, labels, bins=bins, binning=binning)
        assert ece(probs[order], labels[order], bins=bins, binning=binning) == pytest.approx(whole, abs=1e-12)
        drawn = reliability(probs, labels, bins=bins, binning=binning)
        assert sum(one.utterances for one in drawn) == n
        gaps = [one.utterances * abs(one.confidence - one.accuracy) for one in drawn if one.utterances]
        assert sum(gaps) / n == pytest.approx(whole, abs=1e-12)


def test_reliability_against_scikit_learn() -> None:
    logits, labels = made(3000, 2, seed=3)
    probs = probabilities(logits)
    right = (probs.argmax(1) == labels).astype(int)
    shares, means = calibration_curve(right, probs.max(1), n_bins=10)
    filled = [one for one in reliability(probs, labels, bins=10) if one.utterances]
    assert [one.accuracy for one in filled] == pytest.approx(shares.tolist())
    assert [one.confidence for one in filled] == pytest.approx(means.tolist())


def test_bins_of_equal_mass_hold_alike_many() -> None:
    logits, labels = made(1500, 4, seed=4)
    counts = [one.utterances for one in reliability(probabilities(logits), labels, binning="mass")]
    assert len(counts) == 15
    assert max(counts) - min(counts) <= 2


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_temperature_finds_the_sharpness(sharpness: float) -> None:
    """Labels in exactly the proportions of the probabilities: what sharpens the logits is the temperature."""
    shares = np.array([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    labels = np.concatenate([np.repeat(np.arange(3), np.rint(100 * row).astype(int)) for row in shares])
    logits = sharpness * np.log(np.repeat(shares, 100, axis=0))
    found = fit_temperature(logits, labels)
    assert found.value == pytest.approx(sharpness, rel=1e-4)
    assert (found.at_limit, found.utterances) == (False, 300)
    # no other temperature is better
    grid = [nll(logits / value, labels) for value in np.geomspace(0.05, 20, 200)]
    assert found.nll_after <= min(grid) + 1e-9
    assert found.nll_after == pytest.approx(nll(logits / found.value, labels))
    assert found.nll_before == pytest.approx(nll(logits, labels))
    assert ece(probabilities(logits / found.value), labels) == pytest.approx(0.0, abs=1e-4)


def test_temperature_of_a_closed_form() -> None:
    found = fit_temperature([[2.0, 0.0]] * 4, [0, 0, 0, 1])
    assert found.value == pytest.approx(2 / np.log(3), rel=1e-5)


def test_temperature_without_an_answer_says_so() -> None:
    """All right asks for 0, all wrong for infinity."""
    logits = np.array([[1.0, 0.0], [0.0, 1.0]])
    cold, hot = fit_temperature(logits, [0, 1]), fit_temperature(logits, [1, 0])
    assert (cold.value, cold.at_limit) == (pytest.approx(0.05), True)
    assert (hot.value, hot.at_limit) == (pytest.approx(20.0), True)


def test_all_scores_with_intervals() -> None:
    logits, labels = made(600, 4, sharpness=2.0, seed=6)
    speakers = np.repeat(np.arange(20), 30)
    found = score_calibration(logits, labels, clusters=speakers, resamples=300)
    probs = probabilities(logits)
    exact = {
        "ece": ece(probs, labels),
        "adaptive_ece": ece(probs, labels, binning="mass"),
        "classwise_ece": classwise_ece(probs, labels),
        "brier": brier(probs, labels),
        "nll": nll(logits, labels),
    }
    for name, value in exact.items():
        interval = getattr(found, name)
        assert interval.estimate == pytest.approx(value), name
        assert interval.low < interval.high
        assert interval.unit == "speaker (20)"
    assert found.confidence == pytest.approx(probs.max(1).mean())
    assert len(found.bins) == 15


def test_interval_of_a_calibration_error_against_a_loop() -> None:
    logits, labels = made(200, 3, sharpness=3.0, seed=7)
    probs = probabilities(logits)
    fast = score_calibration(logits, labels, resamples=2000).ece
    rng = np.random.default_rng(1)
    picks = [rng.integers(0, 200, 200) for _ in range(1000)]
    low, high = np.quantile([ece(probs[pick], labels[pick]) for pick in picks], [0.025, 0.975])
    assert fast.low == pytest.approx(low, abs=0.012)
    assert fast.high == pytest.approx(high, abs=0.012)


def test_bad_input_is_refused() -> None:
    probs = [[0.5, 0.5], [0.9, 0.1]]
    for score in (ece, classwise_ece, brier, reliability):
        with pytest.raises(ShapeError, match="differ in length"):
            score(probs, [0])
        with pytest.raises(DataError, match="probabilities"):
            score([[2.0, 1.0]], [0])
        with pytest.raises(DataError, match="not finite"):
            score([[float("nan"), 1.0]], [0])
        with pytest.raises(DataError, match="out of range"):
            score(probs, [0, 2])
        with pytest.raises(ShapeError, match="N, K"):
            score([0.5, 0.5], [0, 1])
    with pytest.raises(ConfigError, match="bins"):
        ece(probs, [0, 1], bins=0)
    with pytest.raises(ConfigError, match="binning"):
        ece(probs, [0, 1], binning="log")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="not finite"):
        fit_temperature([[0.0, float("inf")]], [0])
