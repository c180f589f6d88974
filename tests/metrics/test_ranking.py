"""Tau-b and pair accuracy: known values, SciPy and loops as oracles, and intervals against resampling by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import kendall_tau, pair_accuracy, ranking, ranking_difference, score_ranking


def drawn(size: int, *, seed: int, levels: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth with ties, scores that follow it with noise, and speakers."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(levels, size=size).astype(float)
    return truth, np.round(truth + rng.normal(size=size) * 2, 1), np.sort(rng.integers(6, size=size))


def test_the_known_values() -> None:
    assert kendall_tau([1, 2, 2, 3, 4], [1, 3, 2, 2, 4]) == pytest.approx(0.6666666666666666, abs=1e-12)
    assert kendall_tau([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.6666666666666669, abs=1e-12)


@given(
    values=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30).filter(
        lambda pairs: len({x for x, _ in pairs}) > 1
    )
)
@settings(max_examples=60, deadline=None)
def test_tau_is_that_of_scipy_and_turns_round(values: list[tuple[int, int]]) -> None:
    x, y = np.array(values, dtype=float).T
    found = kendall_tau(x, y)
    if len(set(y)) > 1:
        assert found == pytest.approx(float(kendalltau(x, y).statistic), abs=1e-12)
    else:
        assert found == 0.0
    assert kendall_tau(x, -y) == pytest.approx(-found, abs=1e-12)
    assert kendall_tau(x, np.exp(y)) == pytest.approx(found, abs=1e-12)
    assert pair_accuracy(x, y) + pair_accuracy(x, -y) == pytest.approx(1.0, abs=1e-12)


def by_hand(x: np.ndarray, y: np.ndarray, margin: float, within: np.ndarray | None = None) -> tuple[float, int]:
    right, pairs = 0.0, 0
    for i, j in itertools.combinations(range(len(x)), 2):
        if x[i] != x[j] and abs(x[i] - x[j]) >= margin and (within is None or within[i] == within[j]):
            pairs += 1
            right += 0.5 if y[i] == y[j] else float((x[i] > x[j]) == (y[i] > y[j]))
    return right / pairs, pairs


@pytest.mark.parametrize("margin", [0.0, 1.0, 1.5, 3.0])
def test_pair_accuracy_counts_pairs(margin: float) -> None:
    x, y, speakers = drawn(40, seed=1)
    wanted, pairs = by_hand(x, y, margin)
    assert pair_accuracy(x, y, margin=margin) == pytest.approx(wanted, abs=1e-12)
    wanted, _ = by_hand(x, y, margin, speakers)
    assert pair_accuracy(x, y, margin=margin, within=speakers) == pytest.approx(wanted, abs=1e-12)
    assert score_ranking(x, y, margin=margin, clusters=speakers, resamples=5).pairs == pairs


def test_tau_within_groups_forgets_the_others() -> None:
    x, y, speakers = drawn(60, seed=2)
    shifted = y + 100.0 * speakers
    assert kendall_tau(x, shifted, within=speakers) == kendall_tau(x, y, within=speakers)
    assert kendall_tau(x, shifted) != pytest.approx(kendall_tau(x, y), abs=0.01)


@pytest.mark.parametrize("clustered", [True, False])
def test_a_resample_is_that_of_the_drawn_utterances(clustered: bool) -> None:
    x, y, speakers = drawn(50, seed=3)
    units = speakers if clustered else np.arange(50)
    found = score_ranking(x, y, margin=2.0, clusters=speakers if clustered else None, resamples=200, seed=4)
    codes = np.unique(units, return_inverse=True)[1]
    count = int(codes.max()) + 1
    taus, shares = [], []
    for weights in np.random.default_rng(4).multinomial(count, np.full(count, 1 / count), size=200):
        rows = np.repeat(np.arange(50), weights[codes])
        taus.append(float(kendalltau(x[rows], y[rows]).statistic))
        shares.append(by_hand(x[rows], y[rows], 2.0)[0])
    low, high = np.quantile(taus, [0.025, 0.975])
    assert found.tau.estimate == pytest.approx(kendall_tau(x, y), abs=1e-12)
    assert (found.tau.low, found.tau.high) == pytest.approx((low, high), abs=1e-9)
    low, high = np.quantile(shares, [0.025, 0.975])
    assert (found.pair_accuracy.low, found.pair_accuracy.high) == pytest.approx((low, high), abs=1e-9)
    assert found.tau.unit == ("speaker (6)" if clustered else "utterance (50)")


def test_many_units_are_linearised_to_nearly_the_same_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, _ = drawn(400, seed=5)
    exact = score_ranking(x, y, resamples=400)
    monkeypatch.setattr(ranking, "_LARGEST_MATRIX", 100)
    fast = score_ranking(x, y, resamples=400)
    assert fast.tau.estimate == pytest.approx(exact.tau.estimate, abs=1e-12)
    for name in ("tau", "pair_accuracy"):
        one, two = getattr(exact, name), getattr(fast, name)
        assert two.high - two.low == pytest.approx(one.high - one.low, rel=0.1)


def test_several_models_are_averaged_and_subtracted() -> None:
    x, y, speakers = drawn(80, seed=6)
    other = np.random.default_rng(0).permutation(y)
    both = score_ranking(x, [y, other], clusters=speakers, resamples=50)
    assert both.models == 2
    assert both.tau.estimate == pytest.approx((kendall_tau(x, y) + kendall_tau(x, other)) / 2, abs=1e-12)
    change = ranking_difference(x, [y, y], other, clusters=speakers, resamples=300)
    assert change.tau.estimate == pytest.approx(kendall_tau(x, y) - kendall_tau(x, other), abs=1e-12)
    assert change.tau.low > 0.0
    same = ranking_difference(x, y, 3 * y - 1, clusters=speakers, resamples=50)
    assert same.tau.low == same.tau.high == 0.0
    assert same.pair_accuracy.high == 0.0


def test_resamples_without_a_pair_do_not_count() -> None:
    found = score_ranking([0, 1, 1], [0.0, 1.0, 2.0], resamples=200)
    assert 0 < found.tau.resamples < 200
    assert found.pair_accuracy.estimate == 1.0


def test_what_is_refused() -> None:
    with pytest.raises(DataError, match="no two of 3 utterances can be compared"):
        kendall_tau([1, 1, 1], [1, 2, 3])
    with pytest.raises(DataError, match="none 5 apart"):
        pair_accuracy([1, 2, 3], [1, 2, 3], margin=5.0)
    with pytest.raises(ConfigError, match="margin is -1; 0 or more"):
        pair_accuracy([1, 2, 3], [1, 2, 3], margin=-1)
    with pytest.raises(ShapeError, match="differ in length"):
        score_ranking([1, 2, 3], [1, 2])
    with pytest.raises(DataError, match="not finite"):
        kendall_tau([1, 2], [1, float("nan")])
    with pytest.raises(ConfigError, match="resamples"):
        score_ranking([1, 2, 3], [1, 2, 3], resamples=0)
