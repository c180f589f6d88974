"""The method as a whole: what it adds, what it leaves alone, and that what it trained can be forgotten."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors import safe_open

from affekt.corpora import Corpus, Split, by_speaker
from affekt.errors import ConfigError, DataError
from affekt.models import EmotionModel, tensor_digest
from affekt.recognition import METHODS
from affekt.recognition.feature_augmentation import Noise, Training
from affekt.recognition.generators import GeneratorConfig
from affekt.recognition.information_augmentation import InformationAugmentation, information_figures
from affekt.training import (
    ErasureConfig,
    FeatureStore,
    TrainConfig,
    TrainReport,
    build_model,
    recipe,
    train,
    train_split,
)
from affekt.unlearning import forget
from affekt.unlearning.forget_set_alone import Config as ForgetSetAlone

QUICK = GeneratorConfig(steps=30, width=24, noise=6, components=8, batch_size=24)
SENTENCES = ("the bus stops here", "two cups are on the table")


@pytest.fixture(scope="module")
def split(tone_corpus: Corpus) -> Split:
    """The tones with one of two sentences each."""
    texts = pl.Series("text", [SENTENCES[number % 2] for number in range(len(tone_corpus))])
    corpus = replace(tone_corpus, table=tone_corpus.table.with_columns(texts))
    return by_speaker(corpus, test_speakers=["s6"], dev_speakers=["s5"])


@pytest.fixture(scope="module")
def options(encoder_folder: Callable[[str], Path]) -> dict[str, Any]:
    """A linear head on one layer of a tiny encoder."""
    return {"encoder": str(encoder_folder("wav2vec2")), "layer": 1, "dropout": 0.0}


def settings(method: InformationAugmentation | None, **changes: Any) -> TrainConfig:
    values = {"epochs": 20, "batch_size": 16, "learning_rate": 3e-2, "label_smoothing": 0.0, "heldout_fraction": 0.15}
    return recipe("encoder", **{**values, **changes}, method=method)


def trained(split: Split, options: dict[str, Any], method: InformationAugmentation | None, **more: Any) -> TrainReport:
    return train_split(split, family="encoder", config=settings(method, **more), options=options, seed=1)


def test_none_on_a_linear_head_is_learning_from_labels(split: Split, options: dict[str, Any]) -> None:
    plain, none = trained(split, options, None), trained(split, options, InformationAugmentation(kind="none"))
    for name, tensor in plain.model.state_dict().items():
        assert torch.allclose(tensor, none.model.state_dict()[name], atol=1e-5), name
    assert none.fit.history[0]["generated"] == 0.0


@pytest.mark.parametrize("kind", ["cvae", "gan", "infogan", "mixup", "noise", "smote"])
def test_every_kind_learns_and_says_what_it_made(kind: Any, split: Split, options: dict[str, Any]) -> None:
    method = InformationAugmentation(kind=kind, ratio=0.5, generator=QUICK)
    report = trained(split, options, method)
    figures = report.fit.history[-1]
    assert figures["generated"] == round(0.5 * len(report.fit.trained_rows))
    assert figures["texts"] == 2.0
    assert figures["mi_class_ceiling"] == pytest.approx(np.log(3), abs=0.02)
    assert figures["mi_class"] <= figures["mi_class_ceiling"]
    if kind != "cvae":
        # two sentences hold one bit, whatever the batches could show
        assert figures["mi_text"] <= figures["mi_text_ceiling"] + 1e-3
        assert figures["mi_text_ceiling"] == pytest.approx(np.log(2), abs=0.02)
        assert figures["mi_condition_ceiling"] > figures["mi_text_ceiling"]
    assert max(report.fit.trained_rows) < len(split.train)
    assert report.dev.uar is not None
    assert report.dev.uar.estimate > 0.5


def test_same_seed_same_weights(split: Split, options: dict[str, Any]) -> None:
    method = InformationAugmentation(generator=QUICK, measure=False)
    first, again = trained(split, options, method, epochs=2), trained(split, options, method, epochs=2)
    assert tensor_digest(first.model) == tensor_digest(again.model)
    other = trained(split, options, replace(method, ratio=2.0), epochs=2)
    assert tensor_digest(other.model) != tensor_digest(first.model)


def test_a_few_recordings_are_learned_by_heart(tone_corpus: Corpus, options: dict[str, Any]) -> None:
    rows = [tone_corpus.table["speaker"].to_list().index("s1") + 4 * k for k in range(3)]
    few = tone_corpus.select([*rows, *(row + 1 for row in rows)])
    tiny = replace(by_speaker(tone_corpus, test_speakers=["s6"], dev_speakers=["s5"]), train=few)
    config = settings(InformationAugmentation(generator=QUICK, measure=False), heldout_fraction=0.0, keep_last=True)
    report = train_split(tiny, family="encoder", config=config, options=options, seed=0)
    assert report.model.erasure is not None
    assert report.model.erasure.trained is not None
    assert report.model.erasure.trained.accuracy == 1.0


def test_stage_1_trains_a_hidden_layer_and_the_last_stage_leaves_it(split: Split, options: dict[str, Any]) -> None:
    hidden = {**options, "hidden": 12}
    report = trained(split, hidden, InformationAugmentation(kind="smote", align_epochs=8))
    assert report.fit.history[0]["stage_1_info_nce"] > 0.0
    more = trained(split, hidden, InformationAugmentation(kind="smote", align_epochs=8), epochs=1)
    below = ("network.head.1.weight", "network.head.1.bias")
    assert all(torch.equal(report.model.state_dict()[name], more.model.state_dict()[name]) for name in below)
    assert report.dev.uar is not None
    assert report.dev.uar.estimate > 0.5
    with pytest.raises(ConfigError, match="align is false and layers below the last one start at random"):
        trained(split, hidden, InformationAugmentation(align=False))


def test_it_works_on_a_network_that_is_all_learned(split: Split, tone_recipe: TrainConfig) -> None:
    method = InformationAugmentation(generator=QUICK, align_epochs=6, text="none")
    report = train_split(split, config=replace(tone_recipe, method=method), seed=1)
    assert report.fit.history[0]["texts"] == 0.0
    assert "mi_text" not in report.fit.history[0]
    assert report.test.uar is not None
    assert report.test.uar.estimate > 0.6


def test_prepared_rows_are_the_real_ones_and_the_made_ones(split: Split, options: dict[str, Any]) -> None:
    model = build_model("encoder", split.train.classes, seed=0, options=options)
    method = InformationAugmentation(kind="smote", ratio=1.0, measure=False)
    config = settings(method)
    targets = method.targets(split.train, model.config, config)
    rows = np.flatnonzero(targets.labels != 0)[:-3]
    rows = np.sort(np.concatenate([rows, np.flatnonzero(targets.labels == 0)[:2]]))
    store = FeatureStore(model, split.train)
    found = method.prepare(model, store, targets, rows, config=config, seed=0)
    assert len(found.rows) == 2 * len(rows)
    assert (found.rows[: len(rows)] == rows).all()
    assert (found.rows[len(rows) :] >= len(store)).all()
    counts = np.bincount(found.targets.labels[found.rows], minlength=3)
    assert counts.max() - counts.min() <= 1  # the class with two recordings was filled up first
    batch = found.targets.batch(found.rows)
    assert batch.shares is not None
    assert not torch.isnan(batch.shares).any()
    with pytest.raises(KeyError):
        found.store[int(np.setdiff1d(np.arange(len(store)), rows)[0])]  # held out: nothing of it is there


def test_how_many_of_each_class() -> None:
    training = Training(np.zeros((10, 2), np.float32), np.array([0] * 6 + [1] * 3 + [3]), 4)
    assert InformationAugmentation(ratio=0.5).counts(training).tolist() == [0, 1, 0, 4]
    assert InformationAugmentation(ratio=1.0, balance=False).counts(training).tolist() == [6, 3, 0, 1]


def test_the_indicator_is_larger_for_tighter_classes() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 90)
    found = []
    for spread in (0.3, 3.0):
        features = np.eye(3)[labels] + spread * generator.standard_normal((90, 3))
        noise = Noise(scale=0.1)
        training = Training(features.astype(np.float32), labels, 3)
        noise.fit(training, seed=0)
        found.append(information_figures(noise, training, seed=0)["mi_class"])
    assert found[0] > found[1] + 0.3


def test_nothing_of_the_generator_is_saved(split: Split, options: dict[str, Any], tmp_path: Path) -> None:
    corpus = Corpus(
        name="tones", root=split.train.root, table=pl.concat([split.train.table, split.dev.table, split.test.table])
    )
    for name, method in (("plain", None), ("augmented", InformationAugmentation(generator=QUICK, measure=False))):
        train(
            corpus,
            tmp_path / name,
            family="encoder",
            config=replace(settings(method), epochs=2),
            options=options,
            test_speakers=["s6"],
            erasure=ErasureConfig(folds=2, rules=("within",)),
        )
    files = [
        sorted(file.relative_to(tmp_path / name).as_posix() for file in (tmp_path / name).rglob("*"))
        for name in ("plain", "augmented")
    ]
    assert files[0] == files[1]
    for file in ("model.safetensors", "erasure/statistics.safetensors"):
        shapes = []
        for name in ("plain", "augmented"):
            with safe_open(tmp_path / name / file, "pt") as tensors:
                shapes.append({key: tuple(tensors.get_slice(key).get_shape()) for key in sorted(tensors.keys())})
        # row for row the same names and shapes, so there is no room for anything else
        assert sorted(map(str, shapes[0].values())) == sorted(map(str, shapes[1].values()))


@pytest.fixture(scope="module")
def ready(split: Split, options: dict[str, Any]) -> TrainReport:
    config = settings(InformationAugmentation(generator=QUICK, measure=False), keep_last=True)
    erasure = ErasureConfig(folds=2, rules=("within",))
    return train_split(split, family="encoder", config=config, options=options, seed=1, erasure=erasure)


@pytest.mark.parametrize(("method", "statistics"), [("forget_set_alone", False), ("out_of_fold", True), ("kfac", True)])
def test_it_is_forgotten(ready: TrainReport, split: Split, method: str, statistics: bool) -> None:
    assert ready.model.erasure is not None
    model = EmotionModel(ready.model.config)
    model.load_state_dict(ready.model.state_dict())
    kept = ready.model.erasure.statistics if statistics else None
    model.erasure = replace(ready.model.erasure, statistics=kept)
    gone = split.train.select(list(ready.fit.trained_rows[:4]))
    config = ForgetSetAlone(stop="steps", max_steps=3) if method == "forget_set_alone" else None
    result = forget(model, gone, method=method, config=config)
    assert isinstance(result.model, EmotionModel)
    assert tensor_digest(result.model) != tensor_digest(model)
    assert result.model.config.history[-1]["event"] == "deletion"
    assert result.model.erasure is not None
    assert len(result.model.erasure.commitments["train"]) == len(ready.fit.trained_rows) - 4


def test_retraining_generates_without_the_forgotten(ready: TrainReport, split: Split, options: dict[str, Any]) -> None:
    """A retrained model holds nothing of the forgotten: changing their recordings changes nothing."""
    method = InformationAugmentation(generator=QUICK, measure=False)
    gone = list(ready.fit.trained_rows[:4])
    kept = np.setdiff1d(np.arange(len(split.train)), gone)
    model = build_model("encoder", split.train.classes, seed=0, options=options)
    store = FeatureStore(model, split.train)
    targets = method.targets(split.train, model.config, settings(method))
    found = method.prepare(model, store, targets, kept, config=settings(method), seed=0)
    labels = targets.labels.copy()
    labels[gone] = 0
    changed = {row: store[row] + 100.0 for row in gone}
    other = FeatureStore(model, split.train)
    other._kept.update(changed)
    again = method.prepare(model, other, replace(targets, labels=labels), kept, config=settings(method), seed=0)
    made = [int(row) for row in found.rows if row >= len(store)]
    assert all(torch.equal(found.store[row], again.store[row]) for row in made)


def test_what_is_refused(split: Split, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="kind is 'vae'; one of cvae, gan"):
        InformationAugmentation(kind="vae")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="text is 'both'; one of generation"):
        InformationAugmentation(text="both")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="ratio is -1"):
        InformationAugmentation(ratio=-1.0)
    with pytest.raises(ConfigError, match="pairs are made by infogan or gan"):
        InformationAugmentation(kind="cvae", generator=GeneratorConfig(pairs=True))
    with pytest.raises(ConfigError, match="makes features of classes"):
        train_split(split, family="encoder", config=settings(InformationAugmentation(), target="soft"), options=options)
    with pytest.raises(DataError, match="pairs need texts that differ"):
        trained(split, options, InformationAugmentation(text="none", generator=replace(QUICK, pairs=True)))


def test_a_table_of_settings_becomes_the_generator() -> None:
    method = METHODS["information-augmentation"](generator={"steps": 7, "pairs": True})  # type: ignore[call-arg]
    assert method == InformationAugmentation(generator=GeneratorConfig(steps=7, pairs=True))
