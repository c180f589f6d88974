"""How well do scores order the recordings of people never heard? RankList, its parts and its baselines, on speech.

Tasks: `intensity` (RAVDESS, as its actors were told), `arousal` (RAVDESS, from its categories by the rule of
affekt.preference.positions, no rating), `stem` (STEM-E2VA: neutral, moderate, intense; one speaker out), `cross`
(learned on one of the two, tested on the other). Every score is a linear map of the third layer of a frozen
Whisper-base encoder, pooled. RAVDESS: actors 01 to 09 are learned from, 10 to 12 choose learning rate (by three seeds
that are not reported) and epoch, 13 to 24 are reported. Where STEM-E2VA is, nothing is chosen: one learning rate, the
last step. To go from one corpus to the other, RAVDESS has the levels of STEM-E2VA: its neutral is neutral, normal is
moderate and strong is intense. Labels are turned round in training alone.

Losses are compared at one number of steps and of comparisons a step, counting pairs of different levels; a list of
ListNet or ListMLE counts as all its pairs. So many single pairs are of about four times as many recordings as lists of
eight; one row has as many recordings instead. K is compared on the same lists. The row "by affekt train" is the method
as the command has it; the others are the same losses and sampler in the plain loop of benchmarks/ranking_features.py.
Intervals resample speakers (95 %) and average the seeds in every resample.

python benchmarks/ranking.py TASK --ravdess FOLDER --stem FOLDER --encoder FOLDER --out FOLDER [--seeds N]
"""

import argparse
import shlex
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from ranking_features import CHOICE_SEEDS, Setting, Side, best_rate, cell, learn, score

from affekt.audio import level_db
from affekt.corpora import Corpus, open_corpus
from affekt.corpora.labels import labelled_by
from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.metrics import kendall_tau, pair_accuracy, ranking_difference, score_ranking
from affekt.preference import RankList, predict_scores
from affekt.preference.positions import positions_of
from affekt.training import FeatureStore, build_model, fit, model_for, recipe, run_record

LAYER = 3
HOW: dict[str, Any] = {"steps": 240, "pairs": 120, "dropout": 0.3}
"""Of every run."""
INTENSITIES = {"intensity": ("normal", "strong"), "stem": ("neutral", "moderate", "intense")}
UNCHOSEN_RATE = 1e-3
"""Where there are no people to choose it on."""
BASES = {"RankNet": "less_ranknet", "RankNet, as many recordings as lists": "less_ranknet_as_many"}
"""Rows that others are compared with, and what the difference is called."""
LISTS = 8
"""Lists of eight a step, where K is compared; they have about 120 pairs of different levels."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Utterances, their features and what they are truly ordered by."""

    corpus: Corpus
    store: FeatureStore
    side: Side

    @property
    def speakers(self) -> np.ndarray:
        """Speaker of each utterance."""
        return np.array(self.corpus.table["speaker"].to_list())

    def of(self, *speakers: str) -> "Heard":
        """What some people said."""
        rows = np.flatnonzero(np.isin(self.speakers, speakers))
        corpus = self.corpus.select(rows)
        store = FeatureStore(self.store.model, corpus)
        side = Side(
            features=self.side.features[torch.from_numpy(rows)],
            truth=self.side.truth[rows],
            groups=np.unique(self.speakers[rows], return_inverse=True)[1].astype(np.int64),
        )
        return Heard(corpus=corpus, store=store, side=side)


def heard(corpus: Corpus, truth: np.ndarray, encoder: str) -> Heard:
    """Features of a corpus by the encoder, pooled and normalised."""
    model = build_model("encoder", ("a", "b"), seed=0, options={"encoder": encoder, "layer": LAYER})
    model.network.head = torch.nn.Identity()
    store = FeatureStore(model, corpus)
    store.fill()
    with torch.no_grad():
        features = torch.cat([model.eval().network.classify(*store.batch([row])) for row in range(len(corpus))])  # type: ignore[operator]
    groups = np.unique(corpus.table["speaker"].to_list(), return_inverse=True)[1].astype(np.int64)
    return Heard(corpus=corpus, store=store, side=Side(features=features, truth=truth, groups=groups))


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("intensity", "arousal", "stem", "cross"))
    parser.add_argument("--ravdess", required=True)
    parser.add_argument("--stem", required=True)
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    check_new_folder(options.out)
    torch.set_num_threads(1)
    started = time.perf_counter()
    ravdess, stem = open_corpus(options.ravdess), open_corpus(options.stem)
    seeds = list(range(1, options.seeds + 1))
    if options.task in ("intensity", "arousal"):
        rows = on_ravdess(ravdess, options.task, options.encoder, seeds)
    else:
        rows = on_stem(ravdess, stem, options.task, options.encoder, seeds)
    record = run_record(
        f"ranking-{options.task}",
        command_line=shlex.join(["python", "benchmarks/ranking.py", *sys.argv[1:]]),
        data_sha256={"ravdess": ravdess.digest, "stem": stem.digest},
        seeds=seeds,
        layer=LAYER,
        **HOW,
        rows=rows,
        seconds=time.perf_counter() - started,
    )
    with new_folder(options.out) as folder:
        write_json(folder / "results.json", record)
        write_text(folder / "results.md", markdown(record))
    return 0


def compared() -> dict[str, Setting]:
    """The losses at one number of comparisons a step, and one that is none."""
    return {
        "cross-entropy of the levels": Setting(loss="levels"),
        "RankNet": Setting(loss="ranknet", size=2),
        "RankNet, as many recordings as lists": Setting(loss="ranknet", size=2, lists=4 * LISTS),
        "ListNet": Setting(loss="listnet"),
        "ListMLE": Setting(loss="listmle"),
        "RankList, all": Setting(loss="ranklist"),
        "RankList, all, log-sum-exp": Setting(loss="ranklist", form="lse"),
    }


def parts() -> dict[str, Setting]:
    """Ever more comparisons of the same lists, and what else can be chosen."""
    found = {}
    for skip in (1, 2, 4, None):
        one = Setting(loss="ranklist", skip=skip, lists=LISTS)
        found[f"RankList, K = {skip or 'all'}"] = one
        if skip != 1:
            found[f"RankList, K doubling to {skip or 'all'}"] = replace(one, curriculum="doubling")
    found["RankList, all, balanced"] = Setting(loss="ranklist", balanced=True)
    found["RankList, all, within a speaker"] = Setting(loss="ranklist", within=True)
    return found


def on_ravdess(ravdess: Corpus, task: str, encoder: str, seeds: list[int]) -> list[dict[str, Any]]:
    """Losses and parts; for intensity noise in the labels, for arousal margins."""
    if task == "arousal":
        corpus, truth = ravdess, positions_of(ravdess)[:, 1]
    else:
        corpus = labelled_by(ravdess, "intensity", classes=INTENSITIES[task])
        truth = corpus.labels().astype(float)
    everyone = heard(corpus, truth, encoder)
    train, dev = everyone.of(*(f"{k:02d}" for k in range(1, 10))), everyone.of("10", "11", "12")
    test = everyone.of(*(f"{k:02d}" for k in range(13, 25)))
    rows = without_training(test)
    settings = compared() | parts()
    if task == "arousal":
        settings = compared() | {name: one for name, one in parts().items() if "K" not in name}
        settings |= {"regression, squared error": Setting(loss="mse"), "regression, 1 - CCC": Setting(loss="ccc")}
        del settings["cross-entropy of the levels"]
        for margin in (0.05, 0.1, 0.2, 0.3):
            settings[f"RankList, all, margin {margin}"] = Setting(loss="ranklist", margin=margin)
    rates = {name: best_rate(setting, train.side, dev.side, **HOW) for name, setting in settings.items()}
    bases: dict[str, np.ndarray] = {}
    for name, setting in settings.items():
        scores = several(setting, train.side, dev.side, test.side, rates[name], seeds)
        if name in BASES:
            bases[BASES[name]] = scores
        rows.append(row_of(name, test, scores, bases, setting=setting, rate=rates[name]))
    if task == "intensity":
        rate = rates["RankList, all"]
        scores = np.stack([by_command(train, dev, test, encoder, rate, seed) for seed in seeds])
        rows.append(row_of("RankList, all, by affekt train", test, scores, bases, rate=rate))
        rows += noisy(train, dev, test, seeds)
    return rows


def by_command(train: Heard, dev: Heard, test: Heard, encoder: str, rate: float, seed: int) -> np.ndarray:
    """Scores of a model trained as affekt train does it."""
    method = RankList(lists=LISTS)
    epochs = round(HOW["steps"] / method.steps(None, np.arange(len(train.corpus)), None))  # type: ignore[arg-type]
    config = recipe(
        "ranker",
        method=method,
        epochs=epochs,
        patience=epochs,
        learning_rate=rate,
        label="intensity",
        classes=train.corpus.classes,
        heldout_fraction=0.0,
    )
    options = {"encoder": encoder, "settings": {"layer": LAYER}}
    model = model_for(train.corpus, config, family="ranker", seed=seed, options=options)
    fit(model, train.corpus, dev.corpus, config=config, seed=seed, stores=(train.store, dev.store))
    return predict_scores(model, test.store).astype(np.float64)


def several(setting: Setting, train: Side, dev: Side | None, test: Side, rate: float, seeds: list[int]) -> np.ndarray:
    """Scores of several seeds, (S, N)."""
    return np.stack([score(learn(setting, train, dev, rate=rate, seed=seed, **HOW), test) for seed in seeds])


def noisy(train: Heard, dev: Heard, test: Heard, seeds: list[int]) -> list[dict[str, Any]]:
    """The same with a share of the training labels turned round; the labels of the development side stay right."""
    rows = []
    for share in (0.1, 0.2, 0.3, 0.4):
        bases: dict[str, np.ndarray] = {}
        for name, setting in compared().items():
            rate = best_rate(setting, [spoilt(train.side, share, seed) for seed in CHOICE_SEEDS], dev.side, **HOW)
            scores = [
                several(setting, spoilt(train.side, share, seed), dev.side, test.side, rate, [seed])[0]
                for seed in seeds
            ]
            stacked = np.stack(scores)
            if name in BASES:
                bases[BASES[name]] = stacked
            title = f"{name}, {share:.0%} of labels wrong"
            rows.append(row_of(title, test, stacked, bases, setting=setting, rate=rate))
    return rows


def spoilt(side: Side, share: float, seed: int) -> Side:
    """A side with a share of its two labels turned round."""
    wrong = np.random.default_rng([seed, 5]).random(len(side.truth)) < share
    return replace(side, truth=np.where(wrong, 1.0 - side.truth, side.truth))


def on_stem(ravdess: Corpus, stem: Corpus, task: str, encoder: str, seeds: list[int]) -> list[dict[str, Any]]:
    """One speaker out, or from one corpus to the other; the last step is kept and nothing is chosen."""
    table = stem.table.with_columns(pl.col("intensity").fill_null("neutral"))
    own = labelled_by(replace(stem, table=table), "intensity", classes=INTENSITIES["stem"])
    mandarin = heard(own, own.labels().astype(float), encoder)
    rate = UNCHOSEN_RATE
    rows = []
    if task == "stem":
        settings = compared() | {name: one for name, one in parts().items() if "K =" in name}
        for margin in (1.0, 2.0):
            settings[f"RankList, all, margin {margin:g}"] = Setting(loss="ranklist", margin=margin)
        people = sorted(set(mandarin.speakers))
        folds = [(mandarin.of(*(one for one in people if one != out)).side, mandarin.of(out)) for out in people]
        rows = without_training(mandarin)
        order = np.concatenate([np.flatnonzero(mandarin.speakers == out) for out in people])
        bases: dict[str, np.ndarray] = {}
        for name, setting in settings.items():
            found = np.empty((len(seeds), len(order)))
            found[:, order] = np.concatenate(
                [several(setting, train, None, test.side, rate, seeds) for train, test in folds], axis=1
            )
            if name in BASES:
                bases[BASES[name]] = found
            # scores of the models of different folds are on no common scale
            rows.append(row_of(name, mandarin, found, bases, setting=setting, rate=rate, within=True))
        return rows
    names = {"normal": "moderate", "strong": "intense"}
    told = zip(ravdess.table["emotion"].to_list(), ravdess.table["intensity"].to_list(), strict=True)
    words = ["neutral" if emotion == "neutral" else names[str(intensity)] for emotion, intensity in told]
    table = ravdess.table.with_columns(intensity=pl.Series(words))
    acted = labelled_by(replace(ravdess, table=table), "intensity", classes=INTENSITIES["stem"])
    english = heard(acted, acted.labels().astype(float), encoder)
    for prefix, train, test in (("to STEM-E2VA: ", english, mandarin), ("to RAVDESS: ", mandarin, english)):
        bases = {}
        for name, setting in compared().items():
            found = several(setting, train.side, None, test.side, rate, seeds)
            if name in BASES:
                bases[BASES[name]] = found
            rows.append(row_of(prefix + name, test, found, bases, setting=setting, rate=rate))
    return rows


def without_training(test: Heard) -> list[dict[str, Any]]:
    """What level and length of the recordings alone give."""
    clips = [test.corpus.load(row) for row in range(len(test.corpus))]
    levels = np.array([level_db(clip) for clip in clips])
    lengths = np.array([float(len(clip)) for clip in clips])
    return [
        row_of("level of the recording", test, levels[None], {}),
        row_of("length of the recording", test, lengths[None], {}),
    ]


def row_of(
    name: str,
    test: Heard,
    scores: np.ndarray,
    bases: dict[str, np.ndarray],
    *,
    setting: Setting | None = None,
    rate: float | None = None,
    within: bool = False,
) -> dict[str, Any]:
    """Scores of several seeds with intervals, and less those of the baselines."""
    truth, speakers = test.side.truth, test.speakers
    how: dict[str, Any] = {"clusters": speakers, "within": speakers if within else None}
    found = score_ranking(truth, scores, **how)
    tied = truth + 1e-9 * np.random.default_rng(0).random(len(truth))
    row: dict[str, Any] = {
        "name": name,
        "tau": asdict(found.tau),
        "pair_accuracy": asdict(found.pair_accuracy),
        "pair_accuracy_within_speakers": float(np.mean([pair_accuracy(truth, run, within=speakers) for run in scores])),
        "pairs": found.pairs,
        "tau_of_a_perfect_order": kendall_tau(truth, tied, within=how["within"]),
        "tau_of_seeds": [kendall_tau(truth, run, within=how["within"]) for run in scores],
    }
    if setting is not None:
        row["settings"] = asdict(setting)
    if rate is not None:
        row["learning_rate"] = rate
    for key, base in bases.items():
        if base is not scores:
            change = ranking_difference(truth, scores, base, **how)
            row[key] = {"tau": asdict(change.tau), "pair_accuracy": asdict(change.pair_accuracy)}
    tau = row["tau"]
    sys.stderr.write(f"{name:52} tau {tau['estimate']:.3f} [{tau['low']:.3f}, {tau['high']:.3f}]\n")
    return row


def markdown(record: dict[str, Any]) -> str:
    """The rows as a table."""
    first = record["rows"][0]
    lines = [
        f"# {record['command']}",
        "",
        f"    {record['command_line']}",
        "",
        f"{len(record['seeds'])} seeds, affekt {record['affekt']}; 95 % intervals over {first['tau']['unit']}. "
        f"The tau of a perfect order is {first['tau_of_a_perfect_order']:.3f}: scores do not tie where levels do.",
        "",
        "| score by | tau-b | pair accuracy | of one speaker | tau less RankNet | less RankNet of as many recordings | "
        "learning rate |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        changes = [cell(row[key]["tau"], sign="+") if key in row else "–" for key in BASES.values()]
        lines.append(
            f"| {row['name']} | {cell(row['tau'])} | {cell(row['pair_accuracy'])} | "
            f"{row['pair_accuracy_within_speakers']:.3f} | {changes[0]} | {changes[1]} | "
            f"{row.get('learning_rate', '–')} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    raise SystemExit(main())
