"""The verdict follows from the recorded tests, over every combination of them."""

import itertools
import json
from typing import Any

import numpy as np
import pytest

from affekt.metrics import Interval, bootstrap_values, over_forgetting
from affekt.reports.verdict import (
    LOSS_TEST,
    SCREEN_TEST,
    SUCCESS,
    TESTS,
    UTILITY_TEST,
    VERDICTS,
    loss_test,
    screen_test,
    untested,
    utility_test,
    verdict,
)

LOSS = [(True, None), (None, None), (False, "under-forgotten"), (False, "over-forgotten")]
UTILITY = [(True, None), (None, None), (False, "utility")]


def record(test: str, passed: bool | None, failure: str | None) -> dict[str, Any]:
    return {"test": test, "passed": passed, "failure": failure}


def expected(outcomes: tuple[tuple[bool | None, str | None], ...]) -> str:
    """The rules once more, from the other end: the first that holds of a list."""
    failures = [failure for _, failure in outcomes]
    rules = [
        ("under-forgotten" in failures, "FAILED_UNDER_FORGOTTEN"),
        ("over-forgotten" in failures, "FAILED_OVER_FORGOTTEN"),
        ("utility" in failures, "FAILED_UTILITY"),
        (any(passed is None for passed, _ in outcomes), "APPROXIMATE_WEAK_EVIDENCE"),
        (True, "APPROXIMATE_TESTED"),
    ]
    return next(name for holds, name in rules if holds)


@pytest.mark.parametrize("outcomes", list(itertools.product(LOSS, LOSS, UTILITY)))
def test_every_combination(outcomes: tuple[tuple[bool | None, str | None], ...]) -> None:
    tests = [record(name, *outcome) for name, outcome in zip(TESTS, outcomes, strict=True)]
    found = verdict(tests, method="forget_set_alone", trained=3)
    assert found == expected(outcomes)
    assert found in VERDICTS
    # what was written to disk gives the same verdict, in any order
    assert verdict(json.loads(json.dumps(tests))[::-1], method="amun", trained=1) == found
    assert verdict(tests, method="retrain", trained=3) == "EXACT"
    assert verdict(tests, method="forget_set_alone", trained=0) == "NOT_APPLICABLE"


def test_a_missing_test_is_weak_evidence() -> None:
    tests = [record(LOSS_TEST, True, None), record(UTILITY_TEST, True, None)]
    assert verdict(tests, method="l2ul", trained=1) == "APPROXIMATE_WEAK_EVIDENCE"
    assert verdict([], method="l2ul", trained=1) == "APPROXIMATE_WEAK_EVIDENCE"


def test_success_is_what_does_not_fail() -> None:
    assert {name for name in VERDICTS if name.startswith(("EXACT", "APPROXIMATE"))} == set(SUCCESS)


def loss(mean: float) -> Interval:
    return bootstrap_values([mean - 0.1, mean, mean + 0.1])


@pytest.mark.parametrize(
    ("before", "after", "failure"),
    [
        (0.1, 1.0, None),
        (0.1, 0.56, None),
        (0.1, 0.54, "under-forgotten"),
        (0.1, 1.44, None),
        (0.1, 1.46, "over-forgotten"),
        (1.5, 1.5, None),  # was beyond the target before and was left there
        (1.5, 1.2, None),
        (1.5, 1.6, "over-forgotten"),
        (1.5, 0.5, "under-forgotten"),
    ],
)
def test_loss_against_a_target_of_one(before: float, after: float, failure: str | None) -> None:
    found = loss_test(before, loss(after), 1.0)
    assert (found["failure"], found["passed"]) == (failure, failure is None)
    assert ("already at the level of recordings never heard" in found["note"]) == (before >= 1.0)


def test_no_target_is_not_tested() -> None:
    assert loss_test(0.1, loss(1.0), None)["passed"] is None
    assert untested(SCREEN_TEST, "why")["note"] == "why"


@pytest.mark.parametrize(("shift", "failure"), [(-3.0, "under-forgotten"), (0.0, None), (3.0, "over-forgotten")])
def test_screen(shift: float, failure: str | None) -> None:
    others = np.random.default_rng(0).normal(5.0, 1.0, 40)
    found = screen_test(over_forgetting(others + shift, others), forgotten=40, others=40)
    assert (found["failure"], found["passed"]) == (failure, failure is None)


def test_few_recordings_can_fail_the_screen_but_not_pass_it() -> None:
    alike = over_forgetting([1.0, 2.0, 3.0], [1.5, 2.5, 2.0])
    assert screen_test(alike, forgotten=3, others=3)["passed"] is None
    known = over_forgetting([0.01, 0.02, 0.03, 0.04, 0.05, 0.06], [2.0, 3.0, 2.5, 2.2, 4.0, 3.3])
    assert screen_test(known, forgotten=6, others=6)["failure"] == "under-forgotten"


@pytest.mark.parametrize(("low", "passed"), [(-0.0499, True), (-0.05, False), (-0.2, False), (0.01, True)])
def test_utility_looks_at_the_lower_limit(low: float, passed: bool) -> None:
    change = Interval(estimate=0.02, low=low, high=0.1, level=0.95, resamples=10, unit="speaker (9)")
    assert utility_test(change)["passed"] is passed
