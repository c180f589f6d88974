"""Unlearning from the forget set alone: random labels, adversarial copies, elastic weights.

Title: Machine Unlearning in Speech Emotion Recognition via Forget Set Alone.
Authors: Zhao Ren, Rathi Adarshi Rammohan, Kevin Scheck, Tanja Schultz. Year: 2025. arXiv: 2510.04251.
Official code: none. The paper's equations and settings were not available to us.
Paper: given a trained model and only the recordings to forget: random labels for them, adversarial attacks on them in
place of the absent retained data, elastic model weights; a clipping value tau matters; variants Adv. and Adv.+Ela.
Reading: everything below is **our reading**: the loss is that of L2UL (arXiv 2301.11578) with random labels instead of
ascent; labels are drawn once; copies are targeted PGD on the raw waveform of the frozen model; the anchor is 1 minus
the importance on the forget set, scaled within each tensor. What tau clips is unknown, so four readings are switchable.
Deviations: stop rule ``gap`` by default; ``stop="zero"`` is the stop of L2UL.
Reproduces: no number of the paper (none was available); ours are in results/.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from affekt.errors import ConfigError
from affekt.unlearning.adversarial_anchor import AnchoredConfig, anchored_descent
from affekt.unlearning.attack import AttackConfig
from affekt.unlearning.descent import MethodLog, random_relabels
from affekt.unlearning.material import Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "unlearn"]

PAPER = {
    "title": "Machine Unlearning in Speech Emotion Recognition via Forget Set Alone",
    "arxiv": "2510.04251",
    "year": 2025,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config(AnchoredConfig):
    """Settings of ``forget_set_alone``."""

    learning_rate: float = 5e-4
    """Step size."""
    attack: AttackConfig = field(default_factory=AttackConfig)
    """Targeted copies of the recordings."""
    clip: Literal["drift", "gradient", "importance-max", "importance-min", "none", "perturbation"] = "importance-max"
    """What the clipping value tau clips (four readings, one of them two ways): ``importance-max``, the anchor's
    strength is at most tau; ``importance-min``, at least tau; ``drift``, no weight moves further than tau;
    ``gradient``, the gradient's norm is at most tau; ``perturbation``, tau is the attack's radius; ``none``."""
    tau: float = 0.5
    """The clipping value; grids: importance .1 to 1, drift 1e-5 to 1e-2, gradient .1 to 5, perturbation .001 to .03."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip not in ("drift", "gradient", "importance-max", "importance-min", "none", "perturbation"):
            raise ConfigError(
                f"unknown reading of tau {self.clip!r}; drift, gradient, importance-max, importance-min, none or "
                "perturbation was expected; choose one."
            )
        if self.clip != "none" and not self.tau > 0:
            raise ConfigError(f"tau is {self.tau}; a positive number was expected; change it.")


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Teach the forget set random wrong labels, hold its adversarial copies, anchor the weights; in place."""
    relabels = random_relabels(material.forget_set.labels, material.n_classes, seed=seed)
    attack = replace(config.attack, epsilon=config.tau) if config.clip == "perturbation" else config.attack
    limits = {"importance-max": (0.0, config.tau), "importance-min": (config.tau, 1.0)}.get(config.clip)
    return anchored_descent(
        model,
        material,
        replace(config, gradient_clip=config.tau) if config.clip == "gradient" else config,
        seed=seed,
        attack=attack,
        relabels=relabels,
        shape_strength=None if limits is None else lambda strength: strength.clamp(*limits),
        drift=config.tau if config.clip == "drift" else None,
    )
