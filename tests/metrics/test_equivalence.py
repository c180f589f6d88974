"""Equivalence: scipy's one-sided t tests as the oracle, and how often it is right where the truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from affekt.errors import ConfigError, DataError
from affekt.metrics import equivalence


@given(st.integers(0, 1000), st.integers(3, 40), st.floats(0.05, 2.0))
def test_p_is_the_larger_of_two_one_sided_t_tests(seed: int, n: int, margin: float) -> None:
    values = np.random.default_rng(seed).normal(0.1, 1.0, n)
    found = equivalence(values, margin=margin)
    low = stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    high = stats.ttest_1samp(values, margin, alternative="less").pvalue
    assert found.p == pytest.approx(max(low, high), abs=1e-9)
    inside = -margin < found.difference.low and found.difference.high < margin
    assert found.equivalent == inside


def test_level_holds_at_the_margin_and_power_is_what_showable_says() -> None:
    rng = np.random.default_rng(0)
    at_margin = [equivalence(rng.normal(0.5, 1.0, 30), margin=0.5).equivalent for _ in range(2000)]
    assert np.mean(at_margin) <= 0.065
    margin = np.mean([equivalence(rng.normal(0, 1, 30), margin=1).showable for _ in range(300)])
    at_zero = [equivalence(rng.normal(0, 1, 30), margin=margin).equivalent for _ in range(2000)]
    assert np.mean(at_zero) == pytest.approx(0.8, abs=0.07)


def test_detectable_is_found_with_its_power() -> None:
    rng = np.random.default_rng(1)
    effect = np.mean([equivalence(rng.normal(0, 1, 25), margin=1).detectable for _ in range(300)])
    found = [stats.ttest_1samp(rng.normal(effect, 1, 25), 0).pvalue <= 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_clusters_count_once() -> None:
    values = np.array([0.1, 0.1, 0.1, -0.2])
    found = equivalence(values, margin=1.0, clusters=["a", "a", "a", "b"])
    assert found.difference.estimate == pytest.approx(-0.05)
    assert found.difference.unit == "speaker (2)"


def test_no_spread_is_decided_by_the_mean() -> None:
    assert equivalence([0.1, 0.1], margin=0.2).p == 0.0
    assert not equivalence([0.3, 0.3], margin=0.2).equivalent


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="margin"):
        equivalence([1.0, 2.0], margin=0.0)
    with pytest.raises(DataError, match="too few units"):
        equivalence([1.0], margin=1.0)
