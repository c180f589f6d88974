"""L2UL: up on the forget set, down on the copies, in the ratio of the half-batches."""

from typing import Any

import numpy as np
import pytest
import torch

from affekt.unlearning import ForgetSet, forget, method_config
from affekt.unlearning.attack import AdversarialCopies


def test_the_first_step_by_hand(affine: Any) -> None:
    model = affine()
    start = model.weight.detach().double().numpy().copy()
    clips = np.array([[0.3, -0.6], [0.5, 0.2]], np.float32)
    labels = [0, 1]
    cache: dict[str, object] = {}
    config = method_config(
        "l2ul", optimizer="sgd", learning_rate=0.1, stop="steps", max_steps=1, attack={"copies": 3, "steps": 2}
    )
    result = forget(
        model, ForgetSet(tuple(clips), torch.tensor(labels)), method="l2ul", config=config, seed=2, cache=cache
    )
    (copies,) = cache.values()
    assert isinstance(copies, AdversarialCopies)

    adversarial = np.stack([clip.double().numpy() for clip in copies.clips])
    wanted = -2 / 8 * model.gradient(start, clips.astype(float), labels)
    wanted += 6 / 8 * model.gradient(start, adversarial, copies.labels.tolist())
    assert result.model.weight.detach().numpy() == pytest.approx(start - 0.1 * wanted, abs=1e-6)


def test_nothing_is_relabelled_and_the_ball_is_l2(affine: Any) -> None:
    config = method_config("l2ul", stop="steps", max_steps=1)
    assert config.attack.norm == "l2"
    data = ForgetSet((np.array([0.3, -0.6], np.float32),), torch.tensor([0]))
    assert "relabels" not in forget(affine(), data, method="l2ul", config=config).log.details
