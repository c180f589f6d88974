"""Recognisers that learn otherwise than from labels alone.

- :class:`FewLabels`, :class:`FixMatch`, :class:`FullMatch`: emotion and intent from some of the labels;
  :class:`ViewConfig`, :class:`SpecAugment`: the views that the last two look at
- :func:`fuse_models`, :class:`Fusion`, :class:`FusionWeighting`, :class:`FusionScore`: models over a corpus, fused
  and scored; :func:`fuse`, :func:`choose_weights`, :class:`FusionWeights`, :class:`FusedHeads`: what two have said
- :class:`InformationAugmentation`: features of the last layer that a generator makes, and simpler ones
- :class:`InfoGan`, :class:`ConditionalVae`, :class:`GeneratorConfig`, :class:`Smote`, :class:`Mixup`, :class:`Noise`:
  makers of feature vectors of any kind, from :class:`Training` to :class:`Samples`
- :func:`class_information`, :func:`pair_information`: lower bounds of what vectors tell of classes and of other vectors

Each method is a :class:`~affekt.training.TrainingMethod`; ``affekt train --method NAME`` uses it.
"""

from typing import Final

from affekt.recognition.critic import InformationEstimate, class_information, pair_information
from affekt.recognition.feature_augmentation import Augmenter, Mixup, Noise, Samples, Smote, Training
from affekt.recognition.fusion import FusedHeads, FusionWeights, choose_weights, fuse
from affekt.recognition.fusion_scores import FusionScore
from affekt.recognition.generators import ConditionalVae, GeneratorConfig, InfoGan
from affekt.recognition.information_augmentation import InformationAugmentation
from affekt.recognition.late_fusion import Fusion, FusionWeighting, fuse_models
from affekt.recognition.semi_supervised import FewLabels, FixMatch, FullMatch
from affekt.recognition.views import SpecAugment, ViewConfig
from affekt.training import TrainingMethod

__all__ = [
    "METHODS",
    "Augmenter",
    "ConditionalVae",
    "FewLabels",
    "FixMatch",
    "FullMatch",
    "FusedHeads",
    "Fusion",
    "FusionScore",
    "FusionWeighting",
    "FusionWeights",
    "GeneratorConfig",
    "InfoGan",
    "InformationAugmentation",
    "InformationEstimate",
    "Mixup",
    "Noise",
    "Samples",
    "Smote",
    "SpecAugment",
    "Training",
    "ViewConfig",
    "choose_weights",
    "class_information",
    "fuse",
    "fuse_models",
    "pair_information",
]

METHODS: Final[dict[str, type[TrainingMethod]]] = {
    "few-labels": FewLabels,
    "fixmatch": FixMatch,
    "fullmatch": FullMatch,
    "information-augmentation": InformationAugmentation,
}
"""Name -> method; its fields are its settings."""
