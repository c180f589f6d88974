"""Stop rules, relabels, batches and the bisection of the last step."""

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from affekt.errors import ConfigError
from affekt.unlearning import ForgetSet, Material
from affekt.unlearning.descent import DescentConfig, descend, minibatches, random_relabels, state_of
from affekt.unlearning.material import LearnedPart


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 999))
def test_relabels_are_never_the_truth_and_repeat(labels: list[int], seed: int) -> None:
    true = torch.tensor(labels)
    found = random_relabels(true, 6, seed=seed)
    assert (found != true).all()
    assert found.min() >= 0
    assert found.max() <= 5
    assert torch.equal(found, random_relabels(true, 6, seed=seed))


def test_relabels_are_uniform_over_the_other_classes() -> None:
    true = torch.arange(6000) % 5
    found = random_relabels(true, 5, seed=0)
    for k in range(5):
        counts = np.bincount(found[true == k], minlength=5)
        assert counts[k] == 0
        assert stats.chisquare(np.delete(counts, k)).pvalue > 1e-3
    assert not torch.equal(found, random_relabels(true, 5, seed=1))


def test_two_classes_leave_no_choice() -> None:
    assert random_relabels(torch.tensor([0, 1, 1]), 2, seed=4).tolist() == [1, 0, 0]


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 99))
def test_batches_pass_over_everything_and_shuffle(count: int, size: int, seed: int) -> None:
    a_pass = -(-count // size)
    batches = list(islice(minibatches(count, size, seed=seed), 3 * a_pass))
    for start in range(0, 3 * a_pass, a_pass):
        rows = torch.cat(batches[start : start + a_pass]).tolist()
        assert sorted(rows) == list(range(count))
    assert all(1 <= len(batch) <= size for batch in batches)
    again = list(islice(minibatches(count, size, seed=seed), a_pass))
    assert all(torch.equal(a, b) for a, b in zip(again, batches, strict=False))


class Scale(torch.nn.Module):
    """Two classes; the loss of label 0 depends on one weight alone: log(1 + exp(-w))."""

    def __init__(self, weight: float = 3.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        return torch.stack([self.weight.expand(len(waveforms)), torch.zeros(len(waveforms))], 1)


def material(**fields: Any) -> Material:
    data = ForgetSet((np.full(4, 0.1, np.float32),), torch.tensor([0]))
    return Material(forget_set=data, n_classes=2, **fields)


def run(model: Scale, config: DescentConfig, loss: Any = None, **fields: Any) -> Any:
    others = {key: fields.pop(key) for key in ("relabels", "after_step", "details") if key in fields}
    given_material = material(**fields)
    part = LearnedPart(model)
    items = part.features(given_material.forget_set.waveforms)

    def ascend(_: int) -> Tensor:
        return -torch.nn.functional.cross_entropy(part.logits(items), torch.tensor([0]))

    return descend(part, items, given_material, config, step_loss=loss or ascend, **others)


def loss_of(weight: float) -> float:
    return float(np.log1p(np.exp(-weight)))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("rate", [0.01, 0.5, 20.0])
def test_calibrated_ends_at_the_target_and_not_beyond(optimizer: Any, rate: float) -> None:
    model = Scale(3.0)
    log = run(
        model,
        DescentConfig(stop="calibrated", optimizer=optimizer, learning_rate=rate, max_steps=5000),
        target_loss=1.0,
    )
    assert log.reached
    assert log.stopped == "the mean loss on the forget set reached that of held-out recordings"
    assert log.loss_before == pytest.approx(loss_of(3.0), abs=1e-6)
    assert log.loss_after == pytest.approx(loss_of(float(model.weight.detach())), abs=1e-6)
    # the last step is halved six times; what is left beyond the target is a 64th of it
    last = abs(float(model.weight.detach()) + np.log(np.e - 1))  # log(1 + exp(-w)) = 1 at w = -log(e - 1)
    width = 20.0 * 4 if rate == 20.0 else 2.0
    assert log.loss_after >= 1.0
    assert last <= width / 64 + 1e-5
    assert log.trace[-1] == log.loss_after
    assert log.steps == len(log.trace)
    assert all(value < 1.0 for value in log.trace[:-1])


def test_without_bisection_a_step_would_go_far_beyond() -> None:
    """The step that crosses the target goes from 3 to -17 here; what is kept of it just crosses."""
    model = Scale(3.0)
    log = run(model, DescentConfig(stop="calibrated", optimizer="adam", learning_rate=20.0), target_loss=1.0)
    assert log.steps == 1
    assert loss_of(3.0 - 20.0) > 16
    assert 1.0 <= log.loss_after <= loss_of(-np.log(np.e - 1) - 20 / 64) + 1e-6


@pytest.mark.parametrize("target", [loss_of(3.0), 0.01, 0.0])
def test_nothing_is_done_when_the_target_is_reached_already(target: float) -> None:
    model = Scale(3.0)
    log = run(model, DescentConfig(stop="calibrated"), target_loss=target - 1e-6)
    assert float(model.weight.detach()) == 3.0
    assert log.reached
    assert (log.steps, log.trace) == (0, ())
    assert log.stopped.startswith("nothing was done: the mean loss")
    assert log.loss_after == log.loss_before


def test_the_limit_of_steps_is_said() -> None:
    log = run(Scale(3.0), DescentConfig(stop="calibrated", learning_rate=0.01, max_steps=7), target_loss=1.0)
    assert not log.reached
    assert log.steps == 7
    assert log.stopped == "the limit of 7 steps was reached first"


def test_gap_adds_to_the_loss_before() -> None:
    log = run(Scale(3.0), DescentConfig(stop="gap", learning_rate=0.05, max_steps=900), target_gap=0.4)
    assert log.reached
    assert log.target_loss == pytest.approx(loss_of(3.0) + 0.4, abs=1e-6)
    assert log.target_loss <= log.loss_after <= log.target_loss + 0.01
    nothing = run(Scale(3.0), DescentConfig(stop="gap"), target_gap=-0.2)
    assert nothing.steps == 0
    assert nothing.reached


def test_zero_stops_when_nothing_is_recognised() -> None:
    model = Scale(3.0)
    log = run(model, DescentConfig(stop="zero", learning_rate=0.1, max_steps=900))
    assert log.reached
    assert log.stopped == "no recording of the forget set was recognised any more"
    assert (log.accuracy_before, log.accuracy_after) == (1.0, 0.0)
    assert -0.11 < float(model.weight.detach()) <= 0.0  # the first step beyond 0
    assert log.target_loss is None


def test_relabel_hit_stops_at_the_new_labels() -> None:
    model = Scale(3.0)
    log = run(model, DescentConfig(stop="relabel-hit", learning_rate=0.1, max_steps=900), relabels=torch.tensor([1]))
    assert log.reached
    assert log.stopped == "every recording of the forget set was taken for its new label"
    assert -0.11 < float(model.weight.detach()) < 0.0


def test_steps_makes_all_of_them() -> None:
    log = run(Scale(3.0), DescentConfig(stop="steps", max_steps=9))
    assert (log.steps, log.reached, log.stopped) == (9, True, "all steps were made")


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        ("calibrated", r"the stop rule calibrated needs the loss of held-out recordings \(got none\)"),
        ("gap", r"the stop rule gap needs the loss of held-out recordings \(got none\)"),
        ("relabel-hit", "relabel-hit needs a method that relabels; choose"),
    ],
)
def test_a_stop_rule_without_what_it_needs(stop: Any, message: str) -> None:
    model = Scale(3.0)
    with pytest.raises(ConfigError, match=message):
        run(model, DescentConfig(stop=stop))
    assert float(model.weight.detach()) == 3.0


@pytest.mark.parametrize("stop", ["calibrated", "steps", "zero"])
def test_a_step_into_nowhere_is_taken_back(stop: Any) -> None:
    model = Scale(3.0)

    def poison() -> None:
        with torch.no_grad():
            model.weight.mul_(float("nan"))

    log = run(model, DescentConfig(stop=stop, max_steps=5), target_loss=1.0, after_step=poison)
    assert float(model.weight.detach()) == 3.0
    assert not log.reached
    assert log.steps == 1
    assert log.stopped.startswith("the loss was no longer a number")
    assert log.loss_after == log.loss_before


def test_the_gradient_clip_bounds_the_step() -> None:
    model = Scale(0.0)  # slope 0.5
    config = DescentConfig(optimizer="sgd", learning_rate=1.0, gradient_clip=0.02, stop="steps", max_steps=1)
    run(model, config)
    assert float(model.weight.detach()) == pytest.approx(-0.02, abs=1e-5)


@pytest.mark.parametrize(("optimizer", "ways"), [("sgd", [1.0, 1.9, 2.71]), ("adam", [1.0, 1.0, 1.0])])
def test_steps_under_a_constant_slope(optimizer: Any, ways: list[float]) -> None:
    """Momentum 0.9 adds up; Adam goes its learning rate at every step."""
    model = Scale(3.0)
    config = DescentConfig(optimizer=optimizer, learning_rate=0.01, stop="steps", max_steps=3)
    run(model, config, loss=lambda _: model.weight)
    assert float(model.weight.detach()) == pytest.approx(3.0 - 0.01 * sum(ways), abs=1e-5)


def test_details_are_kept() -> None:
    log = run(Scale(3.0), DescentConfig(stop="steps", max_steps=1), details={"relabels": [1]})
    assert log.details["relabels"] == [1]
    assert log.details["descent_seconds"] >= 0


def test_state_by_hand() -> None:
    part = LearnedPart(Scale(2.0))
    found = state_of(part, [torch.zeros(3), torch.zeros(5)], torch.tensor([0, 1]))
    assert found.loss == pytest.approx((loss_of(2.0) + loss_of(-2.0)) / 2, abs=1e-6)
    assert found.accuracy == 0.5
    assert found.prediction.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stop": "soon"}, "unknown stop rule 'soon'; calibrated, gap, relabel-hit, steps or zero was expected"),
        ({"optimizer": "lbfgs"}, "unknown optimizer 'lbfgs'; adam or sgd was expected"),
        ({"learning_rate": 0.0}, r"must be positive \(got 0\.0, "),
        ({"learning_rate": float("nan")}, "must be positive"),
        ({"max_steps": 0}, "must be positive"),
        ({"batch_size": 0}, "must be positive"),
        ({"gradient_clip": 0.0}, r"gradient_clip is 0\.0; a positive number"),
    ],
)
def test_impossible_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DescentConfig(**changes)
