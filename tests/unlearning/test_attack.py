"""The attack against closed forms, its promises on bounds and padding, and batches against single clips."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from affekt.audio.batching import pad_batch
from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.unlearning import AttackConfig, ForgetSet
from affekt.unlearning.attack import Attacked, frozen, nearest_copies, pgd, targeted_copies
from affekt.unlearning.material import LearnedPart

NORMS = ("linf", "l2")


class Plane(torch.nn.Module):
    """Two classes: the first one's logit is w . x + b over the clip, the other's is 0."""

    def __init__(self, weight: Tensor, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight)
        self.bias = torch.nn.Parameter(torch.tensor(bias))
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        self.shapes.append(tuple(waveforms.shape))
        mask = torch.arange(waveforms.shape[1]) < lengths[:, None]
        score = (waveforms * mask) @ self.weight[: waveforms.shape[1]] + self.bias
        return torch.stack([score, torch.zeros_like(score)], 1)


def vector(size: int, seed: int, scale: float = 0.1) -> Tensor:
    return scale * torch.randn(size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("targeted", [True, False])
@pytest.mark.parametrize("random_start", [True, False])
def test_linf_against_the_closed_form(targeted: bool, random_start: bool) -> None:
    """On a plane the best perturbation is the radius times the sign of the weights."""
    model = Plane(vector(30, 0, 1.0))
    clips = torch.stack([vector(30, 1), vector(30, 2)])
    radius = torch.tensor([0.01, 0.03])
    found = pgd(
        model,
        clips,
        torch.tensor([30, 30]),
        torch.tensor([0, 1]),
        radius=radius,
        targeted=targeted,
        random_start=random_start,
        generator=torch.Generator().manual_seed(0),
    )
    towards = torch.tensor([1.0, -1.0]) * (1 if targeted else -1)  # up for class 0, down for class 1
    wanted = clips + towards[:, None] * radius[:, None] * model.weight.detach().sign()
    assert torch.allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("targeted", [True, False])
def test_l2_against_the_closed_form(targeted: bool) -> None:
    model = Plane(vector(30, 0, 1.0))
    clips = torch.stack([vector(30, 1), vector(30, 2)])
    radius = torch.tensor([0.05, 0.2])
    found = pgd(
        model,
        clips,
        torch.tensor([30, 30]),
        torch.tensor([0, 1]),
        radius=radius,
        norm="l2",
        targeted=targeted,
        random_start=False,
    )
    normal = model.weight.detach() / model.weight.detach().norm()
    towards = torch.tensor([1.0, -1.0]) * (1 if targeted else -1)
    assert torch.allclose(found, clips + towards[:, None] * radius[:, None] * normal, atol=1e-6)


def slow_pgd(
    model: torch.nn.Module, clip: np.ndarray, label: int, *, radius: float, norm: str, targeted: bool, steps: int
) -> np.ndarray:
    """One clip, gradients by finite differences, sample by sample."""

    def loss(x: np.ndarray) -> float:
        with torch.no_grad():
            logits = model(torch.from_numpy(x)[None], torch.tensor([len(x)]))[0].numpy()
        return float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[label])

    delta = np.zeros_like(clip)
    for _ in range(steps):
        gradient = np.zeros_like(clip)
        for t in range(len(clip)):
            for sign in (1, -1):
                moved = clip + delta
                moved[t] += sign * 1e-5
                gradient[t] += sign * loss(moved) / 2e-5
        direction = np.sign(gradient) if norm == "linf" else gradient / np.linalg.norm(gradient)
        delta = delta + (-1 if targeted else 1) * 0.25 * radius * direction
        shrunk = delta * min(1.0, radius / np.linalg.norm(delta))
        delta = np.clip(delta, -radius, radius) if norm == "linf" else shrunk
        delta = np.clip(clip + delta, -1, 1) - clip
    return clip + delta


class Curved(torch.nn.Module):
    """Three classes, two layers."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        self.first = torch.nn.Parameter(torch.randn(12, 6, generator=generator).double())
        self.second = torch.nn.Parameter(torch.randn(6, 3, generator=generator).double())

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        mask = torch.arange(waveforms.shape[1]) < lengths[:, None]
        return ((waveforms * mask) @ self.first[: waveforms.shape[1]]).tanh() @ self.second


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("targeted", [True, False])
def test_against_a_slow_attack(norm: Any, targeted: bool) -> None:
    model = Curved()
    clips = [vector(12, 1, 0.5).double(), vector(9, 2, 0.6).double().clamp(-1, 1)]
    labels = torch.tensor([2, 0])
    waveforms = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    lengths = torch.tensor([12, 9])
    radius = torch.tensor([0.3, 0.2], dtype=torch.float64)
    found = pgd(
        model, waveforms, lengths, labels, radius=radius, norm=norm, targeted=targeted, steps=8, random_start=False
    )
    for row, clip in enumerate(clips):
        wanted = slow_pgd(
            model, clip.numpy(), int(labels[row]), radius=float(radius[row]), norm=norm, targeted=targeted, steps=8
        )
        assert found[row, : len(clip)].numpy() == pytest.approx(wanted, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    norm=st.sampled_from(NORMS),
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    epsilon=st.floats(1e-4, 2.0),
    level=st.floats(0.01, 1.0),
    start=st.booleans(),
    targeted=st.booleans(),
    seed=st.integers(0, 99),
)
def test_bounds_ball_and_padding(
    norm: Any, lengths: list[int], epsilon: float, level: float, start: bool, targeted: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    clips = [(2 * torch.rand(n, generator=generator) - 1) * level for n in lengths]
    waveforms, sizes = pad_batch(clips)
    before = waveforms.clone()
    radius = torch.full((len(clips),), epsilon)
    found = pgd(
        Plane(vector(40, seed, 1.0)),
        waveforms,
        sizes,
        torch.zeros(len(clips), dtype=torch.int64),
        radius=radius,
        norm=norm,
        targeted=targeted,
        steps=6,
        random_start=start,
        generator=generator,
    )
    assert torch.equal(waveforms, before)  # the input is not changed
    assert found.shape == waveforms.shape
    assert not found.requires_grad
    assert float(found.abs().max()) <= 1.0
    delta = found - waveforms
    size = delta.abs().amax(1) if norm == "linf" else delta.norm(dim=1)
    assert (size <= radius * (1 + 1e-5) + 1e-6).all()
    for row, n in enumerate(lengths):
        assert (found[row, n:] == 0).all()


@pytest.mark.parametrize("norm", NORMS)
def test_samples_beyond_the_bounds_stay_in_the_ball(norm: Any) -> None:
    """Lossy files exceed 1 a little; the attack must not pull such samples further than the radius."""
    clip = torch.tensor([[1.2, -1.3, 0.5, 0.999]])
    for targeted in (True, False):
        found = pgd(
            Plane(torch.ones(4)),
            clip,
            torch.tensor([4]),
            torch.tensor([0]),
            radius=torch.tensor([0.01]),
            norm=norm,
            targeted=targeted,
            random_start=False,
        )
        assert float((found - clip).abs().max()) <= 0.01 + 1e-6
        assert found[0, 0] <= clip[0, 0]
        assert found[0, 1] >= clip[0, 1]
        assert float(found[0, 3]) <= 1.0


@pytest.mark.parametrize("norm", NORMS)
def test_a_random_start_is_the_seeds_and_lies_in_the_ball(norm: Any) -> None:
    model = Plane(torch.zeros(2000))  # no gradient: what comes back is the start
    clip = torch.zeros(40, 2000)
    sizes = torch.full((40,), 2000)
    labels = torch.zeros(40, dtype=torch.int64)

    def start(seed: int) -> Tensor:
        return pgd(
            model,
            clip,
            sizes,
            labels,
            radius=torch.full((40,), 0.1),
            norm=norm,
            steps=1,
            generator=torch.Generator().manual_seed(seed),
        )

    first = start(1)
    assert torch.equal(first, start(1))
    assert not torch.equal(first, start(2))
    if norm == "linf":  # uniform: mean 0, variance a twelfth of the square of the width
        assert float(first.abs().max()) <= 0.1
        assert float(first.mean()) == pytest.approx(0.0, abs=1e-3)
        assert float(first.var()) == pytest.approx(0.2**2 / 12, rel=0.02)
    else:
        size = first.norm(dim=1)
        assert float(size.max()) <= 0.1 + 1e-6
        assert float(size.max() / size.min()) > 2


def test_targeted_and_untargeted_go_opposite_ways(trained: EmotionModel, forget_set: ForgetSet) -> None:
    waveforms, lengths = pad_batch(list(forget_set.waveforms))
    labels = forget_set.labels

    def losses(x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.nn.functional.cross_entropy(trained(x, lengths), y, reduction="none")

    radius = torch.full((len(labels),), 0.003)
    other = (labels + 1) % 3
    with frozen(trained):
        near = pgd(trained, waveforms, lengths, other, radius=radius, steps=5, random_start=False)
        away = pgd(trained, waveforms, lengths, labels, radius=radius, steps=5, random_start=False, targeted=False)
    assert (losses(near, other) < losses(waveforms, other)).all()
    assert (losses(away, labels) > losses(waveforms, labels)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_a_larger_radius_never_succeeds_less(norm: Any, trained: EmotionModel, forget_set: ForgetSet) -> None:
    waveforms, lengths = pad_batch(list(forget_set.waveforms))
    shares, means = [], []
    for epsilon in (0.0, 0.001, 0.003, 0.01, 0.03, 0.1):
        radius = torch.full((len(waveforms),), epsilon)
        if norm == "l2":
            radius = radius * lengths.sqrt()
        with frozen(trained):
            found = pgd(
                trained,
                waveforms,
                lengths,
                forget_set.labels,
                radius=radius,
                norm=norm,
                targeted=False,
                random_start=False,
                steps=10,
            )
            logits = trained(found, lengths)
        shares.append(float((logits.argmax(1) != forget_set.labels).double().mean()))
        means.append(float(torch.nn.functional.cross_entropy(logits, forget_set.labels)))
    assert shares == sorted(shares)
    assert means == sorted(means)
    assert shares[0] < 0.2
    assert shares[-1] > 0.9


@pytest.mark.parametrize("norm", NORMS)
def test_success_grows_with_the_radius_as_the_distances_say(norm: Any) -> None:
    model = Plane(vector(16, 0, 1.0), bias=0.3)
    clips = torch.stack([vector(16, seed, 0.2) for seed in range(1, 60)])
    sizes = torch.full((len(clips),), 16)
    score = model(clips, sizes)[:, 0].detach()
    labels = (score < 0).long()
    length = model.weight.detach().abs().sum() if norm == "linf" else model.weight.detach().norm()
    distance = score.abs() / length  # to the boundary, in this norm
    for epsilon in (0.005, 0.02, 0.08):
        found = pgd(
            model,
            clips,
            sizes,
            labels,
            radius=torch.full((len(clips),), epsilon),
            norm=norm,
            targeted=False,
            random_start=False,
            bounds=None,
        )
        flipped = model(found, sizes).argmax(1) != labels
        clear = (distance - epsilon).abs() > 1e-5
        assert torch.equal(flipped[clear], (distance < epsilon)[clear])


@pytest.mark.parametrize("norm", NORMS)
def test_a_batch_is_attacked_as_its_clips_alone(
    norm: Any, trained: EmotionModel, make_tone: Callable[..., Any]
) -> None:
    trained.double()
    clips = [
        torch.from_numpy(make_tone(("anger", "joy", "sadness")[i % 3], hz=120 + 20 * i, seconds=s, seed=i)).double()
        for i, s in enumerate((0.5, 0.62, 0.7, 0.55, 0.8))
    ]
    waveforms = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    lengths = torch.tensor([len(clip) for clip in clips])
    labels = torch.tensor([1, 2, 0, 2, 1])
    radius = torch.full((5,), 0.01 if norm == "linf" else 1.0, dtype=torch.float64)
    with frozen(trained):
        together = pgd(trained, waveforms, lengths, labels, radius=radius, norm=norm, steps=5, random_start=False)
        for row, clip in enumerate(clips):
            alone = pgd(
                trained,
                clip[None],
                lengths[row : row + 1],
                labels[row : row + 1],
                radius=radius[:1],
                norm=norm,
                steps=5,
                random_start=False,
            )
            assert torch.allclose(together[row, : len(clip)], alone[0], atol=1e-9)


def test_frozen_gives_back_what_it_found(trained: EmotionModel) -> None:
    trained.train()
    first = next(trained.parameters()).requires_grad_(False)
    with frozen(trained) as model:
        assert model is trained
        assert not any(module.training for module in trained.modules())
        assert not any(p.requires_grad for p in trained.parameters())
    assert all(module.training for module in trained.modules())
    assert [p.requires_grad for p in trained.parameters()].count(False) == 1
    assert not first.requires_grad

    def fail() -> None:
        with frozen(trained):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert trained.training
    trained.eval()
    with frozen(trained):
        pass
    assert not trained.training


def copies_of(model: torch.nn.Module, data: ForgetSet, **changes: Any) -> Any:
    seed = changes.pop("seed", 0)
    return targeted_copies(model, data, n_classes=3, config=AttackConfig(**changes), seed=seed)


def test_targeted_copies(trained: EmotionModel, forget_set: ForgetSet) -> None:
    found = copies_of(trained, forget_set, copies=6, steps=3, epsilon=0.01)
    count = 6 * len(forget_set)
    assert len(found.clips) == len(found.labels) == len(found.origin) == count
    assert found.origin.bincount().tolist() == [6] * len(forget_set)
    assert (found.labels != forget_set.labels[found.origin]).all()  # never the true class
    assert len({(int(o), int(y)) for o, y in zip(found.origin, found.labels, strict=True)}) > len(forget_set)
    hits, ratios = [], []
    for clip, label, row in zip(found.clips, found.labels, found.origin.tolist(), strict=True):
        clean = torch.as_tensor(forget_set.waveforms[row])
        assert clip.shape == clean.shape
        level = float(clean.square().mean().sqrt())
        assert float((clip - clean).abs().max()) <= 0.01 * level / 0.1 + 1e-6
        with torch.no_grad():
            hits.append(int(trained(clip[None], torch.tensor([len(clip)])).argmax()) == int(label))
        ratios.append(10 * np.log10(float(clean.square().sum() / (clip - clean).square().sum())))
    assert found.success == pytest.approx(np.mean(hits))
    assert found.snr_db == pytest.approx(np.mean(ratios), abs=0.05)
    assert found.seconds > 0
    again, other = (copies_of(trained, forget_set, copies=6, steps=3, epsilon=0.01, seed=s) for s in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(found.clips, again.clips, strict=True))
    assert not torch.equal(found.labels, other.labels)


def test_targets_are_uniform_over_the_other_classes() -> None:
    from scipy import stats

    data = ForgetSet(tuple(np.full(4, 0.1, np.float32) for _ in range(300)), torch.arange(300) % 5)
    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(torch.randn(4, 5))
    model.forward = lambda x, _: torch.nn.functional.pad(x, (0, 4 - x.shape[1])) @ model.weight
    found = targeted_copies(model, data, n_classes=5, config=AttackConfig(copies=10, steps=1), seed=3)
    shift = (found.labels - data.labels[found.origin]) % 5
    counts = shift.bincount(minlength=5)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:].numpy()).pvalue > 1e-3


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("relative", [True, False])
def test_the_radius_follows_the_level(norm: Any, relative: bool) -> None:
    model = Plane(torch.ones(400))
    levels = [0.001, 0.1, 0.5]
    clips = [np.full(n, level, np.float32) for n, level in zip((400, 100, 225), levels, strict=True)]
    data = ForgetSet(tuple(clips), torch.zeros(3, dtype=torch.int64))
    config = AttackConfig(norm=norm, epsilon=0.02, relative=relative, copies=1, steps=20)
    found = targeted_copies(model, data, n_classes=2, config=config, seed=0)
    for clip, clean, level in zip(found.clips, clips, levels, strict=True):
        delta = clip.numpy() - clean
        wanted = 0.02 * (level / 0.1 if relative else 1.0)  # per sample, for both norms: all samples weigh the same
        assert np.sqrt(np.mean(delta**2)) == pytest.approx(wanted, rel=1e-3)
        assert (delta < 0).all()


def test_nearest_copies_against_the_distance_to_a_plane() -> None:
    """On a plane the nearest point of the other class is the foot of the perpendicular."""
    weight, bias = vector(50, 0, 1.0), 0.05
    model = Plane(weight, bias)
    clips = [vector(50, seed, 0.1) for seed in range(1, 30)]
    score = torch.stack([clip @ weight + bias for clip in clips])
    labels = (score < 0).long()
    data = ForgetSet(tuple(clip.numpy() for clip in clips), labels)
    config = AttackConfig(norm="l2", epsilon=0.02, relative=False, steps=10)
    found = nearest_copies(model, data, config=config, seed=0)
    assert found.success == 1.0
    assert torch.equal(found.labels, 1 - labels)
    assert torch.equal(found.origin, torch.arange(len(clips)))
    smallest = 0.02 * 50**0.5 / 8
    for clip, copy, distance in zip(clips, found.clips, score.abs() / weight.norm(), strict=True):
        moved = float((copy - clip).norm())
        flip = smallest
        while flip < distance:  # the first ball of doubling radius that reaches the plane
            flip *= 2
        assert float(distance) - 1e-5 <= moved <= float(distance) + flip / 32 + 1e-5
        assert moved <= flip


def test_nearest_copies_lie_just_across_the_boundary(trained: EmotionModel, forget_set: ForgetSet) -> None:
    config = AttackConfig(norm="l2", epsilon=0.004, steps=8)
    found = nearest_copies(trained, forget_set, config=config, seed=0)
    assert found.success > 0.8
    for clip, label, clean, true in zip(
        found.clips, found.labels, forget_set.waveforms, forget_set.labels, strict=True
    ):
        length = torch.tensor([len(clip)])
        with torch.no_grad():
            seen = trained(clip[None], length).argmax(1)
            assert int(seen) == int(label)
            if int(label) != int(true):  # half way back it is still taken for its own class
                back = torch.as_tensor(clean) + 0.5 * (clip - torch.as_tensor(clean))
                assert int(trained(back[None], length).argmax()) == int(true)


def test_what_is_taken_for_another_class_is_its_own_nearest_point() -> None:
    model = Plane(torch.ones(4))
    data = ForgetSet((np.full(4, -0.1, np.float32), np.full(4, 0.1, np.float32)), torch.tensor([0, 0]))
    found = nearest_copies(model, data, config=AttackConfig(norm="l2"), seed=0)
    assert torch.equal(found.clips[0], torch.full((4,), -0.1))
    assert found.labels.tolist()[0] == 1


def test_what_never_flips_is_counted() -> None:
    model = Plane(1e-4 * torch.ones(4), bias=50.0)
    data = ForgetSet((np.full(4, 0.1, np.float32),), torch.tensor([0]))
    found = nearest_copies(model, data, config=AttackConfig(norm="l2"), seed=0)
    assert found.success == 0.0
    assert found.labels.tolist() == [0]
    assert len(model.shapes) < 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm": "l1"}, "unknown norm 'l1'; linf or l2 was expected"),
        ({"epsilon": -0.1}, r"attack setting epsilon is -0\.1; 0\.0 or more"),
        ({"epsilon": float("nan")}, "attack setting epsilon is nan"),
        ({"steps": 0}, "attack setting steps is 0; 1 or more"),
        ({"copies": 0}, "attack setting copies is 0; 1 or more"),
        ({"batch_size": 0}, "attack setting batch_size is 0; 1 or more"),
    ],
)
def test_impossible_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AttackConfig(**changes)


def test_features_can_be_attacked_instead(trained: EmotionModel, forget_set: ForgetSet) -> None:
    """Clips of different length in the space of log-mel frames; nothing is bounded there but the ball."""
    config = AttackConfig(space="features", norm="l2", epsilon=0.2, steps=5, copies=2, batch_size=3)
    part = LearnedPart(trained)
    items = part.features(forget_set.waveforms)
    found = targeted_copies(trained, forget_set, n_classes=3, config=config, seed=0)
    assert found.space == "features"
    assert found.features(part) == list(found.clips)
    for copy_, row in zip(found.clips, found.origin.tolist(), strict=True):
        item = items[row]
        assert copy_.shape == item.shape
        level = item.square().mean().sqrt()
        assert float((copy_ - item).square().mean().sqrt()) <= float(0.2 * level / 0.1) * (1 + 1e-4)
    seen = part.all_logits(found.features(part)).argmax(1)
    assert float((seen == found.labels).double().mean()) == pytest.approx(found.success)
    near = nearest_copies(trained, forget_set, config=config, seed=0)
    hits = part.all_logits(near.features(part)).argmax(1) == near.labels
    assert hits.all()
    assert near.success > 0.5


def test_an_encoder_is_attacked_behind_itself(trained: EmotionModel, forget_set: ForgetSet) -> None:
    assert Attacked(trained, forget_set, AttackConfig()).space == "waveform"
    trained.__class__ = type("Encoded", (EmotionModel,), {"has_frozen_encoder": True})
    assert Attacked(trained, forget_set, AttackConfig()).space == "features"
    assert Attacked(trained, forget_set, AttackConfig(space="waveform")).space == "waveform"
