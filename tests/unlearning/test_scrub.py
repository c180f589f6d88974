"""SCRUB: its steps by hand, and what the steps on the forget set do."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel, tensor_digest
from affekt.training import is_held_out
from affekt.unlearning import ForgetSet, Retained, forget, method_config
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.scrub import Config


def trained_rows(retained: Retained) -> list[int]:
    names = retained.train.corpus.table["utterance"].to_list()
    fraction = retained.config.heldout_fraction
    return [int(r) for r in retained.rows if not is_held_out(names[r], seed=retained.seed, fraction=fraction)]


def test_three_steps_by_hand(trained: EmotionModel, forget_set: ForgetSet, retained: Retained) -> None:
    """Whole sets as batches and plain descent with momentum: up the loss, keep to the teacher, away from it."""
    alpha, gamma, temperature, rate = 0.3, 0.7, 2.0, 0.02
    config = method_config(
        "scrub",
        alpha=alpha,
        gamma=gamma,
        temperature=temperature,
        optimizer="sgd",
        learning_rate=rate,
        max_steps=3,
        stop="steps",
        batch_size=1000,
        retained_batch_size=1000,
    )
    result = forget(trained, forget_set, method="scrub", config=config, retained=retained)
    student = copy.deepcopy(trained).eval()
    part, teacher = LearnedPart(student), LearnedPart(copy.deepcopy(trained).eval())
    forgotten = part.features(forget_set.waveforms)
    rows = trained_rows(retained)
    kept = [retained.train[row] for row in rows]
    kept_labels = torch.as_tensor(np.asarray(retained.train.corpus.labels())[rows])

    def apart(items: list[torch.Tensor]) -> torch.Tensor:
        with torch.no_grad():
            p = torch.softmax(teacher.logits(items) / temperature, 1)
        q = torch.softmax(part.logits(items) / temperature, 1)
        return temperature**2 * (p * (p / q).log()).sum() / len(items)

    def surprise(items: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        return -part.logits(items).softmax(1)[torch.arange(len(labels)), labels].log().mean()

    losses = (
        lambda: -surprise(forgotten, forget_set.labels),
        lambda: alpha * apart(kept) + gamma * surprise(kept, kept_labels),
        lambda: -apart(forgotten),
    )
    speed = [torch.zeros_like(parameter) for parameter in student.parameters()]
    for loss in losses:
        slopes = torch.autograd.grad(loss(), list(student.parameters()))
        speed = [0.9 * old + slope for old, slope in zip(speed, slopes, strict=True)]
        with torch.no_grad():
            for parameter, velocity in zip(student.parameters(), speed, strict=True):
                parameter -= rate * velocity
    assert tensor_digest(result.model) != tensor_digest(trained)
    for found, wanted, start in zip(result.model.parameters(), student.parameters(), trained.parameters(), strict=True):
        assert torch.allclose(found - start, wanted - start, rtol=1e-2, atol=2e-5)


def test_without_forget_steps_the_forget_set_has_no_say(
    trained: EmotionModel, forget_set: ForgetSet, retained: Retained
) -> None:
    config = method_config("scrub", forget_steps=0, max_steps=4, stop="steps")
    few = ForgetSet(forget_set.waveforms[:3], forget_set.labels[:3])
    runs = [forget(trained, s, method="scrub", config=config, retained=retained).model for s in (forget_set, few)]
    assert tensor_digest(runs[0]) == tensor_digest(runs[1]) != tensor_digest(trained)
    some = forget(trained, forget_set, method="scrub", config=replace(config, forget_steps=1), retained=retained)
    assert tensor_digest(some.model) != tensor_digest(runs[0])


def test_the_loss_ends_at_its_target(trained: EmotionModel, forget_set: ForgetSet, retained: Retained) -> None:
    config = method_config("scrub", stop="calibrated")
    log = forget(trained, forget_set, method="scrub", config=config, target_loss=0.5, retained=retained).log
    assert log.reached
    assert log.loss_after == pytest.approx(0.5, rel=0.05)


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"alpha is -1.0, gamma 1.0, temperature 4.0"):
        Config(alpha=-1.0)
    with pytest.raises(ConfigError, match=r"temperature 0.0"):
        Config(temperature=0.0)
