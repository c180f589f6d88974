"""The part of an audit that needs no reference models: loss, attacks on a population, utility and drift.

Where reference models have answered too, every number stands beside theirs, and it is they, not 0.5 or a target, that
say what forgetting looks like.
"""

from collections.abc import Callable

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
from affekt.types import FloatArray, IntArray
from affekt.unlearning.audit_answers import Answers, Sets, View
from affekt.unlearning.audit_items import LOSS, SCREEN, UTILITY, Failure, Item, Tier

__all__ = ["GUARD", "LOSS_TOLERANCE", "MINIMUM", "UAR_MARGIN", "banded", "population_items"]

LOSS_TOLERANCE = 0.5
"""As in deletion reports: the loss may fall short of the expected rise, or exceed it, by this share of it."""
UAR_MARGIN = 0.05
"""UAR may fall by this much."""
MINIMUM = 10
"""Recordings on a side below which finding nothing is no evidence."""
GUARD = 2.0
"""Guard band of every number beside those of the references, in their standard deviations: these tests are many, and
there for what the permutation test cannot see."""

Score = Callable[[FloatArray, IntArray], FloatArray]

_ATTACKS: dict[str, tuple[Score, str]] = {
    "attack by loss": (lambda logits, labels: -cross_entropy(logits, labels), "knows the emotion"),
    "attack by confidence": (lambda logits, _: probabilities(logits).max(1), "knows no label"),
    "attack by entropy": (lambda logits, _: -entropy(logits), "knows no label"),
    "attack by modified entropy": (lambda logits, labels: -modified_entropy(logits, labels), "knows the emotion"),
}
"""Name -> score of membership, and what the attacker knows."""


def population_items(sets: Sets, *, target: float | None, tier: Tier, seed: int) -> list[Item]:
    """Items of tier T0.

    Args:
        sets: the answers.
        target: mean loss that the forget set should have come to, nats; without references it decides.
        tier: of the audit; at T1 the references decide where they have answered.
        seed: of the resampling.
    """
    items = [_loss(sets, target, tier=tier, seed=seed), _accuracy(sets)]
    items += _screens(sets, tier=tier, seed=seed)
    items += _utility(sets, seed=seed)
    return items


def banded(found: Beside, *, high: Failure | None, low: Failure | None) -> tuple[bool, Failure | None]:
    """Whether a number lies inside the references' band, and what it means if not; None: that side does not matter."""
    failure = high if found.value > found.high else low if found.value < found.low else None
    return failure is None, failure


def band_words(found: Beside) -> str:
    """The criterion in words."""
    return f"from {found.low:.3f} to {found.high:.3f} (band of {found.references} references)"


def _loss(sets: Sets, target: float | None, *, tier: Tier, seed: int) -> Item:
    labels = sets.forget.labels

    def mean(view: View) -> float:
        return float(cross_entropy(view.forget, labels).mean())

    before, _, references = sets.number(mean, guard=GUARD)
    after = bootstrap_values(cross_entropy(sets.forget.after, labels), seed=seed)
    common = {"before": before, "references": references, "unit": "nats"}
    if references is not None:
        passed, failure = banded(references, high="over-forgotten", low="under-forgotten")
        return Item.of(LOSS, "T1", after, criterion=band_words(references), passed=passed, failure=failure, **common)
    if target is None or tier == "T1":
        note = "the references decide" if tier == "T1" else "no loss of held-out recordings was saved to aim at"
        return Item.of(LOSS, "T0", after, note=note, **common)
    gap = target - before
    low, high = before + (1 - LOSS_TOLERANCE) * gap, before + (1 + LOSS_TOLERANCE) * gap
    if gap <= 0:  # no better known than unheard speech: it must only not be pushed further away
        low, high = 0.75 * target, 1.05 * before
    failure = "under-forgotten" if after.estimate < low else "over-forgotten" if after.estimate > high else None
    words = f"from {low:.3f} to {high:.3f} (calibrated target {target:.3f})"
    return Item.of(LOSS, "T0", after, criterion=words, passed=failure is None, failure=failure, **common)


def _accuracy(sets: Sets) -> Item:
    labels = sets.forget.labels
    before, after, references = sets.number(
        lambda view: accuracy(labels, view.forget.argmax(1)), guard=GUARD, least=1.5 / len(labels)
    )
    found = wilson(round(after * len(labels)), len(labels))
    return Item.of("forgotten recordings recognised", "T0", found, before=before, references=references, unit="share")


def _screens(sets: Sets, *, tier: Tier, seed: int) -> list[Item]:
    """Attackers who compare the forget set with recordings never heard, under one model."""
    others = sets.others
    if others is None:
        return [
            Item(test=SCREEN, tier="T0", estimate=None, note="no recordings that no model was trained on were given")
        ]
    forget = sets.forget
    few = min(len(forget.labels), len(others.labels)) < MINIMUM
    counts = f"{len(forget.labels)} recordings against {len(others.labels)}"
    losses = [cross_entropy(side.after, side.labels) for side in (forget, others)]
    screen = over_forgetting(*losses, non_member_clusters=others.speakers, seed=seed)
    items = []
    for name, (score, knows) in _ATTACKS.items():
        before, _, references = sets.number(_auc_of(score, forget, others), guard=GUARD)
        found: Interval = screen.auc
        if name != "attack by loss":
            scores = [score(side.after, side.labels) for side in (forget, others)]
            found = auc_interval(*scores, negative_clusters=others.speakers, resamples=300, seed=seed)
        common = {"before": before, "references": references, "unit": "AUC", "power": counts, "note": knows}
        if references is not None:
            passed, failure = banded(references, high="under-forgotten", low="over-forgotten")
            own = SCREEN if name == "attack by loss" else name
            items.append(
                Item.of(own, "T1", found, criterion=band_words(references), passed=passed, failure=failure, **common)
            )
        elif name == "attack by loss" and tier == "T0":
            failures: dict[str, Failure] = {"remembered": "under-forgotten", "over-forgotten": "over-forgotten"}
            said = failures.get(screen.verdict)
            passed_or_open = False if said else None if few else True
            note = f"the screen says: {screen.verdict}; {knows}"
            words = "neither remembered nor over-forgotten; AUC 0.5 is what is wanted"
            items.append(
                Item.of(
                    SCREEN, "T0", found, criterion=words, passed=passed_or_open, failure=said, **common | {"note": note}
                )
            )
        else:
            items.append(Item.of(SCREEN if name == "attack by loss" else name, "T0", found, **common))
    items.append(
        Item(
            test="losses above those of almost all recordings never heard",
            tier="T0",
            estimate=screen.extreme_fraction,
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


def _utility(sets: Sets, *, seed: int) -> list[Item]:
    test = sets.test
    if test is None:
        return [Item(test=UTILITY, tier="T0", estimate=None, note="no recordings of test speakers were given")]
    difference = bootstrap_difference(
        "uar",
        test.labels,
        test.after.argmax(1),
        test.before.argmax(1),
        n_classes=test.after.shape[1],
        clusters=test.speakers,
        seed=seed,
    )

    def change(view: View) -> float:
        if view.test is None:
            raise ValueError("a model did not answer on the test speakers")
        return uar(test.labels, view.test.argmax(1)) - uar(test.labels, test.before.argmax(1))

    _, after, references = sets.number(change, guard=GUARD)
    kept = difference.low > -UAR_MARGIN or (references is not None and after >= references.low)
    lost = not kept and difference.estimate <= -UAR_MARGIN and difference.high < 0.0
    words = f"lower 95 % limit of the change above -{UAR_MARGIN:.2f}"
    if references is not None:
        words += f", or no lower than the references ({references.low:.3f})"
    utility = Item.of(
        UTILITY,
        "T0" if references is None else "T1",
        difference,
        before=0.0,
        references=references,
        unit="change in UAR",
        criterion=words,
        passed=True if kept else False if lost else None,
        failure="utility" if lost else None,
        note="" if kept or lost else "too few recordings or speakers to tell whether so much was lost",
    )

    def drift(view: View) -> float:
        if view.test is None:
            raise ValueError("a model did not answer on the test speakers")
        return float(rel_entr(probabilities(test.before), probabilities(view.test)).sum(1).mean())

    _, far, beside_drift = sets.number(drift, guard=GUARD)
    return [
        utility,
        Item(
            test="drift of the answers on test speakers",
            tier="T0",
            estimate=far,
            before=0.0,
            references=beside_drift,
            unit="mean KL(before || after), nats",
        ),
    ]


def speaker_numbers(names: list[str | None]) -> IntArray | None:
    """A number for each speaker; None where any is unknown."""
    known = [name for name in names if name is not None]
    if len(known) < len(names) or not names:
        return None
    return np.unique(np.asarray(known), return_inverse=True)[1].astype(np.int64)
