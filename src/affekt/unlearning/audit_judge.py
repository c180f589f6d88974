"""From the answers of models to an audit report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from affekt.errors import ConfigError
from affekt.metrics.deletion_rules import LEAST_REFERENCES, SUCCESS, Tier, Verdict, tier_of
from affekt.types import FloatArray
from affekt.unlearning.audit_answers import SavedRows, Sets
from affekt.unlearning.audit_ensembles import EnsembleEvidence
from affekt.unlearning.audit_items import Item, audit_verdict, deciding
from affekt.unlearning.audit_population import population_items
from affekt.unlearning.audit_references import lira_online_item, reference_items

__all__ = ["AuditReport", "judge"]


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """What an audit found."""

    verdict: Verdict
    tier: Tier
    items: tuple[Item, ...]
    """The tests of the tier in their order, made or not, then what is only shown."""
    references: int
    """Reference models, 0 at tier T0."""
    reference_kind: str
    """``models``, ``out-of-fold`` or empty."""
    recordings: int
    """Audited recordings that the model before had been trained on."""
    saved: SavedRows | None = None
    """Where out-of-fold references come from."""
    ensemble: EnsembleEvidence | None = None
    """Many models made to forget the recordings beside many that never heard them, where they were given."""
    not_tested: tuple[str, ...] = ()
    losses: Mapping[str, FloatArray] = field(default_factory=dict, repr=False)
    """Losses for a picture; they are nowhere in the JSON."""

    @property
    def succeeded(self) -> bool:
        """Whether the model after may replace the model before."""
        return self.verdict in SUCCESS

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
            "saved_rows": None if self.saved is None else self.saved._asdict(),
            "recordings": self.recordings,
            "evidence": [item.to_json() for item in self.items],
            "ensemble": None if self.ensemble is None else self.ensemble.to_json(),
            "not_tested": list(self.not_tested),
        }


def judge(
    sets: Sets,
    *,
    tier: Tier | None = None,
    target: float | None = None,
    trained: FloatArray | None = None,
    method: str | None = None,
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
        trained: logits (M, N, C) on the forget set of other models trained with it, for online LiRA; M >= 4.
        method: what made the model after, if its maker says so.
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
    chosen: Tier = tier or tier_of(sets.count)
    items = population_items(sets, target=target, tier=chosen, seed=seed)
    if chosen == "T1":
        items = [*reference_items(sets, informed=informed, seed=seed), *items]
        items += [] if trained is None else [lira_online_item(sets, trained)]
    items += list(probes)
    listed = deciding(items, chosen)
    names = {item.test for item in listed}
    models = sets.composite == 1 and sets.saved is None
    recordings = len(sets.forget.labels)
    return AuditReport(
        verdict=audit_verdict(listed, tier=chosen, trained=recordings, method=method),
        tier=chosen,
        items=(*listed, *(item for item in items if item.test not in names)),
        references=sets.count if chosen == "T1" else 0,
        reference_kind="" if chosen == "T0" else "models" if models else "out-of-fold",
        saved=sets.saved if chosen == "T1" else None,
        recordings=recordings,
        not_tested=tuple(not_tested),
    )
