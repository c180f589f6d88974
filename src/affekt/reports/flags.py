"""Evidence as report.json and statements record it, and whether its flags follow from its numbers.

The rules are those of :mod:`affekt.metrics.deletion_rules`. ``affekt certify`` and ``affekt verify`` call what stands
here; neither copies a flag.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from affekt.errors import DataError
from affekt.metrics.deletion_rules import (
    LOSS,
    PERMUTATION,
    SCREEN,
    TESTS,
    UTILITY,
    VERDICTS,
    Flag,
    Limits,
    Tier,
    flag_of,
    limits_json,
    limits_of,
    tier_of,
    verdict_of,
)

__all__ = ["VERDICTS", "category_of", "evidence_of", "flag_of_piece", "limits_of_piece", "misfits", "verdict_of_pieces"]


def flag_of_piece(piece: Mapping[str, Any]) -> Flag:
    """The flag that follows from the numbers and the recorded limits of a piece of evidence.

    Raises:
        DataError: a criterion cannot be applied.
    """
    criteria = tuple((one["require"], one["otherwise"]) for one in piece["criteria"])
    return flag_of(piece["values"], Limits(criteria, tuple(piece["enough"])))


def limits_of_piece(piece: Mapping[str, Any]) -> dict[str, Any]:
    """What the rules require of a piece of evidence: its ``criteria`` and what is ``enough``.

    Raises:
        DataError: there is no such test, or a number is missing.
    """
    return limits_json(limits_of(piece["test"], piece["values"], level=piece["level"]))


def verdict_of_pieces(evidence: Sequence[Mapping[str, Any]], *, tier: Tier, method: str, trained: int) -> str:
    """The verdict that follows from recorded flags.

    Args:
        evidence: with ``test``, ``pass`` and ``failure``.
        tier: of the report.
        method: name of the method.
        trained: how many of the requested recordings the model was trained on.
    """
    flags = [(one["test"], Flag(one["pass"], one["failure"])) for one in evidence]
    return verdict_of(flags, tier=tier, method=method, trained=trained)


def category_of(method: str) -> str:
    """Whether a method forgets by construction (``exact``) or has to be tested (``approximate``)."""
    return "exact" if verdict_of([], tier="T0", method=method, trained=1) == "EXACT" else "approximate"


def misfits(evidence: Sequence[Mapping[str, Any]], tier: Tier) -> list[str]:
    """What keeps pieces of evidence from being those of a tier: another list of tests, or other references."""
    if tuple(piece["test"] for piece in evidence) != TESTS[tier]:
        return ["the tests are not those of the rules, each once and in their order"]
    counts = {piece["values"]["references"] for piece in evidence if "references" in piece["values"]}
    made = {piece["test"] for piece in evidence if piece["values"]}
    if made and tier == "T1" and (PERMUTATION not in made or len(counts) != 1 or tier_of(int(max(counts))) != "T1"):
        return ["the number of references is not the same everywhere, or too small for the tier"]
    if tier == "T0" and counts - {0}:
        return ["there are references at a tier without any"]
    return []


def evidence_of(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The evidence in a report.json, with flags made anew from its numbers.

    Raises:
        DataError: a flag, a limit or a number in the report is not what its other numbers give.
    """
    tier: Tier = report["tier"]
    if tier not in TESTS:
        raise _changed(f"there is no tier {tier}")
    records = report["tests"]
    if wrong := misfits(records, tier):
        raise _changed(wrong[0])
    pieces = []
    for record in records:
        piece = {
            "test": record["test"],
            "tier": record["tier"],
            "level": record["level"],
            "values": record["values"],
            "unit": record["unit"],
            "note": record["note"],
        }
        limits = limits_of_piece(piece)
        flag = flag_of_piece(piece | limits)
        same = limits == {key: record[key] for key in limits} and flag == (record["passed"], record["failure"])
        if not same or not _numbers_agree(record, report):
            raise _changed(f"the test '{record['test']}' does not follow from its numbers")
        pieces.append(piece | limits | {"pass": flag.passed, "failure": flag.failure})
    method, trained = report["method"]["name"], report["request"]["sides"]["train"]
    found = verdict_of_pieces(pieces, tier=tier, method=method, trained=trained)
    if found != report["verdict"]:
        raise _changed(f"its verdict is {report['verdict']} and its tests give {found}")
    return pieces


def _numbers_agree(record: Mapping[str, Any], report: Mapping[str, Any]) -> bool:
    """Whether a test has the numbers that stand elsewhere in the report."""
    values = record["values"]
    if not values:
        return True
    interval = record["interval"] or [None, None]
    told = {"estimate": record["estimate"], "lower": interval[0], "upper": interval[1], "before": record["before"]}
    if any(values.get(name) != value for name, value in told.items()):
        return False
    scores = report["scores"]
    if record["test"] == LOSS:
        before, after = (scores[name]["forget_loss"]["estimate"] for name in ("before", "after"))
        return [values["before"], values["estimate"], values.get("target")] == [before, after, report["target_loss"]]
    if record["test"] == SCREEN:
        screen, counts = scores["after"]["screen"], [report["request"]["sides"]["train"]]
        counts.append(scores["after"]["never_heard_recordings"])
        numbers = [values[name] for name in ("estimate", "lower", "upper", "extreme_p", "forgotten", "others")]
        auc = screen["auc"]
        return numbers == [auc["estimate"], auc["low"], auc["high"], screen["extreme_p"], *counts]
    if record["test"] == UTILITY:
        change = scores["difference"]["test_uar"]
        return [values[name] for name in ("estimate", "lower", "upper")] == [
            change[name] for name in ("estimate", "low", "high")
        ]
    return True


def _changed(what: str) -> DataError:
    return DataError(
        f"report.json contradicts itself ({what}); the report that affekt forget wrote was expected; restore it from a "
        "copy, or forget again."
    )
