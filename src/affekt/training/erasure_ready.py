"""Erasure-ready training: what is saved beside a model so that people can be forgotten from their recordings alone.

The recordings of the training speakers are divided into folds twice, by utterance and by speaker, and for every fold a
model is trained without it by the same recipe. What that model says about the fold is what the model itself would say
had it never heard these recordings. Only those logits are kept, the curvature of the loss, and, if asked for, the fold
models. Of a head that is solved the sums are kept that it was solved from, and nothing else is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from affekt.corpora import Split
from affekt.errors import ConfigError, DataError
from affekt.models import EmotionModel, RidgeNetwork
from affekt.models.curvature import Curvature, collect_curvature
from affekt.models.saved_statistics import FoldModel, FoldRule, SavedStatistics
from affekt.training.config import TrainConfig
from affekt.training.features import FeatureStore, length_batches
from affekt.training.fit import FitResult, Progress, fit
from affekt.training.predict import predict_rows
from affekt.training.run_state import learned_state
from affekt.training.solved_head import head_sums
from affekt.types import FloatArray, IntArray

__all__ = ["ErasureConfig", "curvature_of", "erasure_statistics", "fold_numbers"]


@dataclass(frozen=True, kw_only=True)
class ErasureConfig:
    """Settings of erasure-ready training."""

    folds: int = 5
    """Folds of utterances, and folds of speakers (no more than there are training speakers)."""
    rules: tuple[FoldRule, ...] = ("within", "across")
    """Kinds of folds: of utterances (``within``), for requests that leave other recordings of the person, and of
    speakers (``across``), for requests of a whole person."""
    repeats: int = 1
    """How often all folds are drawn and trained anew: several teachers for every recording."""
    curvature: bool = True
    """Save the curvature of the loss (K-FAC factors)."""
    keep_folds: bool = True
    """Keep the first repeat's fold models without a speaker fold: one can serve while the model is retrained."""

    def __post_init__(self) -> None:
        if self.folds < 2 or self.repeats < 1:
            raise ConfigError(
                f"folds is {self.folds} and repeats {self.repeats}; 2 and 1 or more were expected; change them."
            )
        if not self.rules or not set(self.rules) <= {"within", "across"} or len(set(self.rules)) < len(self.rules):
            raise ConfigError(f"rules are {list(self.rules)}; within, across or both were expected; correct them.")


def fold_numbers(split: Split, rule: FoldRule, *, folds: int, seed: int, repeat: int) -> IntArray:
    """Number of the fold of each row of the training side; with ``across``, the same for all rows of a speaker.

    Raises:
        DataError: there are too few speakers or utterances for two folds.
    """
    generator = np.random.default_rng([seed, repeat, 11 if rule == "across" else 7])
    if rule == "within":
        units = np.arange(len(split.train))
    else:
        units = np.unique(split.train.table["speaker"].to_list(), return_inverse=True)[1]
    count = int(units.max()) + 1
    if count < 2:
        raise DataError(f"folds need two training speakers or more (got {count}); use a corpus with more speakers.")
    order = generator.permutation(count) % min(folds, count)
    numbers: IntArray = order[units]
    return numbers


def erasure_statistics(
    model: EmotionModel,
    split: Split,
    fitted: FitResult,
    *,
    config: TrainConfig,
    erasure: ErasureConfig,
    seed: int,
    stores: tuple[FeatureStore, FeatureStore],
    progress: Progress | None = None,
) -> SavedStatistics:
    """Train the fold models and collect what is saved.

    Args:
        model: the trained model, with its erasure record.
        split: what it was trained on.
        fitted: how; the same utterances are held out of every fold model.
        config: its recipe, which the fold models are trained by too.
        erasure: settings.
        seed: the model's; everything random flows from it.
        stores: front-end features of the training and the development side.
        progress: called after every fold.

    Raises:
        ConfigError: the model has no classes.
        DataError: there are too few training speakers.
    """
    if not model.classes or model.erasure is None:
        raise ConfigError("erasure-ready training is for models of emotions; emotions = true was expected; set it.")
    if isinstance(model.network, RidgeNetwork):
        nothing = torch.zeros(0, erasure.repeats, len(model.classes))
        sums = head_sums(model, stores[0], split.train.labels(), np.asarray(fitted.trained_rows, dtype=np.int64))
        return SavedStatistics(names=(), within=nothing, across=nothing.clone(), sums=sums)
    names = [model.erasure.commitment(stores[0].waveform(row)) for row in range(len(split.train))]
    logits: dict[FoldRule, list[FloatArray]] = {"within": [], "across": []}
    kept: list[FoldModel] = []
    counts: dict[FoldRule, int] = {}
    total, done = len(erasure.rules) * erasure.repeats * erasure.folds, 0
    for repeat in range(erasure.repeats):
        for rule in erasure.rules:
            numbers = fold_numbers(split, rule, folds=erasure.folds, seed=seed, repeat=repeat)
            counts[rule] = int(numbers.max()) + 1
            found = np.full((len(split.train), len(model.classes)), np.nan, np.float32)
            for fold in range(counts[rule]):
                inside = np.flatnonzero(numbers == fold)
                fold_seed = 7_000_003 + 100_000 * seed + 1000 * repeat + 100 * (rule == "across") + fold
                fresh = model.fresh(fold_seed)
                fit(
                    fresh,
                    split.train,
                    split.dev,
                    config=config,
                    seed=fold_seed,
                    heldout_seed=seed,
                    rows=np.flatnonzero(numbers != fold),
                    stores=stores,
                )
                found[inside] = predict_rows(fresh, stores[0], inside)
                if erasure.keep_folds and rule == "across" and repeat == 0:
                    never = frozenset(names[row] for row in inside)
                    kept.append(FoldModel(rule=rule, never_heard=never, state=learned_state(fresh)))
                done += 1
                if progress is not None:
                    progress("training fold models", done, total)
            logits[rule].append(found)
    return SavedStatistics(
        names=tuple(names),
        within=_stacked(logits["within"], len(split.train), len(model.classes)),
        across=_stacked(logits["across"], len(split.train), len(model.classes)),
        curvature=curvature_of(model, stores[0], fitted.trained_rows) if erasure.curvature else None,
        folds=tuple(kept),
        fold_counts=counts,
    )


def _stacked(logits: list[FloatArray], rows: int, classes: int) -> Tensor:
    """R arrays (N, K) as one tensor (N, R, K)."""
    return torch.from_numpy(np.stack(logits, axis=1)) if logits else torch.empty(rows, 0, classes)


def curvature_of(
    model: EmotionModel, store: FeatureStore, rows: Sequence[int] | IntArray, *, batch_size: int = 16
) -> Curvature:
    """The curvature of a model's loss summed over rows of a store, without dropout."""
    rows = np.asarray(rows, dtype=np.int64)
    was_training = model.training
    model.eval()
    device: Any = next(model.parameters()).device
    lengths = [store.length(int(row)) for row in rows]

    def batches() -> Any:
        for batch in length_batches(lengths, batch_size=batch_size):
            features, counts = store.batch(rows[batch])
            yield features.to(device), counts.to(device)

    found = collect_curvature(model, model.classify, batches())
    model.train(was_training)
    return found
