"""How much each weight matters to the forget set, and the elastic anchor made of it.

MAS: Aljundi et al., "Memory aware synapses", ECCV 2018, with the plain L2 norm of the logits and the batch-wise
absolute gradient of the L2UL code. EWC: Kirkpatrick et al., PNAS 2017, the diagonal of the Fisher matrix.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.material import LearnedPart

__all__ = ["anchor_strength", "elastic_penalty", "ewc_importance", "importance", "mas_importance"]

Kind = Literal["mas", "mas-utterance", "ewc"]


def importance(
    part: LearnedPart, items: Sequence[Tensor], labels: Tensor, *, kind: Kind, batch_size: int = 32
) -> dict[str, Tensor]:
    """Importance of every parameter on the forget set, by name; see the functions of the kinds."""
    if kind == "mas":
        return mas_importance(part, items, batch_size=batch_size)
    if kind == "mas-utterance":
        return mas_importance(part, items, batch_size=1)
    if kind == "ewc":
        return ewc_importance(part, items, labels)
    raise ConfigError(f"unknown importance {kind!r}; mas, mas-utterance or ewc was expected; choose one.")


def mas_importance(part: LearnedPart, items: Sequence[Tensor], *, batch_size: int = 32) -> dict[str, Tensor]:
    """Mean over batches of |d m / d theta| with m the batch mean of the L2 norm of the logits.

    With ``batch_size=1`` this is the textbook form, one absolute gradient an utterance. A last, smaller batch counts
    by its size.
    """
    total = {name: torch.zeros_like(parameter) for name, parameter in _trainable(part)}
    for start in range(0, len(items), batch_size):
        batch = items[start : start + batch_size]
        norm = part.logits(batch).norm(dim=1).mean()
        for name, gradient in _gradients(part, norm).items():
            total[name] += gradient.abs() * (len(batch) / len(items))
    return total


def ewc_importance(part: LearnedPart, items: Sequence[Tensor], labels: Tensor) -> dict[str, Tensor]:
    """Mean over utterances of the squared gradient of the cross-entropy with the true labels (empirical Fisher)."""
    total = {name: torch.zeros_like(parameter) for name, parameter in _trainable(part)}
    for item, label in zip(items, labels.tolist(), strict=True):
        target = torch.tensor([label], device=part.device)
        loss = torch.nn.functional.cross_entropy(part.logits([item]), target)
        for name, gradient in _gradients(part, loss).items():
            total[name] += gradient.square() / len(items)
    return total


def anchor_strength(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """1 minus the importance scaled to [0, 1] within each tensor: weights that matter to the forget set are free.

    A tensor whose importance is constant has no scale; it is anchored fully (1). The L2UL code divides by zero there.
    """
    strength = {}
    for name, values in found.items():
        low, high = values.min(), values.max()
        spread = high - low
        strength[name] = torch.ones_like(values) if spread <= 0 else 1.0 - (values - low) / spread
    return strength


def elastic_penalty(part: LearnedPart, start: dict[str, Tensor], strength: dict[str, Tensor]) -> Tensor:
    """Half the sum over weights of strength times squared distance from the start."""
    terms = [(strength[name] * (parameter - start[name]).square()).sum() for name, parameter in _trainable(part)]
    return 0.5 * torch.stack(terms).sum()


def _trainable(part: LearnedPart) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, p) for name, p in part.model.named_parameters() if p.requires_grad]


def _gradients(part: LearnedPart, value: Tensor) -> dict[str, Tensor]:
    names, parameters = zip(*_trainable(part), strict=True)
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for name, parameter, gradient in zip(names, parameters, gradients, strict=True)
    }
