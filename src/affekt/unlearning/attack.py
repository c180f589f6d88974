"""Projected gradient descent on the raw waveform, or on front-end features: adversarial copies of recordings.

Ours, after Madry et al. (arXiv 1706.06083) for the L-inf and L2 balls; the attack's default size follows the SER
attack code of the paper's group (STAA-Net-SER: L-inf, 0.01, steps of a quarter, 20 of them, random start), with twice
the radius, so that most copies reach their targets, and half the steps, to save time. Samples stay in [-1, 1] and
nothing is written into the padding. The model is frozen and in evaluation mode meanwhile.

A copy is only ever used as the input of the learned part. Where a pretrained encoder comes before that part, the copy
can be made there, of the encoder's features: gradients through the encoder are many times dearer and teach no more.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from affekt.audio.batching import length_mask, pad_batch
from affekt.errors import ConfigError
from affekt.models import EmotionModel
from affekt.unlearning.material import ForgetSet, LearnedPart

__all__ = ["AdversarialCopies", "AttackConfig", "Attacked", "frozen", "nearest_copies", "pgd", "targeted_copies"]

Norm = Literal["linf", "l2"]


@dataclass(frozen=True, kw_only=True)
class AttackConfig:
    """How adversarial copies are made."""

    space: Literal["features", "waveform"] | None = None
    """What is perturbed: the waveform, or the input of the learned part; None: features where a frozen pretrained
    encoder makes them, else the waveform."""
    norm: Norm = "linf"
    """Which ball the perturbation stays in."""
    epsilon: float = 0.02
    """Its radius: the largest change of a sample (linf), or the root mean square change (l2; the L2 radius is this
    times the square root of the clip's length)."""
    relative: bool = True
    """Scale the radius by the clip's own level: ``epsilon`` then belongs to a clip of RMS 0.1 (-20 dBFS). Without
    this, it drowns corpora recorded at -60 dBFS."""
    step: float = 0.25
    """Step size as a share of the radius."""
    steps: int = 10
    """Gradient steps."""
    copies: int = 3
    """Copies of each recording, each with its own random target."""
    batch_size: int = 32
    """Copies attacked at once."""

    def __post_init__(self) -> None:
        if self.norm not in ("linf", "l2"):
            raise ConfigError(f"unknown norm {self.norm!r}; linf or l2 was expected; choose one.")
        for name, low in (("epsilon", 0.0), ("step", 0.0), ("steps", 1), ("copies", 1), ("batch_size", 1)):
            if not getattr(self, name) >= low:
                raise ConfigError(
                    f"attack setting {name} is {getattr(self, name)}; {low} or more was expected; change it."
                )


@dataclass(frozen=True, kw_only=True)
class AdversarialCopies:
    """Perturbed recordings with the labels they are meant to carry."""

    clips: tuple[Tensor, ...]
    """Waveforms (T_i,) on the CPU; or features (F_i, ...), if those were attacked."""
    space: Literal["features", "waveform"]
    labels: Tensor
    """(M,) int64: the attack's target, or for nearest copies the class the model sees in them."""
    origin: Tensor
    """(M,) int64: which recording of the forget set a copy was made of."""
    success: float
    """Share of copies that the attacked model gives ``labels``."""
    snr_db: float
    """Mean ratio of recording to perturbation."""
    seconds: float

    def features(self, part: LearnedPart) -> list[Tensor]:
        """Inputs (F_i, ...) of the learned part."""
        return part.features(self.clips) if self.space == "waveform" else list(self.clips)


class Attacked:
    """What is attacked, flattened: clips (T_i,), and the model as a function of them and their lengths."""

    def __init__(self, model: nn.Module, forget_set: ForgetSet, config: AttackConfig) -> None:
        self.model = model
        encoded = isinstance(model, EmotionModel) and model.has_frozen_encoder
        self.space: Literal["features", "waveform"] = config.space or ("features" if encoded else "waveform")
        if self.space == "waveform":
            self.shape: tuple[int, ...] = ()
            self.clips = [torch.as_tensor(waveform) for waveform in forget_set.waveforms]
            self.bounds: tuple[float, float] | None = (-1.0, 1.0)
        else:
            items = LearnedPart(model).features(forget_set.waveforms)
            self.shape = tuple(items[0].shape[1:])
            self.clips = [item.flatten() for item in items]
            self.bounds = None

    def __call__(self, batch: Tensor, lengths: Tensor) -> Tensor:
        """(B, T), (B,) -> logits (B, K)."""
        if isinstance(self.model, EmotionModel) and self.space == "features":
            frame = math.prod(self.shape)
            return self.model.classify(batch.view(len(batch), -1, *self.shape), lengths // frame)
        logits: Tensor = self.model(batch, lengths)
        return logits

    def restored(self, clips: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Flattened clips in their own shape."""
        return tuple(clip.view(-1, *self.shape) if self.shape else clip for clip in clips)


class frozen:  # noqa: N801 (used as a statement: with frozen(model))
    """Within the block a model is in evaluation mode and its parameters collect no gradients."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def __enter__(self) -> nn.Module:
        self.was_training = self.model.training
        self.required = [parameter.requires_grad for parameter in self.model.parameters()]
        self.model.eval().requires_grad_(False)
        return self.model

    def __exit__(self, *_: object) -> None:
        self.model.train(self.was_training)
        for parameter, required in zip(self.model.parameters(), self.required, strict=True):
            parameter.requires_grad_(required)


def pgd(
    model: Callable[[Tensor, Tensor], Tensor],
    waveforms: Tensor,
    lengths: Tensor,
    labels: Tensor,
    *,
    radius: Tensor,
    norm: Norm = "linf",
    targeted: bool = True,
    step: float = 0.25,
    steps: int = 20,
    random_start: bool = True,
    generator: torch.Generator | None = None,
    bounds: tuple[float, float] | None = (-1.0, 1.0),
) -> Tensor:
    """Projected gradient descent on a batch of waveforms.

    Args:
        model: from waveforms (B, T) and lengths (B,) to logits (B, K); call inside :class:`frozen`.
        waveforms: (B, T); not changed.
        lengths: (B,) samples of each clip.
        labels: (B,) the target classes, or with ``targeted=False`` the classes to get away from.
        radius: (B,) radius of each clip's ball: largest sample change (linf) or L2 norm of the change (l2).
        norm: the ball.
        targeted: lower the loss of ``labels`` (True) or raise it (False).
        step: step size as a share of the radius.
        steps: gradient steps.
        random_start: start at a random point of the ball instead of its centre.
        generator: of the random start.
        bounds: smallest and largest sample, or None for features without bounds.

    Returns:
        Perturbed waveforms (B, T), equal to the input beyond each clip's length.
    """
    mask = length_mask(lengths, waveforms.shape[1])
    bound = radius.unsqueeze(1)  # (B, 1)
    delta = torch.zeros_like(waveforms)
    if random_start:
        delta.normal_(generator=generator)
        if norm == "linf":
            # a uniform point of the cube, drawn through the normal's distribution function
            delta = torch.erf(delta / 2.0**0.5) * bound
        else:
            share = torch.rand(len(waveforms), 1, generator=generator)
            delta = delta * mask
            delta = delta / delta.norm(dim=1, keepdim=True).clamp_min(1e-12) * bound * share
    delta = _project(delta * mask, waveforms, mask, bound, norm, bounds)
    sign = -1.0 if targeted else 1.0
    for _ in range(steps):
        delta.requires_grad_(True)
        loss = nn.functional.cross_entropy(model(waveforms + delta, lengths), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, delta)
        with torch.no_grad():
            gradient = gradient * mask
            if norm == "linf":
                direction = gradient.sign()
            else:
                direction = gradient / gradient.norm(dim=1, keepdim=True).clamp_min(1e-12)
            delta = _project(delta.detach() + sign * step * bound * direction, waveforms, mask, bound, norm, bounds)
    return (waveforms + delta).detach()


def targeted_copies(
    model: nn.Module, forget_set: ForgetSet, *, n_classes: int, config: AttackConfig, seed: int
) -> AdversarialCopies:
    """Copies of every recording, each moved towards a random class other than its own.

    Targets are uniform over the K - 1 other classes. A copy keeps its target as its label whether or not the attack
    succeeded, as in L2UL; the success rate is reported.
    """
    started = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    origin = torch.arange(len(forget_set)).repeat_interleave(config.copies)
    shift = torch.randint(1, n_classes, (len(origin),), generator=generator)
    targets = (forget_set.labels[origin] + shift) % n_classes
    copies: list[Tensor] = [torch.empty(0)] * len(origin)
    hits = torch.zeros(len(origin), dtype=torch.bool)
    with frozen(model):
        apply = Attacked(model, forget_set, config)
        for rows, batch, lengths in _batches(apply.clips, origin, config.batch_size):
            attacked = pgd(
                apply,
                batch,
                lengths,
                targets[rows],
                radius=_radius(batch, lengths, config),
                norm=config.norm,
                step=config.step,
                steps=config.steps,
                generator=generator,
                bounds=apply.bounds,
            )
            with torch.no_grad():
                hits[rows] = apply(attacked, lengths).argmax(1) == targets[rows]
            for row, clip, length in zip(rows.tolist(), attacked, lengths.tolist(), strict=True):
                copies[row] = clip[:length].clone()
    return AdversarialCopies(
        clips=apply.restored(copies),
        space=apply.space,
        labels=targets,
        origin=origin,
        success=float(hits.double().mean()),
        snr_db=_mean_snr(apply.clips, copies, origin),
        seconds=time.perf_counter() - started,
    )


def nearest_copies(
    model: nn.Module, forget_set: ForgetSet, *, config: AttackConfig, seed: int, doublings: int = 8
) -> AdversarialCopies:
    """The nearest point of another class that could be found for every recording, with the class seen there.

    Untargeted attacks in balls of doubling radius until the model's decision changes, then bisection along the line
    back to the recording (AMUN asks for the nearest adversarial example; the bisection is ours). A recording that
    is already taken for another class is its own nearest point. Recordings whose decision never changes keep their
    last copy, labelled with the class the model sees in it; ``success`` counts the others.
    """
    started = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    count = len(forget_set)
    copies: list[Tensor] = [torch.empty(0)] * count
    seen = torch.empty(count, dtype=torch.int64)
    hits = torch.zeros(count, dtype=torch.bool)
    with frozen(model):
        apply = Attacked(model, forget_set, config)
        for rows, batch, lengths in _batches(apply.clips, torch.arange(count), config.batch_size):
            labels = forget_set.labels[rows]
            found = batch.clone()
            with torch.no_grad():
                done = apply(batch, lengths).argmax(1) != labels
            for doubling in range(doublings):
                left = torch.nonzero(~done).flatten()
                if not len(left):
                    break
                part, sizes = batch[left], lengths[left]
                attacked = pgd(
                    apply,
                    part,
                    sizes,
                    labels[left],
                    radius=_radius(part, sizes, config) * 2.0 ** (doubling - 3),
                    norm=config.norm,
                    targeted=False,
                    step=config.step,
                    steps=config.steps,
                    random_start=False,
                    generator=generator,
                    bounds=apply.bounds,
                )
                with torch.no_grad():
                    flipped = apply(attacked, sizes).argmax(1) != labels[left]
                    near, far = torch.zeros(len(left), 1), torch.ones(len(left), 1)
                    for _ in range(5 if bool(flipped.any()) else 0):
                        middle = (near + far) / 2
                        other = apply(part + middle * (attacked - part), sizes).argmax(1) != labels[left]
                        far = torch.where(other.unsqueeze(1), middle, far)
                        near = torch.where(other.unsqueeze(1), near, middle)
                found[left] = part + far * (attacked - part)
                done[left] = flipped
            with torch.no_grad():
                seen[rows] = apply(found, lengths).argmax(1)
            hits[rows] = seen[rows] != labels
            for row, clip, length in zip(rows.tolist(), found, lengths.tolist(), strict=True):
                copies[row] = clip[:length].clone()
    return AdversarialCopies(
        clips=apply.restored(copies),
        space=apply.space,
        labels=seen,
        origin=torch.arange(count),
        success=float(hits.double().mean()),
        snr_db=_mean_snr(apply.clips, copies, torch.arange(count)),
        seconds=time.perf_counter() - started,
    )


def _project(
    delta: Tensor, waveforms: Tensor, mask: Tensor, bound: Tensor, norm: Norm, bounds: tuple[float, float] | None
) -> Tensor:
    """Back into the ball, then into the bounds (which only shrinks the perturbation), nothing in the padding.

    Lossy files hold samples a little beyond the bounds; moving these to the bound could leave the ball, so for them
    the sample itself is the limit.
    """
    if norm == "linf":
        delta = torch.maximum(torch.minimum(delta, bound), -bound)
    else:
        delta = delta * (bound / delta.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1.0)
    if bounds is not None:
        low, high = waveforms.clamp_max(bounds[0]), waveforms.clamp_min(bounds[1])
        delta = (waveforms + delta).clamp(low, high) - waveforms
    return delta * mask


def _radius(waveforms: Tensor, lengths: Tensor, config: AttackConfig) -> Tensor:
    """(B,) radii in the units of :func:`pgd`."""
    radius = torch.full((len(waveforms),), config.epsilon)
    if config.relative:
        level = (waveforms.square().sum(1) / lengths).sqrt()
        radius = radius * (level / 0.1).clamp_min(1e-6)
    return radius * lengths.to(radius.dtype).sqrt() if config.norm == "l2" else radius


def _batches(waveforms: Sequence[Tensor], origin: Tensor, batch_size: int) -> "list[tuple[Tensor, Tensor, Tensor]]":
    """(rows, waveforms (B, T), lengths (B,)) of similar length, longest first."""
    sizes = torch.tensor([len(waveforms[i]) for i in origin.tolist()])
    order = torch.argsort(-sizes, stable=True)
    groups = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return [(rows, *pad_batch([waveforms[int(origin[row])] for row in rows])) for rows in groups]


def _mean_snr(waveforms: Sequence[Tensor], copies: Sequence[Tensor], origin: Tensor) -> float:
    ratios = []
    for copy, row in zip(copies, origin.tolist(), strict=True):
        clean = torch.as_tensor(waveforms[row])
        noise = float((copy - clean).double().square().sum())
        if noise > 0:
            ratios.append(10.0 * float(torch.log10(clean.double().square().sum().clamp_min(1e-20) / noise)))
    return sum(ratios) / len(ratios) if ratios else 200.0
