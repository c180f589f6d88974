"""The default method: relabels drawn once, and what tau does in each reading."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning import ForgetSet, method_config
from affekt.unlearning import forget as any_forget
from affekt.unlearning.attack import AdversarialCopies

forget = partial(any_forget, method="forget_set_alone")


def run(toy: Any, *, seed: int = 0, cache: Any = None, **changes: Any) -> Any:
    changes = {"stop": "steps", "max_steps": 30, "learning_rate": 0.01, **changes}
    return forget(toy.model, toy.canaries, config=method_config("forget_set_alone", **changes), seed=seed, cache=cache)


def vector(model: torch.nn.Module) -> Tensor:
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach()


def moved(toy: Any, result: Any) -> Tensor:
    return vector(result.model) - vector(toy.model)


def test_relabels_are_drawn_once_and_logged(toy: Any) -> None:
    found = run(toy).log.details["relabels"]
    assert found == run(toy, max_steps=1).log.details["relabels"]
    assert all(new != old for new, old in zip(found, toy.canaries.labels.tolist(), strict=True))
    draws = {tuple(run(toy, seed=s, max_steps=1).log.details["relabels"]) for s in range(8)}
    assert len(draws) > 1


def test_the_forget_set_is_taught_its_relabels(toy: Any) -> None:
    result = run(toy, stop="relabel-hit", adversarial=False, elastic="none", max_steps=500, learning_rate=0.05)
    assert result.log.reached
    waveforms = torch.stack([torch.as_tensor(w) for w in toy.canaries.waveforms])
    seen = result.model(waveforms, torch.full((6,), waveforms.shape[1])).argmax(1)
    assert seen.tolist() == result.log.details["relabels"]


@pytest.mark.parametrize("tau", [1e-3, 1e-2])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_drift_no_weight_goes_further_than_tau(toy: Any, tau: float, optimizer: str) -> None:
    change = moved(toy, run(toy, clip="drift", tau=tau, optimizer=optimizer, learning_rate=0.05)).abs()
    assert float(change.max()) <= tau + 1e-6
    assert float(change.max()) >= 0.99 * tau  # and the limit was felt
    free = moved(toy, run(toy, clip="none", optimizer=optimizer, learning_rate=0.05)).abs()
    assert float(free.max()) > tau


def test_drift_holds_through_the_bisection(toy: Any) -> None:
    config = method_config(
        "forget_set_alone", clip="drift", tau=2.0, stop="calibrated", learning_rate=0.3, max_steps=400, elastic="none"
    )
    result = forget(toy.model, toy.canaries, config=config, target_loss=0.3)
    assert result.log.reached
    assert float(moved(toy, result).abs().max()) <= 2.0 + 1e-6


@pytest.mark.parametrize("steps", [1, 5])
def test_gradient_bounds_every_step(toy: Any, steps: int) -> None:
    """With momentum 0.9 the k-th step is at most rate * tau * (1 + 0.9 + ... + 0.9^(k-1))."""
    tau, rate = 0.05, 0.1
    change = moved(toy, run(toy, clip="gradient", tau=tau, optimizer="sgd", learning_rate=rate, max_steps=steps)).norm()
    limit = sum(rate * tau * (1 - 0.9**k) / 0.1 for k in range(1, steps + 1))
    assert float(change) <= limit * (1 + 1e-5)
    free = moved(toy, run(toy, clip="none", optimizer="sgd", learning_rate=rate, max_steps=steps)).norm()
    assert float(free) > limit
    if steps == 1:
        assert float(change) == pytest.approx(limit, rel=1e-4)


@pytest.mark.parametrize("tau", [0.003, 0.02])
@pytest.mark.parametrize("relative", [True, False])
def test_perturbation_is_the_radius_of_the_attack(toy: Any, tau: float, relative: bool) -> None:
    cache: dict[str, object] = {}
    run(toy, clip="perturbation", tau=tau, cache=cache, max_steps=1, attack={"relative": relative, "epsilon": 0.5})
    (copies,) = cache.values()
    assert isinstance(copies, AdversarialCopies)
    for clip, row in zip(copies.clips, copies.origin.tolist(), strict=True):
        clean = toy.canaries.waveforms[row]
        radius = tau * (np.sqrt(np.mean(clean**2)) / 0.1 if relative else 1.0)
        change = np.abs(clip.numpy() - clean).max()
        assert 0.9 * radius <= change <= radius + 1e-6


def test_importance_max_and_min_change_the_anchor_as_they_say(toy: Any) -> None:
    """All strengths lie in [0, 1]: at most 1 and at least 0 change nothing; at most 0 is no anchor."""
    heavy = {"elastic_weight": 5.0}
    plain = moved(toy, run(toy, clip="none", **heavy))
    for clip, tau in (("importance-max", 1.0), ("importance-min", 1e-12)):
        assert torch.equal(moved(toy, run(toy, clip=clip, tau=tau, **heavy)), plain)
    without = moved(toy, run(toy, clip="none", elastic="none", **heavy))
    assert torch.allclose(moved(toy, run(toy, clip="importance-max", tau=1e-9, **heavy)), without, atol=1e-4)
    full = moved(toy, run(toy, clip="importance-min", tau=1.0, **heavy))
    half = moved(toy, run(toy, clip="importance-max", tau=0.5, **heavy))
    assert float(full.norm()) < float(plain.norm()) < float(without.norm())
    assert float(plain.norm()) < float(half.norm()) < float(without.norm())


def test_the_loss_of_the_first_step_by_hand(affine: Any) -> None:
    """One SGD step on a model small enough for the gradient to be written down: no anchor is felt at the start."""
    model = affine()
    start = model.weight.detach().double().numpy().copy()
    clips = np.array([[0.3, -0.6], [0.5, 0.2]], np.float32)
    data = ForgetSet(tuple(clips), torch.tensor([0, 1]))
    cache: dict[str, object] = {}
    config = method_config(
        "forget_set_alone",
        optimizer="sgd",
        learning_rate=0.1,
        stop="steps",
        max_steps=1,
        attack={"copies": 3, "steps": 2},
    )
    result = forget(model, data, config=config, seed=2, cache=cache)
    (copies,) = cache.values()
    assert isinstance(copies, AdversarialCopies)

    adversarial = np.stack([clip.double().numpy() for clip in copies.clips])
    wanted = 2 / 8 * model.gradient(start, clips.astype(float), result.log.details["relabels"])
    wanted += 6 / 8 * model.gradient(start, adversarial, copies.labels.tolist())
    assert result.model.weight.detach().numpy() == pytest.approx(start - 0.1 * wanted, abs=1e-6)


def test_the_anchor_pulls_back(toy: Any) -> None:
    sizes = [float(moved(toy, run(toy, elastic_weight=w, clip="none")).norm()) for w in (0.0, 0.1, 1.0, 10.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < 0.9 * sizes[0]


@pytest.mark.parametrize("elastic", ["ewc", "mas", "mas-utterance", "none"])
def test_every_anchor_runs(toy: Any, elastic: str) -> None:
    result = run(toy, elastic=elastic, max_steps=3)
    assert ("importance_seconds" in result.log.details) == (elastic != "none")


def test_without_copies_none_are_made(toy: Any) -> None:
    cache: dict[str, object] = {}
    result = run(toy, adversarial=False, cache=cache, max_steps=3)
    assert not cache
    assert "attack_success" not in result.log.details


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clip": "weights"}, "unknown reading of tau 'weights'; drift, gradient, importance-max"),
        ({"tau": 0.0}, r"tau is 0\.0; a positive number was expected"),
        ({"tau": float("nan")}, "tau is nan"),
    ],
)
def test_impossible_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        method_config("forget_set_alone", **changes)
    method_config("forget_set_alone", clip="none", tau=0.0)
