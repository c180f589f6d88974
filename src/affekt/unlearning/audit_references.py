"""The part of an audit that stands on reference models: permutation, relative test, LiRA, RMIA, informed attacker."""

import numpy as np
from scipy.special import ndtr, stdtr

from affekt.metrics import (
    Interval,
    ReferenceTest,
    auc,
    beside,
    confidence,
    hierarchical_bootstrap,
    informed_attack,
    informed_features,
    lira_online,
    phi,
    reference_test,
    reference_z,
    relative_test,
    rmia_likelihood,
    rmia_score,
)
from affekt.metrics.deletion_rules import FAR, LEVEL, LIRA_OFFLINE, LIRA_ONLINE, PERMUTATION, RELATIVE, RMIA
from affekt.types import FloatArray, IntArray
from affekt.unlearning.audit_answers import Answers, Sets
from affekt.unlearning.audit_items import Item
from affekt.unlearning.audit_population import GUARD, band_words

__all__ = ["RMIA_A", "lira_online_item", "phi_table", "reference_items", "steadied"]

RMIA_A = 0.3
"""RMIA's a, fixed in advance."""


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
    items += _shown(first, second, _shift(after, references, seed=seed))
    items += _lira(sets)
    if sets.whole and sets.others is not None:
        items.append(_rmia(sets, sets.others))
        items += [_informed(sets, sets.others, seed=seed)] if informed else []
    return items


def _permutation(before: ReferenceTest, after: ReferenceTest) -> Item:
    t = abs(after.shift) / max(after.shift_sd * np.sqrt(1.0 + 1.0 / after.references), 1e-9)
    few = after.floor > LEVEL
    return Item.judged(
        PERMUTATION,
        "T1",
        after.p,
        numbers={
            "references": after.references,
            "floor": after.floor,
            "far_p": float(2.0 * stdtr(after.references - 1, -t)),
            "shift": after.shift,
            "shift_sd": after.shift_sd,
            "spread": after.spread,
            "spread_references": after.spread_references,
            "above": after.above,
            "below": after.below,
        },
        criterion=f"p > {LEVEL:g}" if not few else f"Student's p of the shift above {FAR:g}, no tenfold spread",
        before=before.p,
        unit="p value",
        power=f"no p below {after.floor:.3f} with {after.references} references",
        note=f"{int(np.ceil(1 / LEVEL)) - 1} references are needed to clear a model" if few else "",
    )


def _relative(first: ReferenceTest, before: FloatArray, after: FloatArray, references: FloatArray) -> Item:
    found = relative_test(before, after, references)
    known = first.p <= LEVEL  # else the model before could not be told from the references either
    return Item.judged(
        RELATIVE,
        "T1",
        found.after,
        numbers={
            "p": found.p,
            "p_further": found.p_further,
            "before_p": first.p,
            "side": float((after - references.mean(0)).mean()),
        },
        criterion=f"p(not nearer than before) <= {LEVEL:g} clears, p(not further) <= {LEVEL:g} fails",
        before=found.before,
        unit="mean distance of phi to a reference, in its standard deviations",
        power=f"references among themselves: {found.floor:.3f}",
        note=f"{found.closed:.0%} of the way closed; p {found.p:.3g}"
        if known
        else "the model before was not told from the references either, so there is nothing to come nearer from",
    )


def _shift(after: FloatArray, references: FloatArray, *, seed: int) -> Interval:
    """The mean z score with its interval: references are drawn anew, and recordings within them."""
    scores = reference_z(after, references)[None] - reference_z(references, references)  # (K, N)
    codes = np.repeat(np.arange(len(references)), scores.shape[1])
    return hierarchical_bootstrap(scores.ravel(), codes, names=("reference",), seed=seed)


def _shown(first: ReferenceTest, second: ReferenceTest, shift: Interval) -> list[Item]:
    count = second.references
    of = f"mean of {count} references"
    return [
        Item.shown(
            "mean z of phi",
            "T1",
            shift,
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
    found = beside(after, alone, guard=GUARD)
    if len(tables) == 1:
        words = "mean score; 0.5 is wanted"
        return [Item.shown(LIRA_OFFLINE, "T1", after, before=before, references=found, unit=words)]
    words = band_words(found)
    return [Item.judged(LIRA_OFFLINE, "T1", after, before=before, references=found, unit="AUC", criterion=words)]


def lira_online_item(sets: Sets, trained: FloatArray) -> Item:
    """Online LiRA, with models that were trained on the recordings besides those that never heard them.

    For each recording, how much likelier its phi is among the former than among the latter; the mean over the forget
    set. Each reference is judged by the others. Variances are pooled over recordings, as there are few models.

    Args:
        sets: with references.
        trained: logits (M, N, C) of models trained on the forget set, other than the model before; M >= 4.
    """
    before, after, references = phi_table(sets.forget)
    references = steadied(references, sets.composite)
    inside = np.stack([phi(logits, sets.forget.labels) for logits in trained])

    def score(values: FloatArray, outside: FloatArray) -> float:
        deviations = [float(np.sqrt(np.maximum(side.var(axis=0, ddof=1).mean(), 1e-12))) for side in (inside, outside)]
        ratio = lira_online(
            values,
            mean_in=inside.mean(0),
            std_in=deviations[0],
            mean_out=outside.mean(0),
            std_out=deviations[1],
        )
        return float(ratio.mean())

    alone = [score(references[k], np.delete(references, k, axis=0)) for k in range(len(references))]
    found = beside(score(after, references), alone, guard=GUARD)
    return Item.judged(
        LIRA_ONLINE,
        "T1",
        found.value,
        criterion=band_words(found, low=False),
        before=score(before, references),
        references=found,
        unit="mean log likelihood ratio, nats",
        power=f"{len(inside)} models trained with the recordings against {len(references)} without",
        note="below 0 the answers are rather those of models that never heard the recordings",
    )


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
    return Item.judged(
        RMIA,
        "T1",
        found.value,
        criterion=band_words(found),
        before=score(0, everyone),
        references=found,
        unit="AUC",
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
