"""What forgetting did: a model on the forget set, the retained data, the test speakers and matched non-members."""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from affekt.metrics import (
    OverForgetting,
    accuracy,
    auc,
    average_gap,
    cross_entropy,
    loss_gap,
    over_forgetting,
    probabilities,
    tow,
    uar,
)
from affekt.models import EmotionModel
from affekt.types import FloatArray, IntArray

__all__ = ["Assessment", "Gaps", "Outputs", "assess", "compare_with", "relearn"]


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Logits (N, K) and labels (N,) of one model on four sets; a set that is not there is None."""

    forget: tuple[FloatArray, IntArray]
    non_members: tuple[FloatArray, IntArray] | None
    """Recordings the model never saw, matched with the forget set."""
    retained: tuple[FloatArray, IntArray] | None = None
    test: tuple[FloatArray, IntArray] | None = None


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Scores of one model after (or before) a deletion. Accuracies are shares; losses are nats."""

    forget_accuracy: float
    forget_uar: float
    forget_loss: float
    forget_losses: tuple[float, ...]
    retained_accuracy: float | None
    retained_uar: float | None
    test_accuracy: float | None
    test_uar: float | None
    loss_auc: float | None
    """P(loss of a forgotten recording < loss of a matched non-member), ties half; 0.5 is what is wanted."""
    confidence_auc: float | None
    """The same with the largest probability, higher for the forgotten: an attacker who knows no labels."""
    screen: OverForgetting | None
    """The loss AUC with its interval, and the verdict remembered / over-forgotten / equivalent / not told apart."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """A model against the retrained one; all but ``tow`` are better when smaller."""

    forget_accuracy_gap: float
    retained_accuracy_gap: float
    test_accuracy_gap: float
    loss_auc_gap: float | None
    average_gap: float
    """Mean of the gaps in forget, retained and test accuracy and in loss AUC, in points (0 to 100)."""
    tow: float
    """Tug of war: (1 - forget gap) (1 - retained gap) (1 - test gap); 1 is the retrained model."""
    loss_gap: float
    """Mean over the forget set of the absolute difference of the losses, nats."""


def assess(outputs: Outputs) -> Assessment:
    """Score one model."""
    logits, labels = outputs.forget
    losses = cross_entropy(logits, labels)
    loss_auc = confidence_auc = screen = None
    if outputs.non_members is not None:
        others, other_labels = outputs.non_members
        other_losses = cross_entropy(others, other_labels)
        loss_auc = auc(-losses, -other_losses)
        confidence_auc = auc(probabilities(logits).max(1), probabilities(others).max(1))
        screen = over_forgetting(losses, other_losses)

    def scores(pair: tuple[FloatArray, IntArray] | None) -> tuple[float | None, float | None]:
        if pair is None or not len(pair[1]):
            return None, None
        prediction = pair[0].argmax(1)
        return accuracy(pair[1], prediction), uar(pair[1], prediction)

    retained, test = scores(outputs.retained), scores(outputs.test)
    prediction = logits.argmax(1)
    return Assessment(
        forget_accuracy=accuracy(labels, prediction),
        forget_uar=uar(labels, prediction),
        forget_loss=float(losses.mean()),
        forget_losses=tuple(float(loss) for loss in losses),
        retained_accuracy=retained[0],
        retained_uar=retained[1],
        test_accuracy=test[0],
        test_uar=test[1],
        loss_auc=loss_auc,
        confidence_auc=confidence_auc,
        screen=screen,
    )


def compare_with(model: Assessment, retrained: Assessment) -> Gaps | None:
    """Gaps to the retrained model; None where retained or test scores are missing."""
    three = ("forget_accuracy", "retained_accuracy", "test_accuracy")
    mine, gold = ([getattr(found, name) for name in three] for found in (model, retrained))
    if None in mine or None in gold:
        return None
    distance = [abs(a - b) for a, b in zip(mine, gold, strict=True)]
    if model.loss_auc is not None and retrained.loss_auc is not None:
        mine, gold = [*mine, model.loss_auc], [*gold, retrained.loss_auc]
    return Gaps(
        forget_accuracy_gap=distance[0],
        retained_accuracy_gap=distance[1],
        test_accuracy_gap=distance[2],
        loss_auc_gap=abs(mine[3] - gold[3]) if len(mine) == 4 else None,
        average_gap=average_gap([100 * value for value in mine], [100 * value for value in gold]),
        tow=tow(mine[:3], gold[:3]),
        loss_gap=loss_gap(model.forget_losses, retrained.forget_losses),
    )


def relearn(
    model: EmotionModel,
    next_loss: Callable[[EmotionModel], Callable[[], torch.Tensor]],
    forget_logits: Callable[[EmotionModel], FloatArray],
    labels: IntArray,
    *,
    steps: int = 20,
    learning_rate: float = 3e-4,
) -> float:
    """Forget accuracy after a short fine-tuning on other data: what was hidden comes back.

    Args:
        model: left unchanged.
        next_loss: given a model, a function that gives the loss of the next batch of retained recordings.
        forget_logits: given a model, logits (N, K) of the forget set.
        labels: (N,) of the forget set.
        steps: steps of Adam, with dropout off and batch normalisation frozen.
        learning_rate: of Adam.
    """
    changed = copy.deepcopy(model).eval()
    optimizer = torch.optim.Adam(changed.parameters(), lr=learning_rate)
    loss_of = next_loss(changed)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return float(np.mean(forget_logits(changed).argmax(1) == labels))
