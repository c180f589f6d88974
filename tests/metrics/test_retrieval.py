"""Ranks counted by hand, chance by drawing, tau by its definition."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import (
    chance_recall_at_k,
    median_rank,
    ordinal_scores,
    ordinal_tau,
    prompt_tau,
    recall_at_k,
    retrieval_ranks,
)

SCORES = np.array([[0.9, 0.1, 0.5], [0.2, 0.2, 0.2], [0.1, 0.8, 0.3]])
RIGHT = np.array([[True, False, False], [False, True, False], [True, False, True]])


def test_ranks_are_those_counted_by_hand() -> None:
    # the second query's answer ties with two others; the third has two answers, the better one is second
    assert retrieval_ranks(SCORES, RIGHT).tolist() == [1, 3, 2]
    assert recall_at_k(SCORES, RIGHT, k=1) == pytest.approx(1 / 3)
    assert recall_at_k(SCORES, RIGHT, k=2) == pytest.approx(2 / 3)
    assert recall_at_k(SCORES, RIGHT, k=3) == 1.0
    assert median_rank(SCORES, RIGHT) == 2.0


def test_a_tie_between_answers_costs_nothing() -> None:
    assert retrieval_ranks([[1.0, 1.0, 0.0]], [[True, True, False]]).tolist() == [1]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_recall_grows_with_k_and_ignores_increasing_maps(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 5, (6, 9)).astype(float)
    right = random.random((6, 9)) < 0.3
    right[:, 0] |= ~right.any(axis=1)
    found = [recall_at_k(scores, right, k=k) for k in range(1, 11)]
    assert found == sorted(found)
    assert found[-1] == 1.0
    assert found == [recall_at_k(np.exp(scores) - 3, right, k=k) for k in range(1, 11)]


@pytest.mark.parametrize("k", [1, 2, 4, 6, 9])
def test_chance_is_the_mean_over_all_orders(k: int) -> None:
    right = np.array([[True, True, False, False, False, False], [False, False, False, True, False, False]])
    hits = [
        np.mean([bool(set(top) & set(np.flatnonzero(row))) for top in combinations(range(6), min(k, 6))])
        for row in right
    ]
    assert chance_recall_at_k(right, k=k) == pytest.approx(np.mean(hits), abs=1e-12)


def test_ordinal_scores_are_expected_levels() -> None:
    similarities = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    assert ordinal_scores(similarities, [0.0, 0.5, 1.0]) == pytest.approx([0.375, 0.85])
    cold = ordinal_scores(similarities, [0.0, 0.5, 1.0], temperature=1e-3)
    assert cold == pytest.approx([0.0, 1.0], abs=1e-9)


def test_tau_of_a_known_order() -> None:
    # two levels: the score grows with the difference of the two similarities
    wanted = np.array([1.0, 3.0, 2.0, 4.0])
    similarities = np.stack([np.zeros(4), wanted], axis=1)
    assert ordinal_tau(similarities, [0.0, 1.0], [1, 2, 3, 4]) == pytest.approx(2 / 3)
    assert ordinal_tau(similarities, [0.0, 1.0], -wanted) == pytest.approx(-1.0)
    assert ordinal_tau(np.zeros((4, 2)), [0.0, 1.0], [1, 2, 3, 4]) == 0.0


def test_tau_with_ties_is_the_known_value() -> None:
    similarities = np.stack([np.zeros(5), np.array([1.0, 2.0, 2.0, 3.0, 4.0])], axis=1)
    found = ordinal_tau(similarities, [0.0, 1.0], [1, 3, 2, 2, 4])
    assert found == pytest.approx(0.6666666666666666, abs=1e-12)


def test_prompts_that_know_their_distance_order_perfectly() -> None:
    truth = np.array([0.0, 0.2, 0.5, 0.7, 1.0])
    levels = np.array([0.1, 0.9])
    similarities = -np.abs(truth[:, None] - levels)
    assert prompt_tau(similarities, levels, truth) == pytest.approx(1.0)
    assert prompt_tau(-similarities, levels, truth) == pytest.approx(-1.0)
    half = np.stack([similarities[:, 0], -similarities[:, 1]], axis=1)
    assert prompt_tau(half, levels, truth) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: recall_at_k(SCORES, RIGHT, k=0), ConfigError, "k is 0; 1 or more"),
        (lambda: recall_at_k(SCORES, RIGHT[:2], k=1), ShapeError, r"\(3, 3\) and \(2, 3\) \(bool\)"),
        (lambda: recall_at_k(SCORES, RIGHT.astype(int), k=1), ShapeError, "int64"),
        (lambda: recall_at_k(SCORES, np.zeros((3, 3), bool), k=1), DataError, "query 0 has no relevant item"),
        (lambda: chance_recall_at_k(RIGHT, k=-1), ConfigError, "k is -1"),
        (lambda: ordinal_scores(SCORES, [0, 1]), ShapeError, "3 and 2 levels"),
        (lambda: ordinal_scores(SCORES, [0, 1, 2], temperature=0.0), ConfigError, "temperature is 0.0"),
        (lambda: ordinal_tau(SCORES, [0, 1, 2], [1, 1, 1]), DataError, "truth"),
        (lambda: ordinal_tau(SCORES, [0, 1, 2], [1, 2]), ShapeError, "2 and 3"),
    ],
)
def test_what_does_not_fit_is_refused(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
