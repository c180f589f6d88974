"""Distances to retraining and composite scores: the cards' golden values, scipy, and their bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import (
    activation_distance,
    anamnesis_index,
    aus,
    average_gap,
    cgum,
    js_divergence,
    loss_gap,
    loss_gap_floor,
    speed_up,
    tow,
    unlearning_accuracy,
    zrf,
)

P = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]
Q = [[0.5, 0.3, 0.2], [0.3, 0.4, 0.3]]
weights = arrays(np.float64, (3, 4), elements=st.sampled_from([0.0, 1e-9, 0.5, 1.0, 7.0]))


def test_golden_divergences() -> None:
    assert js_divergence(P, Q) == pytest.approx([0.021901, 0.086305], abs=1e-6)
    assert js_divergence([0.9, 0.1], [0.1, 0.9]) == pytest.approx(0.368064, abs=1e-6)
    assert js_divergence([0.7, 0.2, 0.1], [0.2, 0.5, 0.3]) == pytest.approx(0.132918, abs=1e-6)
    assert zrf(P, Q) == pytest.approx(0.945897, abs=1e-6)
    assert zrf(P, Q, unit="bits") == pytest.approx(0.921946, abs=1e-6)
    assert activation_distance(P, Q) == pytest.approx(0.367423, abs=1e-6)


@given(weights, weights)
def test_js_is_symmetric_bounded_and_scipys(first: np.ndarray, second: np.ndarray) -> None:
    p, q = ((w + 1e-12) / (w + 1e-12).sum(axis=1, keepdims=True) for w in (first, second))
    value = js_divergence(p, q)
    assert np.allclose(value, js_divergence(q, p), atol=1e-12)
    assert ((value >= 0) & (value <= np.log(2) + 1e-12)).all()
    assert np.allclose(value, jensenshannon(p, q, axis=1) ** 2, atol=1e-9)
    assert np.allclose(js_divergence(p, p), 0.0, atol=1e-12)
    assert np.allclose(js_divergence(p, q, unit="bits") * np.log(2), value, atol=1e-12)


def test_js_of_disjoint_distributions_is_ln_two() -> None:
    assert js_divergence([1.0, 0.0], [0.0, 1.0]) == pytest.approx(np.log(2))


def test_golden_composites() -> None:
    score = cgum(
        f1_unlearned=0.695,
        f1_gold=0.707,
        n_classes=46,
        attack_unlearned=0.604,
        attack_gold=0.506,
        attack_original=0.628,
        seconds_unlearned=10,
        seconds_gold=17480,
    )
    parts = [score.utility, score.efficacy, score.efficiency, score.value]
    assert parts == pytest.approx([0.98249, 0.19672, 0.75454, 0.40396], abs=5e-6)
    assert aus(test_original=0.80, test_unlearned=0.78, forget_unlearned=0.70) == pytest.approx(0.907407, abs=1e-6)
    assert average_gap([70, 98, 78, 60], [68, 99, 80, 55]) == 2.5


def test_cgum_saturates_and_is_zero_with_a_zero_part() -> None:
    common = {"f1_gold": 0.7, "n_classes": 4, "attack_gold": 0.5, "attack_original": 0.6, "seconds_gold": 100.0}
    beyond = cgum(f1_unlearned=0.7, attack_unlearned=0.9, seconds_unlearned=1.0, **common)
    assert (beyond.efficacy, beyond.value) == (0.0, 0.0)
    better = cgum(f1_unlearned=0.8, attack_unlearned=0.5, seconds_unlearned=0.0, **common)
    assert (better.utility, better.efficacy, better.efficiency) == (1.0, 1.0, 1.0)
    assert better.value == pytest.approx(1.0)
    slow = cgum(f1_unlearned=0.7, attack_unlearned=0.5, seconds_unlearned=500.0, **common)
    assert (slow.efficiency, slow.value) == (0.0, 0.0)


def test_tow_is_one_for_gold_and_a_product_otherwise() -> None:
    assert tow([0.6, 0.9, 0.7], [0.6, 0.9, 0.7]) == 1.0
    assert tow([1.0, 0.9, 0.7], [0.6, 1.0, 0.7]) == pytest.approx(0.6 * 0.9)


def test_loss_gap_and_its_floor() -> None:
    gold = np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 5.0]])
    assert loss_gap([2.0, 3.0], gold) == pytest.approx(0.0)
    assert loss_gap([5.0, 3.0], gold) == pytest.approx(1.5)
    assert loss_gap([5.0, 3.0], [4.0, 1.0]) == pytest.approx(1.5)
    # by hand: |1-2.5|,|2-3.5|; |3-1.5|,|2-3.5|; |2-2|,|5-2|
    assert loss_gap_floor(gold) == pytest.approx((1.5 + 1.5 + 1.5) / 3)


def test_anamnesis_index_reports_censoring() -> None:
    assert anamnesis_index(10, 20, limit=100).value == 0.5
    assert anamnesis_index(0, 20, limit=100).value == 0.0
    at_least = anamnesis_index(None, 20, limit=100)
    assert (at_least.value, at_least.censored) == (5.0, "at least")
    at_most = anamnesis_index(10, None, limit=100)
    assert (at_most.value, at_most.censored) == (0.1, "at most")
    with pytest.raises(DataError, match="neither"):
        anamnesis_index(None, None, limit=100)
    with pytest.raises(DataError, match="nothing to relearn"):
        anamnesis_index(3, 0, limit=100)
    with pytest.raises(DataError, match="steps_unlearned"):
        anamnesis_index(101, 3, limit=100)
    with pytest.raises(ConfigError, match="limit"):
        anamnesis_index(1, 1, limit=0)


def test_small_ones() -> None:
    assert speed_up(seconds_retrain=100, seconds_unlearn=4) == 25.0
    assert unlearning_accuracy([0, 1, 1, 0], [0, 1, 1, 1]) == 0.25


def test_inputs_are_left_alone() -> None:
    p, q = np.array(P), np.array(Q)
    js_divergence(p, q)
    zrf(p, q)
    activation_distance(p, q)
    loss_gap(p[0], q)
    loss_gap_floor(q)
    assert p.tolist() == P
    assert q.tolist() == Q


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="differ in shape"):
        js_divergence(P, Q[0])
    with pytest.raises(DataError, match="probabilities"):
        js_divergence([0.9, 0.9], [0.5, 0.5])
    with pytest.raises(DataError, match="probabilities"):
        js_divergence([-0.1, 1.1], [0.5, 0.5])
    with pytest.raises(ConfigError, match="unit"):
        zrf(P, Q, unit="bans")
    with pytest.raises(ShapeError, match="three"):
        tow([0.5, 0.5], [0.5, 0.5])
    with pytest.raises(DataError, match="percentages"):
        tow([50, 50, 50], [50, 50, 50])
    with pytest.raises(ShapeError, match="differ in number"):
        average_gap([1], [1, 2])
    with pytest.raises(DataError, match="times"):
        speed_up(seconds_retrain=1, seconds_unlearn=0)
    with pytest.raises(ShapeError, match="two gold"):
        loss_gap_floor([[1.0, 2.0]])
    with pytest.raises(ShapeError, match="do not match"):
        loss_gap([1.0], [[1.0, 2.0]])
    fine = {"f1_unlearned": 0.5, "n_classes": 4, "attack_unlearned": 0.5, "attack_original": 0.6}
    times = {"seconds_unlearned": 1.0, "seconds_gold": 2.0}
    with pytest.raises(DataError, match="beat chance"):
        cgum(f1_gold=0.25, attack_gold=0.5, **fine, **times)
    with pytest.raises(DataError, match="stronger attack"):
        cgum(f1_gold=0.5, attack_gold=0.6, **fine, **times)
    with pytest.raises(ConfigError, match="CGUM"):
        cgum(f1_gold=0.5, attack_gold=0.5, alpha=0.0, **fine, **times)
