"""Paired tests against scipy, against every swap written out, and under the null hypothesis."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binomtest, chi2

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import accuracy, ccc, holm, macro_f1, mcnemar, permutation_test, uar


def cases(only_first: int, only_second: int, both: int = 5) -> tuple[list[int], list[int], list[int]]:
    first = [1] * only_first + [0] * only_second + [1] * both
    second = [0] * only_first + [1] * only_second + [1] * both
    return [1] * len(first), first, second


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_against_scipy(left: int, right: int) -> None:
    found = {method: mcnemar(*cases(left, right), method=method) for method in ("exact", "mid-p", "chi2")}
    assert (found["exact"].only_first, found["exact"].only_second) == (left, right)
    n = left + right
    if n == 0:
        assert all(one.p == 1.0 for one in found.values())
        return
    exact = binomtest(left, n).pvalue
    assert found["exact"].p == pytest.approx(exact)
    assert found["mid-p"].p == pytest.approx(exact - taken_off(left, n))
    assert found["chi2"].p == pytest.approx(chi2.sf(max(0, abs(left - right) - 1) ** 2 / n, 1))
    assert found["mid-p"].p <= found["exact"].p
    assert mcnemar(*cases(right, left)).p == pytest.approx(found["mid-p"].p)


def taken_off(left: int, n: int) -> float:
    """What mid-p takes off the exact p: the probability of the observed outcome.

    At an even share the exact p is cut to 1 and mid-p counts the middle outcome once: 1 again.
    """
    return 0.0 if 2 * left == n else comb(n, left) / 2**n


def test_mcnemar_known_answer() -> None:
    """Six against sixteen, worked out by hand from the binomial coefficients of 22."""
    tail = sum(comb(22, k) for k in range(7)) / 2**22
    assert mcnemar(*cases(6, 16), method="exact").p == pytest.approx(2 * tail)
    assert mcnemar(*cases(6, 16)).p == pytest.approx(2 * tail - comb(22, 6) / 2**22)
    assert mcnemar(*cases(6, 16), method="chi2").p == pytest.approx(0.0550, abs=5e-5)  # 81 / 22 = 3.682


SCORES = {
    "accuracy": accuracy,
    "uar": uar,
    "macro_f1": lambda t, p: macro_f1(t, p, n_classes=3),
    "ccc": lambda t, p: ccc(t, p),
}


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(list(SCORES)), st.integers(0, 10_000))
def test_every_swap_written_out(score: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(6), rng.integers(2, 5, 6))
    truth, one, two = (rng.integers(0, 3, speakers.size) for _ in range(3))
    if score == "ccc":
        truth, one, two = (column + rng.normal(size=speakers.size) for column in (truth, one, two))
    function = SCORES[score]
    observed = function(truth, one) - function(truth, two)
    drawn = []
    for swap in itertools.product([False, True], repeat=6):
        turned = np.array(swap)[speakers]
        drawn.append(function(truth, np.where(turned, two, one)) - function(truth, np.where(turned, one, two)))
    expected = np.mean(np.abs(drawn) >= abs(observed) - 1e-12)
    found = permutation_test(score, truth, one, two, n_classes=None if score == "ccc" else 3, clusters=speakers)
    assert found.estimate == pytest.approx(observed, abs=1e-12)
    assert found.exact
    assert found.p == pytest.approx(expected)
    assert found.unit == "speaker (6)"
    turned = permutation_test(score, truth, two, one, n_classes=None if score == "ccc" else 3, clusters=speakers)
    assert turned.p == pytest.approx(found.p)


def test_sign_flips_of_scipy() -> None:
    """One utterance a speaker and accuracy: the same test as scipy's for paired samples."""
    rng = np.random.default_rng(0)
    truth, one, two = (rng.integers(0, 2, 10) for _ in range(3))
    right = ((one == truth).astype(float), (two == truth).astype(float))
    reference = stats.permutation_test(
        right, lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert permutation_test("accuracy", truth, one, two, clusters=np.arange(10)).p == pytest.approx(reference.pvalue)


def test_random_swaps_come_near_all_of_them() -> None:
    rng = np.random.default_rng(1)
    truth, one = rng.integers(0, 3, 300), rng.integers(0, 3, 300)
    two = np.where(rng.random(300) < 0.2, truth, one)
    speakers = np.repeat(np.arange(20), 15)
    found = permutation_test("uar", truth, one, two, clusters=speakers, permutations=2000)
    assert not found.exact
    assert found.permutations == 2000
    assert found.p <= 0.01
    assert found.p >= 1 / 2001
    assert found == permutation_test("uar", truth, one, two, clusters=speakers, permutations=2000)


def test_equal_models_are_not_told_apart_too_often_though_speakers_differ() -> None:
    """Each speaker suits one of the models by chance: utterances depend on each other, and McNemar is fooled."""
    rng = np.random.default_rng(2)
    speakers = np.repeat(np.arange(12), 40)
    wrong = {"mcnemar": 0, "permutation": 0}
    for _ in range(120):
        suits = rng.uniform(0.3, 0.9, (2, 12))[:, speakers]
        truth = np.zeros(480, dtype=int)
        one, two = (rng.random((2, 480)) > suits).astype(int)
        wrong["mcnemar"] += mcnemar(truth, one, two).p <= 0.05
        wrong["permutation"] += permutation_test("accuracy", truth, one, two, clusters=speakers).p <= 0.05
    assert wrong["permutation"] / 120 <= 0.11
    assert wrong["mcnemar"] / 120 >= 0.25


def test_models_that_agree_have_p_one() -> None:
    truth = np.arange(4)
    assert permutation_test("accuracy", truth, truth, truth).p == 1.0
    assert permutation_test("accuracy", truth, truth, truth, clusters=["a"] * 4).unit.endswith("one speaker only)")


def test_models_that_name_different_numbers_of_classes() -> None:
    found = permutation_test("uar", [0, 1, 0, 1], [0, 1, 0, 1], [0, 2, 2, 1], clusters=["a", "a", "b", "b"])
    assert found.estimate == pytest.approx(0.5)


def slow_holm(p: list[float]) -> list[float]:
    """By the definition: the largest level at which the step-down procedure still accepts."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted = [0.0] * len(p)
    for rank, i in enumerate(order):
        adjusted[i] = min(1.0, max((len(p) - j) * p[order[j]] for j in range(rank + 1)))
    return adjusted


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_by_its_definition(p: list[float]) -> None:
    found = holm(p)
    assert found == pytest.approx(slow_holm(p))
    assert (found >= np.array(p) - 1e-12).all()
    assert (found <= np.minimum(1.0, len(p) * np.array(p)) + 1e-12).all()  # never worse than Bonferroni


def test_holm_known_answer() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="method"):
        mcnemar([0], [0], [0], method="exactly")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="differ in length"):
        mcnemar([0, 1], [0, 1], [0])
    with pytest.raises(ConfigError, match="permutations"):
        permutation_test("uar", [0], [0], [0], permutations=0)
    with pytest.raises(ConfigError, match="unknown"):
        permutation_test("recall", [0], [0], [0])  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="clusters"):
        permutation_test("uar", [0, 1], [0, 1], [0, 1], clusters=["a"])
    with pytest.raises(DataError, match="undefined"):
        permutation_test("ccc", [1.0, 1.0], [1.0, 1.0], [1.0, 1.0])
    with pytest.raises(DataError, match="from 0 to 1"):
        holm([0.2, 1.2])
    with pytest.raises(DataError, match="empty"):
        holm([])
    with pytest.raises(ShapeError, match="flatten"):
        holm([[0.1]])
