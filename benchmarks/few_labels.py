"""What do FixMatch and FullMatch give with few labels, and what does fusing a model that hears and one that reads?

Every method takes the same number of steps with the same number of labelled utterances each; few-labels never looks at
the others. Thresholds are chosen on the development speakers of the first seed, with other labels than those reported;
where every speaker is a test speaker once, these are test speakers of another seed. The epoch and the weights of the
fusion are chosen on each seed's development speakers, who are labelled. Rows pool the test utterances of all seeds, and
intervals resample their speakers (of DailyDialog: dialogues), with all their seeds.

python benchmarks/few_labels.py text DAILYDIALOG_FOLDER --out FILE
python benchmarks/few_labels.py sound CORPUS --encoder FOLDER --out FILE
python benchmarks/few_labels.py fusion builtin-intents --encoder FOLDER --out FILE
"""

import argparse
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from affekt.corpora import READERS, Corpus, Split, as_text, open_corpus
from affekt.files import write_json, write_text
from affekt.metrics import (
    JointLabels,
    bootstrap,
    bootstrap_difference,
    jrbm,
    jrbm_difference,
    jrbm_interval,
    probabilities,
    uar,
)
from affekt.recognition import FewLabels, FixMatch, FullMatch
from affekt.recognition.fusion import FusionWeights, choose_weights, fuse
from affekt.recognition.views import ViewConfig
from affekt.training import FeatureStore, PredictedHeads, TrainConfig, fit, model_for, predict_heads, recipe, run_record

FRACTIONS = (0.05, 0.1, 0.25, 1.0)
THRESHOLDS = (0.7, 0.8, 0.95)
METHODS = {"few-labels": FewLabels, "fixmatch": FixMatch, "fullmatch": FullMatch}
TUNING_SEED = 1000  # labels of the tuning are others than those of any reported seed
TUNED_AT = 0.1


class Side(NamedTuple):
    """Utterances with the features that one family makes of them."""

    corpus: Corpus
    store: FeatureStore


class Sides(NamedTuple):
    """Training, development and test utterances of one seed."""

    train: Side
    dev: Side
    test: Side


class Run(NamedTuple):
    """One trained model."""

    dev: PredictedHeads
    test: PredictedHeads
    dev_score: float
    notes: dict[str, Any]


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("fusion", "sound", "text"))
    parser.add_argument("corpus")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--encoder")
    parser.add_argument("--family", choices=("encoder", "logmel-cnn"), default="encoder")
    parser.add_argument("--layer", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--mu", type=int, default=3)
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS)
    parser.add_argument("--thresholds", type=float, nargs="+", default=THRESHOLDS)
    parser.add_argument("--lexicon", default="")
    options = parser.parse_args()
    started = time.perf_counter()
    corpus = READERS["dailydialog"](options.corpus) if options.task == "text" else open_corpus(options.corpus)
    found = fusion(corpus, options) if options.task == "fusion" else single(corpus, options)
    record = run_record(
        "few-labels",
        command_line=shlex.join(["python", "benchmarks/few_labels.py", *sys.argv[1:]]),
        corpus=corpus.name,
        synthetic=corpus.synthetic,
        data_sha256=corpus.digest,
        utterances=len(corpus),
        seeds=list(range(options.seeds)),
        **found,
        seconds=time.perf_counter() - started,
    )
    write_json(options.out, record)
    write_text(options.out.with_suffix(".md"), page(record))
    return 0


# training


def settings(kind: str, options: argparse.Namespace, *, intents: bool) -> TrainConfig:
    """Settings of a family, the same for all methods."""
    if kind == "text":
        changes: dict[str, Any] = {"batch_size": 64, "epochs": options.epochs or 6, "class_weights": False}
    else:
        changes = {"batch_size": 32, "epochs": options.epochs or 20}
    return recipe(kind, intents=intents, label_smoothing=0.0, heldout_fraction=0.0, patience=1000, **changes)


def network(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    """Options of a family's network."""
    if kind == "text":
        return {"lexicon": options.lexicon} if options.lexicon else {}
    if kind == "encoder":
        return {"encoder": options.encoder, "layer": options.layer, "hidden": 256}
    return {"stretch": 0.0, "shift_bands": 0, "mask_bands": 0, "mask_frames": 0}  # the views do that


def method(name: str, options: argparse.Namespace, *, fraction: float, seed: int, threshold: float) -> FewLabels:
    """A method with its settings."""
    common: dict[str, Any] = {"labelled": fraction, "label_seed": seed, "select": "score"}
    if name == "few-labels":
        return FewLabels(**common)
    views = ViewConfig(count=options.views, lexicon=options.lexicon)
    return METHODS[name](**common, mu=options.mu, threshold=threshold, views=views)  # type: ignore[arg-type]


def train(sides: Sides, kind: str, config: TrainConfig, options: argparse.Namespace, seed: int) -> Run:
    """Fit one model and let it predict."""
    model = model_for(sides.train.corpus, config, family=kind, seed=seed, options=network(kind, options))
    stores = (sides.train.store, sides.dev.store)
    fitted = fit(model, sides.train.corpus, sides.dev.corpus, config=config, seed=seed, stores=stores)
    best = fitted.history[fitted.best_epoch - 1]
    notes: dict[str, Any] = {"best_epoch": fitted.best_epoch}
    noted = [key for key in best if key.startswith(("k_", "mask_rate_", "negatives_"))]
    notes |= {key: [round(entry[key], 4) for entry in fitted.history] for key in noted}
    chosen = config.method.targets(sides.train.corpus, model.config, config)
    notes["labelled"] = int((chosen.labels >= 0).sum())
    if isinstance(config.method, FixMatch):
        rest = np.flatnonzero(chosen.labels < 0)
        if len(rest):
            shares = probabilities(predict_heads(model, sides.train.store, rest).logits)
            sure = shares.max(1) >= config.method.threshold
            hits = shares.argmax(1) == sides.train.corpus.labels()[rest]
            notes["pseudo"] = {
                "share": float(sure.mean()),
                "accuracy": float(hits[sure].mean()) if sure.any() else None,
            }
    return Run(
        dev=predict_heads(model, sides.dev.store, np.arange(len(sides.dev.corpus))),
        test=predict_heads(model, sides.test.store, np.arange(len(sides.test.corpus))),
        dev_score=-min(entry["dev_loss"] for entry in fitted.history),
        notes=notes,
    )


def tuned(
    sides: Sides, kind: str, config: TrainConfig, options: argparse.Namespace
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """The threshold of each method with the best development score, and all that were tried."""
    tried = []
    for name in ("fixmatch", "fullmatch"):
        for threshold in options.thresholds:
            chosen = method(name, options, fraction=TUNED_AT, seed=TUNING_SEED, threshold=threshold)
            run = train(sides, kind, replace(config, method=chosen), options, TUNING_SEED)
            tried.append({"method": name, "threshold": threshold, "dev_score": run.dev_score})
            say(f"tuning {name} at {threshold}: {run.dev_score:.4f} on development speakers")
    best = {
        name: max((entry for entry in tried if entry["method"] == name), key=lambda entry: entry["dev_score"])
        for name in ("fixmatch", "fullmatch")
    }
    return {"few-labels": 0.0, **{name: entry["threshold"] for name, entry in best.items()}}, tried


# data


def folds(corpus: Corpus, seeds: int) -> Iterator[Split]:
    """One split a seed: every speaker is a test speaker once, the next ones are for development."""
    order = np.random.default_rng(0).permutation(corpus.speakers).tolist()
    size = -(-len(order) // seeds)
    held = max(2, size // 2)
    for seed in range(seeds):
        test = order[seed * size : (seed + 1) * size]
        rest = order[(seed + 1) * size :] + order[: seed * size]
        dev = rest[:held]
        yield Split(
            train=corpus.without_speakers(*test, *dev), dev=corpus.with_speakers(*dev), test=corpus.with_speakers(*test)
        )


def dialogues(corpus: Corpus, seeds: int) -> Iterator[Split]:
    """The validation file to learn from, 15 % of its dialogues for development, the test file to test."""
    learn = corpus.select(pl.col("split") == "dev")
    held = np.random.default_rng(0).permutation(learn.speakers)[: round(0.15 * len(learn.speakers))].tolist()
    split = Split(
        train=learn.without_speakers(*held),
        dev=learn.with_speakers(*held),
        test=corpus.select(pl.col("split") == "test"),
    )
    for _ in range(seeds):
        yield split


class Featurist:
    """Features of one family, computed once for all splits."""

    def __init__(self, corpus: Corpus, kind: str, config: TrainConfig, options: argparse.Namespace) -> None:
        self.model = model_for(corpus, config, family=kind, seed=0, options=network(kind, options))
        self.stores: dict[str, FeatureStore] = {}

    def sides(self, split: Split) -> Sides:
        """The split with its features."""
        found = []
        for corpus in (split.train, split.dev, split.test):
            if corpus.digest not in self.stores:
                self.stores[corpus.digest] = FeatureStore(self.model, corpus, memory_gib=1.0)
                self.stores[corpus.digest].fill()
            found.append(Side(corpus, self.stores[corpus.digest]))
        return Sides(*found)


# scoring


class Pool:
    """Test utterances of all seeds, with what each row of the table says of them."""

    def __init__(self, n_emotions: int, n_intents: int) -> None:
        self.sizes = (n_emotions, n_intents)
        self.truth: list[tuple[np.ndarray, np.ndarray, list[str]]] = []
        self.said: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}

    def add_truth(self, corpus: Corpus, intents: tuple[str, ...]) -> None:
        """The utterances of one seed."""
        self.truth.append((corpus.labels(), intent_labels(corpus, intents), corpus.table["speaker"].to_list()))

    def add(self, row: str, emotions: np.ndarray, intents: np.ndarray) -> None:
        """What a row says of the utterances of the latest seed."""
        self.said.setdefault(row, []).append((np.asarray(emotions), np.asarray(intents)))

    def score(self, row: str, against: dict[str, str]) -> dict[str, Any]:
        """Scores of a row with intervals, and its differences to others."""
        truth, clusters = self._joined(self.truth), [one for part in self.truth for one in part[2]]
        said = self._joined(self.said[row])
        found: dict[str, Any] = {"seeds": [self._seed_score(row, seed) for seed in range(len(self.truth))]}
        names = ("emotion", "intent") if self.sizes[1] else ("emotion",)
        for place, name in enumerate(names):
            found[f"{name}_uar"] = asdict(bootstrap("uar", truth[place], said[place], clusters=clusters))
        sizes = {"n_emotions": self.sizes[0], "n_intents": self.sizes[1]}
        pair = JointLabels(*truth[:2])
        if self.sizes[1]:
            for average in ("weighted", "micro"):
                found[f"jrbm_{average}"] = asdict(
                    jrbm_interval(pair, JointLabels(*said), average=average, clusters=clusters, **sizes)  # type: ignore[arg-type]
                )
        for label, other in against.items():
            theirs = self._joined(self.said[other])
            if self.sizes[1]:
                for key, relative in ((f"minus_{label}", False), (f"gain_over_{label}", True)):
                    found[key] = asdict(
                        jrbm_difference(
                            pair,
                            JointLabels(*said),
                            JointLabels(*theirs),
                            clusters=clusters,
                            relative=relative,
                            **sizes,
                        )
                    )
            else:
                found[f"minus_{label}"] = asdict(
                    bootstrap_difference("uar", truth[0], said[0], theirs[0], clusters=clusters)
                )
        return found

    def _seed_score(self, row: str, seed: int) -> float:
        truth, said = self.truth[seed], self.said[row][seed]
        if not self.sizes[1]:
            return uar(truth[0], said[0])
        return jrbm(JointLabels(*truth[:2]), JointLabels(*said), n_emotions=self.sizes[0], n_intents=self.sizes[1])

    @staticmethod
    def _joined(parts: list[Any]) -> list[np.ndarray]:
        return [np.concatenate([part[place] for part in parts]) for place in (0, 1)]


def intent_labels(corpus: Corpus, intents: tuple[str, ...]) -> np.ndarray:
    """Index of the intent of each utterance; zeros where there are none."""
    return np.array([intents.index(value) if intents else 0 for value in corpus.table["intent"]], np.int64)


# tasks


def single(corpus: Corpus, options: argparse.Namespace) -> dict[str, Any]:
    """One family on one corpus: all methods with all shares of labels."""
    kind = "text" if options.task == "text" else options.family
    config = settings(kind, options, intents=options.task == "text")
    splits = list((dialogues if options.task == "text" else folds)(corpus, options.seeds))
    features = Featurist(splits[0].train, kind, config, options)
    thresholds, tried = tuned(features.sides(splits[0]), kind, config, options)
    intents = features.model.config.intents
    pool, notes = Pool(len(corpus.classes), len(intents)), {}
    for seed, split in enumerate(splits):
        sides = features.sides(split)
        pool.add_truth(split.test, intents)
        for fraction in options.fractions:
            for name in METHODS:
                chosen = method(name, options, fraction=fraction, seed=seed, threshold=thresholds[name])
                run = train(sides, kind, replace(config, method=chosen), options, seed)
                row = f"{name}@{fraction:g}"
                said = run.test.intents.argmax(1) if intents else np.zeros(len(split.test), np.int64)
                pool.add(row, run.test.logits.argmax(1), said)
                notes.setdefault(row, []).append(run.notes)
                say(f"seed {seed}: {row} {pool._seed_score(row, seed):.4f}, dev {run.dev_score:.4f}")
    rows = []
    for fraction in options.fractions:
        for name in METHODS:
            row = f"{name}@{fraction:g}"
            against = {} if name == "few-labels" else {"few_labels": f"few-labels@{fraction:g}"}
            scores = pool.score(row, against)
            rows.append({"method": name, "labelled": fraction, **scores, "notes": notes[row]})
    return {
        "family": kind,
        "options": shown(network(kind, options)),
        "config": config.to_json(),
        "mu": options.mu,
        "views": options.views,
        "thresholds": {name: thresholds[name] for name in ("fixmatch", "fullmatch")},
        "tried": tried,
        "rows": rows,
    }


def fusion(corpus: Corpus, options: argparse.Namespace) -> dict[str, Any]:
    """Both families on a corpus with sound and text: all methods, and the best of both fused."""
    kinds = {"sound": "encoder", "text": "text"}
    corpora = {"sound": corpus, "text": as_text(corpus)}
    configs = {name: settings(kind, options, intents=True) for name, kind in kinds.items()}
    splits = {name: list(folds(corpora[name], options.seeds)) for name in kinds}
    features = {name: Featurist(corpora[name], kinds[name], configs[name], options) for name in kinds}
    thresholds, tried = {}, {}
    for name in kinds:
        thresholds[name], tried[name] = tuned(
            features[name].sides(splits[name][0]), kinds[name], configs[name], options
        )
    intents = features["text"].model.config.intents
    pool, notes = Pool(len(corpus.classes), len(intents)), {}
    weights: dict[str, list[FusionWeights]] = {}
    picked: dict[str, list[tuple[str, str]]] = {}
    for seed in range(options.seeds):
        dev = splits["sound"][seed].dev
        truth = {"emotions": dev.labels(), "intents": intent_labels(dev, intents)}
        pool.add_truth(splits["sound"][seed].test, intents)
        for fraction in options.fractions:
            best: dict[str, Run] = {}
            for name, kind in kinds.items():
                runs = {}
                for way in METHODS:
                    chosen = method(way, options, fraction=fraction, seed=seed, threshold=thresholds[name][way])
                    sides = features[name].sides(splits[name][seed])
                    runs[way] = train(sides, kind, replace(configs[name], method=chosen), options, seed)
                    row = f"{name} {way}@{fraction:g}"
                    pool.add(row, runs[way].test.logits.argmax(1), runs[way].test.intents.argmax(1))
                    notes.setdefault(row, []).append(runs[way].notes)
                    say(f"seed {seed}: {row} {pool._seed_score(row, seed):.4f}")
                winner = max(runs, key=lambda way: runs[way].dev_score)
                best[name] = runs[winner]
                picked.setdefault(f"{fraction:g}", []).append((name, winner))
                pool.add(
                    f"{name} best@{fraction:g}", runs[winner].test.logits.argmax(1), runs[winner].test.intents.argmax(1)
                )
            found = choose_weights(best["sound"].dev, best["text"].dev, **truth)
            weights.setdefault(f"{fraction:g}", []).append(found)
            for row, chosen_weights in (("fusion", found), ("plain mean", FusionWeights())):
                labels = fuse(best["sound"].test, best["text"].test, chosen_weights).labels()
                pool.add(f"{row}@{fraction:g}", np.asarray(labels.emotions), np.asarray(labels.intents))
                say(f"seed {seed}: {row}@{fraction:g} {pool._seed_score(f'{row}@{fraction:g}', seed):.4f}")
    rows = []
    for fraction in options.fractions:
        end = f"@{fraction:g}"
        names = [f"{name} {way}" for name in kinds for way in (*METHODS, "best")]
        for name in (*names, "plain mean", "fusion"):
            against = {}
            if name in ("fusion", "plain mean"):
                against = {"sound": f"sound best{end}", "text": f"text best{end}"}
                against |= {f"{kind}_few_labels": f"{kind} few-labels{end}" for kind in kinds}
            elif not name.endswith(("few-labels", "best")):
                against = {"few_labels": f"{name.split()[0]} few-labels{end}"}
            entry = {"method": name, "labelled": fraction, **pool.score(name + end, against)}
            rows.append(entry | ({"notes": notes[name + end]} if name + end in notes else {}))
    return {
        "families": {name: {"family": kind, "options": shown(network(kind, options))} for name, kind in kinds.items()},
        "config": {name: config.to_json() for name, config in configs.items()},
        "mu": options.mu,
        "views": options.views,
        "thresholds": {name: {way: thresholds[name][way] for way in ("fixmatch", "fullmatch")} for name in kinds},
        "tried": tried,
        "picked": picked,
        "weights": {key: [one._asdict() for one in value] for key, value in weights.items()},
        "rows": rows,
    }


# showing


def shown(values: dict[str, Any]) -> dict[str, Any]:
    """Options without folders of this machine."""
    return {
        key: Path(value).name if isinstance(value, str) and "/" in value else value for key, value in values.items()
    }


def page(record: dict[str, Any]) -> str:
    """The table as Markdown."""
    joint = "jrbm_weighted" in record["rows"][0]
    heads = (
        ["method", "labels", "JRBM, weighted", "JRBM, micro", "UAR emotion", "UAR intent"]
        if joint
        else ["method", "labels", "UAR"]
    )
    heads += ["less few-labels", "mask rate", "k"]
    lines = [f"# Few labels: {record['corpus']}", "", f"`{record['command_line']}`", ""]
    if record["synthetic"]:
        lines += ["The corpus is synthetic: no person speaks in it.", ""]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in record["rows"]:
        cells = [row["method"], f"{100 * row['labelled']:g} %"]
        keys = ["jrbm_weighted", "jrbm_micro", "emotion_uar", "intent_uar"] if joint else ["emotion_uar"]
        cells += [interval(row[key]) for key in keys]
        cells.append(interval(row["minus_few_labels"], sign=True) if "minus_few_labels" in row else "")
        cells += [last(row, "mask_rate_emotion"), last(row, "k_emotion")]
        lines.append("| " + " | ".join(cells) + " |")
    gains = [row for row in record["rows"] if "gain_over_sound" in row]
    if gains:
        lines += [
            "",
            "JRBM (weighted) of the fusion less that of single models, and relative to theirs: of the models that were",
        ]
        lines += ["fused (the best of each kind on development speakers), and of those trained from labels alone.", ""]
        lines += ["| fusion | labels | single model | difference | relative |", "|---|---|---|---|---|"]
        for row in gains:
            for key in [key.removeprefix("gain_over_") for key in row if key.startswith("gain_over_")]:
                name = key.replace("_few_labels", ", few-labels")
                cells = [row["method"], f"{100 * row['labelled']:g} %", name]
                cells += [interval(row[f"minus_{key}"], sign=True), interval(row[f"gain_over_{key}"], sign=True)]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def interval(value: dict[str, Any], *, sign: bool = False) -> str:
    """An estimate with its interval."""
    form = "+.3f" if sign else ".3f"
    return f"{value['estimate']:{form}} [{value['low']:{form}}, {value['high']:{form}}]"


def last(row: dict[str, Any], key: str) -> str:
    """Mean over the seeds of what was noted of the last epoch."""
    values = [one[key][-1] for one in row.get("notes", []) if key in one]
    return f"{np.mean(values):.2f}" if values else ""


def say(line: str) -> None:
    """One line of progress."""
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
