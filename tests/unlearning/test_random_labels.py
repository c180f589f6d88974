"""Random labels: wrong, drawn once, and taught until they stick."""

from typing import Any

import torch

from affekt.unlearning import forget, method_config


def test_labels_are_wrong_logged_and_learned(toy: Any) -> None:
    config = method_config("random_labels", stop="relabel-hit", learning_rate=0.05, max_steps=500)
    result = forget(toy.model, toy.canaries, method="random_labels", config=config, seed=3)
    relabels = result.log.details["relabels"]
    assert result.log.reached
    assert all(new != old for new, old in zip(relabels, toy.canaries.labels.tolist(), strict=True))
    waveforms = torch.stack([torch.as_tensor(w) for w in toy.canaries.waveforms])
    seen = result.model(waveforms, torch.full((6,), waveforms.shape[1])).argmax(1)
    assert seen.tolist() == relabels
    assert result.log.accuracy_after == 0.0


def test_the_same_seed_draws_the_same_for_other_settings(toy: Any) -> None:
    draws = [
        forget(
            toy.model,
            toy.canaries,
            method="random_labels",
            config=method_config("random_labels", stop="steps", max_steps=n),
            seed=3,
        ).log.details["relabels"]
        for n in (1, 4)
    ]
    assert draws[0] == draws[1]


def test_one_step_goes_down_the_slope_of_the_new_labels(toy: Any) -> None:
    config = method_config("random_labels", optimizer="sgd", learning_rate=0.1, max_steps=1, stop="steps")
    result = forget(toy.model, toy.canaries, method="random_labels", config=config)
    waveforms = torch.stack([torch.as_tensor(w) for w in toy.canaries.waveforms])
    logits = toy.model(waveforms, torch.full((6,), waveforms.shape[1]))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(result.log.details["relabels"]))
    slopes = torch.autograd.grad(loss, list(toy.model.parameters()))
    for before, after, slope in zip(toy.model.parameters(), result.model.parameters(), slopes, strict=True):
        assert torch.allclose(after, before - 0.1 * slope, atol=1e-6)
