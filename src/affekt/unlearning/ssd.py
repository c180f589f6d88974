"""Selective synaptic dampening: shrink the weights that matter more to the forget set than to everything else.

Title: Fast Machine Unlearning Without Retraining Through Selective Synaptic Dampening. Authors: Jack Foster, Stefan
Schoepf, Alexandra Brintrup. Year: 2023. arXiv: 2308.07707. Official code: facts only were used.
Paper: a weight whose importance to the forget set is more than alpha times that to the training set is multiplied by
lambda times the latter over the former, and by 1 at most; nothing is trained.
Reading: both importances are diagonals of Kronecker-factored Fisher information, the one of the training set as saved
by erasure-ready training, so that nothing of it is needed when forgetting.
Deviations: labels are those the model itself would give, not the true ones; the forget set's share is subtracted from
the training set's importance; by default alpha and lambda are one number, lowered until the mean loss on the forget
set is what it should be (with ``target = "published"`` they are as in the paper).
Reproduces: no number of the paper; ours are in results/.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.models.curvature import Curvature, collect_curvature
from affekt.training import pad_features
from affekt.unlearning.descent import MethodLog, state_of
from affekt.unlearning.line_search import aimed_loss, walk_to_loss
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.natural_gradient import Named, learned_parameters, snapshot

__all__ = ["NEEDS", "PAPER", "Config", "dampening_factors", "diagonal_importance", "unlearn"]

PAPER = {
    "title": "Fast Machine Unlearning Without Retraining Through Selective Synaptic Dampening",
    "arxiv": "2308.07707",
    "year": 2023,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS, Needs.ERASURE_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ``ssd``."""

    target: Literal["teachers", "gap", "published"] = "teachers"
    """Dampen until the mean loss on the forget set is that of the out-of-fold teachers on it; or the loss before plus
    the saved gap between held-out and training recordings (which is also taken where there are no teachers); or
    dampen once with the paper's two numbers."""
    alpha: float = 10.0
    """How many times more important to the forget set a weight must be to be dampened; where the search begins."""
    dampening: float = 1.0
    """The paper's lambda: dampened weights are multiplied by this and by the ratio of importances; for
    ``published``."""
    growth: float = 1.35
    """Factor between the strengths that are tried, before the last interval is bisected."""
    max_steps: int = 60
    """Strengths tried at most."""

    def __post_init__(self) -> None:
        if self.target not in ("teachers", "gap", "published"):
            raise ConfigError(f"target is {self.target!r}; teachers, gap or published was expected; choose one.")
        if not self.alpha > 0 or not self.dampening >= 0 or not self.growth > 1 or self.max_steps < 1:
            raise ConfigError(
                f"alpha is {self.alpha}, dampening {self.dampening}, growth {self.growth} and max_steps "
                f"{self.max_steps}; above 0, not below 0, above 1 and at least 1 were expected; change them."
            )


def diagonal_importance(curvature: Curvature, model: torch.nn.Module) -> Named:
    """The diagonal of the mean Fisher information, by parameter.

    A layer's is the outer product of the diagonals of its two mean factors, the bias the last column.
    """
    modules = dict(model.named_modules())
    found = {name: value / curvature.count for name, value in curvature.diagonal.items()}
    for name, factors in curvature.layers.items():
        layer = modules[name]
        outputs = factors.outputs.diagonal().clamp_min(0.0) / curvature.count
        inputs = factors.inputs.diagonal().clamp_min(0.0) / curvature.count
        both = torch.outer(outputs, inputs)
        if layer.bias is not None:
            found[f"{name}.bias"] = both[:, -1]
            both = both[:, :-1]
        found[f"{name}.weight"] = both.reshape(layer.weight.shape)
    return found


def dampening_factors(whole: Named, forget: Named, *, alpha: float, dampening: float) -> Named:
    """What each weight is multiplied by: min(dampening * whole / forget, 1) where forget > alpha * whole, else 1."""
    factors = {}
    for name, importance in forget.items():
        chosen = importance > alpha * whole[name]
        ratio = whole[name] / torch.where(chosen, importance, 1.0)
        factors[name] = torch.where(chosen, (dampening * ratio).clamp_max(1.0), 1.0)
    return factors


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Dampen the weights that are specific to the forget set, in place.

    Raises:
        ConfigError: training saved no curvature, or there is no loss to aim at.
    """
    if material.curvature is None:
        raise ConfigError(
            "ssd needs the curvature that erasure-ready training saves (got none); a model trained with "
            "--erasure-ready was expected; choose another method, such as amun."
        )
    part = LearnedPart(model)
    part.model.eval()
    items = part.features(material.forget_set.waveforms)
    labels = material.forget_set.labels
    before = state_of(part, items, labels)
    start = snapshot(part)
    whole = {name: value.to(part.device) for name, value in diagonal_importance(material.curvature, model).items()}
    forget = diagonal_importance(_curvature_of(part, items), model)
    details: dict[str, Any] = {}

    def dampen(alpha: float, dampening: float) -> None:
        factors = dampening_factors(whole, forget, alpha=alpha, dampening=dampening)
        with torch.no_grad():
            for name, parameter in learned_parameters(part).items():
                parameter.copy_(start[name] * factors[name])
        changed = sum(int((factors[name] < 1).sum()) for name in start)
        details["dampened_share"] = changed / sum(weights.numel() for weights in start.values())

    if config.target == "published":
        dampen(config.alpha, config.dampening)
        after = state_of(part, items, labels)
        return MethodLog.between(
            before,
            after,
            stopped="the weights were dampened once, with the paper's two numbers",
            reached=True,
            steps=1,
            trace=(after.loss,),
            details=details,
        )
    target = aimed_loss(material, config.target, before.loss, method="ssd")
    log = walk_to_loss(
        part,
        items,
        labels,
        # alpha = lambda = 1 / strength: no factor jumps, and all fall from 1 as the strength grows
        lambda strength: dampen(1.0 / strength, 1.0 / strength) if strength else dampen(math.inf, math.inf),
        before=before,
        target=target,
        first=1.0 / config.alpha,
        growth=config.growth,
        max_steps=config.max_steps,
    )
    return replace(log, details={**(log.details or {}), **details})


def _curvature_of(part: LearnedPart, items: Sequence[Tensor], *, batch_size: int = 16) -> Curvature:
    """What the forget set would have left, had it been the training set."""
    order = sorted(items, key=lambda item: -len(item))
    batches = (
        pad_features(order[first : first + batch_size], device=part.device)
        for first in range(0, len(order), batch_size)
    )
    classify = part.model.classify if isinstance(part.model, EmotionModel) else part.model
    return collect_curvature(part.model, classify, batches)
