"""What an audit records, and the verdict that follows from it by rules fixed here.

An :class:`Item` is one test or one number. Only items with a criterion can fail a deletion, and only the named tests
can clear it: :func:`audit_verdict` looks at nothing but ``test``, ``passed`` and ``failure``.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from affekt.metrics import Beside, Interval

__all__ = [
    "AUDIT_SUCCESS",
    "CLEARING",
    "LEVEL",
    "LOSS",
    "PERMUTATION",
    "RELATIVE",
    "SCREEN",
    "UTILITY",
    "AuditVerdict",
    "Failure",
    "Item",
    "Tier",
    "audit_verdict",
]

Tier = Literal["T0", "T1"]
Failure = Literal["under-forgotten", "over-forgotten", "utility"]
AuditVerdict = Literal[
    "APPROXIMATE_TESTED",
    "APPROXIMATE_WEAK_EVIDENCE",
    "FAILED_UNDER_FORGOTTEN",
    "FAILED_OVER_FORGOTTEN",
    "FAILED_UTILITY",
    "NOT_APPLICABLE",
]
"""The closed vocabulary of deletion reports without EXACT, which says how a model was made and is no finding."""

LEVEL: Final = 0.05
"""Level of the permutation test and of the relative test."""
LOSS: Final = "loss of the forgotten recordings"
SCREEN: Final = "forgotten recordings beside recordings never heard"
UTILITY: Final = "quality on test speakers"
PERMUTATION: Final = "rank among models that never heard the recordings"
RELATIVE: Final = "nearer than before to models that never heard the recordings"
CLEARING: Final[dict[Tier, tuple[str, ...]]] = {"T0": (LOSS, SCREEN, UTILITY), "T1": (PERMUTATION, RELATIVE, UTILITY)}
"""Tests that must all be made and passed before nothing is left open at a tier."""
AUDIT_SUCCESS: Final = ("APPROXIMATE_TESTED", "APPROXIMATE_WEAK_EVIDENCE")
"""Verdicts under which the model after may replace the model before."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One piece of evidence."""

    test: str
    tier: Tier
    estimate: float | None
    """Of the model after; None if it could not be computed."""
    interval: tuple[float, float] | None = None
    level: float | None = None
    """Of the interval."""
    unit: str = ""
    """What the estimate is in, and what was resampled."""
    before: float | None = None
    """The same number of the model before."""
    references: Beside | None = None
    """The same number of the models that never heard the recordings."""
    criterion: str = ""
    """What is required, in words; empty: the number is only shown."""
    passed: bool | None = None
    """None: only shown, or too little to tell."""
    failure: Failure | None = None
    """What it means that it failed."""
    power: str = ""
    """What the test could have found: floor, ceiling or counts, in words."""
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        found = asdict(self)
        return found | {"interval": None if self.interval is None else list(self.interval)}

    @classmethod
    def of(cls, test: str, tier: Tier, found: Interval, **rest: Any) -> "Item":
        """An item from an estimate with its interval."""
        unit = rest.pop("unit", "")
        return cls(
            test=test,
            tier=tier,
            estimate=found.estimate,
            interval=(found.low, found.high),
            level=found.level,
            unit="; ".join(part for part in (unit, f"resampled by {found.unit}" if found.resamples else "") if part),
            **rest,
        )


def audit_verdict(items: Sequence[Item], *, tier: Tier, trained: int) -> AuditVerdict:
    """The verdict that follows from the items.

    The permutation test, if it failed, says in which direction; otherwise memory left over is named first, because it
    harms the person. Without references (tier T0) nothing can be more than weak evidence.

    Args:
        items: what was recorded.
        tier: of the audit.
        trained: how many of the audited recordings the model before had been trained on.
    """
    if trained == 0:
        return "NOT_APPLICABLE"
    failures = {item.failure for item in items if item.passed is False}
    first = {item.failure for item in items if item.passed is False and item.test == PERMUTATION}
    failures = first or failures
    if "under-forgotten" in failures:
        return "FAILED_UNDER_FORGOTTEN"
    if "over-forgotten" in failures:
        return "FAILED_OVER_FORGOTTEN"
    if "utility" in failures:
        return "FAILED_UTILITY"
    made = {item.test for item in items if item.passed is True}
    cleared = tier == "T1" and made.issuperset(CLEARING["T1"])
    return "APPROXIMATE_TESTED" if cleared else "APPROXIMATE_WEAK_EVIDENCE"
