"""L2UL: misclassify the forget set while targeted adversarial copies hold the decision boundary.

Title: Learning to Unlearn: Instance-wise Unlearning for Pre-trained Classifiers.
Authors: Sungmin Cha, Sungjun Cho, Dasol Hwang, Honglak Lee, Taesup Moon, Moontae Lee. Year: 2024. arXiv: 2301.11578.
Official code: csm9493/L2UL (MIT), facts only were used.
Paper: minus the cross-entropy on the forget set, plus the cross-entropy of targeted L2-PGD copies with their targets,
weighted by the sizes of the two half-batches; variant with importance (MAS), weight 1; stop at forget accuracy 0.
Reading: the attack on the waveform with the sizes of :class:`AttackConfig` instead of images.
Deviations: targets are uniform over the other classes (the released code falls back to one constant class); constant
importance anchors fully (the released code divides by zero); stop rule ``gap`` by default, ``stop="zero"`` is theirs.
Reproduces: no number of the paper; ours are in results/.
"""

from dataclasses import dataclass, field

import torch

from affekt.unlearning.adversarial_anchor import AnchoredConfig, anchored_descent
from affekt.unlearning.attack import AttackConfig
from affekt.unlearning.descent import MethodLog
from affekt.unlearning.material import Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {
    "title": "Learning to Unlearn: Instance-wise Unlearning for Pre-trained Classifiers",
    "arxiv": "2301.11578",
    "year": 2024,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config(AnchoredConfig):
    """Settings of ``l2ul``."""

    attack: AttackConfig = field(default_factory=lambda: AttackConfig(norm="l2", epsilon=0.02))
    """Targeted copies; the L2 ball of the paper."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Raise the loss of the forget set and hold that of the adversarial copies, in place."""
    return anchored_descent(model, material, config, seed=seed, attack=config.attack, relabels=None)
