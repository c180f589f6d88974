"""Selective synaptic dampening: importances by hand, factors by hand, and the target."""

import copy
from typing import Any

import pytest
import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.models.curvature import collect_curvature
from affekt.unlearning import ForgetSet, forget, method_config
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.ssd import Config, dampening_factors, diagonal_importance


def mean_loss(model: torch.nn.Module, forget_set: ForgetSet) -> float:
    part = LearnedPart(model)
    logits = part.all_logits(part.features(forget_set.waveforms)).double()
    return float(torch.nn.functional.cross_entropy(logits, forget_set.labels))


def test_importance_of_one_recording_is_the_expected_squared_gradient(toy: Any) -> None:
    """For one recording and a linear model the Kronecker product is no approximation."""
    waveform = torch.as_tensor(toy.canaries.waveforms[0])[None]
    lengths = torch.tensor([waveform.shape[1]])
    found = diagonal_importance(collect_curvature(toy.model, toy.model, [(waveform, lengths)]), toy.model)
    wanted = {name: torch.zeros_like(parameter) for name, parameter in toy.model.named_parameters()}
    probabilities = toy.model(waveform, lengths).softmax(1)[0].detach()
    for k in range(3):
        toy.model.zero_grad()
        torch.nn.functional.cross_entropy(toy.model(waveform, lengths), torch.tensor([k])).backward()
        for name, parameter in toy.model.named_parameters():
            assert parameter.grad is not None
            wanted[name] += probabilities[k] * parameter.grad.square()
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert value.max() > 0
        assert torch.allclose(found[name], value, rtol=1e-4, atol=1e-10)


@pytest.mark.parametrize(
    ("alpha", "dampening", "factors"),
    [
        (10.0, 1.0, [1.0, 1.0, 0.05, 0.0, 1.0]),
        (4.0, 1.0, [0.2, 0.1, 0.05, 0.0, 1.0]),
        (4.0, 8.0, [1.0, 0.8, 0.4, 0.0, 1.0]),
    ],
)
def test_factors_by_hand(alpha: float, dampening: float, factors: list[float]) -> None:
    whole = {"w": torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])}
    own = {"w": torch.tensor([5.0, 10.0, 20.0, 1.0, 0.0])}
    found = dampening_factors(whole, own, alpha=alpha, dampening=dampening)
    assert found["w"].tolist() == pytest.approx(factors)


@pytest.mark.parametrize("target", ["teachers", "gap"])
def test_the_loss_ends_at_its_target(target: str, ready: EmotionModel, forget_set: ForgetSet) -> None:
    saved = ready.erasure
    assert saved is not None
    assert saved.statistics is not None
    if target == "teachers":
        names = [saved.commitment(waveform) for waveform in forget_set.waveforms]
        logits = saved.statistics.teachers(names, "within")
        assert logits is not None
        losses = [
            float(torch.nn.functional.cross_entropy(logits[:, repeat].double(), forget_set.labels))
            for repeat in range(logits.shape[1])
        ]
        wanted, scope = sum(losses) / len(losses), "utterances"
    else:
        assert saved.across is not None
        assert saved.trained is not None
        wanted, scope = mean_loss(ready, forget_set) + saved.across.loss - saved.trained.loss, "speaker"
    assert mean_loss(ready, forget_set) < wanted
    config = method_config("ssd", target=target)
    result = forget(ready, forget_set, method="ssd", config=config, scope=scope)  # type: ignore[arg-type]
    assert result.log.reached
    assert result.log.target_loss == pytest.approx(wanted, abs=1e-6)
    assert mean_loss(result.model, forget_set) == pytest.approx(wanted, rel=0.01)


def test_weights_only_shrink_and_as_many_as_the_log_says(ready: EmotionModel, forget_set: ForgetSet) -> None:
    shares = []
    for alpha in (1.0, 5.0, 50.0):
        config = method_config("ssd", target="published", alpha=alpha)
        result = forget(ready, forget_set, method="ssd", config=config)
        changed = total = 0
        for old, new in zip(ready.parameters(), result.model.parameters(), strict=True):
            assert bool((new.abs() <= old.abs()).all())
            assert bool((new * old >= 0).all())
            smaller = new.abs() < old.abs()
            assert bool((new.abs()[smaller] <= old.abs()[smaller] / alpha * (1 + 1e-5)).all())
            changed, total = changed + int(smaller.sum()), total + old.numel()
        assert result.log.details is not None
        share = result.log.details["dampened_share"]
        assert 0 <= share - changed / total < 0.02  # a weight of 0 stays 0
        shares.append(share)
    assert 1 > shares[0] > shares[1] > shares[2] > 0


def test_what_matters_to_nobody_else_goes_first(ready: EmotionModel, forget_set: ForgetSet) -> None:
    """A lower target leaves a set of dampened weights that the higher target's contains."""
    few, many = (
        forget(ready, forget_set, method="ssd", config=method_config("ssd", target="published", alpha=a, dampening=a))
        for a in (8.0, 2.0)
    )
    for old, less, more in zip(ready.parameters(), few.model.parameters(), many.model.parameters(), strict=True):
        assert bool((more.abs() <= less.abs() * (1 + 1e-6)).all())
        assert bool(((less == old) | (more != old) | (old == 0)).all())


def test_a_model_without_curvature_is_refused(trained: EmotionModel, forget_set: ForgetSet) -> None:
    with pytest.raises(ConfigError, match="ssd needs the curvature that erasure-ready training saves"):
        forget(trained, forget_set, method="ssd")


def test_a_model_with_nothing_to_aim_at_is_refused(ready: EmotionModel, forget_set: ForgetSet) -> None:
    from dataclasses import replace

    bare = copy.deepcopy(ready)
    assert bare.erasure is not None
    bare.erasure = replace(bare.erasure, within=None, across=None, trained=None)
    with pytest.raises(ConfigError, match="ssd needs a loss to aim at"):
        forget(bare, forget_set, method="ssd", config=method_config("ssd", target="gap"))
    result = forget(bare, forget_set, method="ssd", config=method_config("ssd", target="gap"), target_loss=0.5)
    assert result.log.loss_after == pytest.approx(0.5, rel=0.01)


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"target is 'x'; teachers, gap or published"):
        Config(target="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"alpha is 0.0, dampening 1.0"):
        Config(alpha=0.0)
