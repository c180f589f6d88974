"""Sums over recordings from which a closed-form head is solved, and from which a person can be subtracted.

Everything that such a head learns of its training data is in these sums: how many recordings of each class, the sum of
their vectors and of the vectors' outer products. Subtracting a recording's share and solving again is training without
it, up to the rounding of float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from affekt.errors import CheckpointError

__all__ = ["HeadSums"]


@dataclass(frozen=True, kw_only=True)
class HeadSums:
    """Counts, vectors and outer products, by class and summed over recordings, float64."""

    counts: Tensor
    """(K,) int64."""
    vectors: Tensor
    """Sum of x of each class, (K, P)."""
    moments: Tensor
    """Sum of x xᵀ of each class, (K, P, P), or of all classes together, (1, P, P)."""

    @classmethod
    def of(cls, vectors: Tensor, labels: Tensor, *, n_classes: int, by_class: bool) -> "HeadSums":
        """The sums over recordings.

        Args:
            vectors: (N, P), of any float type; every product is taken in float64.
            labels: (N,), 0 to K - 1.
            n_classes: K.
            by_class: whether outer products are kept by class.
        """
        x, labels = vectors.detach().double().cpu(), labels.cpu()
        members = [x[labels == k] for k in range(n_classes)]
        parts = members if by_class else [x]
        return cls(
            counts=torch.bincount(labels, minlength=n_classes),
            vectors=torch.stack([part.sum(0) for part in members]),
            moments=torch.stack([part.T @ part for part in parts]),
        )

    @property
    def count(self) -> int:
        """Recordings in the sums."""
        return int(self.counts.sum())

    def without(self, other: "HeadSums") -> "HeadSums":
        """The sums less those of some of the recordings.

        Raises:
            CheckpointError: there would be nothing left, or fewer than no recordings of a class.
        """
        counts = self.counts - other.counts
        if int(counts.min()) < 0 or int(counts.sum()) < 1:
            raise CheckpointError(
                f"{other.counts.tolist()} recordings of the classes cannot be taken out of {self.counts.tolist()}; "
                "fewer, with the labels they were trained with, were expected; train the model again without them."
            )
        left = HeadSums(counts=counts, vectors=self.vectors - other.vectors, moments=self.moments - other.moments)
        empty = counts == 0  # what rounding leaves of a class that is gone is not a recording
        left.vectors[empty] = 0.0
        if len(left.moments) == len(counts):
            left.moments[empty] = 0.0
        return left

    def tensors(self) -> dict[str, Tensor]:
        """As named tensors, for a safetensors file."""
        return {name: getattr(self, name).contiguous() for name in ("counts", "vectors", "moments")}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "HeadSums":
        """Read what :meth:`tensors` gave.

        Raises:
            KeyError: one is missing.
        """
        return cls(counts=tensors["counts"], vectors=tensors["vectors"], moments=tensors["moments"])
