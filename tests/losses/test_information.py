"""Bounds of mutual information against closed forms, numbers by hand and what they cannot exceed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import logsumexp
from torch import Tensor

from affekt.errors import ConfigError, ShapeError
from affekt.losses import (
    barber_agakov_bound,
    donsker_varadhan_bound,
    entropy,
    gaussian_information,
    info_nce,
    info_nce_bound,
    mine_loss,
)

SCORES = np.array([[2.0, 0.5, -1.0], [0.0, 1.0, 1.0], [0.3, -0.2, 0.7]])


def pairs(correlation: float, *, dimensions: int, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two Gaussian vectors whose coordinates are correlated pair by pair, (N, d) each."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((count, dimensions))
    y = correlation * x + math.sqrt(1 - correlation**2) * generator.standard_normal((count, dimensions))
    return torch.as_tensor(x), torch.as_tensor(y)


def log_ratio(x: Tensor, y: Tensor, correlation: float) -> Tensor:
    """log p(x, y) / p(x) p(y) of every first with every second, (B, B): the best critic there is."""
    x, y = x[:, None], y[None]
    variance = 1 - correlation**2
    each = -(correlation**2 * (x**2 + y**2) - 2 * correlation * x * y) / (2 * variance) - math.log(variance) / 2
    return each.sum(-1)


def test_info_nce_by_hand() -> None:
    rows = -np.mean([SCORES[i, i] - logsumexp(SCORES[i]) for i in range(3)])
    columns = -np.mean([SCORES[i, i] - logsumexp(SCORES[:, i]) for i in range(3)])
    found = info_nce(torch.as_tensor(SCORES))
    assert float(found) == pytest.approx((rows + columns) / 2, abs=1e-12)
    assert float(info_nce_bound(torch.as_tensor(SCORES))) == pytest.approx(math.log(3) - float(found), abs=1e-12)


def test_donsker_varadhan_by_hand() -> None:
    joint, marginal = torch.tensor([1.0, 3.0]), torch.tensor([0.0, math.log(3.0)])
    # mean 2, log of the mean of 1 and 3
    assert float(donsker_varadhan_bound(joint, marginal).detach()) == pytest.approx(2.0 - math.log(2.0), abs=1e-6)


def test_barber_agakov_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]]))
    expected = (math.log(0.9) * 2 + math.log(0.8)) / 3
    counted = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    codes = torch.tensor([0, 0, 1])
    assert float(barber_agakov_bound(logits, codes)) == pytest.approx(expected + counted, abs=1e-6)
    prior = torch.tensor([0.5, 0.5])
    assert float(barber_agakov_bound(logits, codes, prior=prior)) == pytest.approx(expected + math.log(2), abs=1e-6)


def test_entropy_of_counts_is_that_of_shares() -> None:
    assert float(entropy(torch.tensor([1, 1, 2]))) == pytest.approx(1.5 * math.log(2.0), abs=1e-12)
    assert float(entropy(torch.tensor([0.25, 0.25, 0.5]))) == pytest.approx(1.5 * math.log(2.0), abs=1e-12)
    assert float(entropy(torch.tensor([5, 0]))) == 0.0


@pytest.mark.parametrize(("correlation", "nats"), [(0.0, 0.0), (0.5, 0.14384104), (-0.9, 0.83036560)])
def test_the_closed_form(correlation: float, nats: float) -> None:
    assert gaussian_information(correlation) == pytest.approx(nats, abs=1e-8)
    assert gaussian_information(correlation, dimensions=5) == pytest.approx(5 * nats, abs=1e-7)


@pytest.mark.parametrize(("correlation", "dimensions"), [(0.3, 1), (0.5, 2), (0.8, 1)])
def test_low_information_is_reached_by_the_best_critic(correlation: float, dimensions: int) -> None:
    truth = gaussian_information(correlation, dimensions=dimensions)
    x, y = pairs(correlation, dimensions=dimensions, count=64 * 200)
    scores = [log_ratio(a, b, correlation) for a, b in zip(x.split(64), y.split(64), strict=True)]
    nce = np.array([float(info_nce_bound(each)) for each in scores])
    error = nce.std() / math.sqrt(len(nce))
    assert nce.mean() < truth + 4 * error
    assert nce.mean() == pytest.approx(truth, abs=0.02 + 4 * error)
    off = ~torch.eye(64, dtype=torch.bool)
    joint = torch.cat([each.diagonal() for each in scores])
    marginal = torch.cat([each[off] for each in scores])
    spread = float(joint.std()) / math.sqrt(len(joint))
    assert float(donsker_varadhan_bound(joint, marginal).detach()) == pytest.approx(truth, abs=0.01 + 4 * spread)


@pytest.mark.parametrize("size", [8, 64])
def test_info_nce_saturates_where_there_is_more_information_than_log_b(size: int) -> None:
    truth = gaussian_information(0.999, dimensions=6)
    x, y = pairs(0.999, dimensions=6, count=size * 20)
    scores = [log_ratio(a, b, 0.999) for a, b in zip(x.split(size), y.split(size), strict=True)]
    nce = float(torch.stack([info_nce_bound(each) for each in scores]).mean())
    assert truth > 2 * math.log(size) or size == 64
    assert 0.95 * math.log(size) < nce <= math.log(size)


@pytest.mark.parametrize("distance", [0.5, 1.5, 4.0])
def test_class_information_of_two_gaussians_is_reached_by_the_posterior(distance: float) -> None:
    def mixture(x: float) -> float:
        return 0.5 * (normal(x - distance / 2) + normal(x + distance / 2))

    def normal(x: float) -> float:
        return math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)

    # I(c; x) = h(x) - h(x | c)
    whole = quad(lambda x: -mixture(x) * math.log(mixture(x)), -12, 12)[0]
    truth = whole - 0.5 * math.log(2 * math.pi * math.e)
    generator = np.random.default_rng(3)
    codes = generator.integers(0, 2, 20_000)
    x = torch.as_tensor(generator.standard_normal(20_000) + distance * (codes - 0.5))
    logits = torch.stack([-((x + distance / 2) ** 2) / 2, -((x - distance / 2) ** 2) / 2], dim=1)
    found = float(barber_agakov_bound(logits, torch.as_tensor(codes)))
    assert found == pytest.approx(truth, abs=0.015)
    worse = float(barber_agakov_bound(0.3 * logits, torch.as_tensor(codes)))
    assert worse < found
    assert float(barber_agakov_bound(1e4 * logits.sign() * logits.abs(), torch.as_tensor(codes))) < found


def test_class_information_saturates_at_log_k() -> None:
    codes = torch.arange(40) % 8
    perfect = 1e4 * torch.nn.functional.one_hot(codes, 8).float()
    assert float(barber_agakov_bound(perfect, codes)) == pytest.approx(math.log(8), abs=1e-6)


@given(st.integers(1, 12), st.integers(0, 10_000), st.floats(0.01, 1e4))
def test_no_scores_exceed_the_ceilings(size: int, seed: int, scale: float) -> None:
    scores = scale * torch.as_tensor(np.random.default_rng(seed).standard_normal((size, size)))
    assert float(info_nce_bound(scores)) <= math.log(size) + 1e-9
    assert torch.isfinite(info_nce(scores))
    assert float(info_nce(scores)) == pytest.approx(float(info_nce(scores.T)), rel=1e-9, abs=1e-12)
    codes = torch.as_tensor(np.random.default_rng(seed).integers(0, size, size))
    assert float(barber_agakov_bound(scores, codes)) <= math.log(size) + 1e-9


def test_mine_without_memory_has_the_gradient_of_the_bound() -> None:
    joint = torch.tensor([0.3, -0.2, 0.8], dtype=torch.float64, requires_grad=True)
    marginal = torch.tensor([0.1, 0.9, -0.4, 0.0], dtype=torch.float64, requires_grad=True)
    loss, _ = mine_loss(joint, marginal, decay=0.0)
    found = torch.autograd.grad(loss, [joint, marginal])
    expected = torch.autograd.grad(-donsker_varadhan_bound(joint, marginal), [joint, marginal])
    for one, other in zip(found, expected, strict=True):
        assert one.tolist() == pytest.approx(other.tolist(), abs=1e-12)


def test_mine_divides_by_the_average_over_batches() -> None:
    marginal = torch.tensor([0.1, 0.9, -0.4, 0.0], dtype=torch.float64, requires_grad=True)
    before = 5.0  # an average of the exponentials so far
    loss, running = mine_loss(torch.zeros(2), marginal, torch.tensor(math.log(before)), decay=0.9)
    (slope,) = torch.autograd.grad(loss, [marginal])
    exponentials = np.exp(marginal.detach().numpy())
    average = 0.9 * before + 0.1 * exponentials.mean()
    assert float(running) == pytest.approx(math.log(average), abs=1e-6)
    assert slope.tolist() == pytest.approx((exponentials / 4 / average).tolist(), abs=1e-6)
    assert not running.requires_grad


def test_large_scores_do_not_overflow() -> None:
    joint, marginal = torch.full((3,), 1e4, requires_grad=True), torch.full((5,), 1e4, requires_grad=True)
    loss, running = mine_loss(joint, marginal, torch.tensor(9e3))
    loss.backward()
    assert all(torch.isfinite(value).all() for value in (loss, running, joint.grad, marginal.grad) if value is not None)
    assert float(donsker_varadhan_bound(joint, marginal).detach()) == pytest.approx(0.0, abs=1e-2)


def test_what_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"scores have the shape \(2, 3\); \(B, B\)"):
        info_nce(torch.zeros(2, 3))
    with pytest.raises(ShapeError, match=r"marginal has the shape \(0,\)"):
        donsker_varadhan_bound(torch.zeros(2), torch.zeros(0))
    with pytest.raises(ShapeError, match=r"logits \(2, 3\) do not fit codes \(3,\)"):
        barber_agakov_bound(torch.zeros(2, 3), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ConfigError, match=r"decay is 1.0; a value in \[0, 1\)"):
        mine_loss(torch.zeros(2), torch.zeros(2), decay=1.0)
    with pytest.raises(ConfigError, match=r"correlation is 1.0 in 1 dimension"):
        gaussian_information(1.0)
