"""SalUn: random labels on the forget set, learned only by the weights that its loss depends on most.

Title: SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency in Both Image Classification and
Generation.
Authors: Chongyu Fan, Jiancheng Liu, Yihua Zhang, Eric Wong, Dennis Wei, Sijia Liu. Year: 2023. arXiv: 2310.12508.
Official code: facts only were used.
Paper: the half of all weights with the largest gradient of the forget set's loss may change, all others stay; these
learn random labels for the forget set together with the true labels of retained data.
Reading: the gradient is that of the mean cross-entropy over the whole forget set, ranked over all learned weights at
once; each step is one batch of both, equally weighted; a wrong label each, drawn once.
Deviations: stop rule ``gap`` by default; Adam.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.descent import MethodLog, descend, minibatches, random_relabels
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.natural_gradient import Named, NaturalDirection, learned_parameters, snapshot
from affekt.unlearning.retained_batches import RetainedConfig, retained_loss

__all__ = ["NEEDS", "PAPER", "Config", "largest", "unlearn"]

PAPER = {
    "title": "SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency in Both Image Classification and "
    "Generation",
    "arxiv": "2310.12508",
    "year": 2023,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS, Needs.RETAINED_DATA})


@dataclass(frozen=True, kw_only=True)
class Config(RetainedConfig):
    """Settings of ``salun``."""

    learning_rate: float = 5e-4
    """Step size."""
    share: float = 0.5
    """Share of the weights that may change."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise ConfigError(f"share is {self.share}; a number above 0 and up to 1 was expected; change it.")


def largest(values: Named, share: float) -> Named:
    """Masks of the share of all entries with the largest absolute values, at least one."""
    sizes = torch.cat([value.abs().flatten() for value in values.values()])
    chosen = torch.zeros_like(sizes, dtype=torch.bool)
    chosen[sizes.topk(max(1, round(share * len(sizes)))).indices] = True
    parts = torch.split(chosen, [value.numel() for value in values.values()])
    return {name: part.reshape(value.shape) for (name, value), part in zip(values.items(), parts, strict=True)}


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the loss of random labels on the forget set and of true labels on retained data, in place and in part."""
    part = LearnedPart(model)
    part.model.eval()
    items = part.features(material.forget_set.waveforms)
    labels = material.forget_set.labels.to(part.device)
    relabels = random_relabels(material.forget_set.labels, material.n_classes, seed=seed)
    batches = minibatches(len(items), config.batch_size, seed=seed)
    next_loss = retained_loss(part, material.retained, batch_size=config.retained_batch_size, seed=seed)

    def forget_loss(logits: Tensor, rows: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, labels[rows], reduction="none")

    start = snapshot(part)
    masks = largest(NaturalDirection(part, items, None, damping=1.0).gradient(forget_loss), config.share)

    def step_loss(_: int) -> Tensor:
        rows = next(batches)
        logits = part.logits([items[row] for row in rows.tolist()])
        return torch.nn.functional.cross_entropy(logits, relabels[rows].to(part.device)) + next_loss()

    def restore() -> None:
        with torch.no_grad():
            for name, parameter in learned_parameters(part).items():
                parameter.copy_(torch.where(masks[name], parameter, start[name]))

    return descend(
        part,
        items,
        material,
        config,
        step_loss=step_loss,
        relabels=relabels,
        after_step=restore,
        details={"relabels": relabels.tolist()},
    )
