"""Losses against their formulas written out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

import affekt.losses
from affekt.losses import (
    class_weights,
    cross_entropy,
    effective_number_weights,
    focal_loss,
    kl_divergence,
    soft_cross_entropy,
)


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


LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
SHARES = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.25, 0.75], [1.0, 0.0, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize("weighted", [False, True])
def test_soft_cross_entropy_of_one_hot_targets_is_cross_entropy(weighted: bool) -> None:
    weights = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64) if weighted else None
    labels = torch.tensor([0, 2, 0])
    soft = soft_cross_entropy(LOGITS, torch.eye(3, dtype=torch.float64)[labels], weights=weights)
    assert float(soft) == pytest.approx(float(cross_entropy(LOGITS, labels, weights=weights)), abs=1e-12)


def test_soft_cross_entropy_against_sums() -> None:
    weights, smoothing = [0.5, 1.0, 2.0], 0.3
    top = bottom = 0.0
    for row, shares in zip(LOGITS.tolist(), SHARES.tolist(), strict=True):
        norm = math.log(sum(math.exp(value) for value in row))
        for k, (value, share) in enumerate(zip(row, shares, strict=True)):
            smooth = (1.0 - smoothing) * share + smoothing / 3
            top += weights[k] * smooth * (norm - value)
            bottom += weights[k] * smooth
    found = soft_cross_entropy(
        LOGITS, SHARES, weights=torch.tensor(weights, dtype=torch.float64), label_smoothing=smoothing
    )
    assert float(found) == pytest.approx(top / bottom, abs=1e-12)


def test_kl_is_soft_cross_entropy_less_the_entropy_of_the_target() -> None:
    entropy = -float(torch.special.xlogy(SHARES, SHARES).sum(1).mean())
    divergence = float(kl_divergence(LOGITS, SHARES))
    assert divergence == pytest.approx(float(soft_cross_entropy(LOGITS, SHARES)) - entropy, abs=1e-12)
    assert divergence == pytest.approx(
        float(rel_entr(SHARES.numpy(), LOGITS.softmax(1).numpy()).sum(1).mean()), abs=1e-12
    )
    assert float(kl_divergence(SHARES[:2].clamp_min(1e-300).log(), SHARES[:2])) == pytest.approx(0.0, abs=1e-12)


def test_focal_loss_against_its_formula() -> None:
    labels = torch.tensor([0, 2, 1])
    p = LOGITS.softmax(1)[torch.arange(3), labels]
    assert float(focal_loss(LOGITS, labels)) == pytest.approx(float((-((1 - p) ** 2) * p.log()).mean()), abs=1e-12)
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    share = weights[labels]
    weighted = float((share * -((1 - p) ** 2) * p.log()).sum() / share.sum())
    assert float(focal_loss(LOGITS, labels, weights=weights)) == pytest.approx(weighted, abs=1e-12)
    plain = float(cross_entropy(LOGITS, labels, weights=weights))
    assert float(focal_loss(LOGITS, labels, gamma=0.0, weights=weights)) == pytest.approx(plain, abs=1e-12)


def test_focal_loss_has_a_gradient_where_the_label_is_certain() -> None:
    logits = torch.tensor([[100.0, 0.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0])).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_effective_numbers_by_hand() -> None:
    counts = [60.0, 30.0, 10.0, 0.0]
    base = 99 / 100
    raw = [(1 - base) / (1 - base**count) if count else 0.0 for count in counts]
    expected = [3 * weight / sum(raw) for weight in raw]
    assert effective_number_weights(torch.tensor(counts)).tolist() == pytest.approx(expected, rel=1e-6)


@given(st.lists(st.floats(0.1, 1e6), min_size=2, max_size=8))
def test_effective_numbers_weigh_rare_classes_more(counts: list[float]) -> None:
    weights = effective_number_weights(torch.tensor(counts, dtype=torch.float64)).double().numpy()
    order = np.argsort(counts)
    assert (np.diff(weights[order]) <= 1e-6 * weights.max()).all()
    assert weights.mean() == pytest.approx(1.0, rel=1e-5)
