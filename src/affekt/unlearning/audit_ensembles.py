"""Evidence from many models (tiers T2 and T3): unlearned ones against retrained ones, recording by recording.

It belongs to a configuration, a method on a kind of model and request, not to a single deletion: all but one of the
models exist for the benchmark alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.errors import ShapeError
from affekt.metrics import (
    Equivalence,
    ForgettingQuality,
    Interval,
    bootstrap_values,
    certified_epsilon,
    equivalence,
    forgetting_quality,
    hierarchical_bootstrap,
    klom,
    separability,
    u_lira,
)

__all__ = ["EnsembleEvidence", "ensemble_evidence"]


@dataclass(frozen=True, kw_only=True)
class EnsembleEvidence:
    """Unlearned against retrained models, each figure beside retrained against other retrained models."""

    quality: ForgettingQuality
    """F, F_null and their ratio, and median plug-in epsilons."""
    klom: Interval
    """Mean over the recordings."""
    klom_floor: float
    """Of retrained against other retrained models."""
    certified: float
    """Median certified lower bound of epsilon."""
    certified_share: float
    """Share of recordings with a bound above 0; a perfect method has at most about 0.05."""
    certified_ceiling: float
    """The bound that an attack without errors would have reached."""
    auc: Interval
    """Mean over recordings of the AUC of phi, in the better direction."""
    auc_floor: float
    """The same of retrained against other retrained models."""
    u_lira: Interval
    """Balanced accuracy of U-LiRA over models and recordings, each left out of its own Gaussian; 0.5 is wanted."""
    u_lira_floor: float
    """The same of retrained against other retrained models."""
    shift: Equivalence
    """Mean phi of unlearned less retrained models, in standard deviations of the retrained ones, over recordings,
    against the margin of one retrain-to-retrain standard error."""
    models: tuple[int, int, int]
    """Unlearned, retrained, and retrained ones for the null."""
    recordings: int

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def ensemble_evidence(
    phi_unlearned: npt.ArrayLike,
    phi_retrained: npt.ArrayLike,
    phi_null: npt.ArrayLike | None = None,
    *,
    draws: Sequence[int] | None = None,
    margin: float = 0.25,
    delta: float = 1e-5,
    seed: int = 0,
) -> EnsembleEvidence:
    """Compare an ensemble of unlearned models with retrained ones.

    Args:
        phi_unlearned: phi, (N, n), one row a model.
        phi_retrained: phi, (M, n).
        phi_null: phi of other retrained models, (Q, n); None splits the retrained ones in halves, and takes the first
            half of them against the unlearned models too.
        draws: which draw of the forget set each recording belongs to, (n,); intervals resample draws, then recordings.
        margin: for the equivalence of the mean shift, in standard deviations of retrained models.
        delta: delta of (epsilon, delta).
        seed: of the resampling and of the halves.

    Raises:
        ShapeError: recordings differ, or there are fewer than four models on a side.
        DataError: empty or not finite.
    """
    unlearned, gold = (np.array(side, dtype=np.float64) for side in (phi_unlearned, phi_retrained))
    if phi_null is None:
        order = np.random.default_rng(seed).permutation(len(gold))
        gold, null = gold[order[: len(gold) // 2]], gold[order[len(gold) // 2 :]]
    else:
        null = np.array(phi_null, dtype=np.float64)
    sides = (unlearned, gold, null)
    if any(side.ndim != 2 or len(side) < 4 for side in sides) or len({side.shape[1] for side in sides}) != 1:
        raise ShapeError(
            f"the ensembles do not fit (got {', '.join(str(side.shape) for side in sides)}); expected (N, n), (M, n) "
            "and (Q, n) with four models or more on a side; without phi_null the retrained ones are halved."
        )
    count = unlearned.shape[1]
    codes = np.arange(count) if draws is None else np.asarray(draws)

    def interval(values: npt.NDArray[np.float64]) -> Interval:
        if draws is None:
            return bootstrap_values(values, seed=seed)
        return hierarchical_bootstrap(values, codes, names=("draw",), seed=seed)

    bounds = [certified_epsilon(unlearned[:, one], gold[:, one], delta=delta, seed=seed + one) for one in range(count)]
    lows = np.array([bound.low for bound in bounds])
    spread = np.maximum(gold.std(axis=0, ddof=1), 1e-9)
    shifts = (unlearned.mean(0) - gold.mean(0)) / spread
    return EnsembleEvidence(
        quality=forgetting_quality(unlearned, gold, null, delta=delta),
        klom=interval(klom(unlearned, gold)),
        klom_floor=float(klom(null, gold).mean()),
        certified=float(np.median(lows)),
        certified_share=float(np.mean(lows > 0.0)),
        certified_ceiling=bounds[0].ceiling,
        auc=interval(separability(unlearned, gold)),
        auc_floor=float(separability(null, gold).mean()),
        u_lira=interval(_u_lira(unlearned, gold)),
        u_lira_floor=float(_u_lira(null, gold).mean()),
        shift=equivalence(shifts, margin=margin, clusters=None if draws is None else codes, cluster_unit="draw"),
        models=(len(unlearned), len(gold), len(null)),
        recordings=count,
    )


def _u_lira(unlearned: npt.NDArray[np.float64], gold: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Balanced accuracy for each recording: is this phi of a model that forgot it, or of one that never heard it?"""
    hits = np.zeros((2, unlearned.shape[1]))
    for which, side in enumerate((unlearned, gold)):
        for row in range(len(side)):
            rest = np.delete(side, row, axis=0)
            inside, outside = (rest, gold) if which == 0 else (unlearned, rest)
            score = u_lira(
                side[row],
                mean_in=inside.mean(0),
                std_in=np.maximum(inside.std(0, ddof=1), 1e-9),
                mean_out=outside.mean(0),
                std_out=np.maximum(outside.std(0, ddof=1), 1e-9),
            )
            hits[which] += (score > 0.5) == (which == 0)
    return np.asarray((hits[0] / len(unlearned) + hits[1] / len(gold)) / 2.0)
