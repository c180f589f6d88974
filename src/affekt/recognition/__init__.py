"""Recognisers that learn otherwise than from labels alone.

Each method is a :class:`~affekt.training.TrainingMethod`; ``affekt train --method NAME`` uses it.
"""

from typing import Final

from affekt.training import TrainingMethod

__all__ = ["METHODS"]

METHODS: Final[dict[str, type[TrainingMethod]]] = {}
"""Name -> method; its fields are its settings."""
