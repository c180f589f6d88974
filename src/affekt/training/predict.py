"""What a model says about many recordings, batched by length."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from affekt.models import EmotionModel
from affekt.training.features import FeatureStore, length_batches
from affekt.types import FloatArray, IntArray

__all__ = ["PredictedHeads", "predict_heads", "predict_rows"]


class PredictedHeads(NamedTuple):
    """The outputs of a model for N recordings."""

    logits: FloatArray
    """(N, K) float32."""
    attributes: FloatArray
    """(N, A) float32; 0 and 1 are the ends of the raters' scale."""
    intents: FloatArray = np.empty((0, 0), np.float32)
    """(N, I) float32 logits."""


def predict_heads(
    model: EmotionModel, store: FeatureStore, rows: Sequence[int] | IntArray, *, batch_size: int = 32
) -> PredictedHeads:
    """Logits, attributes and intents of the given rows, in their order; the model's mode is restored afterwards.

    Scores do not depend on the batches (to float rounding): in evaluation mode no network looks beyond a clip's end.
    """
    rows = np.asarray(rows, dtype=np.int64)
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device  # the store's model may be on another one
    logits = np.empty((len(rows), len(model.classes)), np.float32)
    attributes = np.empty((len(rows), len(model.config.attributes)), np.float32)
    intents = np.empty((len(rows), len(model.config.intents)), np.float32)
    with torch.no_grad():
        for batch in length_batches([store.length(int(row)) for row in rows], batch_size=batch_size):
            features, counts = store.batch(rows[batch])
            heads = model.heads(features.to(device), counts.to(device))
            logits[batch] = heads.logits.float().cpu().numpy()
            attributes[batch] = heads.attributes.float().cpu().numpy()
            intents[batch] = heads.intents.float().cpu().numpy()
    model.train(was_training)
    return PredictedHeads(logits=logits, attributes=attributes, intents=intents)


def predict_rows(
    model: EmotionModel, store: FeatureStore, rows: Sequence[int] | IntArray, *, batch_size: int = 32
) -> FloatArray:
    """Logits (N, K) float32 of the given rows, in their order; see :func:`predict_heads`."""
    return predict_heads(model, store, rows, batch_size=batch_size).logits
