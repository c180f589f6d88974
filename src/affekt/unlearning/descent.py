"""What the iterative methods share: steps on a loss until a stop rule says enough.

Dropout is off and batch-normalisation statistics stay as they are while a model unlearns: on a handful of recordings
both would move the model more than the method does.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.unlearning.material import LearnedPart, Material

__all__ = [
    "REACHED",
    "DescentConfig",
    "ForgetState",
    "MethodLog",
    "Stop",
    "descend",
    "is_met",
    "loss_goal",
    "minibatches",
    "random_relabels",
    "state_of",
]

Stop = Literal["calibrated", "gap", "relabel-hit", "steps", "zero"]

_TO_TARGET = ("calibrated", "gap")

REACHED: dict[Stop, str] = {
    "calibrated": "the mean loss on the forget set reached that of held-out recordings",
    "gap": "the mean loss on the forget set rose by the gap between training and held-out recordings",
    "relabel-hit": "every recording of the forget set was taken for its new label",
    "steps": "all steps were made",
    "zero": "no recording of the forget set was recognised any more",
}
"""What it means that a stop rule was met, in words."""


@dataclass(frozen=True, kw_only=True)
class DescentConfig:
    """Settings of every iterative method."""

    stop: Stop = "gap"
    """When to stop: ``gap`` (ours), the mean loss on the forget set has risen by as much as held-out recordings lie
    above training recordings, so that a person who is easy or hard to recognise stays so; ``calibrated``, it has
    reached that of held-out recordings; ``zero``, no recording of the forget set is recognised (L2UL);
    ``relabel-hit``, every one is taken for its new label; ``steps``, only after ``max_steps``."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Adam, or stochastic gradient descent with momentum 0.9."""
    learning_rate: float = 2e-4
    """Step size."""
    max_steps: int = 100
    """Steps at most, whatever the stop rule."""
    batch_size: int = 32
    """Recordings of the forget set a step."""
    gradient_clip: float | None = None
    """Largest gradient norm of a step; None: no limit."""

    def __post_init__(self) -> None:
        if self.stop not in ("calibrated", "gap", "relabel-hit", "steps", "zero"):
            raise ConfigError(
                f"unknown stop rule {self.stop!r}; calibrated, gap, relabel-hit, steps or zero was expected; "
                "choose one."
            )
        if self.optimizer not in ("adam", "sgd"):
            raise ConfigError(f"unknown optimizer {self.optimizer!r}; adam or sgd was expected; choose one.")
        if not self.learning_rate > 0 or self.max_steps < 1 or self.batch_size < 1:
            raise ConfigError(
                f"learning_rate, max_steps and batch_size must be positive (got {self.learning_rate}, "
                f"{self.max_steps}, {self.batch_size}); change them."
            )
        if self.gradient_clip is not None and not self.gradient_clip > 0:
            raise ConfigError(f"gradient_clip is {self.gradient_clip}; a positive number was expected; change it.")


@dataclass(frozen=True)
class ForgetState:
    """Where the forget set stands under a model."""

    loss: float
    accuracy: float
    prediction: Tensor


@dataclass(frozen=True, kw_only=True)
class MethodLog:
    """How a method went."""

    stopped: str
    """Why it stopped, in words."""
    reached: bool
    """Whether the stop rule was met (False: the steps ran out)."""
    steps: int
    loss_before: float
    """Mean loss on the forget set before, nats."""
    loss_after: float
    accuracy_before: float
    accuracy_after: float
    target_loss: float | None = None
    trace: tuple[float, ...] = ()
    """Mean loss on the forget set after each step."""
    details: dict[str, Any] | None = None
    """What else the method has to say: relabels, success of the attack, seconds of its parts."""

    @classmethod
    def between(
        cls,
        before: ForgetState,
        after: ForgetState,
        *,
        stopped: str,
        reached: bool,
        steps: int,
        target_loss: float | None = None,
        trace: tuple[float, ...] = (),
        details: dict[str, Any] | None = None,
    ) -> "MethodLog":
        """The log of a method that took the forget set from one state to another."""
        return cls(
            stopped=stopped,
            reached=reached,
            steps=steps,
            loss_before=before.loss,
            loss_after=after.loss,
            accuracy_before=before.accuracy,
            accuracy_after=after.accuracy,
            target_loss=target_loss,
            trace=trace,
            details=details,
        )


def random_relabels(labels: Tensor, n_classes: int, *, seed: int) -> Tensor:
    """(N,) new labels, uniform over the K - 1 other classes, drawn once."""
    generator = torch.Generator().manual_seed(seed)
    return (labels + torch.randint(1, n_classes, labels.shape, generator=generator)) % n_classes


def minibatches(count: int, batch_size: int, *, seed: int) -> Iterator[Tensor]:
    """Positions in batches, shuffled anew in every pass, without end."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(count, generator=generator)
        yield from (order[start : start + batch_size] for start in range(0, count, batch_size))


def descend(
    part: LearnedPart,
    items: Sequence[Tensor],
    material: Material,
    config: DescentConfig,
    *,
    step_loss: Callable[[int], Tensor],
    relabels: Tensor | None = None,
    after_step: Callable[[], None] | None = None,
    details: dict[str, Any] | None = None,
) -> MethodLog:
    """Minimise a loss in place until the stop rule is met.

    With the calibrated stop the last step, which crosses the target, is bisected, so that the forget set ends at the
    target and not beyond it.

    Args:
        part: the model.
        items: front-end features of the forget set.
        material: the forget set's labels, the target loss.
        config: settings.
        step_loss: the loss of a step, given its number.
        relabels: new labels, for ``relabel-hit``.
        after_step: called after every step (to project the weights).
        details: kept in the log.

    Raises:
        ConfigError: the stop rule needs something that is not there.
    """
    labels = material.forget_set.labels
    part.model.eval()
    before = state_of(part, items, labels)
    target = loss_goal(config.stop, material, before.loss)
    if config.stop == "relabel-hit" and relabels is None:
        raise ConfigError("the stop rule relabel-hit needs a method that relabels; choose calibrated, zero or steps.")
    parameters = [parameter for parameter in part.model.parameters() if parameter.requires_grad]
    optimizer: torch.optim.Optimizer
    if config.optimizer == "adam":
        optimizer = torch.optim.Adam(parameters, lr=config.learning_rate)
    else:
        optimizer = torch.optim.SGD(parameters, lr=config.learning_rate, momentum=0.9)
    trace: list[float] = []
    now = before
    reached = is_met(config.stop, now, target, relabels)
    diverged = False
    started = time.perf_counter()
    while not reached and not diverged and len(trace) < config.max_steps:
        previous = [parameter.detach().clone() for parameter in parameters]
        optimizer.zero_grad()
        loss = step_loss(len(trace))
        loss.backward()  # type: ignore[no-untyped-call]
        if config.gradient_clip is not None:
            nn.utils.clip_grad_norm_(parameters, config.gradient_clip)
        optimizer.step()
        if after_step is not None:
            after_step()
        now = state_of(part, items, labels)
        diverged = not math.isfinite(now.loss)
        if diverged:
            _assign(parameters, previous)
            now = state_of(part, items, labels)
        reached = is_met(config.stop, now, target, relabels)
        if reached and config.stop in _TO_TARGET and target is not None:
            now = _bisect(part, items, labels, parameters, previous, target)
        trace.append(now.loss)
    reached = reached or (config.stop == "steps" and not diverged)
    stopped = REACHED[config.stop] if reached else f"the limit of {config.max_steps} steps was reached first"
    if diverged:
        stopped = "the loss was no longer a number; the last step was taken back (the learning rate may be too high)"
    if reached and not trace:
        stopped = "nothing was done: " + REACHED[config.stop] + " before the first step"
    return MethodLog.between(
        before,
        now,
        stopped=stopped,
        reached=reached,
        steps=len(trace),
        target_loss=target,
        trace=tuple(trace),
        details={**(details or {}), "descent_seconds": time.perf_counter() - started},
    )


def state_of(part: LearnedPart, items: Sequence[Tensor], labels: Tensor) -> ForgetState:
    """Mean loss (nats), accuracy and predictions of a model on feature items."""
    logits = part.all_logits(items).double()
    prediction = logits.argmax(1)
    return ForgetState(
        loss=float(nn.functional.cross_entropy(logits, labels)),
        accuracy=float((prediction == labels).double().mean()),
        prediction=prediction,
    )


def loss_goal(stop: Stop, material: Material, loss_before: float) -> float | None:
    """The mean loss on the forget set that a stop rule aims at, nats; rules without one get the held-out loss.

    Raises:
        ConfigError: the rule needs a saved loss that is not there.
    """
    target = material.target_loss
    if stop == "gap":
        target = None if material.target_gap is None else loss_before + max(0.0, material.target_gap)
    if stop in _TO_TARGET and target is None:
        raise ConfigError(
            f"the stop rule {stop} needs the loss of held-out recordings (got none); a model trained by affekt "
            "saves it; pass target_loss= for the rule calibrated, or choose zero or steps."
        )
    return target


def is_met(stop: Stop, state: ForgetState, target: float | None, relabels: Tensor | None = None) -> bool:
    """Whether a stop rule says enough (``steps`` never does)."""
    if stop in _TO_TARGET and target is not None:
        return state.loss >= target
    if stop == "zero":
        return state.accuracy == 0.0
    if stop == "relabel-hit" and relabels is not None:
        return bool((state.prediction == relabels).all())
    return False


def _assign(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)


def _bisect(
    part: LearnedPart,
    items: Sequence[Tensor],
    labels: Tensor,
    parameters: Sequence[Tensor],
    previous: Sequence[Tensor],
    target: float,
    *,
    halvings: int = 6,
) -> ForgetState:
    """Leave the weights on the line between the last two steps where the loss just reaches the target."""
    after = [parameter.detach().clone() for parameter in parameters]
    low, high = 0.0, 1.0

    def move(share: float) -> ForgetState:
        _assign(parameters, [a + share * (b - a) for a, b in zip(previous, after, strict=True)])
        return state_of(part, items, labels)

    for _ in range(halvings):
        middle = (low + high) / 2
        if move(middle).loss >= target:
            high = middle
        else:
            low = middle
    if high == 1.0:
        _assign(parameters, after)
        return state_of(part, items, labels)
    return move(high)
