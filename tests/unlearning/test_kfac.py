"""K-FAC ascent: it ends at its target, along one direction."""

from dataclasses import replace

import pytest
import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.unlearning import ForgetSet, forget, method_config
from affekt.unlearning.kfac import Config
from affekt.unlearning.material import LearnedPart


def mean_loss(model: torch.nn.Module, forget_set: ForgetSet) -> float:
    part = LearnedPart(model)
    logits = part.all_logits(part.features(forget_set.waveforms)).double()
    return float(torch.nn.functional.cross_entropy(logits, forget_set.labels))


@pytest.mark.parametrize("target", ["teachers", "gap"])
def test_the_loss_ends_at_its_target(target: str, ready: EmotionModel, forget_set: ForgetSet) -> None:
    result = forget(ready, forget_set, method="kfac", config=method_config("kfac", target=target), scope="speaker")
    assert ready.erasure is not None
    assert ready.erasure.statistics is not None
    if target == "teachers":
        names = [ready.erasure.commitment(waveform) for waveform in forget_set.waveforms]
        logits = ready.erasure.statistics.teachers(names, "across")
        assert logits is not None
        losses = [
            float(torch.nn.functional.cross_entropy(logits[:, repeat].double(), forget_set.labels))
            for repeat in range(logits.shape[1])
        ]
        wanted = sum(losses) / len(losses)
    else:
        assert ready.erasure.across is not None
        assert ready.erasure.trained is not None
        wanted = mean_loss(ready, forget_set) + ready.erasure.across.loss - ready.erasure.trained.loss
    assert result.log.target_loss == pytest.approx(wanted, abs=1e-6)
    if mean_loss(ready, forget_set) < wanted:
        assert mean_loss(result.model, forget_set) == pytest.approx(wanted, rel=0.01)
        assert result.log.reached


def test_the_way_is_straight(ready: EmotionModel, forget_set: ForgetSet) -> None:
    """Lower and higher targets give weights on one line through the original's."""
    names = [name for name, _ in ready.named_parameters()]
    start = torch.cat([parameter.flatten() for parameter in ready.parameters()]).double()
    loss = mean_loss(ready, forget_set)
    ways = []
    for target in (loss + 0.1, loss + 0.5):
        saved = ready.erasure
        assert saved is not None
        assert saved.within is not None
        assert saved.trained is not None
        ready.erasure = replace(saved, within=replace(saved.trained, loss=saved.trained.loss + target - loss))
        result = forget(ready, forget_set, method="kfac", config=method_config("kfac", target="gap"))
        ready.erasure = saved
        weights = dict(result.model.named_parameters())
        ways.append(torch.cat([weights[name].flatten() for name in names]).double() - start)
    assert ways[1].norm() > ways[0].norm() > 0
    cosine = torch.nn.functional.cosine_similarity(ways[0], ways[1], dim=0)
    assert cosine.item() == pytest.approx(1.0, abs=1e-3)


def test_a_model_without_curvature_is_refused(trained: EmotionModel, forget_set: ForgetSet) -> None:
    with pytest.raises(ConfigError, match="kfac needs the curvature that erasure-ready training saves"):
        forget(trained, forget_set, method="kfac")


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="target is 'x'; teachers or gap"):
        Config(target="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="growth 1"):
        Config(growth=1.0)
