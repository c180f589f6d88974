"""affekt cross-validate: every speaker is a test speaker once, for several families and seeds."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from affekt.corpora import Corpus, Split, open_corpus
from affekt.corpora.splits import leave_one_speaker_out, speaker_folds
from affekt.errors import ConfigError
from affekt.files import mark_folder, read_json, removed_if_unused, write_json
from affekt.metrics import Interval, bootstrap_difference, uar
from affekt.training.config import TrainConfig, recipe
from affekt.training.evaluate import score_logits
from affekt.training.features import FeatureStore
from affekt.training.fit import Progress, fit, model_for
from affekt.training.predict import predict_rows
from affekt.training.variants import parse_variant
from affekt.training.workers import run_tasks

__all__ = ["CrossValidation", "cross_validate"]

_TRAIN_SETTINGS = frozenset(field.name for field in fields(TrainConfig))


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """What is cross-validated."""

    corpus: str
    """A corpus that ``open_corpus`` opens; each worker opens it for itself."""
    families: tuple[str, ...] = ("logmel-cnn",)
    """Model families, with settings of training or of the network after colons: ``encoder:layer=2``."""
    folds: int | None = None
    """Speaker folds; None leaves one speaker out at a time."""
    seeds: int = 2
    """Seeds: each draws weights and order anew; the folds, development speakers included, are those of seed 0."""
    train: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings that differ from the recipe, by family."""
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Options of the network that differ from the family's defaults, by family."""

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ConfigError(f"seeds is {self.seeds}; 1 or more was expected; change it.")
        if len(set(self.families)) < len(self.families):
            raise ConfigError(f"a model is given twice (got {', '.join(self.families)}); name each once.")
        for family in self.families:
            if not self.recipe(family).emotions:
                raise ConfigError(
                    f"{family} learns no emotions; cross-validation needs a model of emotions; set emotions = true."
                )

    def recipe(self, family: str) -> TrainConfig:
        """The training settings of a family, or of a variant of one."""
        variant = parse_variant(family)
        changes = {name: value for name, value in variant.changes.items() if name in _TRAIN_SETTINGS}
        return recipe(variant.name, **{**self.train.get(variant.name, {}), **changes})

    def network(self, family: str) -> dict[str, Any]:
        """The options of the network of a family, or of a variant of one."""
        variant = parse_variant(family)
        changes = {name: value for name, value in variant.changes.items() if name not in _TRAIN_SETTINGS}
        return {**self.options.get(variant.name, {}), **changes}


def cross_validate(
    config: CrossValidation, work: Path, *, workers: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Train and test every fold, and score the pooled predictions.

    UAR is computed on the predictions of all folds together (each utterance was predicted once, by a model that never
    heard its speaker), with an interval from resampling speakers; beside it stand the UARs of the single seeds.

    Args:
        config: what is cross-validated.
        work: folder for the folds' predictions; those of the same configuration are used again.
        workers: processes, one thread each when there are several.
        progress: called after every fold.

    Returns:
        JSON values: one row a family, with intervals, per-seed values, recalls, confusion, times, and the paired
        difference of its UAR to that of the first family.
    """
    started = time.perf_counter()
    corpus = open_corpus(config.corpus)
    stamp: dict[str, Any] = json.loads(json.dumps({"config": asdict(config), "data_sha256": corpus.digest}))
    marker = work / "cross-validation.json"
    labels = corpus.labels()
    count = len(_splits(corpus, config))
    mark_folder(marker, stamp, holds="folds of another cross-validation")
    tasks = [
        (config, work, family, seed, fold)
        for family in config.families
        for seed in range(config.seeds)
        for fold in range(count)
    ]
    with removed_if_unused(work, marker=marker.name):
        for done, _ in enumerate(run_tasks(_fold, tasks, workers=workers), 1):
            if progress is not None:
                progress("folds", done, len(tasks))
    speakers = corpus.table["speaker"].to_list()
    rows: list[dict[str, Any]] = []
    first: np.ndarray[Any, Any] | None = None
    for family in config.families:
        folds = [[read_json(_file(work, family, seed, fold)) for fold in range(count)] for seed in range(config.seeds)]
        logits = [_pooled(seed_folds, len(corpus), len(corpus.classes)) for seed_folds in folds]
        # seeds are repeated measurements of the same utterances: resampling a speaker takes all of them along
        pooled = score_logits(
            np.concatenate(logits),
            np.tile(labels, len(logits)),
            classes=corpus.classes,
            speakers=speakers * len(logits),
        )
        rows.append(
            {
                "family": family,
                "pooled": dict(pooled.to_json(), utterances=len(corpus)),
                "uar_of_seeds": [uar(labels, found.argmax(1)) for found in logits],
                "uar_minus_first": None if first is None else asdict(_difference(corpus, first, logits)),
                "train": asdict(config.recipe(family)),
                "options": config.network(family),
                "training_seconds": [sum(fold["seconds"] for fold in seed_folds) for seed_folds in folds],
                "best_epochs": [[fold["best_epoch"] for fold in seed_folds] for seed_folds in folds],
            }
        )
        if first is None:
            first = np.concatenate(logits)
    return {
        "config": {**stamp["config"], "corpus": corpus.name},
        "data_sha256": corpus.digest,
        "corpus": {
            "name": corpus.name,
            "synthetic": corpus.synthetic,
            "utterances": len(corpus),
            "speakers": len(corpus.speakers),
        },
        "classes": list(corpus.classes),
        "folds": count,
        "rows": rows,
        "workers": workers,
        "seconds": time.perf_counter() - started,
    }


def _difference(corpus: Corpus, first: np.ndarray[Any, Any], logits: list[np.ndarray[Any, Any]]) -> Interval:
    """UAR less that of the first family on the same utterances and seeds, resampling speakers."""
    return bootstrap_difference(
        "uar",
        np.tile(corpus.labels(), len(logits)),
        np.concatenate(logits).argmax(1),
        first.argmax(1),
        n_classes=len(corpus.classes),
        clusters=corpus.table["speaker"].to_list() * len(logits),
    )


def _splits(corpus: Corpus, config: CrossValidation, *, seed: int = 0) -> Sequence[Split]:
    if config.folds is None:
        return list(leave_one_speaker_out(corpus, seed=seed))
    return list(speaker_folds(corpus, folds=config.folds, seed=seed))


def _file(work: Path, family: str, seed: int, fold: int) -> Path:
    name = family.replace(":", "-").replace("/", "_")
    return work / "folds" / f"{name}-seed{seed}-fold{fold}.json"


def _fold(config: CrossValidation, work: Path, family: str, seed: int, fold: int) -> None:
    file = _file(work, family, seed, fold)
    if file.is_file():
        return
    started = time.perf_counter()
    corpus = open_corpus(config.corpus)
    split = _splits(corpus, config)[fold]
    train_config = config.recipe(family)
    model = model_for(
        split.train,
        train_config,
        family=parse_variant(family).name,
        seed=1000 * seed + fold,
        options=config.network(family),
    )
    fitted = fit(model, split.train, split.dev, config=train_config, seed=1000 * seed + fold)
    logits = predict_rows(model, FeatureStore(model, split.test), np.arange(len(split.test)))
    row_of = {name: row for row, name in enumerate(corpus.table["utterance"].to_list())}
    write_json(
        file,
        {
            "rows": [row_of[name] for name in split.test.table["utterance"].to_list()],
            "logits": logits.astype(float).tolist(),
            "best_epoch": fitted.best_epoch,
            "seconds": time.perf_counter() - started,
        },
    )


def _pooled(folds: list[dict[str, Any]], utterances: int, classes: int) -> np.ndarray[Any, Any]:
    logits = np.full((utterances, classes), np.nan)
    for fold in folds:
        logits[fold["rows"]] = fold["logits"]
    if np.isnan(logits).any():
        raise ConfigError("the folds do not cover the corpus; one test side an utterance was expected; run it again.")
    return logits
