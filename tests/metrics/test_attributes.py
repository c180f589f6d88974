"""CCC, PCC, MAE and RMSE: golden values, textbook formulas, other people's code, and their properties."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import bootstrap, bootstrap_difference, ccc, mae, moments, pcc, rmse, score_moments

ratings = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=2, max_size=40)


def test_golden_value() -> None:
    assert ccc([1, 2, 3, 4, 5], [1.5, 2.5, 2.0, 4.5, 4.0]) == pytest.approx(0.835820895522388, abs=1e-12)


@given(ratings)
def test_symmetric_bounded_and_below_pearson(pairs: list[tuple[int, int]]) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    value = ccc(x, y)
    assert value == pytest.approx(ccc(y, x), abs=1e-12)
    assert abs(value) <= abs(np.corrcoef(x, y)[0, 1]) + 1e-9
    cov = np.cov(x, y, ddof=0)
    expected = 2 * cov[0, 1] / (cov[0, 0] + cov[1, 1] + (x.mean() - y.mean()) ** 2)
    assert value == pytest.approx(expected, abs=1e-12)
    assert ccc(x, x) == pytest.approx(1.0)


@given(ratings, st.floats(-1e4, 1e4))
def test_against_scipy_and_scikit_learn(pairs: list[tuple[int, int]], shift: float) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    assert mae(x, y) == pytest.approx(mean_absolute_error(x, y), abs=1e-12)
    assert rmse(x, y) == pytest.approx(root_mean_squared_error(x, y), abs=1e-9)
    assert mae(x, y) <= rmse(x, y) + 1e-9
    if np.ptp(x) > 0 and np.ptp(y) > 0:
        assert pcc(x, y) == pytest.approx(pearsonr(x, y).statistic, abs=1e-9)
        # a correlation is blind to the mean, a concordance is not blind to a shift of one side only
        assert pcc(x, y + shift) == pytest.approx(pcc(x, y), abs=1e-6)
        assert ccc(x + shift, y + shift) == pytest.approx(ccc(x, y), abs=1e-6)


@pytest.mark.parametrize("score", ["ccc", "pcc", "mae", "rmse"])
@pytest.mark.parametrize("clustered", [False, True])
def test_fast_bootstrap_has_the_law_of_the_loop(score: str, clustered: bool) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(4, 1, 300)
    guess = truth + rng.normal(0.3, 0.8, 300)
    speakers = rng.integers(0, 12, 300) if clustered else None
    slow = {"ccc": ccc, "pcc": pcc, "mae": mae, "rmse": rmse}[score]
    one = bootstrap(score, truth, guess, clusters=speakers, resamples=4000)
    two = bootstrap(slow, truth, guess, clusters=speakers, resamples=2000, seed=3)
    assert one.unit == two.unit
    assert one.estimate == pytest.approx(two.estimate, abs=1e-9)
    width = two.high - two.low
    assert one.low == pytest.approx(two.low, abs=0.12 * width)
    assert one.high == pytest.approx(two.high, abs=0.12 * width)


def test_difference_is_paired() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=400)
    first = truth + rng.normal(0, 0.5, 400)
    second = first + rng.normal(0, 0.1, 400)
    speakers = np.repeat(np.arange(20), 20)
    change = bootstrap_difference("ccc", truth, first, second, clusters=speakers)
    assert change.estimate == pytest.approx(ccc(truth, first) - ccc(truth, second))
    single = bootstrap("ccc", truth, first, clusters=speakers)
    assert change.high - change.low < 0.6 * (single.high - single.low)
    assert bootstrap_difference("mae", truth, first, first).high == 0.0


def test_a_thousand_resamples_of_ten_thousand_utterances_take_under_a_second() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(4, 1, 10_000)
    guess, speakers = truth + rng.normal(0, 1, 10_000), rng.integers(0, 100, 10_000)
    for clusters in (speakers, None):
        start = time.process_time()
        bootstrap("ccc", truth, guess, clusters=clusters)
        assert time.process_time() - start < 1.0


def test_resamples_where_it_is_undefined_do_not_count() -> None:
    """Two speakers; one is constant and right, so drawing it twice gives no concordance."""
    truth, guess = [1.0, 1.0, 1.0, 2.0], [1.0, 1.0, 2.0, 2.5]
    found = bootstrap("ccc", truth, guess, clusters=["a", "a", "b", "b"])
    assert 650 < found.resamples < 850


def test_many_sums_at_once() -> None:
    both = np.stack([moments([1, 2, 3], [1, 2, 4]).sum(axis=0), moments([5, 5], [5, 5]).sum(axis=0)])
    assert score_moments("ccc", both)[0] == pytest.approx(ccc([1, 2, 3], [1, 2, 4]))
    assert np.isnan(score_moments("ccc", both)[1])
    assert score_moments("mae", both) == pytest.approx([1 / 3, 0.0])


def test_bad_input_is_refused() -> None:
    for score in (ccc, pcc):
        with pytest.raises(DataError, match="undefined"):
            score([2.0, 2.0], [2.0, 2.0])
        assert score([1.0, 2.0], [1.5, 1.5]) == 0.0
        assert score([1.1] * 7, np.arange(7.0)) == 0.0
    for score in (ccc, pcc, mae, rmse):
        with pytest.raises(ShapeError, match="differ in length"):
            score([1.0, 2.0], [1.0])
        with pytest.raises(DataError, match="not finite"):
            score([1.0, 2.0], [1.0, float("nan")])
        with pytest.raises(DataError, match="empty"):
            score([], [])
    with pytest.raises(ConfigError, match="unknown"):
        score_moments("r2", np.ones(8))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="moments"):
        score_moments("ccc", np.ones(7))
    with pytest.raises(DataError, match="no utterance"):
        score_moments("ccc", np.zeros(8))
