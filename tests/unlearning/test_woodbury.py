"""The forget set's curvature taken out: against the dense matrix, written out and inverted."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.models.curvature import Curvature, LayerFactors, Preconditioner, collect_curvature
from affekt.unlearning import ForgetSet, forget, method_config
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.woodbury import WITHOUT_ROOM, ForgottenCurvature, linear_jacobians

SIZE, HIDDEN, CLASSES = 5, 4, 3
DAMPING = 1e-2


class Net(nn.Module):
    """Two linear maps of one vector a recording."""

    def __init__(self, *, normalised: bool = False) -> None:
        super().__init__()
        self.first = nn.Linear(SIZE, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN) if normalised else nn.Identity()
        self.head = nn.Linear(HIDDEN, CLASSES, bias=False)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.norm(self.first(features))))
        return logits


@pytest.fixture
def part() -> LearnedPart:
    torch.manual_seed(3)
    return LearnedPart(Net().double().eval())


def data(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, SIZE, generator=generator, dtype=torch.float64), torch.ones(count, dtype=torch.int64)


def jacobian(part: LearnedPart, features: Tensor, lengths: Tensor) -> Tensor:
    """d logits / d weights, (N K, P), by one gradient a logit, parameters in their own order."""
    rows = []
    for logit in part.classify(features, lengths).flatten():
        found = torch.autograd.grad(logit, list(part.model.parameters()), retain_graph=True)
        rows.append(torch.cat([gradient.flatten() for gradient in found]))
    return torch.stack(rows)


def dense(operator: object, part: LearnedPart) -> Tensor:
    """The matrix of a linear map between gradients and directions, column by column."""
    shapes = {name: p.shape for name, p in part.model.named_parameters()}
    sizes = [shape.numel() for shape in shapes.values()]
    columns = []
    for unit in torch.eye(sum(sizes), dtype=torch.float64):
        pieces = {
            name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), unit.split(sizes), strict=True)
        }
        found = operator(pieces)  # type: ignore[operator]
        columns.append(torch.cat([found[name].flatten() for name in shapes]))
    return torch.stack(columns, dim=1)


def split_curvature(part: LearnedPart, forgotten: tuple[Tensor, Tensor]) -> tuple[Curvature, Curvature]:
    """What stays and what was subtracted, for 40 recordings and some."""
    other = collect_curvature(part.model, part.classify, [data(40, 1)])
    share = collect_curvature(part.model, part.classify, [forgotten])
    return other, share


def test_against_the_dense_inverse(part: LearnedPart) -> None:
    forgotten = data(6, 2)
    rest, share = split_curvature(part, forgotten)
    found = ForgottenCurvature(part, *forgotten, rest, share, damping=DAMPING)
    assert found.largest < WITHOUT_ROOM  # nothing was cut off
    whole = torch.linalg.inv(dense(found.base, part))
    rows = jacobian(part, *forgotten).reshape(6, CLASSES, -1)
    p = part.classify(*forgotten).detach().softmax(1)
    middle = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
    own = torch.einsum("nkp,nkj,njq->pq", rows, middle, rows) / rest.count
    assert float(own.norm() / whole.norm()) > 0.01
    assert torch.allclose(dense(found, part), torch.linalg.inv(whole - own), rtol=1e-8, atol=1e-8)


def test_a_forget_set_without_curvature_changes_nothing(part: LearnedPart) -> None:
    """Where every output is certain, the forget set has no curvature."""
    with torch.no_grad():
        part.model.head.weight *= 1e4  # type: ignore[union-attr,operator]
    forgotten = data(3, 4)
    rest, share = split_curvature(part, forgotten)
    found = ForgottenCurvature(part, *forgotten, rest, share, damping=DAMPING)
    assert found.largest < 1e-12
    assert torch.allclose(dense(found, part), dense(found.base, part))


def test_too_much_taken_out_is_cut_off(part: LearnedPart) -> None:
    """Where the factors miss most of the forget set's curvature, what is applied stays positive all the same."""
    forgotten = data(30, 2)
    share = collect_curvature(part.model, part.classify, [forgotten])
    layers = {
        name: LayerFactors(inputs=0.01 * factors.inputs, outputs=factors.outputs)
        for name, factors in share.layers.items()
    }
    found = ForgottenCurvature(
        part, *forgotten, replace(share, layers=layers), replace(share, layers=layers), damping=1e-6
    )
    assert found.largest > WITHOUT_ROOM
    assert float(torch.linalg.eigvalsh(dense(found, part))[0]) > 0


def test_jacobians_are_those_of_autograd(part: LearnedPart) -> None:
    features, lengths = data(4, 5)
    expected = jacobian(part, features, lengths)
    found = linear_jacobians(part, features, lengths)
    (x, first), (h, head) = found["first"], found["head"]
    weight = torch.einsum("nko,nd->nkod", first, x)  # (N, K, O, D + 1)
    rows = torch.cat(
        [
            weight[..., :-1].flatten(2),
            weight[..., -1],
            torch.einsum("nko,nd->nkod", head, h).flatten(2),
        ],
        dim=2,
    )
    assert torch.allclose(rows.flatten(0, 1), expected, atol=1e-12)


def test_preconditioner_of_the_difference_is_another(part: LearnedPart) -> None:
    """Subtracting factors is not subtracting curvature: the reason for all this."""
    forgotten = data(6, 2)
    rest, share = split_curvature(part, forgotten)
    exact = dense(ForgottenCurvature(part, *forgotten, rest, share, damping=DAMPING), part)
    factors = dense(Preconditioner(rest, part.model, DAMPING), part)
    assert float((exact - factors).norm() / exact.norm()) > 1e-3


def test_other_layers_are_refused() -> None:
    part = LearnedPart(Net(normalised=True).double().eval())
    with pytest.raises(ConfigError, match=r"got norm.weight\); set woodbury = false"):
        linear_jacobians(part, *data(2, 0))


def test_out_of_fold_says_where_it_cannot(ready: EmotionModel, forget_set: ForgetSet) -> None:
    with pytest.raises(ConfigError, match="woodbury is for models whose learned part is linear maps"):
        forget(ready, forget_set, method="out_of_fold", config=method_config("out_of_fold", woodbury=True))
