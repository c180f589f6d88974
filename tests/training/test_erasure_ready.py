"""Erasure-ready training: what is saved comes from models that never heard the recording, or the speaker."""

from pathlib import Path

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.errors import CheckpointError, ConfigError
from affekt.models import EmotionModel, tensor_digest
from affekt.models.saved_statistics import SavedStatistics
from affekt.training import ErasureConfig, FeatureStore, TrainConfig, TrainReport, fit, predict_rows
from affekt.training.erasure_ready import fold_numbers


def test_folds_keep_speakers_together_or_apart(tone_split: Split) -> None:
    speakers = np.array(tone_split.train.table["speaker"].to_list())
    within = fold_numbers(tone_split, "within", folds=3, seed=1, repeat=0)
    across = fold_numbers(tone_split, "across", folds=3, seed=1, repeat=0)
    assert np.bincount(within).max() - np.bincount(within).min() <= 1
    assert all(len(set(across[speakers == name].tolist())) == 1 for name in set(speakers))
    assert len(set(across.tolist())) == 3
    assert any(len(set(within[speakers == name].tolist())) > 1 for name in set(speakers))
    again = fold_numbers(tone_split, "within", folds=3, seed=1, repeat=1)
    assert (within != again).any()
    assert int(fold_numbers(tone_split, "across", folds=9, seed=1, repeat=0).max()) == 3  # four speakers, four folds


def test_saved_outputs_are_those_of_a_model_without_the_fold(
    ready_report: TrainReport, tone_split: Split, tone_recipe: TrainConfig
) -> None:
    """One fold model is trained again here, from what the documentation says."""
    model = ready_report.model
    assert model.erasure is not None
    saved = model.erasure.statistics
    assert saved is not None
    assert saved.across.shape == saved.within.shape == (48, 2, 3)
    numbers = fold_numbers(tone_split, "across", folds=3, seed=1, repeat=0)
    fold = 1
    inside = np.flatnonzero(numbers == fold)
    seed = 7_000_003 + 100_000 + 100 + fold
    fresh = model.fresh(seed)
    stores = tuple(FeatureStore(fresh, side) for side in (tone_split.train, tone_split.dev))
    fit(
        fresh,
        tone_split.train,
        tone_split.dev,
        config=tone_recipe,
        seed=seed,
        heldout_seed=1,
        rows=np.flatnonzero(numbers != fold),
    )
    expected = predict_rows(fresh, stores[0], inside)
    names = [model.erasure.commitment(tone_split.train.load(int(row))) for row in inside]
    found = saved.teachers(names, "across")
    assert found is not None
    assert found[:, 0].numpy() == pytest.approx(expected, abs=1e-4)
    kept = saved.clean_fold(names)
    assert kept is not None
    assert kept.never_heard == frozenset(names)
    for name, tensor in kept.state.items():
        assert torch.allclose(tensor, fresh.state_dict()[name], atol=1e-5), name


def test_the_model_itself_is_the_one_of_plain_training(ready_report: TrainReport, trained_report: TrainReport) -> None:
    assert tensor_digest(ready_report.model) == tensor_digest(trained_report.model)


def test_it_comes_back_from_disk(ready: EmotionModel, tmp_path: Path) -> None:
    again = EmotionModel.from_pretrained(ready.save_pretrained(tmp_path / "m"))
    assert ready.erasure is not None
    assert again.erasure is not None
    before, after = ready.erasure.statistics, again.erasure.statistics
    assert before is not None
    assert after is not None
    assert after.names == before.names
    assert torch.equal(after.within, before.within)
    assert torch.equal(after.across, before.across)
    assert [fold.never_heard for fold in after.folds] == [fold.never_heard for fold in before.folds]
    assert all(torch.equal(tensor, after.folds[0].state[name]) for name, tensor in before.folds[0].state.items())
    assert after.curvature is not None
    assert before.curvature is not None
    assert set(after.curvature.layers) == set(before.curvature.layers)
    file = tmp_path / "m" / "erasure" / "statistics.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="does not hold what erasure-ready training saves"):
        EmotionModel.from_pretrained(tmp_path / "m")


def test_recordings_without_a_row_have_no_teachers(ready: EmotionModel) -> None:
    assert ready.erasure is not None
    saved = ready.erasure.statistics
    assert isinstance(saved, SavedStatistics)
    assert saved.teachers([saved.names[0], "00" * 16], "within") is None
    assert saved.clean_fold(saved.names) is None


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="folds is 1 and repeats 1; 2 and 1 or more were expected"):
        ErasureConfig(folds=1)
