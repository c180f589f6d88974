"""The forget set's own curvature taken out of the saved one exactly, by Woodbury's identity.

Saved is F, the curvature of all training recordings, as Kronecker factors. Subtracting the forget set's factors from
them is not the same as subtracting its curvature from their product. With J the Jacobian of the forget set's logits
and L = diag(p) - p pᵀ for each of its recordings, what stays is F - Jᵀ L J, and with P = (F + damping)^-1 and L = B Bᵀ

    (F + damping - Jᵀ L J)^-1 g = P g + P Jᵀ B (1 - Bᵀ J P Jᵀ B)^-1 Bᵀ J P g,

so that only a matrix of as many rows as there are forgotten logits is solved. For one linear map J P Jᵀ is the product,
element by element, of two Gram matrices: that of its inputs under one factor's inverse and that of the gradients at its
outputs under the other's. The identity is for maps of one vector a recording, as the heads on pooled features are.

Source: the identity is Woodbury's (1950); its use for this is named in "WIN-U", arXiv 2604.13438, of which we read the
abstract alone. Our reading otherwise.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.models.curvature import Curvature, LayerFactors, Preconditioner
from affekt.unlearning.material import LearnedPart

__all__ = ["WITHOUT_ROOM", "ForgottenCurvature", "linear_jacobians"]

WITHOUT_ROOM = 0.9
"""The share of the damped curvature in any direction that the forget set may account for at most; Kronecker factors are
an approximation, so the difference need not be positive."""


def linear_jacobians(part: LearnedPart, features: Tensor, lengths: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """For each learned linear map: its inputs (N, D), a 1 appended for a bias, and d logits / d outputs (N, K, O).

    Raises:
        ConfigError: something else than linear maps of one vector a recording is learned.
    """
    layers = {
        name: module
        for name, module in part.model.named_modules()
        if isinstance(module, nn.Linear) and module.weight.requires_grad
    }
    covered = {id(parameter) for layer in layers.values() for parameter in layer.parameters()}
    taken: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(name: str) -> object:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            taken[name] = (inputs[0].detach(), output)

        return layers[name].register_forward_hook(hook)

    handles = [keep(name) for name in layers]
    try:
        logits = part.classify(features, lengths)
    finally:
        for handle in handles:
            handle.remove()  # type: ignore[attr-defined]
    others = [name for name, p in part.model.named_parameters() if p.requires_grad and id(p) not in covered]
    if others or any(x.dim() != 2 or len(x) != len(logits) for x, _ in taken.values()):
        what = others[0] if others else "a linear map of many vectors a recording"
        raise ConfigError(
            f"woodbury is for models whose learned part is linear maps of one vector a recording (got {what}); set "
            "woodbury = false."
        )
    names = list(taken)
    rows: list[tuple[Tensor, ...]] = [
        torch.autograd.grad(logits[:, k].sum(), [taken[name][1] for name in names], retain_graph=True)
        for k in range(logits.shape[1])
    ]
    found = {}
    for position, name in enumerate(names):
        inputs = taken[name][0]
        if layers[name].bias is not None:
            inputs = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], dim=1)
        found[name] = (inputs.double(), torch.stack([row[position] for row in rows], dim=1).double())
    return found


class ForgottenCurvature:
    """(F + damping - Jᵀ L J)^-1 applied to gradients.

    Args:
        part: the model, under the weights the curvature was measured at.
        features: of the forgotten recordings that were trained on, padded (N, F, ...).
        lengths: (N,).
        rest: the saved curvature, their factors subtracted.
        share: what was subtracted.
        damping: as in :class:`~affekt.models.curvature.Preconditioner`.

    Raises:
        ConfigError: as :func:`linear_jacobians`.
    """

    def __init__(
        self, part: LearnedPart, features: Tensor, lengths: Tensor, rest: Curvature, share: Curvature, *, damping: float
    ) -> None:
        whole = replace(
            rest,
            layers={
                name: LayerFactors(
                    inputs=factors.inputs + share.layers[name].inputs,
                    outputs=factors.outputs + share.layers[name].outputs,
                )
                for name, factors in rest.layers.items()
            },
        )  # over the number of recordings that stay
        self.base = Preconditioner(whole, part.model, damping)
        jacobians = linear_jacobians(part, features, lengths)
        with torch.no_grad():
            p = part.classify(features, lengths).double().softmax(1)
        root = torch.diag_embed(p.sqrt()) - p.unsqueeze(2) * p.sqrt().unsqueeze(1)  # B with B Bᵀ = diag(p) - p pᵀ
        scale = rest.count**-0.5
        self.inputs = {name: inputs for name, (inputs, _) in jacobians.items()}
        # (N, K, O): rows of Bᵀ J, one factor of each layer's outer product
        self.outputs = {name: scale * (root.transpose(1, 2) @ rows) for name, (_, rows) in jacobians.items()}
        size = p.numel()
        gram = torch.zeros(size, size, dtype=torch.float64)
        for name, inputs in self.inputs.items():
            inverse_out, inverse_in = (x.double() for x in self.base.inverses[name])
            left = inputs @ inverse_in @ inputs.T  # (N, N)
            rows = self.outputs[name].flatten(0, 1)  # (N K, O)
            gram += (rows @ inverse_out @ rows.T) * left.repeat_interleave(p.shape[1], 0).repeat_interleave(
                p.shape[1], 1
            )
        values, vectors = torch.linalg.eigh((gram + gram.T) / 2)
        self.largest = float(values[-1])
        self.solved = (vectors / (1.0 - values.clamp(0.0, WITHOUT_ROOM))) @ vectors.T

    def __call__(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Directions for gradients, both by the names of the parameters."""
        first = self.base(gradients)
        dots = torch.zeros(len(self.solved), dtype=torch.float64)
        for name, inputs in self.inputs.items():
            matrix = first[f"{name}.weight"].flatten(1).double()  # (O, D)
            if self.base.biased[name]:
                matrix = torch.cat([matrix, first[f"{name}.bias"].double().unsqueeze(1)], dim=1)
            dots += torch.einsum("nko,no->nk", self.outputs[name], inputs @ matrix.T).flatten()
        weights = self.solved @ dots  # (N K)
        extra = {}
        for name, inputs in self.inputs.items():
            rows = torch.einsum("nk,nko->no", weights.reshape(len(inputs), -1), self.outputs[name])  # (N, O)
            matrix = rows.T @ inputs  # (O, D)
            weight = first[f"{name}.weight"]
            if self.base.biased[name]:
                extra[f"{name}.bias"] = matrix[:, -1].to(weight.dtype)
                matrix = matrix[:, :-1]
            extra[f"{name}.weight"] = matrix.to(weight.dtype)
        second = self.base(extra)
        return {name: step + second[name] for name, step in first.items()}
