"""Gradient ascent is a step up the gradient."""

from typing import Any

import pytest
import torch

from affekt.unlearning import forget, method_config


def test_one_step_goes_up_the_gradient(toy: Any) -> None:
    config = method_config("gradient_ascent", optimizer="sgd", learning_rate=0.1, max_steps=1, stop="steps")
    result = forget(toy.model, toy.canaries, method="gradient_ascent", config=config)
    waveforms = torch.stack([torch.as_tensor(w) for w in toy.canaries.waveforms])
    logits = toy.model(waveforms, torch.full((6,), waveforms.shape[1]))
    loss = torch.nn.functional.cross_entropy(logits, toy.canaries.labels)
    slopes = torch.autograd.grad(loss, list(toy.model.parameters()))
    for before, after, slope in zip(toy.model.parameters(), result.model.parameters(), slopes, strict=True):
        assert torch.allclose(after, before + 0.1 * slope, atol=1e-6)
    assert result.log.loss_after > result.log.loss_before


def test_small_batches_pass_over_the_whole_set(toy: Any) -> None:
    config = method_config("gradient_ascent", batch_size=2, max_steps=9, stop="steps", learning_rate=0.01)
    log = forget(toy.model, toy.canaries, method="gradient_ascent", config=config).log
    assert log.steps == 9
    assert log.trace[-1] == pytest.approx(log.loss_after)
    assert list(log.trace) == sorted(log.trace)
