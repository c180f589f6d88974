"""From the answers of models to an audit report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from affekt.errors import ConfigError
from affekt.types import FloatArray
from affekt.unlearning.audit_answers import Sets
from affekt.unlearning.audit_items import AUDIT_SUCCESS, AuditVerdict, Item, Tier, audit_verdict
from affekt.unlearning.audit_population import population_items
from affekt.unlearning.audit_references import reference_items

__all__ = ["LEAST_REFERENCES", "AuditReport", "judge"]

LEAST_REFERENCES = 4
"""Reference models needed at tier T1."""


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """What an audit found."""

    verdict: AuditVerdict
    tier: Tier
    items: tuple[Item, ...]
    references: int
    """Reference models, 0 at tier T0."""
    reference_kind: str
    """``models``, ``out-of-fold`` or empty."""
    recordings: int
    """Audited recordings that the model before had been trained on."""
    not_tested: tuple[str, ...] = ()
    losses: Mapping[str, FloatArray] = field(default_factory=dict, repr=False)
    """Losses for a picture; they are nowhere in the JSON."""

    @property
    def succeeded(self) -> bool:
        """Whether the model after may replace the model before."""
        return self.verdict in AUDIT_SUCCESS

    def item(self, test: str) -> Item:
        """The item of a test."""
        return next(item for item in self.items if item.test == test)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "verdict": self.verdict,
            "tier": self.tier,
            "references": self.references,
            "reference_kind": self.reference_kind,
            "recordings": self.recordings,
            "evidence": [item.to_json() for item in self.items],
            "not_tested": list(self.not_tested),
        }


def judge(
    sets: Sets,
    *,
    tier: Tier | None = None,
    target: float | None = None,
    probes: Sequence[Item] = (),
    not_tested: Sequence[str] = (),
    informed: bool = True,
    seed: int = 0,
) -> AuditReport:
    """Make every test that the answers allow, and draw the verdict.

    Args:
        sets: the answers of the models before, after and of the references.
        tier: T0 or T1; None is T1 with four references or more.
        target: mean loss that the forget set should have come to, nats; used without references.
        probes: items measured elsewhere, such as relearning.
        not_tested: what could not be tested, in words.
        informed: also play the informed attacker, whose number is only shown.
        seed: of the resampling.

    Raises:
        ConfigError: tier T1 with fewer than four references.
    """
    if tier == "T1" and sets.count < LEAST_REFERENCES:
        raise ConfigError(
            f"tier T1 has too few reference models (got {sets.count}); expected {LEAST_REFERENCES} or more models that "
            "never heard the recordings, 19 to clear a deletion; give them, or audit at tier T0."
        )
    chosen: Tier = tier or ("T1" if sets.count >= LEAST_REFERENCES else "T0")
    items = population_items(sets, target=target, tier=chosen, seed=seed)
    if chosen == "T1":
        items = [*reference_items(sets, informed=informed, seed=seed), *items]
    items += list(probes)
    kind = "" if chosen == "T0" else "models" if sets.composite == 1 else "out-of-fold"
    recordings = len(sets.forget.labels)
    return AuditReport(
        verdict=audit_verdict(items, tier=chosen, trained=recordings),
        tier=chosen,
        items=tuple(items),
        references=sets.count if chosen == "T1" else 0,
        reference_kind=kind,
        recordings=recordings,
        not_tested=tuple(not_tested),
    )
