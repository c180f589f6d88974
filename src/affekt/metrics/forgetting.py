"""Distances between an unlearned model and a retrained one, and the composite scores papers report.

Accuracies, F1 and attack scores are shares in [0, 1] unless a function says otherwise. "Gold" is the model retrained
without the forget set. No composite should rank methods alone: report its parts, over seeds, with the gap of one
retrained model to another as the floor.

Source: Golatkar et al. 2020 (activation distance); Chundawat et al. 2023 (ZRF, anamnesis index); Fan et al. 2024
(average gap); Zhao et al. 2024 (ToW); Cotogni et al. 2023 (AUS); UnSLU 2025 (CGUM).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import rel_entr

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray
from affekt.metrics.classification import accuracy

__all__ = [
    "Anamnesis",
    "Cgum",
    "activation_distance",
    "anamnesis_index",
    "aus",
    "average_gap",
    "cgum",
    "js_divergence",
    "loss_gap",
    "loss_gap_floor",
    "speed_up",
    "tow",
    "unlearning_accuracy",
    "zrf",
]

LogUnit = Literal["bits", "nats"]


@dataclass(frozen=True, kw_only=True)
class Cgum:
    """CGUM and its three parts; report the parts."""

    value: float
    """Weighted harmonic mean of the parts; 0 if one is 0."""
    utility: float
    """U: how much of the gold model's F1 above chance is kept."""
    efficacy: float
    """E: how near the attack score is to the gold model's, on the scale of the original's."""
    efficiency: float
    """T: how much faster than retraining, on a log scale."""


@dataclass(frozen=True, kw_only=True)
class Anamnesis:
    """Anamnesis index, and whether the step limit cut it off."""

    value: float
    """Relearning steps of the unlearned model over those of the gold model; 1 is ideal."""
    censored: Literal["at least", "at most", "no"]
    """Whether the true index is at least, at most or exactly the value."""


def js_divergence(p: npt.ArrayLike, q: npt.ArrayLike, *, unit: LogUnit = "nats") -> RealArray:
    """Jensen-Shannon divergence of each pair of distributions, KL(p||m)/2 + KL(q||m)/2 with m = (p + q)/2.

    Args:
        p: (..., K), rows sum to 1.
        q: the same shape.
        unit: "nats" (at most ln 2) or "bits" (at most 1).

    Returns:
        (...), >= 0.

    Raises:
        ConfigError: unknown unit.
        ShapeError: different shapes.
        DataError: not probabilities.

    Example:
        >>> round(float(js_divergence([0.9, 0.1], [0.1, 0.9])), 6)
        0.368064
    """
    if unit not in ("bits", "nats"):
        raise ConfigError(f"the unit is unknown (got {unit!r}); expected nats or bits; name one.")
    first, second = _two_distributions(p, q)
    middle = 0.5 * (first + second)
    nats = 0.5 * (rel_entr(first, middle) + rel_entr(second, middle)).sum(axis=-1)
    return np.asarray(np.maximum(nats, 0.0) / (np.log(2.0) if unit == "bits" else 1.0), dtype=np.float64)


def zrf(unlearned: npt.ArrayLike, random: npt.ArrayLike, *, unit: LogUnit = "nats") -> float:
    """Zero retrain forgetting: 1 - mean JS between the unlearned and a randomly initialised model on the forget set.

    The gold model's own value is the target, not 1.

    Args:
        unlearned: probabilities, (N, K).
        random: probabilities of the random model, (N, K).
        unit: unit of the divergence; it changes the value.

    Returns:
        In [1 - ln 2, 1] in nats, [0, 1] in bits.

    Raises:
        ConfigError, ShapeError, DataError: as :func:`js_divergence`.
    """
    return float(1.0 - js_divergence(unlearned, random, unit=unit).mean())


def activation_distance(unlearned: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Mean Euclidean distance between the two models' probabilities on the same utterances.

    Args:
        unlearned: probabilities, (N, K).
        gold: probabilities, (N, K).

    Returns:
        In [0, sqrt 2].

    Raises:
        ShapeError, DataError: as :func:`js_divergence`.
    """
    first, second = _two_distributions(unlearned, gold)
    return float(np.linalg.norm(first - second, axis=-1).mean())


def average_gap(unlearned: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Mean absolute difference of several scores, usually forget, retained and test accuracy and an attack score.

    Args:
        unlearned: scores of the unlearned model, (M,), in one unit.
        gold: the same scores of the gold model, (M,).

    Returns:
        In the unit of the scores; 0 is best.

    Raises:
        ShapeError: different lengths.
        DataError: empty or not finite.

    Example:
        >>> average_gap([70, 98, 78, 60], [68, 99, 80, 55])
        2.5
    """
    return float(np.abs(np.subtract(*_two_vectors(unlearned, gold))).mean())


def tow(unlearned: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Tug of war: the product over forget, retained and test accuracy of ``1 - |unlearned - gold|``.

    Args:
        unlearned: the three accuracies of the unlearned model, (3,), in [0, 1].
        gold: those of the gold model, (3,).

    Returns:
        In [0, 1]; 1 is best.

    Raises:
        ShapeError: not three numbers each.
        DataError: a number outside [0, 1], for example a percentage.
    """
    first, second = _two_vectors(unlearned, gold)
    if first.size != 3:
        raise ShapeError(f"tow needs three accuracies (got {first.size}); expected forget, retained, test; pass three.")
    for value in (*first.tolist(), *second.tolist()):
        _share("an accuracy", value)
    return float(np.prod(1.0 - np.abs(first - second)))


def aus(*, test_original: float, test_unlearned: float, forget_unlearned: float) -> float:
    """Adaptive unlearning score: the drop on the test set against the distance of forget and test accuracy.

    ``(1 - (A_t(original) - A_t(unlearned))) / (1 + |A_t(unlearned) - A_f(unlearned)|)``, with test accuracy A_t and
    forget accuracy A_f.

    Args:
        test_original: test accuracy of the original model, in [0, 1].
        test_unlearned: test accuracy of the unlearned model.
        forget_unlearned: accuracy of the unlearned model on the forget set.

    Returns:
        Around 1 when test accuracy is kept and the forget set is treated like the test set.

    Raises:
        DataError: a number outside [0, 1].
    """
    before, after = _share("test_original", test_original), _share("test_unlearned", test_unlearned)
    forgotten = _share("forget_unlearned", forget_unlearned)
    return (1.0 - (before - after)) / (1.0 + abs(after - forgotten))


def cgum(
    *,
    f1_unlearned: float,
    f1_gold: float,
    n_classes: int,
    attack_unlearned: float,
    attack_gold: float,
    attack_original: float,
    seconds_unlearned: float,
    seconds_gold: float,
    alpha: float = 1.0,
    beta: float = 1.0,
) -> Cgum:
    """Corrected global unlearning metric: harmonic mean of utility, efficacy and efficiency.

    Args:
        f1_unlearned: macro-F1 of the unlearned model.
        f1_gold: macro-F1 of the gold model; must beat chance.
        n_classes: K; chance is 1 / K.
        attack_unlearned: attack score on the unlearned model; taken as the original's when it lies beyond that.
        attack_gold: attack score on the gold model.
        attack_original: attack score on the original model; must differ from the gold model's.
        seconds_unlearned: time to unlearn, all preparation included.
        seconds_gold: time to retrain, > 0.
        alpha: weight as in the paper, > 0.
        beta: weight as in the paper, > 0.

    Returns:
        The value and its parts U, E and T, each clipped to [0, 1].

    Raises:
        ConfigError: a weight <= 0 or n_classes < 1.
        DataError: a score outside [0, 1], a gold model at chance, equal attack scores, or times out of range.
    """
    if alpha <= 0.0 or beta <= 0.0 or n_classes < 1:
        raise ConfigError(
            f"CGUM's settings are out of range (got alpha {alpha}, beta {beta}, n_classes {n_classes}); "
            "expected weights > 0 and n_classes >= 1; use 1, 1 and K."
        )
    f1_u, f1_g = _share("f1_unlearned", f1_unlearned), _share("f1_gold", f1_gold)
    attack_u, attack_g = _share("attack_unlearned", attack_unlearned), _share("attack_gold", attack_gold)
    attack_o = _share("attack_original", attack_original)
    chance = 1.0 / n_classes
    if f1_g <= chance:
        raise DataError(f"the gold model does not beat chance (got F1 {f1_g}); expected more than {chance}; train it.")
    if attack_o == attack_g:
        raise DataError(
            f"the attack tells the original and the gold model apart by nothing (got {attack_o} for both); expected "
            "different scores; use a stronger attack."
        )
    _times(seconds_unlearned, seconds_gold)
    utility = _clip((f1_u - chance) / (f1_g - chance))
    # an attack score beyond the original's gives a ratio above 1, so the clip is the paper's saturation
    efficacy = _clip(1.0 - abs(attack_u - attack_g) / abs(attack_o - attack_g))
    efficiency = _clip(1.0 - float(np.log1p(seconds_unlearned) / np.log1p(seconds_gold)))
    parts = utility * efficacy * efficiency
    if parts == 0.0:
        value = 0.0
    else:
        bottom = alpha * efficacy * efficiency + beta * utility * efficiency + utility * efficacy
        value = (1.0 + alpha + beta) * parts / bottom
    return Cgum(value=value, utility=utility, efficacy=efficacy, efficiency=efficiency)


def unlearning_accuracy(truth: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Share of the forget set that is now recognised wrongly, 1 - forget accuracy; the gold value is the target.

    Args:
        truth: class indices of the forget set, (N,).
        prediction: the unlearned model's, (N,).

    Returns:
        In [0, 1].

    Raises:
        ShapeError, DataError: as :func:`affekt.metrics.accuracy`.
    """
    return 1.0 - accuracy(truth, prediction)


def loss_gap(unlearned: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Mean over utterances of ``|loss under the unlearned model - mean loss under the gold models|``.

    Args:
        unlearned: losses, (N,).
        gold: losses, (N,) of one gold model or (R, N) of several.

    Returns:
        In nats, >= 0; compare with :func:`loss_gap_floor`.

    Raises:
        ShapeError: shapes do not match.
        DataError: empty or not finite.
    """
    first = _inputs.reals("unlearned", unlearned)
    second = _inputs.reals("gold", np.atleast_2d(np.asarray(gold)), ndim=2)
    if second.shape[1] != first.size:
        raise ShapeError(
            f"the losses do not match (got {first.shape} and {second.shape}); expected (N,) and (R, N); "
            "align them by utterance."
        )
    return float(np.abs(first - second.mean(axis=0)).mean())


def loss_gap_floor(gold: npt.ArrayLike) -> float:
    """What :func:`loss_gap` gives for a gold model against the other gold models, averaged over all of them.

    Args:
        gold: losses, (R, N) with R >= 2.

    Returns:
        In nats, >= 0.

    Raises:
        ShapeError: not (R, N) with R >= 2.
        DataError: empty or not finite.
    """
    array = _inputs.reals("gold", gold, ndim=2)
    if array.shape[0] < 2:
        raise ShapeError(f"the floor needs two gold models (got {array.shape[0]}); expected (R, N); retrain another.")
    return float(np.mean([loss_gap(array[row], np.delete(array, row, axis=0)) for row in range(array.shape[0])]))


def speed_up(*, seconds_retrain: float, seconds_unlearn: float) -> float:
    """Time to retrain over time to unlearn; the latter includes attacks and importance estimation.

    Args:
        seconds_retrain: >= 0.
        seconds_unlearn: > 0.

    Returns:
        Above 1 when unlearning is faster.

    Raises:
        DataError: a time out of range.
    """
    _times(seconds_retrain, seconds_unlearn)
    return seconds_retrain / seconds_unlearn


def anamnesis_index(steps_unlearned: int | None, steps_gold: int | None, *, limit: int) -> Anamnesis:
    """Relearning steps of the unlearned model over those of the gold model.

    Well below 1 means knowledge is left; well above 1 means over-forgetting.

    Args:
        steps_unlearned: steps until the forget set is relearned; None if the limit came first.
        steps_gold: the same of the gold model.
        limit: largest number of steps tried.

    Returns:
        The index; where one side hit the limit, a bound on it.

    Raises:
        ConfigError: limit < 1.
        DataError: steps outside 0..limit, 0 steps for the gold model, or both sides at the limit.
    """
    if limit < 1:
        raise ConfigError(f"limit is out of range (got {limit}); expected 1 or more; pass the step limit used.")
    for name, steps in (("steps_unlearned", steps_unlearned), ("steps_gold", steps_gold)):
        if steps is not None and not 0 <= steps <= limit:
            raise DataError(f"{name} is out of range (got {steps}); expected 0 to {limit}; count the steps again.")
    if steps_gold == 0:
        raise DataError("the gold model had nothing to relearn (got 0 steps); expected 1 or more; lower the tolerance.")
    if steps_unlearned is None and steps_gold is None:
        raise DataError(f"neither model relearned within {limit} steps; expected one to; raise the limit.")
    if steps_gold is None:
        return Anamnesis(value=(steps_unlearned or 0) / limit, censored="at most")
    if steps_unlearned is None:
        return Anamnesis(value=limit / steps_gold, censored="at least")
    return Anamnesis(value=steps_unlearned / steps_gold, censored="no")


def _two_distributions(p: npt.ArrayLike, q: npt.ArrayLike) -> tuple[RealArray, RealArray]:
    first, second = _inputs.distributions("the first", p), _inputs.distributions("the second", q)
    if first.shape != second.shape:
        raise ShapeError(
            f"the distributions differ in shape (got {first.shape} and {second.shape}); expected (N, K) twice; "
            "align them by utterance."
        )
    return first, second


def _two_vectors(unlearned: npt.ArrayLike, gold: npt.ArrayLike) -> tuple[RealArray, RealArray]:
    first, second = _inputs.reals("unlearned", unlearned), _inputs.reals("gold", gold)
    if first.size != second.size:
        raise ShapeError(
            f"the scores differ in number (got {first.size} and {second.size}); expected the same scores of both "
            "models; align them."
        )
    return first, second


def _share(name: str, value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise DataError(f"{name} is not a share (got {value}); expected 0 to 1; divide percentages by 100.")
    return float(value)


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))


def _times(first: float, last: float) -> None:
    """Check two times, the last of which is divided by."""
    if not (np.isfinite(first) and np.isfinite(last) and first >= 0.0 and last > 0.0):
        raise DataError(f"the times are out of range (got {first} and {last} s); expected >= 0 and > 0; time it again.")
