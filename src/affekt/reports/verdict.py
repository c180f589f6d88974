"""From recorded tests to one verdict, by rules that are fixed here and nowhere else.

A test is a mapping ``{test, estimate, interval, criterion, passed, failure, note}``; ``passed`` is true, false or
null (could not be tested). :func:`verdict` looks at nothing but these records, so anyone can follow it from
report.json.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from affekt.metrics import Interval, OverForgetting

__all__ = [
    "EXACT_METHODS",
    "LOSS_TEST",
    "LOSS_TOLERANCE",
    "MINIMUM_COUNT",
    "SCREEN_TEST",
    "SUCCESS",
    "TESTS",
    "UAR_MARGIN",
    "UTILITY_TEST",
    "VERDICTS",
    "loss_test",
    "screen_test",
    "untested",
    "utility_test",
    "verdict",
]

LOSS_TEST = "loss of the forgotten recordings"
SCREEN_TEST = "forgotten recordings beside recordings never heard"
UTILITY_TEST = "quality on test speakers"
TESTS = (LOSS_TEST, SCREEN_TEST, UTILITY_TEST)
"""The tests every report lists, in this order."""

LOSS_TOLERANCE = 0.5
"""The rise of the forget set's loss may fall short of the expected rise, or exceed it, by this share of it."""
UAR_MARGIN = 0.05
"""The lower 95 % limit of the change in test UAR must be above minus this."""
MINIMUM_COUNT = 10
"""With fewer recordings on a side, the screen can fail a deletion but finding nothing does not count as evidence;
and smaller counts of people's recordings are withheld."""

EXACT_METHODS = ("exact", "retrain")
"""Methods that forget by construction: what they give is what training without the recordings gives."""

Verdict = Literal[
    "EXACT",
    "APPROXIMATE_TESTED",
    "APPROXIMATE_WEAK_EVIDENCE",
    "FAILED_UNDER_FORGOTTEN",
    "FAILED_OVER_FORGOTTEN",
    "FAILED_UTILITY",
    "NOT_APPLICABLE",
]

VERDICTS: dict[str, str] = {
    "EXACT": "Forgotten by construction: the model is what training without these recordings gives.",
    "APPROXIMATE_TESTED": "Forgotten, as far as the tests can tell: every test was made and passed.",
    "APPROXIMATE_WEAK_EVIDENCE": "Nothing found that speaks against forgetting, but not every test could be made.",
    "FAILED_UNDER_FORGOTTEN": "Not forgotten: the model still recognises these recordings as ones it has learned.",
    "FAILED_OVER_FORGOTTEN": "Forgotten too hard: the model is so wrong on these recordings that they stand out.",
    "FAILED_UTILITY": "The model lost too much: it may have become clearly worse for everybody else.",
    "NOT_APPLICABLE": "Nothing to forget: the model was not trained on any of these recordings.",
}
"""The closed vocabulary of verdicts, with each in plain words."""

SUCCESS = ("EXACT", "APPROXIMATE_TESTED", "APPROXIMATE_WEAK_EVIDENCE")
"""Verdicts under which the model may replace the one before."""

_UNDER, _OVER, _UTILITY = "under-forgotten", "over-forgotten", "utility"


def verdict(tests: Sequence[Mapping[str, Any]], *, method: str, trained: int) -> Verdict:
    """The verdict that follows from the tests.

    Args:
        tests: the records of :data:`TESTS`.
        method: name of the method; those of :data:`EXACT_METHODS` forget by construction, so no test can speak against
            them.
        trained: how many of the requested recordings the model had been trained on.
    """
    if trained == 0:
        return "NOT_APPLICABLE"
    if method in EXACT_METHODS:
        return "EXACT"
    failures = {test["failure"] for test in tests if test["passed"] is False}
    # memory left over is the failure that harms the person, so it is named first
    if _UNDER in failures:
        return "FAILED_UNDER_FORGOTTEN"
    if _OVER in failures:
        return "FAILED_OVER_FORGOTTEN"
    if _UTILITY in failures:
        return "FAILED_UTILITY"
    made = {test["test"] for test in tests if test["passed"] is True}
    return "APPROXIMATE_TESTED" if made.issuperset(TESTS) else "APPROXIMATE_WEAK_EVIDENCE"


def loss_test(before: float, after: Interval, target: float | None) -> dict[str, Any]:
    """Whether the loss of the forget set came to rest where it would be had the model never heard it.

    Args:
        before: mean loss before, nats.
        after: mean loss after, with its interval.
        target: the loss expected of recordings like these that training had held out.
    """
    if target is None:
        return untested(LOSS_TEST, "the model carries no loss of held-out recordings to aim at")
    gap, note = target - before, ""
    low, high = before + (1 - LOSS_TOLERANCE) * gap, before + (1 + LOSS_TOLERANCE) * gap
    if gap <= 0:
        # a forget set that was no better known than unheard speech must only not be pushed further away
        low, high = 0.75 * target, 1.05 * before
        note = "the loss was already at the level of recordings never heard before anything was done"
    failure = _UNDER if after.estimate < low else _OVER if after.estimate > high else None
    return _record(LOSS_TEST, after, f"mean loss from {low:.3f} to {high:.3f} (target {target:.3f})", failure, note)


def screen_test(screen: OverForgetting, *, forgotten: int, others: int) -> dict[str, Any]:
    """Whether an attacker who compares losses can tell forgotten recordings from recordings never heard.

    Args:
        screen: the screen under the model after.
        forgotten: recordings forgotten.
        others: different recordings never heard that they were compared with.
    """
    failure = {"remembered": _UNDER, "over-forgotten": _OVER}.get(screen.verdict)
    criterion = "the screen finds the forget set neither remembered nor over-forgotten (AUC 0.5 is what is wanted)"
    if failure is None and min(forgotten, others) < MINIMUM_COUNT:
        few = f"too few recordings to find anything ({forgotten} against {others}; at least {MINIMUM_COUNT} each)"
        return {**_record(SCREEN_TEST, screen.auc, criterion, None, few), "passed": None}
    return _record(SCREEN_TEST, screen.auc, criterion, failure, f"the screen says: {screen.verdict}")


def utility_test(difference: Interval) -> dict[str, Any]:
    """Whether the model kept its quality on test speakers.

    Args:
        difference: test UAR after minus before, paired.
    """
    failure = None if difference.low > -UAR_MARGIN else _UTILITY
    criterion = f"lower 95 % limit of the change in UAR above -{UAR_MARGIN:.2f}"
    return _record(UTILITY_TEST, difference, criterion, failure, "")


def untested(test: str, reason: str) -> dict[str, Any]:
    """The record of a test that could not be made."""
    return {
        "test": test,
        "estimate": None,
        "interval": None,
        "unit": None,
        "criterion": None,
        "passed": None,
        "failure": None,
        "note": reason,
    }


def _record(test: str, found: Interval, criterion: str, failure: str | None, note: str) -> dict[str, Any]:
    return {
        "test": test,
        "estimate": found.estimate,
        "interval": [found.low, found.high],
        "unit": found.unit,
        "criterion": criterion,
        "passed": failure is None,
        "failure": failure,
        "note": note,
    }
