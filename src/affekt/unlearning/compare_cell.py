"""One cell of a comparison: the models retrained without a forget set, then every method on the same original.

A cell is one training seed, one size of forget set and one draw. Each row of it is a model: what it scores, what took
how long, and how far it is from the retrained model.
"""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from affekt.corpora import Split, open_corpus
from affekt.corpora.splits import by_speaker
from affekt.errors import ConfigError
from affekt.files import read_json, write_json
from affekt.metrics import match_non_members
from affekt.models import EmotionModel
from affekt.training import (
    FeatureStore,
    TrainConfig,
    Variant,
    held_out_mask,
    parse_variant,
    predict_rows,
    recipe,
)
from affekt.types import FloatArray, IntArray
from affekt.unlearning.assess import Assessment, Outputs, assess, compare_with, relearn
from affekt.unlearning.compare_config import ByContent, CompareConfig
from affekt.unlearning.draws import draw_forget_set, speakers_of
from affekt.unlearning.harness import METHODS, ForgetResult, Scope, forget, method_config, saved_target
from affekt.unlearning.material import ForgetSet, LearnedPart, Needs, Retained
from affekt.unlearning.retained_batches import retained_loss

__all__ = ["RETRAIN_AGAIN", "cell_file", "compute_cell"]

RETRAIN_AGAIN = "retrain again"
"""Name of the rows of a second retrained model."""
_RETRAIN = "retrain"
_OTHER_WEIGHTS = 500_000
"""Added to the seed of a second retrained model, which no cell's own seed reaches."""


def cell_file(work: Path, seed: int, size: str, draw: int) -> Path:
    """Where a cell is kept."""
    return work / "cells" / f"seed{seed}-size{size}-draw{draw}.json"


def compute_cell(config: CompareConfig, work: Path, seed: int, size: str, draw: int) -> None:
    """Compute a cell and write its file, unless it is there.

    Args:
        config: what is compared.
        work: folder of the comparison, with the original model of this seed.
        seed: of the original's training.
        size: of the forget set.
        draw: which forget set of this size.

    Raises:
        ConfigError, DataError, ProtocolError: as the parts do. A method that has nothing to work with is skipped.
    """
    file = cell_file(work, seed, size, draw)
    if file.is_file():
        return
    stage = _stage(ByContent(config), work, seed)
    cell = _Cell(config, stage, seed=seed, size=size, draw=draw)
    gold, gold_seconds = cell.retrain(_RETRAIN, seed=cell.seed)
    if config.again:
        cell.retrain(RETRAIN_AGAIN, seed=_OTHER_WEIGHTS + cell.seed)
    cell.add("original", stage.original, 0.0, needs=[], stopped="nothing was done")
    skipped: dict[str, str] = {}
    for spec in map(parse_variant, config.methods):
        if spec.name == _RETRAIN:
            continue
        try:
            run, model, seconds = cell.forget(spec)
        except ConfigError as error:  # the method has nothing to work with here, such as a clean fold model
            skipped[spec.text] = str(error)
            continue
        details = dict(run.log.details or {})
        cell.add(
            spec.text,
            model,
            seconds,
            needs=list(run.needs),
            stopped=run.log.stopped,
            reached=run.log.reached,
            steps=run.log.steps,
            target_loss=run.log.target_loss,
            attack_success=details.get("attack_success"),
            attack_snr_db=details.get("attack_snr_db"),
            attack_seconds=details.get("attack_seconds"),
        )
    encoding = float(read_json(work / f"original-{seed}" / "original.json").get("front_end_seconds", 0.0))
    cell.compare(gold, gold_seconds, encoding=encoding)
    write_json(
        file,
        {
            "rows": cell.results,
            "skipped": skipped,
            "target_loss": {name: saved_target(stage.original, name) for name in ("utterances", "speaker")},
        },
    )


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """What the cells of one seed share."""

    split: Split
    stores: dict[str, FeatureStore]
    original: EmotionModel
    trained: IntArray
    held_out: IntArray
    config: TrainConfig


@lru_cache(maxsize=1)
def _stage(key: ByContent, work: Path, seed: int) -> _Stage:
    config: CompareConfig = key.config
    split = by_speaker(open_corpus(config.corpus), seed=seed)
    original = EmotionModel.from_pretrained(work / f"original-{seed}" / "model")
    train_config = config.train or recipe(config.family)
    stores = {side: FeatureStore(original, getattr(split, side)) for side in ("train", "dev", "test")}
    for store in stores.values():  # so that no cell's retraining is timed with the reading
        store.fill()
    held = held_out_mask(split.train, seed=seed, fraction=train_config.heldout_fraction)
    return _Stage(
        split=split,
        stores=stores,
        original=original,
        trained=np.flatnonzero(~held),
        held_out=np.flatnonzero(held),
        config=train_config,
    )


class _Cell:
    """What is forgotten in a cell, what stays, and the rows found so far."""

    def __init__(self, config: CompareConfig, stage: _Stage, *, seed: int, size: str, draw: int) -> None:
        train = stage.split.train
        rows = draw_forget_set(train, stage.trained, size=size, forget_from=config.forget, seed=seed, draw=draw)
        names = train.table["speaker"].to_list()
        gone = set(rows.tolist())
        persons = {names[int(row)] for row in rows}
        whole = speakers_of(size)
        if whole:  # nothing of the person stays, not even what was held out
            gone |= {i for i, name in enumerate(names) if name in persons}
        kept = np.array([row for row in range(len(train)) if row not in gone])
        self.config, self.stage, self.rows, self.kept = config, stage, rows, kept
        self.place = {"seed": seed, "size": size, "draw": draw, "forgotten": len(rows)}
        self.seed = 1000 * seed + draw
        self.scope: Scope = "speaker" if whole else "utterances"
        self.forget_set = ForgetSet.of(train.select(rows), stage.original)
        self.requests = [self.forget_set]
        if whole > 1:  # one request after the other
            self.requests = [
                ForgetSet.of(train.select([int(row) for row in rows if names[int(row)] == person]), stage.original)
                for person in sorted(persons)
            ]
        self.retained = Retained(
            train=stage.stores["train"], rows=kept, dev=stage.stores["dev"], config=stage.config, seed=seed
        )
        self.looker = _Looker(
            stage, rows, scope=self.scope, kept=kept, sample=config.retained_sample, sample_seed=self.seed
        )
        self.cache: dict[str, object] = {}
        self.results: list[dict[str, Any]] = []

    def add(self, name: str, model: EmotionModel, seconds: float, **extra: Any) -> Assessment:
        """Score a model and note its row."""
        found = assess(self.looker.outputs(model))
        back = relearn(
            model,
            lambda changed: retained_loss(LearnedPart(changed), self.retained, batch_size=32, seed=self.seed),
            self.looker.forget_logits,
            self.looker.labels(self.rows),
            steps=self.config.relearn_steps,
        )
        self.results.append(
            {
                **self.place,
                "method": name,
                "seconds": seconds,
                "relearned_accuracy": back,
                "scores": found.to_json(),
                **extra,
            }
        )
        return found

    def retrain(self, name: str, *, seed: int) -> tuple[Assessment, float]:
        """Add a model retrained without the forget set: its scores and its seconds."""
        run = forget(
            self.stage.original,
            self.forget_set,
            method=_RETRAIN,
            retained=self.retained,
            scope=self.scope,
            seed=seed,
        )
        if not isinstance(run.model, EmotionModel):
            raise TypeError("retraining gave no EmotionModel")
        found = self.add(name, run.model, run.seconds, needs=list(run.needs), stopped=run.log.stopped)
        return found, run.seconds

    def forget(self, spec: Variant) -> tuple[ForgetResult, EmotionModel, float]:
        """Let a method forget one request after the other: the last result, its model, and the seconds of all.

        Raises:
            ConfigError: the method has nothing to work with.
        """
        method = spec.name
        settings = method_config(method, **{**self.config.settings.get(method, {}), **spec.changes})
        model, seconds = self.stage.original, 0.0
        for number, part in enumerate(self.requests):
            run = forget(
                model,
                part,
                method=method,
                config=settings,
                scope=self.scope,
                retained=self.retained if Needs.RETAINED_DATA in METHODS[method].NEEDS else None,
                seed=self.seed + 500 * number,
                cache=self.cache if len(self.requests) == 1 else None,
            )
            details = dict(run.log.details or {})
            reused = float(details.get("attack_seconds", 0.0)) if details.get("attack_reused") else 0.0
            if not isinstance(run.model, EmotionModel):
                raise TypeError(f"{method} gave no EmotionModel")
            model, seconds = run.model, seconds + run.seconds + reused
        return run, model, seconds

    def compare(self, gold: Assessment, gold_seconds: float, *, encoding: float) -> None:
        """Put beside every row how far it is from the retrained model, and how much faster.

        Args:
            gold: the retrained model's scores.
            gold_seconds: what retraining took from front-end features.
            encoding: seconds of the front end for all training recordings.
        """
        gold_row = next(row for row in self.results if row["method"] == _RETRAIN)
        n_train = len(self.stage.split.train)
        from_recordings = gold_seconds + encoding * len(self.kept) / n_train
        # features read from the cache on disk cost a method nothing; from recordings they would
        cached = self.stage.stores["train"].cache is not None
        reading = encoding * len(self.rows) / n_train if cached else 0.0
        for result in self.results:
            gaps = compare_with(Assessment(**{**result["scores"], "screen": None}), gold)
            relearned = abs(result["relearned_accuracy"] - gold_row["relearned_accuracy"])
            result["gaps"] = None if gaps is None else {**asdict(gaps), "relearn_gap": relearned}
            result["time_ratio"] = gold_seconds / result["seconds"] if result["seconds"] else None
            spent = result["seconds"] + (reading if result["seconds"] else 0.0)
            if result["method"] in (_RETRAIN, RETRAIN_AGAIN):
                spent = from_recordings
            result["time_ratio_from_recordings"] = from_recordings / spent if spent else None
            result["scores"] = {k: v for k, v in result["scores"].items() if k != "forget_losses"}


class _Looker:
    """Logits of any model of one seed on the sets of one cell."""

    def __init__(
        self, stage: _Stage, rows: IntArray, *, scope: Scope, kept: IntArray, sample: int, sample_seed: int
    ) -> None:
        self.stage = stage
        self.rows = rows
        train = stage.stores["train"]
        self.train_labels = stage.split.train.labels()
        self.test_labels = stage.split.test.labels()
        held = set(stage.held_out.tolist())
        self.retained = np.array([row for row in kept if row not in held])
        if 0 < sample < len(self.retained):
            self.retained = np.sort(np.random.default_rng(sample_seed).choice(self.retained, sample, replace=False))
        # the non-members: held-out utterances of training speakers, or the test speakers when a whole speaker goes
        self.others_side = "test" if scope == "speaker" else "train"
        pool = np.arange(len(stage.split.test)) if scope == "speaker" else stage.held_out
        store = stage.stores[self.others_side]
        pool_labels = (self.test_labels if scope == "speaker" else self.train_labels)[pool]
        labels = self.train_labels[rows]
        known = np.isin(labels, pool_labels)
        self.others = pool[:0]
        if known.any():
            matched = match_non_members(
                [train.length(int(row)) for row in rows[known]],
                labels[known],
                [store.length(int(row)) for row in pool],
                pool_labels,
            )
            self.others = pool[matched]

    def labels(self, rows: IntArray) -> IntArray:
        return self.train_labels[rows]

    def forget_logits(self, model: EmotionModel) -> FloatArray:
        return predict_rows(model, self.stage.stores["train"], self.rows)

    def outputs(self, model: EmotionModel) -> Outputs:
        train, test = self.stage.stores["train"], self.stage.stores["test"]
        others_labels = (self.test_labels if self.others_side == "test" else self.train_labels)[self.others]
        others = predict_rows(model, self.stage.stores[self.others_side], self.others)
        return Outputs(
            forget=(self.forget_logits(model), self.train_labels[self.rows]),
            non_members=(others, others_labels) if len(self.others) else None,
            retained=(predict_rows(model, train, self.retained), self.train_labels[self.retained]),
            test=(predict_rows(model, test, np.arange(len(test))), self.test_labels),
        )
