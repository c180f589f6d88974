"""How far to go along a way through the weights: as far as the forget set's loss asks, and no further."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.descent import ForgetState, MethodLog, state_of
from affekt.unlearning.material import LearnedPart, Material, teachers_loss

__all__ = ["aimed_loss", "walk", "walk_to_loss"]


def walk(
    part: LearnedPart,
    items: Sequence[Tensor],
    labels: Tensor,
    place: Callable[[float], None],
    *,
    met: Callable[[ForgetState], bool],
    reached_words: str,
    before: ForgetState,
    target: float | None,
    first: float,
    growth: float,
    max_steps: int,
    details: dict[str, Any] | None = None,
) -> MethodLog:
    """Try longer and longer distances until a stop rule is met, then bisect the last interval.

    Args:
        part: the model, changed in place.
        items: front-end features of the forget set.
        labels: of the forget set.
        place: puts the weights at a distance; 0 gives the weights as they were.
        met: whether a state of the forget set is enough.
        reached_words: what it means that it is.
        before: state of the forget set at the start.
        target: mean loss aimed at, for the log.
        first: the first distance tried.
        growth: factor between distances.
        max_steps: distances tried at most, before bisection.
        details: kept in the log.
    """
    started = time.perf_counter()
    trace: list[float] = []
    low, high, now = 0.0, first, before
    reached, diverged = met(before), False
    while not reached and not diverged and len(trace) < max_steps:
        place(high)
        now = state_of(part, items, labels)
        diverged = not math.isfinite(now.loss)
        if diverged:
            break
        trace.append(now.loss)
        reached = met(now)
        if not reached:
            low, high = high, high * growth
    if reached and trace:
        for _ in range(40):
            if high - low <= 1e-4 * high:
                break
            middle = (low + high) / 2
            place(middle)
            if met(state_of(part, items, labels)):
                high = middle
            else:
                low = middle
        place(high)
        low = high
    elif diverged:
        place(low)
    now = state_of(part, items, labels)
    stopped = reached_words if reached else f"the limit of {max_steps} lengths was reached first"
    if diverged:
        stopped = "the loss was no longer a number; the last length before was taken"
    if reached and not trace:
        stopped = f"nothing was done: {reached_words} before the first step"
    return MethodLog.between(
        before,
        now,
        stopped=stopped,
        reached=reached,
        steps=len(trace),
        target_loss=target,
        trace=tuple(trace),
        details={**(details or {}), "length": low, "descent_seconds": time.perf_counter() - started},
    )


def walk_to_loss(
    part: LearnedPart,
    items: Sequence[Tensor],
    labels: Tensor,
    place: Callable[[float], None],
    *,
    target: float,
    before: ForgetState,
    first: float = 0.25,
    growth: float,
    max_steps: int,
) -> MethodLog:
    """:func:`walk` until the mean loss on the forget set is no less than ``target``, nats; arguments as there."""
    return walk(
        part,
        items,
        labels,
        place,
        met=lambda state: state.loss >= target,
        reached_words=f"the mean loss on the forget set reached {target:.3f} nats",
        before=before,
        target=target,
        first=first,
        growth=growth,
        max_steps=max_steps,
    )


def aimed_loss(material: Material, target: Literal["teachers", "gap"], loss_before: float, *, method: str) -> float:
    """The mean loss of the out-of-fold teachers on the forget set; or, where there are none or ``gap`` is asked for,
    the loss before plus the saved gap; or the given loss.

    Raises:
        ConfigError: none of these is known.
    """
    if target == "teachers" and material.teachers is not None:
        return teachers_loss(material.teachers, material.forget_set.labels)
    if material.target_gap is not None:
        return loss_before + max(0.0, material.target_gap)
    if material.target_loss is not None:
        return material.target_loss
    raise ConfigError(
        f"{method} needs a loss to aim at (got none); a model trained by affekt was expected; pass target_loss=."
    )
