"""What the training loop measures: the development speakers after each epoch, mean losses at the end."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.metrics import ccc, uar
from affekt.models import EmotionModel, Heads, MeanLoss
from affekt.training.features import FeatureStore
from affekt.training.predict import predict_heads, predict_rows
from affekt.training.targets import Objective, Targets

__all__ = ["dev_scores", "mean_loss"]


def dev_scores(model: EmotionModel, store: FeatureStore, targets: Targets, objective: Objective) -> dict[str, float]:
    found = predict_heads(model, store, np.arange(len(store)))
    heads = Heads(*(torch.from_numpy(part).double() for part in found))
    model.eval()
    with torch.no_grad():
        scores = {"dev_loss": objective.dev_loss(model, store, targets, heads)}
    labelled = targets.labels >= 0
    if model.classes and labelled.any():
        scores["dev_uar"] = uar(targets.labels[labelled], found.logits[labelled].argmax(1))
    told = targets.intents >= 0
    if model.config.intents and told.any():
        scores["dev_intent_uar"] = uar(targets.intents[told], found.intents[told].argmax(1))
    for position, name in enumerate(model.config.attributes):
        values = targets.attributes[:, position]
        rated = ~np.isnan(values)
        if np.ptp(values[rated]) > 0.0:
            scores[f"dev_ccc_{name}"] = ccc(values[rated], found.attributes[rated, position])
    return scores


def mean_loss(
    model: EmotionModel, store: FeatureStore, targets: Targets, rows: np.ndarray[Any, Any]
) -> MeanLoss | None:
    """The mean cross-entropy against the column emotion, which forgetting aims at, whatever was trained on."""
    rows = rows[targets.labels[rows] >= 0]
    if not len(rows):
        return None
    logits = torch.from_numpy(predict_rows(model, store, rows)).double()
    labels = torch.as_tensor(targets.labels[rows])
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    hits = (logits.argmax(1) == labels).double()

    def mean(inside: Tensor, by_class: dict[str, MeanLoss]) -> MeanLoss:
        return MeanLoss(
            loss=float(losses[inside].mean()),
            accuracy=float(hits[inside].mean()),
            utterances=int(inside.sum()),
            by_class=by_class,
        )

    classes = {name: mean(labels == k, {}) for k, name in enumerate(model.classes) if bool((labels == k).any())}
    return mean(torch.ones_like(labels, dtype=torch.bool), classes)
