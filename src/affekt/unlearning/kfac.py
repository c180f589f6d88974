"""K-FAC ascent with a calibrated line search: one direction, and just as far as is needed.

Title: K-FADE. Authors: not known to us. Year: 2026. arXiv: 2602.10568. Official code: not read.
Paper: uphill steps of the K-FAC-preconditioned gradient of the forget set's loss.
Reading: ours in three points: the factors are saved at training time, there is one direction, and its length is
searched for until the mean loss on the forget set is that of models that never heard these recordings.
Deviations: the factors are those of the whole training set, the forget set's share subtracted.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.descent import MethodLog, state_of
from affekt.unlearning.line_search import aimed_loss, walk_to_loss
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.natural_gradient import NaturalDirection, move, snapshot

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {"title": "K-FADE", "arxiv": "2602.10568", "year": 2026}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS, Needs.ERASURE_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ``kfac``."""

    damping: float = 1e-3
    """Added to the saved curvature."""
    target: Literal["teachers", "gap"] = "teachers"
    """Mean loss to aim at: that of the out-of-fold teachers on these recordings; or the loss before plus the saved gap
    between held-out and training recordings (which is also taken where there are no teachers)."""
    growth: float = 1.35
    """Factor between the lengths that are tried, before the last interval is bisected."""
    max_steps: int = 60
    """Lengths tried at most."""

    def __post_init__(self) -> None:
        if self.target not in ("teachers", "gap"):
            raise ConfigError(f"target is {self.target!r}; teachers or gap was expected; choose one.")
        if not self.damping > 0 or not self.growth > 1 or self.max_steps < 1:
            raise ConfigError(
                f"damping is {self.damping}, growth {self.growth} and max_steps {self.max_steps}; above 0, above 1 and "
                "at least 1 were expected; change them."
            )


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Walk up the natural gradient until the mean loss on the forget set is what it should be, in place.

    Raises:
        ConfigError: training saved no curvature, or there is no loss to aim at.
    """
    if material.curvature is None:
        raise ConfigError(
            "kfac needs the curvature that erasure-ready training saves (got none); a model trained with "
            "--erasure-ready was expected; choose another method, such as amun."
        )
    part = LearnedPart(model)
    part.model.eval()
    items = material.features(part)
    labels = material.forget_set.labels
    before = state_of(part, items, labels)
    target = aimed_loss(material, config.target, before.loss, method="kfac")
    expected = labels.to(part.device)

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, expected[rows], reduction="none")

    step = NaturalDirection(part, items, material.curvature, damping=config.damping)(loss)
    start = snapshot(part)
    return walk_to_loss(
        part,
        items,
        labels,
        lambda length: move(part, start, step, length),
        before=before,
        target=target,
        growth=config.growth,
        max_steps=config.max_steps,
    )
