"""Random labels: teach the model a wrong label for every recording of the forget set.

Title: Amnesiac Machine Learning. Authors: Laura Graves, Vineel Nagisetty, Vijay Ganesh. Year: 2021. arXiv: 2010.10981.
Official code: facts only were used.
Paper: new labels for the forget set, trained on together with retained data.
Reading: the forget set alone; a wrong label each (never the true one), drawn once.
Deviations: stop rule ``gap`` by default.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass

import torch

from affekt.unlearning.descent import DescentConfig, MethodLog, descend, minibatches, random_relabels
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {"title": "Amnesiac Machine Learning", "arxiv": "2010.10981", "year": 2021}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config(DescentConfig):
    """Settings of ``random_labels``."""

    learning_rate: float = 5e-4
    """Step size."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the cross-entropy of random wrong labels on the forget set, in place."""
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    relabels = random_relabels(material.forget_set.labels, material.n_classes, seed=seed)
    batches = minibatches(len(items), config.batch_size, seed=seed)

    def step_loss(_: int) -> torch.Tensor:
        rows = next(batches)
        logits = part.logits([items[row] for row in rows.tolist()])
        return torch.nn.functional.cross_entropy(logits, relabels[rows].to(part.device))

    return descend(
        part, items, material, config, step_loss=step_loss, relabels=relabels, details={"relabels": relabels.tolist()}
    )
