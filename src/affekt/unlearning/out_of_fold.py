"""Out-of-fold distillation: teach each recording's outputs to be those of models that never heard it.

Not a paper: ours. Closest are oracle matching with datamodels (Georgiev and others, arXiv 2410.23232), which predicts
the retrained model's outputs from thousands of models and matches them on retained data too, and distillation towards
outputs on other recordings; the idea of matching outputs is theirs.

Training left, for each recording, the logits of fold models that were not trained on it (folds of utterances when some
of a person's recordings go, folds of speakers when all do). The mean divergence KL(teacher || model) over the forget
set is lowered along the natural gradient of the saved curvature, in steps of bounded length that are halved until the
divergence falls, and until it is small. Nothing but the forget set and what was saved is used.
"""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.descent import MethodLog, state_of
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.natural_gradient import NaturalDirection, move, snapshot, step_length

__all__ = ["NEEDS", "PAPER", "Config", "teacher_probabilities", "unlearn"]

PAPER = None
NEEDS = frozenset({Needs.FORGET_SET, Needs.ERASURE_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ``out_of_fold``."""

    damping: float = 1e-3
    """Added to the saved curvature."""
    trust: float = 0.3
    """Length of a step over all weights, before halving."""
    tolerance: float = 0.05
    """Stop when the mean divergence from the teachers is below this, nats."""
    max_steps: int = 100
    """Steps at most."""
    temperature: float = 1.0
    """Teachers' logits are divided by this."""
    average: bool = True
    """Several teachers: their mean probabilities; false: one of them for each recording, drawn at random, so that
    models unlearned with different seeds differ as retrained ones do."""
    natural: bool = True
    """Use the saved curvature; false: the plain gradient."""

    def __post_init__(self) -> None:
        for name in ("damping", "trust", "tolerance", "temperature"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; a positive number was expected; change it.")
        if self.max_steps < 1:
            raise ConfigError(f"max_steps is {self.max_steps}; 1 or more was expected; change it.")


def teacher_probabilities(logits: Tensor, config: Config, *, seed: int) -> Tensor:
    """What the teachers expect of each recording: logits (N, R, K) -> probabilities (N, K), float32."""
    shares = (logits.double() / config.temperature).softmax(2)
    if config.average:
        return shares.mean(1).float()
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(0, shares.shape[1], (len(shares),), generator=generator)
    return shares[torch.arange(len(shares)), chosen].float()


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the divergence from the out-of-fold teachers on the forget set, in place.

    Raises:
        ConfigError: training saved no out-of-fold outputs of these recordings, or no curvature.
    """
    if material.teachers is None:
        raise ConfigError(
            "out_of_fold needs what models that never heard these recordings say of them (got none); a model trained "
            "with --erasure-ready on them was expected; choose another method, such as amun."
        )
    if config.natural and material.curvature is None:
        raise ConfigError(
            "out_of_fold needs the curvature that erasure-ready training saves (got none); set natural = false."
        )
    started = time.perf_counter()
    part = LearnedPart(model)
    part.model.eval()
    items = part.features(material.forget_set.waveforms)
    labels = material.forget_set.labels
    before = state_of(part, items, labels)
    teachers = teacher_probabilities(material.teachers, config, seed=seed).to(part.device)
    entropy = torch.special.xlogy(teachers, teachers).sum(1)  # (N,)

    def divergence(logits: Tensor, rows: Tensor) -> Tensor:
        found: Tensor = entropy[rows] - (teachers[rows] * logits.log_softmax(1)).sum(1)
        return found

    curvature = material.curvature if config.natural else None
    direction = NaturalDirection(part, items, curvature, damping=config.damping)
    now = direction.mean_loss(divergence)
    first = now
    trace: list[float] = []
    stuck = False
    while now > config.tolerance and not stuck and len(trace) < config.max_steps:
        step = direction(divergence)
        start = snapshot(part)
        length = step_length(step)
        if not math.isfinite(length) or length == 0.0:
            break
        scale, stuck = config.trust / length, True
        for _ in range(12):
            move(part, start, step, -scale)
            reached = direction.mean_loss(divergence)
            if reached < now:  # not for NaN
                now, stuck = reached, False
                break
            scale /= 2
        if stuck:
            move(part, start, step, 0.0)
        trace.append(state_of(part, items, labels).loss)
    after = state_of(part, items, labels)
    reached_target = now <= config.tolerance
    stopped = (
        f"the mean divergence from models that never heard the recordings fell below {config.tolerance:g} nats"
        if reached_target
        else "no shorter step lowered the divergence any more"
        if stuck
        else f"the limit of {config.max_steps} steps was reached first"
    )
    if reached_target and not trace:
        stopped = "nothing was done: the outputs were those of models that never heard the recordings from the start"
    return MethodLog(
        stopped=stopped,
        reached=reached_target,
        steps=len(trace),
        loss_before=before.loss,
        loss_after=after.loss,
        accuracy_before=before.accuracy,
        accuracy_after=after.accuracy,
        trace=tuple(trace),
        details={
            "divergence_before": first,
            "divergence_after": now,
            "teachers": int(material.teachers.shape[1]),
            "descent_seconds": time.perf_counter() - started,
        },
    )
