"""Random labels on the forget set together with the true labels of the retained data: the retained-data reference.

Title: Amnesiac Machine Learning. Authors: Laura Graves, Vineel Nagisetty, Vijay Ganesh. Year: 2021. arXiv: 2010.10981.
Official code: facts only were used.
Paper: new labels for the forget set, trained on together with retained data.
Reading: each step is one batch of both, equally weighted; a wrong label each, drawn once.
Deviations: stop rule ``gap`` by default.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass

import torch

from affekt.unlearning.descent import MethodLog, descend, minibatches, random_relabels
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.retained_batches import RetainedConfig, retained_loss

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {"title": "Amnesiac Machine Learning", "arxiv": "2010.10981", "year": 2021}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS, Needs.RETAINED_DATA})


@dataclass(frozen=True, kw_only=True)
class Config(RetainedConfig):
    """Settings of ``random_labels_retained``."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the loss of random labels on the forget set and of true labels on the retained data, in place."""
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    relabels = random_relabels(material.forget_set.labels, material.n_classes, seed=seed)
    batches = minibatches(len(items), config.batch_size, seed=seed)
    next_loss = retained_loss(part, material.retained, batch_size=config.retained_batch_size, seed=seed)

    def step_loss(_: int) -> torch.Tensor:
        rows = next(batches)
        logits = part.logits([items[row] for row in rows.tolist()])
        return torch.nn.functional.cross_entropy(logits, relabels[rows].to(part.device)) + next_loss()

    return descend(
        part, items, material, config, step_loss=step_loss, relabels=relabels, details={"relabels": relabels.tolist()}
    )
