"""Intervals: coverage, agreement of the fast and the slow bootstrap, and the sentences they refuse with."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import accuracy, bootstrap, bootstrap_difference, bootstrap_values, macro_f1, uar, wilson


def noisy(n: int, classes: int, right: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    return truth, np.where(rng.random(n) < right, truth, rng.integers(0, classes, n))


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=30),
    score=st.sampled_from(["accuracy", "uar", "macro_f1"]),
    use_speakers=st.booleans(),
)
def test_interval_contains_the_estimate(rows: list[tuple[int, int, str]], score: str, use_speakers: bool) -> None:
    truth, prediction, speakers = (list(column) for column in zip(*rows, strict=True))
    interval = bootstrap(
        score, truth, prediction, n_classes=4, clusters=speakers if use_speakers else None, resamples=50
    )
    assert 0.0 <= interval.low <= interval.estimate <= interval.high <= 1.0
    assert interval.contains(interval.estimate)
    exact = {
        "accuracy": accuracy(truth, prediction),
        "uar": uar(truth, prediction),
        "macro_f1": macro_f1(truth, prediction, n_classes=4),
    }
    assert interval.estimate == pytest.approx(exact[score], abs=1e-12)


@pytest.mark.parametrize("clustered", [False, True])
def test_fast_path_has_the_law_of_the_slow_one(clustered: bool) -> None:
    truth, prediction = noisy(300, 4, 0.6, seed=1)
    speakers = np.random.default_rng(2).integers(0, 12, 300) if clustered else None
    fast = bootstrap("uar", truth, prediction, n_classes=4, clusters=speakers, resamples=4000)
    slow = bootstrap(lambda t, p: uar(t, p), truth, prediction, clusters=speakers, resamples=2000, seed=7)
    assert fast.unit == slow.unit
    assert fast.estimate == pytest.approx(slow.estimate, abs=1e-12)
    assert fast.low == pytest.approx(slow.low, abs=0.006)
    assert fast.high == pytest.approx(slow.high, abs=0.006)


def test_speakers_that_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    speakers = np.repeat(np.arange(20), 50)
    truth = rng.integers(0, 3, 1000)
    right = rng.random(1000) < np.repeat(rng.uniform(0.2, 0.9, 20), 50)
    prediction = np.where(right, truth, (truth + 1) % 3)
    by_speaker = bootstrap("accuracy", truth, prediction, clusters=speakers)
    by_utterance = bootstrap("accuracy", truth, prediction)
    assert by_speaker.high - by_speaker.low > 2.0 * (by_utterance.high - by_utterance.low)
    # the textbook standard error of a mean of equal clusters
    means = np.add.reduceat(right, np.arange(0, 1000, 50)) / 50
    expected = 2 * 1.96 * means.std() / np.sqrt(20)
    assert by_speaker.high - by_speaker.low == pytest.approx(expected, rel=0.1)


def test_coverage_of_the_utterance_bootstrap() -> None:
    hits = 0
    for trial in range(200):
        truth, prediction = noisy(200, 2, 0.6, seed=1000 + trial)
        hits += bootstrap("accuracy", truth, prediction, resamples=300, seed=trial).contains(0.8)
    assert 0.90 <= hits / 200 <= 0.99


def test_one_speaker_falls_back_to_utterances_and_says_so() -> None:
    truth, prediction = noisy(40, 3, 0.5, seed=4)
    interval = bootstrap("uar", truth, prediction, clusters=["s"] * 40)
    assert interval.unit == "utterance (40; one speaker only)"
    assert interval.low < interval.high
    assert bootstrap_values(truth.astype(float), clusters=["s"] * 40).unit == "utterance (40; one speaker only)"
    assert bootstrap("uar", truth, prediction, clusters=["s", "t"] * 20).unit == "speaker (2)"


def test_a_thousand_resamples_of_ten_thousand_utterances_take_under_a_second() -> None:
    truth, prediction = noisy(10_000, 8, 0.6, seed=5)
    speakers = np.random.default_rng(6).integers(0, 24, 10_000)
    start = time.process_time()
    bootstrap("uar", truth, prediction, n_classes=8, clusters=speakers)
    bootstrap("uar", truth, prediction, n_classes=8)
    assert time.process_time() - start < 2.0


def test_same_seed_same_interval_and_inputs_are_left_alone() -> None:
    truth, prediction = noisy(60, 3, 0.5, seed=8)
    speakers = np.array(["a", "b", "c"] * 20)
    kept = truth.copy(), prediction.copy(), speakers.copy()
    first = bootstrap("uar", truth, prediction, clusters=speakers, seed=1)
    assert first == bootstrap("uar", truth, prediction, clusters=speakers, seed=1)
    assert bootstrap("uar", truth, prediction, seed=1) != bootstrap("uar", truth, prediction, seed=2)

    def greedy(t: np.ndarray, p: np.ndarray) -> float:
        t[:] = 0
        return float(p.mean())

    bootstrap(greedy, truth, prediction, clusters=speakers, resamples=3)
    for before, after in zip(kept, (truth, prediction, speakers), strict=True):
        assert np.array_equal(before, after)


def test_difference_of_a_model_with_itself_is_zero_and_pairing_narrows() -> None:
    truth, one = noisy(400, 4, 0.6, seed=9)
    assert bootstrap_difference("uar", truth, one, one).high == 0.0
    two = one.copy()
    two[:10] = truth[:10]  # almost the same model, a little better
    paired = bootstrap_difference("accuracy", truth, two, one)
    assert paired.estimate == pytest.approx(accuracy(truth, two) - accuracy(truth, one))
    single = bootstrap("accuracy", truth, two)
    assert paired.high - paired.low < 0.5 * (single.high - single.low)
    speakers = np.repeat(np.arange(8), 50)
    clustered = bootstrap_difference("accuracy", truth, two, one, clusters=speakers)
    direct = bootstrap_values((two == truth).astype(float) - (one == truth), clusters=speakers, seed=3)
    assert clustered.unit == direct.unit == "speaker (8)"
    assert clustered.estimate == pytest.approx(direct.estimate)
    assert clustered.high == pytest.approx(direct.high, abs=0.01)


def test_values_mean_matches_theory_and_the_loop() -> None:
    values = np.random.default_rng(10).normal(3.0, 2.0, 500)
    interval = bootstrap_values(values, resamples=4000)
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(500), rel=0.05)
    loop = bootstrap_values(values, statistic=np.mean, resamples=2000, seed=1)
    assert loop.low == pytest.approx(interval.low, abs=0.03)
    median = bootstrap_values(values, statistic=np.median)
    assert median.contains(float(np.median(values)))


@given(n=st.integers(1, 300), share=st.floats(0, 1), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_scipy(n: int, share: float, level: float) -> None:
    successes = round(share * n)
    interval = wilson(successes, n, level=level)
    reference = binomtest(successes, n).proportion_ci(level, method="wilson")
    assert interval.low == pytest.approx(reference.low, abs=1e-9)
    assert interval.high == pytest.approx(reference.high, abs=1e-9)
    assert interval.contains(interval.estimate)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="level"):
        bootstrap("uar", [0, 1], [0, 1], level=95)
    with pytest.raises(ConfigError, match="resamples"):
        bootstrap_values([1.0], resamples=0)
    with pytest.raises(ConfigError, match="n_classes"):
        bootstrap("macro_f1", [0, 1], [0, 1])
    with pytest.raises(ConfigError, match="unknown"):
        bootstrap("recall", [0, 1], [0, 1])
    with pytest.raises(ShapeError, match="clusters"):
        bootstrap("uar", [0, 1], [0, 1], clusters=["a"])
    with pytest.raises(DataError, match="missing name"):
        bootstrap("uar", [0, 1], [0, 1], clusters=["a", None])
    with pytest.raises(ShapeError, match="do not match"):
        bootstrap(lambda t, p: 0.0, [0, 1], [0])
    with pytest.raises(DataError, match="not finite"):
        bootstrap(lambda t, p: float("nan"), [0, 1], [0, 1])
    with pytest.raises(DataError, match="not finite"):
        bootstrap_values([1.0, float("nan")])
    with pytest.raises(DataError, match="share"):
        wilson(3, 2)
