"""Exact deletion: the head is solved again from sums that no longer hold the forget set.

Not a paper: least squares and discriminant analysis depend on their training data through sums alone, and sums can be
subtracted from (the down-dating of least squares is textbook knowledge). What comes out is what training without the
recordings gives, normaliser included, up to the rounding of float64. It is exact for what was learned here: what a
frozen pretrained encoder heard before is out of reach, and the three mean losses of the erasure record stay those of
the head before, less the forget set's own.
"""

from dataclasses import dataclass

import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel, RidgeNetwork
from affekt.unlearning.descent import MethodLog, state_of
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = None
NEEDS = frozenset({Needs.FORGET_SET, Needs.ERASURE_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config:
    """``exact`` has no settings."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Solve the head again without the forget set, in place.

    Raises:
        ConfigError: the model has no head in closed form, or training did not save what it was solved from.
    """
    if not isinstance(model, EmotionModel) or not isinstance(model.network, RidgeNetwork):
        family = model.config.family if isinstance(model, EmotionModel) else type(model).__name__
        raise ConfigError(
            f"exact needs a head that is solved from sums (got {family}); a model of the family ridge was expected; "
            "choose another method, such as amun."
        )
    if material.sums is None:
        raise ConfigError(
            "exact needs the sums that erasure-ready training saves (got none); a model trained with --erasure-ready "
            "was expected; train it so, or choose another method."
        )
    part = LearnedPart(model.eval())
    items = part.features(material.forget_set.waveforms)
    before = state_of(part, items, material.forget_set.labels)
    model.network.solve(material.sums)
    after = state_of(part, items, material.forget_set.labels)
    return MethodLog.between(
        before,
        after,
        stopped=f"solved again from {material.sums.count} recordings",
        reached=True,
        steps=1,
    )
