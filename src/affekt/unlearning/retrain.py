"""Retrain: the reference every other method is measured against.

Not a paper: the model is built anew and trained by the same recipe without the forget set. Needs the retained data.
"""

from dataclasses import dataclass, replace

import torch

from affekt.errors import ProtocolError
from affekt.models import EmotionModel
from affekt.training import fit
from affekt.unlearning.descent import MethodLog, state_of
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = None
NEEDS = frozenset({Needs.FORGET_SET, Needs.RETAINED_DATA})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ``retrain``."""

    same_start: bool = False
    """Start from the same fresh weights as the original did; otherwise from new ones."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Replace the weights, in place, by those of a model that never saw the forget set."""
    if not isinstance(model, EmotionModel):
        raise ProtocolError(
            f"only an EmotionModel can be retrained (got {type(model).__name__}); affekt knows no recipe for others; "
            "train it with your own loop."
        )
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    before = state_of(part, items, material.forget_set.labels)
    retained = material.retained
    fresh_seed = retained.seed if config.same_start else 1_000_003 + seed
    fresh = model.fresh(fresh_seed)
    fitted = fit(
        fresh,
        retained.train.corpus,
        retained.dev.corpus,
        config=retained.config,
        seed=retained.seed if config.same_start else fresh_seed,
        heldout_seed=retained.seed,
        stores=(retained.train, retained.dev),
        rows=retained.rows,
    )
    model.load_state_dict(fresh.state_dict())
    if model.erasure is not None and fresh.erasure is not None:
        # saved losses and curvature belong to the weights; these losses were measured without the forget set, whose
        # commitments go first so that nothing of it is subtracted from them later
        losses = {name: getattr(fresh.erasure, name) for name in ("within", "across", "trained")}
        model.erasure = replace(model.erasure.without(list(material.forget_set.waveforms)), **losses)
        if (statistics := model.erasure.statistics) is not None:
            model.erasure = replace(model.erasure, statistics=replace(statistics, curvature=None))
    after = state_of(part, items, material.forget_set.labels)
    return MethodLog.between(
        before,
        after,
        stopped=f"trained for {fitted.epochs} epochs",
        reached=True,
        steps=fitted.epochs,
    )
