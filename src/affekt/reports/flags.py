"""From a report's numbers to flags that anybody can recompute, and from the flags to the verdict.

A statement's piece of evidence holds numbers (``values``), what is required of them (``criteria``) and how many
recordings it takes (``enough``). :func:`flag_of` needs nothing else, and :func:`verdict_of` nothing but the flags. Both
``affekt certify`` and ``affekt verify`` call them; neither copies a flag.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from affekt.errors import DataError
from affekt.metrics import Interval, OverForgetting
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
    utility_test,
    verdict,
)

__all__ = ["RULES", "Flag", "category_of", "evidence_of", "flag_of", "holds", "limits_of", "verdict_of"]

RULES: Final = "affekt-verdict-1"
"""Name of the tests, limits and order in :mod:`affekt.reports.verdict`. Whoever changes one of them changes this name,
so that later rules do not judge earlier statements."""

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RULE: Final = re.compile(r"([a-z_]+) (<=?|>=?) (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


class Flag(NamedTuple):
    """What a test came to."""

    passed: bool | None
    """None: it could not be made."""
    failure: str | None
    """What it means if it failed."""


def holds(rule: str, values: Mapping[str, float]) -> bool:
    """Whether numbers meet a rule such as ``lower > -0.05``.

    Raises:
        DataError: it is no such rule, or there is no number of that name.

    Example:
        >>> holds("lower > -0.05", {"lower": -0.01})
        True
    """
    match = _RULE.fullmatch(rule)
    if match is None or match[1] not in values:
        raise DataError(
            f"the criterion {rule!r} cannot be applied; a rule such as 'lower > -0.05' about a recorded value was "
            "expected; correct the statement."
        )
    return _COMPARE[match[2]](values[match[1]], float(match[3]))


def flag_of(evidence: Mapping[str, Any]) -> Flag:
    """The flag that follows from a piece of evidence.

    The first criterion that is not met decides; if all are met, there must also be enough recordings to tell.

    Raises:
        DataError: a criterion cannot be applied.
    """
    values = evidence["values"]
    # all of them are applied, so that a rule nobody can apply never hides behind one that is not met
    broken = [one["otherwise"] for one in evidence["criteria"] if not holds(one["require"], values)]
    enough = [holds(rule, values) for rule in evidence["enough"]]
    if broken:
        return Flag(False, broken[0])
    return Flag(True if evidence["criteria"] and all(enough) else None, None)


def limits_of(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """What the rules of :data:`RULES` require of a test: its ``criteria`` and what is ``enough``.

    They follow from the numbers that were known before the deletion, so nobody can choose them afterwards.

    Raises:
        DataError: there is no such test, or a number is missing.
    """
    test, values, level = evidence["test"], evidence["values"], evidence["level"]
    criteria: list[tuple[str, str]] = []
    enough: list[str] = []
    try:
        if not values:
            pass  # the test could not be made
        elif test == LOSS_TEST:
            before, target = values["before"], values["target"]
            gap = target - before
            low, high = before + (1 - LOSS_TOLERANCE) * gap, before + (1 + LOSS_TOLERANCE) * gap
            if gap <= 0:
                low, high = 0.75 * target, 1.05 * before
            criteria = [(f"estimate >= {low!r}", "under-forgotten"), (f"estimate <= {high!r}", "over-forgotten")]
        elif test == SCREEN_TEST:
            criteria = [
                ("upper >= 0.5", "over-forgotten"),
                (f"extreme_p > {(1.0 - level) / 2.0!r}", "over-forgotten"),
                ("lower <= 0.5", "under-forgotten"),
            ]
            enough = [f"forgotten >= {MINIMUM_COUNT}", f"others >= {MINIMUM_COUNT}"]
        else:
            criteria = {UTILITY_TEST: [(f"lower > {-UAR_MARGIN!r}", "utility")]}[test]
    except (KeyError, TypeError):
        raise DataError(
            f"the evidence of {test!r} is not one the rules {RULES} know; the tests and numbers of these rules were "
            "expected; correct the statement."
        ) from None
    return {"criteria": [{"require": rule, "otherwise": failure} for rule, failure in criteria], "enough": enough}


def verdict_of(evidence: Sequence[Mapping[str, Any]], *, method: str, trained: int) -> str:
    """The verdict that follows from recorded flags.

    Args:
        evidence: with ``test``, ``pass`` and ``failure``.
        method: name of the method.
        trained: how many of the requested recordings the model was trained on.
    """
    tests = [{"test": one["test"], "passed": one["pass"], "failure": one["failure"]} for one in evidence]
    return verdict(tests, method=method, trained=trained)


def category_of(method: str) -> str:
    """Whether a method forgets by construction (``exact``) or has to be tested (``approximate``)."""
    return "exact" if verdict([], method=method, trained=1) == "EXACT" else "approximate"


def evidence_of(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The evidence in a report.json, with flags recomputed from its numbers.

    Raises:
        DataError: a flag, a limit or a number in the report is not what its other numbers give.
    """
    recorded = {test["test"]: test for test in report["tests"]}
    if tuple(recorded) != TESTS:
        raise _changed(f"it lists the tests {', '.join(recorded)}")
    scores, pieces = report["scores"], []
    for test in TESTS:
        record = recorded[test]
        if record["estimate"] is None:
            again, piece = {**record, "passed": None, "failure": None}, _piece(test, None, {})
        elif test == LOSS_TEST:
            again, piece = _loss(report)
        elif test == SCREEN_TEST:
            again, piece = _screen(report, record)
        else:
            again, piece = _utility(scores)
        flag = flag_of(piece)
        if again != record or flag != Flag(again["passed"], again["failure"]):
            raise _changed(f"the test '{test}' does not follow from its numbers")
        piece |= {"unit": record["unit"], "note": record["note"], "pass": flag.passed, "failure": flag.failure}
        pieces.append(piece)
    found = verdict_of(pieces, method=report["method"]["name"], trained=report["request"]["sides"]["train"])
    if found != report["verdict"]:
        raise _changed(f"its verdict is {report['verdict']} and its tests give {found}")
    return pieces


def _loss(report: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The test of the forget set's loss: as the report should have it, and as evidence."""
    scores, target = report["scores"], report["target_loss"]
    before, after = scores["before"]["forget_loss"]["estimate"], Interval(**scores["after"]["forget_loss"])
    return loss_test(before, after, target), _piece(LOSS_TEST, after, {"before": before, "target": target})


def _screen(report: Mapping[str, Any], record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The screen against recordings never heard."""
    found = report["scores"]["after"]["screen"]
    screen = OverForgetting(**{**found, "auc": Interval(**found["auc"])})
    forgotten = report["request"]["sides"]["train"]
    others = _others(report["scores"]["after"], record["note"])
    values = {"extreme_p": screen.extreme_p, "forgotten": forgotten, "others": others}
    return screen_test(screen, forgotten=forgotten, others=others), _piece(SCREEN_TEST, screen.auc, values)


def _others(scores: Mapping[str, Any], note: str) -> int:
    """With how many recordings never heard the forget set was compared."""
    if "never_heard_recordings" in scores:
        return int(scores["never_heard_recordings"])
    # a report that only says so when they were few; else the screen's tail is max(1, round(n / 40)) out of n + 1
    if said := re.search(r"\(\d+ against (\d+);", note):
        return int(said[1])
    expected = scores["screen"]["extreme_expected"]
    fits = (n for n in range(1, 100_000) if abs(max(1, round(0.025 * n)) / (n + 1) - expected) < 1e-12)
    count = next(fits, None)
    if count is None:
        raise _changed("the expected share of extreme losses fits no number of recordings")
    return count


def _utility(scores: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The test of the quality on test speakers."""
    difference = Interval(**scores["difference"]["test_uar"])
    return utility_test(difference), _piece(UTILITY_TEST, difference, {})


def _piece(test: str, found: Interval | None, values: Mapping[str, float]) -> dict[str, Any]:
    """A piece of evidence, still without its flag."""
    own = {} if found is None else {"estimate": found.estimate, "lower": found.low, "upper": found.high}
    piece = {
        "test": test,
        "tier": "T0",
        "level": None if found is None else found.level,
        "values": {**own, **values},
    }
    return piece | limits_of(piece)


def _changed(what: str) -> DataError:
    return DataError(
        f"report.json contradicts itself ({what}); the report that affekt forget wrote was expected; restore it from a "
        "copy, or forget again."
    )
