"""Evidence from ensembles: the null keeps its level, a shift is found, and halves stand in for a null."""

import numpy as np
import pytest

from affekt.errors import ShapeError
from affekt.unlearning import ensemble_evidence


def test_perfect_forgetting_looks_like_its_null() -> None:
    rng = np.random.default_rng(0)
    perfect, gold, null = rng.normal(size=(3, 64, 60))
    found = ensemble_evidence(perfect, gold, null)
    assert found.certified_share <= 0.05
    assert found.certified == 0.0
    assert found.certified_ceiling == pytest.approx(2.10, abs=0.02)  # 32 models a side judge
    assert found.quality.ratio == pytest.approx(1.0, abs=0.25)
    assert found.klom.estimate == pytest.approx(found.klom_floor, rel=0.15)
    assert found.auc.estimate == pytest.approx(found.auc_floor, abs=0.02)
    assert found.u_lira.estimate == pytest.approx(0.5, abs=0.03)
    assert found.shift.equivalent


def test_a_shift_is_found_by_all_of_them() -> None:
    rng = np.random.default_rng(1)
    gold, null = rng.normal(size=(2, 48, 30))
    found = ensemble_evidence(rng.normal(size=(48, 30)) + 2.5, gold, null, draws=np.repeat([0, 1, 2], 10).tolist())
    assert found.certified_share > 0.9
    assert found.quality.ratio < 0.1
    assert found.klom.low > 1.5 * found.klom_floor
    assert found.auc.low > 0.9
    assert found.u_lira.low > 0.8
    assert found.u_lira_floor == pytest.approx(0.5, abs=0.05)
    assert not found.shift.equivalent
    assert found.auc.unit == "draw (3), then utterance"
    assert found.to_json()["models"] == (48, 48, 48)


def test_without_a_null_the_retrained_models_are_halved() -> None:
    rng = np.random.default_rng(2)
    found = ensemble_evidence(rng.normal(size=(10, 5)), rng.normal(size=(20, 5)))
    assert found.models == (10, 10, 10)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="ensembles do not fit"):
        ensemble_evidence(np.zeros((4, 3)), np.zeros((8, 2)))
    with pytest.raises(ShapeError, match="four models"):
        ensemble_evidence(np.zeros((4, 3)), np.zeros((6, 3)))
