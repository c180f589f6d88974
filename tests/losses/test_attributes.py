"""The CCC loss against the metric, which is written in another way and tested against published values."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from affekt.losses import ccc_loss
from affekt.metrics import ccc

VALUES = st.lists(st.floats(-3, 3), min_size=6, max_size=6)


def test_the_known_value() -> None:
    """Definitions card, T.1."""
    x = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]], dtype=torch.float64)
    y = torch.tensor([[1.5], [2.5], [2.0], [4.5], [4.0]], dtype=torch.float64)
    assert 1.0 - float(ccc_loss(x, y, eps=0.0)) == pytest.approx(0.835820895522388, abs=1e-12)


@given(VALUES, VALUES)
def test_one_less_the_metric(first: list[float], second: list[float]) -> None:
    if np.std(first) < 1e-3:
        return
    found = ccc_loss(torch.tensor([first], dtype=torch.float64).T, torch.tensor([second], dtype=torch.float64).T)
    assert float(found) == pytest.approx(1.0 - ccc(second, first), abs=1e-5)


def test_missing_targets_are_left_out_column_by_column() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, target = (torch.randn(7, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    target[2, 0] = target[5, 0] = target[0, 1] = float("nan")
    target[1:, 2] = float("nan")  # one value alone says nothing about agreement
    prediction.requires_grad_()
    losses = ccc_loss(prediction, target)
    for column in range(2):
        known = ~torch.isnan(target[:, column])
        alone = ccc_loss(prediction[known][:, [column]], target[known][:, [column]])
        assert losses[column].item() == pytest.approx(alone.item(), abs=1e-12)
    assert losses[2].item() == 0.0
    losses.sum().backward()
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()
    assert (prediction.grad[torch.isnan(target)] == 0).all()
    assert (prediction.grad[~torch.isnan(target)][:5] != 0).any()


def test_constant_predictions_have_a_gradient_that_is_finite() -> None:
    prediction = torch.zeros(4, 1, requires_grad=True)
    ccc_loss(prediction, torch.tensor([[0.0], [1.0], [0.0], [1.0]])).sum().backward()
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()
