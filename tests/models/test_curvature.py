"""K-FAC factors against sums written out, and against the exact Fisher information where they are exact."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from affekt.errors import CheckpointError
from affekt.models import LogmelCnn, LogmelCnnOptions
from affekt.models.curvature import Curvature, collect_curvature


class Net(nn.Module):
    """One layer of each kind, with a normalisation between."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2 = nn.Conv2d(1, 2, (3, 2), stride=(1, 2), padding=(1, 0))
        self.conv1 = nn.Conv1d(6, 4, 3, padding=1, bias=False)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        x = torch.tanh(self.conv2(features.unsqueeze(1)))  # (B, 2, F, 3)
        x = torch.tanh(self.conv1(x.transpose(2, 3).flatten(1, 2)))  # (B, 4, F)
        logits: Tensor = self.head(self.norm(x.transpose(1, 2)).mean(1))
        return logits


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net().double().eval()


def batch(count: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 5, 6, generator=generator, dtype=torch.float64), torch.full((count,), 5)


def fisher(net: nn.Module, features: Tensor, lengths: Tensor, name: str) -> Tensor:
    """Exact Fisher information of one parameter, summed over recordings: a loop over recordings and classes."""
    parameter = dict(net.named_parameters())[name]
    total = torch.zeros(parameter.numel(), parameter.numel(), dtype=torch.float64)
    for row in range(len(features)):
        logits = net(features[row : row + 1], lengths[row : row + 1])
        for k in range(logits.shape[1]):
            (gradient,) = torch.autograd.grad(logits.log_softmax(1)[0, k], parameter, retain_graph=True)
            total += logits.softmax(1)[0, k].detach() * torch.outer(gradient.flatten(), gradient.flatten())
    return total


def test_a_linear_layer_on_one_recording_is_exact(net: Net) -> None:
    features, lengths = batch(1)
    factors = collect_curvature(net, net, [(features, lengths)]).layers["head"]
    weight_only = factors.inputs[:-1, :-1]
    product = torch.kron(factors.outputs, weight_only)
    assert torch.allclose(product, fisher(net, features, lengths, "head.weight"), atol=1e-12)
    assert float(factors.inputs[-1, -1]) == pytest.approx(1.0)
    assert torch.allclose(factors.outputs, fisher(net, features, lengths, "head.bias"), atol=1e-12)


@pytest.mark.parametrize("name", ["conv1", "conv2"])
def test_convolutions_against_loops_over_positions(net: Net, name: str) -> None:
    features, lengths = batch(3)
    found = collect_curvature(net, net, [(features, lengths)]).layers[name]
    layer = getattr(net, name)
    inputs = torch.zeros_like(found.inputs)
    outputs = torch.zeros_like(found.outputs)
    for row in range(3):
        kept: dict[str, Tensor] = {}
        handle = layer.register_forward_hook(lambda _, given, out, kept=kept: kept.update(x=given[0], y=out))
        logits = net(features[row : row + 1], lengths[row : row + 1])
        handle.remove()
        # a convolution's patches, found by convolving with one-hot kernels
        size = layer.weight[0].numel()
        kernels = torch.eye(size, dtype=torch.float64).view(size, *layer.weight.shape[1:])
        convolve = nn.functional.conv2d if name == "conv2" else nn.functional.conv1d
        patches = convolve(kept["x"], kernels, stride=layer.stride, padding=layer.padding)[0].flatten(1)  # (D, P)
        if layer.bias is not None:
            patches = torch.cat([patches, torch.ones(1, patches.shape[1], dtype=torch.float64)])
        for position in range(patches.shape[1]):
            inputs += torch.outer(patches[:, position], patches[:, position]).detach()
        for k in range(3):
            (gradient,) = torch.autograd.grad(logits.log_softmax(1)[0, k], kept["y"], retain_graph=True)
            columns = gradient[0].flatten(1)  # (O, P)
            for position in range(columns.shape[1]):
                moment = torch.outer(columns[:, position], columns[:, position])
                outputs += logits.softmax(1)[0, k].detach() * moment / columns.shape[1]
    assert torch.allclose(found.inputs, inputs, atol=1e-12)
    assert torch.allclose(found.outputs, outputs, atol=1e-12)


def test_other_weights_have_the_exact_diagonal(net: Net) -> None:
    features, lengths = batch(4)
    found = collect_curvature(net, net, [(features, lengths)])
    assert set(found.diagonal) == {"norm.weight", "norm.bias"}
    for name, value in found.diagonal.items():
        assert torch.allclose(value, fisher(net, features, lengths, name).diagonal(), atol=1e-12)


def test_batches_do_not_matter_and_parts_can_be_taken_out(net: Net) -> None:
    features, lengths = batch(7)
    whole = collect_curvature(net, net, [(features, lengths)])
    parts = collect_curvature(net, net, [(features[:3], lengths[:3]), (features[3:], lengths[3:])])
    gone = collect_curvature(net, net, [(features[5:], lengths[5:])])
    rest = collect_curvature(net, net, [(features[:5], lengths[:5])])
    assert whole.count == parts.count == 7
    left = whole.without(gone)
    assert left.count == 5
    for name in whole.layers:
        for part in ("inputs", "outputs"):
            value = getattr(whole.layers[name], part)
            assert torch.allclose(value, getattr(parts.layers[name], part), atol=1e-12)
            assert torch.allclose(getattr(left.layers[name], part), getattr(rest.layers[name], part), atol=1e-12)
    for name, diagonal in left.diagonal.items():
        assert torch.allclose(diagonal, rest.diagonal[name], atol=1e-12)
    with pytest.raises(CheckpointError, match="7 recordings cannot be taken out of statistics of 7"):
        whole.without(parts)


def test_padding_counts_for_nothing() -> None:
    torch.manual_seed(0)
    options = LogmelCnnOptions(channels=(2, 3, 4), width=8, n_mels=16)
    network = LogmelCnn(3, options).double().eval()
    generator = torch.Generator().manual_seed(2)
    clips = [torch.randn(length, 16, generator=generator, dtype=torch.float64) for length in (9, 14, 23)]
    alone = [collect_curvature(network, network.classify, [(clip[None], torch.tensor([len(clip)]))]) for clip in clips]
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    together = collect_curvature(network, network.classify, [(padded, torch.tensor([9, 14, 23]))])
    for name, factors in together.layers.items():
        for part in ("inputs", "outputs"):
            whole = sum(getattr(one.layers[name], part) for one in alone)
            assert torch.allclose(getattr(factors, part), whole, rtol=1e-9, atol=1e-12), (name, part)


def test_frozen_weights_are_left_out(net: Net) -> None:
    for parameter in net.conv2.parameters():
        parameter.requires_grad_(False)
    assert set(collect_curvature(net, net, [batch(2)]).layers) == {"conv1", "head"}


def test_the_preconditioner_solves_with_the_damped_product(net: Net) -> None:
    damping = 1e-2
    curvature = collect_curvature(net, net, [batch(6)])
    generator = torch.Generator().manual_seed(3)
    gradients = {name: torch.randn(p.shape, generator=generator) for name, p in net.named_parameters()}
    found = curvature.preconditioner(net, damping=damping)(gradients)
    factors = curvature.layers["head"]
    a, g = factors.inputs / 6, factors.outputs / 6
    pi = (float(a.trace()) / 5 / (float(g.trace()) / 3)) ** 0.5
    system = torch.kron(g + damping**0.5 / pi * torch.eye(3), a + damping**0.5 * pi * torch.eye(5))
    joined = torch.cat([gradients["head.weight"], gradients["head.bias"].unsqueeze(1)], dim=1).double()
    step = torch.linalg.solve(system, joined.flatten()).view(3, 5)
    assert torch.allclose(found["head.weight"].double(), step[:, :4], rtol=1e-4, atol=1e-4)
    assert torch.allclose(found["head.bias"].double(), step[:, 4], rtol=1e-4, atol=1e-4)
    norm = gradients["norm.bias"] / (curvature.diagonal["norm.bias"] / 6 + damping)
    assert torch.allclose(found["norm.bias"].double(), norm, rtol=1e-5)


def test_it_comes_back_from_disk(net: Net, tmp_path: object) -> None:
    curvature = collect_curvature(net, net, [batch(3)])
    file = f"{tmp_path}/curvature.safetensors"
    save_file(curvature.tensors(), file)
    again = Curvature.from_tensors(load_file(file))
    assert again.count == 3
    assert set(again.layers) == set(curvature.layers)
    assert torch.allclose(again.layers["conv1"].inputs, curvature.layers["conv1"].inputs.float())
    broken = {name: value for name, value in curvature.tensors().items() if name != "outputs/head"}
    with pytest.raises(CheckpointError, match="the saved curvature lacks 'outputs/head'"):
        Curvature.from_tensors(broken)
