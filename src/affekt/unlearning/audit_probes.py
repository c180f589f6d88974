"""What comes back, and what the features still say: probes of an audit that open the models.

Each is made for the model before, the model after and every reference model given, and the reference models decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.metrics import beside, informed_attack
from affekt.metrics.deletion_rules import EMOTION_PROBE, LEAST_REFERENCES, MEMBERSHIP_PROBE, RELEARNING
from affekt.models import EmotionModel
from affekt.types import FloatArray, IntArray
from affekt.unlearning.assess import relearn
from affekt.unlearning.audit_items import Item
from affekt.unlearning.audit_population import GUARD, band_words
from affekt.unlearning.material import LearnedPart

__all__ = ["NEIGHBOURS", "NEIGHBOUR_PROBE", "Probed", "can_be_probed", "penultimate", "probe_items", "probed"]

NEIGHBOUR_PROBE = "emotion of the forgotten recordings, as their neighbours among the features have it"
NEIGHBOURS = 5
"""Neighbours of the probe that is not linear; it is only shown."""


@dataclass(frozen=True, kw_only=True)
class Probed:
    """What the probes of one model found."""

    relearned: float
    """Share of the forget set recognised after a short training on other recordings."""
    emotion: float
    """Share of the forget set whose emotion a linear probe reads, fitted to other recordings' features."""
    membership: float | None
    """Cross-validated AUC of a linear probe between the forget set and recordings never heard; with a whole speaker
    forgotten, a probe for the speaker. None without such recordings."""
    neighbours: float | None = None
    """As ``emotion``, by the nearest neighbours among the other recordings' features instead of a linear probe."""


def can_be_probed(model: nn.Module) -> bool:
    """Whether a model can be trained further and has a linear map whose input is its features."""
    linear = any(isinstance(module, nn.Linear) for module in model.modules())
    return linear and any(parameter.requires_grad for parameter in model.parameters())


def penultimate(part: LearnedPart, items: Sequence[Tensor]) -> FloatArray:
    """What goes into the last linear map of a model, (N, D) float64.

    Raises:
        ConfigError: the model has no linear map.
    """
    linear = [module for module in part.model.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ConfigError(
            f"the model {type(part.model).__name__} has no linear map whose input could be probed (got none); expected "
            "one before the logits; leave the probes out."
        )
    found: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0].detach().cpu())

    handle = linear[-1].register_forward_pre_hook(keep)
    rows: list[Tensor] = []
    try:
        with torch.no_grad():
            for start in range(0, len(items), 64):
                batch = items[start : start + 64]
                found.clear()
                part.logits(batch)
                if found[-1].ndim == 2 and len(found[-1]) == len(batch):
                    rows += list(found[-1])
                    continue
                for item in batch:  # one vector a frame: one by one, so that they belong to one recording
                    part.logits([item])
                    rows.append(found[-1].reshape(-1, found[-1].shape[-1]).mean(0))
    finally:
        handle.remove()
    return np.asarray(torch.stack(rows).double().numpy())


def probed(
    model: nn.Module,
    forget: tuple[Sequence[Tensor], IntArray],
    public: tuple[Sequence[Tensor], IntArray],
    others: Sequence[Tensor] | None,
    *,
    steps: int = 20,
    learning_rate: float = 3e-4,
    batch_size: int = 32,
    seed: int = 0,
) -> Probed:
    """Probe one model.

    Args:
        model: any model, in evaluation mode; left unchanged.
        forget: front-end features and labels of the forget set.
        public: the same of recordings outside the forget set, to train on.
        others: features of recordings that no model was trained on, matched with the forget set.
        steps: steps of Adam.
        learning_rate: of Adam.
        batch_size: recordings a step.
        seed: draws the batches, and deals recordings into folds.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import
    from sklearn.neighbors import KNeighborsClassifier

    part = LearnedPart(model)

    def next_loss(changed: nn.Module) -> object:
        inner, generator = LearnedPart(changed), np.random.default_rng(seed)

        def loss() -> Tensor:
            rows = generator.choice(len(public[0]), size=min(batch_size, len(public[0])), replace=False)
            logits = inner.logits([public[0][int(row)] for row in rows])
            return torch.nn.functional.cross_entropy(logits, torch.as_tensor(public[1][rows]).to(inner.device))

        return loss

    def forget_logits(changed: nn.Module) -> FloatArray:
        return LearnedPart(changed).all_logits(forget[0]).numpy()

    again = relearn(
        cast(EmotionModel, model),
        next_loss,  # type: ignore[arg-type]
        forget_logits,
        forget[1],
        steps=steps,
        learning_rate=learning_rate,
    )
    known, own = penultimate(part, public[0]), penultimate(part, forget[0])
    mean, scale = known.mean(0), np.maximum(known.std(0), 1e-9)
    regression = LogisticRegression(C=0.1, max_iter=500).fit((known - mean) / scale, public[1])
    emotion = float(np.mean(regression.predict((own - mean) / scale) == forget[1]))
    nearest = KNeighborsClassifier(min(NEIGHBOURS, len(known))).fit((known - mean) / scale, public[1])
    neighbours = float(np.mean(nearest.predict((own - mean) / scale) == forget[1]))
    membership = None
    if others is not None and min(len(others), len(own)) >= 4:
        membership = informed_attack(own, penultimate(part, others), seed=seed).estimate
    return Probed(relearned=again, emotion=emotion, membership=membership, neighbours=neighbours)


def probe_items(before: Probed, after: Probed, references: Sequence[Probed], *, recordings: int) -> list[Item]:
    """Items of the probes.

    Args:
        before: the model before.
        after: the model after.
        references: reference models; with fewer than four the numbers are only shown.
        recordings: in the forget set; shares move in steps of one over this.
    """
    step = 1.5 / recordings
    rows: list[tuple[str, str, str, float]] = [
        (RELEARNING, "relearned", "share", step),
        (EMOTION_PROBE, "emotion", "share", step),
        (MEMBERSHIP_PROBE, "membership", "AUC", 0.0),
        (NEIGHBOUR_PROBE, "neighbours", "share", step),
    ]
    items = []
    for test, name, unit, least in rows:
        values = [getattr(one, name) for one in (before, after, *references)]
        if None in values:
            if name != "neighbours":
                why = "too few recordings that no model was trained on"
                items.append(Item(test=test, tier="T1", estimate=None, note=why))
            continue
        found = None
        if len(references) >= LEAST_REFERENCES:
            found = beside(values[1], values[2:], guard=GUARD, least=least)
        common: dict[str, Any] = {
            "before": values[0],
            "references": found,
            "retrained": float(np.mean(values[2:])) if references else None,
            "unit": unit,
            "note": "" if found is not None else "too few reference models to compare with",
        }
        if name == "neighbours":
            items.append(Item.shown(test, "T1", values[1], **common))
        else:
            items.append(Item.judged(test, "T1", values[1], criterion=band_words(found, low=False), **common))
    return items
