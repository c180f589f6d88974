"""AMUN, forget-only: train on the nearest adversarial copies with the wrong classes the model sees in them.

Title: AMUN: Adversarial Machine UNlearning. Authors: Ali Ebrahimpour-Boroojeny, Hari Sundaram, Varun Chandrasekaran.
Year: 2025. arXiv: 2503.00917. Official code: Ali-E/AMUN, facts only were used.
Paper: for each recording the nearest adversarial example and the wrong label predicted there; fine-tune on these (with
retained data where there are any). Confidence on the forget set falls because the boundary moves locally.
Reading: the copies alone; the recordings themselves are not trained on.
Deviations: radius doubling with bisection instead of 50-step PGD at growing sizes; stop rule ``gap`` by default.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass, field

import torch

from affekt.unlearning.attack import AttackConfig, nearest_copies
from affekt.unlearning.descent import DescentConfig, MethodLog, descend, minibatches
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {"title": "AMUN: Adversarial Machine UNlearning", "arxiv": "2503.00917", "year": 2025}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config(DescentConfig):
    """Settings of ``amun``."""

    learning_rate: float = 1e-3
    """Step size."""
    max_steps: int = 150
    """Steps at most."""
    attack: AttackConfig = field(default_factory=lambda: AttackConfig(norm="l2", epsilon=0.002, steps=10, copies=1))
    """The attack; its radius is the middle of those tried."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the cross-entropy of the wrong classes on the nearest adversarial copies, in place."""
    part = LearnedPart(model)
    copies = nearest_copies(model, material.forget_set, config=config.attack, seed=seed)
    items = part.features(material.forget_set.waveforms)
    adversarial = copies.features(part)
    batches = minibatches(len(adversarial), config.batch_size, seed=seed)

    def step_loss(_: int) -> torch.Tensor:
        rows = next(batches)
        logits = part.logits([adversarial[row] for row in rows.tolist()])
        return torch.nn.functional.cross_entropy(logits, copies.labels[rows].to(part.device))

    details = {"attack_success": copies.success, "attack_snr_db": copies.snr_db, "attack_seconds": copies.seconds}
    return descend(part, items, material, config, step_loss=step_loss, details=details)
