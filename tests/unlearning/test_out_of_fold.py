"""Out-of-fold distillation: it comes closer to models that never heard the recordings, and says when it cannot."""

import pytest
import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.training import TrainReport
from affekt.unlearning import ForgetSet, forget, method_config
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.out_of_fold import Config, teacher_probabilities


def divergence(model: torch.nn.Module, forget_set: ForgetSet, teachers: torch.Tensor) -> float:
    part = LearnedPart(model)
    found = part.all_logits(part.features(forget_set.waveforms)).log_softmax(1)
    return float((teachers * (teachers.log() - found)).sum(1).mean())


@pytest.mark.parametrize("natural", [True, False])
@pytest.mark.parametrize("scope", ["utterances", "speaker"])
def test_outputs_become_those_of_the_teachers(
    scope: str, natural: bool, ready: EmotionModel, forget_set: ForgetSet
) -> None:
    config = method_config("out_of_fold", natural=natural, tolerance=0.001)
    result = forget(ready, forget_set, method="out_of_fold", config=config, scope=scope)  # type: ignore[arg-type]
    assert ready.erasure is not None
    assert ready.erasure.statistics is not None
    names = [ready.erasure.commitment(waveform) for waveform in forget_set.waveforms]
    logits = ready.erasure.statistics.teachers(names, "across" if scope == "speaker" else "within")
    assert logits is not None
    teachers = logits.softmax(2).mean(1)
    before = divergence(ready, forget_set, teachers)
    after = divergence(result.model, forget_set, teachers)
    assert after == pytest.approx(result.log.details["divergence_after"], abs=1e-5)  # type: ignore[index]
    assert before == pytest.approx(result.log.details["divergence_before"], abs=1e-5)  # type: ignore[index]
    assert after < before / 2
    assert result.log.reached == (after <= 0.001)


def test_others_keep_what_they_had(ready: EmotionModel, ready_report: TrainReport, forget_set: ForgetSet) -> None:
    """The natural gradient changes the rest less than the plain one, for the same change on the forget set."""
    other = ForgetSet(tuple(0.8 * waveform[::-1].copy() for waveform in forget_set.waveforms), forget_set.labels)
    moved = {}
    for natural in (True, False):
        config = method_config("out_of_fold", natural=natural, tolerance=0.002)
        result = forget(ready, forget_set, method="out_of_fold", config=config, scope="speaker")
        assert result.log.reached
        part, before = LearnedPart(result.model), LearnedPart(ready)
        items = part.features(other.waveforms)
        moved[natural] = float((part.all_logits(items) - before.all_logits(items)).square().mean())
    assert moved[True] < 2.0 * moved[False]


def test_teachers_are_averaged_or_drawn() -> None:
    logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [1.0, 0.0]]])
    labels = torch.tensor([0, 1])
    mean = teacher_probabilities(logits, labels, Config(teachers="probabilities"), seed=0)
    assert mean[0].tolist() == pytest.approx([0.5, 0.5])
    drawn = {
        tuple(teacher_probabilities(logits, labels, Config(teachers="drawn"), seed=seed)[0].tolist())
        for seed in range(20)
    }
    assert sorted(drawn) == [pytest.approx(logits[0, k].softmax(0).tolist()) for k in (1, 0)]
    hot = teacher_probabilities(logits, labels, Config(temperature=2.0), seed=0)
    assert hot[1].tolist() == pytest.approx(torch.tensor([0.5, 0.0]).softmax(0).tolist())


def test_teachers_agree_on_logits_or_on_the_loss() -> None:
    logits = torch.tensor([[[3.0, 0.0, 1.0], [-1.0, 0.0, 2.0]]])
    labels = torch.tensor([0])
    found = teacher_probabilities(logits, labels, Config(teachers="logits"), seed=0)
    assert found[0].tolist() == pytest.approx(torch.tensor([1.0, 0.0, 1.5]).softmax(0).tolist())
    found = teacher_probabilities(logits, labels, Config(teachers="losses"), seed=0)
    mean = logits.softmax(2)[0].mean(0)
    losses = [-float(logits[0, k].log_softmax(0)[0]) for k in (0, 1)]
    assert -float(found[0, 0].log()) == pytest.approx(sum(losses) / 2, rel=1e-6)
    assert float(found[0, 1] / found[0, 2]) == pytest.approx(float(mean[1] / mean[2]), rel=1e-5)
    assert float(found.sum()) == pytest.approx(1.0)
    one = logits[:, :1]  # a single teacher is itself, whatever the rule
    for rule in ("probabilities", "logits", "losses", "drawn"):
        found = teacher_probabilities(one, labels, Config(teachers=rule), seed=0)
        assert found[0].tolist() == pytest.approx(one[0, 0].softmax(0).tolist())


def test_learning_from_steps_saves_steps(ready: EmotionModel, forget_set: ForgetSet) -> None:
    """With L-BFGS the same divergence is reached in fewer steps."""
    steps = {}
    for history in (0, 10):
        config = method_config("out_of_fold", history=history, tolerance=1e-3, max_steps=200)
        result = forget(ready, forget_set, method="out_of_fold", config=config, scope="speaker")
        assert result.log.reached
        steps[history] = result.log.steps
    assert steps[10] <= steps[0]


def test_a_model_without_statistics_is_refused(trained: EmotionModel, forget_set: ForgetSet) -> None:
    with pytest.raises(ConfigError, match="a model trained with --erasure-ready on them was expected"):
        forget(trained, forget_set, method="out_of_fold")


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="trust is 0; a positive number was expected"):
        Config(trust=0)
    with pytest.raises(ConfigError, match="max_steps is 0"):
        Config(max_steps=0)
    with pytest.raises(ConfigError, match="history is -1"):
        Config(history=-1)
    with pytest.raises(ConfigError, match="teachers is 'all'; one of probabilities, logits, losses, drawn"):
        Config(teachers="all")  # type: ignore[arg-type]
