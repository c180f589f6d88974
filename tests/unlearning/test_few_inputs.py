"""A descent with few inputs is the descent with all of them."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from affekt.models import EmotionModel
from affekt.models.curvature import collect_curvature
from affekt.unlearning import ForgetSet, Material, out_of_fold
from affekt.unlearning.few_inputs import FewInputs, first_map
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.natural_gradient import NaturalDirection, move, snapshot, step_length

SIZE, HIDDEN, CLASSES, GONE = 12, 5, 3, 4


class Net(nn.Module):
    """A head: a fixed scale, two linear maps."""

    def __init__(self, *, bias: bool = True, scaled: bool = False) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5)) if scaled else 0.5
        self.first = nn.Linear(SIZE, HIDDEN, bias=bias)
        self.head = nn.Linear(HIDDEN, CLASSES)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.first(self.scale * features.double())))
        return logits


@dataclass(frozen=True)
class Case:
    """A model and a request."""

    part: LearnedPart
    material: Material

    @property
    def items(self) -> list[Tensor]:
        return self.part.features(self.material.forget_set.waveforms)


def case(*, bias: bool = True, scaled: bool = False) -> Case:
    torch.manual_seed(1)
    model = Net(bias=bias, scaled=scaled).double().eval()
    generator = torch.Generator().manual_seed(2)
    others = torch.randn(30, SIZE, generator=generator, dtype=torch.float64)
    curvature = collect_curvature(model, model, [(others, torch.full((30,), SIZE))])
    waveforms = torch.randn(GONE, SIZE, generator=generator, dtype=torch.float64).numpy()
    labels = torch.arange(GONE) % CLASSES
    teachers = 2.0 * torch.randn(GONE, 2, CLASSES, generator=generator)
    material = Material(
        forget_set=ForgetSet(tuple(waveforms), labels), n_classes=CLASSES, teachers=teachers, curvature=curvature
    )
    return Case(LearnedPart(model), material)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("history", [0, 10])
def test_out_of_fold_ends_with_the_same_weights(history: int, bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    config = out_of_fold.Config(history=history, tolerance=1e-4, max_steps=25, trust=0.5)
    ends = []
    for narrow in (True, False):
        found = case(bias=bias)
        if not narrow:
            monkeypatch.setattr(out_of_fold, "_narrowed", lambda *_: None)
        log = out_of_fold.unlearn(found.part.model, found.material, config, seed=0)
        ends.append((snapshot(found.part), log))
    (few, log), (every, expected) = ends
    assert log.steps == expected.steps > 3
    assert log.trace == pytest.approx(expected.trace, rel=1e-6)
    for name, value in every.items():
        assert torch.allclose(few[name], value, rtol=1e-6, atol=1e-8), name


def test_a_step_is_as_long_and_ends_in_the_same_place() -> None:
    found = case()
    curvature = found.material.curvature
    assert curvature is not None
    teachers = torch.full((GONE, CLASSES), 1.0 / CLASSES, dtype=torch.float64)

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        return -(teachers[rows] * logits.log_softmax(1)).sum(1)

    plain = NaturalDirection(found.part, found.items, curvature, damping=1e-3)
    expected = plain(loss)
    before = snapshot(found.part)
    named = first_map(found.part, torch.stack(found.items), torch.full((GONE,), SIZE))
    assert named is not None
    assert named[0] == "first"
    few = FewInputs(found.part, found.items, curvature, damping=1e-3, name=named[0], inputs=named[1])
    step = few.direction(loss)
    assert step["first.weight"].shape == (HIDDEN, GONE)
    assert few.step_length(step) == pytest.approx(step_length(expected), rel=1e-9)
    move(found.part, snapshot(found.part), step, -0.3)
    narrow_logits = few.direction.logits()
    few.widen()
    after = snapshot(found.part)
    assert after.keys() == before.keys()
    for name, value in expected.items():
        assert torch.allclose(after[name], before[name] - 0.3 * value, atol=1e-10), name
    assert torch.allclose(plain.logits(), narrow_logits, atol=1e-10)


class Head(nn.Module):
    """A linear head: nothing else is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(SIZE, CLASSES)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        logits: Tensor = self.head(features.double())
        return logits


def test_a_single_map_is_narrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    others = torch.randn(30, SIZE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    ends = []
    for narrow in (True, False):
        torch.manual_seed(4)
        head = Head().double()
        curvature = collect_curvature(head, head, [(others, torch.full((30,), SIZE))])
        if not narrow:
            monkeypatch.setattr(out_of_fold, "_narrowed", lambda *_: None)
        material = replace(case().material, curvature=curvature)
        log = out_of_fold.unlearn(head, material, out_of_fold.Config(), seed=0)
        assert log.reached
        ends.append(head.head.weight.detach().clone())
    assert torch.allclose(ends[0], ends[1], rtol=1e-6, atol=1e-8)


def test_a_map_behind_something_learned_is_left_alone() -> None:
    found = case(scaled=True)
    assert first_map(found.part, torch.stack(found.items), torch.full((GONE,), SIZE)) is None


def test_frames_are_left_alone(ready: EmotionModel, forget_set: ForgetSet) -> None:
    part = LearnedPart(ready)
    item = part.features(forget_set.waveforms)[0]
    assert first_map(part, item.unsqueeze(0), torch.tensor([len(item)])) is None


def test_an_interrupted_descent_leaves_the_map_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    found = case()

    def interrupted(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(out_of_fold, "move", interrupted)
    with pytest.raises(KeyboardInterrupt):
        out_of_fold.unlearn(found.part.model, found.material, out_of_fold.Config(), seed=0)
    assert isinstance(found.part.model.first, nn.Linear)
