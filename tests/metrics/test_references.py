"""One model among others: exact levels where the truth is known, power, and the arithmetic by hand."""

from dataclasses import asdict

import numpy as np
import pytest

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import beside, reference_test, reference_z, relative_test


def population(rng: np.random.Generator, models: int, n: int, *, shared: float = 0.5) -> np.ndarray:
    """phi of models that differ as a whole and by utterance, with another spread for every utterance."""
    spread = np.exp(rng.normal(0, 0.5, n))
    return rng.normal(2, 1, n) + spread * (
        shared * rng.normal(size=(models, 1)) + np.sqrt(1 - shared**2) * rng.normal(size=(models, n))
    )


def test_p_is_uniform_under_the_null() -> None:
    rng = np.random.default_rng(0)
    p = []
    for _ in range(1500):
        models = population(rng, 20, 25)
        p.append(reference_test(models[0], models[1:]).p)
    counts = np.bincount(np.rint(np.array(p) * 20).astype(int), minlength=21)[1:]
    assert counts.sum() == 1500
    expected = 1500 / 20
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # chi-squared, 19 degrees of freedom, p = 0.001
    assert min(p) == pytest.approx(1 / 20)


@pytest.mark.parametrize("change", ["shifted", "spread"])
def test_it_finds_a_shift_and_a_spread(change: str) -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(100):
        models = population(rng, 21, 30, shared=0.3)
        own = models[0] + 2.5 if change == "shifted" else models[0] + 4.0 * rng.choice([-1, 1], 30)
        found.append(reference_test(own, models[1:]))
    assert np.mean([one.p == one.floor for one in found]) >= 0.97
    if change == "shifted":
        assert np.mean([one.shift for one in found]) > 1.5
        assert np.mean([one.above for one in found]) > 0.4
    else:
        assert abs(np.mean([one.shift for one in found])) < 0.2
        assert np.mean([one.spread / one.spread_references for one in found]) > 4


def test_order_of_the_references_does_not_matter() -> None:
    models = population(np.random.default_rng(2), 12, 9)
    one, two = (asdict(reference_test(models[0], others)) for others in (models[1:], models[:0:-1]))
    assert one == pytest.approx(two)


def test_z_scores_by_hand() -> None:
    references = np.array([[0.0, 1.0], [2.0, 5.0], [4.0, 9.0]])
    variance = references.var(0, ddof=1)  # 4 and 16
    wanted = (np.array([4.0, 5.0]) - [2, 5]) / np.sqrt((variance + 10) / 2)
    assert reference_z([4.0, 5.0], references) == pytest.approx(wanted)
    assert reference_z(references, references).shape == (3, 2)


def test_relative_test_knows_the_nearer_model() -> None:
    rng = np.random.default_rng(3)
    models = population(rng, 21, 30)
    original = models[0] + 4
    nearer = relative_test(original, models[0], models[1:])
    assert nearer.p < 0.001
    assert nearer.closed == pytest.approx(1.0, abs=0.15)
    nothing = relative_test(original, original, models[1:])
    assert (nothing.p, nothing.closed) == (pytest.approx(0.5), 0.0)
    worse = relative_test(original, models[0] - 12, models[1:])
    assert worse.p > 0.999
    assert worse.p_further < 0.001
    assert worse.closed < 0


@pytest.mark.parametrize("count", [3, 6, 20])
def test_the_band_is_hardly_ever_left(count: int) -> None:
    rng = np.random.default_rng(4)
    inside = [beside(draw[0], draw[1:]).inside for draw in rng.normal(size=(4000, count + 1))]
    assert 0.993 <= np.mean(inside) <= 0.9998


def test_the_band_moves_in_the_steps_of_the_number() -> None:
    steps = beside(0.9, [1.0] * 5, least=0.1)
    assert steps.inside
    assert not beside(0.85, [1.0] * 5, least=0.1).inside


def test_bad_input_is_refused() -> None:
    with pytest.raises(ShapeError, match="references do not fit"):
        reference_test([1.0, 2.0], [[1.0, 2.0]] * 3)
    with pytest.raises(ShapeError, match="differ in length"):
        relative_test([1.0, 2.0], [1.0], [[1.0, 2.0]] * 3)
    with pytest.raises(ShapeError, match="too few references"):
        beside(1.0, [1.0, 2.0])
    with pytest.raises(ConfigError, match="guard"):
        beside(1.0, [1.0, 2.0, 3.0], guard=-1.0)
