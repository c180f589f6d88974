"""What a bootstrap draws."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.metrics._inputs import RealArray
from affekt.metrics._resampling import (
    block_weights,
    cluster_groups,
    cluster_weights,
    group_sums,
    item_weights,
    resampled_rows,
    resampled_sums,
)


@pytest.mark.parametrize("draw", [cluster_weights, item_weights])
def test_as_many_are_drawn_as_there_are_and_each_alike(draw: Callable[..., RealArray]) -> None:
    weights = draw(7, 4000, np.random.default_rng(0))
    assert weights.shape == (4000, 7)
    assert weights.dtype == np.float64
    assert (weights.sum(axis=1) == 7.0).all()
    # each weight is binomial, 7 draws of 1/7; the mean over 4,000 is within four standard errors
    assert weights.mean(axis=0) == pytest.approx(np.ones(7), abs=4 * (6 / 7 / 4000) ** 0.5)
    assert weights.var(axis=0) == pytest.approx(np.full(7, 6 / 7), abs=0.12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=30))
def test_sums_within_groups(rows: list[tuple[int, int, int]]) -> None:
    found = group_sums(np.array([row[1:] for row in rows], dtype=float), np.array([row[0] for row in rows]), 4)
    for group in range(4):
        inside = [row for row in rows if row[0] == group]
        assert found[group].tolist() == [sum(row[1] for row in inside), sum(row[2] for row in inside)]


def test_rows_of_a_resample_are_those_of_whole_groups() -> None:
    groups = np.array([0, 1, 1, 2, 0, 2, 2])
    for rows in resampled_rows(groups, 50, np.random.default_rng(1)):
        times = np.bincount(rows, minlength=7)
        for group in range(3):
            assert len(set(times[groups == group].tolist())) == 1
        assert sum(times[groups == group][0] for group in range(3)) == 3


@pytest.mark.parametrize("clusters", [None, ["a", "a", "a", "a", "a"], ["a", "b", "a", "c", "c"]])
def test_resampled_sums_are_sums_over_what_was_drawn(clusters: list[str] | None) -> None:
    times, unit = resampled_sums(np.eye(5), clusters, 300, np.random.default_rng(0), "speaker")  # each row by itself
    groups, said, single = cluster_groups(5, clusters, "speaker")
    assert unit == said
    assert single == (clusters is None or len(set(clusters)) == 1)
    for drawn in times:
        by_group = [set(drawn[groups == group].tolist()) for group in range(int(groups.max()) + 1)]
        assert all(len(found) == 1 for found in by_group)
        assert sum(found.pop() for found in by_group) == int(groups.max()) + 1
    assert times.mean(axis=0) == pytest.approx(np.ones(5), abs=0.25)


def test_utterances_with_the_same_labels_are_one_block() -> None:
    truth, said = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 1, 1, 0])
    blocks, weights, unit = block_weights((truth, said), None, 200, np.random.default_rng(0), "speaker")
    assert unit == "utterance (5)"
    assert blocks[0] == blocks[4] != blocks[1]
    assert blocks[2] == blocks[3]
    assert weights.shape == (200, 3)
    assert weights[:, blocks].sum(axis=1) == pytest.approx(np.full(200, 5.0))
    blocks, weights, unit = block_weights((truth, said), list("aabbb"), 9, np.random.default_rng(0), "rater")
    assert unit == "rater (2)"
    assert blocks.tolist() == [0, 0, 1, 1, 1]
    assert (weights.sum(axis=1) == 2.0).all()
