"""affekt compare: every method beside the retrained model, on one corpus.

A *cell* is one training seed, one size of forget set and one draw. Within a seed all cells share the original model;
within a cell the retrained model is shared by all methods, and targeted copies by the methods that attack alike.
Cells are computed by worker processes and kept as files, so a killed comparison goes on where it was.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affekt.audio.batching import pad_batch
from affekt.corpora import Corpus, Split, open_corpus
from affekt.corpora.splits import by_speaker
from affekt.errors import ConfigError
from affekt.files import read_json, removed_if_unused, write_json
from affekt.metrics import match_non_members
from affekt.models import EmotionModel
from affekt.training import (
    ErasureConfig,
    FeatureStore,
    Progress,
    TrainConfig,
    is_held_out,
    parse_variant,
    predict_rows,
    recipe,
    run_tasks,
    train_split,
)
from affekt.types import FloatArray, IntArray
from affekt.unlearning.assess import Assessment, Outputs, assess, compare_with, relearn
from affekt.unlearning.draws import WHOLE_SPEAKER, draw_forget_set, speakers_of
from affekt.unlearning.harness import METHODS, ForgetResult, Scope, forget, method_config, saved_target
from affekt.unlearning.material import ForgetSet, LearnedPart, Needs, Retained
from affekt.unlearning.retained_batches import retained_loss

__all__ = ["RETRAIN_AGAIN", "ByContent", "CompareConfig", "check_comparison", "compare", "front_end_seconds"]

RETRAIN_AGAIN = "retrain again"
"""Name of the rows of a second retrained model."""
_OTHER_WEIGHTS = 500_000
"""Added to the seed of a second retrained model, which no cell's own seed reaches."""

DEFAULT_METHODS = (
    "forget_set_alone",
    "forget_set_alone:elastic=none",
    "forget_set_alone:stop=calibrated",
    "forget_set_alone:stop=zero:learning_rate=0.001:max_steps=50",
    "l2ul",
    "l2ul:stop=zero:learning_rate=0.001:max_steps=50",
    "random_labels",
    "random_labels:stop=zero:learning_rate=0.001:max_steps=50",
    "gradient_ascent",
    "boundary_shrink",
    "amun",
    "finetune",
    "random_labels_retained",
)


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """What is compared."""

    corpus: str
    """A corpus that ``open_corpus`` opens; each worker opens it for itself."""
    family: str = "logmel-cnn"
    methods: tuple[str, ...] = DEFAULT_METHODS
    """Methods, with settings after colons: ``forget_set_alone:stop=zero:elastic=none``."""
    forget: str = "random"
    """Where the N utterances of a draw come from: ``random``, all training speakers; ``speaker``, one of them."""
    sizes: tuple[str, ...] = ("1", "10", "50", "100", WHOLE_SPEAKER)
    """Utterances to forget; ``speaker`` is all of one speaker, ``3-speakers`` all of three, one request after the
    other."""
    draws: int = 3
    """Forget sets of each size for each seed."""
    seeds: int = 2
    """Training seeds; each has its own test and development speakers."""
    train: TrainConfig | None = None
    """Training recipe; None is the family's."""
    options: dict[str, Any] = field(default_factory=dict)
    """Sizes of the network and its augmentation that differ from the family's defaults."""
    erasure: dict[str, Any] | None = None
    """Settings of :class:`~affekt.training.ErasureConfig`, for methods that need what it saves; None saves nothing."""
    relearn_steps: int = 10
    """Steps of the relearning probe."""
    retained_sample: int = 256
    """Retained utterances that retained accuracy is measured on, drawn once a cell; 0 is all."""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Settings of methods for all their appearances, by method name."""
    again: bool = False
    """Retrain a second time from other weights, as ``retrain again``: how far two retrained models are apart, which is
    as near as any method can be expected to come."""

    def __post_init__(self) -> None:
        if self.forget not in ("random", "speaker"):
            raise ConfigError(f"unknown way to draw {self.forget!r}; random or speaker was expected; choose one.")
        for size in self.sizes:
            if speakers_of(size) == 0 and not (size.isdecimal() and int(size) > 0):
                raise ConfigError(
                    f"unknown size {size!r}; a positive number, {WHOLE_SPEAKER!r} or '3-speakers' was expected; "
                    "change it."
                )
        if self.erasure is not None:
            ErasureConfig(**self.erasure)
        if self.draws < 1 or self.seeds < 1:
            raise ConfigError(f"draws and seeds must be 1 or more (got {self.draws}, {self.seeds}); change them.")
        for spec in map(parse_variant, self.methods):
            method_config(spec.name, **{**self.settings.get(spec.name, {}), **spec.changes})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "train": None if self.train is None else self.train.to_json()}


@dataclass(frozen=True)
class ByContent:
    """A configuration as the key of a cache: two that say the same are the same key."""

    config: Any

    def __hash__(self) -> int:
        return hash(repr(self.config))


def check_comparison(config: CompareConfig) -> Corpus:
    """Open the corpus and draw every forget set once: a size that is too large must not be found after hours.

    Raises:
        DataError, ProtocolError: the corpus cannot be read, lacks labels, or is too small for a size.
    """
    corpus = open_corpus(config.corpus)
    corpus.labels()
    fraction = (config.train or recipe(config.family)).heldout_fraction
    for seed in range(config.seeds):
        train = by_speaker(corpus, seed=seed).train
        held = np.array([is_held_out(u, seed=seed, fraction=fraction) for u in train.table["utterance"]])
        for size in config.sizes:
            for draw in range(config.draws):
                draw_forget_set(
                    train, np.flatnonzero(~held), size=size, forget_from=config.forget, seed=seed, draw=draw
                )
    return corpus


def compare(config: CompareConfig, work: Path, *, workers: int = 1, progress: Progress | None = None) -> dict[str, Any]:
    """Compute all cells and return the results as JSON values (see ``reports`` for tables and plots).

    Args:
        config: what is compared.
        work: folder for models and cells; what is there from the same configuration is used again.
        workers: processes; each uses one thread when there are several.
        progress: called after every cell.

    Raises:
        ConfigError, DataError, ProtocolError: as the parts do.
    """
    started = time.perf_counter()
    corpus = open_corpus(config.corpus)
    recorded = config.to_json()
    stamp = {"config": recorded, "data_sha256": corpus.digest}
    marker = work / "comparison.json"
    if marker.is_file():
        if read_json(marker) != json.loads(json.dumps(stamp)):
            raise ConfigError(
                f"{work} holds cells of another comparison; an empty folder or the same settings were expected; "
                "choose another --out or remove it."
            )
    else:
        write_json(marker, stamp)
    tasks = [
        (seed, size, draw) for seed in range(config.seeds) for size in config.sizes for draw in range(config.draws)
    ]
    total = config.seeds + len(tasks)
    done = 0
    with removed_if_unused(work, marker=marker.name):
        check_comparison(config)
        for _ in run_tasks(_train_original, [(config, work, seed) for seed in range(config.seeds)], workers=workers):
            done += 1
            if progress is not None:
                progress("training originals", done, total)
    # seed by seed, since a worker keeps the features of one seed; within a seed the largest forget sets first, so that
    # the last worker to finish has little left
    tasks.sort(key=lambda task: (task[0], -speakers_of(task[1]), -1 if speakers_of(task[1]) else -int(task[1])))
    for _ in run_tasks(_compute_cell, [(config, work, *task) for task in tasks], workers=workers):
        done += 1
        if progress is not None:
            progress("comparing", done, total)
    cells = [read_json(_cell_file(work, *task)) for task in tasks]
    rows = [row for cell in cells for row in cell["rows"]]
    skipped = [
        {"seed": task[0], "size": task[1], "draw": task[2], "method": name, "reason": reason}
        for task, cell in zip(tasks, cells, strict=True)
        for name, reason in cell.get("skipped", {}).items()
    ]
    rows.sort(key=lambda row: (row["seed"], str(row["size"]).rjust(9), row["draw"]))
    return {
        "config": {**recorded, "corpus": corpus.name},
        "data_sha256": corpus.digest,
        "corpus": {"name": corpus.name, "synthetic": corpus.synthetic, "utterances": len(corpus)},
        "classes": list(corpus.classes),
        "originals": [read_json(work / f"original-{seed}" / "original.json") for seed in range(config.seeds)],
        "rows": rows,
        "skipped": skipped,
        "workers": workers,
        "seconds": time.perf_counter() - started,
    }


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """What the cells of one seed share."""

    split: Split
    stores: dict[str, FeatureStore]
    original: EmotionModel
    trained: IntArray
    held_out: IntArray
    config: TrainConfig


def _train_original(config: CompareConfig, work: Path, seed: int) -> None:
    folder = work / f"original-{seed}"
    if (folder / "original.json").is_file():
        return
    split = by_speaker(open_corpus(config.corpus), seed=seed)
    report = train_split(
        split,
        family=config.family,
        config=config.train,
        options=config.options,
        seed=seed,
        erasure=None if config.erasure is None else ErasureConfig(**config.erasure),
    )
    if not (folder / "model").exists():
        report.model.save_pretrained(folder / "model")
    encoding = front_end_seconds(report.model, split)
    write_json(folder / "original.json", {"seed": seed, "front_end_seconds": encoding, **report.to_json()})


def front_end_seconds(model: EmotionModel, split: Split, *, clips: int = 24) -> float:
    """Seconds the front end takes for all training recordings, from some of them, spread over the corpus; not from the
    cache on disk."""
    rows = np.unique(np.linspace(0, len(split.train) - 1, clips).astype(int))
    waveforms = [split.train.load(int(row), sample_rate=model.config.sample_rate) for row in rows]
    model.eval()
    with torch.no_grad():
        model.front_end(*pad_batch(waveforms[:1]))
        started = time.perf_counter()
        for waveform in waveforms:
            model.front_end(*pad_batch([waveform]))
    return (time.perf_counter() - started) * len(split.train) / len(rows)


@lru_cache(maxsize=1)
def _stage(key: ByContent, work: Path, seed: int) -> _Stage:
    config: CompareConfig = key.config
    split = by_speaker(open_corpus(config.corpus), seed=seed)
    original = EmotionModel.from_pretrained(work / f"original-{seed}" / "model")
    train_config = config.train or recipe(config.family)
    stores = {side: FeatureStore(original, getattr(split, side)) for side in ("train", "dev", "test")}
    for store in stores.values():  # so that no cell's retraining is timed with the reading
        store.fill()
    fraction = train_config.heldout_fraction
    held = np.array([is_held_out(u, seed=seed, fraction=fraction) for u in split.train.table["utterance"]])
    return _Stage(
        split=split,
        stores=stores,
        original=original,
        trained=np.flatnonzero(~held),
        held_out=np.flatnonzero(held),
        config=train_config,
    )


def _cell_file(work: Path, seed: int, size: str, draw: int) -> Path:
    return work / "cells" / f"seed{seed}-size{size}-draw{draw}.json"


def _compute_cell(config: CompareConfig, work: Path, seed: int, size: str, draw: int) -> None:
    file = _cell_file(work, seed, size, draw)
    if file.is_file():
        return
    stage = _stage(ByContent(config), work, seed)
    train = stage.split.train
    rows = draw_forget_set(train, stage.trained, size=size, forget_from=config.forget, seed=seed, draw=draw)
    scope: Scope = "speaker" if speakers_of(size) else "utterances"
    names = train.table["speaker"].to_list()
    gone = set(rows.tolist())
    persons = {names[int(row)] for row in rows}
    if scope == "speaker":  # nothing of the person stays, not even what was held out
        gone |= {i for i, name in enumerate(names) if name in persons}
    forget_set = ForgetSet.of(train.select(rows), stage.original)
    requests = [forget_set]
    if speakers_of(size) > 1:  # one request after the other
        requests = [
            ForgetSet.of(train.select([int(row) for row in rows if names[int(row)] == person]), stage.original)
            for person in sorted(persons)
        ]
    kept = np.array([row for row in range(len(train)) if row not in gone])
    retained = Retained(train=stage.stores["train"], rows=kept, dev=stage.stores["dev"], config=stage.config, seed=seed)
    cell_seed = 1000 * seed + draw
    looker = _Looker(stage, rows, scope=scope, kept=kept, sample=config.retained_sample, sample_seed=cell_seed)
    cache: dict[str, object] = {}
    results: list[dict[str, Any]] = []
    skipped: dict[str, str] = {}

    def add(name: str, model: EmotionModel, seconds: float, **extra: Any) -> Assessment:
        found = assess(looker.outputs(model))
        back = relearn(
            model,
            lambda changed: retained_loss(LearnedPart(changed), retained, batch_size=32, seed=cell_seed),
            looker.forget_logits,
            looker.labels(rows),
            steps=config.relearn_steps,
        )
        results.append(
            {
                "seed": seed,
                "size": size,
                "draw": draw,
                "forgotten": len(rows),
                "method": name,
                "seconds": seconds,
                "relearned_accuracy": back,
                "scores": found.to_json(),
                **extra,
            }
        )
        return found

    def retrained(name: str, seed: int) -> tuple[Assessment, float]:
        run = forget(stage.original, forget_set, method="retrain", retained=retained, scope=scope, seed=seed)
        if not isinstance(run.model, EmotionModel):
            raise TypeError("retraining gave no EmotionModel")
        found = add(name, run.model, run.seconds, needs=list(run.needs), stopped=run.log.stopped)
        return found, run.seconds

    gold, gold_seconds = retrained("retrain", cell_seed)
    if config.again:
        retrained(RETRAIN_AGAIN, _OTHER_WEIGHTS + cell_seed)
    add("original", stage.original, 0.0, needs=[], stopped="nothing was done")
    for text in config.methods:
        spec = parse_variant(text)
        if spec.name == "retrain":
            continue
        settings = method_config(spec.name, **{**config.settings.get(spec.name, {}), **spec.changes})
        try:
            run, model, seconds = _in_turn(
                stage.original, requests, spec.name, settings, scope, retained, cell_seed, cache
            )
        except ConfigError as error:  # the method has nothing to work with here, such as a clean fold model
            skipped[spec.text] = str(error)
            continue
        details = dict(run.log.details or {})
        add(
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
    for result in results:
        mine = _assessment(result["scores"], gold, results, result)
        result["gaps"] = mine
        result["time_ratio"] = gold_seconds / result["seconds"] if result["seconds"] else None
        from_recordings = gold_seconds + encoding * len(kept) / len(train)
        # features read from the cache on disk cost a method nothing; from recordings they would
        reading = encoding * len(rows) / len(train) if stage.stores["train"].cache is not None else 0.0
        spent = result["seconds"] + (reading if result["seconds"] else 0.0)
        if result["method"] in ("retrain", RETRAIN_AGAIN):
            spent = from_recordings
        result["time_ratio_from_recordings"] = from_recordings / spent if spent else None
        result["scores"] = {k: v for k, v in result["scores"].items() if k != "forget_losses"}
    write_json(
        file,
        {
            "rows": results,
            "skipped": skipped,
            "target_loss": {name: saved_target(stage.original, name) for name in ("utterances", "speaker")},
        },
    )


def _in_turn(
    original: EmotionModel,
    requests: Sequence[ForgetSet],
    method: str,
    settings: Any,
    scope: Scope,
    retained: Retained,
    seed: int,
    cache: dict[str, object],
) -> tuple[ForgetResult, EmotionModel, float]:
    """Forget one request after the other: the last result, its model, and the seconds of all."""
    model, seconds = original, 0.0
    for number, part in enumerate(requests):
        run = forget(
            model,
            part,
            method=method,
            config=settings,
            scope=scope,
            retained=retained if Needs.RETAINED_DATA in METHODS[method].NEEDS else None,
            seed=seed + 500 * number,
            cache=cache if len(requests) == 1 else None,
        )
        details = dict(run.log.details or {})
        reused = float(details.get("attack_seconds", 0.0)) if details.get("attack_reused") else 0.0
        if not isinstance(run.model, EmotionModel):
            raise TypeError(f"{method} gave no EmotionModel")
        model, seconds = run.model, seconds + run.seconds + reused
    return run, model, seconds


def _assessment(
    scores: dict[str, Any], gold: Assessment, results: list[dict[str, Any]], result: dict[str, Any]
) -> dict[str, Any] | None:
    """Gaps of one row to the retrained model, with the gap in relearned accuracy."""
    mine = Assessment(**{**scores, "screen": None})
    gaps = compare_with(mine, gold)
    if gaps is None:
        return None
    relearned_gold = next(row["relearned_accuracy"] for row in results if row["method"] == "retrain")
    return {**asdict(gaps), "relearn_gap": abs(result["relearned_accuracy"] - relearned_gold)}


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
