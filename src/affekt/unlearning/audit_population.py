"""The part of an audit that needs no reference models: loss, attacks on a population, utility and drift.

Where reference models have answered too, every number stands beside theirs, and it is they, not 0.5 or a target, that
say what forgetting looks like.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import rel_entr

from affekt.metrics import (
    Beside,
    Interval,
    accuracy,
    auc,
    auc_interval,
    bootstrap_difference,
    bootstrap_values,
    cross_entropy,
    entropy,
    modified_entropy,
    over_forgetting,
    probabilities,
    uar,
    wilson,
)
from affekt.metrics.deletion_rules import (
    BESIDE_RETRAINED,
    CONFIDENCE_ATTACK,
    ENTROPY_ATTACK,
    LOSS,
    MODIFIED_ENTROPY_ATTACK,
    SCREEN,
    UAR_MARGIN,
    UTILITY,
    Tier,
)
from affekt.types import FloatArray, IntArray
from affekt.unlearning.audit_answers import Answers, Sets, View
from affekt.unlearning.audit_items import Item

__all__ = ["GUARD", "band_words", "population_items", "speaker_numbers"]

GUARD = 2.0
"""Guard band of every number beside those of the references, in their standard deviations: these tests are many, and
there for what the permutation test cannot see."""

Score = Callable[[FloatArray, IntArray], FloatArray]

_BY_LABEL, _BLIND = "the attacker knows the emotion", "the attacker knows no label"
_ATTACKS: dict[str, tuple[Score, str]] = {
    SCREEN: (lambda logits, labels: -cross_entropy(logits, labels), _BY_LABEL),
    CONFIDENCE_ATTACK: (lambda logits, _: probabilities(logits).max(1), _BLIND),
    ENTROPY_ATTACK: (lambda logits, _: -entropy(logits), _BLIND),
    MODIFIED_ENTROPY_ATTACK: (
        lambda logits, labels: -modified_entropy(logits, labels),
        _BY_LABEL,
    ),
}
"""Name -> score of membership, and what the attacker knows."""


def population_items(sets: Sets, *, target: float | None, tier: Tier, seed: int) -> list[Item]:
    """Items that need no reference models.

    Args:
        sets: the answers.
        target: mean loss that the forget set should have come to, nats; decides where no references do.
        tier: of the audit.
        seed: of the resampling.
    """
    count = float(sets.count) if tier == "T1" else 0.0
    items = [_loss(sets, target, count=count, seed=seed), _accuracy(sets)]
    items += _screens(sets, count=count, seed=seed)
    items += _utility(sets, count=count, seed=seed)
    return items


def band_words(found: Beside | None, *, low: bool = True) -> str:
    """The criterion in words."""
    if found is None:
        return ""
    reach = f"from {found.low:.3f} to {found.high:.3f}" if low else f"at most {found.high:.3f}"
    return f"{reach} (band of {found.references} references)"


def _tier(found: Beside | None) -> Tier:
    return "T0" if found is None else "T1"


def _loss(sets: Sets, target: float | None, *, count: float, seed: int) -> Item:
    labels = sets.forget.labels

    def mean(view: View) -> float:
        return float(cross_entropy(view.forget, labels).mean())

    before, _, references, retrained = sets.number(mean, guard=GUARD)
    note = ""
    if references is None and target is None:
        note = "no loss of held-out recordings was saved to aim at"
    item = Item.judged(
        LOSS,
        _tier(references),
        bootstrap_values(cross_entropy(sets.forget.after, labels), seed=seed),
        numbers={"target": target, "references": count},
        criterion=band_words(references),
        before=before,
        references=references,
        retrained=retrained,
        unit="nats",
        note=note,
    )
    if item.limits.criteria and references is None and target is not None:
        low, high = (float(rule.split()[-1]) for rule, _ in item.limits.criteria)
        known = "; the loss was already that of recordings never heard before anything was done"
        return replace(
            item,
            criterion=f"from {low:.3f} to {high:.3f} (calibrated target {target:.3f})",
            note=note + known[2:] * (target <= before),
        )
    return replace(item, note=note or "the references decide") if not item.limits.criteria else item


def _accuracy(sets: Sets) -> Item:
    labels = sets.forget.labels
    before, after, references, retrained = sets.number(
        lambda view: accuracy(labels, view.forget.argmax(1)), guard=GUARD, least=1.5 / len(labels)
    )
    return Item.shown(
        "forgotten recordings recognised",
        "T0",
        wilson(round(after * len(labels)), len(labels)),
        before=before,
        references=references,
        retrained=retrained,
        unit="share",
    )


def _screens(sets: Sets, *, count: float, seed: int) -> list[Item]:
    """Attackers who compare the forget set with recordings never heard, under one model."""
    others = sets.others
    if others is None:
        why = "no recordings that no model was trained on were given"
        return [Item(test=SCREEN, tier="T0", estimate=None, note=why)]
    forget = sets.forget
    counts = f"{len(forget.labels)} recordings against {len(others.labels)}"
    losses = [cross_entropy(side.after, side.labels) for side in (forget, others)]
    screen = over_forgetting(*losses, non_member_clusters=others.speakers, seed=seed)
    items = []
    for name, (score, knows) in _ATTACKS.items():
        before, _, references, retrained = sets.number(_auc_of(score, forget, others), guard=GUARD)
        found: Interval = screen.auc
        numbers: dict[str, float | None] = {"references": count}
        if name == SCREEN:
            numbers |= {"extreme_p": screen.extreme_p, "forgotten": len(forget.labels), "others": len(others.labels)}
        else:
            scores = [score(side.after, side.labels) for side in (forget, others)]
            found = auc_interval(*scores, negative_clusters=others.speakers, resamples=300, seed=seed)
        words = "neither remembered nor over-forgotten; AUC 0.5 is what is wanted"
        said = f"the screen says: {screen.verdict}; " if name == SCREEN and references is None else ""
        items.append(
            Item.judged(
                name,
                _tier(references),
                found,
                numbers=numbers,
                criterion=words if references is None else band_words(references),
                before=before,
                references=references,
                retrained=retrained,
                unit="AUC",
                power=counts,
                note=said + knows,
            )
        )
    items.append(
        Item.shown(
            "losses above those of almost all recordings never heard",
            "T0",
            screen.extreme_fraction,
            unit="share",
            note=f"{screen.extreme_expected:.3f} expected; one-sided exact p {screen.extreme_p:.3g}",
            power=counts,
        )
    )
    return items


def _auc_of(score: Score, forget: Answers, others: Answers) -> Callable[[View], float]:
    def measure(view: View) -> float:
        if view.others is None:
            raise ValueError("a model did not answer on the recordings never heard")
        return auc(score(view.forget, forget.labels), score(view.others, others.labels))

    return measure


def _utility(sets: Sets, *, count: float, seed: int) -> list[Item]:
    test = sets.test
    if test is None:
        return [Item(test=UTILITY, tier="T0", estimate=None, note="no recordings of test speakers were given")]

    def beside_of(other: FloatArray, level: float) -> Interval:
        return bootstrap_difference(
            "uar",
            test.labels,
            test.after.argmax(1),
            other.argmax(1),
            n_classes=test.after.shape[1],
            clusters=test.speakers,
            level=level,
            seed=seed,
        )

    def change(view: View) -> float:
        if view.test is None:
            raise ValueError("a model did not answer on the test speakers")
        return uar(test.labels, view.test.argmax(1)) - uar(test.labels, test.before.argmax(1))

    items, numbers = [], {"references": count}
    words = f"lower 95 % limit of the change above -{UAR_MARGIN:.2f}"
    _, _, references, retrained = sets.number(change, guard=GUARD)
    if retrained is not None and references is None:
        # two one-sided tests at 5 %: the 90 % interval inside the margin
        first = sets.reference(0).test
        assert first is not None
        difference = beside_of(first, 0.9)
        numbers |= {"retrained_lower": difference.low, "retrained_upper": difference.high}
        alike = difference.high < UAR_MARGIN and difference.low > -UAR_MARGIN
        words += f", or lower 90 % limit beside the retrained model above -{UAR_MARGIN:.2f}"
        items.append(
            Item.shown(
                BESIDE_RETRAINED,
                "T0",
                difference,
                unit="difference in UAR",
                note=f"{'' if alike else 'not '}shown equivalent within {UAR_MARGIN:.2f} (two one-sided tests at 5 %)",
            )
        )
    if references is not None:
        words += f", or no lower than the references ({references.low:.3f})"
    utility = Item.judged(
        UTILITY,
        _tier(references),
        beside_of(test.before, 0.95),
        numbers=numbers,
        criterion=words,
        before=0.0,
        references=references,
        retrained=retrained,
        unit="change in UAR",
    )
    if utility.passed is None:
        utility = replace(utility, note="too few recordings or speakers to tell whether so much was lost")

    def drift(view: View) -> float:
        if view.test is None:
            raise ValueError("a model did not answer on the test speakers")
        return float(rel_entr(probabilities(test.before), probabilities(view.test)).sum(1).mean())

    _, far, beside_drift, drifted = sets.number(drift, guard=GUARD)
    return [
        utility,
        *items,
        Item.shown(
            "drift of the answers on test speakers",
            "T0",
            far,
            before=0.0,
            references=beside_drift,
            retrained=drifted,
            unit="mean KL(before || after), nats",
        ),
    ]


def speaker_numbers(names: list[str | None]) -> IntArray | None:
    """A number for each speaker; None where any is unknown."""
    known = [name for name in names if name is not None]
    if len(known) < len(names) or not names:
        return None
    return np.unique(np.asarray(known), return_inverse=True)[1].astype(np.int64)
