"""The rules of a deletion: limits from numbers, flags from limits, one verdict from the flags."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.metrics import over_forgetting, reference_test
from affekt.metrics.deletion_rules import (
    BANDED,
    CLEARING,
    EMOTION_PROBE,
    LEVEL,
    LIRA_ONLINE,
    LOSS,
    LOSS_TOLERANCE,
    MINIMUM_COUNT,
    PERMUTATION,
    RECORD,
    RELATIVE,
    RELEARNING,
    RULES,
    SCREEN,
    SUCCESS,
    TESTS,
    UAR_MARGIN,
    UTILITY,
    VERDICTS,
    Flag,
    Limits,
    flag_of,
    holds,
    limits_json,
    limits_of,
    tier_of,
    verdict_of,
)

OUTCOMES = [Flag(True, None), Flag(None, None), Flag(False, "under-forgotten"), Flag(False, "over-forgotten")]
UTILITIES = [Flag(True, None), Flag(None, None), Flag(False, "utility")]


def flag(test: str, *, level: float = 0.95, **values: float) -> Flag:
    """The flag of a test with these numbers."""
    return flag_of(values, limits_of(test, values, level=level))


def test_the_rules_have_their_name() -> None:
    """Whoever changes a limit or a list gives the rules another name."""
    assert (RULES, LOSS_TOLERANCE, UAR_MARGIN, MINIMUM_COUNT, LEVEL) == ("affekt-verdict-2", 0.5, 0.05, 10, 0.05)
    assert TESTS["T0"] == (LOSS, SCREEN, UTILITY, RECORD)
    assert set(TESTS["T0"]) < set(TESTS["T1"])
    assert CLEARING == (PERMUTATION, RELATIVE, UTILITY)
    assert len(TESTS["T1"]) == len(set(TESTS["T1"])) == 15
    assert [tier_of(count) for count in (0, 3, 4, 20)] == ["T0", "T0", "T1", "T1"]


@pytest.mark.parametrize("outcomes", list(itertools.product(OUTCOMES, OUTCOMES, UTILITIES)))
def test_every_combination_at_t0(outcomes: tuple[Flag, ...]) -> None:
    flags = list(zip((LOSS, SCREEN, UTILITY), outcomes, strict=True))
    failures = [one.failure for one in outcomes]
    found = verdict_of(flags, tier="T0", method="amun", trained=3)
    names = [name for name in ("under-forgotten", "over-forgotten", "utility") if name in failures]
    assert found == (f"FAILED_{names[0].upper().replace('-', '_')}" if names else "APPROXIMATE_WEAK_EVIDENCE")
    assert found in VERDICTS
    assert verdict_of(flags[::-1], tier="T0", trained=1) == found
    assert verdict_of(flags, tier="T0", method="retrain", trained=3) == "EXACT"
    assert verdict_of(flags, tier="T0", method="retrain", trained=0) == "NOT_APPLICABLE"


def test_only_t1_clears_and_only_with_all_three() -> None:
    flags = [(test, Flag(True, None)) for test in CLEARING]
    assert verdict_of(flags, tier="T1", trained=3) == "APPROXIMATE_TESTED"
    assert verdict_of(flags, tier="T0", trained=3) == "APPROXIMATE_WEAK_EVIDENCE"
    for missing in CLEARING:
        some = [(test, Flag(None, None) if test == missing else one) for test, one in flags]
        assert verdict_of(some, tier="T1", trained=3) == "APPROXIMATE_WEAK_EVIDENCE"
        left = [(test, one) for test, one in flags if test != missing]
        assert verdict_of(left, tier="T1", trained=3) == "APPROXIMATE_WEAK_EVIDENCE"
    # a test that is open where it need not be made stands in nobody's way, one that failed does
    assert verdict_of([*flags, (LOSS, Flag(None, None))], tier="T1", trained=3) == "APPROXIMATE_TESTED"
    assert verdict_of([*flags, (LOSS, Flag(False, "utility"))], tier="T1", trained=3) == "FAILED_UTILITY"


def test_the_permutation_test_says_in_which_direction() -> None:
    flags = [(PERMUTATION, Flag(False, "over-forgotten")), (LOSS, Flag(False, "under-forgotten"))]
    assert verdict_of(flags, tier="T1", trained=3) == "FAILED_OVER_FORGOTTEN"
    assert verdict_of(flags[1:], tier="T1", trained=3) == "FAILED_UNDER_FORGOTTEN"


def test_success_is_what_does_not_fail() -> None:
    assert {name for name in VERDICTS if name.startswith(("EXACT", "APPROXIMATE"))} == set(SUCCESS)


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
    assert flag(LOSS, estimate=after, before=before, target=1.0) == (failure is None, failure)
    # few references do not take the limit away, enough of them do, and a band takes its place
    assert flag(LOSS, estimate=after, before=before, target=1.0, references=18) == (failure is None, failure)
    assert flag(LOSS, estimate=after, before=before, target=1.0, references=19) == (None, None)
    band = {"reference_low": 0.9, "reference_high": 1.3, "references": 19}
    inside = "over-forgotten" if after > 1.3 else "under-forgotten" if after < 0.9 else None
    assert flag(LOSS, estimate=after, before=before, target=1.0, **band) == (inside is None, inside)


def test_no_target_is_not_judged() -> None:
    assert flag(LOSS, estimate=1.0, before=0.1) == (None, None)
    assert limits_of(LOSS, {}) == Limits()


@pytest.mark.parametrize(("shift", "failure"), [(-3.0, "under-forgotten"), (0.0, None), (3.0, "over-forgotten")])
def test_screen(shift: float, failure: str | None) -> None:
    others = np.random.default_rng(0).normal(5.0, 1.0, 40)
    screen = over_forgetting(others + shift, others)
    values = {"estimate": screen.auc.estimate, "lower": screen.auc.low, "upper": screen.auc.high}
    values |= {"extreme_p": screen.extreme_p, "forgotten": 40, "others": 40}
    assert flag(SCREEN, **values) == (failure is None, failure)
    # a few can fail the screen, but not pass it
    assert flag(SCREEN, **(values | {"forgotten": 9})) == (None if failure is None else False, failure)


@given(
    st.lists(st.floats(0, 9), min_size=2, max_size=40), st.lists(st.floats(0, 9), min_size=2, max_size=40)
)  # fmt: skip
def test_the_screen_is_that_of_the_metric(forgotten: list[float], others: list[float]) -> None:
    screen = over_forgetting(forgotten, others)
    values = {"estimate": screen.auc.estimate, "lower": screen.auc.low, "upper": screen.auc.high}
    values |= {"extreme_p": screen.extreme_p, "forgotten": len(forgotten), "others": len(others)}
    wanted = {"remembered": "under-forgotten", "over-forgotten": "over-forgotten"}.get(screen.verdict)
    assert flag(SCREEN, **values).failure == wanted


@pytest.mark.parametrize(("low", "passed"), [(-0.0499, True), (-0.05, False), (-0.2, False), (0.01, True)])
def test_utility_at_t0_fails_where_a_loss_cannot_be_ruled_out(low: float, passed: bool) -> None:
    assert flag(UTILITY, estimate=0.02, lower=low, upper=0.1).passed is passed
    # as good as a retrained model, by two one-sided tests, is good enough; not shown to be is not
    assert flag(UTILITY, estimate=0.0, lower=low, upper=0.1, retrained_lower=-0.04, retrained_upper=0.04).passed
    assert flag(UTILITY, estimate=0.0, lower=low, upper=0.1, retrained_lower=-0.06).passed is passed


@pytest.mark.parametrize(
    ("estimate", "low", "high", "band", "passed"),
    [
        (0.0, -0.04, 0.04, -0.2, True),
        (-0.02, -0.08, 0.04, -0.01, None),  # neither shown nor ruled out
        (-0.08, -0.12, 0.01, -0.01, None),
        (-0.08, -0.12, -0.02, -0.01, False),
        (-0.08, -0.12, -0.02, -0.1, True),  # the references lost as much
        (-0.04, -0.09, -0.01, -0.01, None),
    ],
)
def test_utility_at_t1(estimate: float, low: float, high: float, band: float, passed: bool | None) -> None:
    values = {"estimate": estimate, "lower": low, "upper": high, "references": 20}
    found = flag(UTILITY, **values, reference_low=band, reference_high=1.0)
    assert found.passed is passed
    assert found.failure == ("utility" if passed is False else None)


def test_the_record_may_name_nobody() -> None:
    assert flag(RECORD, estimate=0.0) == (True, None)
    assert flag(RECORD, estimate=1.0) == (False, "under-forgotten")


def permutation(shift: float, *, models: int, seed: int = 0) -> dict[str, float]:
    """The numbers of a permutation test of a shifted model."""
    phi = np.random.default_rng(seed).normal(size=(models + 1, 30))
    phi[0] += shift
    found = reference_test(phi[0], phi[1:])
    t = abs(found.shift) / (found.shift_sd * math.sqrt(1 + 1 / models))
    return {
        "estimate": found.p,
        "floor": found.floor,
        "far_p": 0.0001 if t > 6 else 0.5,
        "shift": found.shift,
        "shift_sd": found.shift_sd,
        "spread": found.spread,
        "spread_references": found.spread_references,
        "above": found.above,
        "below": found.below,
        "references": models,
    }


def test_permutation_with_enough_and_with_few_references() -> None:
    assert flag(PERMUTATION, **permutation(2.0, models=20)) == (False, "under-forgotten")
    assert flag(PERMUTATION, **permutation(-2.0, models=20)) == (False, "over-forgotten")
    assert flag(PERMUTATION, **permutation(0.0, models=20)) == (True, None)
    assert permutation(2.0, models=19)["estimate"] == pytest.approx(0.05)  # the floor itself
    assert flag(PERMUTATION, **permutation(2.0, models=19)).passed is False
    # eight cannot clear a model, and fail only one that is far outside
    assert flag(PERMUTATION, **permutation(0.0, models=8)) == (None, None)
    assert flag(PERMUTATION, **permutation(9.0, models=8)) == (False, "under-forgotten")
    wide = permutation(2.0, models=8) | {"far_p": 0.5, "spread": 90.0, "estimate": 1 / 9}
    assert flag(PERMUTATION, **wide).passed is False


def test_relative_is_open_where_there_was_nothing_to_undo() -> None:
    values = {"estimate": 1.0, "before": 2.0, "p": 0.01, "p_further": 0.99, "before_p": 0.04, "side": 0.1}
    assert flag(RELATIVE, **values) == (True, None)
    assert flag(RELATIVE, **(values | {"before_p": 0.2})) == (None, None)
    assert flag(RELATIVE, **(values | {"p": 0.3})) == (None, None)
    further = values | {"p": 0.99, "p_further": 0.01}
    assert flag(RELATIVE, **further) == (False, "under-forgotten")
    assert flag(RELATIVE, **(further | {"side": -0.1})) == (False, "over-forgotten")
    assert flag(RELATIVE, **(further | {"before_p": 0.2})) == (None, None)


@pytest.mark.parametrize("test", list(BANDED))
def test_bands(test: str) -> None:
    band = {"reference_low": 0.4, "reference_high": 0.6, "references": 20}
    high, low = BANDED[test]
    assert flag(test, estimate=0.5, **band) == (True, None)
    assert flag(test, estimate=0.7, **band) == (high is None, high)
    assert flag(test, estimate=0.3, **band) == (low is None, low)
    one_sided = test in (RELEARNING, EMOTION_PROBE, LIRA_ONLINE) or "features" in test
    assert (low is None) == one_sided


@pytest.mark.parametrize("rule", ["lower", "lower = 1", "lower > x", "other > 1", "lower > 1 ", "lower > 1 or", ""])
def test_a_rule_that_is_none(rule: str) -> None:
    with pytest.raises(DataError, match="cannot be applied"):
        holds(rule, {"lower": 1.0})
    # not even behind a criterion that fails already, or beside one that holds
    for one in (Limits((("lower > 2", "utility"),), (rule,)), Limits(((f"lower > 0 or {rule}", "utility"),))):
        with pytest.raises(DataError, match="cannot be applied"):
            flag_of({"lower": 1.0}, one)


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_rules_compare_numbers(value: float, limit: float) -> None:
    found = [holds(f"a {sign} {limit!r}", {"a": value}) for sign in ("<", "<=", ">", ">=")]
    assert found == [value < limit, value <= limit, value > limit, value >= limit]
    assert holds(f"a < {limit!r} or a >= {limit!r}", {"a": value})


def test_the_first_criterion_that_is_not_met_decides() -> None:
    values = {"lower": 0.1, "upper": 0.3, "recordings": 4}
    criteria = (("upper >= 0.5", "over-forgotten"), ("lower > 0.2", "utility"))
    enough = ("recordings >= 10",)
    assert flag_of(values, Limits(criteria, enough)) == (False, "over-forgotten")  # type: ignore[arg-type]
    assert flag_of(values, Limits(criteria[1:], enough)) == (False, "utility")  # type: ignore[arg-type]
    assert flag_of(values, Limits((("lower > 0", "utility"),), enough)) == (None, None)
    assert flag_of(values, Limits((("lower > 0", "utility"),))) == (True, None)
    assert flag_of(values, Limits()) == (None, None)


@pytest.mark.parametrize(
    ("test", "values", "level"),
    [("luck", {"estimate": 1.0}, 0.95), (SCREEN, {"others": 3}, None), (LOSS, {"target": 1.0}, 0.95)],
)
def test_numbers_that_are_missing(test: str, values: dict[str, float], level: float | None) -> None:
    with pytest.raises(DataError, match="is not one the rules affekt-verdict-2 know"):
        limits_of(test, values, level=level)


def test_limits_as_they_are_recorded() -> None:
    limits = limits_of(UTILITY, {"estimate": 0.0, "lower": 0.0, "upper": 0.0})
    assert limits_json(limits) == {"criteria": [{"require": "lower > -0.05", "otherwise": "utility"}], "enough": []}
