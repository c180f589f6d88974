"""Steps along the natural gradient of a loss on the forget set, with the curvature that training saved.

The direction is (F + damping)^-1 g, where F is the saved K-FAC approximation of the Fisher information of the whole
training set: for the same change on the forget set it changes the outputs on other recordings least.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from affekt.models.curvature import Curvature
from affekt.training import pad_features
from affekt.unlearning.material import LearnedPart

__all__ = ["NaturalDirection", "learned_parameters", "move", "snapshot", "step_length"]

Named = dict[str, Tensor]
LossOf = Callable[[Tensor, Tensor], Tensor]
"""Logits (B, K) and positions in the forget set (B,) -> the loss of each recording, (B,)."""


def learned_parameters(part: LearnedPart) -> dict[str, torch.nn.Parameter]:
    """Parameters that training changed, by name."""
    return {name: parameter for name, parameter in part.model.named_parameters() if parameter.requires_grad}


def snapshot(part: LearnedPart) -> Named:
    """Copies of the learned weights, by name."""
    return {name: parameter.detach().clone() for name, parameter in learned_parameters(part).items()}


def move(part: LearnedPart, start: Named, direction: Named, scale: float) -> None:
    """Put the weights at start + scale * direction, in place."""
    with torch.no_grad():
        for name, parameter in learned_parameters(part).items():
            parameter.copy_(start[name] + scale * direction[name])


def step_length(direction: Named) -> float:
    """Euclidean length over all parameters."""
    return float(torch.stack([step.square().sum() for step in direction.values()]).sum().sqrt())


class NaturalDirection:
    """Turns a loss on the forget set into the direction that raises it.

    Args:
        part: the model.
        items: front-end features of the forget set.
        curvature: saved by training; None leaves the gradient as it is.
        damping: added to the curvature.
        batch_size: recordings at once.
        preconditioner: what turns a gradient into a direction, in place of the curvature's own.
    """

    def __init__(
        self,
        part: LearnedPart,
        items: Sequence[Tensor],
        curvature: Curvature | None,
        *,
        damping: float,
        batch_size: int = 64,
        preconditioner: Callable[[Named], Named] | None = None,
    ) -> None:
        self.part = part
        self.parameters = learned_parameters(part)
        self.count = len(items)
        order = sorted(range(len(items)), key=lambda row: -len(items[row]))
        chunks = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
        # padded once: the features stay what they are while the weights move
        self.batches = [
            (torch.tensor(rows), *pad_features([items[row] for row in rows], device=part.device)) for rows in chunks
        ]
        self.preconditioner: Callable[[Named], Named] | None = preconditioner
        if preconditioner is None and curvature is not None:
            self.preconditioner = curvature.preconditioner(part.model, damping=damping)

    def gradient(self, loss_of: LossOf) -> Named:
        """The plain gradient of the mean loss, by parameter."""
        parameters = self.parameters
        total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
        for rows, features, lengths in self.batches:
            loss = loss_of(self.part.classify(features, lengths), rows).sum()
            found = torch.autograd.grad(loss / self.count, list(parameters.values()), allow_unused=True)
            for name, gradient in zip(parameters, found, strict=True):
                if gradient is not None:
                    total[name] += gradient
        return total

    def __call__(self, loss_of: LossOf) -> Named:
        """The direction in which the mean loss rises, by parameter."""
        return self.preconditioned(self.gradient(loss_of))

    def preconditioned(self, gradient: Named) -> Named:
        """What the curvature makes of a gradient."""
        return dict(gradient) if self.preconditioner is None else self.preconditioner(gradient)

    def logits(self) -> Tensor:
        """Logits (N, K) of the forget set as the weights are, without gradients."""
        with torch.no_grad():
            found = [(rows, self.part.classify(features, lengths)) for rows, features, lengths in self.batches]
        every = torch.empty(self.count, found[0][1].shape[1], dtype=found[0][1].dtype, device=found[0][1].device)
        for rows, logits in found:
            every[rows.to(every.device)] = logits
        return every

    def mean_loss(self, loss_of: LossOf) -> float:
        """The mean loss as the weights are."""
        return float(loss_of(self.logits(), torch.arange(self.count)).double().mean())
