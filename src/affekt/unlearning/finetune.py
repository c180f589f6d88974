"""Fine-tune: go on training on the retained data and hope. A reference that needs retained data.

Not one paper's: the usual baseline FT.
"""

from dataclasses import dataclass

import torch

from affekt.unlearning.descent import MethodLog, descend
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.retained_batches import RetainedConfig, retained_loss

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = None
NEEDS = frozenset({Needs.FORGET_SET, Needs.RETAINED_DATA})


@dataclass(frozen=True, kw_only=True)
class Config(RetainedConfig):
    """Settings of ``finetune``."""

    max_steps: int = 50
    """Steps on the retained data."""
    stop: str = "steps"  # type: ignore[assignment]
    """Fine-tuning has no target of its own: it makes all its steps."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the loss on the retained data, in place; the forget set is only looked at to report on it."""
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    next_loss = retained_loss(part, material.retained, batch_size=config.retained_batch_size, seed=seed)
    return descend(part, items, material, config, step_loss=lambda _: next_loss())
