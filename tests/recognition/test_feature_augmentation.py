"""Noise, mixup, SMOTE and how many of each class, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import AffektError, ConfigError, DataError, ShapeError
from affekt.recognition.feature_augmentation import Augmenter, Mixup, Noise, Smote, Training, checked, fill_up


@pytest.fixture
def training() -> Training:
    generator = np.random.default_rng(0)
    labels = np.array([0] * 12 + [1] * 5 + [2])
    features = generator.standard_normal((18, 6)).astype(np.float32) + 4 * np.eye(6, dtype=np.float32)[labels]
    return Training(features, labels, 3, np.arange(18, dtype=np.float32)[:, None])


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(0, 120))
def test_filling_up_is_pouring_one_by_one(counts: list[int], total: int) -> None:
    poured = np.array(counts)
    for _ in range(total):
        poured[poured.argmin()] += 1
    found = fill_up(counts, total)
    assert int(found.sum()) == total
    assert (found >= 0).all()
    assert sorted(np.array(counts) + found) == sorted(poured)


@pytest.mark.parametrize("augmenter", [Noise(), Mixup(), Smote()])
def test_what_every_augmenter_does(augmenter: Augmenter, training: Training) -> None:
    augmenter.fit(training, seed=0)
    made = augmenter.sample([2, 3, 4], seed=1)
    assert made.features.shape == (9, 6)
    assert made.features.dtype == np.float32
    assert made.labels.tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert made.shares.sum(1) == pytest.approx(np.ones(9))
    assert made.text is not None
    assert (training.labels[made.text[:, 0].astype(int)] == made.labels).all()
    again, other = augmenter.sample([2, 3, 4], seed=1), augmenter.sample([2, 3, 4], seed=2)
    assert np.array_equal(made.features, again.features)
    assert not np.array_equal(made.features, other.features)
    assert not len(augmenter.sample([0, 0, 0], seed=1).features)


def test_noise_has_the_spread_it_says(training: Training) -> None:
    noise = Noise(scale=0.5)
    noise.fit(training, seed=0)
    made = noise.sample([20_000, 0, 0], seed=0)
    assert made.text is not None
    off = made.features - training.features[made.text[:, 0].astype(int)]
    assert off.std(0) == pytest.approx(0.5 * training.features.std(0), rel=0.03)
    exact = Noise(scale=0.0)
    exact.fit(training, seed=0)
    assert set(exact.sample([5, 0, 0], seed=0).features[:, 0]) <= set(training.features[:12, 0])


def test_mixup_mixes_classes_as_it_mixes_vectors(training: Training) -> None:
    flat = training._replace(features=np.eye(3, dtype=np.float32)[training.labels])
    mixup = Mixup(alpha=1.0)
    mixup.fit(flat, seed=0)
    made = mixup.sample([50, 50, 50], seed=0)
    # vectors are one-hot classes here, so what is mixed must be the shares
    assert made.features == pytest.approx(made.shares, abs=1e-6)
    assert (made.shares.max(1) >= 0.5).all()
    assert (made.shares.max(1) < 0.95).any()


def test_smote_lies_between_neighbours(training: Training) -> None:
    smote = Smote(neighbours=2)
    smote.fit(training, seed=0)
    made = smote.sample([0, 200, 3], seed=0)
    members = training.features[training.labels == 1]
    scaled = members / training.features.std(0)
    for vector, start in zip(
        made.features[:200], made.text[:200, 0].astype(int) if made.text is not None else [], strict=True
    ):
        distances = np.linalg.norm(scaled - scaled[start - 12], axis=1)
        ends = members[np.argsort(distances)[1:3]]
        # on one of the lines from the start to its two nearest: the detour over the vector is none
        begin = training.features[start]
        detours = [
            np.linalg.norm(vector - begin) + np.linalg.norm(end - vector) - np.linalg.norm(end - begin) for end in ends
        ]
        assert min(detours) < 1e-4
    assert np.array_equal(made.features[200:], np.tile(training.features[17], (3, 1)))  # alone in its class


@pytest.mark.parametrize(
    ("error", "match", "change"),
    [
        (ShapeError, r"labels \(3,\)", {"labels": np.zeros(3, np.int64)}),
        (DataError, "a feature is not finite", {"features": np.full((18, 6), np.nan, np.float32)}),
        (DataError, "18 vectors of 2 classes", {"n_classes": 2}),
    ],
)
def test_what_cannot_be_learned_from(training: Training, error: type[AffektError], match: str, change: dict) -> None:
    with pytest.raises(error, match=match):
        checked(training._replace(**change))


def test_what_is_refused(training: Training) -> None:
    with pytest.raises(ConfigError, match="-1 vectors cannot be added"):
        fill_up([1], -1)
    for kind, match in (
        (lambda: Noise(scale=-1.0), "scale is -1.0; 0 or more"),
        (lambda: Mixup(alpha=0.0), "alpha is 0.0; a positive number"),
        (lambda: Smote(neighbours=0), "neighbours is 0; 1 or more"),
    ):
        with pytest.raises(ConfigError, match=match):
            kind()
    noise = Noise()
    noise.fit(training._replace(n_classes=4), seed=0)
    with pytest.raises(ShapeError, match=r"counts have the shape \(2,\); \(4,\)"):
        noise.sample([1, 1], seed=0)
    with pytest.raises(DataError, match=r"\[0, 0, 0, 1\] vectors of classes with \[12, 5, 1, 0\]"):
        noise.sample([0, 0, 0, 1], seed=0)
