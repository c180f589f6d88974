"""After a deletion nothing that was saved about the recordings is left."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.models import Drift, EmotionModel, ErasureRecord
from affekt.training import FeatureStore, TrainReport, curvature_of, predict_rows
from affekt.unlearning import ForgetSet, forget, method_config


def commitments(record: ErasureRecord, forget_set: ForgetSet) -> set[str]:
    return {record.commitment(waveform) for waveform in forget_set.waveforms}


@pytest.fixture
def erased(ready: EmotionModel, forget_set: ForgetSet) -> EmotionModel:
    config = method_config("gradient_ascent", stop="steps", max_steps=1)
    model = forget(ready, forget_set, method="gradient_ascent", config=config).model
    assert isinstance(model, EmotionModel)
    return model


def test_rows_commitments_and_fold_models_are_gone(
    ready: EmotionModel, erased: EmotionModel, forget_set: ForgetSet, tmp_path: Path
) -> None:
    before, after = ready.erasure, EmotionModel.from_pretrained(erased.save_pretrained(tmp_path / "m")).erasure
    assert before is not None
    assert before.statistics is not None
    assert after is not None
    assert after.statistics is not None
    gone = commitments(before, forget_set)
    assert gone <= set(before.statistics.names)
    assert not gone & set(after.statistics.names)
    assert len(after.statistics.names) == len(before.statistics.names) - len(gone)
    assert len(after.statistics.within) == len(after.statistics.across) == len(after.statistics.names)
    assert not any(gone & names for names in after.commitments.values())
    # fold models that heard the recordings are gone, too; the one that did not stays
    assert len(before.statistics.folds) == 3
    assert len(after.statistics.folds) == 1
    assert not gone & after.statistics.folds[0].never_heard
    # nothing in any file of the model directory names them
    for file in (tmp_path / "m").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(name.encode() in content or bytes.fromhex(name) in content for name in gone), file


def test_what_is_left_of_the_sums_is_what_the_others_contribute(
    ready: EmotionModel,
    erased: EmotionModel,
    ready_report: TrainReport,
    tone_split: Split,
    forget_rows: list[int],
) -> None:
    assert erased.erasure is not None
    assert erased.erasure.statistics is not None
    left = erased.erasure.statistics.curvature
    assert left is not None
    store = FeatureStore(ready, tone_split.train)
    rows = [row for row in ready_report.fit.trained_rows if row not in set(forget_rows)]
    alone = curvature_of(ready, store, rows)
    assert left.count == alone.count == len(rows)
    for name, factors in alone.layers.items():
        assert torch.allclose(
            left.layers[name].inputs, factors.inputs, rtol=1e-3, atol=1e-3 * factors.inputs.abs().max()
        )
        scale = float(factors.outputs.abs().max())
        assert torch.allclose(left.layers[name].outputs, factors.outputs, rtol=1e-2, atol=1e-3 * scale)
    # and the mean losses, overall and by class
    logits = torch.from_numpy(predict_rows(ready, store, np.asarray(rows))).double()
    labels = torch.as_tensor(tone_split.train.labels()[rows])
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    trained = erased.erasure.trained
    assert trained is not None
    assert trained.utterances == len(rows)
    assert trained.loss == pytest.approx(float(losses.mean()), abs=1e-6)
    for k, name in enumerate(ready.classes):
        assert trained.by_class[name].loss == pytest.approx(float(losses[labels == k].mean()), abs=1e-6)
        assert trained.by_class[name].utterances == int((labels == k).sum())
    assert erased.erasure.across == ready.erasure.across  # type: ignore[union-attr]  # nobody of theirs is gone


def test_strangers_change_nothing(ready: EmotionModel, forget_set: ForgetSet) -> None:
    strangers = ForgetSet(tuple(waveform[::-1].copy() for waveform in forget_set.waveforms), forget_set.labels)
    config = method_config("gradient_ascent", stop="steps", max_steps=1)
    model = forget(ready, strangers, method="gradient_ascent", config=config).model
    assert isinstance(model, EmotionModel)
    assert model.erasure is not None
    assert ready.erasure is not None
    assert replace(model.erasure, statistics=None, drift=Drift()) == replace(ready.erasure, statistics=None)
    assert model.erasure.drift.recordings == 0
    assert model.erasure.statistics is ready.erasure.statistics or (
        model.erasure.statistics is not None
        and ready.erasure.statistics is not None
        and model.erasure.statistics.names == ready.erasure.statistics.names
    )
