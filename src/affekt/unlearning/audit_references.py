"""The part of an audit that stands on reference models: permutation, relative test, LiRA, RMIA, informed attacker."""

import numpy as np
from scipy.special import ndtr, stdtr

from affekt.metrics import (
    ReferenceTest,
    auc,
    beside,
    confidence,
    informed_attack,
    informed_features,
    phi,
    reference_test,
    reference_z,
    relative_test,
    rmia_likelihood,
    rmia_score,
)
from affekt.types import FloatArray, IntArray
from affekt.unlearning.audit_answers import Answers, Sets
from affekt.unlearning.audit_items import LEVEL, PERMUTATION, RELATIVE, Failure, Item
from affekt.unlearning.audit_population import GUARD, band_words, banded

__all__ = ["RMIA_A", "phi_table", "reference_items", "steadied"]

RMIA_A = 0.3
"""RMIA's a, fixed in advance."""

FAR = 0.005
"""With too few references for the permutation test: two-sided p of the shift, by Student's t, that still fails."""


def phi_table(answers: Answers) -> tuple[FloatArray, FloatArray, FloatArray]:
    """phi of the models before (N,), after (N,) and of the references (K, N), float64."""
    if answers.references is None:
        raise ValueError("there are no references")
    rows = [phi(logits, answers.labels) for logits in answers.references]
    return phi(answers.before, answers.labels), phi(answers.after, answers.labels), np.stack(rows)


def steadied(references: FloatArray, composite: int) -> FloatArray:
    """Composite rows made to vary as whole models do.

    The mean over utterances of a row made of F models varies less than that of one model, because the models' own
    shifts average out. With v the variance of the rows' mean z scores and d the part of it that single utterances
    explain, a whole model's is d + F (v - d); the common part of every row is stretched by the root of the ratio.

    Args:
        references: phi, (K, N).
        composite: F.
    """
    if composite == 1 or len(references) < 3:
        return references
    scores = reference_z(references, references)  # (K, N)
    shifts = scores.mean(1) - scores.mean()
    v, d = float(shifts.var(ddof=1)), float(scores.var(axis=0, ddof=1).mean() / scores.shape[1])
    if v <= 0.0:
        return references
    stretch = np.sqrt((d + composite * max(0.0, v - d)) / v)
    own = references.var(axis=0, ddof=1)
    scale = np.sqrt(np.maximum(0.5 * (own + own.mean()), 1e-12))
    return np.asarray(references + max(0.0, stretch - 1.0) * shifts[:, None] * scale, dtype=np.float64)


def reference_items(sets: Sets, *, seed: int, informed: bool = True) -> list[Item]:
    """Items of tier T1 that need no more than the answers; there must be four references or more."""
    before, after, references = phi_table(sets.forget)
    references = steadied(references, sets.composite)
    first, second = reference_test(before, references), reference_test(after, references)
    items = [_permutation(first, second), _relative(first, before, after, references)]
    items += _shown(first, second)
    items += _lira(sets)
    if sets.whole and sets.others is not None:
        items.append(_rmia(sets, sets.others))
        items += [_informed(sets, sets.others, seed=seed)] if informed else []
    return items


def _permutation(before: ReferenceTest, after: ReferenceTest) -> Item:
    told = after.p <= LEVEL
    if after.floor > LEVEL:
        # too few models for a permutation to say it: this can fail what is far outside, but clear nothing
        t = abs(after.shift) / max(after.shift_sd * np.sqrt(1.0 + 1.0 / after.references), 1e-9)
        far = 2.0 * stdtr(after.references - 1, -t) <= FAR or after.spread > 10.0 * after.spread_references
        told = bool(far and after.p == after.floor)
    passed = False if told else None if after.floor > LEVEL else True
    return Item(
        test=PERMUTATION,
        tier="T1",
        estimate=after.p,
        unit="p value",
        before=before.p,
        criterion=f"p > {LEVEL:g}",
        passed=passed,
        failure=_direction(after) if told else None,
        power=f"no p below {after.floor:.3f} with {after.references} references",
        note="" if after.floor <= LEVEL else f"{int(np.ceil(1 / LEVEL)) - 1} references are needed to clear a model",
    )


def _direction(found: ReferenceTest) -> Failure:
    """Which way a model differs from the references."""
    if abs(found.shift) > 2.0 * found.shift_sd:
        return "under-forgotten" if found.shift > 0 else "over-forgotten"
    return "over-forgotten" if found.below >= found.above else "under-forgotten"


def _relative(first: ReferenceTest, before: FloatArray, after: FloatArray, references: FloatArray) -> Item:
    found = relative_test(before, after, references)
    known = first.p <= LEVEL  # else the model before could not be told from the references either
    failure: Failure | None = None
    if known and found.p_further <= LEVEL:
        failure = "over-forgotten" if float((after - references.mean(0)).mean()) < 0 else "under-forgotten"
    return Item(
        test=RELATIVE,
        tier="T1",
        estimate=found.after,
        unit="mean distance of phi to a reference, in its standard deviations",
        before=found.before,
        criterion=f"p(not nearer than before) <= {LEVEL:g} clears, p(not further) <= {LEVEL:g} fails",
        passed=False if failure else True if known and found.p <= LEVEL else None,
        failure=failure,
        power=f"references among themselves: {found.floor:.3f}",
        note=f"{found.closed:.0%} of the way closed; p {found.p:.3g}"
        if known
        else "the model before was not told from the references either, so there is nothing to come nearer from",
    )


def _shown(first: ReferenceTest, second: ReferenceTest) -> list[Item]:
    count = second.references
    of = f"mean of {count} references"
    return [
        Item(
            test="mean z of phi",
            tier="T1",
            estimate=second.shift,
            before=first.shift,
            unit="standard deviations; 0 is wanted",
            power=f"standard deviation of a reference's: {second.shift_sd:.3f}",
        ),
        Item(
            test="mean squared z of phi",
            tier="T1",
            estimate=second.spread,
            before=first.spread,
            unit="1 is wanted",
            power=f"{of}: {second.spread_references:.3f}",
        ),
        Item(
            test="share of recordings with z above 1.96",
            tier="T1",
            estimate=second.above,
            before=first.above,
            unit="share",
        ),
        Item(
            test="share of recordings with z below -1.96",
            tier="T1",
            estimate=second.below,
            before=first.below,
            unit="share",
        ),
    ]


def _lira(sets: Sets) -> list[Item]:
    """Offline LiRA: each reference is judged by the others."""
    tables = [phi_table(sets.forget)]
    if sets.whole and sets.others is not None:
        tables.append(phi_table(sets.others))

    def score(model: list[FloatArray], rows: IntArray) -> float:
        scores = [ndtr(reference_z(own, table[2][rows])) for own, table in zip(model, tables, strict=True)]
        return auc(scores[0], scores[1]) if len(scores) == 2 else float(scores[0].mean())

    everyone = np.arange(sets.count, dtype=np.int64)
    before, after = (score([table[which] for table in tables], everyone) for which in (0, 1))
    alone = [score([table[2][k] for table in tables], np.delete(everyone, k)) for k in everyone]
    both = len(tables) == 2
    found = beside(after, alone, guard=GUARD)
    passed, failure = banded(found, high="under-forgotten", low="over-forgotten") if both else (None, None)
    return [
        Item(
            test="LiRA, offline",
            tier="T1",
            estimate=after,
            before=before,
            references=found,
            unit="AUC" if both else "mean score; 0.5 is wanted",
            criterion=band_words(found) if both else "",
            passed=passed,
            failure=failure,
        )
    ]


def _rmia(sets: Sets, others: Answers) -> Item:
    forget = sets.forget
    assert forget.references is not None
    assert others.references is not None
    tables = [
        np.stack([confidence(logits, side.labels) for logits in (side.before, side.after, *side.references)])
        for side in (forget, others)
        if side.references is not None
    ]  # (2 + K, N) each

    def score(model: int, rows: IntArray) -> float:
        x, z = (table[model] for table in tables)
        likely = [rmia_likelihood(table[2 + rows].mean(0), a=RMIA_A) for table in tables]
        scores = [rmia_score(one, p, z, likely[1]) for one, p in ((x, likely[0]), (z, likely[1]))]
        return auc(scores[0], scores[1])

    everyone = np.arange(sets.count, dtype=np.int64)
    alone = [score(2 + k, np.delete(everyone, k)) for k in range(sets.count)]
    found = beside(score(1, everyone), alone, guard=GUARD)
    passed, failure = banded(found, high="under-forgotten", low="over-forgotten")
    return Item(
        test="RMIA with references that never heard the recordings",
        tier="T1",
        estimate=found.value,
        before=score(0, everyone),
        references=found,
        unit="AUC",
        criterion=band_words(found),
        passed=passed,
        failure=failure,
        note=f"a = {RMIA_A:g}, gamma = 1; recordings never heard are the population",
    )


def _informed(sets: Sets, others: Answers, *, seed: int) -> Item:
    """The attacker with both models: shown beside what the same attacker finds with references in place of after."""
    forget = sets.forget

    def score(inside: FloatArray, outside: FloatArray) -> float:
        return informed_attack(
            informed_features(forget.before, inside, forget.labels),
            informed_features(others.before, outside, others.labels),
            seed=seed,
        ).estimate

    few = min(len(forget.labels), len(others.labels)) < 4
    if few or forget.references is None or others.references is None:
        return Item(test="informed attacker", tier="T1", estimate=None, note="too few recordings")
    pairs = list(zip(forget.references, others.references, strict=True))[:10]
    alone = [score(inside, outside) for inside, outside in pairs]
    found = beside(score(forget.after, others.after), alone, guard=GUARD)
    return Item(
        test="informed attacker",
        tier="T1",
        estimate=found.value,
        before=score(forget.before, others.before),
        references=found,
        unit="AUC",
        note="holds the models before and after; even exact retraining does not get 0.5, because it changed the model",
    )
