"""The attacker with two models, and damage near the forget set."""

import numpy as np
import pytest

from affekt.errors import DataError, ShapeError
from affekt.metrics import collateral_damage, informed_attack, informed_features, phi


def test_features_by_hand() -> None:
    before, after = np.array([[2.0, 0.5, -1.0]]), np.array([[3.0, 1.5, 0.0]])
    found = informed_features(before, after, [0])
    assert found[0, 0] == pytest.approx(1.298587, abs=1e-6)
    assert found[0, 1:] == pytest.approx([1.298587, 0.0, 0.0], abs=1e-6)  # a constant means nothing
    moved = informed_features(before, [[0.0, 0.5, -1.0]], [0])
    assert moved[0, 3] == pytest.approx(np.linalg.norm(np.array([2, 0, 0]) - 2 / 3))
    assert moved[0, 2] == pytest.approx(phi(before, [0])[0] - phi([[0.0, 0.5, -1.0]], [0])[0])


def test_the_attacker_sees_what_changed_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(120, 4)), rng.integers(0, 4, 120)
    after = logits + 0.1 * rng.normal(size=logits.shape)
    chance = informed_attack(
        informed_features(logits[:60], after[:60], labels[:60]), informed_features(logits[60:], after[60:], labels[60:])
    )
    assert chance.contains(0.5)
    after[:60] += 2 * rng.normal(size=(60, 4))
    seen = informed_attack(
        informed_features(logits[:60], after[:60], labels[:60]), informed_features(logits[60:], after[60:], labels[60:])
    )
    assert seen.low > 0.8


def test_folds_keep_the_attacker_honest() -> None:
    """Twenty useless features fit sixty utterances by heart; cross-validation must not be fooled."""
    rng = np.random.default_rng(1)
    areas = [informed_attack(*rng.normal(size=(2, 30, 20)), seed=seed).estimate for seed in range(20)]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.05)


def test_damage_by_group_beside_its_floor() -> None:
    rng = np.random.default_rng(2)
    models = rng.normal(size=(21, 90))
    groups = np.repeat(["same speaker", "same sentence", "rest"], 30)
    own = models[0].copy()
    own[:30] -= 5
    found = collateral_damage(own, models[1:], groups, clusters=np.tile(["a", "b", "c"], 30))
    assert list(found) == ["rest", "same sentence", "same speaker"]
    assert found["same speaker"].gap.estimate > 3 * found["same speaker"].floor
    assert found["rest"].gap.estimate == pytest.approx(found["rest"].floor, rel=0.3)
    assert found["rest"].gap.unit == "speaker (3)"
    assert found["rest"].utterances == 30


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="logits do not match"):
        informed_features([[1.0, 2.0]], [[1.0, 2.0, 3.0]], [0])
    with pytest.raises(DataError, match="too few utterances"):
        informed_attack([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ShapeError, match="sizes do not match"):
        collateral_damage([1.0], [[1.0]], ["rest"])
