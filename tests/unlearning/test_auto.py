"""The order of methods follows from what was saved."""

from dataclasses import replace

from affekt.models import EmotionModel
from affekt.unlearning import METHODS, ForgetSet
from affekt.unlearning.auto import candidates, default_method


def test_without_statistics(trained: EmotionModel, forget_set: ForgetSet) -> None:
    assert candidates(trained, forget_set, "speaker") == ("amun", "gradient_ascent")


def test_with_statistics(ready: EmotionModel, forget_set: ForgetSet) -> None:
    order = candidates(ready, forget_set, "speaker")
    assert order[:4] == ("out_of_fold", "kfac", "amun", "gradient_ascent")
    # all of one speaker: a fold model never heard them
    assert order[4:] == (("fold_swap",) if "fold_swap" in METHODS else ())
    assert default_method(ready, forget_set, "speaker") == "out_of_fold"
    assert set(order) <= set(METHODS)


def test_without_rows_for_these_recordings(ready: EmotionModel, forget_set: ForgetSet) -> None:
    strangers = ForgetSet(tuple(waveform[::-1].copy() for waveform in forget_set.waveforms), forget_set.labels)
    assert candidates(ready, strangers, "utterances") == ("amun", "gradient_ascent")


def test_without_curvature(ready: EmotionModel, forget_set: ForgetSet) -> None:
    assert ready.erasure is not None
    assert ready.erasure.statistics is not None
    ready.erasure = replace(ready.erasure, statistics=replace(ready.erasure.statistics, curvature=None))
    assert candidates(ready, forget_set, "utterances")[0] == "amun"
