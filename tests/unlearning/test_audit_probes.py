"""Probes on a toy whose retrained answer is known."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.metrics.deletion_rules import EMOTION_PROBE, MEMBERSHIP_PROBE, RELEARNING
from affekt.unlearning.audit_probes import (
    Probed,
    penultimate,
    probe_items,
    probed,
)
from affekt.unlearning.material import LearnedPart

from .conftest import Toy


class Frames(nn.Module):
    """A linear map on every sample, then the mean: its last linear map sees one vector a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 3)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        logits: Tensor = self.head(waveforms[..., None]).mean(1)
        return logits


def test_penultimate_is_what_goes_into_the_last_linear_map(toy: Toy) -> None:
    items = [torch.as_tensor(wave) for wave in toy.clean.waveforms[:5]]
    found = penultimate(LearnedPart(toy.model), items)
    assert found.shape == (5, 24)
    assert found == pytest.approx(torch.stack(items).double().numpy())
    assert penultimate(LearnedPart(Frames()), items) == pytest.approx(
        np.array([[float(item.mean())] for item in items]), abs=1e-6
    )
    with pytest.raises(ConfigError, match="no linear map"):
        penultimate(LearnedPart(nn.Identity()), items)


def test_the_original_remembers_and_the_model_is_left_alone(toy: Toy) -> None:
    forget = [torch.as_tensor(wave) for wave in toy.canaries.waveforms], toy.canaries.labels.numpy()
    public = [torch.as_tensor(wave) for wave in toy.clean.waveforms], toy.clean.labels.numpy()
    before = {name: tensor.clone() for name, tensor in toy.model.state_dict().items()}
    original, gold = (probed(model, forget, public, public[0][:20]) for model in (toy.model, toy.retrained))
    assert original.relearned > gold.relearned
    assert all(torch.equal(before[name], tensor) for name, tensor in toy.model.state_dict().items())
    assert original == probed(toy.model, forget, public, public[0][:20])


def test_items_fail_above_the_references_only() -> None:
    gold = [Probed(relearned=0.5 + 0.01 * k, emotion=0.6, membership=0.55 + 0.005 * k) for k in range(12)]
    original = Probed(relearned=1.0, emotion=1.0, membership=0.9)
    found = {item.test: item for item in probe_items(original, original, gold, recordings=30)}
    assert [found[test].passed for test in (RELEARNING, EMOTION_PROBE, MEMBERSHIP_PROBE)] == [False] * 3
    assert found[RELEARNING].failure == "under-forgotten"
    low = Probed(relearned=0.0, emotion=0.0, membership=0.5)
    assert all(item.passed for item in probe_items(original, low, gold, recordings=30))


def test_without_references_nothing_is_decided() -> None:
    one = Probed(relearned=0.5, emotion=0.5, membership=None)
    items = probe_items(one, one, [one] * 2, recordings=10)
    assert all(item.passed is None and not item.criterion for item in items)
    assert items[2].estimate is None
