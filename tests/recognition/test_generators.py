"""Generators on two Gaussian kinds of vectors that share a class."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from affekt.errors import ConfigError, DataError
from affekt.recognition.critic import pair_information
from affekt.recognition.feature_augmentation import Samples, Training
from affekt.recognition.generators import ConditionalVae, FeatureSpace, GeneratorConfig, InfoGan

SMALL = GeneratorConfig(steps=220, width=32, noise=8, batch_size=32)


def drawn(count: int, *, seed: int) -> Training:
    """Vectors (12 wide) and texts (2 wide) that share a class and, within it, two numbers."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, count)
    shared = generator.standard_normal((count, 2))
    axes = np.random.default_rng(99).standard_normal((2, 12))
    features = 2.5 * np.eye(12)[labels] + 0.8 * shared @ axes + 0.5 * generator.standard_normal((count, 12))
    return Training(features.astype(np.float32), labels, 3, shared.astype(np.float32))


@pytest.fixture(scope="module")
def training() -> Training:
    return drawn(240, seed=0)


@pytest.fixture(scope="module")
def infogan(training: Training) -> InfoGan:
    made = InfoGan(SMALL)
    made.fit(training, seed=1)
    return made


def accuracy(made: Samples) -> float:
    """Of a classifier that learned from made vectors alone, on fresh real ones."""
    real = drawn(600, seed=5)
    return float(LogisticRegression(max_iter=500).fit(made.features, made.labels).score(real.features, real.labels))


@pytest.mark.parametrize("kind", ["cvae", "gan", "infogan"])
def test_made_vectors_teach_what_real_ones_do(kind: str, training: Training, infogan: InfoGan) -> None:
    found: InfoGan | ConditionalVae = infogan
    if kind == "cvae":
        found = ConditionalVae(SMALL)
    elif kind == "gan":
        found = InfoGan(replace(SMALL, class_weight=0.0, text_weight=0.0, steps=400))
    if kind != "infogan":
        found.fit(training, seed=1)
    made = found.sample([80, 80, 80], seed=2)
    best = LogisticRegression(max_iter=500).fit(training.features, training.labels)
    real = drawn(600, seed=5)
    assert accuracy(made) > best.score(real.features, real.labels) - 0.07
    spread = made.features.std(0).mean() / training.features.std(0).mean()
    assert 0.5 < spread < 1.5  # it has not collapsed on a point


def text_information(made: Samples, training: Training) -> float:
    assert made.text is not None
    space = FeatureSpace(training.features, 12)
    return pair_information(
        space.forward(made.features), made.text, critic="bilinear", steps=150, learning_rate=5e-3, seed=0
    ).nats


def test_the_text_bound_ties_the_text_to_the_vector(training: Training, infogan: InfoGan) -> None:
    without = InfoGan(replace(SMALL, text_weight=0.0))
    without.fit(training, seed=1)
    counts = [100, 100, 100]
    tied = text_information(infogan.sample(counts, seed=3), training)
    loose = text_information(without.sample(counts, seed=3), training)
    assert tied > loose + 0.3


def test_without_text_at_generation_there_is_none(training: Training, infogan: InfoGan) -> None:
    infogan.with_text = False
    made = infogan.sample([5, 5, 5], seed=2)
    infogan.with_text = True
    assert made.text is None
    assert accuracy(infogan.sample([60, 60, 60], seed=2)) > 0.8
    assert not np.array_equal(made.features, infogan.sample([5, 5, 5], seed=2).features)
    no_text = InfoGan(GeneratorConfig(steps=5, width=8))
    no_text.fit(training._replace(text=None), seed=0)
    assert no_text.sample([1, 0, 2], seed=0).text is None


def test_pairs_are_made_together(training: Training) -> None:
    found = {}
    for weight in (0.0, 1.0):
        gan = InfoGan(replace(SMALL, pairs=True, pair_weight=weight))
        gan.fit(training, seed=1)
        made = gan.sample([100, 100, 100], seed=2)
        assert made.text is not None
        assert made.text.shape == (300, 2)
        found[weight] = text_information(made, training)
    assert found[1.0] > found[0.0] - 0.1
    assert found[1.0] > 0.5


def test_mine_is_a_bound_too(training: Training) -> None:
    gan = InfoGan(replace(SMALL, text_bound="mine"))
    gan.fit(training, seed=1)
    assert text_information(gan.sample([100, 100, 100], seed=2), training) > 0.5


@pytest.mark.parametrize("kind", [ConditionalVae, InfoGan])
def test_same_seed_same_vectors(kind: type[InfoGan] | type[ConditionalVae], training: Training) -> None:
    torch.manual_seed(4)
    expected = torch.rand(1)
    torch.manual_seed(4)
    short = GeneratorConfig(steps=8, width=16)
    made = []
    for seed in (0, 0, 1):
        found = kind(short)
        found.fit(training, seed=seed)
        made.append(found.sample([3, 2, 1], seed=7))
    assert torch.equal(torch.rand(1), expected)
    assert np.array_equal(made[0].features, made[1].features)
    assert not np.array_equal(made[0].features, made[2].features)
    assert made[0].labels.tolist() == [0, 0, 0, 1, 1, 2]


def test_a_class_without_vectors_is_not_made(training: Training) -> None:
    rows = training.labels != 1
    gan = InfoGan(GeneratorConfig(steps=3, width=8))
    gan.fit(Training(training.features[rows], training.labels[rows], 3), seed=0)
    assert gan.sample([2, 0, 2], seed=0).labels.tolist() == [0, 0, 2, 2]
    with pytest.raises(DataError, match=r"\[0, 1, 0\] vectors of classes with"):
        gan.sample([0, 1, 0], seed=0)


def test_components_are_a_way_there_and_back() -> None:
    vectors = np.random.default_rng(0).standard_normal((30, 5)).astype(np.float32)
    vectors[:, 4] = vectors[:, 0]  # one direction without variance
    space = FeatureSpace(vectors, 10)
    assert space.width == 4
    assert space.inverse(space.forward(vectors)) == pytest.approx(vectors, abs=1e-4)
    assert space.forward(vectors).std(0) == pytest.approx(np.ones(4), abs=1e-4)
    fewer = FeatureSpace(vectors, 2)
    exact = np.linalg.svd(vectors - vectors.mean(0), compute_uv=False)
    lost = ((fewer.inverse(fewer.forward(vectors)) - vectors) ** 2).sum()
    assert lost == pytest.approx((exact[2:] ** 2).sum(), rel=1e-4)
    assert FeatureSpace(np.ones((4, 3), np.float32), 3).width == 0


def test_what_is_refused(training: Training) -> None:
    with pytest.raises(ConfigError, match="steps is 0; a value from 1"):
        GeneratorConfig(steps=0)
    with pytest.raises(ConfigError, match="text_bound is 'nwj'; info-nce or mine"):
        GeneratorConfig(text_bound="nwj")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="pairs need texts that differ"):
        InfoGan(GeneratorConfig(pairs=True)).fit(training._replace(text=None), seed=0)
    with pytest.raises(ConfigError, match="the generator has learned nothing yet"):
        InfoGan().sample([1, 1, 1], seed=0)
