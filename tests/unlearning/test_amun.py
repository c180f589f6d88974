"""AMUN trains on the nearest adversarial copies, not on the recordings."""

from typing import Any

import pytest
import torch

from affekt.unlearning import forget, method_config
from affekt.unlearning.attack import nearest_copies


def test_one_step_goes_down_the_slope_of_the_copies(toy: Any) -> None:
    config = method_config(
        "amun", optimizer="sgd", learning_rate=0.1, max_steps=1, stop="steps", attack={"epsilon": 0.02}
    )
    result = forget(toy.model, toy.canaries, method="amun", config=config, seed=0)
    copies = nearest_copies(toy.model, toy.canaries, config=config.attack, seed=0)
    waveforms = torch.stack(list(copies.clips))
    logits = toy.model(waveforms, torch.full((6,), waveforms.shape[1]))
    slopes = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, copies.labels), list(toy.model.parameters()))
    for before, after, slope in zip(toy.model.parameters(), result.model.parameters(), slopes, strict=True):
        assert torch.allclose(after, before - 0.1 * slope, atol=1e-6)
    assert result.log.details["attack_success"] == copies.success == 1.0
    assert result.log.details["attack_snr_db"] == pytest.approx(copies.snr_db)
