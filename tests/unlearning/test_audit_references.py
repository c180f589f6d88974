"""Rows made of several fold models are made to vary as one model does."""

import numpy as np
import pytest

from affekt.unlearning.audit_references import steadied


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
