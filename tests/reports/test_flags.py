"""Flags: what verdict.py says of an interval is what anybody gets from the recorded numbers."""

import copy
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.metrics import Interval, over_forgetting
from affekt.reports.flags import RULES, category_of, evidence_of, flag_of, holds, limits_of, verdict_of
from affekt.reports.verdict import (
    LOSS_TEST,
    LOSS_TOLERANCE,
    MINIMUM_COUNT,
    SCREEN_TEST,
    TESTS,
    UAR_MARGIN,
    UTILITY_TEST,
    loss_test,
    screen_test,
    untested,
    utility_test,
    verdict,
)

LOSSES = st.floats(0, 5, allow_nan=False)


def interval(estimate: float, below: float, above: float) -> Interval:
    return Interval(
        estimate=estimate, low=estimate - below, high=estimate + above, level=0.95, resamples=1000, unit="utterance (9)"
    )


def report_of(tests: list[dict[str, Any]], scores: dict[str, Any], *, target: float | None, trained: int) -> Any:
    """As much of a report.json as flags need, made by verdict.py."""
    return {
        "tests": tests,
        "scores": scores,
        "target_loss": target,
        "method": {"name": "amun"},
        "request": {"sides": {"train": trained}},
        "verdict": verdict(tests, method="amun", trained=trained),
    }


@given(
    before=LOSSES, after=LOSSES, target=LOSSES, change=st.floats(-0.3, 0.3), width=st.floats(0, 0.2),
    sizes=st.tuples(st.integers(1, 60), st.integers(1, 120)), shift=st.floats(-3, 3), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_flags_and_verdict_are_those_of_the_rules(
    before: float, after: float, target: float, change: float, width: float, sizes: tuple[int, int], shift: float,
    seed: int,
) -> None:  # fmt: skip
    random = np.random.default_rng(seed)
    forgotten, others = sizes
    screen = over_forgetting(random.exponential(size=forgotten) + shift, random.exponential(size=others))
    found, difference = interval(after, width, width), interval(change, width, width)
    tests = [
        loss_test(before, found, target),
        screen_test(screen, forgotten=forgotten, others=others),
        utility_test(difference),
    ]
    scores = {
        "before": {"forget_loss": asdict(interval(before, 0, 0))},
        "after": {"forget_loss": asdict(found), "screen": asdict(screen)},
        "difference": {"test_uar": asdict(difference)},
    }
    report = report_of(tests, scores, target=target, trained=forgotten)
    pieces = evidence_of(report)
    assert [(one["pass"], one["failure"]) for one in pieces] == [(one["passed"], one["failure"]) for one in tests]
    assert [tuple(flag_of(one)) for one in pieces] == [(one["pass"], one["failure"]) for one in pieces]
    assert verdict_of(pieces, method="amun", trained=forgotten) == report["verdict"]
    edited = copy.deepcopy(report)
    edited["tests"][seed % 3]["passed"] = not edited["tests"][seed % 3]["passed"]
    with pytest.raises(DataError, match="contradicts itself"):
        evidence_of(edited)


def test_tests_that_were_not_made() -> None:
    tests = [untested(test, "nothing to measure with") for test in TESTS]
    for trained, wanted in ((3, "APPROXIMATE_WEAK_EVIDENCE"), (0, "NOT_APPLICABLE")):
        report = report_of(tests, {}, target=None, trained=trained)
        pieces = evidence_of(report)
        assert [flag_of(one).passed for one in pieces] == [None] * 3
        assert verdict_of(pieces, method="amun", trained=trained) == report["verdict"] == wanted
    with pytest.raises(DataError, match="its verdict is EXACT and its tests give NOT_APPLICABLE"):
        evidence_of(report | {"verdict": "EXACT"})
    with pytest.raises(DataError, match="it lists the tests"):
        evidence_of(report | {"tests": tests[:2]})
    with pytest.raises(DataError, match="does not follow"):
        evidence_of(report | {"tests": [tests[0] | {"passed": True}, *tests[1:]]})


def test_the_first_criterion_that_is_not_met_decides() -> None:
    piece = {
        "values": {"lower": 0.1, "upper": 0.3, "recordings": 4},
        "criteria": [
            {"require": "upper >= 0.5", "otherwise": "over-forgotten"},
            {"require": "lower > 0.2", "otherwise": "utility"},
        ],
        "enough": ["recordings >= 10"],
    }
    assert flag_of(piece) == (False, "over-forgotten")
    assert flag_of(piece | {"criteria": piece["criteria"][1:]}) == (False, "utility")
    assert flag_of(piece | {"criteria": [{"require": "lower > 0", "otherwise": "utility"}]}) == (None, None)
    assert flag_of(piece | {"criteria": [{"require": "lower > 0", "otherwise": "utility"}], "enough": []}) == (
        True,
        None,
    )
    assert flag_of(piece | {"criteria": [], "enough": []}) == (None, None)


@pytest.mark.parametrize("rule", ["lower", "lower = 1", "lower > x", "other > 1", "lower > 1 ", "__import__ > 1", ""])
def test_a_rule_that_is_none(rule: str) -> None:
    with pytest.raises(DataError, match="cannot be applied"):
        holds(rule, {"lower": 1.0})
    # not even behind a criterion that fails already
    failing = {"require": "lower > 2", "otherwise": "utility"}
    with pytest.raises(DataError, match="cannot be applied"):
        flag_of({"values": {"lower": 1.0}, "criteria": [failing], "enough": [rule]})


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_rules_compare_numbers(value: float, limit: float) -> None:
    found = [holds(f"a {sign} {limit!r}", {"a": value}) for sign in ("<", "<=", ">", ">=")]
    assert found == [value < limit, value <= limit, value > limit, value >= limit]


def test_the_rules_have_their_name() -> None:
    """Whoever changes a limit gives the rules another name, and keeps these for statements that were made with them."""
    assert (RULES, LOSS_TOLERANCE, UAR_MARGIN, MINIMUM_COUNT) == ("affekt-verdict-1", 0.5, 0.05, 10)
    assert TESTS == (LOSS_TEST, SCREEN_TEST, UTILITY_TEST)
    values = {"estimate": 1.0, "lower": 0.9, "upper": 1.1, "before": 0.5, "target": 1.5, "extreme_p": 1.0}
    piece = {"values": values, "level": 0.95}
    (low, high), (over, tail, under), (drop,) = (
        [one["require"] for one in limits_of(piece | {"test": test})["criteria"]] for test in TESTS
    )
    assert (low, high) == ("estimate >= 1.0", "estimate <= 2.0")
    assert (over, under, drop) == ("upper >= 0.5", "lower <= 0.5", "lower > -0.05")
    assert tail.startswith("extreme_p > 0.025")
    assert limits_of(piece | {"test": LOSS_TEST, "values": {}}) == {"criteria": [], "enough": []}
    for wrong in ({"test": "luck"}, {"test": SCREEN_TEST, "level": None}, {"test": LOSS_TEST, "values": {"lower": 1}}):
        with pytest.raises(DataError, match="is not one the rules"):
            limits_of(piece | wrong)


def test_categories() -> None:
    assert category_of("retrain") == "exact"
    assert category_of("amun") == "approximate"
