"""SalUn: which weights may change, and that no others do."""

import numpy as np
import pytest
import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel, tensor_digest
from affekt.unlearning import ForgetSet, Retained, forget, method_config
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.salun import Config, largest


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_largest_are_chosen_over_all_tensors(share: float) -> None:
    generator = torch.Generator().manual_seed(3)
    values = {
        "small": 1e-3 * torch.randn(4, 5, generator=generator),
        "large": torch.randn(20, generator=generator),
    }
    masks = largest(values, share)
    sizes = np.abs(np.concatenate([value.numpy().ravel() for value in values.values()]))
    wanted = np.zeros(40, dtype=bool)
    wanted[np.argsort(sizes)[40 - round(share * 40) :]] = True
    assert np.concatenate([mask.numpy().ravel() for mask in masks.values()]).tolist() == wanted.tolist()
    assert masks["small"].shape == (4, 5)


def test_only_the_salient_half_changes(trained: EmotionModel, forget_set: ForgetSet, retained: Retained) -> None:
    config = method_config("salun", max_steps=3, stop="steps")
    result = forget(trained, forget_set, method="salun", config=config, retained=retained)
    part = LearnedPart(trained.eval())
    logits = part.logits(part.features(forget_set.waveforms))
    loss = torch.nn.functional.cross_entropy(logits, forget_set.labels)
    slopes = torch.cat([slope.flatten() for slope in torch.autograd.grad(loss, list(trained.parameters()))]).abs()
    before, after = (torch.cat([p.detach().flatten() for p in model.parameters()]) for model in (trained, result.model))
    moved = before != after
    middle = slopes.median()
    assert bool((slopes[moved] >= middle * (1 - 1e-4)).all())
    assert 0.45 < float(moved.double().mean()) <= 0.5001


def test_with_every_weight_it_is_random_labels_with_retained_data(
    trained: EmotionModel, forget_set: ForgetSet, retained: Retained
) -> None:
    runs = [
        forget(
            trained,
            forget_set,
            method=name,
            config=method_config(name, max_steps=3, stop="steps", learning_rate=1e-3, **extra),
            seed=2,
            retained=retained,
        )
        for name, extra in (("salun", {"share": 1.0}), ("random_labels_retained", {}), ("salun", {}))
    ]
    digests = [tensor_digest(run.model) for run in runs]
    assert digests[0] == digests[1] != digests[2]


def test_the_loss_ends_at_its_target_by_the_salient_weights(
    trained: EmotionModel, forget_set: ForgetSet, retained: Retained
) -> None:
    config = method_config("salun", stop="calibrated", share=0.2, learning_rate=2e-3)
    result = forget(trained, forget_set, method="salun", config=config, target_loss=0.5, retained=retained)
    assert result.log.reached
    assert result.log.loss_after == pytest.approx(0.5, rel=0.05)
    moved = [(a != b).sum() for a, b in zip(trained.parameters(), result.model.parameters(), strict=True)]
    assert sum(map(int, moved)) <= 0.2 * sum(p.numel() for p in trained.parameters()) + 1


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"share is 0.0; a number above 0"):
        Config(share=0.0)
