"""The first learned map of a model, narrowed to what a forget set can change.

On N recordings a linear map whose inputs nothing learned touches has gradients of rank N, and so have the steps that a
preconditioner makes of them: they are combinations of N vectors, the recordings' inputs under the inverse of the
damped factor A of the curvature. With these as a basis the map of D inputs has N, and the descent is the very same.

In symbols: for inputs X (N, D), X A^-1 Xᵀ = V S Vᵀ and Z = S^(-1/2) Vᵀ X A^-1, weights W + R Z give outputs
X Wᵀ + C Rᵀ with C = V S^(1/2); Z A Zᵀ = 1, so that in R the preconditioner is the other factor's inverse alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from affekt.models.curvature import Curvature, Preconditioner
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.natural_gradient import NaturalDirection, step_length

__all__ = ["FewInputs", "first_map"]

Named = dict[str, Tensor]


class _Narrow(nn.Module):
    """What a linear map gives for N known recordings, in their order, whatever it is called with."""

    def __init__(self, outputs: Tensor, coordinates: Tensor) -> None:
        super().__init__()
        self.outputs = outputs
        self.coordinates = coordinates
        self.weight = nn.Parameter(outputs.new_zeros(outputs.shape[1], coordinates.shape[1]))

    def forward(self, _: Tensor) -> Tensor:
        """(N, O), however the inputs look."""
        found: Tensor = self.outputs + self.coordinates @ self.weight.T
        return found


def first_map(part: LearnedPart, features: Tensor, lengths: Tensor) -> tuple[str, Tensor] | None:
    """The linear map that nothing learned comes before and its inputs (N, D); None if there is none that gives one
    vector a recording."""
    found: list[tuple[str, Tensor, bool]] = []

    def keep(name: str) -> object:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            x = inputs[0]
            fits = x.dim() == 2 and len(x) == len(features) and not x.requires_grad
            found.append((name, x.detach(), fits))

        return hook

    layers = {
        name: module
        for name, module in part.model.named_modules()
        if isinstance(module, nn.Linear) and module.weight.requires_grad
    }
    handles = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]  # type: ignore[arg-type]
    try:
        with torch.enable_grad():
            part.classify(features, lengths)
    finally:
        for handle in handles:
            handle.remove()
    fitting = [(name, x) for name, x, fits in found if fits]
    once = [name for name, _, _ in found]
    return fitting[0] if len(fitting) == 1 and once.count(fitting[0][0]) == 1 else None


class FewInputs:
    """A descent with the first map narrowed; :meth:`widen` puts the map back, moved.

    Args:
        part: the model, in which the map is replaced.
        items: front-end features of the forget set.
        curvature: saved by training, with factors of the map.
        damping: added to the curvature.
        name: of the map, from :func:`first_map`.
        inputs: of the map, (N, D), in the order of the items.
    """

    def __init__(
        self,
        part: LearnedPart,
        items: Sequence[Tensor],
        curvature: Curvature,
        *,
        damping: float,
        name: str,
        inputs: Tensor,
    ) -> None:
        self.part = part
        self.name = name
        layer = part.model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        self.layer = layer
        with torch.no_grad():
            outputs = layer(inputs)
        if layer.bias is not None:
            inputs = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], dim=1)
        factors = curvature.layers[name]
        damped_in, damped_out = factors.damped(curvature.count, damping)
        solved = damped_in.solve(inputs.T.double()).T  # X A^-1, (N, D)
        values, vectors = torch.linalg.eigh(solved @ inputs.T.double())
        kept = values > 1e-12 * values[-1]
        values, vectors = values[kept], vectors[:, kept]
        self.basis = (vectors.T @ solved) / values.sqrt().unsqueeze(1)  # Z, (r, D)
        self.lengths = self.basis @ self.basis.T
        self.inverse_out = damped_out.inverse().to(layer.weight)
        self.narrow = _Narrow(outputs, (vectors * values.sqrt()).to(layer.weight))
        self._put(self.narrow)
        rest = replace(curvature, layers={key: value for key, value in curvature.layers.items() if key != name})
        self.rest = Preconditioner(rest, part.model, damping)
        self.direction = NaturalDirection(
            part, items, None, damping=damping, batch_size=len(items), preconditioner=self._preconditioned
        )

    def step_length(self, step: Named) -> float:
        """Euclidean length over all parameters, of the map as it was."""
        own = step[f"{self.name}.weight"].double()
        others = {key: value for key, value in step.items() if key != f"{self.name}.weight"}
        squared = float(((own @ self.lengths) * own).sum())
        return float((squared + (step_length(others) ** 2 if others else 0.0)) ** 0.5)

    def widen(self) -> None:
        """Put the map back, with what it has learned."""
        moved = self.narrow.weight.detach().double() @ self.basis  # (O, D)
        with torch.no_grad():
            if self.layer.bias is not None:
                self.layer.bias.add_(moved[:, -1].to(self.layer.bias))
                moved = moved[:, :-1]
            self.layer.weight.add_(moved.to(self.layer.weight))
        self._put(self.layer)

    def _preconditioned(self, gradients: Named) -> Named:
        found = self.rest(gradients)
        found[f"{self.name}.weight"] = self.inverse_out @ gradients[f"{self.name}.weight"]
        return found

    def _put(self, module: nn.Module) -> None:
        parent, _, child = self.name.rpartition(".")
        setattr(self.part.model.get_submodule(parent), child, module)
