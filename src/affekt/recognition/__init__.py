"""Recognisers that learn otherwise than from labels alone.

- :class:`FewLabels`, :class:`FixMatch`, :class:`FullMatch`: emotion and intent from some of the labels;
  :class:`ViewConfig`, :class:`SpecAugment`: the views that the last two look at
- :func:`fuse`, :func:`choose_weights`, :class:`FusionWeights`, :class:`FusedHeads`: a model that hears and one
  that reads
- :class:`InformationAugmentation`: features of the last layer that a generator makes, and simpler ones

Each method is a :class:`~affekt.training.TrainingMethod`; ``affekt train --method NAME`` uses it.
"""

from typing import Final

from affekt.recognition.fusion import FusedHeads, FusionWeights, choose_weights, fuse
from affekt.recognition.information_augmentation import InformationAugmentation
from affekt.recognition.semi_supervised import FewLabels, FixMatch, FullMatch
from affekt.recognition.views import SpecAugment, ViewConfig
from affekt.training import TrainingMethod

__all__ = [
    "METHODS",
    "FewLabels",
    "FixMatch",
    "FullMatch",
    "FusedHeads",
    "FusionWeights",
    "InformationAugmentation",
    "SpecAugment",
    "ViewConfig",
    "choose_weights",
    "fuse",
]

METHODS: Final[dict[str, type[TrainingMethod]]] = {
    "few-labels": FewLabels,
    "fixmatch": FixMatch,
    "fullmatch": FullMatch,
    "information-augmentation": InformationAugmentation,
}
"""Name -> method; its fields are its settings."""
