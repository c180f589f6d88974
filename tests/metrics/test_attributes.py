"""CCC: golden value, the textbook formula, and its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import DataError, ShapeError
from affekt.metrics import bootstrap, ccc

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


def test_goes_through_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(4, 1, 200)
    interval = bootstrap(ccc, truth, truth + rng.normal(0, 0.5, 200), clusters=np.repeat(np.arange(10), 20))
    assert 0.7 < interval.low < interval.estimate < interval.high < 1.0


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="undefined"):
        ccc([2.0, 2.0], [2.0, 2.0])
    with pytest.raises(ShapeError, match="differ in length"):
        ccc([1.0, 2.0], [1.0])
    assert ccc([1.0, 2.0], [1.5, 1.5]) == 0.0
