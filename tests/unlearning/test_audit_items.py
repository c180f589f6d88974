"""The verdict is a pure function of flags."""

from itertools import product

import pytest

from affekt.metrics import Interval
from affekt.unlearning.audit_items import CLEARING, LOSS, PERMUTATION, RELATIVE, SCREEN, UTILITY, Item, audit_verdict


def item(test: str, passed: bool | None, failure: str | None = None) -> Item:
    return Item(test=test, tier="T1", estimate=0.0, passed=passed, failure=failure)


CLEAR = [item(test, True) for test in CLEARING["T1"]]


def test_everything_passed_clears_at_t1_only() -> None:
    assert audit_verdict(CLEAR, tier="T1", trained=5) == "APPROXIMATE_TESTED"
    sane = [item(test, True) for test in (LOSS, SCREEN, UTILITY)]
    assert audit_verdict(sane, tier="T0", trained=5) == "APPROXIMATE_WEAK_EVIDENCE"
    assert audit_verdict([], tier="T1", trained=0) == "NOT_APPLICABLE"


@pytest.mark.parametrize("open_test", CLEARING["T1"])
def test_one_open_test_is_weak_evidence(open_test: str) -> None:
    items = [item(test, None if test == open_test else True) for test in CLEARING["T1"]]
    assert audit_verdict(items, tier="T1", trained=5) == "APPROXIMATE_WEAK_EVIDENCE"


def test_order_of_failures() -> None:
    for flags in product([False, True], repeat=3):
        items = [*CLEAR]
        names = [name for name, on in zip(("under-forgotten", "over-forgotten", "utility"), flags, strict=True) if on]
        items += [item(f"test {name}", False, name) for name in names]
        found = audit_verdict(items, tier="T1", trained=5)
        assert found == (f"FAILED_{names[0].upper().replace('-', '_')}" if names else "APPROXIMATE_TESTED")
        assert audit_verdict(items[::-1], tier="T1", trained=5) == found


def test_the_permutation_test_says_in_which_direction() -> None:
    items = [item(PERMUTATION, False, "over-forgotten"), item(RELATIVE, False, "under-forgotten")]
    assert audit_verdict(items, tier="T1", trained=5) == "FAILED_OVER_FORGOTTEN"


def test_a_failure_without_a_pass_still_fails_at_t0() -> None:
    assert audit_verdict([item("x", False, "utility")], tier="T0", trained=5) == "FAILED_UTILITY"


def test_an_item_is_plain_json_with_its_interval() -> None:
    found = Interval(estimate=0.5, low=0.4, high=0.6, level=0.95, resamples=100, unit="speaker (3)")
    json = Item.of("x", "T0", found, unit="share", before=0.1).to_json()
    assert json["interval"] == [0.4, 0.6]
    assert json["unit"] == "share; resampled by speaker (3)"
    assert json["references"] is None
