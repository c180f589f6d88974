"""Heads that are solved in closed form instead of trained step by step: what they can learn and what they need."""

import torch

from affekt.errors import ConfigError
from affekt.models import EmotionModel, HeadSums, RidgeNetwork
from affekt.training.config import TrainConfig
from affekt.training.features import FeatureStore
from affekt.types import IntArray

__all__ = ["check_solvable", "head_sums"]


def check_solvable(config: TrainConfig) -> None:
    """See that a configuration asks for what a head that is solved can learn.

    Raises:
        ConfigError: it asks for more than one emotion a recording.
    """
    if config.attributes or config.target != "hard":
        raise ConfigError(
            f"a head that is solved learns one emotion a recording (got the target '{config.target}' and "
            f"{len(config.attributes)} attributes); hard and none were expected; change them, or choose another family."
        )


def head_sums(model: EmotionModel, store: FeatureStore, labels: IntArray, rows: IntArray) -> HeadSums:
    """What a head that is solved needs of some rows of a store.

    Args:
        model: of the family ridge.
        store: front-end features.
        labels: of every row of the store, (N,).
        rows: which rows.

    Raises:
        ConfigError: the model is of another family.
    """
    if not isinstance(model.network, RidgeNetwork):
        raise ConfigError(f"{model.config.family} has no head that is solved; ridge was expected; train such a model.")
    device = next(model.parameters()).device
    found = []
    with torch.no_grad():
        for start in range(0, len(rows), 256):
            features, counts = store.batch(rows[start : start + 256])
            found.append(model.network.vectors(features.to(device), counts.to(device)).cpu())
    return model.network.sums(torch.cat(found), torch.as_tensor(labels[rows]))
