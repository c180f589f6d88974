"""Gradient ascent (NegGrad): raise the loss on the forget set.

Title: Knowledge Unlearning for Mitigating Privacy Risks in Language Models (the form used here; the idea is older).
Authors: Joel Jang and others. Year: 2022. arXiv: 2210.01504. Official code: facts only were used.
Paper: maximise the loss of the forget set.
Reading: cross-entropy with a minus sign, on the forget set alone.
Deviations: stop rule ``gap`` by default.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass

import torch

from affekt.unlearning.descent import DescentConfig, MethodLog, descend, minibatches
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {
    "title": "Knowledge Unlearning for Mitigating Privacy Risks in Language Models",
    "arxiv": "2210.01504",
    "year": 2022,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config(DescentConfig):
    """Settings of ``gradient_ascent``."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Raise the cross-entropy of the true labels on the forget set, in place."""
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    labels = material.forget_set.labels
    batches = minibatches(len(items), config.batch_size, seed=seed)

    def step_loss(_: int) -> torch.Tensor:
        rows = next(batches)
        logits = part.logits([items[row] for row in rows.tolist()])
        return -torch.nn.functional.cross_entropy(logits, labels[rows].to(part.device))

    return descend(part, items, material, config, step_loss=step_loss)
