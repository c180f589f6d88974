"""Newton's step on a head: against retraining where the problem is convex, against K-FAC where both must agree."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.models.curvature import Curvature, collect_curvature
from affekt.unlearning import ForgetSet, Material, forget, head_newton
from affekt.unlearning.head_newton import Config
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.natural_gradient import NaturalDirection

CLASSES, SIZE, GONE = 4, 30, 20


class Softmax(nn.Module):
    """A multinomial logistic regression in the samples of a clip."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.head = nn.Linear(SIZE, CLASSES, dtype=torch.float64)
        with torch.no_grad():
            self.head.weight.copy_(weight[:, :-1])
            self.head.bias.copy_(weight[:, -1])

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        logits: Tensor = self.head(waveforms.double())
        return logits

    @property
    def weights(self) -> Tensor:
        return torch.cat([self.head.weight, self.head.bias[:, None]], dim=1).detach()


@dataclass(frozen=True)
class Convex:
    """A penalised softmax regression on all recordings, the same without some, and what was saved of the first."""

    model: Softmax
    retrained: Softmax
    forget_set: ForgetSet
    saved: Curvature
    penalty: float
    """Of half the squared weights, beside the summed loss."""

    def error(self, weights: Tensor) -> float:
        """Distance to the retrained weights, as a share of the original's."""
        return float((weights - self.retrained.weights).norm() / (self.model.weights - self.retrained.weights).norm())

    def material(self, curvature: Curvature) -> Material:
        return Material(forget_set=self.forget_set, n_classes=CLASSES, curvature=curvature)

    def share(self) -> Curvature:
        waveforms = torch.stack([torch.as_tensor(x) for x in self.forget_set.waveforms])
        return collect_curvature(self.model, self.model, [(waveforms, torch.full((GONE,), SIZE))])


@pytest.fixture(scope="module")
def convex() -> Convex:
    generator = torch.Generator().manual_seed(0)
    x = 0.7 * torch.randn(600, SIZE, generator=generator)
    teacher = torch.randn(SIZE, CLASSES, generator=generator)
    noise = -torch.log(-torch.log(torch.rand(600, CLASSES, generator=generator)))
    labels = (x @ teacher + 1.5 * noise).argmax(1)
    x[:GONE] = 1.5 * x[:GONE] + 0.5  # a person who differs from the others
    penalty = 1.0
    data = torch.cat([x, torch.ones(600, 1)], dim=1).double()

    def learn(rows: slice) -> Softmax:
        weight = torch.zeros(CLASSES, SIZE + 1, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [weight], lr=1.0, max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(data[rows] @ weight.T, labels[rows], reduction="sum")
            loss = loss + penalty / 2 * weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimizer.step(closure)  # type: ignore[no-untyped-call]
        return Softmax(weight.detach())

    model = learn(slice(0, 600))
    saved = collect_curvature(model, model, [(x, torch.full((600,), SIZE))])
    return Convex(
        model=model,
        retrained=learn(slice(GONE, 600)),
        forget_set=ForgetSet(tuple(x[:GONE].numpy()), labels[:GONE]),
        saved=saved,
        penalty=penalty,
    )


def step(convex: Convex, curvature: Curvature) -> Tensor:
    changed = Softmax(convex.model.weights)
    config = Config(length="unit", damping=convex.penalty / curvature.count)
    log = head_newton.unlearn(changed, convex.material(curvature), config, seed=0)
    assert log.stopped == "one Newton step was made"
    return changed.weights


def test_the_step_comes_close_to_retraining_because_the_forget_set_left_the_curvature(convex: Convex) -> None:
    newton = convex.error(step(convex, convex.saved.without(convex.share())))
    influence = convex.error(step(convex, convex.saved))
    assert newton < 0.15  # 0.13 and 0.37 as this is written
    assert newton < influence / 2
    assert influence < 0.6


def test_the_step_is_the_newton_step_written_out(convex: Convex) -> None:
    """One line of linear algebra on a Hessian by automatic differentiation of the loss of what stays."""
    without = convex.saved.without(convex.share())
    assert without.head is not None
    x = torch.stack([torch.as_tensor(w) for w in convex.forget_set.waveforms]).double()
    x = torch.cat([x, torch.ones(GONE, 1)], dim=1)

    def loss(flat: Tensor) -> Tensor:
        logits = x @ flat.reshape(CLASSES, -1).T
        return nn.functional.cross_entropy(logits, convex.forget_set.labels, reduction="sum")

    start = convex.model.weights.flatten()
    gradient = torch.autograd.functional.jacobian(loss, start)  # type: ignore[no-untyped-call]
    matrix = without.head.matrix.double() + convex.penalty * torch.eye(len(start))
    wanted = start + torch.linalg.solve(matrix, gradient)
    assert torch.allclose(step(convex, without).flatten(), wanted, rtol=1e-4, atol=1e-5)


def test_kfac_agrees_where_it_must(convex: Convex) -> None:
    """With all weights zero every recording has the same probabilities: the curvature is a Kronecker product."""
    model = Softmax(torch.zeros(CLASSES, SIZE + 1))
    waveforms = torch.randn(300, SIZE, generator=torch.Generator().manual_seed(1))
    curvature = collect_curvature(model, model, [(waveforms, torch.full((300,), SIZE))])
    part = LearnedPart(model)
    labels = convex.forget_set.labels
    direction = NaturalDirection(part, part.features(convex.forget_set.waveforms), curvature, damping=1e-10)
    found = direction(lambda logits, rows: nn.functional.cross_entropy(logits, labels[rows], reduction="none"))
    kfac = torch.cat([found["head.weight"], found["head.bias"][:, None]], dim=1).double()
    head_newton.unlearn(model, convex.material(curvature), Config(length="unit", damping=1e-10), seed=0)
    newton = model.weights * 300 / GONE  # sums against means
    # both leave the common shift of all classes, which changes nothing, to the damping
    assert float((kfac - newton).norm() / newton.norm()) < 1e-2


def test_the_loss_ends_at_that_of_the_teachers(ready: EmotionModel, forget_set: ForgetSet) -> None:
    result = forget(ready, forget_set, method="head_newton", scope="speaker")
    assert result.log.target_loss is not None
    assert result.log.loss_after >= result.log.target_loss * (1 - 1e-6)
    assert result.log.reached
    moved = [
        name
        for (name, before), after in zip(ready.named_parameters(), result.model.parameters(), strict=True)
        if not torch.equal(before, after)
    ]
    assert set(moved) <= {"network.head.1.weight", "network.head.1.bias"}
    assert moved or result.log.loss_before >= result.log.target_loss


def test_nothing_of_the_person_is_left_in_the_saved_curvature(ready: EmotionModel, forget_set: ForgetSet) -> None:
    assert ready.erasure is not None
    assert ready.erasure.statistics is not None
    before = ready.erasure.statistics.curvature
    result = forget(ready, forget_set, method="head_newton")
    assert isinstance(result.model, EmotionModel)
    assert result.model.erasure is not None
    assert result.model.erasure.statistics is not None
    after = result.model.erasure.statistics.curvature
    assert before is not None
    assert after is not None
    assert before.head is not None
    assert after.head is not None
    part = LearnedPart(ready)
    items = part.features(forget_set.waveforms)
    features = nn.utils.rnn.pad_sequence(items, batch_first=True)
    own = collect_curvature(ready.eval(), ready.classify, [(features, torch.tensor([len(item) for item in items]))])
    assert own.head is not None
    scale = float(before.head.matrix.abs().max())
    assert torch.allclose(after.head.matrix, before.head.matrix - own.head.matrix, atol=1e-4 * scale)


def test_subtracting_too_much_does_not_break_it(convex: Convex) -> None:
    """Under weights that changed since, a share may exceed what was saved: negative curvature counts as none."""
    assert convex.saved.head is not None
    worse = replace(
        convex.saved, head=replace(convex.saved.head, matrix=convex.saved.head.matrix - 30.0 * torch.eye(124))
    )
    assert torch.isfinite(step(convex, worse)).all()


def test_models_it_cannot_do_are_refused(ready: EmotionModel, trained: EmotionModel, forget_set: ForgetSet) -> None:
    with pytest.raises(ConfigError, match="head_newton needs the curvature of the head that erasure-ready training"):
        forget(trained, forget_set, method="head_newton")


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match="length is 'x' and target 'teachers'"):
        Config(length="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="damping is 0"):
        Config(damping=0.0)
