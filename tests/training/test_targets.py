"""What is learned: votes, several emotions at once, attributes, and all of them together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from affekt.corpora import Corpus, Split
from affekt.errors import ConfigError, DataError
from affekt.losses import ccc_loss, cross_entropy, effective_number_weights, soft_cross_entropy
from affekt.metrics import ccc, uar
from affekt.models import EmotionModel, Heads, ModelConfig
from affekt.training import (
    FeatureStore,
    FitResult,
    Objective,
    TrainConfig,
    attribute_range,
    fit,
    model_for,
    predict_heads,
    recipe,
    targets_of,
)

CLASSES = ("anger", "joy", "sadness")
AROUSAL = {"anger": 5.8, "joy": 5.0, "sadness": 2.0}
VALENCE = {"anger": 2.0, "joy": 5.8, "sadness": 2.5}


def rated(corpus: Corpus) -> Corpus:
    """The tones with three raters: the first two hear what is meant, the third always the next class."""
    rows = []
    for utterance, emotion in zip(corpus.table["utterance"], corpus.emotions, strict=True):
        other = CLASSES[(CLASSES.index(str(emotion)) + 1) % 3]
        rows += [
            {"utterance": utterance, "rater": "r1", "emotion": emotion, "secondary": None},
            {"utterance": utterance, "rater": "r2", "emotion": emotion, "secondary": other},
            {"utterance": utterance, "rater": "r3", "emotion": other, "secondary": None},
        ]
    noise = np.random.default_rng(0)
    table = corpus.table.with_columns(
        arousal=pl.Series([AROUSAL[str(name)] + noise.normal(0, 0.3) for name in corpus.emotions]),
        valence=pl.Series([VALENCE[str(name)] + noise.normal(0, 0.3) for name in corpus.emotions]),
    )
    return replace(corpus, table=table, ratings=pl.DataFrame(rows), scale=(1.0, 7.0))


@pytest.fixture(scope="module")
def rated_split(tone_split: Split) -> Split:
    return replace(tone_split, train=rated(tone_split.train), dev=rated(tone_split.dev), test=rated(tone_split.test))


Learn = Callable[..., tuple[FitResult, Heads]]


@pytest.fixture(scope="module")
def learn(rated_split: Split) -> Learn:
    """Train on the tones and say what the model gives for the test speaker."""

    def run(**changes: object) -> tuple[FitResult, Heads]:
        settings = {"epochs": 24, "batch_size": 16, "learning_rate": 3e-3, "label_smoothing": 0.0, **changes}
        config = recipe("logmel-cnn", **settings)
        model = model_for(rated_split.train, config, family="logmel-cnn", seed=1)
        fitted = fit(model, rated_split.train, rated_split.dev, config=config, seed=1)
        store = FeatureStore(fitted.model, rated_split.test)
        found = predict_heads(fitted.model, store, range(len(rated_split.test)))
        return fitted, Heads(torch.from_numpy(found.logits), torch.from_numpy(found.attributes))

    return run


def test_soft_targets_teach_the_shares_and_hard_ones_certainty(rated_split: Split, learn: Learn) -> None:
    _, soft = learn(target="soft")
    _, hard = learn()
    labels = rated_split.test.labels()
    assert uar(labels, soft.logits.argmax(1).numpy()) > 0.6
    # two of three votes are for the label: nobody who has learned the votes is surer than that
    sure = {
        name: float(heads.logits.softmax(1)[torch.arange(len(labels)), torch.as_tensor(labels)].mean())
        for name, heads in {"soft": soft, "hard": hard}.items()
    }
    assert sure["hard"] > sure["soft"] + 0.1
    assert 0.45 < sure["soft"] < 0.78


def test_attributes_are_learned_beside_emotions_on_the_scale_of_the_raters(rated_split: Split, learn: Learn) -> None:
    fitted, heads = learn(attributes=("valence", "arousal"))
    config = fitted.model.config
    assert config.attributes == ("valence", "arousal")
    assert config.attribute_range == (1.0, 7.0)
    assert uar(rated_split.test.labels(), heads.logits.argmax(1).numpy()) > 0.6
    for position, name in enumerate(config.attributes):
        values = 1.0 + 6.0 * heads.attributes[:, position].numpy()
        assert ccc(rated_split.test.table[name].to_numpy(), values) > 0.4
    last = fitted.history[fitted.best_epoch - 1]
    assert last["dev_ccc_arousal"] > 0.4
    assert last["dev_uar"] > 0.6


def test_attributes_alone_need_no_emotion(rated_split: Split) -> None:
    bare = [
        replace(side, table=side.table.with_columns(emotion=pl.lit(None, pl.String)), classes=(), ratings=None)
        for side in (rated_split.train, rated_split.dev)
    ]
    config = recipe("logmel-cnn", epochs=2, emotions=False, attributes=("arousal",))
    model = model_for(bare[0], config, family="logmel-cnn", seed=0)
    assert model.classes == ()
    fitted = fit(model, bare[0], bare[1], config=config)
    assert set(fitted.history[0]) == {"loss", "dev_loss", "dev_ccc_arousal"}
    assert fitted.model.erasure is not None
    assert fitted.model.erasure.within is None
    heads = fitted.model.heads(*fitted.model.front_end(torch.zeros(2, 8000), torch.tensor([8000, 4000])))
    assert heads.logits.shape == (2, 0)
    assert heads.attributes.shape == (2, 1)


def test_models_with_attributes_come_back_from_disk(rated_split: Split, tmp_path: Path) -> None:
    config = recipe("logmel-cnn", epochs=1, attributes=("dominance", "arousal"), target="multi-label")
    table = rated_split.train.table.with_columns(dominance=pl.col("arousal"))
    model = model_for(replace(rated_split.train, table=table), config, family="logmel-cnn", seed=0)
    model.save_pretrained(tmp_path / "m")
    again = EmotionModel.from_pretrained(tmp_path / "m")
    assert again.config == model.config
    assert again.config.multi_label
    assert again.config.attributes == ("dominance", "arousal")


def test_the_objective_is_the_sum_of_its_heads(rated_split: Split) -> None:
    config = recipe("logmel-cnn", target="soft", attributes=("arousal",), attribute_weight=0.5, label_smoothing=0.05)
    model = ModelConfig(family="logmel-cnn", classes=CLASSES, attributes=("arousal",), attribute_range=(1.0, 7.0))
    targets = targets_of(rated_split.train, model, config)
    rows = np.arange(10)
    objective = Objective(config, targets, rows, n_classes=3)
    generator = torch.Generator().manual_seed(0)
    heads = Heads(torch.randn(10, 3, generator=generator), torch.randn(10, 1, generator=generator))
    batch = targets.batch(rows)
    assert batch.shares is not None
    weights = effective_number_weights(batch.shares.double().sum(0))
    emotion = soft_cross_entropy(heads.logits, batch.shares, weights=weights, label_smoothing=0.05)
    arousal = torch.as_tensor((rated_split.train.table["arousal"].to_numpy()[:10] - 1.0) / 6.0, dtype=torch.float32)
    expected = float(emotion) + 0.5 * float(ccc_loss(heads.attributes, arousal[:, None]))
    assert float(objective.heads_loss(heads, batch)) == pytest.approx(expected, abs=1e-6)
    plain = float(soft_cross_entropy(heads.logits, batch.shares)) + 0.5 * float(
        ccc_loss(heads.attributes, arousal[:, None])
    )
    assert float(objective.plain_loss(heads, batch)) == pytest.approx(plain, abs=1e-6)


def test_shares_of_the_votes(rated_split: Split) -> None:
    model = ModelConfig(family="logmel-cnn", classes=CLASSES)
    plain = targets_of(rated_split.train, model, recipe("logmel-cnn", target="soft"))
    second = targets_of(rated_split.train, model, recipe("logmel-cnn", target="soft", secondary_weight=1.0))
    assert plain.shares is not None
    assert second.shares is not None
    label, other = plain.labels[0], (plain.labels[0] + 1) % 3
    assert plain.shares[0, label] == pytest.approx(2 / 3)
    assert plain.shares[0, other] == pytest.approx(1 / 3)
    assert second.shares[0, other] == pytest.approx(2 / 4)


def test_rows_without_votes_or_ratings_are_counted_not_learned(rated_split: Split) -> None:
    train = rated_split.train
    assert train.ratings is not None
    gone = train.table["utterance"].to_list()[:7]
    silent = replace(train, ratings=train.ratings.filter(~pl.col("utterance").is_in(gone)))
    config = recipe("logmel-cnn", epochs=1, target="soft")
    fitted = fit(model_for(silent, config, family="logmel-cnn", seed=0), silent, rated_split.dev, config=config, seed=0)
    assert fitted.without_target == 7
    assert not set(range(7)) & {*fitted.trained_rows, *fitted.heldout_rows}
    # with an attribute rated there is something to learn: the loss leaves out only the missing votes
    both = recipe("logmel-cnn", epochs=1, target="soft", attributes=("arousal",))
    model = model_for(silent, both, family="logmel-cnn", seed=0)
    assert fit(model, silent, rated_split.dev, config=both, seed=0).without_target == 0
    targets = targets_of(silent, model.config, both)
    objective = Objective(both, targets, np.arange(len(silent)), n_classes=3)
    heads = Heads(torch.randn(7, 3), torch.zeros(7, 1))
    assert float(objective.heads_loss(heads, targets.batch(np.arange(7)))) == pytest.approx(
        float(ccc_loss(heads.attributes, targets.batch(np.arange(7)).attributes)), abs=1e-6
    )


def test_hard_targets_are_plain_cross_entropy(rated_split: Split) -> None:
    config = recipe("logmel-cnn", class_weights=False, label_smoothing=0.1)
    targets = targets_of(rated_split.train, ModelConfig(family="logmel-cnn", classes=CLASSES), config)
    logits = torch.randn(len(rated_split.train), 3)
    labels = torch.as_tensor(rated_split.train.labels())
    batch = targets.batch(np.arange(len(labels)))
    objective = Objective(config, targets, np.arange(len(labels)), n_classes=3)
    found = objective.heads_loss(Heads(logits, torch.empty(len(labels), 0)), batch)
    assert torch.equal(found, cross_entropy(logits, labels, label_smoothing=0.1))


def test_the_range_is_the_stated_scale_or_what_is_there(rated_split: Split) -> None:
    train = rated_split.train
    assert attribute_range(train, ()) == (0.0, 1.0)
    assert attribute_range(train, ("arousal",)) == (1.0, 7.0)
    values = train.table["arousal"]
    assert attribute_range(replace(train, scale=None), ("arousal",)) == (values.min(), values.max())
    flat = replace(train, scale=None, table=train.table.with_columns(arousal=pl.lit(3.0)))
    with pytest.raises(DataError, match="no values of arousal that vary"):
        attribute_range(flat, ("arousal",))


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"target": "soft"}, r"has no ratings, which soft targets are made of; .*; add ratings.csv"),
        ({"attributes": ("dominance",)}, "has no dominance in these .* utterances"),
    ],
)
def test_what_cannot_be_learned_is_refused(rated_split: Split, config: dict[str, object], match: str) -> None:
    corpus = replace(rated_split.train, ratings=None)
    settings: TrainConfig = recipe("logmel-cnn", **config)
    model = ModelConfig(family="logmel-cnn", classes=CLASSES, attributes=settings.attributes)
    with pytest.raises(DataError, match=match):
        targets_of(corpus, model, settings)


def test_settings_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ConfigError, match="there is nothing to learn"):
        recipe("logmel-cnn", emotions=False)
    with pytest.raises(ConfigError, match="target is 'fuzzy'; hard, soft or multi-label"):
        recipe("logmel-cnn", target="fuzzy")
