"""Forgetting quality: what the practice study measured on Gaussians, and AUC by brute force."""

import numpy as np
import pytest

from affekt.errors import ShapeError
from affekt.metrics import forgetting_quality, separability


def test_perfect_forgetting_is_near_its_null_and_far_from_one() -> None:
    rng = np.random.default_rng(0)
    perfect, gold, null = rng.normal(size=(3, 64, 200))
    found = forgetting_quality(perfect, gold, null)
    assert found.f_null == pytest.approx(0.35, abs=0.05)  # measured with single thresholds at 64 models
    assert found.ratio == pytest.approx(1.0, abs=0.2)
    shifted = forgetting_quality(perfect + 2.0, gold, null)
    assert shifted.f == pytest.approx(0.01, abs=0.01)
    assert shifted.ratio < 0.1
    assert shifted.epsilon > found.epsilon


def test_sides_are_cut_to_one_number_of_models() -> None:
    rng = np.random.default_rng(1)
    found = forgetting_quality(rng.normal(size=(30, 5)), rng.normal(size=(16, 5)), rng.normal(size=(20, 5)))
    assert found.models == 16


def test_separability_is_the_auc_of_every_column() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.normal(size=(9, 4)), rng.normal(size=(7, 4)).round(1)
    for column, value in enumerate(separability(one, two)):
        wins = np.sign(one[:, column][:, None] - two[:, column][None]).mean() / 2 + 0.5
        assert value == pytest.approx(max(wins, 1 - wins))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="too few models"):
        forgetting_quality(np.zeros((2, 3)), np.zeros((5, 3)), np.zeros((5, 3)))
    with pytest.raises(ShapeError, match="do not match"):
        separability(np.zeros((2, 3)), np.zeros((2, 4)))
