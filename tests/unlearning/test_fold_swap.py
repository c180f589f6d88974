"""Fold swap: the weights are those of a model that never heard the person, and nothing else is believed of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.models.saved_statistics import SavedStatistics
from affekt.training import TrainConfig, fit
from affekt.unlearning import ForgetSet, forget, method_config
from affekt.unlearning.material import LearnedPart


def statistics(model: torch.nn.Module) -> SavedStatistics:
    assert isinstance(model, EmotionModel)
    assert model.erasure is not None
    assert model.erasure.statistics is not None
    return model.erasure.statistics


def speech_of(split: Split, model: EmotionModel, *speakers: str) -> ForgetSet:
    rows = [row for row, name in enumerate(split.train.table["speaker"].to_list()) if name in speakers]
    return ForgetSet.of(split.train.select(rows), model)


def together(model: EmotionModel, split: Split) -> list[list[str]]:
    """Speakers by fold, as the record has them."""
    assert model.erasure is not None
    names = {
        speaker: {model.erasure.commitment(w) for w in speech_of(split, model, speaker).waveforms}
        for speaker in sorted(set(split.train.table["speaker"].to_list()))
    }
    return [[who for who, own in names.items() if own <= fold.never_heard] for fold in statistics(model).folds]


def test_it_says_what_the_out_of_fold_outputs_say(ready: EmotionModel, forget_set: ForgetSet) -> None:
    assert ready.erasure is not None
    names = [ready.erasure.commitment(waveform) for waveform in forget_set.waveforms]
    wanted = statistics(ready).teachers(names, "across")
    assert wanted is not None
    result = forget(ready, forget_set, method="fold_swap", scope="speaker")
    part = LearnedPart(result.model)
    found = part.all_logits(part.features(forget_set.waveforms))
    assert torch.allclose(found, wanted[:, 0], atol=1e-4)
    assert not torch.allclose(LearnedPart(ready).all_logits(part.features(forget_set.waveforms)), found, atol=0.1)
    assert result.log.stopped.startswith("exact: ")
    assert result.log.reached
    assert result.log.details is not None
    assert result.log.details["exact"] is True


def test_it_is_what_training_without_the_fold_gives(
    ready: EmotionModel, tone_recipe: TrainConfig, tone_split: Split, forget_set: ForgetSet
) -> None:
    """The recipe run again, without the fold, gives the very weights."""
    speakers = tone_split.train.table["speaker"].to_list()
    fold, gone = next((k, who) for k, who in enumerate(together(ready, tone_split)) if "s1" in who)
    fold_seed = 7_000_003 + 100_000 * 1 + 100 + fold
    fresh = ready.fresh(fold_seed)
    rows = np.array([row for row, who in enumerate(speakers) if who not in gone])
    fit(
        fresh,
        tone_split.train,
        tone_split.dev,
        config=tone_recipe,
        seed=fold_seed,
        heldout_seed=1,
        rows=rows,
    )
    result = forget(ready, forget_set, method="fold_swap")
    for name, wanted in fresh.state_dict().items():
        assert torch.allclose(result.model.state_dict()[name], wanted, atol=1e-5), name


def test_nothing_of_the_old_weights_is_believed_of_the_new(
    ready: EmotionModel, tone_split: Split, tmp_path: Path
) -> None:
    gone = speech_of(tone_split, ready, "s1")
    swapped = forget(ready, gone, method="fold_swap", scope="speaker").model
    assert isinstance(swapped, EmotionModel)
    assert swapped.erasure is not None
    assert ready.erasure is not None
    assert (swapped.erasure.within, swapped.erasure.across, swapped.erasure.trained) == (None, None, None)
    assert statistics(swapped).curvature is None
    names = {ready.erasure.commitment(waveform) for waveform in gone.waveforms}
    assert not names & set(statistics(swapped).names)
    assert not names & set().union(*swapped.erasure.commitments.values())
    others = [who for fold in together(ready, tone_split) for who in fold if "s1" not in fold]
    for waveform in speech_of(tone_split, ready, *others).waveforms:
        assert swapped.erasure.side(waveform) == ready.erasure.side(waveform)
    assert len(statistics(swapped).folds) == 1  # the others were trained on s1
    swapped.save_pretrained(tmp_path / "swapped")
    again = EmotionModel.from_pretrained(tmp_path / "swapped")
    assert again.erasure is not None
    assert again.erasure.to_json() == swapped.erasure.to_json()
    with pytest.raises(ConfigError, match="kfac needs the curvature"):
        forget(again, speech_of(tone_split, ready, others[0]), method="kfac")
    # what models without a recording say of it holds for any weights
    later = forget(
        again,
        speech_of(tone_split, ready, others[0]),
        method="out_of_fold",
        config=method_config("out_of_fold", natural=False),
        scope="speaker",
    )
    assert later.log.loss_after >= 0


def test_whoever_shares_the_fold_was_not_trained_on(ready: EmotionModel, tone_split: Split) -> None:
    fold = next(who for who in together(ready, tone_split) if len(who) > 1)
    first, second = fold[:2]
    swapped = forget(ready, speech_of(tone_split, ready, first), method="fold_swap", scope="speaker").model
    assert isinstance(swapped, EmotionModel)
    assert swapped.erasure is not None
    other = speech_of(tone_split, ready, second)
    assert {swapped.erasure.side(waveform) for waveform in other.waveforms} == {"test"}
    twice = forget(swapped, other, method="fold_swap", scope="speaker").model
    for name, wanted in swapped.state_dict().items():
        assert torch.equal(twice.state_dict()[name], wanted)
    assert isinstance(twice, EmotionModel)
    assert len(statistics(twice).names) == len(statistics(ready).names) - len(other) * 2


def test_recordings_of_two_folds_are_refused(ready: EmotionModel, tone_split: Split) -> None:
    folds = together(ready, tone_split)
    both = speech_of(tone_split, ready, folds[0][0], folds[1][0])
    with pytest.raises(ConfigError, match="fold_swap needs a kept fold model that was trained on") as info:
        forget(ready, both, method="fold_swap", scope="speaker")
    assert "\n" not in str(info.value)
    swapped = forget(ready, speech_of(tone_split, ready, folds[0][0]), method="fold_swap").model
    with pytest.raises(ConfigError, match="fold_swap needs a kept fold model"):
        forget(swapped, speech_of(tone_split, ready, folds[1][0]), method="fold_swap")


def test_a_model_without_folds_is_refused(trained: EmotionModel, forget_set: ForgetSet) -> None:
    with pytest.raises(ConfigError, match="fold_swap needs a kept fold model"):
        forget(trained, forget_set, method="fold_swap")
