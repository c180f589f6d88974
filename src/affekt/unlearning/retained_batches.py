"""Steps on retained data, for the reference methods that are given them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from affekt.training import held_out_mask
from affekt.unlearning.descent import DescentConfig, minibatches
from affekt.unlearning.material import LearnedPart, Retained

__all__ = ["RetainedConfig", "retained_batches", "retained_loss"]


@dataclass(frozen=True, kw_only=True)
class RetainedConfig(DescentConfig):
    """Settings of the iterative methods that use retained data."""

    retained_batch_size: int = 32
    """Retained recordings a step."""


def retained_batches(
    part: LearnedPart, retained: Retained, *, batch_size: int, seed: int
) -> Callable[[], tuple[list[torch.Tensor], torch.Tensor]]:
    """A function that gives features and labels of the next batch of retained training recordings.

    What was held out when the model was trained stays held out.
    """
    corpus = retained.train.corpus
    held = held_out_mask(corpus, seed=retained.seed, fraction=retained.config.heldout_fraction)
    rows = retained.rows[~held[retained.rows]]
    labels = torch.as_tensor(corpus.labels())
    batches = minibatches(len(rows), batch_size, seed=seed + 2)

    def next_batch() -> tuple[list[torch.Tensor], torch.Tensor]:
        chosen = rows[next(batches).numpy()]
        return [retained.train[int(row)] for row in chosen], labels[chosen].to(part.device)

    return next_batch


def retained_loss(part: LearnedPart, retained: Retained, *, batch_size: int, seed: int) -> Callable[[], torch.Tensor]:
    """A function that gives the cross-entropy of the next of the :func:`retained_batches`."""
    next_batch = retained_batches(part, retained, batch_size=batch_size, seed=seed)

    def next_loss() -> torch.Tensor:
        items, labels = next_batch()
        return torch.nn.functional.cross_entropy(part.logits(items), labels)

    return next_loss
