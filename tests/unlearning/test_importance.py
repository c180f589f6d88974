"""Importance and the anchor against values computed by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.importance import (
    anchor_strength,
    elastic_penalty,
    ewc_importance,
    importance,
    mas_importance,
)
from affekt.unlearning.material import LearnedPart

W = [[1.0, 2.0], [0.0, -1.0], [0.5, 0.0]]
X = [[1.0, 0.0], [0.0, 2.0]]


class Affine(torch.nn.Module):
    """o = W x + b."""

    def __init__(self, weight: Any = W) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))
        self.bias = torch.nn.Parameter(torch.zeros(len(weight)))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        return waveforms @ self.weight.T + self.bias


def items(values: Any = X) -> list[Tensor]:
    return [torch.tensor(row) for row in values]


@pytest.mark.parametrize("kind", ["mas", "mas-utterance"])
def test_mas_of_a_linear_model_by_hand(kind: Any) -> None:
    """Worked out on paper and in numpy for W, X above: mean norm 2.795085."""
    part = LearnedPart(Affine())
    norms = part.logits(items()).norm(dim=1)
    assert float(norms.mean().detach()) == pytest.approx(2.795085, abs=1e-6)
    found = importance(part, items(), torch.tensor([0, 1]), kind=kind)
    assert found["weight"].numpy() == pytest.approx(
        np.array([[0.447214, 0.894427], [0.0, 0.447214], [0.223607, 0.0]]), abs=1e-6
    )
    assert found["bias"].numpy() == pytest.approx(np.array([0.894427, 0.223607, 0.223607]), abs=1e-6)
    strength = anchor_strength(found)
    assert strength["weight"].numpy() == pytest.approx(np.array([[0.5, 0.0], [1.0, 0.5], [0.75, 1.0]]), abs=1e-6)
    assert strength["bias"].numpy() == pytest.approx(np.array([0.0, 1.0, 1.0]), abs=1e-6)


def test_mas_by_batch_and_by_utterance_differ_where_gradients_cancel() -> None:
    """With inputs x and -x of one sample, |mean gradient| of the weight of a one-class output is 0 only for odd m."""
    values = [[1.0, 1.0], [1.0, -1.0]]
    part = LearnedPart(Affine([[1.0, 0.0], [0.0, 0.0]]))
    # o = (x1, 0), norm |x1| = 1; d norm / dW[0] = x: mean (1, 0), mean of absolute values (1, 1)
    whole, single = (
        importance(part, items(values), torch.tensor([0, 0]), kind=k)["weight"][0] for k in ("mas", "mas-utterance")
    )
    assert whole.tolist() == pytest.approx([1.0, 0.0])
    assert single.tolist() == pytest.approx([1.0, 1.0])


def test_a_smaller_last_batch_counts_by_its_size() -> None:
    part = LearnedPart(Affine())
    values = [[1.0, 0.0], [0.0, 2.0], [0.3, 0.4]]
    found = mas_importance(part, items(values), batch_size=2)["weight"]
    first = mas_importance(part, items(values[:2]), batch_size=2)["weight"]
    last = mas_importance(part, items(values[2:]), batch_size=2)["weight"]
    assert torch.allclose(found, first * 2 / 3 + last / 3)


def test_ewc_by_hand() -> None:
    """d CE / dW = (p - y) x^T; squared and averaged over utterances, each with its own label."""
    labels = [0, 2]
    total_w, total_b = np.zeros((3, 2)), np.zeros(3)
    for x, label in zip(X, labels, strict=True):
        o = np.array(W) @ np.array(x)
        p = np.exp(o) / np.exp(o).sum()
        error = p - np.eye(3)[label]
        total_w += np.outer(error, x) ** 2 / 2
        total_b += error**2 / 2
    part = LearnedPart(Affine())
    for found in (
        ewc_importance(part, items(), torch.tensor(labels)),
        importance(part, items(), torch.tensor(labels), kind="ewc"),
    ):
        assert found["weight"].numpy() == pytest.approx(total_w, abs=1e-6)
        assert found["bias"].numpy() == pytest.approx(total_b, abs=1e-6)


def test_an_unknown_importance() -> None:
    with pytest.raises(ConfigError, match="unknown importance 'fisher'; mas, mas-utterance or ewc was expected"):
        importance(LearnedPart(Affine()), items(), torch.tensor([0, 0]), kind="fisher")  # type: ignore[arg-type]


@given(st.lists(st.floats(0.0, 100.0, width=32), min_size=1, max_size=20))
def test_strength_is_one_minus_the_scaled_importance(values: list[float]) -> None:
    array = np.array(values, np.float32)
    strength = anchor_strength({"a": torch.from_numpy(array)})["a"].numpy()
    assert np.isfinite(strength).all()
    assert ((strength >= 0) & (strength <= 1)).all()
    if array.max() == array.min():
        assert (strength == 1).all()  # a constant has no scale: anchored fully
    else:
        assert strength[array.argmax()] == 0
        assert strength[array.argmin()] == 1
        order = np.argsort(array, kind="stable")
        assert (np.diff(strength[order]) <= 0).all()


def test_the_scale_is_each_tensors_own() -> None:
    found = anchor_strength({"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([[0.0, 100.0, 50.0]])})
    assert found["a"].tolist() == [1.0, 0.0]
    assert found["b"].tolist() == [[1.0, 0.0, 0.5]]


def test_elastic_penalty_by_hand() -> None:
    model = Affine([[1.0, 2.0]])
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    with torch.no_grad():
        model.weight += torch.tensor([[0.1, -0.2]])
        model.bias += 0.5
    strength = {"weight": torch.tensor([[1.0, 0.5]]), "bias": torch.tensor([2.0])}
    # half of 1 * 0.01 + 0.5 * 0.04 + 2 * 0.25
    penalty = elastic_penalty(LearnedPart(model), start, strength)
    assert float(penalty.detach()) == pytest.approx(0.265, abs=1e-6)
    penalty.backward()
    assert model.weight.grad is not None
    assert model.weight.grad.tolist()[0] == pytest.approx([0.1, -0.1], abs=1e-6)


def test_frozen_and_unused_parameters() -> None:
    model = Affine()
    model.unused = torch.nn.Parameter(torch.ones(2))
    model.bias.requires_grad_(False)
    found = mas_importance(LearnedPart(model), items())
    assert set(found) == {"weight", "unused"}
    assert found["unused"].tolist() == [0.0, 0.0]
    assert anchor_strength(found)["unused"].tolist() == [1.0, 1.0]
