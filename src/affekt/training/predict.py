"""Logits of a model for many recordings, batched by length."""

from collections.abc import Sequence

import numpy as np
import torch

from affekt.models import EmotionModel
from affekt.training.features import FeatureStore, length_batches
from affekt.types import FloatArray, IntArray

__all__ = ["predict_rows"]


def predict_rows(
    model: EmotionModel, store: FeatureStore, rows: Sequence[int] | IntArray, *, batch_size: int = 32
) -> FloatArray:
    """Logits (N, K) float32 of the given rows, in their order; the model's mode is restored afterwards.

    Scores do not depend on the batches (to float rounding): in evaluation mode no network looks beyond a clip's end.
    """
    rows = np.asarray(rows, dtype=np.int64)
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device  # the store's model may be on another one
    logits = np.empty((len(rows), len(model.classes)), np.float32)
    with torch.no_grad():
        for batch in length_batches([store.length(int(row)) for row in rows], batch_size=batch_size):
            features, counts = store.batch(rows[batch])
            logits[batch] = model.classify(features.to(device), counts.to(device)).float().cpu().numpy()
    model.train(was_training)
    return logits
