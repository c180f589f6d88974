"""The one training loop."""

import hashlib
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError, ProtocolError
from affekt.models import EmotionModel, ErasureRecord, ModelConfig, RidgeNetwork
from affekt.training.config import TrainConfig
from affekt.training.epoch_scores import dev_scores, mean_loss
from affekt.training.features import FeatureStore, pad_features
from affekt.training.held_out import held_out_mask
from affekt.training.method import TrainingMethod
from affekt.training.run_state import RunState, learned_state, restore, run_fingerprint
from affekt.training.solved_head import check_solvable, head_sums
from affekt.training.targets import Objective, TargetBatch, attribute_range, targets_of
from affekt.types import IntArray

__all__ = [
    "FitResult",
    "Progress",
    "build_model",
    "fit",
    "make_accelerator",
    "model_for",
    "rate_share",
    "seed_of",
]

Progress = Callable[[str, int, int], None]
"""Called with a message, the steps done and the steps in all."""


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What a training run gave."""

    model: EmotionModel
    """The weights of the best epoch, in evaluation mode, with its erasure record."""
    epochs: int
    best_epoch: int
    history: tuple[dict[str, float], ...]
    """One entry an epoch: training loss; loss, UAR and CCC of each attribute on the development speakers."""
    trained_rows: tuple[int, ...]
    """Rows of the training corpus that were trained on."""
    heldout_rows: tuple[int, ...]
    """Rows of the training corpus that were held out to measure the loss within speakers."""
    without_target: int
    """How many rows were left out because nobody voted for a class, rated an attribute or put them in order."""
    seconds: float


def build_model(
    family: str,
    classes: tuple[str, ...],
    *,
    seed: int,
    options: dict[str, Any] | None = None,
    attributes: tuple[str, ...] = (),
    attribute_range: tuple[float, float] = (0.0, 1.0),
    multi_label: bool = False,
    intents: tuple[str, ...] = (),
    label: str = "emotion",
    edges: tuple[float, ...] = (),
) -> EmotionModel:
    """A model with fresh weights drawn from ``seed``; the global random state is left as it was."""
    config = ModelConfig(
        family=family,
        classes=classes,
        options=dict(options or {}),
        attributes=attributes,
        attribute_range=attribute_range,
        multi_label=multi_label,
        intents=intents,
        label=label,
        edges=edges,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of("weights", seed))
        return EmotionModel(config)


def model_for(
    corpus: Corpus, config: TrainConfig, *, family: str, seed: int, options: dict[str, Any] | None = None
) -> EmotionModel:
    """A fresh model with the heads that a configuration asks for, for the classes and the scale of a corpus."""
    return build_model(
        family,
        corpus.classes if config.emotions else (),
        seed=seed,
        options=options,
        attributes=config.attributes,
        attribute_range=attribute_range(corpus, config.attributes),
        multi_label=config.emotions and config.target == "multi-label",
        intents=tuple(sorted(set(corpus.table["intent"].drop_nulls()))) if config.intents else (),
        label=config.label if config.emotions else "emotion",
        edges=config.edges if config.emotions else (),
    )


def make_accelerator() -> Accelerator:
    """Where this process runs, and with which others.

    Without a GPU Accelerate finds its sister processes only when it is told to use the CPU; each would train alone.
    """
    return Accelerator(cpu=not torch.accelerator.is_available())


def fit(
    model: EmotionModel,
    train: Corpus,
    dev: Corpus,
    *,
    config: TrainConfig,
    seed: int = 0,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    stores: tuple[FeatureStore, FeatureStore] | None = None,
    rows: IntArray | None = None,
    heldout_seed: int | None = None,
    accelerator: Accelerator | None = None,
) -> FitResult:
    """Train a model in place and return it at its best epoch.

    The loss on the whole development set (speakers that are not trained on) decides which epoch is best. Every random
    choice of an epoch comes from (seed, epoch), so a run that is killed and resumed ends with the same weights, bit
    for bit on one machine with one thread count. Under ``accelerate launch`` each process takes its part of every
    batch. A head in closed form (family ridge) is solved instead, which counts as one epoch.

    Args:
        model: fresh weights from :func:`model_for` or :func:`build_model`, or others to go on from. What is frozen in
            it (``requires_grad`` is false) stays as it is.
        train: utterances to learn from; a small share is held out, see :attr:`TrainConfig.heldout_fraction`.
        dev: utterances of other speakers.
        config: settings.
        seed: everything random flows from it.
        checkpoint: folder for checkpoints; None writes none. It is removed by the caller when the result is saved.
        resume: go on from the checkpoint if there is one.
        progress: called after every step.
        stores: front-end features of ``train`` and ``dev`` that exist already.
        rows: rows of ``train`` to use; None is all. (Retraining without a person is training on the other rows.)
        heldout_seed: decides which utterances are held out; None is ``seed``. (A retrained model holds out the same.)
        accelerator: where to run; None makes one.

    Raises:
        ProtocolError: a speaker is in train and dev.
        ConfigError: a head is to be solved for other targets than one emotion a recording.
        DataError: a side is empty, an emotion is missing or unknown, or a recording cannot be read.
        CheckpointError: the checkpoint is damaged or belongs to another run.
    """
    started = time.perf_counter()
    _check_sides(model, train, dev)
    if isinstance(model.network, RidgeNetwork):
        check_solvable(config)
    accelerator = accelerator or make_accelerator()
    train_store, dev_store = stores or tuple(
        FeatureStore(model, corpus, memory_gib=config.memory_gib / 2) for corpus in (train, dev)
    )
    method = config.method or TrainingMethod()
    if accelerator.num_processes > 1 and not method.DIVISIBLE:
        raise ConfigError(
            f"{method.NAME} compares the recordings of a whole batch and {accelerator.num_processes} processes would "
            "divide it; one process was expected; run it without accelerate launch."
        )
    targets = method.targets(train, model.config, config)
    dev_targets = targets_of(dev, model.config, config, partly=method.partly)
    known = targets
    usable = np.isin(np.arange(len(train)), targets.usable)
    held_by = seed if heldout_seed is None else heldout_seed
    held = held_out_mask(train, seed=held_by, fraction=config.heldout_fraction)
    used = np.arange(len(train)) if rows is None else np.asarray(rows, dtype=np.int64)
    without_target = int((~usable[used]).sum())
    used = used[usable[used]]
    rows, heldout_rows = used[~held[used]], used[held[used]]
    if not len(rows):
        raise DataError("no utterance is left to train on; at least one was expected; lower heldout_fraction.")
    trained_rows = rows
    store, targets, rows = method.prepare(model, train_store, targets, rows, config=config, seed=seed)
    lengths = [store.length(int(row)) for row in rows]
    crop = None if config.crop_seconds is None else max(1, round(config.crop_seconds * train_store.frames_per_second()))
    objective = method.objective(targets, rows, config, model.config)

    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=config.learning_rate, weight_decay=config.weight_decay)
    steps_per_epoch = method.steps(targets, rows, config)
    total = steps_per_epoch * config.epochs
    state = RunState(best=learned_state(model))
    fingerprint = run_fingerprint(
        model,
        config,
        seed=seed,
        heldout_seed=held_by,
        rows=rows,
        train_digest=train.digest,
        dev_digest=dev.digest,
    )
    file = None if checkpoint is None else checkpoint / "checkpoint.safetensors"
    if resume and file is not None and file.is_file():
        state = RunState.load(file, fingerprint=fingerprint, model=model, objective=objective, optimizer=optimizer)

    device = accelerator.device
    model.to(device)
    objective.to(device)
    if isinstance(model.network, RidgeNetwork):
        model.network.solve(head_sums(model, train_store, targets.labels, rows))
        scores = dev_scores(model, dev_store, dev_targets, objective)
        state = RunState(best=learned_state(model), epoch=config.epochs, best_epoch=1, history=[scores])
    learner, prepared = accelerator.prepare(_Learner(model, objective), optimizer)
    while state.epoch < config.epochs and (config.keep_last or state.epoch - state.best_epoch < config.patience):
        torch.manual_seed(seed_of("epoch", seed, state.epoch, accelerator.process_index))
        generator = np.random.default_rng([seed_of("order", seed) % 2**32, state.epoch])
        model.train()
        objective.start_epoch(state.epoch, config.epochs)
        running, seen = 0.0, 0
        batches = method.batches(
            state.epoch, targets=targets, rows=rows, lengths=lengths, config=config, generator=generator
        )
        for step, batch in enumerate(batches):
            done = state.epoch * steps_per_epoch + step
            for group in prepared.param_groups:
                group["lr"] = config.learning_rate * rate_share(done / max(total, 1))
            # crops are drawn for the whole batch before it is divided, so processes share one sequence of draws
            items = [_crop(store.draw(int(row), generator), crop, generator) for row in batch]
            with accelerator.split_between_processes(list(range(len(batch))), apply_padding=True) as mine:
                features, counts = pad_features([items[i] for i in mine], device=device)
                expected = targets.batch(batch[mine], device)
            loss = learner(features, counts, expected)
            prepared.zero_grad()
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(learned, config.gradient_clip)
            prepared.step()
            running, seen = running + float(loss.detach()) * len(batch), seen + len(batch)
            if progress is not None and accelerator.is_main_process:
                progress(f"epoch {state.epoch + 1}", done + 1, total)
        scores = dev_scores(model, dev_store, dev_targets, objective)
        dev_loss = float(broadcast(torch.tensor([scores["dev_loss"]], device=device))[0])
        if not math.isfinite(dev_loss):
            raise DataError(
                f"training diverged in epoch {state.epoch + 1} (the loss on the development speakers is {dev_loss}); "
                "a finite loss was expected; lower learning_rate."
            )
        state.history.append({"loss": running / seen, **objective.figures(), **scores, "dev_loss": dev_loss})
        state.epoch += 1
        if config.keep_last or state.best_loss is None or dev_loss < state.best_loss:
            state.best_loss, state.best_epoch, state.best = dev_loss, state.epoch, learned_state(model)
        if file is not None and accelerator.is_main_process:
            state.save(file, fingerprint=fingerprint, model=model, objective=objective, optimizer=optimizer)
        accelerator.wait_for_everyone()
    restore(model, state.best)
    model.eval()
    model.erasure = replace(
        model.erasure or ErasureRecord(),
        within=mean_loss(model, train_store, known, heldout_rows),
        across=mean_loss(model, dev_store, dev_targets, np.arange(len(dev))),
        trained=mean_loss(model, train_store, known, trained_rows),
    )
    return FitResult(
        model=model,
        epochs=len(state.history),
        best_epoch=state.best_epoch,
        history=tuple(state.history),
        trained_rows=tuple(int(row) for row in trained_rows),
        heldout_rows=tuple(int(row) for row in heldout_rows),
        without_target=without_target,
        seconds=time.perf_counter() - started,
    )


def clear_checkpoint(checkpoint: Path) -> None:
    """Remove a checkpoint folder."""
    shutil.rmtree(checkpoint, ignore_errors=True)


class _Learner(nn.Module):
    """The learned part and its loss as the module that is prepared for one or many processes."""

    def __init__(self, model: EmotionModel, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, features: Tensor, lengths: Tensor, batch: TargetBatch) -> Tensor:
        return self.objective.loss(self.model, features, lengths, batch)


def _check_sides(model: EmotionModel, train: Corpus, dev: Corpus) -> None:
    if not len(train) or not len(dev):
        raise DataError(
            f"training needs recordings on both sides (got {len(train)} for training, {len(dev)} for development); "
            "use a corpus with more speakers."
        )
    shared = sorted(set(train.speakers) & set(dev.speakers))
    if shared:
        raise ProtocolError(
            f"speakers {', '.join(shared[:5])} are in train and dev; no speaker may be in both; "
            "use corpora.splits.by_speaker."
        )
    if model.classes and (tuple(train.classes) != model.classes or tuple(dev.classes) != model.classes):
        raise DataError(
            f"the corpus has the classes {', '.join(train.classes)} and the model {', '.join(model.classes)}; the same "
            "classes in the same order were expected; build the model from the corpus's classes."
        )


def seed_of(purpose: str, *numbers: int) -> int:
    """A seed of its own for every purpose of a run and every number that goes with it."""
    digest = hashlib.sha256("|".join([purpose, *map(str, numbers)]).encode()).digest()
    return int.from_bytes(digest[:7], "big")


def rate_share(position: float) -> float:
    """Share of the peak rate at a position in [0, 1): linear warm-up over a tenth, then a half cosine."""
    if position < 0.1:
        return (position + 1e-3) / 0.101
    return 0.5 * (1.0 + math.cos(math.pi * (position - 0.1) / 0.9))


def _crop(item: Tensor, size: int | None, generator: np.random.Generator) -> Tensor:
    if size is None or len(item) <= size:
        return item
    start = int(generator.integers(0, len(item) - size + 1))
    return item[start : start + size]
