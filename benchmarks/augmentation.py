"""Do feature vectors that are made up help a head on a frozen encoder? Noise, mixup, SMOTE, CVAE, GAN, InfoGAN.

Speakers are divided into five groups; with each seed one group is tested, the next is the development side, the others
train, so five seeds test every speaker once, and the next five do so with other groups. In the condition ``few`` every
second class keeps 15 % of its training recordings. Settings are the defaults; the epoch is chosen on the development
speakers. Every head is trained for about as many steps: with more vectors it would else be trained for longer.

python benchmarks/augmentation.py CORPUS --encoder FOLDER --out FOLDER [--seeds 5] [--part few]

Runs are kept one by one in OUT/runs.jsonl, so an interrupted measurement goes on where it stopped.
"""

import argparse
import json
import math
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from affekt.corpora import Corpus, Split, open_corpus
from affekt.files import write_json, write_text
from affekt.metrics import bootstrap, bootstrap_difference, uar
from affekt.models import EmotionModel
from affekt.recognition.feature_augmentation import Augmenter, Samples, Training
from affekt.recognition.generators import GeneratorConfig
from affekt.recognition.information_augmentation import InformationAugmentation
from affekt.training import FeatureStore, TrainConfig, build_model, fit, predict_rows, recipe, run_record
from affekt.training.fit import make_accelerator

GROUPS, HIDDEN = 5, 128
KEPT = 0.15
PLAIN = "none, classes not weighted"
KINDS = ("copies", "noise", "mixup", "smote", "cvae", "gan", "infogan")
BATCH_SIZE, STEPS = 64, 300
GENERATOR_STEPS = (60, 300, 1000)
MOST_STEPS = 3000


def main() -> int:
    """Measure what is asked for, and write what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layer", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--part", action="append", choices=sorted(PARTS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    bench = Bench(open_corpus(options.corpus), options)
    for part in options.part or PARTS:
        for run in PARTS[part](bench):
            bench.run(run)
    record = run_record(
        "augmentation",
        command_line=shlex.join(["python", "benchmarks/augmentation.py", *sys.argv[1:]]),
        corpus=bench.corpus.name,
        data_sha256=bench.corpus.digest,
        classes=list(bench.corpus.classes),
        utterances=len(bench.corpus),
        speakers=len(bench.corpus.speakers),
        seeds=list(range(options.seeds)),
        layer=options.layer,
        train=recipe("encoder", batch_size=BATCH_SIZE).to_json(),
        steps=STEPS,
        generator=asdict(GeneratorConfig()),
        kept_of_few=KEPT,
        **bench.summary(),
        seconds_of_runs=sum(found["seconds"] for found in bench.found.values()),
        seconds=time.perf_counter() - started,
    )
    write_json(options.out / "results.json", record)
    write_text(options.out / "results.md", table(record))
    sys.stdout.write(table(record))
    return 0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training: what it is called and how it differs."""

    name: str
    condition: str
    method: InformationAugmentation
    hidden: int = 0
    weighted: bool = True
    smoothing: float | None = None
    """Label smoothing; None is the recipe's."""


class Bench:
    """Splits, features and finished runs of a corpus."""

    def __init__(self, corpus: Corpus, options: argparse.Namespace) -> None:
        self.corpus, self.options = corpus, options
        self.accelerator = make_accelerator()
        self.seeds = range(options.seeds)
        self.file = options.out / "runs.jsonl"
        self.found: dict[str, dict[str, Any]] = {}
        if self.file.is_file():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self.found[entry["key"]] = entry
        options.out.mkdir(parents=True, exist_ok=True)
        speakers = np.array(corpus.speakers)
        self.group: list[dict[str, int]] = []  # of each speaker, anew for every five seeds
        for repeat in range(-(-options.seeds // GROUPS)):
            groups = np.random.default_rng(repeat).permutation(len(speakers)) % GROUPS
            self.group.append(dict(zip(speakers.tolist(), groups.tolist(), strict=True)))
        self.models: dict[int, EmotionModel] = {}
        self.heads: dict[tuple[int, int], dict[str, torch.Tensor]] = {}
        self.store: FeatureStore | None = None
        self.augmenters: dict[tuple[Any, ...], Augmenter] = {}

    def model(self, hidden: int) -> EmotionModel:
        """One model a width; its encoder is never trained."""
        if hidden not in self.models:
            shape = {"encoder": self.options.encoder, "layer": self.options.layer, "hidden": hidden}
            self.models[hidden] = build_model("encoder", self.corpus.classes, seed=0, options=shape)
        return self.models[hidden]

    def first_weights(self, hidden: int, seed: int) -> dict[str, torch.Tensor]:
        """Weights of a head that has learned nothing."""
        if (hidden, seed) not in self.heads:
            state = self.model(hidden).fresh(seed).state_dict()
            self.heads[hidden, seed] = {name: part for name, part in state.items() if ".encoder." not in name}
        return self.heads[hidden, seed]

    def features(self, corpus: Corpus) -> FeatureStore:
        """Front-end features of some utterances, out of those of all."""
        if self.store is None:
            self.store = FeatureStore(self.model(0), self.corpus)
            self.store.fill()
            for hidden in (0, HIDDEN):
                for seed in self.seeds:
                    self.first_weights(hidden, seed)
            for model in self.models.values():
                model.network.encoder = _NoEncoder()
            names = self.corpus.table["utterance"].to_list()
            self.row_of = {name: row for row, name in enumerate(names)}
        return _Part(self.store, corpus, [self.row_of[name] for name in corpus.table["utterance"]])

    def split(self, seed: int, condition: str) -> Split:
        """The split of a seed; ``few`` takes training recordings of every second class away."""
        of_speaker = self.group[seed // GROUPS]
        group = np.array([of_speaker[speaker] for speaker in self.corpus.table["speaker"]])
        test_group, dev_group = seed % GROUPS, (seed + 1) % GROUPS
        sides = [(group != test_group) & (group != dev_group), group == dev_group, group == test_group]
        train, dev, test = (self.corpus.select(np.flatnonzero(side)) for side in sides)
        if condition == "few":
            labels, keep = train.labels(), np.ones(len(train), bool)
            for k in range(0, len(self.corpus.classes), 2):
                rows = np.random.default_rng([seed, k]).permutation(np.flatnonzero(labels == k))
                keep[rows[max(2, round(KEPT * len(rows))) :]] = False
            train = train.select(np.flatnonzero(keep))
        return Split(train=train, dev=dev, test=test)

    def config(self, run: Run, seed: int, count: int) -> TrainConfig:
        """The recipe, with about as many steps whatever is added: more of them alone can make a head better."""
        ratio = 0.0 if run.method.kind == "none" else run.method.ratio
        method = _reused(self, run, seed)
        default = recipe("encoder", batch_size=BATCH_SIZE, class_weights=run.weighted, method=method)
        if run.smoothing is not None:
            default = replace(default, label_smoothing=run.smoothing)
        rows = (1.0 - default.heldout_fraction) * count * (1.0 + ratio)
        epochs = max(1, round(STEPS / math.ceil(rows / BATCH_SIZE)))
        return replace(default, epochs=epochs, patience=epochs)

    def run(self, run: Run) -> None:
        """Train with every seed, unless it was done before."""
        for seed in self.seeds:
            key = f"{run.condition}|{run.name}|{seed}"
            if key in self.found:
                continue
            started = time.perf_counter()
            split = self.split(seed, run.condition)
            self.features(split.test)
            model = self.model(run.hidden)
            model.load_state_dict(self.first_weights(run.hidden, seed), strict=False)
            config = self.config(run, seed, len(split.train))
            stores = (self.features(split.train), self.features(split.dev))
            fitted = fit(
                model, split.train, split.dev, config=config, seed=seed, stores=stores, accelerator=self.accelerator
            )
            test = predict_rows(model, self.features(split.test), np.arange(len(split.test))).argmax(1)
            best = fitted.history[fitted.best_epoch - 1]
            entry = {
                "key": key,
                "name": run.name,
                "condition": run.condition,
                "seed": seed,
                "history": best,
                "best_epoch": fitted.best_epoch,
                "trained": len(fitted.trained_rows),
                "test_rows": split.test.table["utterance"].to_list(),
                "test": test.tolist(),
                "seconds": time.perf_counter() - started,
            }
            self.found[key] = entry
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
            sys.stderr.write(f"{key}: dev {best['dev_uar']:.3f}, {entry['seconds']:.1f} s\n")

    def runs(self, name: str, condition: str) -> list[dict[str, Any]]:
        """The finished runs of a name, one a seed."""
        return [self.found[key] for seed in self.seeds if (key := f"{condition}|{name}|{seed}") in self.found]

    def pooled(self, runs: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Truth, prediction and speaker of every tested utterance."""
        self.features(self.corpus)
        rows = [self.row_of[name] for run in runs for name in run["test_rows"]]
        speaker = self.corpus.table["speaker"].to_list()
        said = np.concatenate([run["test"] for run in runs])
        return self.corpus.labels()[rows], said, [speaker[row] for row in rows]

    def score(self, name: str, runs: list[dict[str, Any]], base: list[dict[str, Any]]) -> dict[str, Any]:
        """UAR over all test speakers, and its paired difference to a baseline's."""
        truth, said, speakers = self.pooled(runs)
        other = self.pooled(base)[1]
        seeds = [uar(*self.pooled([run])[:2]) for run in runs]
        figures = {
            key: float(np.mean([run["history"][key] for run in runs]))
            for key in sorted(runs[0]["history"])
            if all(key in run["history"] for run in runs)
        }
        return {
            "name": name,
            "uar": asdict(bootstrap("uar", truth, said, clusters=speakers)),
            "difference": asdict(bootstrap_difference("uar", truth, said, other, clusters=speakers)),
            "uar_of_seeds": seeds,
            "history": figures,
        }

    def summary(self) -> dict[str, Any]:
        """All that can be said of the finished runs."""
        found: dict[str, Any] = {"conditions": {}}
        for condition in ("natural", "few"):
            base = self.runs("none", condition)
            if len(base) < len(self.seeds):
                continue
            rows = [self.score("none", base, base)]
            for kind in (PLAIN, *KINDS):
                if len(runs := self.runs(kind, condition)) == len(self.seeds):
                    rows.append(self.score(kind, runs, base))
            copies = self.runs("copies", condition)
            if len(copies) == len(self.seeds):  # what making vectors adds to drawing the rare ones more often
                for row in rows:
                    row["less_copies"] = self.score("", self.runs(row["name"], condition), copies)["difference"]
            entry: dict[str, Any] = {"methods": rows}
            gan, info = self.runs("gan", condition), self.runs("infogan", condition)
            if len(gan) == len(info) == len(self.seeds):
                entry["infogan_less_gan"] = self.score("infogan", info, gan)["difference"]
            entry["parts"] = self.parts(condition)
            if (grid := self.correlation(condition)) is not None:
                entry["indicator"] = grid
            found["conditions"][condition] = entry
        return found

    def parts(self, condition: str) -> list[dict[str, Any]]:
        """Runs with a part left out, each beside the run it is left out of."""
        rows = []
        for name in sorted({run["name"] for run in self.found.values() if run["condition"] == condition}):
            runs = self.runs(name, condition)
            beside = "hidden none" if name.startswith("hidden") else "none"
            first = self.runs(beside, condition)
            if len(runs) == len(self.seeds) == len(first) and name not in ("none", PLAIN, *KINDS):
                rows.append({**self.score(name, runs, first), "beside": beside})
        return rows

    def correlation(self, condition: str) -> dict[str, Any] | None:
        """How the indicator and dev UAR move together over the settings of each split; the interval is over splits.

        Once over all settings, and once over those of the same number of steps, as longer training raises both.
        """
        table: dict[int, dict[int, list[dict[str, float]]]] = {seed: {} for seed in self.seeds}
        for run in self.found.values():
            if run["condition"] == condition and run["seed"] in table:
                steps = _steps_in_grid(run["name"])
                if steps:
                    table[run["seed"]].setdefault(steps, []).append(run["history"])
        sizes = {steps: len(rows) for steps, rows in table[0].items()}
        if sorted(sizes) != sorted(GENERATOR_STEPS) or any(
            {steps: len(rows) for steps, rows in found.items()} != sizes for found in table.values()
        ):
            return None
        result: dict[str, Any] = {"settings": sum(sizes.values()), "level": 0.95}
        for name in ("mi_class", "mi_text", "mi_condition"):
            if not all(name in row for found in table.values() for rows in found.values() for row in rows):
                continue
            whole, equal = [], []
            for seed in self.seeds:
                whole.append(_spearman([row for rows in table[seed].values() for row in rows], name))
                equal.append(float(np.mean([_spearman(rows, name) for rows in table[seed].values()])))
            result[name] = _mean_interval(whole)
            if min(sizes.values()) > 2:
                result[name + " at equal steps"] = _mean_interval(equal)
        return result


def _steps_in_grid(name: str) -> int:
    """Steps of the generator of a run that belongs to the grid of the indicator; 0 for others."""
    if name in ("gan", "infogan"):
        return GeneratorConfig().steps
    return int(name.rsplit(" ", 1)[1]) if name.startswith("class ") else 0


def _spearman(rows: list[dict[str, float]], name: str) -> float:
    """Rank correlation of a figure and dev UAR; 0 where one of them does not change."""
    x, y = ([row[key] for row in rows] for key in (name, "dev_uar"))
    return float(spearmanr(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0


def _mean_interval(each: list[float]) -> dict[str, Any]:
    """The mean of the splits, with an interval that resamples them."""
    draws = np.random.default_rng(0).choice(each, (2000, len(each))).mean(1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"spearman": float(np.mean(each)), "low": float(low), "high": float(high), "splits": each}


class _NoEncoder(torch.nn.Module):
    """In the encoder's place once its features are there: the loop then does not walk through its layers."""

    def blocks(self) -> list[torch.nn.Module]:
        return []


class _Part(FeatureStore):
    """Some rows of another store, for the same utterances in another corpus."""

    def __init__(self, store: FeatureStore, corpus: Corpus, rows: list[int]) -> None:
        self.model, self.corpus = store.model, corpus
        self._items = [store[row] for row in rows]

    def __getitem__(self, row: int) -> torch.Tensor:
        return self._items[row]

    def length(self, row: int) -> int:
        return len(self._items[row])


def _reused(bench: Bench, run: Run, seed: int) -> InformationAugmentation:
    """The run's method; generators of equal settings, split and features are trained once."""

    @dataclass(frozen=True, kw_only=True)
    class Reused(InformationAugmentation):
        def augmenter(self) -> Augmenter | None:
            made = super().augmenter()
            if made is None or run.hidden:
                return made
            settings = replace(self, ratio=1.0, balance=True, measure=True)
            return _Once(bench.augmenters, (run.condition, seed, repr(settings)), made)

    return Reused(**{name: getattr(run.method, name) for name in (each.name for each in fields(run.method))})


class _Once:
    """An augmenter that is fitted the first time alone; its vectors are those of the same split and seed."""

    def __init__(self, known: dict[tuple[Any, ...], Augmenter], key: tuple[Any, ...], made: Augmenter) -> None:
        self.known, self.key, self.made = known, key, made

    def fit(self, training: Training, *, seed: int) -> None:
        if self.key not in self.known:
            self.made.fit(training, seed=seed)
            self.known[self.key] = self.made

    def sample(self, counts: Any, *, seed: int) -> Samples:
        return self.known[self.key].sample(counts, seed=seed)


def few_part(bench: Bench) -> Iterator[Run]:
    """Every kind, with few recordings of every second class."""
    yield from kinds("few")


def natural_part(bench: Bench) -> Iterator[Run]:
    """Every kind, with the training recordings that there are."""
    yield from kinds("natural")


def kinds(condition: str) -> Iterator[Run]:
    """Every kind, with its defaults."""
    for kind in ("none", *KINDS):
        how: dict[str, Any] = {"kind": "noise", "noise_scale": 0.0} if kind == "copies" else {"kind": kind}
        measure = kind in ("cvae", "gan", "infogan")
        yield Run(name=kind, condition=condition, method=InformationAugmentation(**how, measure=measure))
    plain = InformationAugmentation(kind="none")
    yield Run(name=PLAIN, condition=condition, method=plain, weighted=False)


def grid_part(bench: Bench) -> Iterator[Run]:
    """Bounds on and off and how long the generator learns: ablations, and checkpoints for the indicator."""
    text = bench.corpus.name != "emogator"
    for of_class in (0.0, 1.0):
        for of_text in (0.0, 0.5) if text else (0.0,):
            for steps in GENERATOR_STEPS:
                if steps == GeneratorConfig().steps and (of_class, of_text) in (
                    (0.0, 0.0),
                    (1.0, 0.5 if text else 0.0),
                ):
                    continue  # these are gan and infogan
                generator = GeneratorConfig(class_weight=of_class, text_weight=of_text, steps=steps)
                name = f"class {of_class:g} text {of_text:g} steps {steps}"
                yield Run(name=name, condition="few", method=InformationAugmentation(generator=generator))


def text_part(bench: Bench) -> Iterator[Run]:
    """Text at generation and not, pairs with and without their bound; nothing for a corpus without text."""
    pairs, alone = GeneratorConfig(pairs=True), GeneratorConfig(pairs=True, pair_weight=0.0)
    made = {
        "text at training": InformationAugmentation(text="training"),
        "text none": InformationAugmentation(text="none"),
        "pairs": InformationAugmentation(generator=pairs),
        "pairs without bound": InformationAugmentation(generator=alone),
    }
    for name, method in made.items() if bench.corpus.name != "emogator" else ():
        yield Run(name=f"infogan {name}", condition="few", method=method)


def smoothing_part(bench: Bench) -> Iterator[Run]:
    """Hard targets: smoothed ones and class weights act on each other, as the weights multiply the smoothed shares."""
    none, copies = InformationAugmentation(kind="none"), InformationAugmentation(kind="noise", noise_scale=0.0)
    for name, method, weighted in (
        ("none", none, True),
        (PLAIN, none, False),
        ("copies", copies, True),
        ("infogan", InformationAugmentation(), True),
    ):
        yield Run(name=f"{name}, hard targets", condition="few", method=method, weighted=weighted, smoothing=0.0)


def steps_part(bench: Bench) -> Iterator[Run]:
    """Generators that learn for ten times as long."""
    for kind in ("gan", "infogan"):
        method = InformationAugmentation(kind=kind, generator=GeneratorConfig(steps=MOST_STEPS))
        yield Run(name=f"{kind} steps {MOST_STEPS}", condition="few", method=method)


def sizes_part(bench: Bench) -> Iterator[Run]:
    """How many are made, and MINE."""
    for ratio in (0.25, 2.0, 4.0):
        method = InformationAugmentation(ratio=ratio, measure=False)
        yield Run(name=f"infogan ratio {ratio:g}", condition="few", method=method)
    if bench.corpus.name != "emogator":
        method = InformationAugmentation(generator=GeneratorConfig(text_bound="mine"))
        yield Run(name="infogan mine", condition="few", method=method)


def stages_part(bench: Bench) -> Iterator[Run]:
    """A hidden layer that stage 1 trains, with InfoNCE and without."""
    for kind in ("none", "infogan"):
        for weight in (0.5, 0.0) if bench.corpus.name != "emogator" else (0.0,):
            name = f"hidden {kind}" + ("" if weight or bench.corpus.name == "emogator" else " without InfoNCE")
            yield Run(
                name=name,
                condition="few",
                method=InformationAugmentation(kind=kind, align_weight=weight),
                hidden=HIDDEN,
            )


PARTS: dict[str, Callable[[Bench], Iterator[Run]]] = {
    "few": few_part,
    "natural": natural_part,
    "grid": grid_part,
    "text": text_part,
    "sizes": sizes_part,
    "smoothing": smoothing_part,
    "steps": steps_part,
    "stages": stages_part,
}


def table(record: dict[str, Any]) -> str:
    """The record in Markdown."""
    titles = {"natural": "All training recordings", "few": f"Every second class cut to {KEPT:.0%} in training"}
    lines = [f"# Augmentation on {record['corpus']}", "", f"`{record['command_line']}`", ""]
    lines += [f"{record['utterances']} utterances, {record['speakers']} speakers, {len(record['seeds'])} splits.", ""]
    for condition, entry in record["conditions"].items():
        tables = [(titles[condition], entry["methods"])]
        if entry["parts"]:
            tables.append(("Parts of infogan, " + titles[condition].lower(), entry["parts"]))
        for title, rows in tables:
            lines += [f"## {title}", ""]
            lines += ["| method | UAR | less none | less copies | dev UAR | MI class | MI text |", "|---" * 7 + "|"]
            for row in rows:
                history = row["history"]
                cells = [row["name"], _percent(row["uar"]), _percent(row["difference"], sign="+")]
                cells += [_percent(row["less_copies"], sign="+") if "less_copies" in row else ""]
                cells += [f"{100 * history['dev_uar']:.1f}"]
                cells += [f"{history[name]:.2f}" if name in history else "" for name in ("mi_class", "mi_text")]
                lines.append("| " + " | ".join(cells) + " |")
            lines.append("")
            if any(row["name"].startswith("hidden") for row in rows):
                lines += ["Rows with a hidden layer: less *hidden none*.", ""]
        if "infogan_less_gan" in entry:
            lines += [f"infogan less gan: {_percent(entry['infogan_less_gan'], sign='+')}.", ""]
        for name, value in entry.get("indicator", {}).items():
            if isinstance(value, dict):
                bounds = f"[{value['low']:+.2f}, {value['high']:+.2f}]"
                lines += [f"Spearman with dev UAR, {name}: {value['spearman']:+.2f} {bounds}.", ""]
    return "\n".join(lines)


def _percent(value: dict[str, Any], *, sign: str = "") -> str:
    return f"{100 * value['estimate']:{sign}.1f} [{100 * value['low']:{sign}.1f}, {100 * value['high']:{sign}.1f}]"


if __name__ == "__main__":
    raise SystemExit(main())
