"""The bootstrap over levels: coverage where the truth is known, and what it reduces to."""

import numpy as np
import pytest

from affekt.errors import DataError, ShapeError
from affekt.metrics import bootstrap_values, hierarchical_bootstrap


def made_up(rng: np.random.Generator, *, seeds: int, draws: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values with a deviation of 1 on each level and the true mean 0."""
    seed, draw, _ = np.indices((seeds, draws, n))
    values = rng.normal(size=seeds)[seed] + rng.normal(size=(seeds, draws))[seed, draw] + rng.normal(size=seed.shape)
    return values.ravel(), seed.ravel(), draw.ravel()


def test_it_covers_the_truth_where_utterances_alone_do_not() -> None:
    rng = np.random.default_rng(0)
    hits = np.zeros(2)
    for number in range(200):
        values, seed, draw = made_up(rng, seeds=12, draws=5, n=10)
        found = hierarchical_bootstrap(values, seed, draw, resamples=300, seed=number)
        hits += [found.contains(0.0), bootstrap_values(values, resamples=300, seed=number).contains(0.0)]
    assert hits[0] / 200 >= 0.88
    assert hits[1] / 200 <= 0.6


def test_variance_is_the_sum_over_the_levels() -> None:
    rng = np.random.default_rng(1)
    values, seed, draw = made_up(rng, seeds=30, draws=6, n=8)
    found = hierarchical_bootstrap(values, seed, draw, resamples=4000, level=0.6827)
    table = values.reshape(30, 6, 8)
    between = table.mean((1, 2)).var() / 30
    within = table.mean(2).var(axis=1).mean() / (30 * 6)
    inside = table.var(axis=2).mean() / (30 * 6 * 8)
    assert (found.high - found.low) / 2 == pytest.approx(np.sqrt(between + within + inside), rel=0.06)


def test_siblings_weigh_alike_and_inner_names_may_repeat() -> None:
    found = hierarchical_bootstrap([0.0, 0.0, 0.0, 1.0], [0, 0, 0, 1], [0, 0, 0, 0], resamples=50)
    assert found.estimate == 0.5
    assert found.unit == "seed (2), then draw (2), then utterance"


def test_one_level_of_single_values_is_the_bootstrap_of_means() -> None:
    values = np.random.default_rng(2).normal(size=60)
    found = hierarchical_bootstrap(values, np.arange(60), names=("model",), resamples=4000)
    plain = bootstrap_values(values, resamples=4000)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.02)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="no level"):
        hierarchical_bootstrap([1.0], names=())
    with pytest.raises(DataError, match="names"):
        hierarchical_bootstrap([1.0], [0])
    with pytest.raises(ShapeError, match="seed has the wrong shape"):
        hierarchical_bootstrap([1.0, 2.0], [0], [0])
