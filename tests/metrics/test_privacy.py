"""Epsilon, its certified bound, KLOM and the permutation p: golden values and null simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import certified_epsilon, epsilon, epsilon_estimate, h_score, klom, permutation_p


def test_golden_epsilon() -> None:
    found = epsilon([0.1, 0.01, 0.5], [0.2, 0.5, 0.5])
    assert found == pytest.approx([2.079429, 3.912003, 0.0], abs=1e-6)
    assert epsilon(0.0, 0.0) == 50.0
    assert np.isnan(epsilon([0.0, 0.3], [0.3, 0.0])).all()


@given(st.floats(0.001, 1), st.floats(0.001, 1))
def test_epsilon_is_symmetric_and_falls_with_errors(fpr: float, fnr: float) -> None:
    assert epsilon(fpr, fnr) == pytest.approx(epsilon(fnr, fpr), abs=1e-12)
    assert epsilon(fpr, fnr) >= epsilon(min(1.0, fpr + 0.05), fnr) - 1e-12 >= -1e-12


def test_golden_h_score() -> None:
    scores = h_score([0.0, 0.49, 0.5, 1.2, 3.3, 7.0, 50.0], models=512)
    assert scores.tolist() == [1.0, 1.0, 0.5, 0.25, 2.0**-6, 0.0, 0.0]
    assert h_score(6.99, models=512) == 2.0**-13


@pytest.mark.parametrize(("shift", "card"), [(0.0, 0.35), (0.5, 0.15), (1.0, 0.046)])
def test_plug_in_estimate_has_the_measured_bias(shift: float, card: float) -> None:
    rng = np.random.default_rng(0)
    found = epsilon_estimate(rng.normal(shift, 1, (64, 400)), rng.normal(0, 1, (64, 400)))
    assert h_score(found, models=64).mean() == pytest.approx(card, rel=0.35)


def test_plug_in_estimate_of_extremes() -> None:
    rng = np.random.default_rng(1)
    flat = np.zeros((8, 3))
    assert epsilon_estimate(flat, flat).tolist() == [0.0] * 3
    assert epsilon_estimate(flat, flat + 5).tolist() == [50.0] * 3
    assert epsilon_estimate(flat, rng.normal(0, 1, (8, 3))).tolist() == [50.0] * 3  # one range is degenerate
    assert (epsilon_estimate(rng.normal(0, 1e6, (8, 3)), rng.normal(0, 1e6, (8, 3))) <= 50.0).all()


def test_certified_bound_holds_under_the_null() -> None:
    rng = np.random.default_rng(2)
    lows = [certified_epsilon(rng.normal(0, 1, 64), rng.normal(0, 1, 64), seed=s).low for s in range(400)]
    assert np.mean(np.array(lows) > 0) <= 0.05
    # and in a case with a known epsilon: two coins, ln((1 - .2) / .2)
    truth = float(epsilon(0.2, 0.2))
    above = 0
    for seed in range(400):
        one, two = (rng.random(200) < 0.8).astype(float), (rng.random(200) < 0.2).astype(float)
        above += certified_epsilon(one, two, seed=seed).low > truth
    assert above / 400 <= 0.05


@pytest.mark.parametrize(
    ("models", "ceiling"), [(8, 0.53), (16, 1.35), (32, 2.10), (64, 2.82), (128, 3.53), (256, 4.23)]
)
def test_ceiling_is_as_measured_and_reached_by_perfect_separation(models: int, ceiling: float) -> None:
    rng = np.random.default_rng(3)
    low, high = rng.normal(0, 1, 2 * models), rng.normal(100, 1, 2 * models)
    for unlearned, gold in ((low, high), (high, low)):
        found = certified_epsilon(unlearned, gold)
        assert found.ceiling == pytest.approx(ceiling, abs=0.006)
        assert found.low == found.ceiling
        assert found.models == models


def test_certified_limits_are_clopper_pearson() -> None:
    # 20 models a side judge, without an error
    limit = binomtest(0, 20).proportion_ci(0.95, method="exact").high
    found = certified_epsilon(np.ones(40), np.zeros(40))
    assert found.low == pytest.approx(float(epsilon(limit, limit)), abs=1e-9)


def test_certified_power_is_as_measured() -> None:
    rng = np.random.default_rng(4)
    lows = [certified_epsilon(rng.normal(2, 1, 128), rng.normal(0, 1, 128), seed=s).low for s in range(200)]
    assert np.median(lows) == pytest.approx(1.39, abs=0.25)


@given(st.floats(-5, 5), st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_permutation_p_never_goes_below_its_floor(statistic: float, references: list[float]) -> None:
    floor = 1 / (len(references) + 1)
    assert floor <= permutation_p(statistic, references) <= 1.0
    assert permutation_p(100.0, references) == pytest.approx(floor)
    assert permutation_p(0.0, references) == 1.0
    assert permutation_p(statistic, references) == permutation_p(-statistic, references)


def test_permutation_p_is_uniform_under_the_null() -> None:
    rng = np.random.default_rng(5)
    found = np.array([permutation_p(draw[0], draw[1:]) for draw in rng.normal(0, 1, (4000, 20))])
    for alpha in (0.05, 0.25, 0.5):
        assert np.mean(found <= alpha + 1e-12) == pytest.approx(alpha, abs=0.03)


def test_klom() -> None:
    rng = np.random.default_rng(6)
    margins = rng.normal(0, 2, (30, 5))
    assert klom(margins, margins).tolist() == [0.0] * 5
    assert klom(margins[::-1], margins).tolist() == [0.0] * 5
    # the largest value is counted: with it dropped, this would be 0
    assert klom([[0.0], [1.0]], [[0.0], [0.0]])[0] == pytest.approx(0.5 * np.log(0.5) + 0.5 * np.log(0.5 / 1e-5))
    assert klom(np.full((4, 1), 3.0), np.full((6, 1), 3.0))[0] == 0.0
    far = klom(margins + 1000, margins)
    assert far == pytest.approx([np.log(1 / 1e-5)] * 5)  # clipped to 100, one bin, none of gold
    near, further = klom(margins + 0.5, margins).mean(), klom(margins + 3, margins).mean()
    assert near < further


def test_inputs_are_left_alone() -> None:
    one, two = np.random.default_rng(7).normal(0, 200, (2, 12, 2))
    kept = one.copy(), two.copy()
    klom(one, two)
    epsilon_estimate(one, two)
    certified_epsilon(one[:, 0], two[:, 0])
    epsilon(np.array([0.1]), np.array([0.1]))
    assert np.array_equal(kept[0], one)
    assert np.array_equal(kept[1], two)


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="rate"):
        epsilon(20, 0.1)
    with pytest.raises(ShapeError, match="differ in shape"):
        epsilon([0.1], [0.1, 0.2])
    with pytest.raises(ConfigError, match="delta"):
        epsilon(0.1, 0.1, delta=1)
    with pytest.raises(DataError, match="negative or NaN"):
        h_score([float("nan")], models=64)
    with pytest.raises(ConfigError, match="models"):
        h_score([0.1], models=2)
    with pytest.raises(ShapeError, match="too few models"):
        certified_epsilon([1.0, 2.0, 3.0], [1.0] * 10)
    with pytest.raises(ShapeError, match="do not match"):
        klom(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(ConfigError, match="KLOM"):
        klom([[0.0]], [[0.0]], bins=0)
    with pytest.raises(DataError, match="empty"):
        permutation_p(1.0, [])
