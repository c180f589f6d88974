"""Many heads on one frozen encoder, trained at once: what makes ensembles of 64 models affordable.

The encoder's pooled features are vectors that never change, so a model is its head. Heads with the same number of
steps are stacked and trained by the steps that :func:`affekt.training.fit` makes (AdamW, warm-up and cosine, clipped
gradients, class weights, the same order of batches); a test compares the two.
"""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.losses import class_weights
from affekt.models import EmotionModel
from affekt.models.encoder_network import EncoderNetwork
from affekt.training import FeatureStore, TrainConfig
from affekt.training.features import length_batches
from affekt.training.fit import rate_share, seed_of
from affekt.types import IntArray

__all__ = ["HeadJob", "PooledModel", "Vectors", "check_recipe", "fit_heads", "pooled_vectors"]


class HeadJob(NamedTuple):
    """One head to train."""

    seed: int
    """Of the weights and of the order of batches."""
    rows: IntArray
    """What it is trained on."""


class Vectors:
    """Pooled features (N, D), read as a :class:`~affekt.training.FeatureStore` is."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def length(self, row: int) -> int:
        """Every recording is one vector."""
        return 1

    def batch(self, rows: Sequence[int] | IntArray) -> tuple[Tensor, Tensor]:
        """Rows as a batch: (B, 1, D), (B,)."""
        chosen = self.values[torch.as_tensor(np.asarray(rows))]
        return chosen.unsqueeze(1), torch.ones(len(chosen), dtype=torch.int64)


class _Head(nn.Module):
    """A head in the place of a whole network: vectors (B, 1, D) are its features."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.head = head

    def front_end(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return waveforms.unsqueeze(1), torch.ones_like(lengths)

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        outputs: Tensor = self.head(features[:, 0])
        return outputs


class PooledModel(EmotionModel):
    """The head of a model with a frozen encoder; its recordings are pooled vectors (D,) instead of waveforms.

    Every method forgets it as it forgets the whole model, which it agrees with.

    Args:
        source: a model of the family encoder with a frozen encoder, one layer of it, and pooling that is not learned.

    Raises:
        ConfigError: it is another model.
    """

    def __init__(self, source: EmotionModel) -> None:
        nn.Module.__init__(self)
        network = source.network
        fits = isinstance(network, EncoderNetwork) and network.options.train == "head"
        if not isinstance(network, EncoderNetwork) or not fits or network.pooling or network.mix:
            raise ConfigError(
                f"ensembles are for heads on one layer of a frozen encoder (got a model of the family "
                f"{source.config.family}); a model of the family encoder with train = 'head', a number as its layer "
                "and mean or mean+std pooling was expected; choose one, or set models to 0."
            )
        self.erasure = source.erasure
        self.config = source.config
        self.network = _Head(copy.deepcopy(network.head))

    def fresh(self, seed: int) -> "PooledModel":
        """A head of the same shape that was never trained, drawn from ``seed``."""
        model = copy.deepcopy(self)
        model.erasure = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for module in model.modules():
                if isinstance(module, nn.Linear):
                    module.reset_parameters()
        return model

    @property
    def has_frozen_encoder(self) -> bool:
        """Its inputs are an encoder's features: attacks perturb those, without bounds."""
        return True

    def front_end_key(self) -> str:
        """Nothing is kept in the cache of features."""
        return "pooled"


def pooled_vectors(model: EmotionModel, store: FeatureStore) -> Vectors:
    """What the head of a model reads of every recording of a store.

    Raises:
        ConfigError: the model is not one that :class:`PooledModel` takes.
    """
    PooledModel(model)
    network = model.network
    assert isinstance(network, EncoderNetwork)
    store.fill()
    with torch.no_grad():
        found = [network.norm(store[row].reshape(1, -1)) for row in range(len(store))]
    return Vectors(torch.cat(found))


def check_recipe(config: TrainConfig) -> None:
    """Whether heads can be trained together by a recipe.

    Raises:
        ConfigError: it asks for more than hard labels, has a method of its own, or keeps another epoch than the last.
    """
    if config.target != "hard" or config.attributes or not config.emotions or not config.keep_last or config.method:
        raise ConfigError(
            f"heads are trained together on one emotion a recording until the last epoch (got the target "
            f"'{config.target}', {len(config.attributes)} attributes and keep_last = {config.keep_last}); hard, none "
            "and true were expected; change the settings, or set models to 0."
        )


def fit_heads(
    template: PooledModel,
    vectors: Vectors,
    labels: IntArray,
    jobs: Sequence[HeadJob],
    *,
    config: TrainConfig,
    together: int = 32,
    progress: Callable[[int], None] | None = None,
) -> list[dict[str, Tensor]]:
    """Train heads by the recipe and return their weights, in the order of the jobs.

    Args:
        template: what kind of head; its weights are not used.
        vectors: of the training corpus.
        labels: class indices of every row.
        jobs: what to train.
        config: the recipe; the last epoch is kept.
        together: heads that are stacked.
        progress: called with the number of heads that a stack held.

    Raises:
        ConfigError: the recipe asks for more than hard labels, or keeps another epoch than the last.
    """
    check_recipe(config)
    steps = [-(-len(job.rows) // config.batch_size) for job in jobs]
    states: list[dict[str, Tensor]] = [{}] * len(jobs)
    for count in sorted(set(steps)):
        places = [place for place, mine in enumerate(steps) if mine == count]
        for start in range(0, len(places), together):
            stack = places[start : start + together]
            found = _fit_stack(template, vectors, labels, [jobs[place] for place in stack], count, config)
            for place, state in zip(stack, found, strict=True):
                states[place] = state
            if progress is not None:
                progress(len(stack))
    return states


def _fit_stack(
    template: PooledModel,
    vectors: Vectors,
    labels: IntArray,
    jobs: Sequence[HeadJob],
    steps: int,
    config: TrainConfig,
) -> list[dict[str, Tensor]]:
    """Heads whose epochs have the same number of steps."""
    heads = [template.fresh(job.seed).train() for job in jobs]
    stacked = {
        name: torch.stack([dict(head.named_parameters())[name].detach() for head in heads]).requires_grad_(True)
        for name, _ in template.named_parameters()
    }
    expected = torch.as_tensor(labels)
    n_classes = len(template.classes)
    weights = torch.ones(len(jobs), n_classes)
    if config.class_weights:
        weights = torch.stack([class_weights(labels[job.rows], n_classes) for job in jobs]).float()
    base = heads[0]

    def outputs(parameters: dict[str, Tensor], batch: Tensor) -> Tensor:
        lengths = torch.ones(len(batch), dtype=torch.int64)
        found: Tensor = torch.func.functional_call(_Classify(base), _named(parameters), (batch.unsqueeze(1), lengths))
        return found

    many = torch.vmap(outputs, randomness="different")
    optimizer = torch.optim.AdamW(
        list(stacked.values()), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    total = steps * config.epochs
    for epoch in range(config.epochs):
        rows, there = _epoch_rows(jobs, epoch, steps, config)
        torch.manual_seed(jobs[0].seed * 1000 + epoch)  # of dropout
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * rate_share((epoch * steps + step) / max(total, 1))
            chosen = rows[:, step]  # (E, B)
            logits = many(stacked, vectors.values[chosen])  # (E, B, K)
            loss = _losses(logits, expected[chosen], there[:, step], weights, config.label_smoothing).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            _clip(list(stacked.values()), config.gradient_clip)
            optimizer.step()
    return [{name: value[number].detach().clone() for name, value in stacked.items()} for number in range(len(jobs))]


class _Classify(nn.Module):
    """The learned part as a module whose forward is what is called."""

    def __init__(self, model: PooledModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        return self.model.classify(features, lengths)


def _named(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"model.{name}": value for name, value in parameters.items()}


def _epoch_rows(jobs: Sequence[HeadJob], epoch: int, steps: int, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """Rows of every batch of an epoch, (E, S, B), and which of these places are filled."""
    rows = np.zeros((len(jobs), steps, config.batch_size), np.int64)
    there = np.zeros(rows.shape, np.bool_)
    for number, job in enumerate(jobs):
        generator = np.random.default_rng([seed_of("order", job.seed) % 2**32, epoch])
        batches = length_batches([1] * len(job.rows), batch_size=config.batch_size, generator=generator)
        for step, batch in enumerate(batches):
            rows[number, step, : len(batch)] = job.rows[batch]
            there[number, step, : len(batch)] = True
    return torch.from_numpy(rows), torch.from_numpy(there)


def _losses(logits: Tensor, labels: Tensor, there: Tensor, weights: Tensor, smoothing: float) -> Tensor:
    """Each head's mean cross-entropy: (E, B, K), (E, B), (E, B), (E, K) -> (E,)."""
    scores = logits.log_softmax(2)
    own = weights.gather(1, labels) * there  # (E, B)
    hit = -scores.gather(2, labels.unsqueeze(2)).squeeze(2) * own
    if smoothing:
        spread = -(scores * weights.unsqueeze(1)).sum(2) * there / scores.shape[2]
        hit = (1.0 - smoothing) * hit + smoothing * spread
    return hit.sum(1) / own.sum(1)


def _clip(parameters: Sequence[Tensor], largest: float) -> None:
    """Clip each head's gradient by its own norm, in place."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients]).sum(0).sqrt()  # (E,)
    scale = (largest / (norms + 1e-6)).clamp_max(1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.ndim - 1)))
