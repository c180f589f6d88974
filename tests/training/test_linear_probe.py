"""The probe is scikit-learn's regression, fitted to training speakers alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.training.linear_probe import deal_speakers, probe

CLASSES = ("anger", "joy", "sadness")


def made(
    *, speakers: int = 6, each: int = 12, layers: int = 3, size: int = 10, good: int = 1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features in which one layer alone knows the class."""
    random = np.random.default_rng(seed)
    count = speakers * each
    labels = random.integers(0, 3, count)
    features = random.standard_normal((count, layers, size)).astype(np.float32)
    features[:, good] += 1.2 * random.standard_normal((3, size))[labels]
    return features, labels, [f"s{row % speakers}" for row in range(count)]


def test_one_layer_and_one_c_is_scikit_learn_without_the_speaker() -> None:
    features, labels, speakers = made()
    found = probe(features, labels, speakers, classes=CLASSES, layers=1, cs=(0.3,))
    names = np.asarray(speakers)
    for speaker in set(speakers):
        rest, own = names != speaker, names == speaker
        scaler = StandardScaler().fit(features[rest, 1])
        model = LogisticRegression(C=0.3, class_weight="balanced", tol=1e-9, max_iter=5000)
        model.fit(scaler.transform(features[rest, 1]), labels[rest])
        wanted = model.predict_log_proba(scaler.transform(features[own, 1]))
        logits = found.logits[own]
        # equal up to a constant for each utterance
        assert logits - logits.mean(1, keepdims=True) == pytest.approx(wanted - wanted.mean(1, keepdims=True), abs=2e-3)
    assert found.folds == tuple((speaker,) for speaker in sorted(set(speakers)))
    assert set(found.layers) == {1}
    assert set(found.cs) == {0.3}
    assert (found.prediction == found.logits.argmax(1)).all()


def test_without_balance_it_is_the_plain_regression() -> None:
    features, labels, speakers = made(layers=1, good=0)
    found = probe(features[:, 0], labels, speakers, classes=CLASSES, cs=(1.0,), balanced=False)
    own = np.asarray(speakers) == "s2"
    scaler = StandardScaler().fit(features[~own, 0])
    model = LogisticRegression(C=1.0, tol=1e-9, max_iter=5000).fit(scaler.transform(features[~own, 0]), labels[~own])
    assert (model.predict(scaler.transform(features[own, 0])) == found.prediction[own]).all()


def test_the_layer_that_knows_is_chosen_and_beats_chance() -> None:
    features, labels, speakers = made(good=2, each=20)
    found = probe(features, labels, speakers, classes=CLASSES, folds=3)
    assert set(found.layers) == {2}
    assert len(found.folds) == 3
    assert np.mean(found.prediction == labels) > 0.75
    assert np.mean(probe(features, labels, speakers, classes=CLASSES, layers=0).prediction == labels) < 0.55


def test_nothing_of_a_test_speaker_is_used() -> None:
    """What a test speaker's features and labels are changes no prediction for others in its own fold's training."""
    features, labels, speakers = made()
    own = np.asarray(speakers) == "s0"
    before = probe(features, labels, speakers, classes=CLASSES)
    changed = labels.copy()
    changed[own] = (changed[own] + 1) % 3
    after = probe(features, changed, speakers, classes=CLASSES)
    # the fold that tests s0 never saw its labels
    assert np.array_equal(before.logits[own], after.logits[own])
    assert before.layers[0] == after.layers[0]
    # and its features do not shift the scale: scaling one test clip moves that clip alone
    moved = features.copy()
    moved[np.flatnonzero(own)[0]] *= 5
    again = probe(moved, labels, speakers, classes=CLASSES)
    assert np.array_equal(again.logits[own][1:], before.logits[own][1:])


def test_it_is_deterministic_and_reports_its_work() -> None:
    features, labels, speakers = made()
    seen: list[tuple[int, int]] = []
    one = probe(features, labels, speakers, classes=CLASSES, progress=lambda _, done, total: seen.append((done, total)))
    two = probe(features, labels, speakers, classes=CLASSES)
    assert np.array_equal(one.logits, two.logits)
    assert seen == [(k, 6) for k in range(1, 7)]
    assert one.seconds > 0


def test_a_class_that_training_speakers_lack_is_not_predicted() -> None:
    features, labels, speakers = made()
    labels = np.where(np.asarray(speakers) == "s0", 2, labels % 2)
    found = probe(features, labels, speakers, classes=CLASSES, layers=1)
    own = np.asarray(speakers) == "s0"
    assert (found.logits[own, 2] == -50.0).all()
    assert not (found.prediction[own] == 2).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 5))
def test_every_speaker_is_in_one_fold(count: int, folds: int, seed: int) -> None:
    speakers = [f"s{k}" for k in range(count)] * 2
    if folds > count:
        with pytest.raises(ConfigError, match="folds of"):
            deal_speakers(speakers, folds=folds, seed=seed)
        return
    dealt = deal_speakers(speakers, folds=folds, seed=seed)
    assert sorted(name for fold in dealt for name in fold) == sorted(set(speakers))
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    assert deal_speakers(speakers) == [[name] for name in sorted(set(speakers))]


def test_bad_arguments() -> None:
    features, labels, speakers = made()

    def run(**changes: object) -> None:
        arguments = {"features": features, "labels": labels, "speakers": speakers, "classes": CLASSES} | changes
        probe(**arguments)  # type: ignore[arg-type]

    with pytest.raises(ShapeError, match="features must be"):
        run(labels=labels[1:])
    with pytest.raises(ShapeError, match="features must be"):
        run(features=features[:, 0, 0])
    with pytest.raises(DataError, match="NaN"):
        run(features=np.full_like(features, np.nan))
    with pytest.raises(DataError, match="labels do not fit"):
        run(labels=labels + 1)
    with pytest.raises(DataError, match="no speaker"):
        run(speakers=[None, *speakers[1:]])
    with pytest.raises(ConfigError, match="no layer 3"):
        run(layers=3)
    with pytest.raises(ConfigError, match="cs is"):
        run(cs=(0.0,))
    with pytest.raises(ConfigError, match="1 folds of 1 speakers"):
        run(speakers=["a"] * len(speakers))
    with pytest.raises(ConfigError, match="1 training speaker is too few"):
        run(speakers=["a", "b"] * (len(speakers) // 2))
    with pytest.raises(DataError, match="have 1 class"):
        run(labels=np.zeros_like(labels), layers=0, cs=(1.0,))
