"""Rows made of several fold models are made to vary as one model does."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from affekt.metrics.deletion_rules import LIRA_ONLINE
from affekt.unlearning.audit_answers import Answers, Sets
from affekt.unlearning.audit_references import lira_online_item, steadied


def rows(rng: np.random.Generator, *, repeats: int, n: int, folds: int, shared: float) -> np.ndarray:
    """Each row: folds of utterances, each with the shift of its own model."""
    found = np.empty((repeats, n))
    for repeat in range(repeats):
        fold = rng.permutation(n) % folds
        found[repeat] = shared * rng.normal(size=folds)[fold] + np.sqrt(1 - shared**2) * rng.normal(size=n)
    return found


def test_the_mean_of_a_row_varies_as_that_of_one_model() -> None:
    rng = np.random.default_rng(0)
    composite = np.mean(
        [steadied(rows(rng, repeats=20, n=40, folds=5, shared=0.6), 5).mean(1).var(ddof=1) for _ in range(200)]
    )
    whole = np.mean([rows(rng, repeats=20, n=40, folds=1, shared=0.6).mean(1).var(ddof=1) for _ in range(200)])
    plain = np.mean([rows(rng, repeats=20, n=40, folds=5, shared=0.6).mean(1).var(ddof=1) for _ in range(200)])
    assert plain < 0.4 * whole
    assert composite == pytest.approx(whole, rel=0.2)


def test_whole_models_are_left_alone() -> None:
    table = np.random.default_rng(1).normal(size=(9, 5))
    assert steadied(table, 1) is table
    assert steadied(table, 5).mean() == pytest.approx(table.mean(), abs=0.05)


def test_online_lira_against_its_densities() -> None:
    """Two classes: phi is the difference of the logits, so the Gaussians can be written down."""
    rng = np.random.default_rng(2)
    names = ("before", "after", "references", "trained")
    tables = {
        name: rng.normal(3.0 * (name in ("before", "trained")), 1.0, (count, 12))
        for name, count in zip(names, (1, 1, 9, 5), strict=True)
    }

    def logits(values: np.ndarray) -> np.ndarray:
        return np.stack([values, np.zeros_like(values)], axis=-1)

    forget = Answers(
        labels=np.zeros(12, np.int64),
        before=logits(tables["before"][0]),
        after=logits(tables["after"][0]),
        references=logits(tables["references"]),
    )
    found = lira_online_item(Sets(forget=forget), logits(tables["trained"]))
    sides = [(tables[name].mean(0), tables[name].var(0, ddof=1).mean() ** 0.5) for name in ("trained", "references")]
    for name, value in (("before", found.before), ("after", found.estimate)):
        inside, outside = (norm(mean, sd).logpdf(tables[name][0]) for mean, sd in sides)
        assert value == pytest.approx(float((inside - outside).mean()))
    assert found.before > 0 > found.estimate
    assert found.passed is True
    assert replace(found).test == LIRA_ONLINE
    again = lira_online_item(Sets(forget=replace(forget, after=forget.before)), logits(tables["trained"]))
    assert (again.passed, again.failure) == (False, "under-forgotten")
