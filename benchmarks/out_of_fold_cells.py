"""Cells of the benchmark of out-of-fold forgetting: models, retrained models, and what a lever changes.

A cell is a training seed, a size of the request and a draw. :class:`Row` says what is changed in it; :class:`Bench`
keeps the models and the cells in a folder.
"""

import argparse
import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from affekt.corpora import Corpus, Split
from affekt.corpora.splits import by_speaker
from affekt.files import read_json, write_json
from affekt.metrics import loss_gap, loss_gap_floor, phi, tow
from affekt.models import EmotionModel
from affekt.models.curvature import Curvature, collect_curvature
from affekt.models.saved_statistics import FoldRule, SavedStatistics
from affekt.training import (
    ErasureConfig,
    FeatureStore,
    TrainConfig,
    held_out_mask,
    parse_variant,
    predict_rows,
    recipe,
    train_split,
)
from affekt.training.erasure_ready import curvature_of
from affekt.unlearning import ForgetSet, Retained, forget, method_config
from affekt.unlearning.assess import Assessment, Outputs, assess, relearn
from affekt.unlearning.draws import draw_forget_set, speakers_of
from affekt.unlearning.erasing import known_names
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.retained_batches import retained_loss

SIZES = ("10", "50", "speaker", "3-speakers")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One lever."""

    group: str
    method: str
    """With its settings after colons."""
    folds: int = 10
    repeats: int = 4
    hidden: int | None = None
    """Width of the head's hidden layer; None is the configuration's."""
    curvature: str = "saved"
    """``outputs``: the factors of the squared change of the logits instead, which does not vanish where the training
    set is known by heart; measured on the recordings trained on. ``last``: of the last layer alone."""
    sequence: str = "in turn"
    """Several speakers: ``in turn``; ``at once``, in one request; ``renewed``, in turn, and what was saved of the
    curvature is measured anew on what stays before each request, which needs the retained data."""
    sizes: tuple[str, ...] = SIZES

    @property
    def name(self) -> str:
        """What the tables call it."""
        extra = [
            f"folds={self.folds}" if self.folds != 10 else "",
            f"repeats={self.repeats}" if self.repeats != 4 else "",
        ]
        extra += [f"hidden={self.hidden}" if self.hidden is not None else ""]
        extra += [f"curvature={self.curvature}" if self.curvature != "saved" else ""]
        extra += [self.sequence if self.sequence != "in turn" else ""]
        return " ".join([self.method, *(word for word in extra if word)])


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the cells of one seed and one width of head share."""

    split: Split
    stores: dict[str, FeatureStore]
    models: dict[int, EmotionModel]
    """By the number of folds; the weights are the same."""
    trained: np.ndarray[Any, Any]
    config: TrainConfig
    outputs: list[Curvature] = field(default_factory=list)
    """The curvature of the squared change of the logits, once it was needed."""


class Bench:
    """Models, retrained models and scores, kept in a folder."""

    def __init__(self, corpus: Corpus, settings: dict[str, Any], options: argparse.Namespace) -> None:
        self.corpus = corpus
        self.settings = settings
        self.options = options
        self.config = replace(recipe("encoder"), **settings.get("train", {}))
        self.stages: dict[tuple[int, int | None], Stage] = {}

    def stage(self, seed: int, hidden: int | None) -> Stage:
        """Split, features and models of one seed."""
        if (seed, hidden) not in self.stages:
            split = by_speaker(self.corpus, seed=seed)
            first = self.model(split, seed, hidden, 10)
            shared = next((s for (other, _), s in self.stages.items() if other == seed), None)
            stores = (
                {side: FeatureStore(first, getattr(split, side)) for side in ("train", "dev", "test")}
                if shared is None
                else shared.stores
            )
            held = held_out_mask(split.train, seed=seed, fraction=self.config.heldout_fraction)
            self.stages[seed, hidden] = Stage(
                split=split, stores=stores, models={10: first}, trained=np.flatnonzero(~held), config=self.config
            )
        return self.stages[seed, hidden]

    def model(self, split: Split, seed: int, hidden: int | None, folds: int) -> EmotionModel:
        """An erasure-ready model, trained or read."""
        folder = self.options.work / f"model-{seed}-{hidden}-{folds}"
        if not folder.exists():
            # other folds of utterances alone: there are no more folds of speakers than speakers
            rules: tuple[FoldRule, ...] = ("within", "across") if folds == 10 else ("within",)
            repeats = 1 if folds != 10 else 4 if hidden is None else 2
            changed = {} if hidden is None else {"hidden": hidden}
            report = train_split(
                split,
                family="encoder",
                config=self.config,
                options={**self.settings.get("options", {}), **changed},
                seed=seed,
                erasure=ErasureConfig(folds=folds, repeats=repeats, rules=rules, keep_folds=False),
            )
            report.model.save_pretrained(folder)
        return EmotionModel.from_pretrained(folder)

    def cell(self, seed: int, size: str, draw: int, rows: tuple[Row, ...]) -> list[dict[str, Any]]:
        """All rows of a cell; those that were computed before are read."""
        file = self.options.work / f"cell-{seed}-{size}-{draw}.json"
        known: dict[str, Any] = read_json(file) if file.is_file() else {}
        for row in rows:
            if size in row.sizes and row.name not in known:
                known[row.name] = self.row(seed, size, draw, row, known)
                write_json(file, known)
        if "teachers" not in known:
            known["teachers"] = self.teachers(seed, size, draw, known)
            write_json(file, known)
        found = [{**known[row.name], "row": row.name, "group": row.group} for row in rows if row.name in known]
        return [{**row, "teachers": known["teachers"]} for row in found]

    def teachers(self, seed: int, size: str, draw: int, known: dict[str, Any]) -> dict[str, float]:
        """How far the saved outputs themselves are from the retrained models: what forgetting aims at."""
        stage = self.stage(seed, None)
        train, model = stage.split.train, stage.models[10]
        rows = draw_forget_set(train, stage.trained, size=size, forget_from="random", seed=seed, draw=draw)
        forget_set = ForgetSet.of(train.select(rows), model)
        rule: FoldRule = "across" if speakers_of(size) else "within"
        logits = saved(model).teachers(known_names(model, forget_set), rule)
        assert logits is not None
        found = logits.double().softmax(2).mean(1).log()  # (N, K)
        labels = forget_set.labels.numpy()
        golds = known["gold None"]
        right = np.mean([gold["phi"] for gold in golds], axis=0)
        margin = phi(found.numpy(), labels)
        return {
            "loss_gap": loss_gap(-found.numpy()[np.arange(len(labels)), labels], [gold["losses"] for gold in golds]),
            "phi_gap": float(np.abs(margin - right).mean()),
            "phi_shift": float((margin - right).mean()),
            "forget_gap": float((found.argmax(1).numpy() == labels).mean())
            - float(np.mean([gold["accuracies"][0] for gold in golds])),
        }

    def row(self, seed: int, size: str, draw: int, row: Row, known: dict[str, Any]) -> dict[str, Any]:
        """One forgetting and its scores."""
        stage = self.stage(seed, row.hidden)
        if row.folds not in stage.models:
            stage.models[row.folds] = self.model(stage.split, seed, row.hidden, row.folds)
        model = with_repeats(stage.models[row.folds], row.repeats)
        if row.curvature == "outputs":
            model = of_outputs(model, stage)
        if row.curvature == "last":
            model = of_last_layer(model)
        train = stage.split.train
        forgotten = draw_forget_set(train, stage.trained, size=size, forget_from="random", seed=seed, draw=draw)
        names = np.array(train.table["speaker"].to_list())
        persons = sorted(set(names[forgotten].tolist()))
        whole = speakers_of(size) > 0
        gone = np.flatnonzero(np.isin(names, persons)) if whole else forgotten
        kept = np.setdiff1d(np.arange(len(train)), gone)
        looker = Looker(stage, forgotten, kept, seed=1000 * seed + draw)
        gold_key = f"gold {row.hidden}"
        if gold_key not in known:
            retained = looker.retained(seed)
            golds = [
                forget(
                    stage.models[10],
                    ForgetSet.of(train.select(forgotten), stage.models[10]),
                    method="retrain",
                    retained=retained,
                    scope="speaker" if whole else "utterances",
                    seed=100_000 * k + 1000 * seed + draw,
                )
                for k in range(self.options.golds)
            ]
            known[gold_key] = [{**looker.scores(g.model, seed), "seconds": g.seconds} for g in golds]  # type: ignore[arg-type]
            known[f"original {row.hidden}"] = looker.scores(stage.models[10], seed)
        seconds, steps, reached = 0.0, 0, True
        if row.method != "original":
            parts = [forgotten]
            if whole and row.sequence != "at once":
                parts = [forgotten[names[forgotten] == person] for person in persons]
            spec = parse_variant(row.method)
            left = np.setdiff1d(stage.trained, [])
            for number, part in enumerate(parts):
                if row.sequence == "renewed" and number:
                    model = renewed(model, stage.stores["train"], left)
                run = forget(
                    model,
                    ForgetSet.of(train.select(part), model),
                    method=spec.name,
                    config=method_config(spec.name, **spec.changes),
                    scope="speaker" if whole else "utterances",
                    seed=1000 * seed + draw + 500 * number,
                )
                assert isinstance(run.model, EmotionModel)
                model, reached = run.model, run.log.reached
                seconds, steps = seconds + run.seconds, steps + run.log.steps
                left = np.setdiff1d(left, part)
        return {
            **gaps(looker.scores(model, seed), known[gold_key], known[f"original {row.hidden}"]),
            "seed": seed,
            "size": size,
            "draw": draw,
            "forgotten": len(forgotten),
            "seconds": seconds,
            "steps": steps,
            "reached": reached,
        }


def saved(model: EmotionModel) -> SavedStatistics:
    """What erasure-ready training left beside a model."""
    assert model.erasure is not None
    assert model.erasure.statistics is not None
    return model.erasure.statistics


def with_saved(model: EmotionModel, **changes: Any) -> EmotionModel:
    """A copy with other saved statistics."""
    model = copy.copy(model)
    assert model.erasure is not None
    model.erasure = replace(model.erasure, statistics=replace(saved(model), **changes))
    return model


def with_repeats(model: EmotionModel, repeats: int) -> EmotionModel:
    """A copy whose statistics hold the first repeats alone."""
    return with_saved(model, within=saved(model).within[:, :repeats], across=saved(model).across[:, :repeats])


def of_outputs(model: EmotionModel, stage: Stage) -> EmotionModel:
    """A copy whose saved curvature is that of the squared change of the logits: as if classes were equally likely."""
    if not stage.outputs:

        def level(features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            logits = model.classify(features, lengths)
            return logits - logits.detach()

        batches = [stage.stores["train"].batch(stage.trained[k : k + 32]) for k in range(0, len(stage.trained), 32)]
        stage.outputs.append(collect_curvature(model.eval(), level, batches))
    return with_saved(model, curvature=stage.outputs[0])


def of_last_layer(model: EmotionModel) -> EmotionModel:
    """A copy whose saved curvature is that of the last layer alone: the others' gradients are taken as they are."""
    whole = saved(model).curvature
    assert whole is not None
    last = list(whole.layers)[-1:]
    return with_saved(model, curvature=replace(whole, layers={name: whole.layers[name] for name in last}))


def renewed(model: EmotionModel, store: FeatureStore, rows: np.ndarray[Any, Any]) -> EmotionModel:
    """A copy whose saved curvature is that of rows under its present weights."""
    return with_saved(model, curvature=curvature_of(model, store, rows))


class Looker:
    """Scores of any model of one cell."""

    def __init__(self, stage: Stage, forgotten: np.ndarray[Any, Any], kept: np.ndarray[Any, Any], *, seed: int) -> None:
        self.stage, self.forgotten, self.kept, self.seed = stage, forgotten, kept, seed
        pool = np.intersect1d(kept, stage.trained)
        self.sample = np.sort(np.random.default_rng(seed).choice(pool, min(256, len(pool)), replace=False))
        self.labels = stage.split.train.labels()

    def retained(self, seed: int) -> Retained:
        """What stays."""
        stores = self.stage.stores
        return Retained(train=stores["train"], rows=self.kept, dev=stores["dev"], config=self.stage.config, seed=seed)

    def scores(self, model: EmotionModel, seed: int) -> dict[str, Any]:
        """Accuracies, UAR, and losses and margins of each forgotten recording."""
        train, test = self.stage.stores["train"], self.stage.stores["test"]
        logits = predict_rows(model, train, self.forgotten)
        labels = self.labels[self.forgotten]
        found: Assessment = assess(
            Outputs(
                forget=(logits, labels),
                non_members=None,
                retained=(predict_rows(model, train, self.sample), self.labels[self.sample]),
                test=(predict_rows(model, test, np.arange(len(test))), self.stage.split.test.labels()),
            )
        )
        kept = self.retained(seed)
        back = relearn(
            model,
            lambda changed: retained_loss(LearnedPart(changed), kept, batch_size=32, seed=self.seed),
            lambda changed: predict_rows(changed, train, self.forgotten),
            labels,
            steps=10,
        )
        return {
            "accuracies": [found.forget_accuracy, found.retained_accuracy, found.test_accuracy],
            "test_uar": found.test_uar,
            "losses": list(found.forget_losses),
            "phi": [float(value) for value in phi(logits, labels)],
            "relearned": back,
        }


def gaps(mine: dict[str, Any], golds: list[dict[str, Any]], original: dict[str, Any]) -> dict[str, Any]:
    """A model against the retrained ones, and each of those against the others: the floor."""

    def mean(models: list[dict[str, Any]], key: str) -> np.ndarray[Any, Any]:
        return np.asarray(np.mean([model[key] for model in models], axis=0))

    def against(model: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, float]:
        right = mean(others, "accuracies")
        return {
            "tow": tow(model["accuracies"], right),
            "tow_one": float(np.mean([tow(model["accuracies"], other["accuracies"]) for other in others])),
            "forget_gap": float(model["accuracies"][0] - right[0]),
            "retained_gap": float(model["accuracies"][1] - right[1]),
            "relearn_gap": abs(float(model["relearned"] - mean(others, "relearned"))),
            "phi_shift": float(np.mean(np.asarray(model["phi"]) - mean(others, "phi"))),
            "phi_gap": float(np.abs(np.asarray(model["phi"]) - mean(others, "phi")).mean()),
        }

    rest = [golds[:k] + golds[k + 1 :] for k in range(len(golds))]
    floors = [against(gold, others) for gold, others in zip(golds, rest, strict=True)]
    losses = np.array([gold["losses"] for gold in golds])
    return {
        **against(mine, golds),
        "loss_gap": loss_gap(mine["losses"], losses),
        "test_uar_change": float(mine["test_uar"] - original["test_uar"]),
        "test_uar_gap": float(mine["test_uar"] - mean(golds, "test_uar")),
        "retrain_seconds": float(np.mean([gold["seconds"] for gold in golds])),
        "floor": {
            **{key: float(np.mean([floor[key] for floor in floors])) for key in floors[0]},
            "tow_worst": min(floor["tow"] for floor in floors),
            "loss_gap": loss_gap_floor(losses),
            "test_uar_change": float(mean(golds, "test_uar") - original["test_uar"]),
        },
    }
