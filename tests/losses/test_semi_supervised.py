"""FixMatch and FullMatch against hand-made values, slow loops and their limit cases."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from affekt.errors import ConfigError, ShapeError
from affekt.losses import (
    adaptive_k,
    entropy_meaning_loss,
    fixmatch_loss,
    fullmatch_terms,
    negative_classes,
    negative_learning_loss,
    pseudo_labels,
)
from affekt.types import FloatArray

WEAK = [[6.0, 1.0, 0.0, -1.0, 0.0], [0.0, 5.5, 0.2, -2.0, 1.0], [0.5, 0.4, 0.3, 1.0, 0.2]]
STRONG = [[2.0, 1.5, 0.0, -1.0, 0.5], [1.2, 1.0, 0.1, -1.0, 0.0], [0.1, 0.2, 0.0, 0.9, 0.05]]
HARD = [STRONG[0], [3.0, -1.0, 2.0, 1.5, 2.5], STRONG[2]]


def both(strong: list[list[float]]) -> tuple[Tensor, Tensor]:
    """Strong and weak logits."""
    return torch.tensor(strong, dtype=torch.float64), torch.tensor(WEAK, dtype=torch.float64)


def slow(strong: FloatArray, weak: FloatArray, threshold: float) -> tuple[float, float, float, int]:
    """FixMatch, negative learning, entropy meaning and k, one class at a time."""
    n, classes = strong.shape
    p = np.exp(strong - strong.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    q = np.exp(weak - weak.max(1, keepdims=True))
    q /= q.sum(1, keepdims=True)
    label = weak.argmax(1)
    k = classes
    for candidate in range(classes, 1, -1):
        top = [sorted(range(classes), key=lambda j: (-strong[i, j], j))[:candidate] for i in range(n)]
        if all(label[i] in top[i] for i in range(n)):
            k = candidate
    fix = negative = top_sum = 0.0
    entries = 0
    for i in range(n):
        sure = q[i, label[i]] >= threshold
        fix -= math.log(p[i, label[i]]) / n if sure else 0.0
        order = sorted(range(classes), key=lambda j: (-weak[i, j], j))
        outside = order[k:]
        negative -= sum(math.log(1 - p[i, j] + 1e-10) for j in outside if p[i, j] <= threshold**2) / n
        rest = [j for j in range(classes) if j != label[i] and j not in outside]
        share = (1.0 - p[i, label[i]] - sum(p[i, j] for j in outside) + 1e-7) / (k - 1)
        for j in rest:
            if sure and p[i, j] <= threshold**2:
                entries += 1
                top_sum += -share * math.log(p[i, j] + 1e-10) - (1 - share) * math.log(1 - p[i, j] + 1e-10)
    return fix, negative, top_sum / (entries + 1e-10), k


def test_the_known_values() -> None:
    strong, weak = both(STRONG)
    labels, confident = pseudo_labels(weak)
    assert labels.tolist() == [0, 1, 3]
    assert confident.tolist() == [True, True, False]
    assert weak.softmax(1).amax(1).tolist() == pytest.approx([0.98755, 0.97968, 0.32245], abs=5e-6)
    terms = fullmatch_terms(strong, weak)
    assert terms.k == 2
    assert float(terms.fixmatch) == pytest.approx(0.6139746, abs=1e-7)
    assert float(terms.negative) == pytest.approx(0.4704893, abs=1e-7)
    assert float(terms.meaning) == pytest.approx(0.4868175, abs=1e-7)
    assert terms.mask_rate == pytest.approx(2 / 3)
    assert terms.negatives == 3.0
    assert negative_classes(weak, 2).int().tolist() == [[0, 0, 1, 1, 1], [1, 0, 1, 1, 0], [0, 1, 1, 0, 1]]


def test_the_shares_of_the_known_values() -> None:
    strong, weak = both(STRONG)
    p = strong.softmax(1)
    # with k = 2 one class is left a row, and its probability is the share
    assert [float(p[0, 1]), float(p[1, 4]), float(p[2, 0])] == pytest.approx([0.30104, 0.117489, 0.161635], abs=5e-6)
    assert p[~negative_classes(weak, 2)].shape == (6,)


def test_one_hard_utterance_makes_every_class_a_candidate() -> None:
    strong, weak = both(HARD)
    terms = fullmatch_terms(strong, weak)
    assert terms.k == 5
    assert terms.negatives == 0.0
    assert float(terms.fixmatch) == pytest.approx(1.8320501, abs=1e-7)
    assert float(terms.negative) == 0.0
    assert float(terms.meaning) == pytest.approx(0.5217104, abs=1e-7)


LOGITS = arrays(np.float64, (4, 6), elements=st.floats(-6, 6))


@given(strong=LOGITS, weak=LOGITS, threshold=st.sampled_from([0.0, 0.3, 0.6, 0.95]))
def test_a_loop_gives_the_same(strong: FloatArray, weak: FloatArray, threshold: float) -> None:
    terms = fullmatch_terms(torch.from_numpy(strong), torch.from_numpy(weak), threshold=threshold)
    fix, negative, meaning, k = slow(strong, weak, threshold)
    assert terms.k == k
    assert float(terms.fixmatch) == pytest.approx(fix, abs=1e-9)
    assert float(terms.negative) == pytest.approx(negative, abs=1e-9)
    assert float(terms.meaning) == pytest.approx(meaning, abs=1e-9)


@given(weak=LOGITS, k=st.integers(2, 6))
def test_a_label_is_never_a_negative_of_itself(weak: FloatArray, k: int) -> None:
    logits = torch.from_numpy(np.round(weak))  # many ties
    negatives = negative_classes(logits, k)
    assert negatives.sum(1).tolist() == [6 - k] * 4
    assert not negatives[torch.arange(4), pseudo_labels(logits).labels].any()


def test_no_gradient_flows_through_the_weak_view() -> None:
    strong, weak = both(STRONG)
    strong.requires_grad_(True)
    weak.requires_grad_(True)
    terms = fullmatch_terms(strong, weak)
    (terms.fixmatch + terms.negative + terms.meaning).backward()  # type: ignore[no-untyped-call]
    assert weak.grad is None
    assert strong.grad is not None
    assert bool(strong.grad.any())


def test_with_two_candidates_a_detached_share_has_no_gradient() -> None:
    weak = both(STRONG)[1]
    labels, confident = pseudo_labels(weak)
    negatives = negative_classes(weak, 2)
    gradients = {}
    for detach in (True, False):
        strong = both(STRONG)[0].requires_grad_(True)
        entropy_meaning_loss(strong, labels, confident, negatives, detach_soft_target=detach).backward()  # type: ignore[no-untyped-call]
        assert strong.grad is not None
        gradients[detach] = strong.grad
    assert float(gradients[True].abs().max()) < 1e-6  # not 0: the constants 1e-7 and 1e-10
    assert float(gradients[False].abs().max()) > 1e-2
    # attached, the loss falls when the only competitor falls: its probability is below one half
    assert float(gradients[False][0, 1]) > 0
    assert float(gradients[False][1, 4]) > 0


def test_with_two_candidates_the_attached_loss_is_the_entropy_of_the_competitor() -> None:
    strong, weak = both(STRONG)
    p = strong.softmax(1)
    competitors = torch.stack([p[0, 1], p[1, 4]])
    entropy = -(competitors * competitors.log() + (1 - competitors) * (1 - competitors).log()).mean()
    assert float(fullmatch_terms(strong, weak).meaning) == pytest.approx(float(entropy), abs=1e-6)


def test_with_more_candidates_the_detached_share_draws_them_together() -> None:
    weak = torch.tensor([[8.0, 1.0, 0.9, -5.0]])
    strong = torch.tensor([[2.0, 1.0, 0.0, -5.0]], requires_grad=True)
    labels, confident = pseudo_labels(weak)
    loss = entropy_meaning_loss(strong, labels, confident, negative_classes(weak, 3), detach_soft_target=True)
    (gradient,) = torch.autograd.grad(loss, strong)
    assert float(gradient[0, 1]) > 0 > float(gradient[0, 2])  # the larger one is lowered, the smaller one raised


def test_a_contradicted_class_counts_nowhere() -> None:
    weak = torch.tensor([[9.0, 0.0, -1.0]])
    strong = torch.tensor([[0.0, 0.0, 9.0]])  # the class that is a negative of the weak view has p above .9025
    terms = fullmatch_terms(strong, weak)
    assert terms.k == 2
    assert terms.negatives == 1.0
    assert float(terms.negative) == 0.0


def test_ranks_of_equal_logits_follow_the_order_of_the_classes() -> None:
    strong = torch.zeros(1, 4)
    assert adaptive_k(strong, torch.tensor([0])) == 2
    assert adaptive_k(strong, torch.tensor([3])) == 4
    assert negative_classes(strong, 2).tolist() == [[False, False, True, True]]


def test_nobody_sure_means_no_loss() -> None:
    strong = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    assert float(fixmatch_loss(strong, torch.zeros(5, 4))) == 0.0
    labels, confident = pseudo_labels(torch.zeros(5, 4))
    none = entropy_meaning_loss(strong, labels, confident, negative_classes(torch.zeros(5, 4), 2))
    assert float(none) == 0.0


def test_two_classes_have_no_negatives() -> None:
    terms = fullmatch_terms(torch.tensor([[0.0, 1.0]]), torch.tensor([[5.0, 0.0]]))
    assert terms.k == 2
    assert float(terms.negative) == 0.0
    assert math.isfinite(float(terms.meaning))


@pytest.mark.parametrize("scale", [1e3, 1e4])
def test_extreme_logits_stay_finite(scale: float) -> None:
    strong = (torch.eye(4) * scale).requires_grad_(True)
    terms = fullmatch_terms(strong, torch.eye(4).roll(1, 0) * scale)
    total = terms.fixmatch + terms.negative + terms.meaning
    total.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(total.item())
    assert strong.grad is not None
    assert bool(torch.isfinite(strong.grad).all())


def test_negative_learning_by_hand() -> None:
    strong = torch.tensor([[0.0, 0.0], [0.0, math.log(3.0)]])
    negatives = torch.tensor([[False, True], [True, False]])
    expected = -(math.log(0.5) + math.log(0.75)) / 2
    assert float(negative_learning_loss(strong, negatives)) == pytest.approx(expected, abs=1e-6)


def test_errors() -> None:
    logits = torch.zeros(2, 3)
    with pytest.raises(ConfigError, match=r"threshold is 1\.5; .* was expected"):
        fixmatch_loss(logits, logits, threshold=1.5)
    with pytest.raises(ShapeError, match=r"got \(2, 3\) and \(2, 4\)"):
        fixmatch_loss(logits, torch.zeros(2, 4))
    with pytest.raises(ShapeError, match="C >= 2"):
        fullmatch_terms(torch.zeros(2, 1), torch.zeros(2, 1))
    with pytest.raises(ShapeError, match="n >= 1"):
        pseudo_labels(torch.zeros(0, 3))
