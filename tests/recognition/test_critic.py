"""Critics that learn, against the closed form of correlated Gaussians."""

import math

import numpy as np
import pytest
import torch

from affekt.errors import ConfigError, ShapeError
from affekt.losses import gaussian_information
from affekt.recognition.critic import Critic, class_information, pair_information
from affekt.types import FloatArray


def pairs(correlation: float, *, dimensions: int, count: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((count, dimensions))
    y = correlation * x + math.sqrt(1 - correlation**2) * generator.standard_normal((count, dimensions))
    return x.astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize("bound", ["info-nce", "mine"])
def test_low_information_is_found(bound: str) -> None:
    truth = gaussian_information(0.8, dimensions=1)  # 0.511
    x, y = pairs(0.8, dimensions=1, count=3000)
    found = pair_information(x, y, bound=bound, steps=200, learning_rate=1e-2)  # type: ignore[arg-type]
    assert 0.75 * truth < found.nats < truth + 0.05
    assert found.samples == 64 * (1500 // 64)


@pytest.mark.parametrize("bound", ["info-nce", "mine"])
def test_nothing_is_found_where_nothing_is(bound: str) -> None:
    x, y = pairs(0.0, dimensions=2, count=2000)
    found = pair_information(x, y, bound=bound, steps=100)  # type: ignore[arg-type]
    assert -0.1 < found.nats < 0.05


def test_much_information_is_not_more_than_log_b() -> None:
    x, y = pairs(0.95, dimensions=24, count=4000)
    found = pair_information(x, y, critic="bilinear", batch_size=16, steps=400, learning_rate=1e-2)
    assert gaussian_information(0.95, dimensions=24) > 4 * found.ceiling
    assert 0.85 * math.log(16) < found.nats <= found.ceiling == math.log(16)


def test_class_information_rises_with_the_distance_to_log_k() -> None:
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 4, 1200)
    noise = generator.standard_normal((1200, 4)).astype(np.float32)
    found = [
        class_information(noise + distance * np.eye(4, dtype=np.float32)[codes], codes, 4) for distance in (0, 2, 12)
    ]
    assert -0.1 < found[0].nats < 0.02
    assert 0.3 < found[1].nats < 1.1
    assert found[2].nats == pytest.approx(math.log(4), abs=0.05)
    assert all(each.nats <= each.ceiling <= math.log(4) for each in found)


def test_a_class_that_one_half_lacks_does_not_break_it() -> None:
    features = np.random.default_rng(0).standard_normal((6, 2)).astype(np.float32)
    found = class_information(features, np.array([0, 0, 0, 0, 0, 2]), 3)
    assert math.isfinite(found.nats)
    assert class_information(features, np.zeros(6, np.int64), 3).ceiling == 0.0


def test_same_seed_same_estimate_and_no_trace_in_the_global_state() -> None:
    x, y = pairs(0.6, dimensions=2, count=200)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = pair_information(x, y, steps=20, seed=1)
    assert torch.equal(torch.rand(1), expected)
    assert pair_information(x, y, steps=20, seed=1) == first
    assert pair_information(x, y, steps=20, seed=2) != first


def test_every_first_is_scored_with_every_second() -> None:
    x, y = torch.randn(3, 4), torch.randn(5, 2)
    for kind in ("bilinear", "mlp"):
        critic = Critic(4, 2, kind=kind)  # type: ignore[arg-type]
        scores = critic(x, y)
        assert scores.shape == (3, 5)
        assert torch.allclose(critic(x[1:2], y[4:5]), scores[1, 4], atol=1e-6)


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown critic 'deep'; bilinear or mlp"):
        Critic(2, 2, kind="deep")  # type: ignore[arg-type]
    x, y = pairs(0.5, dimensions=1, count=8)
    with pytest.raises(ConfigError, match="unknown bound 'nwj'; info-nce or mine"):
        pair_information(x, y, bound="nwj")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"pairs are \(8, 1\) and \(4, 1\)"):
        pair_information(x, y[:4])
    with pytest.raises(ShapeError, match=r"features \(8, 1\) do not fit codes \(3,\)"):
        class_information(x, np.zeros(3, np.int64), 2)
