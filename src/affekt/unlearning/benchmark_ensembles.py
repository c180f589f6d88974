"""Tier T3: many unlearned heads against many retrained ones, for one corpus and one kind of model.

Every unlearned model comes from an original of its own, which differs from the others in its seed, and is unlearned by
what its own erasure-ready training saved. The split, the held-out utterances and the forget sets are the same for all,
so that phi of a recording can be compared between models.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from affekt.corpora import Split, open_corpus
from affekt.corpora.splits import by_speaker
from affekt.errors import ConfigError
from affekt.files import mark_folder, read_json, write_json
from affekt.metrics import phi, uar
from affekt.models import ErasureRecord
from affekt.models.curvature import Curvature
from affekt.models.saved_statistics import FoldModel, FoldRule, SavedStatistics
from affekt.training import (
    ErasureConfig,
    FeatureStore,
    Progress,
    held_out_mask,
    model_for,
    parse_variant,
    recipe,
    run_tasks,
)
from affekt.training.epoch_scores import mean_loss
from affekt.training.erasure_ready import curvature_of, fold_numbers
from affekt.training.predict import predict_rows
from affekt.training.targets import targets_of
from affekt.types import FloatArray, IntArray
from affekt.unlearning.audit_ensembles import ensemble_evidence
from affekt.unlearning.benchmark_heads import HeadJob, PooledModel, Vectors, check_recipe, fit_heads, pooled_vectors
from affekt.unlearning.compare_config import ByContent, CompareConfig
from affekt.unlearning.draws import draw_forget_set, speakers_of
from affekt.unlearning.harness import METHODS, Scope, forget, method_config
from affekt.unlearning.material import ForgetSet, Needs

__all__ = ["EnsembleConfig", "check_ensembles", "ensembles"]

BLOCK = 8
"""Originals, or retrained models of a forget set, that one task trains."""
_RETRAINED = 1_000_003
"""Seeds of retrained models start here, so that none is an original's."""


@dataclass(frozen=True, kw_only=True)
class EnsembleConfig:
    """What is trained and compared."""

    compare: CompareConfig
    """Corpus, kind of model, recipe, erasure-ready settings and settings of methods; its methods, sizes, seeds and
    draws are not used."""
    methods: tuple[str, ...]
    """Methods that need no retained data, with settings after colons."""
    sizes: tuple[str, ...] = ("50", "speaker")
    """One forget set each."""
    models: int = 64
    """Originals, as many retrained models a forget set, and as many again for the floor."""
    split_seed: int = 0
    """Of the split, the held-out utterances and the forget sets."""

    def __post_init__(self) -> None:
        if self.models < 4:
            raise ConfigError(f"models is {self.models}; 4 or more were expected; raise it.")
        for size in self.sizes:
            if speakers_of(size) > 1:
                raise ConfigError(f"the size {size} is several requests; one was expected; use a number or speaker.")
        for text in self.methods:
            spec = parse_variant(text)
            method_config(spec.name, **{**self.compare.settings.get(spec.name, {}), **spec.changes})
            if Needs.RETAINED_DATA in METHODS[spec.name].NEEDS:
                raise ConfigError(
                    f"{spec.name} needs the retained data; a method that needs none was expected for ensembles; leave "
                    "it out."
                )


def ensembles(
    config: EnsembleConfig, work: Path, *, workers: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Train, unlearn and retrain, and compare the ensembles; what is in ``work`` is used again.

    Returns:
        ``sets``: for each forget set its evidence by method (the retrained models themselves among them, as
        ``retrain``), with mean accuracies and seconds of one deletion; ``skipped``; how many models; seconds.

    Raises:
        ConfigError, DataError: as the parts do.
    """
    started = time.perf_counter()
    _mark(config, work / "ensembles")
    blocks = range(-(-config.models // BLOCK))
    tasks: list[tuple[Any, ...]] = [(config, work, "original", "", block) for block in blocks]
    for size in config.sizes:
        tasks += [(config, work, "retrained", size, block) for block in range(-(-2 * config.models // BLOCK))]
    for done, _ in enumerate(run_tasks(_compute_block, tasks, workers=workers), 1):
        if progress is not None:
            progress("training ensembles", done, len(tasks))
    originals = [model for task in tasks if task[2] == "original" for model in read_json(_file(*task[1:]))]
    skipped = {key: reason for model in originals for key, reason in model["skipped"].items()}
    sets = []
    for size in config.sizes:
        retrained = [m for task in tasks if task[2:4] == ("retrained", size) for m in read_json(_file(*task[1:]))]
        gold, null = retrained[: config.models], retrained[config.models :]
        sides = {"retrain": null, "original": [model["original"][size] for model in originals]}
        for text in config.methods:
            name = parse_variant(text).text
            if f"{size}/{name}" not in skipped:
                sides[name] = [model["unlearned"][f"{size}/{name}"] for model in originals]
        third = [model["phi"] for model in null]
        rows = []
        for name, models in sides.items():
            evidence = ensemble_evidence([m["phi"] for m in models], [m["phi"] for m in gold], third)
            means = {
                key: float(np.mean([model[key] for model in models]))
                for key in ("forget_accuracy", "retained_accuracy", "test_accuracy", "test_uar", "seconds")
            }
            rows.append({"method": name, **means, "evidence": evidence.to_json()})
        sets.append({"size": size, "recordings": len(gold[0]["phi"]), "rows": rows})
    return {
        "models": config.models,
        "methods": list(config.methods),
        "erasure": asdict(_erasure(config)),
        "sets": sets,
        "skipped": [
            {"size": key.partition("/")[0], "method": key.partition("/")[2], "reason": reason}
            for key, reason in skipped.items()
        ],
        "seconds": time.perf_counter() - started,
    }


def _mark(config: EnsembleConfig, folder: Path) -> None:
    """Note what the blocks in a folder belong to, or see that it is this configuration."""
    values = {**asdict(config), "compare": config.compare.to_json()}
    for name in ("methods", "sizes", "seeds", "draws"):  # of the comparison, which have no part in this
        del values["compare"][name]
    stamp = {"config": values, "data_sha256": open_corpus(config.compare.corpus).digest}
    mark_folder(folder / "ensembles.json", stamp, holds="models of another benchmark")


def check_ensembles(config: EnsembleConfig) -> None:
    """Find bad settings before hours of work; no recording is read.

    Raises:
        ConfigError: the model is no head on pooled features, or its recipe keeps another epoch than the last.
        DataError, ProtocolError: the corpus cannot be read or is too small for a size.
    """
    compared = config.compare
    recipe_ = compared.train or recipe(compared.family)
    split = by_speaker(open_corpus(compared.corpus), seed=config.split_seed)
    model = model_for(split.train, recipe_, family=compared.family, seed=config.split_seed, options=compared.options)
    check_recipe(recipe_)
    PooledModel(model)
    _draw(config, split)


def _draw(config: EnsembleConfig, split: Split) -> tuple[npt.NDArray[np.bool_], dict[str, IntArray]]:
    """Which utterances of the training side are held out, as a mask, and the forget sets."""
    fraction = (config.compare.train or recipe(config.compare.family)).heldout_fraction
    held = held_out_mask(split.train, seed=config.split_seed, fraction=fraction)
    sets = {
        size: draw_forget_set(
            split.train,
            np.flatnonzero(~held),
            size=size,
            forget_from=config.compare.forget,
            seed=config.split_seed,
            draw=0,
        )
        for size in config.sizes
    }
    return held, sets


def _file(work: Path, kind: str, size: str, block: int) -> Path:
    return work / "ensembles" / f"{kind}{size and '-' + size}-{block}.json"


def _erasure(config: EnsembleConfig) -> ErasureConfig:
    return ErasureConfig(**(config.compare.erasure or {}))


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """What all tasks share."""

    split: Split
    template: PooledModel
    vectors: dict[str, Vectors]
    labels: IntArray
    trained: IntArray
    held_out: IntArray
    sets: dict[str, IntArray]


@lru_cache(maxsize=1)
def _stage(key: ByContent) -> _Stage:
    config: EnsembleConfig = key.config
    compared = config.compare
    recipe_ = compared.train or recipe(compared.family)
    split = by_speaker(open_corpus(compared.corpus), seed=config.split_seed)
    model = model_for(split.train, recipe_, family=compared.family, seed=config.split_seed, options=compared.options)
    template = PooledModel(model)
    vectors = {
        side: pooled_vectors(model, FeatureStore(model, getattr(split, side))) for side in ("train", "dev", "test")
    }
    held, sets = _draw(config, split)
    return _Stage(
        split=split,
        template=template,
        vectors=vectors,
        labels=split.train.labels(),
        trained=np.flatnonzero(~held),
        held_out=np.flatnonzero(held),
        sets=sets,
    )


def _compute_block(config: EnsembleConfig, work: Path, kind: str, size: str, block: int) -> None:
    file = _file(work, kind, size, block)
    if file.is_file():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    stage = _stage(ByContent(config))
    if kind == "retrained":
        rows = np.setdiff1d(stage.trained, stage.sets[size])
        last = min((block + 1) * BLOCK, 2 * config.models)
        jobs = [HeadJob(_RETRAINED + number, rows) for number in range(block * BLOCK, last)]
        states = _fit(stage, jobs, config)
        write_json(file, [_answers(_with(stage.template, state), stage, size) for state in states])
        return
    seeds = range(block * BLOCK, min((block + 1) * BLOCK, config.models))
    trained = file.with_name(f"trained-{block}.safetensors")
    if not trained.is_file():  # kept apart, so that a stopped run trains nothing twice
        partial = trained.with_suffix(".partial")
        save_file(_trained(stage, config, seeds), partial)
        partial.replace(trained)
    tensors = load_file(trained)
    write_json(file, [_one_original(stage, config, seed, _of(tensors, f"{seed}/")) for seed in seeds])


def _fit(stage: _Stage, jobs: Sequence[HeadJob], config: EnsembleConfig) -> list[dict[str, Tensor]]:
    recipe_ = config.compare.train or recipe(config.compare.family)
    return fit_heads(stage.template, stage.vectors["train"], stage.labels, jobs, config=recipe_)


def _with(template: PooledModel, state: dict[str, Tensor]) -> PooledModel:
    model = template.fresh(0)
    model.load_state_dict(state)
    return model.eval()


def _trained(stage: _Stage, config: EnsembleConfig, seeds: range) -> dict[str, Tensor]:
    """Originals of some seeds and what erasure-ready training leaves of each forget set, by ``seed/...``.

    Only fold models that a forget set needs are trained: all other rows of the statistics would never be looked up.
    """
    erasure = _erasure(config)
    jobs = [HeadJob(seed, stage.trained) for seed in seeds]
    wanted: list[tuple[int, str, int, IntArray]] = []
    for seed in seeds:
        for size, rows in stage.sets.items():
            rule: FoldRule = "across" if speakers_of(size) else "within"
            for repeat in range(erasure.repeats):
                numbers = fold_numbers(stage.split, rule, folds=erasure.folds, seed=seed, repeat=repeat)
                for fold in np.unique(numbers[rows]).tolist():
                    fold_seed = 7_000_003 + 100_000 * seed + 1000 * repeat + 100 * (rule == "across") + fold
                    wanted.append((seed, size, repeat, np.flatnonzero(numbers[rows] == fold)))
                    jobs.append(HeadJob(fold_seed, stage.trained[numbers[stage.trained] != fold]))
    states = _fit(stage, jobs, config)
    found = {f"{seed}/state/{name}": x for seed, one in zip(seeds, states, strict=False) for name, x in one.items()}
    for (seed, size, repeat, places), state in zip(wanted, states[len(seeds) :], strict=True):
        rows = stage.sets[size]
        teachers = found.setdefault(
            f"{seed}/teachers/{size}", torch.full((len(rows), erasure.repeats, len(stage.template.classes)), math.nan)
        )
        logits = predict_rows(_with(stage.template, state), _store(stage.vectors["train"]), rows[places])
        teachers[torch.from_numpy(places), repeat] = torch.from_numpy(logits)
        if speakers_of(size) and not repeat and erasure.keep_folds:
            found |= {f"{seed}/fold/{size}/{name}": x for name, x in state.items()}
    return found


def _of(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}


def _one_original(stage: _Stage, config: EnsembleConfig, seed: int, saved: dict[str, Tensor]) -> dict[str, Any]:
    """One original and what every method makes of it."""
    model = _with(stage.template, _of(saved, "state/"))
    recipe_ = config.compare.train or recipe(config.compare.family)
    losses = {}
    for name, side, rows in (
        ("trained", "train", stage.trained),
        ("within", "train", stage.held_out),
        ("across", "dev", np.arange(len(stage.vectors["dev"]))),
    ):
        targets = targets_of(getattr(stage.split, side), model.config, recipe_)
        losses[name] = mean_loss(model, _store(stage.vectors[side]), targets, rows)
    curvature = (
        curvature_of(model, _store(stage.vectors["train"]), stage.trained) if _erasure(config).curvature else None
    )
    found: dict[str, Any] = {"original": {}, "unlearned": {}, "skipped": {}}
    for size, rows in stage.sets.items():
        scope: Scope = "speaker" if speakers_of(size) else "utterances"
        waveforms = tuple(stage.vectors["train"].values[int(row)].numpy() for row in rows)
        forget_set = ForgetSet(waveforms, torch.as_tensor(stage.labels[rows]))
        record = ErasureRecord(trained=losses["trained"], within=losses["within"], across=losses["across"])
        names = tuple(record.commitment(waveform) for waveform in waveforms)
        statistics = _statistics(names, saved, size, curvature)
        model.erasure = replace(record, commitments={"train": frozenset(names)}, statistics=statistics)
        found["original"][size] = _answers(model, stage, size)
        cache: dict[str, object] = {}
        for text in config.methods:
            spec = parse_variant(text)
            settings = method_config(spec.name, **{**config.compare.settings.get(spec.name, {}), **spec.changes})
            try:
                run = forget(model, forget_set, method=spec.name, config=settings, scope=scope, seed=seed, cache=cache)
            except ConfigError as error:  # the method has nothing to work with here, such as a clean fold model
                found["skipped"][f"{size}/{spec.text}"] = str(error)
                continue
            assert isinstance(run.model, PooledModel)
            found["unlearned"][f"{size}/{spec.text}"] = _answers(run.model, stage, size, seconds=run.seconds)
    return found


def _statistics(
    names: tuple[str, ...], saved: dict[str, Tensor], size: str, curvature: Curvature | None
) -> SavedStatistics:
    """What erasure-ready training would have saved of a forget set."""
    teachers = saved[f"teachers/{size}"]
    nothing = torch.zeros(len(names), 0, teachers.shape[2])
    fold = _of(saved, f"fold/{size}/")
    folds = (FoldModel(rule="across", never_heard=frozenset(names), state=fold),) if fold else ()
    whole = speakers_of(size) > 0
    return SavedStatistics(
        names=names,
        within=nothing if whole else teachers,
        across=teachers if whole else nothing,
        curvature=curvature,
        folds=folds,
    )


def _store(vectors: Vectors) -> Any:
    """Vectors where a feature store is asked for; only rows are read of it."""
    return vectors


def _answers(model: PooledModel, stage: _Stage, size: str, *, seconds: float = 0.0) -> dict[str, Any]:
    """phi of the forget set, and how well a model does."""
    rows = stage.sets[size]
    kept = np.setdiff1d(stage.trained, rows)

    def logits(side: str, chosen: IntArray) -> FloatArray:
        return predict_rows(model, _store(stage.vectors[side]), chosen, batch_size=512)

    forgotten, retained = logits("train", rows), logits("train", kept)
    labels = stage.split.test.labels()
    test = logits("test", np.arange(len(labels))).argmax(1)
    return {
        "phi": phi(forgotten, stage.labels[rows]).tolist(),
        "forget_accuracy": float((forgotten.argmax(1) == stage.labels[rows]).mean()),
        "retained_accuracy": float((retained.argmax(1) == stage.labels[kept]).mean()),
        "test_accuracy": float((test == labels).mean()),
        "test_uar": uar(labels, test),
        "seconds": seconds,
    }
