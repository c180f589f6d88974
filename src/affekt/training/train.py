"""affekt train: a corpus becomes a model directory."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from accelerate import Accelerator

from affekt.corpora import Corpus, Split, labelled_by
from affekt.corpora.splits import by_speaker, official
from affekt.errors import DataError
from affekt.files import check_new_folder, new_folder, write_json
from affekt.models import EmotionModel, ErasureRecord, find_family, tensor_digest
from affekt.training.config import TrainConfig, recipe
from affekt.training.erasure_ready import ErasureConfig, erasure_statistics
from affekt.training.evaluate import Evaluation, evaluate
from affekt.training.features import FeatureStore
from affekt.training.fit import FitResult, Progress, clear_checkpoint, fit, make_accelerator, model_for
from affekt.training.intake import as_read
from affekt.training.method import TrainingMethod
from affekt.training.record import run_record
from affekt.types import PathLike

__all__ = ["TrainReport", "chosen_split", "commit", "train", "train_split", "write_trained"]


@dataclass(frozen=True, kw_only=True)
class TrainReport:
    """What a training command did."""

    model: EmotionModel
    test: Evaluation
    """The test speakers, which nothing was chosen on."""
    dev: Evaluation
    """The development speakers; the epoch was chosen on them, so this is optimistic."""
    fit: FitResult
    seconds: float
    left_out: int = 0
    """Utterances of the corpus that were of no use to the method, on no side."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "family": self.model.config.family,
            "classes": list(self.model.classes),
            "epochs": self.fit.epochs,
            "best_epoch": self.fit.best_epoch,
            "history": list(self.fit.history),
            "utterances": {
                "trained": len(self.fit.trained_rows),
                "held_out": len(self.fit.heldout_rows),
                "without_target": self.fit.without_target,
                "dev": self.dev.utterances,
                "test": self.test.utterances,
                "left_out": self.left_out,
            },
            "test": self.test.to_json(),
            "dev": self.dev.to_json(),
            "seconds": self.seconds,
        }


def train(
    corpus: Corpus,
    out: PathLike,
    *,
    family: str = "logmel-cnn",
    config: TrainConfig | None = None,
    options: dict[str, Any] | None = None,
    seed: int = 0,
    test_speakers: Sequence[str] | None = None,
    erasure: ErasureConfig | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainReport:
    """Train on a corpus with a speaker-disjoint split and write the model directory with its ``run.json``.

    Checkpoints live in a hidden folder beside ``out`` until the result is written, so a killed run leaves no
    half-written model and goes on with ``resume``.

    Args:
        corpus: labelled utterances with speakers.
        out: a new folder.
        family: a key of :data:`affekt.models.FAMILIES`.
        config: settings; None is the family's recipe.
        options: sizes of the network that differ from the family's defaults.
        seed: everything random flows from it, the split included.
        test_speakers: who is held out for testing; None takes the split of the corpus's own column ``split`` if every
            row has one, else it draws a fifth of the speakers.
        erasure: save what later deletions can use, see :mod:`affekt.training.erasure_ready`; None saves held-out
            losses and commitments alone.
        resume: go on from a killed run's checkpoint.
        progress: called after every step.

    Raises:
        DataError: the corpus cannot be read or lacks labels, or ``out`` exists.
        ConfigError: the family or a setting is unknown.
        ProtocolError: there are too few speakers for a speaker-disjoint split.
    """
    out = check_new_folder(out)
    find_family(family)  # an unknown one is named before anything is read
    settings = config or recipe(family)
    method: TrainingMethod = settings.method or TrainingMethod()
    data_sha256, utterances, speakers = corpus.digest, len(corpus), corpus.speakers
    if settings.emotions:
        corpus, settings = method.settle(corpus, settings)
        if gone := sorted((set(test_speakers or ()) & set(speakers)) - set(corpus.speakers)):
            raise DataError(
                f"speakers {', '.join(gone)} cannot be test speakers (got no utterance of theirs that {method.NAME} "
                f"can use); some of {', '.join(corpus.speakers[:8])} were expected; name others."
            )
        corpus = labelled_by(corpus, settings.label, classes=settings.classes, edges=settings.edges)
        if len(corpus.classes) < 2:
            raise DataError(
                f"the corpus has {len(corpus.classes)} emotion(s); at least two were expected; check its emotion "
                "column."
            )
        if settings.target == "hard":
            (corpus.select(pl.col("emotion").is_not_null()) if method.partly else corpus).labels()
    split = chosen_split(corpus, test_speakers=test_speakers, seed=seed)
    checkpoint = out.with_name(f".{out.name}.training")
    if not resume and checkpoint.exists():
        clear_checkpoint(checkpoint)
    accelerator = make_accelerator()
    report = train_split(
        split,
        family=family,
        config=settings,
        options=options,
        seed=seed,
        erasure=erasure,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
        accelerator=accelerator,
    )
    report = replace(report, left_out=utterances - len(corpus))
    if accelerator.is_main_process:
        with new_folder(out) as folder:
            write_trained(folder, report, config=settings, seed=seed, data_sha256=data_sha256)
        clear_checkpoint(checkpoint)
    accelerator.wait_for_everyone()
    return report


def chosen_split(corpus: Corpus, *, test_speakers: Sequence[str] | None, seed: int) -> Split:
    """The corpus's own split if it names one in every row and nobody asks for other test speakers; else by speaker.

    Raises:
        ProtocolError: a speaker is on two sides, or there are too few speakers.
    """
    named = set(corpus.table["split"].to_list())
    if test_speakers is None and named == {"train", "dev", "test"}:
        return official(corpus)
    return by_speaker(corpus, test_speakers=test_speakers, seed=seed)


def write_trained(folder: Path, report: TrainReport, *, config: TrainConfig, seed: int, data_sha256: str) -> None:
    """Write the model directory's files and run.json into an existing folder."""
    report.model.write_into(folder)
    record = run_record(
        "train",
        config=config.to_json(),
        model=report.model.config.family,
        seed=seed,
        data_sha256=data_sha256,
        model_sha256=tensor_digest(report.model),
        files=report.model.config.history[-1].get("files", {}),
        seconds=report.seconds,
        metrics=report.to_json(),
    )
    write_json(folder / "run.json", record)


def train_split(
    split: Split,
    *,
    family: str = "logmel-cnn",
    config: TrainConfig | None = None,
    options: dict[str, Any] | None = None,
    seed: int = 0,
    erasure: ErasureConfig | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    accelerator: Accelerator | None = None,
) -> TrainReport:
    """Train on one split and score its development and test speakers; nothing but checkpoints is written."""
    started = time.perf_counter()
    config = config or recipe(family)
    method: TrainingMethod = config.method or TrainingMethod()
    files = method.described_files()  # before hours of training, in which they may change
    if config.emotions and not split.train.classes:
        raise DataError(f"corpus '{split.train.name}' has no emotions; set emotions = false, or label it.")
    for side in ("dev", "test") if config.emotions and method.partly else ():
        if getattr(split, side).table["emotion"].is_null().all():
            raise DataError(
                f"no utterance of the {side} speakers has a label (got {len(getattr(split, side))} utterances); some "
                "were expected to score the model on; label some of theirs or name other test speakers."
            )
    model = model_for(split.train, config, family=family, seed=seed, options=options)
    split = Split(**{side: as_read(getattr(split, side), model) for side in ("train", "dev", "test")})
    share = config.memory_gib / 3
    stores = {side: FeatureStore(model, getattr(split, side), memory_gib=share) for side in ("train", "dev", "test")}
    for store in stores.values():  # a damaged recording ends the run now, not after hours of training
        store.fill()
    fitted = fit(
        model,
        split.train,
        split.dev,
        config=config,
        seed=seed,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
        stores=(stores["train"], stores["dev"]),
        accelerator=accelerator,
    )
    scores = {
        side: evaluate(model, corpus, store=stores[side]) for side, corpus in (("dev", split.dev), ("test", split.test))
    }
    commit(model, split, fitted)
    if erasure is not None and model.erasure is not None:
        statistics = erasure_statistics(
            model,
            split,
            fitted,
            config=config,
            erasure=erasure,
            seed=seed,
            stores=(stores["train"], stores["dev"]),
            progress=progress,
        )
        model.erasure = replace(model.erasure, statistics=statistics)
    history = {
        "event": "training",
        "corpus": split.train.name,
        "synthetic": split.train.synthetic,
        "licence": split.train.licence,
        "utterances": len(fitted.trained_rows),
        "speakers": len(split.train.speakers),
        "seed": seed,
    }
    if config.method is not None:
        history["method"] = config.method.NAME
    if files:
        history["files"] = files
    if scores["dev"].uar is not None:
        history["dev_uar"] = scores["dev"].uar.estimate
    model.config = replace(model.config, history=(*model.config.history, history))
    return TrainReport(
        model=model, test=scores["test"], dev=scores["dev"], fit=fitted, seconds=time.perf_counter() - started
    )


def commit(model: EmotionModel, split: Split, fitted: FitResult) -> None:
    """Note in the model's erasure record, as keyed commitments, which recording stood on which side."""
    record = model.erasure or ErasureRecord()
    rate = model.config.sample_rate

    def names(corpus: Corpus, rows: Sequence[int]) -> frozenset[str]:
        return frozenset(record.commitment(corpus.load(row, sample_rate=rate)) for row in rows)

    commitments = {
        "train": names(split.train, fitted.trained_rows),
        "heldout": names(split.train, fitted.heldout_rows),
        "dev": names(split.dev, range(len(split.dev))),
        "test": names(split.test, range(len(split.test))),
    }
    model.erasure = replace(record, commitments=commitments)
