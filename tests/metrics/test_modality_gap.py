"""Closed forms: Gaussians, shifts, points; and scipy's Wasserstein distance."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import centroid_distance, median_bandwidth, mmd, sliced_wasserstein, wasserstein


def draw(seed: int, n: int, m: int, size: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.standard_normal((n, size)), 0.5 + random.standard_normal((m, size))


@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd_is_its_formula(unbiased: bool) -> None:
    x, y = draw(0, 7, 5)

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return math.exp(-float(((a - b) ** 2).sum()) / (2 * 1.3**2))

    def mean(a: np.ndarray, b: np.ndarray, *, same: bool) -> float:
        skip = same and unbiased
        return float(np.mean([k(p, q) for i, p in enumerate(a) for j, q in enumerate(b) if not (skip and i == j)]))

    expected = mean(x, x, same=True) + mean(y, y, same=True) - 2 * mean(x, y, same=False)
    assert mmd(x, y, bandwidth=1.3, unbiased=unbiased) == pytest.approx(expected, abs=1e-12)


def test_two_points_have_the_closed_form() -> None:
    found = mmd([[0.0, 0.0]], [[3.0, 4.0]], bandwidth=5.0, unbiased=False)
    assert found == pytest.approx(2 - 2 * math.exp(-0.5), abs=1e-12)


def test_gaussians_that_are_shifted_have_the_closed_form() -> None:
    # E k(x, y) of N(0, 1) and N(shift, 1) with width s: s / sqrt(s² + 2) exp(-shift² / (2 (s² + 2)))
    random = np.random.default_rng(1)
    shift, s = 1.0, 1.5
    x, y = random.standard_normal((4000, 1)), shift + random.standard_normal((4000, 1))
    peak = s / math.sqrt(s**2 + 2)
    expected = 2 * peak * (1 - math.exp(-(shift**2) / (2 * (s**2 + 2))))
    assert mmd(x, y, bandwidth=s) == pytest.approx(expected, abs=0.015)
    assert abs(mmd(x, random.standard_normal((4000, 1)), bandwidth=s)) < 1e-3


def test_unbiased_is_right_on_average_where_the_other_is_not() -> None:
    found = [
        [
            mmd(*(np.random.default_rng(seed).standard_normal((2, 8, 2))), bandwidth=1.0, unbiased=u)
            for u in (True, False)
        ]
        for seed in range(300)
    ]
    mean = np.mean(found, axis=0)
    assert abs(mean[0]) < 0.01
    assert mean[1] > 0.1


def test_the_bandwidth_is_the_median_distance() -> None:
    assert median_bandwidth([[0.0], [1.0]], [[3.0]]) == pytest.approx(2.0)  # distances 1, 2, 3
    assert median_bandwidth([[0.0]] * 5, [[0.0], [2.0]]) == pytest.approx(2.0)  # most are 0
    assert median_bandwidth([[1.0]] * 3, [[1.0]] * 3) == 1.0
    x, y = draw(2, 30, 20)
    pooled = np.concatenate([x, y])
    distances = [np.linalg.norm(pooled[i] - pooled[j]) for i in range(50) for j in range(i)]
    assert median_bandwidth(x, y) == pytest.approx(np.median(distances), abs=1e-9)
    assert mmd(x, y) == mmd(x, y, bandwidth=median_bandwidth(x, y))


def test_many_items_are_thinned_for_the_median() -> None:
    x, y = draw(3, 3000, 2500)
    whole = np.median([np.linalg.norm(x[i] - x[i + 1]) for i in range(0, 2998, 2)])
    assert median_bandwidth(x, y) == pytest.approx(whole, rel=0.1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 12), m=st.integers(1, 12))
def test_wasserstein_is_that_of_scipy_in_each_dimension(seed: int, n: int, m: int) -> None:
    x, y = draw(seed, n, m)
    expected = np.mean([wasserstein_distance(x[:, d], y[:, d]) for d in range(3)])
    assert wasserstein(x, y) == pytest.approx(expected, abs=1e-10)
    assert wasserstein(y, x) == pytest.approx(expected, abs=1e-10)


def test_a_shift_moves_by_its_length() -> None:
    x, _ = draw(4, 40, 1)
    shift = np.array([0.3, -0.4, 1.2])
    assert wasserstein(x, x + shift) == pytest.approx(np.abs(shift).mean(), abs=1e-12)
    assert centroid_distance(x, x + shift) == pytest.approx(1.3, abs=1e-12)
    # the mean of |cos| of a direction in three dimensions is a half
    assert sliced_wasserstein(x, x + shift, directions=20_000) == pytest.approx(0.65, rel=0.01)


def test_one_dimension_has_one_direction() -> None:
    x, y = draw(5, 9, 4, size=1)
    assert sliced_wasserstein(x, y, directions=3) == pytest.approx(wasserstein(x, y), abs=1e-12)


def test_turning_the_space_leaves_the_sliced_distance_and_mmd() -> None:
    x, y = draw(6, 30, 25)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    assert mmd(x @ turn, y @ turn) == pytest.approx(mmd(x, y), abs=1e-10)
    assert sliced_wasserstein(x @ turn, y @ turn, directions=4000) == pytest.approx(
        sliced_wasserstein(x, y, directions=4000), rel=0.03
    )


def test_the_same_items_have_no_gap() -> None:
    x, _ = draw(7, 20, 1)
    order = np.random.default_rng(0).permutation(20)
    assert wasserstein(x, x[order]) == 0.0
    assert sliced_wasserstein(x, x[order]) == pytest.approx(0.0, abs=1e-12)
    assert mmd(x, x[order], unbiased=False) == pytest.approx(0.0, abs=1e-12)


def test_more_rows_than_a_block_change_nothing() -> None:
    x, y = draw(8, 1500, 1100)
    blocks = mmd(x, y, bandwidth=1.0, unbiased=False)
    k = [np.exp(-((a[:, None] - b[None]) ** 2).sum(2) / 2).mean() for a, b in ((x, x), (y, y), (x, y))]
    assert blocks == pytest.approx(k[0] + k[1] - 2 * k[2], abs=1e-10)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: mmd([[1.0]], [[1.0, 2.0]]), ShapeError, "1 and 2 dimensions"),
        (lambda: mmd([1.0], [[1.0]]), ShapeError, "expected 2 axes"),
        (lambda: mmd([[1.0]], [[2.0], [3.0]]), DataError, "two items a side"),
        (lambda: mmd([[1.0], [2.0]], [[2.0], [3.0]], bandwidth=0.0), ConfigError, "bandwidth is 0.0"),
        (lambda: sliced_wasserstein([[1.0]], [[2.0]], directions=0), ConfigError, "directions is 0"),
        (lambda: wasserstein([[np.nan]], [[1.0]]), DataError, "not finite"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
