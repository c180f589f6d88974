"""The loop that ``forget_set_alone`` and ``l2ul`` share: forget, hold adversarial copies, anchor the weights.

    L = n_f / (n_f + n_a) forget(x_f) + n_a / (n_f + n_a) CE(f(x_a), y_a) + strength / 2 sum_i S_i (w_i - w_i0)^2

with n the sizes of the two half-batches and S the anchor of :mod:`affekt.unlearning.importance`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from affekt.unlearning.attack import AdversarialCopies, AttackConfig, targeted_copies
from affekt.unlearning.descent import DescentConfig, MethodLog, descend, minibatches
from affekt.unlearning.importance import anchor_strength, elastic_penalty, importance
from affekt.unlearning.material import LearnedPart, Material

__all__ = ["AnchoredConfig", "anchored_descent"]


@dataclass(frozen=True, kw_only=True)
class AnchoredConfig(DescentConfig):
    """Settings of the methods with adversarial copies and elastic weights."""

    adversarial: bool = True
    """Hold the adversarial copies (``Adv.``)."""
    elastic: Literal["ewc", "mas", "mas-utterance", "none"] = "mas"
    """Anchor the weights by this importance (``Ela.``); none: no anchor."""
    elastic_weight: float = 1.0
    """Weight of the anchor."""
    adversarial_batch_size: int = 32
    """Adversarial copies a step."""


def anchored_descent(
    model: torch.nn.Module,
    material: Material,
    config: AnchoredConfig,
    *,
    seed: int,
    attack: AttackConfig,
    relabels: torch.Tensor | None,
    shape_strength: Callable[[torch.Tensor], torch.Tensor] | None = None,
    drift: float | None = None,
) -> MethodLog:
    """Run the loop in place.

    Args:
        model: the model.
        material: what the harness gave.
        config: settings.
        seed: of targets, random starts and batches.
        attack: how the copies are made.
        relabels: (N,) labels to teach the forget set; None raises the loss of the true labels instead.
        shape_strength: changes the anchor's strength (a reading of the clipping value).
        drift: after each step no weight may be further than this from its start (another reading); None: no limit.
    """
    part = LearnedPart(model)
    labels = material.forget_set.labels
    details: dict[str, object] = {} if relabels is None else {"relabels": relabels.tolist()}
    items = part.features(material.forget_set.waveforms)
    reused = False
    copies = None
    if config.adversarial:
        copies, reused = _copies(model, material, attack, seed)
    adversarial = [] if copies is None else copies.features(part)
    if copies is not None:
        details.update(
            attack_success=copies.success,
            attack_snr_db=copies.snr_db,
            attack_seconds=copies.seconds,
            attack_reused=reused,
        )
    start = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    strength = None
    if config.elastic != "none" and config.elastic_weight > 0:
        began = time.perf_counter()
        model.eval()
        strength = anchor_strength(importance(part, items, labels, kind=config.elastic, batch_size=config.batch_size))
        if shape_strength is not None:
            strength = {name: shape_strength(values) for name, values in strength.items()}
        details["importance_seconds"] = time.perf_counter() - began
    batches = minibatches(len(items), config.batch_size, seed=seed)
    adversarial_batches = minibatches(max(1, len(adversarial)), config.adversarial_batch_size, seed=seed + 1)

    def step_loss(_: int) -> torch.Tensor:
        rows = next(batches)
        wanted = labels if relabels is None else relabels
        logits = part.logits([items[row] for row in rows.tolist()])
        loss = torch.nn.functional.cross_entropy(logits, wanted[rows].to(part.device))
        loss = -loss if relabels is None else loss
        if copies is not None:
            others = next(adversarial_batches)
            share = len(rows) / (len(rows) + len(others))
            held = part.logits([adversarial[row] for row in others.tolist()])
            hold = torch.nn.functional.cross_entropy(held, copies.labels[others].to(part.device))
            loss = share * loss + (1.0 - share) * hold
        if strength is not None:
            loss = loss + config.elastic_weight * elastic_penalty(part, start, strength)
        return loss

    def keep_near() -> None:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(start[name] + (parameter - start[name]).clamp(-float(drift or 0), float(drift or 0)))

    return descend(
        part,
        items,
        material,
        config,
        step_loss=step_loss,
        relabels=relabels,
        after_step=None if drift is None else keep_near,
        details=details,
    )


def _copies(
    model: torch.nn.Module, material: Material, attack: AttackConfig, seed: int
) -> tuple[AdversarialCopies, bool]:
    """The targeted copies, made once for each attack on one model and forget set, and whether they were there."""
    key = f"targeted|{attack}|{seed}"
    reused = key in material.cache
    if not reused:
        material.cache[key] = targeted_copies(
            model, material.forget_set, n_classes=material.n_classes, config=attack, seed=seed
        )
    copies = material.cache[key]
    if not isinstance(copies, AdversarialCopies):
        raise TypeError(f"the cache holds a {type(copies).__name__} under {key!r}")
    return copies, reused
