"""Screens: verdicts on models whose truth is known, and matching by hand and by brute force."""

from itertools import permutations

import numpy as np
import pytest

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import match_non_members, over_forgetting


def losses(n: int, mean: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, mean / 2.0, n)


def test_three_known_truths() -> None:
    unseen = losses(100, 1.0, 0)
    remembered = over_forgetting(losses(50, 0.2, 1), unseen)
    assert remembered.verdict == "remembered"
    assert remembered.auc.low > 0.5
    gone = over_forgetting(losses(50, 8.0, 2), unseen)
    assert gone.verdict == "over-forgotten"
    assert gone.auc.high < 0.5
    assert gone.extreme_fraction > 0.3
    assert gone.median_forget > 3 * gone.median_non_member
    same = over_forgetting(losses(50, 1.0, 3), unseen)
    assert same.verdict == "not told apart"
    assert not same.equivalent  # fifty utterances cannot show equivalence within 0.05


def test_equivalence_needs_enough_data_and_can_be_shown() -> None:
    screen = over_forgetting(losses(4000, 1.0, 4), losses(4000, 1.0, 5))
    assert screen.equivalent
    assert screen.verdict == "equivalent"


def test_a_few_extreme_losses_fail_the_screen_though_the_auc_is_fair() -> None:
    forget = losses(60, 0.9, 6)
    forget[:10] = 40.0
    screen = over_forgetting(forget, losses(200, 1.0, 7))
    assert screen.auc.high > 0.5
    assert screen.extreme_p < 0.001
    assert screen.over_forgotten
    assert screen.verdict == "over-forgotten"


@pytest.mark.parametrize(("forget", "others"), [(20, 20), (40, 160)])
def test_false_alarms_stay_below_the_level(forget: int, others: int) -> None:
    rng = np.random.default_rng(8)
    alarms = [over_forgetting(rng.gamma(2, 1, forget), rng.gamma(2, 1, others)).over_forgotten for _ in range(600)]
    assert np.mean(alarms) <= 0.075  # 0.05 and three standard errors


def test_tail_p_is_exact() -> None:
    rng = np.random.default_rng(9)
    # three forgotten of seven above the largest of twelve non-members
    screen = over_forgetting([20.0, 21, 22, 1, 2, 3, 4], np.arange(12.0))
    draws = rng.permuted(np.tile(np.arange(19), (200_000, 1)), axis=1)
    count = (draws[:, :7] > draws[:, 7:].max(axis=1)[:, None]).sum(axis=1)
    assert screen.extreme_p == pytest.approx(np.mean(count >= 3), abs=0.003)
    assert screen.extreme_expected == pytest.approx(1 / 13)
    assert count.mean() / 7 == pytest.approx(1 / 13, abs=0.002)


def test_speakers_are_passed_on() -> None:
    screen = over_forgetting(
        losses(20, 1, 10), losses(40, 1, 11), forget_clusters=["a"] * 20, non_member_clusters=["b", "c"] * 20
    )
    assert screen.auc.unit == "utterance (20; one speaker only) against speaker (2)"


def test_matching_takes_the_same_emotion_and_the_least_total_difference() -> None:
    rng = np.random.default_rng(12)
    durations, labels = rng.uniform(1, 5, 6), np.array([0, 1, 0, 1, 0, 1])
    pool, pool_labels = rng.uniform(1, 5, 12), np.array([0, 1] * 6)
    chosen = match_non_members(durations, labels, pool, pool_labels, seed=0)
    assert np.array_equal(pool_labels[chosen], labels)
    assert len(set(chosen.tolist())) == 6
    for emotion in (0, 1):
        rows, candidates = np.flatnonzero(labels == emotion), np.flatnonzero(pool_labels == emotion)
        best = min(np.abs(durations[rows] - pool[list(order)]).sum() for order in permutations(candidates, 3))
        assert np.abs(durations[rows] - pool[chosen[rows]]).sum() == pytest.approx(best)


def test_matching_reuses_evenly_when_the_pool_is_short() -> None:
    chosen = match_non_members([1.0, 2.0, 3.0, 4.0, 5.0], ["sad"] * 5, [2.0, 4.0], ["sad", "sad"], seed=3)
    assert sorted(np.bincount(chosen).tolist()) == [2, 3]


def test_matching_ties_follow_the_seed_only() -> None:
    def run(seed: int) -> list[int]:
        return match_non_members([1.0] * 4, [0] * 4, [1.0] * 40, [0] * 40, seed=seed).tolist()

    assert run(0) == run(0)
    assert len({tuple(run(seed)) for seed in range(5)}) > 1


def test_inputs_are_left_alone() -> None:
    durations, pool = np.array([2.0, 1.0]), np.array([3.0, 1.0, 2.0])
    match_non_members(durations, [0, 0], pool, [0, 0, 0])
    over_forgetting(durations, pool)
    assert durations.tolist() == [2.0, 1.0]
    assert pool.tolist() == [3.0, 1.0, 2.0]


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="an emotion of the forget set"):
        match_non_members([1.0], ["sad"], [1.0], ["happy"])
    with pytest.raises(ShapeError, match="pool_labels"):
        match_non_members([1.0], [0], [1.0, 2.0], [0])
    with pytest.raises(ConfigError, match="margin"):
        over_forgetting([1.0], [1.0], margin=0.7)
    with pytest.raises(DataError, match="not finite"):
        over_forgetting([float("inf")], [1.0])
