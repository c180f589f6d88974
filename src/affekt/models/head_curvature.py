"""The exact curvature of a softmax head: the generalised Gauss-Newton matrix of the last linear map.

For logits W h and probabilities p, one recording contributes (diag(p) - p pᵀ) ⊗ h hᵀ, where h is what reaches the last
linear map with a 1 for its bias; for a softmax head this is the Hessian of the cross-entropy. Where the map is applied
to every frame and the logits are a mean over frames, h is that mean.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["HEAD_LIMIT", "HeadCurvature", "HeadTape", "gauss_newton"]

HEAD_LIMIT = 4000
"""The matrix of a head is saved when its rows are no more than this: 64 MB in float32."""


@dataclass(frozen=True, kw_only=True)
class HeadCurvature:
    """A sum over recordings."""

    name: str
    """Of the module that is the head."""
    matrix: Tensor
    """Sum of (diag(p) - p pᵀ) ⊗ h hᵀ, (K D, K D); index k D + d is weight (k, d), the bias being the last d."""

    def without(self, other: "HeadCurvature") -> "HeadCurvature":
        """The sum less that of some recordings."""
        return HeadCurvature(name=self.name, matrix=self.matrix - other.matrix)


class HeadTape:
    """Watches the linear maps of a model and finds what reaches the last one.

    Args:
        layers: its linear maps by name, other modules are passed over; the head is the one that runs last.
    """

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        self.layers = {name: layer for name, layer in layers.items() if isinstance(layer, nn.Linear)}
        self.name = ""
        self.inputs: Tensor | None = None
        self.outputs: Tensor | None = None
        self.handles = [layer.register_forward_hook(self._hook(name)) for name, layer in self.layers.items()]

    def _hook(self, name: str) -> Callable[..., None]:
        def keep(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self.name, self.inputs, self.outputs = name, inputs[0].detach(), output

        return keep

    def close(self) -> None:
        """Stop watching."""
        for handle in self.handles:
            handle.remove()

    def vectors(self, logits: Tensor) -> Tensor | None:
        """What the head multiplies, (B, D), for logits (B, K) that were just computed; None if no map is the head.

        The logits must be the map's first K outputs, or their weighted sums over positions with the same weights for
        every class, which is checked.
        """
        if self.inputs is None or self.outputs is None or not logits.requires_grad:
            return None
        reached: tuple[Tensor | None, ...] = torch.autograd.grad(
            logits[:, 0].sum(), self.outputs, retain_graph=True, allow_unused=True
        )
        if (found := reached[0]) is None:
            return None
        weights = found.reshape(len(logits), -1, found.shape[-1])[..., 0]  # (B, positions)
        inputs = self.inputs.reshape(len(logits), -1, self.inputs.shape[-1])
        if self.layers[self.name].bias is not None:
            inputs = torch.cat([inputs, inputs.new_ones(*inputs.shape[:2], 1)], dim=2)
        vectors = (inputs * weights.unsqueeze(2)).sum(1)
        again = vectors @ self.weight(logits.shape[1]).T
        close = torch.allclose(again, logits.detach().to(again.dtype), rtol=1e-3, atol=1e-3)
        return vectors if close else None

    def weight(self, classes: int) -> Tensor:
        """The head's weights with the bias as last column, (K, D)."""
        layer = self.layers[self.name]
        weight = layer.weight.detach()[:classes]
        return weight if layer.bias is None else torch.cat([weight, layer.bias.detach()[:classes, None]], dim=1)

    def matrix(self, logits: Tensor) -> Tensor | None:
        """The sum over a batch of what each recording contributes; None if no map is the head, or it is too large."""
        vectors = self.vectors(logits)
        if vectors is None or logits.shape[1] * vectors.shape[1] > HEAD_LIMIT:
            return None
        return gauss_newton(logits.detach(), vectors)


def gauss_newton(logits: Tensor, vectors: Tensor) -> Tensor:
    """Sum over recordings of (diag(p) - p pᵀ) ⊗ h hᵀ: (B, K), (B, D) -> (K D, K D)."""
    p = logits.to(vectors.dtype).softmax(1)
    classes, size = p.shape[1], vectors.shape[1]
    found = vectors.new_zeros(classes, size, classes, size)
    for k in range(classes):
        for j in range(k + 1):
            weights = p[:, k] * (float(k == j) - p[:, j])
            found[k, :, j] = (vectors * weights.unsqueeze(1)).T @ vectors
            found[j, :, k] = found[k, :, j]  # each block is symmetric
    return found.reshape(classes * size, classes * size)
