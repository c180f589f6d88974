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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.training import pad_features
from affekt.unlearning.descent import ForgetState, MethodLog
from affekt.unlearning.few_inputs import FewInputs, first_map
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.natural_gradient import NaturalDirection, move, snapshot, step_length
from affekt.unlearning.quasi_newton import QuasiNewton
from affekt.unlearning.woodbury import ForgottenCurvature

__all__ = ["NEEDS", "PAPER", "Config", "teacher_probabilities", "unlearn"]

PAPER = None
NEEDS = frozenset({Needs.FORGET_SET, Needs.ERASURE_STATISTICS})

Teachers = Literal["probabilities", "logits", "losses", "drawn"]
TEACHERS = get_args(Teachers)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ``out_of_fold``."""

    damping: float = 1e-5
    """Added to the saved curvature."""
    trust: float = 1.0
    """Longest step over all weights, before halving."""
    tolerance: float = 0.002
    """Stop when the mean divergence from the teachers is below this, nats."""
    max_steps: int = 100
    """Steps at most."""
    temperature: float = 1.0
    """Teachers' logits are divided by this."""
    teachers: Teachers = "probabilities"
    """What several teachers say together: ``probabilities``, their mean; ``logits``, the probabilities of their mean
    logits; ``losses``, the label gets the geometric mean of its probabilities, so that the loss is the teachers' mean
    loss, and the other classes share the rest as in ``probabilities``; ``drawn``, one teacher for each recording, at
    random, so that models unlearned with different seeds differ as retrained ones do."""
    history: int = 10
    """Earlier steps that a step learns from (L-BFGS); 0: none."""
    natural: bool = True
    """Use the saved curvature; false: the plain gradient."""
    woodbury: bool = False
    """Take the forget set's own curvature out of the saved one exactly, and not factor by factor; for heads that are
    linear maps of one vector a recording."""

    def __post_init__(self) -> None:
        for name in ("damping", "trust", "tolerance", "temperature"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; a positive number was expected; change it.")
        if self.teachers not in TEACHERS:
            raise ConfigError(
                f"teachers is {self.teachers!r}; one of {', '.join(TEACHERS)} was expected; choose one of these."
            )
        if self.max_steps < 1 or self.history < 0:
            raise ConfigError(
                f"max_steps is {self.max_steps} and history is {self.history}; 1 or more and 0 or more were expected; "
                "change them."
            )


def teacher_probabilities(logits: Tensor, labels: Tensor, config: Config, *, seed: int) -> Tensor:
    """What the teachers expect of each recording: logits (N, R, K) and labels (N,) -> probabilities (N, K), float32."""
    logits = logits.double() / config.temperature
    shares = logits.softmax(2)
    if config.teachers == "drawn":
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randint(0, shares.shape[1], (len(shares),), generator=generator)
        return shares[torch.arange(len(shares)), chosen].float()
    if config.teachers == "logits":
        return logits.mean(1).softmax(1).float()
    mean = shares.mean(1)
    if config.teachers == "losses":
        rows = torch.arange(len(labels))
        label = logits.log_softmax(2)[rows, :, labels].mean(1).exp()  # (N,)
        others = mean.clone()
        others[rows, labels] = 0.0
        mean = others * ((1.0 - label) / others.sum(1).clamp_min(1e-300)).unsqueeze(1)
        mean[rows, labels] = label
    return mean.float()


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
    items = material.features(part)
    labels = material.forget_set.labels
    teachers = teacher_probabilities(material.teachers, labels, config, seed=seed).to(part.device)
    entropy = torch.special.xlogy(teachers, teachers).sum(1)  # (N,)

    def divergence(logits: Tensor, rows: Tensor) -> Tensor:
        found: Tensor = entropy[rows] - (teachers[rows] * logits.log_softmax(1)).sum(1)
        return found

    narrowed = _narrowed(part, items, material, config)
    direction = _direction(part, items, material, config) if narrowed is None else narrowed.direction
    every = torch.arange(len(items))
    logits = direction.logits()
    before = _state(logits, labels)
    first = now = float(divergence(logits, every).double().mean())
    trace: list[float] = []
    newton = QuasiNewton(direction.preconditioned, history=config.history)
    stuck = False
    try:
        while now > config.tolerance and not stuck and len(trace) < config.max_steps:
            step = newton.direction(direction.gradient(divergence))
            start = snapshot(part)
            length = step_length(step) if narrowed is None else narrowed.step_length(step)
            if not math.isfinite(length) or length == 0.0:
                break
            scale, stuck = config.trust / length, True
            if newton.pairs:  # these directions have a length of their own
                scale = min(1.0, scale)
            for _ in range(12):
                move(part, start, step, -scale)
                tried = direction.logits()
                reached = float(divergence(tried, every).double().mean())
                if reached < now:  # not for NaN
                    now, logits, stuck = reached, tried, False
                    break
                scale /= 2
            if stuck:
                move(part, start, step, 0.0)
            newton.moved(step, -scale)
            trace.append(_state(logits, labels).loss)
    finally:
        if narrowed is not None:
            narrowed.widen()
    after = _state(logits, labels)
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
    return MethodLog.between(
        before,
        after,
        stopped=stopped,
        reached=reached_target,
        steps=len(trace),
        trace=tuple(trace),
        details={
            "divergence_before": first,
            "divergence_after": now,
            "teachers": int(material.teachers.shape[1]),
            "descent_seconds": time.perf_counter() - started,
        },
    )


def _narrowed(part: LearnedPart, items: Sequence[Tensor], material: Material, config: Config) -> FewInputs | None:
    """The first map with no more inputs than there are recordings, where that is fewer and the model allows it."""
    curvature = material.curvature
    if not config.natural or config.woodbury or curvature is None or len({len(item) for item in items}) > 1:
        return None
    found = first_map(part, *pad_features(items, device=part.device))
    if found is None or found[0] not in curvature.layers or found[1].shape[1] <= len(items):
        return None
    name, inputs = found
    return FewInputs(part, items, curvature, damping=config.damping, name=name, inputs=inputs)


def _direction(part: LearnedPart, items: Sequence[Tensor], material: Material, config: Config) -> NaturalDirection:
    """The gradient, the natural gradient, or the natural gradient with the forget set's curvature taken out exactly."""
    curvature = material.curvature if config.natural else None
    preconditioner = None
    if config.woodbury and curvature is not None and material.share is not None:
        features, lengths = pad_features([items[row] for row in material.trained], device=part.device)
        preconditioner = ForgottenCurvature(part, features, lengths, curvature, material.share, damping=config.damping)
    return NaturalDirection(part, items, curvature, damping=config.damping, preconditioner=preconditioner)


def _state(logits: Tensor, labels: Tensor) -> ForgetState:
    """Mean loss, accuracy and predictions for logits (N, K)."""
    logits = logits.cpu().double()
    prediction = logits.argmax(1)
    return ForgetState(
        loss=float(torch.nn.functional.cross_entropy(logits, labels)),
        accuracy=float((prediction == labels).double().mean()),
        prediction=prediction,
    )
