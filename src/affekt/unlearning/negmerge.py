"""NegMerge: learn the forget set even better with several learning rates, and go the other way where all agree.

Title: NegMerge: Sign-Consensual Weight Merging for Machine Unlearning. Authors: Hyoseo Kim, Dongyoon Han, Junsuk Choe.
Year: 2025. arXiv: 2410.05583. Official code: facts only were used.
Paper: copies fine-tuned on the forget set with different settings; of the changes of weights only those with one sign
in all copies are kept and merged; the merged change is subtracted from the original, scaled.
Reading: merged is the mean; the settings that differ are learning rates, spaced evenly in the logarithm.
Deviations: four copies and few steps; the scale, which the paper chooses on data that stay, is searched for until the
stop rule is met on the forget set.
Reproduces: no number of the paper; ours are in results/.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning.descent import (
    REACHED,
    DescentConfig,
    MethodLog,
    descend,
    is_met,
    loss_goal,
    minibatches,
    state_of,
)
from affekt.unlearning.line_search import walk
from affekt.unlearning.material import LearnedPart, Material, Needs
from affekt.unlearning.natural_gradient import Named, move, snapshot

__all__ = ["NEEDS", "PAPER", "Config", "consensus", "unlearn"]

PAPER = {
    "title": "NegMerge: Sign-Consensual Weight Merging for Machine Unlearning",
    "arxiv": "2410.05583",
    "year": 2025,
}
NEEDS = frozenset({Needs.FORGET_SET, Needs.SAVED_STATISTICS})


@dataclass(frozen=True, kw_only=True)
class Config(DescentConfig):
    """Settings of ``negmerge``."""

    copies: int = 4
    """Copies that are fine-tuned."""
    spread: float = 10.0
    """Largest learning rate divided by the smallest; ``learning_rate`` lies in their middle."""
    tuning_steps: int = 10
    """Steps of fine-tuning a copy."""
    max_steps: int = 60
    """Scales tried at most."""
    growth: float = 1.35
    """Factor between the scales that are tried, before the last interval is bisected."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.copies < 1 or self.tuning_steps < 1 or not self.spread >= 1 or not self.growth > 1:
            raise ConfigError(
                f"copies is {self.copies}, tuning_steps {self.tuning_steps}, spread {self.spread} and growth "
                f"{self.growth}; at least 1, 1 and 1 and above 1 were expected; change them."
            )
        if self.stop == "relabel-hit":
            raise ConfigError("the stop rule relabel-hit needs a method that relabels; choose gap, calibrated or zero.")

    def learning_rates(self) -> list[float]:
        """One a copy."""
        if self.copies == 1:
            return [self.learning_rate]
        return [self.learning_rate * self.spread ** (k / (self.copies - 1) - 0.5) for k in range(self.copies)]


def consensus(changes: Sequence[Named]) -> tuple[Named, float]:
    """The mean of changes where all have one sign, 0 elsewhere, and the share of weights that is kept."""
    merged: Named = {}
    kept = total = 0
    for name in changes[0]:
        stack = torch.stack([change[name] for change in changes])
        agree = (stack > 0).all(0) | (stack < 0).all(0)
        merged[name] = torch.where(agree, stack.mean(0), 0.0)
        kept, total = kept + int(agree.sum()), total + agree.numel()
    return merged, kept / total


def unlearn(model: torch.nn.Module, material: Material, config: Config, *, seed: int) -> MethodLog:
    """Subtract what fine-tuned copies agree to have learned from the forget set, in place.

    Raises:
        ConfigError: the stop rule needs a saved loss that is not there.
    """
    part = LearnedPart(model)
    part.model.eval()
    items = part.features(material.forget_set.waveforms)
    labels = material.forget_set.labels
    before = state_of(part, items, labels)
    target = loss_goal(config.stop, material, before.loss)
    start = snapshot(part)
    rates = [] if is_met(config.stop, before, target) else config.learning_rates()
    changes: list[Named] = []
    for copy, rate in enumerate(rates):
        batches = minibatches(len(items), config.batch_size, seed=seed + copy)

        def step_loss(_: int, batches: object = batches) -> Tensor:
            rows: Tensor = next(batches)  # type: ignore[call-overload]
            logits = part.logits([items[row] for row in rows.tolist()])
            return torch.nn.functional.cross_entropy(logits, labels[rows].to(part.device))

        tuning = replace(config, stop="steps", learning_rate=rate, max_steps=config.tuning_steps)
        descend(part, items, material, tuning, step_loss=step_loss)
        changes.append({name: weights - start[name] for name, weights in snapshot(part).items()})
        move(part, start, start, 0.0)
    merged, kept = consensus(changes) if changes else ({}, 0.0)
    return walk(
        part,
        items,
        labels,
        lambda scale: move(part, start, merged, -scale),
        met=lambda state: is_met(config.stop, state, target),
        reached_words=REACHED[config.stop],
        before=before,
        target=target,
        first=0.25,
        growth=config.growth,
        max_steps=config.max_steps,
        details={"agreeing_share": kept, "learning_rates": rates},
    )
