"""The curvature of a loss around trained weights, kept in a form small enough to save: K-FAC.

For each linear or convolutional layer the Fisher information of its weights (a column for the bias included) is taken
as a Kronecker product of two second moments: of the layer's inputs, A, and of the gradients at its outputs, G. For all
other weights only the diagonal is kept. Expectations over labels are exact: every class counts with the probability
the model gives it, so nothing is drawn and what some recordings contributed can be subtracted again.

Positions in time or on a spectrogram are treated as in Grosse & Martens 2016: A sums over them, G is their mean.

Sources: Martens & Grosse, "Optimizing neural networks with Kronecker-factored approximate curvature", ICML 2015; Grosse
& Martens, "A Kronecker-factored approximate Fisher matrix for convolution layers", ICML 2016.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from affekt.errors import CheckpointError
from affekt.models.head_curvature import HeadCurvature, HeadTape

__all__ = ["Curvature", "Damped", "LayerFactors", "Preconditioner", "collect_curvature"]

Layer: TypeAlias = nn.Linear | nn.Conv1d | nn.Conv2d
Batch: TypeAlias = tuple[Tensor, Tensor]

_NEGLIGIBLE = 1e-2
"""An eigenvalue less far below zero than this times the damping is left as it is: the rounding of saved sums makes
such."""


@dataclass(frozen=True, kw_only=True)
class LayerFactors:
    """Sums of second moments over recordings, for one layer."""

    inputs: Tensor
    """Sum over recordings of sum over positions of a aᵀ, (D, D); the last row and column are the bias's 1."""
    outputs: Tensor
    """Sum over recordings of mean over positions of g gᵀ, (O, O)."""

    def damped(self, count: int, damping: float) -> tuple["Damped", "Damped"]:
        """Mean factors of inputs and outputs, with pi sqrt(damping) and sqrt(damping) / pi to be added to them; see
        :class:`Preconditioner`."""
        inputs, outputs = ((factor / count).double() for factor in (self.inputs, self.outputs))
        scale_in, scale_out = (float(x.diagonal().mean()) for x in (inputs, outputs))
        pi = (max(scale_in, 1e-30) / max(scale_out, 1e-30)) ** 0.5
        return Damped(inputs, damping**0.5 * pi), Damped(outputs, damping**0.5 / pi)


@dataclass(frozen=True)
class Damped:
    """A symmetric matrix and what is added to its diagonal, to be inverted in float64.

    Negative eigenvalues, which subtracting under changed weights can leave, count as 0. Where there are none, which two
    Cholesky decompositions tell, the eigenvalues are not needed: they take five times as long.
    """

    moment: Tensor
    damping: float

    def inverse(self) -> Tensor:
        """(moment + damping)^-1."""
        factor = self._factor()
        return self._by_eigenvalues() if factor is None else torch.cholesky_inverse(factor)

    def solve(self, columns: Tensor) -> Tensor:
        """(moment + damping)^-1 of a few columns (D, n)."""
        factor = self._factor()
        return self._by_eigenvalues() @ columns if factor is None else torch.cholesky_solve(columns, factor)

    def _factor(self) -> Tensor | None:
        damped = self.moment.clone()
        damped.diagonal().add_(_NEGLIGIBLE * self.damping)
        if int(torch.linalg.cholesky_ex(damped)[1]):
            return None
        damped.diagonal().add_((1.0 - _NEGLIGIBLE) * self.damping)
        found: Tensor = torch.linalg.cholesky(damped)
        return found

    def _by_eigenvalues(self) -> Tensor:
        values, vectors = torch.linalg.eigh(self.moment)
        inverse: Tensor = (vectors / (values.clamp_min(0.0) + self.damping)) @ vectors.T
        return inverse


@dataclass(frozen=True, kw_only=True)
class Curvature:
    """Sums over recordings; divide by :attr:`count` for means."""

    layers: dict[str, LayerFactors]
    """By the name of the module."""
    diagonal: dict[str, Tensor]
    """Squared gradients of every other weight, by its name, summed over recordings."""
    count: int
    """Recordings in the sums."""
    head: HeadCurvature | None = None
    """The last linear map's curvature without approximation, where it is small enough."""

    def without(self, other: "Curvature") -> "Curvature":
        """The sums less those of some recordings, computed under the same weights."""
        if other.count >= self.count:
            raise CheckpointError(
                f"{other.count} recordings cannot be taken out of statistics of {self.count}; fewer were expected; "
                "train the model again without them."
            )
        return Curvature(
            layers={
                name: LayerFactors(
                    inputs=factors.inputs - other.layers[name].inputs,
                    outputs=factors.outputs - other.layers[name].outputs,
                )
                for name, factors in self.layers.items()
            },
            diagonal={name: (value - other.diagonal[name]).clamp_min(0.0) for name, value in self.diagonal.items()},
            count=self.count - other.count,
            head=None if self.head is None or other.head is None else self.head.without(other.head),
        )

    def tensors(self) -> dict[str, Tensor]:
        """As named tensors, for a safetensors file."""
        found = {f"inputs/{name}": factors.inputs for name, factors in self.layers.items()}
        found |= {f"outputs/{name}": factors.outputs for name, factors in self.layers.items()}
        found |= {f"diagonal/{name}": value for name, value in self.diagonal.items()}
        found["count"] = torch.tensor(self.count)
        if self.head is not None:
            found[f"head/{self.head.name}"] = self.head.matrix
        return {
            name: value.float().contiguous() if value.is_floating_point() else value for name, value in found.items()
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "Curvature":
        """Read what :meth:`tensors` gave.

        Raises:
            CheckpointError: a factor is missing.
        """
        try:
            names = [name.partition("/")[2] for name in tensors if name.startswith("inputs/")]
            heads = {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith("head/")}
            return cls(
                layers={
                    name: LayerFactors(inputs=tensors[f"inputs/{name}"], outputs=tensors[f"outputs/{name}"])
                    for name in names
                },
                diagonal={
                    name.partition("/")[2]: value for name, value in tensors.items() if name.startswith("diagonal/")
                },
                count=int(tensors["count"]),
                head=next((HeadCurvature(name=name, matrix=value) for name, value in heads.items()), None),
            )
        except KeyError as error:
            raise CheckpointError(
                f"the saved curvature lacks {error}; the file that training wrote was expected; restore the model "
                "directory from a copy."
            ) from None

    def preconditioner(self, model: nn.Module, *, damping: float) -> "Preconditioner":
        """What turns gradients into natural-gradient directions at a damping."""
        return Preconditioner(self, model, damping)


class Preconditioner:
    """(F + damping)^-1 applied to gradients, layer by layer.

    With mean factors A and G and pi^2 = (tr A / dim A) / (tr G / dim G), a layer's gradient W (with the bias as its
    last column) becomes (G + sqrt(damping) / pi)^-1 W (A + pi sqrt(damping))^-1. Other weights are divided by their
    diagonal plus the damping.
    """

    def __init__(self, curvature: Curvature, model: nn.Module, damping: float) -> None:
        self.diagonal = {name: value / curvature.count + damping for name, value in curvature.diagonal.items()}
        self.inverses: dict[str, tuple[Tensor, Tensor]] = {}
        modules = dict(model.named_modules())
        self.biased = {name: getattr(modules[name], "bias", None) is not None for name in curvature.layers}
        for name, factors in curvature.layers.items():
            inputs, outputs = factors.damped(curvature.count, damping)
            dtype = modules[name].weight.dtype
            self.inverses[name] = (outputs.inverse().to(dtype), inputs.inverse().to(dtype))

    def __call__(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Directions for gradients, both by the names of the parameters."""
        found = dict(gradients)
        for name, (outputs, inputs) in self.inverses.items():
            weight = found[f"{name}.weight"]
            matrix = weight.flatten(1)  # (O, D)
            if self.biased[name]:
                matrix = torch.cat([matrix, found[f"{name}.bias"].unsqueeze(1)], dim=1)
            step = outputs.to(matrix.dtype) @ matrix @ inputs.to(matrix.dtype)
            if self.biased[name]:
                found[f"{name}.bias"] = step[:, -1]
                step = step[:, :-1]
            found[f"{name}.weight"] = step.reshape(weight.shape)
        for name, value in self.diagonal.items():
            if name in found:
                found[name] = found[name] / value
        return found


def collect_curvature(
    model: nn.Module, classify: Callable[[Tensor, Tensor], Tensor], batches: Iterable[Batch]
) -> Curvature:
    """Sum the curvature of the cross-entropy over recordings, with labels as the model itself would give them.

    Args:
        model: whose weights; frozen ones are left out. Its mode is left alone: call ``eval()`` first.
        classify: features (B, F, ...) and lengths (B,) -> logits (B, K), through the model's layers.
        batches: features and lengths; a batch is passed through the network K + 1 times.
    """
    layers = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)) and _plain(module)
    }
    covered = {f"{name}.{part}" for name in layers for part in ("weight", "bias")}
    others = {name: p for name, p in model.named_parameters() if p.requires_grad and name not in covered}
    tape = _Tape(layers)
    last = HeadTape(layers)
    head: HeadCurvature | None = None
    sums: dict[str, LayerFactors] = {}
    diagonal = {name: torch.zeros_like(parameter) for name, parameter in others.items()}
    count = 0
    try:
        for features, lengths in batches:
            logits = classify(features, lengths)
            probabilities = logits.detach().softmax(1)
            if (matrix := last.matrix(logits)) is not None and (head is not None or not count):
                head = HeadCurvature(name=last.name, matrix=matrix if head is None else head.matrix + matrix)
            else:  # of all recordings, or not at all
                head = None
            names = list(tape.outputs)
            moments: dict[str, Tensor] = {}
            active: dict[str, Tensor] = {}
            rows: dict[str, list[Tensor]] = {name: [] for name in names}
            for k in range(logits.shape[1]):
                # the gradient of - log p_k at every output, one recording at a time
                gradients = torch.autograd.grad(
                    -logits.log_softmax(1)[:, k].sum(),
                    [tape.outputs[name] for name in names],
                    retain_graph=True,
                    allow_unused=True,
                )
                for name, gradient in zip(names, gradients, strict=True):
                    if gradient is not None:
                        rows[name].append(_rows(layers[name], gradient))
            for name, by_class in rows.items():
                if not by_class:
                    continue
                # padding reaches no logit: positions without any gradient are none of the recording's
                active[name] = torch.stack([x.abs().amax(2) for x in by_class]).amax(0) > 0  # (B, P)
                size = active[name].sum(1).clamp_min(1)
                moments[name] = torch.stack(
                    [_moment(x, probabilities[:, k] / size) for k, x in enumerate(by_class)]
                ).sum(0)
            for name, moment in moments.items():
                patches = _patches(layers[name], tape.inputs[name]) * active[name].unsqueeze(2)
                inputs = _moment(patches, None)
                before = sums.get(name)
                sums[name] = LayerFactors(
                    inputs=inputs if before is None else before.inputs + inputs,
                    outputs=moment if before is None else before.outputs + moment,
                )
            _add_diagonal(diagonal, others, logits, probabilities)
            count += len(logits)
    finally:
        tape.close()
        last.close()
    for name, value in model.named_parameters():  # a layer no gradient reaches has only a diagonal, of zeros
        layer = name.rpartition(".")[0]
        if value.requires_grad and layer in layers and layer not in sums:
            diagonal[name] = torch.zeros_like(value)
    return Curvature(layers=sums, diagonal={name: x.detach() for name, x in diagonal.items()}, count=count, head=head)


class _Tape:
    """Inputs and outputs of layers in the last forward pass."""

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        self.handles = [module.register_forward_hook(self._hook(name)) for name, module in layers.items()]

    def _hook(self, name: str) -> Callable[..., None]:
        def keep(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self.inputs[name] = inputs[0].detach()
            self.outputs[name] = output

        return keep

    def close(self) -> None:
        for handle in self.handles:
            handle.remove()


def _plain(module: Layer) -> bool:
    """Whether a layer's weights are its own and learned, and one matrix multiplies its patches."""
    if not module.weight.requires_grad or "weight" not in dict(module.named_parameters(recurse=False)):
        return False
    return isinstance(module, nn.Linear) or (module.groups == 1 and module.padding_mode == "zeros")


def _patches(layer: Layer, x: Tensor) -> Tensor:
    """What the weight matrix multiplies: (B, P, D), positions flattened, a 1 appended for the bias."""
    if isinstance(layer, nn.Linear):
        found = x.reshape(x.shape[0], -1, x.shape[-1])
    else:
        two = isinstance(layer, nn.Conv2d)
        image = x if two else x.unsqueeze(2)

        def pair(value: object, default: int) -> tuple[int, ...]:
            sizes = tuple(int(size) for size in value)  # type: ignore[attr-defined]
            return sizes if two else (default, *sizes)

        kernel, stride = pair(layer.kernel_size, 1), pair(layer.stride, 1)
        padding, dilation = pair(layer.padding, 0), pair(layer.dilation, 1)
        columns = nn.functional.unfold(image, kernel, dilation=dilation, padding=padding, stride=stride)
        found = columns.transpose(1, 2)  # (B, P, D)
    if layer.bias is not None:
        found = torch.cat([found, found.new_ones(*found.shape[:2], 1)], dim=2)
    return found


def _rows(layer: Layer, gradient: Tensor) -> Tensor:
    """Gradients at a layer's outputs with positions flattened, (B, P, O)."""
    if isinstance(layer, nn.Linear):
        return gradient.reshape(gradient.shape[0], -1, gradient.shape[-1])
    return gradient.flatten(2).transpose(1, 2)


def _moment(rows: Tensor, weights: Tensor | None) -> Tensor:
    """Sum over recordings, weighted (B,) if weights are given, and positions of x xᵀ: (B, P, D) -> (D, D)."""
    if weights is not None:
        rows = rows * weights.sqrt().reshape(-1, 1, 1)
    flat = rows.flatten(0, 1)
    return flat.T @ flat


def _add_diagonal(
    diagonal: dict[str, Tensor], others: Mapping[str, Tensor], logits: Tensor, probabilities: Tensor
) -> None:
    """Add squared gradients of the other weights, recording by recording and class by class."""
    if not others:
        return
    names = list(others)
    log_p = logits.log_softmax(1)
    for row in range(len(logits)):
        for k in range(logits.shape[1]):
            gradients = torch.autograd.grad(
                -log_p[row, k], [others[name] for name in names], retain_graph=True, allow_unused=True
            )
            for name, gradient in zip(names, gradients, strict=True):
                if gradient is not None:
                    diagonal[name] += probabilities[row, k] * gradient.square()
