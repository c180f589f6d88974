"""The informed attacker, who holds the models before and after, and collateral damage near the forget set.

Source: Chen et al. 2021, "When Machine Unlearning Jeopardizes Privacy" (two models give more away than one).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import RealArray
from affekt.metrics.intervals import Interval, bootstrap_values
from affekt.metrics.membership import auc_interval
from affekt.metrics.outputs import phi

__all__ = ["Collateral", "collateral_damage", "informed_attack", "informed_features"]


@dataclass(frozen=True, kw_only=True)
class Collateral:
    """How far a model is from retrained models on recordings that were not forgotten."""

    gap: Interval
    """Mean over utterances of abs(phi - mean phi of the references)."""
    floor: float
    """The same of a reference against the others, averaged over all of them."""
    utterances: int


def informed_features(before: npt.ArrayLike, after: npt.ArrayLike, labels: npt.ArrayLike) -> RealArray:
    """What the informed attacker looks at: phi before, phi after, their difference, and the distance of the logits.

    Args:
        before: logits (N, K) of the model before.
        after: logits (N, K) of the model after.
        labels: (N,).

    Returns:
        (N, 4) float64. Logits are centred first, since a constant added to all of them means nothing.

    Raises:
        ShapeError, DataError: as :func:`affekt.metrics.phi`.
    """
    first, second = phi(before, labels), phi(after, labels)
    both = [_inputs.reals(name, side, ndim=2) for name, side in (("before", before), ("after", after))]
    if both[0].shape != both[1].shape:
        raise ShapeError(
            f"the logits do not match (got {both[0].shape} and {both[1].shape}); expected (N, K) twice; align them."
        )
    one, two = (side - side.mean(1, keepdims=True) for side in both)
    return np.stack([first, second, first - second, np.linalg.norm(one - two, axis=1)], axis=1)


def informed_attack(
    members: npt.ArrayLike, non_members: npt.ArrayLike, *, folds: int = 5, level: float = 0.95, seed: int = 0
) -> Interval:
    """AUC of a logistic regression that tells forgotten utterances from non-members, cross-validated.

    Args:
        members: features (P, D) of the forget set, of :func:`informed_features` or any others.
        non_members: features (M, D) of matched utterances that no model was trained on.
        folds: folds; fewer where a side has fewer utterances.
        level: confidence level.
        seed: deals the utterances into folds.

    Returns:
        The AUC of the scores given to utterances that the attacker did not learn from, with DeLong's interval. Even
        exact retraining does not get 0.5 here: the change from before to after is real. Compare with a retrained
        model in place of after.

    Raises:
        ConfigError: folds < 2 or level out of range.
        ShapeError: not (P, D) and (M, D).
        DataError: not finite, or fewer than two utterances on a side.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import, and only needed here
    from sklearn.model_selection import StratifiedKFold

    _inputs.check_level(level)
    first, second = _inputs.reals("members", members, ndim=2), _inputs.reals("non_members", non_members, ndim=2)
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"the features do not match (got {first.shape} and {second.shape}); expected (P, D) and (M, D); compute "
            "both with the same models."
        )
    if folds < 2:
        raise ConfigError(f"folds is too small (got {folds}); expected 2 or more; use 5.")
    least = min(len(first), len(second))
    if least < 2:
        raise DataError(f"a side has too few utterances (got {least}); expected two or more; add utterances.")
    values = np.concatenate([first, second])
    truth = np.repeat([1, 0], [len(first), len(second)])
    scores = np.empty(len(values))
    splitter = StratifiedKFold(min(folds, least), shuffle=True, random_state=seed)
    for learn, judge in splitter.split(values, truth):
        mean, scale = values[learn].mean(0), np.maximum(values[learn].std(0), 1e-12)
        model = LogisticRegression(class_weight="balanced", solver="newton-cholesky")
        model.fit((values[learn] - mean) / scale, truth[learn])
        scores[judge] = model.decision_function((values[judge] - mean) / scale)
    return auc_interval(scores[: len(first)], scores[len(first) :], method="delong", level=level)


def collateral_damage(
    after: npt.ArrayLike,
    references: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Mapping[str, Collateral]:
    """Distance to retrained models on recordings that stay, by how near they are to the forget set.

    Args:
        after: phi, (N,).
        references: phi of models retrained without the forget set, (K, N) with K >= 2.
        groups: name of the group of each utterance, such as "same speaker", "same sentence" and "rest", (N,).
        clusters: speaker of each utterance, (N,).
        resamples: bootstrap resamples.
        seed: seed of the bootstrap.

    Returns:
        Group -> its gap with interval and floor, in the order of the names.

    Raises:
        ShapeError: shapes do not match, or K < 2.
        DataError: empty or not finite.
    """
    own = _inputs.reals("after", after)
    others = _inputs.reals("references", references, ndim=2)
    names = np.asarray(groups)
    if others.shape[1:] != own.shape or names.shape != own.shape or len(others) < 2:
        raise ShapeError(
            f"the sizes do not match (got {own.shape}, references {others.shape} and groups {names.shape}); expected "
            "(N,), (K, N) with K >= 2 and (N,); align them by utterance."
        )
    gaps = np.abs(own - others.mean(0))
    # a reference is judged by K - 1 others and the model by K; the mean of fewer is noisier by a hair
    floors = np.mean(
        [np.abs(others[row] - np.delete(others, row, axis=0).mean(0)) for row in range(len(others))], axis=0
    )
    of = None if clusters is None else np.asarray(clusters)
    found = {}
    for name in sorted(set(names.tolist())):
        rows = names == name
        gap = bootstrap_values(gaps[rows], clusters=None if of is None else of[rows], resamples=resamples, seed=seed)
        found[str(name)] = Collateral(gap=gap, floor=float(floors[rows].mean()), utterances=int(rows.sum()))
    return found
