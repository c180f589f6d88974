"""An item takes its limits and its flag from the rules; a report lists all tests of its tier."""

import json

import pytest

from affekt.metrics import Interval, beside
from affekt.metrics.deletion_rules import CLEARING, LOSS, PERMUTATION, RECORD, RELEARNING, TESTS, UTILITY, Flag
from affekt.unlearning.audit_items import Item, audit_verdict, deciding

CHANGE = Interval(estimate=-0.02, low=-0.04, high=0.01, level=0.95, resamples=1000, unit="speaker (3)")


def test_an_item_is_judged_by_its_numbers() -> None:
    item = Item.judged(UTILITY, "T0", CHANGE, criterion="words", unit="change in UAR", numbers={"nothing": None})
    assert item.flag == Flag(True, None)
    assert (item.passed, item.failure, item.criterion) == (True, None, "words")
    assert item.values == {"estimate": -0.02, "lower": -0.04, "upper": 0.01}
    assert item.unit == "change in UAR; resampled by speaker (3)"
    bad = Item.judged(UTILITY, "T0", 0.0, numbers={"lower": -0.06}, before=0.0)
    assert (bad.passed, bad.failure) == (False, "utility")


def test_the_band_of_the_references_is_among_the_numbers() -> None:
    found = beside(1.0, [0.5, 0.52, 0.51, 0.5], guard=2.0)
    item = Item.judged(RELEARNING, "T1", 1.0, references=found, criterion="inside")
    assert (item.passed, item.failure) == (False, "under-forgotten")
    assert item.values["reference_high"] == found.high
    # nothing to judge by: the number is only shown, and so are no words about a limit
    alone = Item.judged(RELEARNING, "T1", 1.0, criterion="inside")
    assert (alone.passed, alone.criterion) == (None, "")


def test_what_is_shown_decides_nothing() -> None:
    item = Item.shown(UTILITY, "T0", CHANGE)
    assert item.flag == Flag(None, None)
    assert item.values == {}


@pytest.mark.parametrize("tier", ["T0", "T1"])
def test_a_report_lists_every_test_of_its_tier(tier: str) -> None:
    made = [Item.judged(RECORD, "T0", 0.0), Item.shown("drift", "T0", 0.1)]
    listed = deciding(made, tier)  # type: ignore[arg-type]
    assert tuple(item.test for item in listed) == TESTS[tier]  # type: ignore[index]
    assert next(item for item in listed if item.test == RECORD) is made[0]
    assert all(item.estimate is None and item.note and not item.values for item in listed if item.test != RECORD)


def test_the_verdict_is_that_of_the_rules() -> None:
    clear = [Item(test=test, tier="T1", estimate=0.0, flag=Flag(True, None)) for test in CLEARING]
    assert audit_verdict(clear, tier="T1", trained=5) == "APPROXIMATE_TESTED"
    assert audit_verdict(clear, tier="T0", trained=5) == "APPROXIMATE_WEAK_EVIDENCE"
    assert audit_verdict(clear, tier="T1", trained=0) == "NOT_APPLICABLE"
    assert audit_verdict(clear, tier="T1", trained=5, method="retrain") == "EXACT"
    worse = [*clear[1:], Item(test=PERMUTATION, tier="T1", estimate=0.0, flag=Flag(False, "over-forgotten"))]
    assert audit_verdict(worse, tier="T1", trained=5) == "FAILED_OVER_FORGOTTEN"


def test_an_item_is_plain_json() -> None:
    found = Item.judged(LOSS, "T0", CHANGE, before=0.1, numbers={"target": 0.4}).to_json()
    assert json.loads(json.dumps(found)) == found
    assert found["interval"] == [-0.04, 0.01]
    assert found["references"] is None
    assert [one["otherwise"] for one in found["criteria"]] == ["under-forgotten", "over-forgotten"]
    assert (found["passed"], found["failure"]) == (False, "under-forgotten")
    assert "limits" not in found
