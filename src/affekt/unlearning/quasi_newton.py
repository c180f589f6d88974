"""L-BFGS directions on top of a preconditioner: fewer steps to the same place.

A gradient is turned into a direction by the saved curvature, and what the last steps taught about the loss on the
forget set itself corrects it. Directions stay in the span of preconditioned gradients, so other recordings are spared
as they are by the natural gradient alone.

Source: Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation 35 (1980). What
stands for the inverse curvature between its two loops is the preconditioner, scaled by what the last step measured.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["QuasiNewton"]

Named = dict[str, Tensor]


@dataclass(frozen=True)
class _Pair:
    """A step, the change of the gradient over it, that change preconditioned, and the dot product of the first two."""

    step: Tensor
    change: Tensor
    conditioned: Tensor
    product: float


class QuasiNewton:
    """Directions for one gradient after another.

    A gradient is preconditioned once; all else follows, as the preconditioner is linear.

    Args:
        precondition: gradients by name -> directions by name; linear, symmetric and positive.
        history: steps remembered; 0 gives the preconditioned gradients themselves.
    """

    def __init__(self, precondition: Callable[[Named], Named], *, history: int = 10) -> None:
        self.precondition = precondition
        self.history = history
        self.pairs: list[_Pair] = []
        self._gradient: tuple[Tensor, Tensor] | None = None
        self._step: Tensor | None = None

    def direction(self, gradient: Named) -> Named:
        """The direction that raises the loss: an approximate inverse of its curvature times the gradient."""
        flat, conditioned = _flat(gradient), _flat(self.precondition(gradient))
        self._learn(flat, conditioned)
        self._gradient, self._step = (flat, conditioned), None
        weights = []
        for pair in reversed(self.pairs):
            weights.append(float(pair.step @ flat) / pair.product)
            flat = flat - weights[-1] * pair.change
            conditioned = conditioned - weights[-1] * pair.conditioned
        if self.pairs:
            last = self.pairs[-1]
            conditioned = conditioned * (last.product / float(last.change @ last.conditioned))
        for pair, weight in zip(self.pairs, reversed(weights), strict=True):
            conditioned = conditioned + (weight - float(pair.change @ conditioned) / pair.product) * pair.step
        return _named(conditioned, gradient)

    def moved(self, direction: Named, scale: float) -> None:
        """Say that the weights have moved by scale * direction; the next gradient is the one there."""
        self._step = scale * _flat(direction)

    def _learn(self, flat: Tensor, conditioned: Tensor) -> None:
        """Remember the last step, unless the loss curves downwards along it."""
        if self._gradient is None or self._step is None or not self.history:
            return
        change = flat - self._gradient[0]
        product = float(self._step @ change)
        if product > 1e-10 * float(self._step.norm() * change.norm()):
            pair = _Pair(self._step, change, conditioned - self._gradient[1], product)
            self.pairs = [*self.pairs, pair][-self.history :]


def _flat(values: Named) -> Tensor:
    return torch.cat([value.flatten() for value in values.values()])


def _named(flat: Tensor, like: Named) -> Named:
    pieces = torch.split(flat, [value.numel() for value in like.values()])
    return {name: piece.reshape(value.shape) for (name, value), piece in zip(like.items(), pieces, strict=True)}
