"""The drift budget: foreseen divergence against the measured one, and when to train anew."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.models import Drift, EmotionModel, LogmelCnn
from affekt.training import FeatureStore, TrainReport, curvature_of, predict_rows
from affekt.unlearning import ForgetSet, forget, method_config
from affekt.unlearning.drift import drifted, foreseen_divergence, spent


def test_foreseen_is_about_what_is_measured_for_a_small_step(
    ready: EmotionModel, ready_report: TrainReport, tone_split: Split
) -> None:
    """In the last linear layer, for one step along one of its rows; the factors are only approximately a product."""
    store = FeatureStore(ready, tone_split.train)
    rows = np.array(ready_report.fit.trained_rows)
    curvature = curvature_of(ready, store, rows)
    assert isinstance(ready.network, LogmelCnn)
    after = copy.deepcopy(ready)
    generator = torch.Generator().manual_seed(0)
    head = after.network.head[1]  # type: ignore[index, union-attr]
    with torch.no_grad():
        head.weight.add_(0.02 * torch.randn(head.weight.shape, generator=generator))
    first, second = (torch.from_numpy(predict_rows(m, store, rows)).double().log_softmax(1) for m in (ready, after))
    measured = float((first.exp() * (first - second)).sum(1).mean())
    foreseen = foreseen_divergence(curvature, ready, after)
    assert measured / 3 < foreseen < measured * 3
    assert foreseen_divergence(curvature, ready, ready) == 0.0


def test_divergences_add_up_as_distances_do(ready: EmotionModel) -> None:
    assert ready.erasure is not None
    assert ready.erasure.statistics is not None
    curvature = ready.erasure.statistics.curvature
    assert curvature is not None
    after = copy.deepcopy(ready)
    with torch.no_grad():
        for parameter in after.parameters():
            parameter.mul_(1.01)
    once = drifted(Drift(), ready, after, recordings=3, curvature=curvature)
    twice = drifted(once, ready, after, recordings=4, curvature=curvature)
    assert (twice.deletions, twice.recordings) == (2, 7)
    assert once.divergence is not None
    assert twice.divergence is not None
    assert math.sqrt(twice.divergence) == pytest.approx(2 * math.sqrt(once.divergence))
    blind = drifted(once, ready, after, recordings=1, curvature=None)
    assert blind.divergence is None
    assert drifted(blind, ready, after, recordings=1, curvature=curvature).divergence is None


def test_a_budget_is_spent_by_number_or_by_distance() -> None:
    assert spent(Drift(deletions=1, recordings=5, divergence=0.01), left=95) == []
    (share,) = spent(Drift(deletions=2, recordings=6, divergence=0.01), left=94)
    assert share.startswith("6% of the recordings trained on have been forgotten")
    (distance,) = spent(Drift(deletions=1, recordings=1, divergence=0.2), left=99)
    assert "may have moved by 0.20 nats" in distance
    assert len(spent(Drift(deletions=9, recordings=50, divergence=1.0), left=50)) == 2


def test_deletions_are_counted_and_retraining_starts_anew(
    ready: EmotionModel, forget_set: ForgetSet, retained: object, tmp_path: Path
) -> None:
    config = method_config("gradient_ascent", stop="steps", max_steps=2)
    first = forget(ready, forget_set, method="gradient_ascent", config=config).model
    assert isinstance(first, EmotionModel)
    again = EmotionModel.from_pretrained(first.save_pretrained(tmp_path / "m"))
    assert again.erasure is not None
    assert again.erasure.drift.deletions == 1
    assert again.erasure.drift.recordings == len(forget_set)
    assert again.erasure.drift.divergence is not None
    assert again.erasure.drift.divergence > 0
    anew = forget(ready, forget_set, method="retrain", retained=retained).model  # type: ignore[arg-type]
    assert isinstance(anew, EmotionModel)
    assert anew.erasure is not None
    assert anew.erasure.drift == Drift()
