"""Losses: differentiable functions of tensors, without state.

- :mod:`~affekt.losses.classification`: :func:`cross_entropy`, :func:`soft_cross_entropy`, :func:`kl_divergence`,
  :func:`focal_loss`, and the weights :func:`class_weights`, :func:`effective_number_weights`.
- :mod:`~affekt.losses.attributes`: :func:`ccc_loss`.
"""

from affekt.losses.attributes import ccc_loss
from affekt.losses.classification import (
    class_weights,
    cross_entropy,
    effective_number_weights,
    focal_loss,
    kl_divergence,
    soft_cross_entropy,
)

__all__ = [
    "ccc_loss",
    "class_weights",
    "cross_entropy",
    "effective_number_weights",
    "focal_loss",
    "kl_divergence",
    "soft_cross_entropy",
]
