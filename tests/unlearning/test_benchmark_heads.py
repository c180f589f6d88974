"""Heads trained together are the heads that fit trains one by one."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from affekt.corpora import Split
from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.training import FeatureStore, build_model, fit, predict_rows, recipe
from affekt.unlearning import ForgetSet, forget
from affekt.unlearning.benchmark_heads import HeadJob, PooledModel, Vectors, fit_heads, pooled_vectors
from affekt.unlearning.material import LearnedPart


@pytest.fixture(scope="module")
def options(encoder_folder: Callable[[str], Path]) -> dict[str, Any]:
    return {"encoder": str(encoder_folder("whisper")), "layer": 1, "hidden": 5, "dropout": 0.0}


@pytest.fixture(scope="module")
def model(options: dict[str, Any], tone_split: Split) -> EmotionModel:
    return build_model("encoder", tone_split.train.classes, seed=3, options=options)


@pytest.fixture(scope="module")
def vectors(model: EmotionModel, tone_split: Split) -> Vectors:
    return pooled_vectors(model, FeatureStore(model, tone_split.train))


def test_a_pooled_model_says_what_the_whole_model_says(
    model: EmotionModel, vectors: Vectors, tone_split: Split
) -> None:
    whole = predict_rows(model, FeatureStore(model, tone_split.train), [0, 5, 9])
    pooled = PooledModel(model).eval()
    waveforms = tuple(vectors.values[row].numpy() for row in (0, 5, 9))
    part = LearnedPart(pooled)
    assert np.allclose(part.all_logits(part.features(waveforms)).numpy(), whole, atol=1e-5)
    features, lengths = vectors.batch([0, 5, 9])
    assert np.allclose(pooled.classify(features, lengths).detach().numpy(), whole, atol=1e-5)


def test_a_pooled_model_is_forgotten_as_any_other(model: EmotionModel, vectors: Vectors, tone_split: Split) -> None:
    pooled = PooledModel(model).fresh(0).eval()
    rows = [0, 3, 4]
    labels = torch.as_tensor(tone_split.train.labels()[rows])
    forget_set = ForgetSet(tuple(vectors.values[row].numpy() for row in rows), labels)
    before = {name: value.clone() for name, value in pooled.state_dict().items()}
    run = forget(pooled, forget_set, method="gradient_ascent", target_loss=1.4)
    assert run.log.reached
    assert run.log.loss_after == pytest.approx(1.4, abs=0.01)
    assert isinstance(run.model, PooledModel)
    assert all(torch.equal(value, before[name]) for name, value in pooled.state_dict().items())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_together_as_one_by_one(smoothing: float, model: EmotionModel, vectors: Vectors, tone_split: Split) -> None:
    config = recipe(
        "encoder",
        epochs=3,
        batch_size=8,
        learning_rate=5e-3,
        weight_decay=0.03,
        label_smoothing=smoothing,
        keep_last=True,
        gradient_clip=0.5,
        heldout_fraction=0.0,
    )
    template = PooledModel(model)
    count = len(tone_split.train)
    # 41 to 44 recordings: heads of two lengths are stacked, and last batches differ
    jobs = [HeadJob(seed, np.delete(np.arange(count), np.arange(seed, seed + 4 + seed % 4))) for seed in range(6)]
    states = fit_heads(template, vectors, tone_split.train.labels(), jobs, config=config, together=4)
    stores = (FeatureStore(model, tone_split.train), FeatureStore(model, tone_split.dev))
    for job, state in zip(jobs, states, strict=True):
        alone = copy.deepcopy(model)
        start = template.fresh(job.seed).state_dict()
        alone.network.load_state_dict({name.removeprefix("network."): x for name, x in start.items()}, strict=False)
        fit(alone, tone_split.train, tone_split.dev, config=config, seed=job.seed, rows=job.rows, stores=stores)
        found = dict(alone.named_parameters())
        assert set(state) == {name for name in found if ".head." in name}
        for name, value in state.items():
            assert not torch.allclose(value, start[name])
            assert torch.allclose(value, found[name], atol=2e-5), name


def test_heads_of_the_same_seed_are_the_same_in_any_stack(vectors: Vectors, model: EmotionModel) -> None:
    config = recipe("encoder", epochs=2, batch_size=8, keep_last=True)
    labels = np.arange(len(vectors)) % 3
    jobs = [HeadJob(seed, np.arange(20)) for seed in (4, 5, 4)]
    first, other, again = fit_heads(PooledModel(model), vectors, labels, jobs, config=config)
    alone = fit_heads(PooledModel(model), vectors, labels, jobs[:1], config=config)[0]
    for name, value in first.items():
        assert torch.equal(value, again[name])
        assert torch.allclose(value, alone[name], atol=1e-6)
        assert not torch.equal(value, other[name])


@pytest.mark.parametrize(
    ("family", "changes"),
    [("logmel-cnn", None), ("encoder", {"layer": "all"}), ("encoder", {"train": "last", "train_layers": 1})],
)
def test_models_that_are_no_head(family: str, changes: dict[str, Any] | None, options: dict[str, Any]) -> None:
    other = build_model(family, ("a", "b"), seed=0, options=None if changes is None else {**options, **changes})
    with pytest.raises(ConfigError, match=r"heads on one layer of a frozen encoder .*; choose one, or set models to 0"):
        PooledModel(other)


@pytest.mark.parametrize("changes", [{"keep_last": False}, {"target": "soft"}, {"attributes": ("arousal",)}])
def test_recipes_that_cannot_be_stacked(changes: dict[str, Any], model: EmotionModel, vectors: Vectors) -> None:
    config = recipe("encoder", **{"keep_last": True, **changes})
    with pytest.raises(ConfigError, match="trained together on one emotion a recording"):
        fit_heads(PooledModel(model), vectors, np.zeros(len(vectors), np.int64), [], config=config)
