"""SCRUB: move away from the original model on the forget set and stay with it on retained data.

Title: Towards Unbounded Machine Unlearning. Authors: Meghdad Kurmanji, Peter Triantafillou, Jamie Hayes, Eleni
Triantafillou. Year: 2023. arXiv: 2302.09880. Official code: facts only were used.
Paper: a student, at first equal to the teacher, alternates between raising the divergence from it on the forget set
(in the first epochs only) and lowering that divergence and the cross-entropy on retained data; the temperature is 4.
Their variant SCRUB+R goes back to where the error on the forget set is that of recordings like it.
Reading: single batches alternate, not whole epochs. The divergence of a model from itself has no gradient, and without
dropout nothing would say which way to leave; so the very first step raises the cross-entropy on the forget set.
Deviations: stop rule ``gap`` by default, which plays the part of +R.
Reproduces: no number of the paper; ours are in results/.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.descent import MethodLog, descend, minibatches
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.retained_batches import RetainedConfig, retained_batches

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {"title": "Towards Unbounded Machine Unlearning", "arxiv": "2302.09880", "year": 2023}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS, Needs.RETAINED_DATA})


@dataclass(frozen=True, kw_only=True)
class Config(RetainedConfig):
    """Settings of ``scrub``."""

    alpha: float = 0.5
    """Weight of the divergence on retained data."""
    gamma: float = 1.0
    """Weight of the cross-entropy on retained data."""
    temperature: float = 4.0
    """Logits are divided by this in divergences, which are multiplied by its square."""
    forget_steps: int | None = None
    """Steps on the forget set at most; None: every second step is one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha < 0 or self.gamma < 0 or not self.temperature > 0 or (self.forget_steps or 0) < 0:
            raise ConfigError(
                f"alpha is {self.alpha}, gamma {self.gamma}, temperature {self.temperature} and forget_steps "
                f"{self.forget_steps}; none below 0 and a temperature above 0 were expected; change them."
            )


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Alternate between leaving the original on the forget set and keeping to it on retained data, in place."""
    part = LearnedPart(model)
    items = part.features(material.forget_set.waveforms)
    teacher = LearnedPart(copy.deepcopy(model).eval().requires_grad_(False))
    taught = teacher.all_logits(items)
    forget_labels = material.forget_set.labels
    batches = minibatches(len(items), config.batch_size, seed=seed)
    next_retained = retained_batches(part, material.retained, batch_size=config.retained_batch_size, seed=seed)

    def divergence(logits: Tensor, wanted: Tensor) -> Tensor:
        """KL(teacher || student) in the mean over recordings."""
        return config.temperature**2 * torch.nn.functional.kl_div(
            (logits / config.temperature).log_softmax(1),
            (wanted / config.temperature).log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )

    def step_loss(step: int) -> Tensor:
        if step % 2 == 0 and (config.forget_steps is None or step // 2 < config.forget_steps):
            rows = next(batches)
            logits = part.logits([items[row] for row in rows.tolist()])
            if step == 0:
                return -torch.nn.functional.cross_entropy(logits, forget_labels[rows].to(part.device))
            return -divergence(logits, taught[rows].to(part.device))
        batch, labels = next_retained()
        logits = part.logits(batch)
        with torch.no_grad():
            wanted = teacher.logits(batch)
        kept = config.alpha * divergence(logits, wanted)
        return kept + config.gamma * torch.nn.functional.cross_entropy(logits, labels)

    return descend(part, items, material, config, step_loss=step_loss)
