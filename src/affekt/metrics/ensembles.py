"""Forgetting quality from many unlearned and many retrained models, beside what perfect forgetting would get.

Source: Triantafillou et al. 2024 (F, the mean of H). F_null, F of retrained models against other retrained models, is
ours: perfect forgetting does not reach 1, but F_null.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.errors import ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray
from affekt.metrics.membership import auc
from affekt.metrics.privacy import epsilon_estimate, h_score

__all__ = ["ForgettingQuality", "forgetting_quality", "separability"]


@dataclass(frozen=True, kw_only=True)
class ForgettingQuality:
    """The challenge's score beside that of perfect forgetting."""

    f: float
    """Mean over utterances of H, unlearned against retrained models; in [0, 1]."""
    f_null: float
    """The same for retrained against other retrained models: what perfect forgetting gets at this number of models."""
    ratio: float
    """f / f_null; 1 is perfect, and it can exceed 1 by chance."""
    epsilon: float
    """Median plug-in epsilon over utterances."""
    epsilon_null: float
    """The same for retrained against retrained models."""
    models: int
    """Models per side; F does not compare across numbers of models."""


def forgetting_quality(
    unlearned: npt.ArrayLike, gold: npt.ArrayLike, null: npt.ArrayLike, *, delta: float = 1e-5
) -> ForgettingQuality:
    """F, F_null and F / F_null.

    Args:
        unlearned: phi, (R, N), one row per unlearned model.
        gold: phi, (S, N), one row per retrained model.
        null: phi of other retrained models, (Q, N). Sides are cut to the smallest number of models, so that F and
            F_null compare.
        delta: delta of (epsilon, delta).

    Raises:
        ConfigError: delta out of range.
        ShapeError: not two-dimensional, utterances differ, or fewer than three models on a side.
        DataError: empty or not finite.
    """
    sides = [
        _inputs.reals(name, side, ndim=2) for name, side in (("unlearned", unlearned), ("gold", gold), ("null", null))
    ]
    models = min(len(side) for side in sides)
    if models < 3:
        raise ShapeError(f"a side has too few models (got {models}); expected at least three; train more of them.")
    first, second, third = (side[:models] for side in sides)
    found, floor = (epsilon_estimate(side, second, delta=delta) for side in (first, third))
    f, f_null = (float(h_score(values, models=models).mean()) for values in (found, floor))
    return ForgettingQuality(
        f=f,
        f_null=f_null,
        ratio=f / f_null if f_null > 0.0 else float("inf") if f > 0.0 else 1.0,
        epsilon=float(np.median(found)),
        epsilon_null=float(np.median(floor)),
        models=models,
    )


def separability(unlearned: npt.ArrayLike, gold: npt.ArrayLike) -> RealArray:
    """AUC of phi between unlearned and retrained models for each utterance, in the better direction.

    Args:
        unlearned: phi, (R, N), one row per unlearned model.
        gold: phi, (S, N), one row per retrained model.

    Returns:
        (N,), in [0.5, 1]. Biased upward; compare with retrained against other retrained models.

    Raises:
        ShapeError: not (R, N) and (S, N).
        DataError: empty or not finite.
    """
    first, second = _inputs.reals("unlearned", unlearned, ndim=2), _inputs.reals("gold", gold, ndim=2)
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"the ensembles do not match (got {first.shape} and {second.shape}); expected (R, N) and (S, N); "
            "align them by utterance."
        )
    areas = np.array([auc(first[:, column], second[:, column]) for column in range(first.shape[1])])
    return np.asarray(np.maximum(areas, 1.0 - areas), dtype=np.float64)
