"""Agreement measures against published examples, slow oracles and properties."""

import itertools
import time
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import cohen_kappa_score

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics.agreement import (
    cohen_kappa,
    cohen_kappa_interval,
    fleiss_kappa,
    fleiss_kappa_interval,
    icc,
    icc_interval,
    krippendorff_alpha,
    krippendorff_alpha_interval,
)

NAN = float("nan")

TEN_BY_FOURTEEN = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
"""The well-known example of ten subjects, fourteen raters and five categories: kappa 0.210."""

FOUR_OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T
"""Krippendorff 2011, section C: four observers, twelve units, missing data."""

SIX_BY_FOUR = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Shrout & Fleiss 1979, table 2."""


def test_fleiss_published() -> None:
    assert round(fleiss_kappa(TEN_BY_FOURTEEN), 3) == 0.210


@pytest.mark.parametrize(
    ("scale", "wanted"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorff_published(scale: str, wanted: float) -> None:
    assert round(krippendorff_alpha(FOUR_OBSERVERS, scale=scale), 3) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("form", "wanted"), [("1,1", 0.17), ("2,1", 0.29), ("3,1", 0.71), ("1,k", 0.44), ("2,k", 0.62), ("3,k", 0.91)]
)
def test_icc_published(form: str, wanted: float) -> None:
    assert round(icc(SIX_BY_FOUR, form=form), 2) == wanted  # type: ignore[arg-type]


# slow oracles, written from the definitions with loops


def fleiss_by_loops(counts: npt.NDArray[np.int64]) -> float:
    rated = [row for row in counts if row.sum() >= 2]
    agreed = [
        sum(a == b for a, b in itertools.permutations(np.repeat(np.arange(len(row)), row), 2))
        / (row.sum() * (row.sum() - 1))
        for row in rated
    ]
    shares = np.sum(rated, axis=0) / np.sum(rated)
    chance = float((shares**2).sum())
    return (float(np.mean(agreed)) - chance) / (1 - chance)


def alpha_by_loops(table: npt.NDArray[np.float64], scale: str) -> float:
    """Krippendorff's coincidence matrix, pair by pair."""
    coincidences: Counter[tuple[float, float]] = Counter()
    for row in table:
        values = [v for v in row if not np.isnan(v)]
        for a, b in itertools.permutations(values, 2):
            coincidences[a, b] += 1 / (len(values) - 1)  # type: ignore[assignment]
    totals: Counter[float] = Counter()
    for (a, _), count in coincidences.items():
        totals[a] += count  # type: ignore[assignment]
    n = sum(totals.values())
    ranked = sorted(totals)

    def difference(a: float, b: float) -> float:
        if scale == "nominal":
            return float(a != b)
        if scale == "interval":
            return (a - b) ** 2
        if scale == "ratio":
            return ((a - b) / (a + b)) ** 2 if a + b else 0.0
        low, high = min(a, b), max(a, b)
        between = sum(totals[v] for v in ranked if low <= v <= high)
        return (between - (totals[a] + totals[b]) / 2) ** 2

    observed = sum(count * difference(a, b) for (a, b), count in coincidences.items()) / n
    expected = sum(totals[a] * totals[b] * difference(a, b) for a in ranked for b in ranked) / (n * (n - 1))
    return 1 - observed / expected


counts_tables = arrays(np.int64, st.tuples(st.integers(3, 8), st.integers(2, 4)), elements=st.integers(0, 4)).filter(
    lambda c: (c.sum(1) >= 2).any() and (c[c.sum(1) >= 2].sum(0) > 0).sum() > 1
)
rating_tables = arrays(
    np.float64,
    st.tuples(st.integers(3, 8), st.integers(2, 5)),
    elements=st.sampled_from([NAN, 0.0, 1.0, 2.0, 3.5, 7.0]),
).filter(lambda t: len({v for row in t if (~np.isnan(row)).sum() > 1 for v in row if not np.isnan(v)}) > 1)


@settings(max_examples=60, deadline=None)
@given(counts_tables)
def test_fleiss_against_pairs(counts: npt.NDArray[np.int64]) -> None:
    assert fleiss_kappa(counts) == pytest.approx(fleiss_by_loops(counts), abs=1e-9)


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval", "ratio"])
@settings(max_examples=60, deadline=None)
@given(table=rating_tables)
def test_alpha_against_pairs(scale: str, table: npt.NDArray[np.float64]) -> None:
    found = krippendorff_alpha(table, scale=scale)  # type: ignore[arg-type]
    assert found == pytest.approx(alpha_by_loops(table, scale), abs=1e-9)
    values = np.array([0.0, 1.0, 2.0, 3.5, 7.0])
    counts = (table[:, :, None] == values).sum(1)
    assert krippendorff_alpha(counts, scale=scale, values=values) == pytest.approx(found, abs=1e-9)  # type: ignore[arg-type]


def test_one_way_icc_of_unequal_groups_from_the_variance_table() -> None:
    table = np.array([[1.0, 2.0, NAN], [4.0, 5.0, 6.0], [2.0, 2.5, NAN], [7.0, 6.0, 8.0]])
    groups = [row[~np.isnan(row)] for row in table]
    everything = np.concatenate(groups)
    sizes = np.array([g.size for g in groups])
    between = sum(g.size * (g.mean() - everything.mean()) ** 2 for g in groups) / 3
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (everything.size - 4)
    k = (everything.size - (sizes**2).sum() / everything.size) / 3
    assert icc(table, form="1,1") == pytest.approx((between - within) / (between + (k - 1) * within))
    assert icc(table, form="1,k") == pytest.approx((between - within) / between)


def test_cronbach_alpha_is_icc_3_k() -> None:
    table = np.asarray(SIX_BY_FOUR, float)
    k = table.shape[1]
    alpha = k / (k - 1) * (1 - table.var(axis=0, ddof=1).sum() / table.sum(axis=1).var(ddof=1))
    assert icc(table, form="3,k") == pytest.approx(alpha)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_cohen_against_scikit_learn(weights: str | None) -> None:
    rng = np.random.default_rng(1)
    first = rng.integers(0, 4, 200)
    second = np.where(rng.random(200) < 0.6, first, rng.integers(0, 4, 200))
    wanted = cohen_kappa_score(first, second, weights=weights)
    assert cohen_kappa(first, second, weights=weights) == pytest.approx(wanted)  # type: ignore[arg-type]
    assert cohen_kappa(second, first, weights=weights) == pytest.approx(wanted)  # type: ignore[arg-type]


# properties


@settings(max_examples=40, deadline=None)
@given(rating_tables, st.randoms(use_true_random=False))
def test_order_of_items_and_raters_does_not_matter(table: npt.NDArray[np.float64], random: object) -> None:
    rng = np.random.default_rng(3)
    shuffled = table[rng.permutation(len(table))][:, rng.permutation(table.shape[1])]
    for scale in ("nominal", "ordinal", "interval"):
        assert krippendorff_alpha(shuffled, scale=scale) == pytest.approx(krippendorff_alpha(table, scale=scale))  # type: ignore[arg-type]


def test_scales_are_blind_to_what_they_do_not_know() -> None:
    alpha = krippendorff_alpha
    assert alpha(3 * FOUR_OBSERVERS + 5, scale="interval") == pytest.approx(alpha(FOUR_OBSERVERS, scale="interval"))
    assert alpha(np.exp(FOUR_OBSERVERS), scale="ordinal") == pytest.approx(alpha(FOUR_OBSERVERS, scale="ordinal"))
    assert alpha(4 * FOUR_OBSERVERS, scale="ratio") == pytest.approx(alpha(FOUR_OBSERVERS, scale="ratio"))
    assert alpha(6 - FOUR_OBSERVERS, scale="nominal") == pytest.approx(alpha(FOUR_OBSERVERS, scale="nominal"))


def test_items_with_one_rating_do_not_count() -> None:
    more = np.vstack([FOUR_OBSERVERS, [[4, NAN, NAN, NAN]] * 3])
    assert krippendorff_alpha(more, scale="interval") == krippendorff_alpha(FOUR_OBSERVERS, scale="interval")
    assert fleiss_kappa([*TEN_BY_FOURTEEN, [1, 0, 0, 0, 0]]) == fleiss_kappa(TEN_BY_FOURTEEN)


def test_full_agreement_and_chance() -> None:
    assert fleiss_kappa([[3, 0], [0, 3]]) == pytest.approx(1.0)
    assert icc([[1, 1], [2, 2], [3, 3]], form="2,1") == pytest.approx(1.0)
    rng = np.random.default_rng(0)
    assert abs(fleiss_kappa(rng.multinomial(6, [0.5, 0.3, 0.2], size=4000))) < 0.02
    assert abs(krippendorff_alpha(rng.normal(size=(4000, 4)).round(1), scale="interval")) < 0.02


# intervals


@pytest.mark.parametrize("form", ["1,1", "1,k", "2,1", "2,k", "3,1", "3,k"])
def test_resamples_are_the_measure_of_drawn_items(form: str) -> None:
    """The same draws, with the measure computed on rows copied out."""
    table = np.random.default_rng(4).normal(size=(30, 4)) + np.linspace(0, 4, 30)[:, None]
    found = icc_interval(table, form=form, resamples=50, seed=9)  # type: ignore[arg-type]
    rng = np.random.default_rng(9)
    drawn = [icc(table[rows], form=form) for rows in rng.integers(0, 30, size=(50, 30))]  # type: ignore[arg-type]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.estimate == icc(table, form=form)  # type: ignore[arg-type]
    assert found.unit == "item (30)"


@pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval", "ratio"])
def test_resamples_of_alpha(scale: str) -> None:
    table = np.random.default_rng(5).integers(0, 5, size=(25, 4)).astype(float)
    table[::6, 1] = NAN
    found = krippendorff_alpha_interval(table, scale=scale, resamples=40, seed=2)  # type: ignore[arg-type]
    rng = np.random.default_rng(2)
    drawn = [alpha_by_loops(table[rows], scale) for rows in rng.integers(0, 25, size=(40, 25))]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_resamples_of_the_kappas() -> None:
    counts = np.array(TEN_BY_FOURTEEN)
    rng = np.random.default_rng(2)
    drawn = [fleiss_by_loops(counts[rows]) for rows in rng.integers(0, 10, size=(40, 10))]
    found = fleiss_kappa_interval(counts, resamples=40, seed=2)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
    first = np.random.default_rng(6).integers(0, 3, 60)
    second = np.where(np.arange(60) % 3 == 0, (first + 1) % 3, first)
    rng = np.random.default_rng(2)
    drawn = [cohen_kappa_score(first[rows], second[rows]) for rows in rng.integers(0, 60, size=(40, 60))]
    found = cohen_kappa_interval(first, second, resamples=40, seed=2)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_the_interval_covers() -> None:
    """Of 100 samples from one law about 95 intervals hold the value of a very large sample."""
    law = np.random.default_rng(7)
    shares = law.dirichlet([0.6, 0.4, 0.3], size=20000)
    large = law.multinomial(5, shares)
    truth = fleiss_kappa(large)
    hits = sum(
        fleiss_kappa_interval(large[start : start + 150], resamples=200, seed=1).contains(truth)
        for start in range(0, 15000, 150)
    )
    assert 86 <= hits <= 100


def test_undefined_resamples_are_left_out_and_most_undefined_is_an_error() -> None:
    counts = [[2, 0], [2, 0], [0, 2]]
    found = fleiss_kappa_interval(counts, resamples=400)
    assert 200 <= found.resamples < 400
    messages = []
    for seed in range(20):  # two opposite items: half of all resamples do not vary
        try:
            fleiss_kappa_interval([[2, 0], [0, 2]], resamples=9, seed=seed)
        except DataError as error:
            messages.append(str(error))
    assert 3 <= len(messages) <= 17
    assert all("is undefined in most resamples" in message for message in messages)


def test_speed() -> None:
    """27,000 ratings take well under a second; the limits allow for a busy machine."""
    rng = np.random.default_rng(0)
    table = rng.integers(1, 8, size=(5427, 33)).astype(float)
    table[rng.random(table.shape) > 5 / 33] = NAN
    for work, limit in (
        (lambda: krippendorff_alpha(table, scale="ordinal"), 0.5),
        (lambda: krippendorff_alpha_interval(table, scale="interval"), 3.0),
        (lambda: icc_interval(table, form="1,1"), 3.0),
    ):
        started = time.process_time()
        work()
        assert time.process_time() - started < limit


# errors


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match=r"ratings have shape \(3,\)"):
        krippendorff_alpha([1, 2, 3], scale="nominal")
    with pytest.raises(ConfigError, match="the scale is 'nominel'"):
        krippendorff_alpha([[1, 2]], scale="nominel")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="the form is '4,1'"):
        icc(SIX_BY_FOUR, form="4,1")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="none of 2 items has two ratings"):
        fleiss_kappa([[1, 0], [0, 1]])
    with pytest.raises(DataError, match="a count is negative or not whole"):
        fleiss_kappa([[1.5, 2]])
    with pytest.raises(DataError, match="undefined"):
        fleiss_kappa([[3, 0], [2, 0]])
    with pytest.raises(DataError, match=r"ICC\(2,1\) needs every rater"):
        icc([[1, NAN, 2], [1, 2, 3]], form="2,1")
    with pytest.raises(DataError, match="ratio scale has no negative value"):
        krippendorff_alpha([[-1, 1], [2, 2]], scale="ratio")
    with pytest.raises(DataError, match="infinite"):
        icc([[1, float("inf")]], form="1,1")
    with pytest.raises(ShapeError, match="values do not match"):
        krippendorff_alpha([[1, 1], [2, 0]], scale="nominal", values=[2, 1])
    with pytest.raises(ConfigError, match="weights is 'cubic'"):
        cohen_kappa([0, 1], [1, 0], weights="cubic")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="level is out of range"):
        fleiss_kappa_interval(TEN_BY_FOURTEEN, level=1.0)
