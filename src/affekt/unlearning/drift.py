"""How far deletions have carried a model from what training gave, and when it is time to train anew.

Every approximate deletion moves the weights a little; many of them add up, and later ones may bring back what earlier
ones removed. The budget is ours: it is spent when more than a twentieth of the recordings that were trained on are
gone, or when the mean divergence of the outputs on them, as the saved curvature foresees it, exceeds a tenth of a nat.
"""

import math
from dataclasses import replace
from typing import Final

import torch

from affekt.models import EmotionModel
from affekt.models.curvature import Curvature
from affekt.models.erasure_record import Drift

__all__ = ["DIVERGENCE_BUDGET", "SHARE_BUDGET", "drifted", "foreseen_divergence", "spent"]

SHARE_BUDGET: Final = 0.05
"""Share of the recordings trained on that approximate deletions may remove."""
DIVERGENCE_BUDGET: Final = 0.1
"""Mean divergence of the outputs, nats, that they may add up to."""


def foreseen_divergence(curvature: Curvature, before: EmotionModel, after: EmotionModel) -> float:
    """Mean KL divergence of the outputs on the recordings trained on, to second order: half of d' F d, nats.

    Args:
        curvature: of the training loss; its factors stand for F.
        before: weights the curvature was measured at.
        after: other weights of the same model.
    """
    start = dict(before.named_parameters())
    steps = {name: (weight - start[name]).detach().double().cpu() for name, weight in after.named_parameters()}
    total = 0.0
    for name, factors in curvature.layers.items():
        step = steps[f"{name}.weight"].flatten(1)
        if (bias := steps.get(f"{name}.bias")) is not None:
            step = torch.cat([step, bias.unsqueeze(1)], dim=1)
        inputs = (factors.inputs / curvature.count).double().cpu()
        outputs = (factors.outputs / curvature.count).double().cpu()
        total += float((outputs @ step @ inputs * step).sum())
    for name, value in curvature.diagonal.items():
        total += float((value.double().cpu() / curvature.count * steps[name].square()).sum())
    return max(0.0, total / 2)


def drifted(
    drift: Drift, before: EmotionModel, after: EmotionModel, *, recordings: int, curvature: Curvature | None
) -> Drift:
    """The state after one more approximate deletion.

    Divergences of successive deletions are added as distances are, by their roots: the sum is what the whole may be at
    most, as far as the curvature stays what it was.

    Args:
        drift: the state before.
        before: the model before.
        after: the model after.
        recordings: of those trained on, how many were forgotten.
        curvature: saved by erasure-ready training, without the forget set.
    """
    divergence = drift.divergence
    if curvature is None:
        divergence = None
    elif divergence is not None:
        divergence = (math.sqrt(divergence) + math.sqrt(foreseen_divergence(curvature, before, after))) ** 2
    return replace(
        drift, deletions=drift.deletions + 1, recordings=drift.recordings + recordings, divergence=divergence
    )


def spent(drift: Drift, *, left: int) -> list[str]:
    """Why the model should be trained anew, in words; empty while the budget lasts.

    Args:
        drift: the state.
        left: recordings trained on that are left.
    """
    reasons = []
    share = drift.recordings / max(1, drift.recordings + left)
    if share > SHARE_BUDGET:
        reasons.append(
            f"{share:.0%} of the recordings trained on have been forgotten by approximate methods (budget "
            f"{SHARE_BUDGET:.0%})"
        )
    if drift.divergence is not None and drift.divergence > DIVERGENCE_BUDGET:
        reasons.append(
            f"the outputs may have moved by {drift.divergence:.2f} nats on average (budget {DIVERGENCE_BUDGET:g})"
        )
    return reasons
