"""Attack scores: brute force, scikit-learn, golden values and coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import (
    auc,
    auc_interval,
    lira_offline,
    lira_online,
    rmia_likelihood,
    rmia_score,
    true_positive_rate,
    u_lira,
)

scores = st.lists(st.integers(-5, 5), min_size=1, max_size=25)


@given(scores, scores)
def test_auc_agrees_with_brute_force_and_scikit_learn(positive: list[int], negative: list[int]) -> None:
    brute = np.mean([(p > n) + 0.5 * (p == n) for p in positive for n in negative])
    assert auc(positive, negative) == pytest.approx(brute, abs=1e-12)
    truth = [1] * len(positive) + [0] * len(negative)
    assert auc(positive, negative) == pytest.approx(roc_auc_score(truth, positive + negative), abs=1e-12)
    assert auc(negative, positive) == pytest.approx(1 - brute, abs=1e-12)


@given(scores, scores)
def test_auc_does_not_change_under_increasing_maps(positive: list[int], negative: list[int]) -> None:
    expected = auc(positive, negative)
    for rise in (np.exp, np.cbrt, lambda x: 3.0 * np.asarray(x) - 7.0):
        assert auc(rise(positive), rise(negative)) == pytest.approx(expected, abs=1e-12)


@given(scores, scores, st.sampled_from(["delong", "bootstrap"]))
def test_auc_interval_contains_the_estimate_and_has_width(
    positive: list[int], negative: list[int], method: str
) -> None:
    interval = auc_interval(positive, negative, method=method, resamples=30)
    assert 0.0 <= interval.low <= interval.estimate <= interval.high <= 1.0
    assert interval.low < interval.high
    assert interval.estimate == auc(positive, negative)


def test_delong_against_the_definition_by_loops() -> None:
    rng = np.random.default_rng(0)
    positive, negative = np.round(rng.normal(0.5, 1, 40), 1), np.round(rng.normal(0, 1, 30), 1)
    wins = (positive[:, None] > negative[None]) + 0.5 * (positive[:, None] == negative[None])
    variance = wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 30
    interval = auc_interval(positive, negative)
    assert interval.high - interval.estimate == pytest.approx(1.959964 * np.sqrt(variance), abs=1e-6)
    by_resampling = auc_interval(positive, negative, method="bootstrap", resamples=4000)
    assert by_resampling.low == pytest.approx(interval.low, abs=0.015)
    assert by_resampling.high == pytest.approx(interval.high, abs=0.015)


def test_delong_covers_the_truth() -> None:
    rng = np.random.default_rng(1)
    truth = norm.cdf(1 / np.sqrt(2))
    hits = sum(auc_interval(rng.normal(1, 1, 50), rng.normal(0, 1, 50)).contains(truth) for _ in range(400))
    assert 0.92 <= hits / 400 <= 0.98


def test_speakers_widen_the_interval_and_a_single_one_is_said() -> None:
    rng = np.random.default_rng(2)
    speakers = np.repeat(np.arange(12), 20)
    effect = np.repeat(rng.normal(0, 2, 12), 20)
    positive, negative = rng.normal(0.3, 1, 30), rng.normal(0, 1, 240) + effect
    plain = auc_interval(positive, negative)
    clustered = auc_interval(positive, negative, positive_clusters=["s"] * 30, negative_clusters=speakers)
    assert clustered.high - clustered.low > 1.3 * (plain.high - plain.low)
    assert clustered.unit == "utterance (30; one speaker only) against speaker (12)"


def test_perfect_separation_does_not_look_certain() -> None:
    interval = auc_interval([2.0, 3.0, 4.0], [0.0, 1.0])
    assert (interval.estimate, interval.high) == (1.0, 1.0)
    assert interval.low == pytest.approx(2 / (2 + 1.959964**2), abs=1e-6)  # Wilson for 2 of 2
    assert "Wilson" in interval.unit


@given(scores, scores, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_true_positive_rate_agrees_with_the_roc_curve(positive: list[int], negative: list[int], rate: float) -> None:
    truth = [1] * len(positive) + [0] * len(negative)
    fpr, tpr, _ = roc_curve(truth, positive + negative, drop_intermediate=False)
    expected = tpr[fpr <= rate + 1e-12].max()
    assert true_positive_rate(positive, negative, false_positive_rate=rate) == pytest.approx(expected)


def test_lira_golden_value_and_densities() -> None:
    place = {"mean_in": 1.6, "std_in": 0.5, "mean_out": 0.6, "std_out": 0.6}
    assert u_lira([np.log(4.0)], **place)[0] == pytest.approx(0.721050, abs=1e-6)
    values = np.linspace(-3, 4, 15)
    ratio = norm.logpdf(values, 1.6, 0.5) - norm.logpdf(values, 0.6, 0.6)
    assert np.allclose(lira_online(values, **place), ratio, atol=1e-10)
    assert np.allclose(lira_offline(values, mean_out=0.6, std_out=0.6), norm.cdf(values, 0.6, 0.6), atol=1e-12)
    assert u_lira([1e4], **place)[0] in (0.0, 1.0)  # far tails do not become NaN
    per_row = lira_offline([0.0, 1.0], mean_out=[0.0, 0.0], std_out=[1.0, 2.0])
    assert per_row == pytest.approx([0.5, norm.cdf(0.5)])


def test_rmia_golden_value_and_brute_force() -> None:
    assert rmia_likelihood([0.4], a=0.3)[0] == pytest.approx(0.61, abs=1e-12)
    rng = np.random.default_rng(3)
    px, qx, pz, qz = rng.uniform(0.1, 1, 7), rng.uniform(0.1, 1, 7), rng.uniform(0.1, 1, 40), rng.uniform(0.1, 1, 40)
    for gamma in (0.5, 1.0, 2.0):
        brute = [np.mean([(a / b) / (c / d) >= gamma for c, d in zip(pz, qz)]) for a, b in zip(px, qx)]  # noqa: B905
        assert rmia_score(px, qx, pz, qz, gamma=gamma) == pytest.approx(brute)


def test_inputs_are_left_alone() -> None:
    positive, negative = np.array([3.0, 1.0, 2.0]), np.array([2.0, 0.0])
    auc_interval(positive, negative, method="bootstrap", resamples=5)
    true_positive_rate(positive, negative, false_positive_rate=0.5)
    rmia_score(negative / 4, [0.5, 0.5], positive / 4, [0.5, 0.5, 0.5])
    assert positive.tolist() == [3.0, 1.0, 2.0]
    assert negative.tolist() == [2.0, 0.0]


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        auc([], [1.0])
    with pytest.raises(DataError, match="not finite"):
        auc([float("nan")], [1.0])
    with pytest.raises(ConfigError, match="DeLong"):
        auc_interval([1.0, 2.0], [0.0, 1.0], method="delong", positive_clusters=["a", "b"])
    with pytest.raises(ConfigError, match="unknown"):
        auc_interval([1.0], [0.0], method="exact")
    with pytest.raises(ConfigError, match="false_positive_rate"):
        true_positive_rate([1.0], [0.0], false_positive_rate=5)
    with pytest.raises(DataError, match="deviation"):
        lira_offline([1.0], mean_out=0.0, std_out=0.0)
    with pytest.raises(ShapeError, match="Gaussian"):
        lira_offline([1.0, 2.0], mean_out=[0.0, 0.0, 0.0], std_out=1.0)
    with pytest.raises(ConfigError, match="a is out of range"):
        rmia_likelihood([0.5], a=2)
    with pytest.raises(DataError, match="probability"):
        rmia_likelihood([40.0], a=0.3)
    with pytest.raises(DataError, match="holds a 0"):
        rmia_score([0.5], [0.0], [0.5], [0.5])
    with pytest.raises(ShapeError, match="differ in length"):
        rmia_score([0.5], [0.5, 0.5], [0.5], [0.5])
