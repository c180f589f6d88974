"""Just in time: one step by hand, and smoother outputs."""

from typing import Any

import numpy as np
import pytest
import torch

from affekt.errors import ConfigError
from affekt.unlearning import forget, method_config
from affekt.unlearning.jit import Config


def by_hand(toy: Any, *, copies: int, noise: float, seed: int, pull_copies: bool) -> Any:
    """Gradient of the mean of |W x - W x'| / |x' - x| over recordings and copies, for a linear model."""
    clean = np.stack(toy.canaries.waveforms).astype(np.float64)
    matrix = toy.model.head.weight.detach().double().numpy()
    generator = torch.Generator().manual_seed(seed + 1)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed)).tolist()
    slope, offset = np.zeros_like(matrix), np.zeros(len(matrix))
    for _ in range(copies):
        for row in order:
            drawn = torch.randn(clean.shape[1], generator=generator).double().numpy()
            spread = clean[row].std(ddof=1)
            noisy = np.clip(clean[row] + noise * spread * drawn, clean.min(), clean.max())
            change = matrix @ (clean[row] - noisy)
            unit = change / np.linalg.norm(change) / np.linalg.norm(noisy - clean[row])
            slope += np.outer(unit, clean[row] - noisy if pull_copies else clean[row])
            offset += 0.0 if pull_copies else unit
    return slope / (6 * copies), offset / (6 * copies)


@pytest.mark.parametrize("pull_copies", [False, True])
def test_one_step_by_hand(toy: Any, pull_copies: bool) -> None:
    config = method_config(
        "jit",
        copies=3,
        noise=0.4,
        pull_copies=pull_copies,
        optimizer="sgd",
        learning_rate=0.5,
        max_steps=1,
        stop="steps",
    )
    result = forget(toy.model, toy.canaries, method="jit", config=config, seed=4)
    slope, offset = by_hand(toy, copies=3, noise=0.4, seed=4, pull_copies=pull_copies)
    moved = (result.model.head.weight - toy.model.head.weight).detach().double().numpy()
    shifted = (result.model.head.bias - toy.model.head.bias).detach().double().numpy()
    assert np.abs(slope).max() > 0.01
    assert moved == pytest.approx(-0.5 * slope, abs=1e-5)
    assert shifted == pytest.approx(-0.5 * offset, abs=1e-5)


def test_outputs_become_smoother(toy: Any) -> None:
    """With both ends pulled, a linear model's largest gain falls."""
    config = method_config("jit", pull_copies=True, max_steps=40, stop="steps", learning_rate=0.01)
    result = forget(toy.model, toy.canaries, method="jit", config=config)
    before, after = (torch.linalg.matrix_norm(m.head.weight.detach(), 2) for m in (toy.model, result.model))
    assert after < 0.98 * before


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"noise is 0.0 and copies 5"):
        Config(noise=0.0)
