"""The exact curvature of a head: the Hessian of the loss, found in networks of every kind."""

import pytest
import torch
from torch import Tensor, nn

from affekt.models.curvature import Curvature, collect_curvature
from affekt.models.head_curvature import HeadTape, gauss_newton
from affekt.training import build_model


class Net(nn.Module):
    """A head applied to frames and averaged over them, or to their mean; two outputs more than classes."""

    def __init__(self, *, over_time: bool, bias: bool = True) -> None:
        super().__init__()
        self.over_time = over_time
        self.body = nn.Linear(4, 5)
        self.head = nn.Linear(5, 5, bias=bias)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        x = self.body(features).tanh()
        outputs: Tensor = self.head(x).mean(1) if self.over_time else self.head(x.mean(1))
        return outputs[:, :3]


def batch(count: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, 4, generator=generator, dtype=torch.float64), torch.full((count,), 6)


def net(**options: bool) -> Net:
    torch.manual_seed(1)
    return Net(**options).double()


@pytest.mark.parametrize("over_time", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_it_is_the_hessian_of_the_cross_entropy(over_time: bool, bias: bool) -> None:
    network = net(over_time=over_time, bias=bias)
    features, lengths = batch(7)
    labels = torch.arange(7) % 3
    found = collect_curvature(network, network, [(features[:4], lengths[:4]), (features[4:], lengths[4:])]).head
    assert found is not None
    assert found.name == "head"
    names = ["head.weight", "head.bias"] if bias else ["head.weight"]
    values = dict(network.named_parameters())

    def loss(flat: Tensor) -> Tensor:
        matrix = flat.reshape(3, -1)
        with_rest = {"head.weight": torch.cat([matrix[:, :5], values["head.weight"][3:]])}
        if bias:
            with_rest["head.bias"] = torch.cat([matrix[:, 5], values["head.bias"][3:]])
        logits = torch.func.functional_call(network, with_rest, (features, lengths))
        return nn.functional.cross_entropy(logits, labels, reduction="sum")

    start = torch.cat([values[name].detach()[:3].reshape(3, -1) for name in names], dim=1).flatten()
    hessian = torch.autograd.functional.hessian(loss, start)  # type: ignore[no-untyped-call]
    assert torch.allclose(found.matrix, hessian, atol=1e-12)


def test_shares_can_be_taken_out_and_it_comes_back_from_tensors() -> None:
    network = net(over_time=False)
    features, lengths = batch(9)
    whole, some, rest = (
        collect_curvature(network, network, [(features[rows], lengths[rows])])
        for rows in (slice(0, 9), slice(6, 9), slice(0, 6))
    )
    left = whole.without(some)
    assert left.head is not None
    assert rest.head is not None
    assert torch.allclose(left.head.matrix, rest.head.matrix, atol=1e-12)
    again = Curvature.from_tensors(left.tensors())
    assert again.head is not None
    assert again.head.name == "head"
    assert torch.allclose(again.head.matrix, rest.head.matrix.float(), atol=1e-6)
    assert set(again.layers) == set(left.layers)


@pytest.mark.parametrize("family", ["emo18", "logmel-cnn", "ridge", "zhao19"])
def test_the_heads_of_the_families_are_found(family: str) -> None:
    model = build_model(family, ("a", "b", "c"), seed=0).eval()
    waveforms = 0.1 * torch.randn(3, 9000, generator=torch.Generator().manual_seed(0))
    features, lengths = model.front_end(waveforms, torch.tensor([9000, 7000, 4000]))
    tape = HeadTape(dict(model.named_modules()))
    logits = model.classify(features, lengths)
    vectors = tape.vectors(logits)
    tape.close()
    assert tape.name.startswith("network.head")
    assert vectors is not None
    assert torch.allclose(vectors @ tape.weight(3).T, logits.to(vectors.dtype), atol=1e-4)


class Bent(Net):
    """What comes behind its last map is not linear."""

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return super().forward(features, lengths).tanh()


def test_a_map_that_is_no_head_and_a_head_that_is_too_large_are_left_out() -> None:
    torch.manual_seed(0)
    network = Bent(over_time=False).double()
    assert collect_curvature(network, network, [batch(3)]).head is None
    large = nn.Linear(2000, 3)
    found = collect_curvature(large, lambda x, _: large(x), [(torch.randn(2, 2000), torch.tensor([1, 1]))])
    assert found.head is None
    assert found.layers


def test_equal_probabilities_make_it_a_kronecker_product() -> None:
    vectors = batch(5)[0][:, 0]
    found = gauss_newton(torch.zeros(5, 3, dtype=torch.float64), vectors)
    outputs = torch.eye(3, dtype=torch.float64) / 3 - 1 / 9
    assert torch.allclose(found, torch.kron(outputs, vectors.T @ vectors), atol=1e-12)
