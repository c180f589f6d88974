"""One test or one number of an audit, with its limits and its flag."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from affekt.metrics import Beside, Interval
from affekt.metrics.deletion_rules import (
    CONFIDENCE_ATTACK,
    EMOTION_PROBE,
    ENTROPY_ATTACK,
    LIRA_ONLINE,
    MEMBERSHIP_PROBE,
    MODIFIED_ENTROPY_ATTACK,
    RELEARNING,
    RMIA,
    TESTS,
    Failure,
    Flag,
    Limits,
    Tier,
    Verdict,
    flag_of,
    limits_json,
    limits_of,
    verdict_of,
)

__all__ = ["Item", "audit_verdict", "deciding"]

_NO_LIMITS: Final = Limits()
_NO_FLAG: Final = Flag(None, None)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One piece of evidence; ``limits`` and ``flag`` are those of the rules, see :meth:`judged`."""

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
    retrained: float | None = None
    """The same number of a model retrained without the recordings, or its mean over several."""
    values: Mapping[str, float] = field(default_factory=dict)
    """The numbers that the rules look at."""
    limits: Limits = _NO_LIMITS
    flag: Flag = _NO_FLAG
    criterion: str = ""
    """What is required, in words; empty: the number is only shown."""
    power: str = ""
    """What the test could have found: floor, ceiling or counts, in words."""
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """None: only shown, or too little to tell."""
        return self.flag.passed

    @property
    def failure(self) -> Failure | None:
        """What it means that it failed."""
        return self.flag.failure  # type: ignore[return-value]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        found = asdict(self)
        del found["limits"], found["flag"]
        return found | {
            "interval": None if self.interval is None else list(self.interval),
            **limits_json(self.limits),
            "passed": self.passed,
            "failure": self.failure,
        }

    @classmethod
    def judged(
        cls,
        test: str,
        tier: Tier,
        found: Interval | float | None,
        *,
        numbers: Mapping[str, float | None] | None = None,
        criterion: str = "",
        **rest: Any,
    ) -> "Item":
        """An item whose limits and flag follow from its numbers.

        Args:
            test: one of :data:`affekt.metrics.deletion_rules.TESTS`.
            tier: the tier it belongs to.
            found: the estimate, perhaps with its interval.
            numbers: what the rules need besides; a number that is not there is None.
            criterion: the limits in words; dropped where the rules ask for nothing.
            **rest: other fields.
        """
        item = cls._of(test, tier, found, **rest)
        if item.estimate is None:
            return item
        values: dict[str, float | None] = {"estimate": item.estimate, "before": item.before}
        if item.interval is not None:
            values |= {"lower": item.interval[0], "upper": item.interval[1]}
        if item.references is not None:
            values |= {"reference_low": item.references.low, "reference_high": item.references.high}
        kept = {name: float(value) for name, value in (values | dict(numbers or {})).items() if value is not None}
        limits = limits_of(test, kept, level=item.level)
        words = criterion if limits.criteria else ""
        return cls(
            **{**vars(item), "values": kept, "limits": limits, "flag": flag_of(kept, limits), "criterion": words}
        )

    @classmethod
    def shown(cls, test: str, tier: Tier, found: Interval | float | None, **rest: Any) -> "Item":
        """An item that decides nothing."""
        return cls._of(test, tier, found, **rest)

    @classmethod
    def _of(cls, test: str, tier: Tier, found: Interval | float | None, **rest: Any) -> "Item":
        if not isinstance(found, Interval):
            return cls(test=test, tier=tier, estimate=found, **rest)
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


def deciding(items: Sequence[Item], tier: Tier) -> list[Item]:
    """The tests that a report of a tier lists, in their order; those that were not made are there without a number."""
    made = {item.test: item for item in items}
    return [made.get(test) or Item(test=test, tier=tier, estimate=None, note=_WHY[test]) for test in TESTS[tier]]


def audit_verdict(items: Sequence[Item], *, tier: Tier, trained: int, method: str | None = None) -> Verdict:
    """The verdict that follows from the items, see :func:`affekt.metrics.deletion_rules.verdict_of`."""
    return verdict_of(((item.test, item.flag) for item in items), tier=tier, trained=trained, method=method)


_OPENS: Final = "it opens the models, which affekt audit does where there are recordings to train on"
_WHY: Final = (
    dict.fromkeys(TESTS["T1"], "it was not made")
    | {
        LIRA_ONLINE: "no models trained with the recordings were given",
        RELEARNING: _OPENS,
        EMOTION_PROBE: _OPENS,
        MEMBERSHIP_PROBE: _OPENS,
    }
    | dict.fromkeys(
        (RMIA, CONFIDENCE_ATTACK, ENTROPY_ATTACK, MODIFIED_ENTROPY_ATTACK),
        "recordings never heard are missing, or references that could be asked about them",
    )
)
"""Why a test was not made, if nothing else was said."""
