"""Recognisers that learn otherwise than from labels alone.

- :class:`FewLabels`, :class:`FixMatch`, :class:`FullMatch`: emotion and intent from some of the labels
- :class:`InformationAugmentation`: features of the last layer that a generator makes, and simpler ones

Each method is a :class:`~affekt.training.TrainingMethod`; ``affekt train --method NAME`` uses it.
"""

from typing import Final

from affekt.recognition.information_augmentation import InformationAugmentation
from affekt.recognition.semi_supervised import FewLabels, FixMatch, FullMatch
from affekt.training import TrainingMethod

__all__ = ["METHODS", "FewLabels", "FixMatch", "FullMatch", "InformationAugmentation"]

METHODS: Final[dict[str, type[TrainingMethod]]] = {
    "few-labels": FewLabels,
    "fixmatch": FixMatch,
    "fullmatch": FullMatch,
    "information-augmentation": InformationAugmentation,
}
"""Name -> method; its fields are its settings."""
