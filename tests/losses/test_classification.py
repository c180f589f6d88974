"""Losses against their formulas written out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import affekt.losses
from affekt.losses import class_weights, cross_entropy


def test_contents_are_sorted_and_there() -> None:
    assert list(affekt.losses.__all__) == sorted(affekt.losses.__all__)
    assert all(hasattr(affekt.losses, name) for name in affekt.losses.__all__)


def test_class_weights_by_hand() -> None:
    # N = 6, K = 4: class 0 three times, class 1 twice, class 2 once, class 3 never
    weights = class_weights(np.array([0, 0, 0, 1, 1, 2]), 4)
    assert weights.tolist() == pytest.approx([6 / 12, 6 / 8, 6 / 4, 0.0])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_every_class_that_occurs_weighs_the_same_in_all(labels: list[int]) -> None:
    weights = class_weights(np.array(labels), 5)
    counts = np.bincount(labels, minlength=5)
    total = weights.numpy() * counts
    assert total[counts > 0] == pytest.approx(len(labels) / 5, rel=1e-5)
    assert (weights.numpy()[counts == 0] == 0).all()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_against_sums(smoothing: float, weighted: bool) -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0], [0.0, 1.0, 0.0]])
    labels = [0, 2, 0]
    weights = [0.5, 1.0, 2.0] if weighted else [1.0, 1.0, 1.0]
    top = bottom = 0.0
    for row, label in zip(logits.tolist(), labels, strict=True):
        norm = math.log(sum(math.exp(value) for value in row))
        for k, value in enumerate(row):
            share = (1.0 - smoothing) * (k == label) + smoothing / 3
            top += weights[k] * share * (norm - value)
        bottom += weights[label]
    found = cross_entropy(
        logits, torch.tensor(labels), weights=torch.tensor(weights) if weighted else None, label_smoothing=smoothing
    )
    assert float(found) == pytest.approx(top / bottom, abs=1e-6)
