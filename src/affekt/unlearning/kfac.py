"""K-FAC ascent with a calibrated line search: one direction, and just as far as is needed.

Title: K-FADE. Authors: not known to us. Year: 2026. arXiv: 2602.10568. Official code: not read.
Paper: uphill steps of the K-FAC-preconditioned gradient of the forget set's loss.
Reading: ours in three points: the factors are saved at training time, there is one direction, and its length is
searched for until the mean loss on the forget set is that of models that never heard these recordings.
Deviations: the factors are those of the whole training set, the forget set's share subtracted.
Reproduces: no number of the paper; ours are in results/.
"""

import time
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.descent import MethodLog, state_of
from affekt.unlearning.material import LearnedPart, Material, Needs, teachers_loss
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
    started = time.perf_counter()
    part = LearnedPart(model)
    part.model.eval()
    items = part.features(material.forget_set.waveforms)
    labels = material.forget_set.labels.to(part.device)
    before = state_of(part, items, material.forget_set.labels)
    target = _target(material, config, before.loss)

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, labels[rows], reduction="none")

    direction = NaturalDirection(part, items, material.curvature, damping=config.damping)
    trace: list[float] = []
    now = before.loss
    if now < target:
        step = direction(loss)
        start = snapshot(part)
        low, high = 0.0, 0.25
        while now < target and len(trace) < config.max_steps:
            move(part, start, step, high)
            now = direction.mean_loss(loss)
            trace.append(now)
            if now < target:
                low, high = high, high * config.growth
        if now >= target:
            for _ in range(40):
                if high - low <= 1e-3 * high:
                    break
                middle = (low + high) / 2
                move(part, start, step, middle)
                if direction.mean_loss(loss) >= target:
                    high = middle
                else:
                    low = middle
            move(part, start, step, high)
        else:
            move(part, start, step, low)
    after = state_of(part, items, material.forget_set.labels)
    reached = after.loss >= target * (1 - 1e-6)
    words = f"the mean loss on the forget set reached {target:.3f} nats"
    return MethodLog(
        stopped=("nothing was done: " + words + " before the first step" if not trace else words)
        if reached
        else f"the limit of {config.max_steps} lengths was reached first",
        reached=reached,
        steps=len(trace),
        loss_before=before.loss,
        loss_after=after.loss,
        accuracy_before=before.accuracy,
        accuracy_after=after.accuracy,
        target_loss=target,
        trace=tuple(trace),
        details={"descent_seconds": time.perf_counter() - started},
    )


def _target(material: Material, config: Config, loss_before: float) -> float:
    """The mean loss to aim at."""
    if config.target == "teachers" and material.teachers is not None:
        return teachers_loss(material.teachers, material.forget_set.labels)
    if material.target_gap is not None:
        return loss_before + max(0.0, material.target_gap)
    if material.target_loss is not None:
        return material.target_loss
    raise ConfigError(
        "kfac needs a loss to aim at (got none); a model trained by affekt was expected; pass target_loss=."
    )
