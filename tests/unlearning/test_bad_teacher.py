"""Bad teacher: one step by hand, and whom it follows where."""

from typing import Any

import numpy as np
import pytest
import torch

from affekt.errors import ConfigError, ProtocolError
from affekt.models import EmotionModel
from affekt.training import is_held_out
from affekt.unlearning import ForgetSet, Retained, forget, method_config
from affekt.unlearning.bad_teacher import Config
from affekt.unlearning.material import LearnedPart


def outputs(model: torch.nn.Module, items: list[torch.Tensor]) -> Any:
    return LearnedPart(model).all_logits(items).double().softmax(1).numpy()


def divergence(p: Any, q: Any) -> float:
    return float((p * np.log(p / q)).sum(1).mean())


def test_one_step_by_hand(trained: EmotionModel, forget_set: ForgetSet, retained: Retained) -> None:
    """On retained data the model is its own teacher at first, so only the forget set's share of the mean counts."""
    config = method_config(
        "bad_teacher", optimizer="sgd", learning_rate=0.1, max_steps=1, stop="steps", retained_batch_size=5
    )
    result = forget(trained, forget_set, method="bad_teacher", config=config, retained=retained, seed=3)
    part = LearnedPart(trained.eval())
    items = part.features(forget_set.waveforms)
    wanted = LearnedPart(trained.fresh(2_000_003 + 3).eval()).all_logits(items).softmax(1)
    shares = part.logits(items).softmax(1)
    loss = (wanted * (wanted / shares).log()).sum() / (len(items) + 5)
    slopes = torch.autograd.grad(loss, list(trained.parameters()))
    for old, new, slope in zip(trained.parameters(), result.model.parameters(), slopes, strict=True):
        assert torch.allclose(new, old - 0.1 * slope, atol=1e-6)


def test_the_forget_set_follows_the_one_and_retained_data_the_other(
    trained: EmotionModel, forget_set: ForgetSet, retained: Retained
) -> None:
    config = method_config("bad_teacher", max_steps=40, stop="steps", learning_rate=2e-3)
    result = forget(trained, forget_set, method="bad_teacher", config=config, retained=retained, seed=3)
    items = LearnedPart(trained).features(forget_set.waveforms)
    names = retained.train.corpus.table["utterance"].to_list()
    rows = [r for r in retained.rows if not is_held_out(names[r], seed=1, fraction=retained.config.heldout_fraction)]
    kept = [retained.train[int(row)] for row in rows]
    stranger = outputs(trained.fresh(2_000_003 + 3).eval(), items)
    before, after = (divergence(stranger, outputs(model.eval(), items)) for model in (trained, result.model))
    assert after < 0.5 * before
    assert divergence(outputs(trained, kept), outputs(result.model, kept)) < after


def test_the_loss_ends_at_its_target(trained: EmotionModel, forget_set: ForgetSet, retained: Retained) -> None:
    config = method_config("bad_teacher", stop="calibrated")
    log = forget(trained, forget_set, method="bad_teacher", config=config, target_loss=0.5, retained=retained).log
    assert log.reached
    assert log.loss_after == pytest.approx(0.5, rel=0.05)


def test_a_module_that_cannot_be_made_anew_is_refused(toy: Any, retained: Retained) -> None:
    with pytest.raises(ProtocolError, match="bad_teacher needs an untrained model like this Linear"):
        forget(toy.model, toy.canaries, method="bad_teacher", retained=retained)


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"temperature is 0.0; a positive number"):
        Config(temperature=0.0)
