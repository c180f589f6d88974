"""Classification scores against scikit-learn, by hand, and under relabelling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from affekt.errors import AffektError, ConfigError, DataError, ShapeError
from affekt.metrics import (
    accuracy,
    confusion,
    f1_scores,
    macro_f1,
    micro_f1,
    precisions,
    recalls,
    score_confusion,
    uar,
)

CLASSES = 5


@st.composite
def labelled(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    size = draw(st.integers(1, 40))
    column = st.lists(st.integers(0, CLASSES - 1), min_size=size, max_size=size)
    return np.array(draw(column)), np.array(draw(column))


@given(labelled())
def test_agrees_with_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth, prediction = pair
    everything = list(range(CLASSES))
    occurring = sorted(set(truth.tolist()))
    assert np.array_equal(
        confusion(truth, prediction, n_classes=CLASSES), confusion_matrix(truth, prediction, labels=everything)
    )
    assert accuracy(truth, prediction) == pytest.approx(accuracy_score(truth, prediction), abs=1e-12)
    reference = recall_score(truth, prediction, labels=occurring, average="macro", zero_division=0)
    assert uar(truth, prediction, n_classes=CLASSES) == pytest.approx(reference, abs=1e-12)
    reference = f1_score(truth, prediction, labels=everything, average="macro", zero_division=0)
    assert macro_f1(truth, prediction, n_classes=CLASSES) == pytest.approx(reference, abs=1e-12)
    per_class = recall_score(truth, prediction, labels=everything, average=None, zero_division=np.nan)
    assert np.allclose(recalls(truth, prediction, n_classes=CLASSES), per_class, atol=1e-12, equal_nan=True)


@given(labelled(), st.permutations(range(CLASSES)))
def test_uar_does_not_depend_on_the_names_of_classes(pair: tuple[np.ndarray, np.ndarray], names: list[int]) -> None:
    truth, prediction = pair
    renamed = np.array(names)
    assert uar(renamed[truth], renamed[prediction]) == pytest.approx(uar(truth, prediction), abs=1e-12)


def test_uar_leaves_out_classes_that_do_not_occur() -> None:
    assert uar([1, 1, 3, 3], [1, 1, 3, 0], n_classes=8) == pytest.approx(0.75)


def test_macro_f1_counts_an_undefined_class_as_zero() -> None:
    assert macro_f1([0, 1], [0, 1], n_classes=4) == pytest.approx(0.5)


def test_score_confusion_takes_many_matrices_at_once() -> None:
    counts = np.array([[[2, 0], [0, 2]], [[1, 1], [2, 0]]])
    assert score_confusion("accuracy", counts) == pytest.approx([1.0, 0.25])
    assert score_confusion("uar", counts) == pytest.approx([1.0, 0.25])
    assert score_confusion("macro_f1", counts) == pytest.approx([1.0, 0.2])


@pytest.mark.parametrize(
    ("truth", "prediction", "error", "message"),
    [
        ([], [], DataError, "empty"),
        ([0, 1], [0], ShapeError, "differ in length"),
        ([[0, 1]], [[0, 1]], ShapeError, "wrong shape"),
        ([0, 3], [0, 1], DataError, "out of range"),
        ([0, 1], [0, -1], DataError, "out of range"),
        ([0.0, 1.0], [0.0, 1.0], DataError, "class indices"),
    ],
)
def test_bad_labels_are_refused(truth: list, prediction: list, error: type[AffektError], message: str) -> None:
    for score in (accuracy, uar, macro_f1, recalls, confusion):
        with pytest.raises(error, match=message):
            score(truth, prediction, n_classes=3)


def test_unknown_score_and_bad_counts_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown"):
        score_confusion("f2", np.eye(2))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="K, K"):
        score_confusion("uar", np.ones((2, 3)))
    with pytest.raises(DataError, match="empty or negative"):
        score_confusion("uar", np.zeros((2, 2)))
    with pytest.raises(ConfigError, match="n_classes"):
        accuracy([0], [0], n_classes=0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_precision_and_f1_against_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, prediction = (list(column) for column in zip(*rows, strict=True))
    options = {"labels": range(4), "average": None, "zero_division": 0}
    found = precisions(truth, prediction, n_classes=4)
    assert [bool(np.isnan(value)) for value in found] == [k not in prediction for k in range(4)]
    assert np.nan_to_num(found) == pytest.approx(precision_score(truth, prediction, **options))
    scores = f1_scores(truth, prediction, n_classes=4)
    assert scores == pytest.approx(f1_score(truth, prediction, **options))
    assert scores.mean() == pytest.approx(macro_f1(truth, prediction, n_classes=4))
    assert micro_f1(truth, prediction) == pytest.approx(f1_score(truth, prediction, average="micro"))
