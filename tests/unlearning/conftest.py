"""Toys whose answers are known, and retained data of the tones."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affekt.audio.batching import length_mask
from affekt.corpora import Split
from affekt.models import EmotionModel
from affekt.training import ErasureConfig, FeatureStore, TrainConfig, TrainReport, train_split
from affekt.unlearning import ForgetSet, Retained

SIZE = 24
CLASSES = 3
CANARIES = 6


class Linear(nn.Module):
    """Any module from waveforms and lengths to logits: here logits are linear in the samples of the clip."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.head.weight.copy_(weight)
            self.head.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        heard = waveforms * length_mask(lengths, waveforms.shape[1])
        logits: Tensor = self.head(nn.functional.pad(heard, (0, self.head.in_features - heard.shape[1])))
        return logits


@dataclass(frozen=True)
class Toy:
    """A linear model that has learned six wrong labels by heart, and the same without them."""

    model: Linear
    retrained: Linear
    clean: ForgetSet
    canaries: ForgetSet
    """The recordings with wrong labels: samples say one class, the label another."""
    canary_truth: Tensor
    target: float
    """Mean loss of the canaries (with their wrong labels) under the retrained model."""

    def losses(self, model: nn.Module, data: ForgetSet) -> tuple[float, float]:
        """Mean loss and accuracy."""
        waveforms = torch.stack([torch.as_tensor(w) for w in data.waveforms])
        with torch.no_grad():
            logits = model(waveforms, torch.full((len(waveforms),), SIZE)).double()
        return (
            float(nn.functional.cross_entropy(logits, data.labels)),
            float((logits.argmax(1) == data.labels).double().mean()),
        )


def learn(waveforms: Tensor, labels: Tensor) -> Linear:
    """Softmax regression with a little weight decay, to convergence, from zero: a convex problem with one answer."""
    model = Linear(torch.zeros(CLASSES, SIZE))
    lengths = torch.full((len(waveforms),), SIZE)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(waveforms, lengths), labels)
        loss = loss + 5e-5 * sum(p.square().sum() for p in model.parameters())
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return model


@pytest.fixture(scope="session")
def toy_once() -> Toy:
    """Samples 0 to 2 say the class, samples 3 to 8 belong to one canary each, the others are noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % CLASSES
    waveforms = 0.03 * torch.randn(90, SIZE, generator=generator)
    waveforms[:, 3:9] = 0.0
    waveforms[torch.arange(90), labels] += 0.3
    truth = torch.arange(CANARIES) % CLASSES
    wrong = (truth + 1) % CLASSES
    canaries = torch.zeros(CANARIES, SIZE)
    canaries[torch.arange(CANARIES), truth] = 0.1
    canaries[torch.arange(CANARIES), 3 + torch.arange(CANARIES)] = 0.5
    model = learn(torch.cat([waveforms, canaries]), torch.cat([labels, wrong]))
    retrained = learn(waveforms, labels)
    clean = ForgetSet(tuple(waveforms.numpy()), labels)
    forget = ForgetSet(tuple(canaries.numpy()), wrong)
    toy = Toy(model, retrained, clean, forget, truth, 0.0)
    target, _ = toy.losses(retrained, forget)
    return Toy(model, retrained, clean, forget, truth, target)


@pytest.fixture
def toy(toy_once: Toy) -> Toy:
    """A copy, so that no test sees what another did."""
    return copy.deepcopy(toy_once)


class Affine(nn.Module):
    """o = W x of clips of two samples and three classes: small enough for its gradient to be written down."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[0.4, -0.2], [0.1, 0.3], [-0.5, 0.2]]))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        return waveforms @ self.weight.T

    @staticmethod
    def gradient(weight: np.ndarray, x: np.ndarray, y: list[int]) -> np.ndarray:
        """That of the mean cross-entropy with respect to the weight, by hand."""
        o = x @ weight.T
        p = np.exp(o) / np.exp(o).sum(1, keepdims=True)
        return (p - np.eye(3)[y]).T @ x / len(x)


@pytest.fixture(scope="session")
def affine() -> type[Affine]:
    """:class:`Affine`."""
    return Affine


@pytest.fixture(scope="session")
def ridge_report(tone_split: Split) -> TrainReport:
    """A closed-form head that has learned the tones, seed 1, with the sums it was solved from."""
    return train_split(tone_split, family="ridge", seed=1, erasure=ErasureConfig())


@pytest.fixture
def ridge_ready(ridge_report: TrainReport) -> EmotionModel:
    """A copy of that model."""
    return copy.deepcopy(ridge_report.model)


@pytest.fixture
def retained(
    trained_report: TrainReport, tone_split: Split, tone_recipe: TrainConfig, forget_rows: list[int]
) -> Retained:
    """What stays of the tones when s1 goes."""
    kept = np.array([row for row in range(len(tone_split.train)) if row not in set(forget_rows)])
    return Retained(
        train=FeatureStore(trained_report.model, tone_split.train),
        rows=kept,
        dev=FeatureStore(trained_report.model, tone_split.dev),
        config=tone_recipe,
        seed=1,
    )
