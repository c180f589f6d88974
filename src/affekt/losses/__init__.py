"""Losses: pure functions, one file a family.

- :func:`cross_entropy`, :func:`class_weights`: one emotion an utterance
"""

from affekt.losses.classification import class_weights, cross_entropy

__all__ = ["class_weights", "cross_entropy"]
