"""NegMerge subtracts what all copies agree on."""

from typing import Any

import numpy as np
import pytest
import torch

from affekt.errors import ConfigError
from affekt.unlearning import forget, method_config
from affekt.unlearning.negmerge import Config, consensus


def test_the_consensus_is_the_mean_where_all_signs_agree() -> None:
    changes = [
        {"w": torch.tensor([[1.0, -2.0], [0.5, 0.0]]), "b": torch.tensor([-1.0, 1e-30])},
        {"w": torch.tensor([[3.0, -4.0], [-0.5, 1.0]]), "b": torch.tensor([-3.0, 3e-30])},
    ]
    merged, kept = consensus(changes)
    assert merged["w"].tolist() == [[2.0, -3.0], [0.0, 0.0]]
    assert merged["b"].tolist() == [-2.0, pytest.approx(2e-30)]
    assert kept == pytest.approx(4 / 6)


def test_learning_rates_are_even_in_the_logarithm() -> None:
    rates = Config(learning_rate=1e-3, copies=5, spread=16.0).learning_rates()
    assert rates == pytest.approx([2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3])
    assert Config(learning_rate=1e-3, copies=1).learning_rates() == [1e-3]


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()]).double()


def test_one_copy_and_one_step_is_gradient_ascent(toy: Any) -> None:
    """Plain descent by one step, negated, goes up the gradient."""
    config = method_config("negmerge", copies=1, tuning_steps=1, optimizer="sgd", learning_rate=10.0, stop="calibrated")
    result = forget(toy.model, toy.canaries, method="negmerge", config=config, target_loss=0.5)
    waveforms = np.stack(toy.canaries.waveforms).astype(np.float64)  # (6, D)
    matrix, bias = (parameter.detach().double().numpy() for parameter in toy.model.parameters())
    logits = waveforms @ matrix.T + bias
    wrong = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wrong[np.arange(6), toy.canaries.labels.numpy()] -= 1.0  # d loss / d logits
    slope = np.concatenate([(wrong.T @ waveforms).ravel(), wrong.sum(0)]) / 6
    way = (weights(result.model) - weights(toy.model)).numpy()
    assert result.log.details is not None
    assert way == pytest.approx(result.log.details["length"] * 10.0 * slope, rel=1e-3, abs=1e-4)
    assert result.log.loss_after == pytest.approx(0.5, abs=1e-3)


def test_higher_targets_lie_farther_along_one_line(toy: Any) -> None:
    ways = []
    for target in (0.5, 1.0, 2.0):
        config = method_config("negmerge", stop="calibrated")
        result = forget(toy.model, toy.canaries, method="negmerge", config=config, target_loss=target)
        assert result.log.reached
        ways.append(weights(result.model) - weights(toy.model))
    assert ways[0].norm() < ways[1].norm() < ways[2].norm()
    for way in ways[1:]:
        assert torch.nn.functional.cosine_similarity(ways[0], way, dim=0).item() == pytest.approx(1.0, abs=1e-4)


def test_nothing_is_tuned_when_there_is_nothing_to_do(toy: Any) -> None:
    config = method_config("negmerge", stop="calibrated")
    result = forget(toy.model, toy.canaries, method="negmerge", config=config, target_loss=0.01)
    assert result.log.stopped.startswith("nothing was done")
    assert result.log.reached
    assert torch.equal(weights(result.model), weights(toy.model))


def test_without_room_the_log_says_so(toy: Any) -> None:
    config = method_config("negmerge", stop="calibrated", max_steps=2, learning_rate=1e-6)
    result = forget(toy.model, toy.canaries, method="negmerge", config=config, target_loss=2.0)
    assert not result.log.reached
    assert result.log.stopped == "the limit of 2 lengths was reached first"
    assert toy.losses(result.model, toy.canaries)[0] == pytest.approx(result.log.loss_after, abs=1e-5)


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="copies is 0, tuning_steps 10"):
        Config(copies=0)
    with pytest.raises(ConfigError, match="relabel-hit needs a method that relabels"):
        Config(stop="relabel-hit")
