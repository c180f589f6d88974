"""Boundary Shrink: give each recording of the forget set the class of its nearest neighbour across the boundary.

Title: Boundary Unlearning: Rapid Forgetting of Deep Networks via Shifting the Decision Boundary.
Authors: Min Chen, Weizhuo Gao, Gaoyang Liu, Kai Peng, Chen Wang. Year: 2023. arXiv: 2303.11570.
Official code: facts only were used.
Paper: one signed gradient step of size 0.1 on images in [0, 1]; the class the old model sees there becomes the label.
Reading: the same step on the waveform, of size ``epsilon`` at a level of -20 dBFS.
Deviations: where the copy keeps the true class, the step is tried at 3 and 10 times the size, then the second most
likely class is taken; stop rule ``gap`` by default.
Reproduces: no number of the paper; ours are in results/.
"""

import time
from dataclasses import dataclass

import torch

from affekt.audio.batching import pad_batch
from affekt.unlearning.attack import AttackConfig, Attacked, frozen, pgd
from affekt.unlearning.descent import DescentConfig, MethodLog, descend, minibatches
from affekt.unlearning.material import LearnedPart, Material, Needs

__all__ = ["NEEDS", "PAPER", "Config", "neighbour_labels", "unlearn"]

PAPER = {
    "title": "Boundary Unlearning: Rapid Forgetting of Deep Networks via Shifting the Decision Boundary",
    "arxiv": "2303.11570",
    "year": 2023,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config(DescentConfig):
    """Settings of ``boundary_shrink``."""

    epsilon: float = 0.01
    """Size of the signed step, for a clip at -20 dBFS RMS; louder and softer clips in proportion."""


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Lower the cross-entropy of the neighbouring classes on the forget set, in place."""
    part = LearnedPart(model)
    started = time.perf_counter()
    relabels, runner_up = neighbour_labels(model, material, epsilon=config.epsilon)
    attack_seconds = time.perf_counter() - started
    items = part.features(material.forget_set.waveforms)
    batches = minibatches(len(items), config.batch_size, seed=seed)

    def step_loss(_: int) -> torch.Tensor:
        rows = next(batches)
        logits = part.logits([items[row] for row in rows.tolist()])
        return torch.nn.functional.cross_entropy(logits, relabels[rows].to(part.device))

    details = {"relabels": relabels.tolist(), "runner_up_share": runner_up, "attack_seconds": attack_seconds}
    return descend(part, items, material, config, step_loss=step_loss, relabels=relabels, details=details)


def neighbour_labels(model: torch.nn.Module, material: Material, *, epsilon: float) -> tuple[torch.Tensor, float]:
    """(N,) classes across the nearest boundary, and the share that had to be taken from the second best class."""
    labels = material.forget_set.labels
    relabels = labels.clone()
    fallback = 0
    with frozen(model):
        apply = Attacked(model, material.forget_set, AttackConfig())
        for row, clip in enumerate(apply.clips):
            batch, lengths = pad_batch([clip])
            level = batch.square().mean().sqrt() / 0.1
            label = labels[row : row + 1]
            for size in (1.0, 3.0, 10.0):
                radius = (epsilon * size * level.clamp_min(1e-6)).view(1)
                moved = pgd(
                    apply,
                    batch,
                    lengths,
                    label,
                    radius=radius,
                    targeted=False,
                    step=1.0,
                    steps=1,
                    random_start=False,
                    bounds=apply.bounds,
                )
                with torch.no_grad():
                    seen = apply(moved, lengths).argmax(1)
                if int(seen) != int(label):
                    relabels[row] = seen[0]
                    break
            else:
                with torch.no_grad():
                    scores = apply(batch, lengths)[0].clone()
                scores[int(label)] = float("-inf")
                relabels[row] = scores.argmax()
                fallback += 1
    return relabels, fallback / len(labels)
