"""Head Newton: one Newton step on the softmax head, with the exact curvature of what stays.

Title: Certified Data Removal from Machine Learning Models. Authors: Guo, Goldstein, Hannun, van der Maaten. Year: 2019.
arXiv: 1911.03030. Official code: not read.
Paper: for a linear model the weights without some data are approached by one Newton step on the loss of the other data,
whose gradient at the optimum is minus that of the removed data.
Reading: ours in the following: the head of a network stands for the linear model, everything below it is left alone;
the Hessian of all training data is saved when training ends and the forget set's is subtracted, so no retained data are
needed; where training has driven the loss to nothing the step has the right direction and no length, so its length is
searched for until the mean loss on the forget set is that of models that never heard these recordings.
Deviations: no noise is added and no certificate given.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.models.head_curvature import HeadTape
from affekt.unlearning.descent import MethodLog, state_of
from affekt.unlearning.line_search import aimed_loss, walk_to_loss
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {"title": "Certified Data Removal from Machine Learning Models", "arxiv": "1911.03030", "year": 2019}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS, Needs.ERASURE_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of ``head_newton``."""

    length: Literal["calibrated", "unit"] = "calibrated"
    """``unit``: the Newton step as it is, right for a strongly convex head; ``calibrated``: along it as far as the mean
    loss on the forget set asks."""
    damping: float = 1e-3
    """Added to the curvature of the mean loss of what stays; the weight of an L2 penalty, if training had one."""
    target: Literal["teachers", "gap"] = "teachers"
    """With ``calibrated``, the mean loss to aim at: that of the out-of-fold teachers on these recordings; or the loss
    before plus the saved gap between held-out and training recordings (also where there are no teachers)."""
    growth: float = 1.35
    """Factor between the lengths that are tried, before the last interval is bisected."""
    max_steps: int = 60
    """Lengths tried at most."""

    def __post_init__(self) -> None:
        if self.length not in ("calibrated", "unit") or self.target not in ("teachers", "gap"):
            raise ConfigError(
                f"length is {self.length!r} and target {self.target!r}; calibrated or unit, and teachers or gap, were "
                "expected; choose one of these."
            )
        if not self.damping > 0 or not self.growth > 1 or self.max_steps < 1:
            raise ConfigError(
                f"damping is {self.damping}, growth {self.growth} and max_steps {self.max_steps}; above 0, above 1 and "
                "at least 1 were expected; change them."
            )


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Move the head along the Newton step of the other recordings' loss, in place.

    Raises:
        ConfigError: training saved no curvature of the head, or there is no loss to aim at.
    """
    head = None if material.curvature is None else material.curvature.head
    if material.curvature is None or head is None:
        raise ConfigError(
            "head_newton needs the curvature of the head that erasure-ready training saves (got none); a model trained "
            "with --erasure-ready whose head is small enough was expected; choose another method, such as kfac."
        )
    part = LearnedPart(model)
    part.model.eval()
    items = material.features(part)
    labels = material.forget_set.labels
    before = state_of(part, items, labels)
    layer = dict(model.named_modules())[head.name]
    assert isinstance(layer, torch.nn.Linear)
    gradient = _gradient(part, items, labels)
    step = _solved(head.matrix, gradient.flatten(), config.damping * material.curvature.count)
    step = step.reshape(gradient.shape).to(layer.weight)
    start = [value.detach().clone() for value in (layer.weight, layer.bias) if value is not None]

    def place(scale: float) -> None:
        size = layer.in_features
        with torch.no_grad():
            layer.weight[: len(step)] = start[0][: len(step)] + scale * step[:, :size]
            if layer.bias is not None:
                layer.bias[: len(step)] = start[1][: len(step)] + scale * step[:, size]

    if config.length == "unit":
        place(1.0)
        after = state_of(part, items, labels)
        return MethodLog.between(
            before,
            after,
            stopped="one Newton step was made",
            reached=True,
            steps=1,
            trace=(after.loss,),
        )
    target = aimed_loss(material, config.target, before.loss, method="head_newton")
    return walk_to_loss(
        part,
        items,
        labels,
        place,
        before=before,
        target=target,
        growth=config.growth,
        max_steps=config.max_steps,
    )


def _gradient(part: LearnedPart, items: list[Tensor], labels: Tensor, *, batch_size: int = 64) -> Tensor:
    """The gradient of the forget set's summed loss with respect to the head, (K, D), float64."""
    tape = HeadTape(dict(part.model.named_modules()))
    order = sorted(range(len(items)), key=lambda row: -len(items[row]))
    total: Tensor | float = 0.0
    try:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            logits = part.logits([items[row] for row in rows])
            vectors = tape.vectors(logits)
            assert vectors is not None  # as it was when the curvature was saved
            error = logits.detach().double().softmax(1)
            error[torch.arange(len(rows)), labels[rows].to(error.device)] -= 1.0
            total = total + error.T @ vectors.double()
    finally:
        tape.close()
    assert isinstance(total, Tensor)
    return total


def _solved(matrix: Tensor, vector: Tensor, damping: float) -> Tensor:
    """(matrix + damping)^-1 vector, float64; negative curvature, which subtracting can leave, counts as none."""
    damped = matrix.to(vector.device, torch.float64, copy=True)
    damped.diagonal().add_(damping)
    factor, failed = torch.linalg.cholesky_ex(damped)
    if not int(failed):
        return torch.cholesky_solve(vector[:, None], factor)[:, 0]
    values, vectors = torch.linalg.eigh(matrix.to(vector.device, torch.float64))
    found: Tensor = vectors @ ((vectors.T @ vector) / (values.clamp_min(0.0) + damping))
    return found
