"""The door: what is refused, what is handed over, what is noted afterwards."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.errors import ConfigError, DataError
from affekt.models import EmotionModel, ErasureRecord, MeanLoss, tensor_digest
from affekt.unlearning import METHODS, ForgetSet, forget, method_config, saved_target
from affekt.unlearning.harness import saved_gap


def quick(**changes: Any) -> Any:
    return method_config("gradient_ascent", **{"max_steps": 2, "stop": "steps", **changes})


def ascend(model: torch.nn.Module, data: Any, **others: Any) -> Any:
    return forget(model, data, method="gradient_ascent", **{"config": quick(), **others})


def record(within: float | None = 0.6, across: float | None = 1.4, trained: float | None = 0.1) -> ErasureRecord:
    losses = {
        name: None if value is None else MeanLoss(loss=value, accuracy=0.5, utterances=9)
        for name, value in (("within", within), ("across", across), ("trained", trained))
    }
    return ErasureRecord(**losses)


def test_a_corpus_is_read_as_a_forget_set(
    trained: EmotionModel, tone_split: Split, forget_rows: list[int], forget_set: ForgetSet
) -> None:
    corpus = tone_split.train.select(forget_rows)
    by_corpus, by_set = ascend(trained, corpus), ascend(trained, forget_set)
    assert tensor_digest(by_corpus.model) == tensor_digest(by_set.model)
    assert by_corpus.utterances == len(forget_rows)


@pytest.mark.parametrize("scope", ["utterances", "speaker"])
def test_the_scope_decides_the_target(trained: EmotionModel, forget_set: ForgetSet, scope: Any) -> None:
    trained.erasure = record()
    wanted = {"utterances": 0.6, "speaker": 1.4}[scope]
    assert saved_target(trained, scope) == wanted
    assert saved_gap(trained, scope) == pytest.approx(wanted - 0.1)
    config = quick(stop="calibrated", learning_rate=1e-3, max_steps=300)
    result = ascend(trained, forget_set, scope=scope, config=config)
    assert result.log.target_loss == wanted
    assert wanted <= result.log.loss_after < wanted + 0.05
    assert result.scope == scope
    config = quick(stop="gap", learning_rate=1e-3, max_steps=300)
    result = ascend(trained, forget_set, scope=scope, config=config)
    assert result.log.target_loss == pytest.approx(result.log.loss_before + wanted - 0.1)
    assert result.log.reached


def test_the_target_that_is_asked_for_wins(trained: EmotionModel, forget_set: ForgetSet) -> None:
    trained.erasure = record()
    for config in (None, quick(stop="calibrated", max_steps=300)):
        result = ascend(trained, forget_set, target_loss=0.3, config=config)
        assert result.log.target_loss == 0.3
        assert 0.3 <= result.log.loss_after < 0.33


def test_without_saved_losses_there_is_no_target(trained: EmotionModel, forget_set: ForgetSet) -> None:
    for erasure in (None, record(within=None), ErasureRecord()):
        trained.erasure = erasure
        assert saved_target(trained, "utterances") is None
        assert saved_gap(trained, "utterances") is None
        for stop in ("calibrated", "gap"):
            with pytest.raises(ConfigError, match=rf"the stop rule {stop} needs the loss of held-out recordings"):
                ascend(trained, forget_set, config=quick(stop=stop))
    trained.erasure = record(trained=None)
    assert saved_gap(trained, "speaker") is None


def test_any_module_with_a_target(toy: Any) -> None:
    with pytest.raises(ConfigError, match="needs the loss of held-out recordings"):
        forget(toy.model, toy.canaries, method="gradient_ascent")
    result = forget(toy.model, toy.canaries, method="gradient_ascent", target_loss=0.102)
    assert result.log.reached
    assert result.log.loss_after == pytest.approx(0.102, abs=0.001)


def test_the_deletion_is_noted(trained: EmotionModel, forget_set: ForgetSet, tmp_path: Path) -> None:
    before = trained.erasure
    assert before is not None
    assert {before.side(w) for w in forget_set.waveforms} == {"train"}
    once = ascend(trained, ForgetSet(forget_set.waveforms[:4], forget_set.labels[:4]), scope="speaker")
    after = once.model.erasure
    assert {after.side(w) for w in forget_set.waveforms[:4]} == {None}
    assert {after.side(w) for w in forget_set.waveforms[4:]} == {"train"}
    assert sum(map(len, after.commitments.values())) == sum(map(len, before.commitments.values())) - 4
    assert (after.key, after.within, after.across) == (before.key, before.within, before.across)
    twice = ascend(once.model, ForgetSet(forget_set.waveforms[4:], forget_set.labels[4:]))
    assert [entry["event"] for entry in twice.model.config.history] == ["training", "deletion", "deletion"]
    entry = twice.model.config.history[1]
    assert entry == {
        "event": "deletion",
        "method": "gradient_ascent",
        "scope": "speaker",
        "utterances": 4,
        "stopped": "all steps were made",
    }
    path = twice.model.save_pretrained(tmp_path / "model")
    found = EmotionModel.from_pretrained(path)
    assert found.config.history == twice.model.config.history
    assert found.erasure == twice.model.erasure
    text = (path / "README.md").read_text(encoding="utf-8")
    assert "2. 6 utterances, method `gradient_ascent`, stopped because: all steps were made" in text


def test_what_is_reported(trained: EmotionModel, forget_set: ForgetSet) -> None:
    result = ascend(trained, forget_set, seed=3)
    assert result.needs == ("forget set", "saved statistics")
    assert result.config == json.loads(json.dumps(result.config))
    assert result.config["max_steps"] == 2
    assert result.log.steps == 2
    assert len(result.log.trace) == 2


SILENT = np.zeros(800, np.float32)
FINE = np.full(8000, 0.1, np.float32) * np.sin(np.arange(8000)).astype(np.float32)


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (SILENT, "recording 2 of the forget set is silent or empty"),
        (SILENT[:0], "recording 2 of the forget set is silent or empty"),
        (FINE * np.float32("nan"), "recording 2 of the forget set holds NaN or infinite samples"),
    ],
)
def test_recordings_that_are_none(trained: EmotionModel, waveform: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ascend(trained, ForgetSet((FINE, waveform), torch.tensor([0, 1])))


@pytest.mark.parametrize(("labels", "wrong"), [([0, 3], 3), ([-1, 2], -1)])
def test_labels_out_of_range(trained: EmotionModel, labels: list[int], wrong: int) -> None:
    with pytest.raises(DataError, match=f"a label of the forget set is {wrong}; 0 to 2 was expected"):
        ascend(trained, ForgetSet((FINE, FINE), torch.tensor(labels)))


def test_impossible_forget_sets() -> None:
    with pytest.raises(DataError, match="the forget set is empty"):
        ForgetSet((), torch.tensor([]))
    with pytest.raises(DataError, match="the forget set has 1 recordings and 2 labels"):
        ForgetSet((FINE,), torch.tensor([0, 1]))


def test_an_empty_corpus(trained: EmotionModel, tone_split: Split) -> None:
    with pytest.raises(DataError, match="the forget set is empty"):
        ascend(trained, tone_split.train.select([]))


def test_what_is_refused(trained: EmotionModel, forget_set: ForgetSet, tone_split: Split, toy: Any) -> None:
    with pytest.raises(ConfigError, match="unknown method 'forget'; one of amun, bad_teacher, "):
        forget(trained, forget_set, method="forget")
    with pytest.raises(ConfigError, match=r"the settings are a Config; amun\.Config was expected"):
        forget(trained, forget_set, method="amun", config=quick())
    with pytest.raises(ConfigError, match="a corpus can only be forgotten by an EmotionModel"):
        ascend(toy.model, tone_split.train)


def test_method_config() -> None:
    config = method_config("forget_set_alone", tau=0.25, attack={"steps": 3}, stop="zero")
    default = METHODS["forget_set_alone"].Config()
    assert (config.tau, config.attack.steps, config.stop) == (0.25, 3, "zero")
    assert config.attack.epsilon == default.attack.epsilon
    assert default.tau == 0.5  # unchanged
    with pytest.raises(ConfigError, match="unknown setting 'lerning_rate' of amun; did you mean 'learning_rate'"):
        method_config("amun", lerning_rate=1.0)
    with pytest.raises(ConfigError, match=r"unknown setting 'epsilom' of amun\.attack; did you mean 'epsilon'"):
        method_config("amun", attack={"epsilom": 1.0})
    with pytest.raises(ConfigError, match="a setting of amun has a value of the wrong type"):
        method_config("amun", learning_rate="fast")
    with pytest.raises(ConfigError, match="unknown method 'x'"):
        method_config("x")


def test_copies_are_shared_through_the_cache(trained: EmotionModel, forget_set: ForgetSet) -> None:
    cache: dict[str, object] = {}
    changes = {"attack": {"steps": 2, "copies": 1}, "max_steps": 2, "stop": "steps"}
    config = method_config("forget_set_alone", **changes)
    runs = [
        forget(trained, forget_set, method="forget_set_alone", config=each, cache=cache, seed=4)
        for each in (config, method_config("forget_set_alone", **changes, elastic="none"), config)
    ]
    assert [run.log.details["attack_reused"] for run in runs] == [False, True, True]
    assert tensor_digest(runs[0].model) == tensor_digest(runs[2].model)
    alone = forget(trained, forget_set, method="forget_set_alone", config=config, seed=4)
    assert tensor_digest(alone.model) == tensor_digest(runs[0].model)
    other = forget(trained, forget_set, method="forget_set_alone", config=config, cache=cache, seed=5)
    assert not other.log.details["attack_reused"]


def test_the_model_may_be_in_any_mode(trained: EmotionModel, forget_set: ForgetSet) -> None:
    digests = {tensor_digest(ascend(copy.deepcopy(trained).train(mode), forget_set).model) for mode in (True, False)}
    assert len(digests) == 1
