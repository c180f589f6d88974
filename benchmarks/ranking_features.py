"""RankList and its baselines where no voice is needed: EmoBank (texts with valence, arousal and dominance) and MSLR.

EmoBank: hashed words and the norms of a lexicon, its own split, a linear score; the order follows the mean rating, and
margins are differences of means, or of the raters' shares. MSLR: documents of a query with grades from 0 to 4, 136
features, one hidden layer; lists and pairs are within a query, and a quarter of the training queries chooses. The
losses and the sampler are those of affekt train --method ranklist; the loop around them is a plain one, which
benchmarks/ranking.py shares.

Losses are compared at one number of steps and of comparisons a step. Learning rate and epoch are those with the highest
tau on the development side. Intervals resample texts or queries (95 %) and average the seeds in every resample.

python benchmarks/ranking_features.py emobank|mslr --data FOLDER --out FOLDER [--seeds N]
"""

import argparse
import copy
import hashlib
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from scipy.stats import kendalltau
from torch import Tensor, nn

from affekt.encoders import HashedText, read_lexicon
from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.losses import ccc_loss, ranking_loss
from affekt.metrics import kendall_tau, ranking_difference, score_ranking
from affekt.preference import LabelLists
from affekt.preference.ranklist import skip_at
from affekt.training import run_record

RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
CHOICE_SEEDS = (1001, 1002, 1003)
"""Of the models that choose a learning rate; none of them is reported."""
STEPS = {"emobank": 200, "mslr": 400}
CHECKS = 10
"""How often the development side is looked at."""
SIZE = 8
PAIRS = 120
"""Comparisons of a step, where losses are compared."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """Items to learn from or to score."""

    features: Tensor
    """(N, D)."""
    truth: np.ndarray
    """(N,)."""
    groups: np.ndarray | None = None
    """Query of each item, (N,)."""
    grades: np.ndarray | None = None
    """Ratings that chose each grade, (N, L)."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How to learn."""

    loss: str
    """A ranking loss; or mse or ccc for values, or levels for the cross-entropy of the levels read off the score."""
    size: int = SIZE
    skip: int | None = None
    form: str = "sum"
    balanced: bool = False
    curriculum: str = "none"
    margin: float = 0.0
    votes: bool = False
    within: bool = False
    """Lists are of one group."""
    lists: int | None = None
    """Lists a step; None: as many as make the wanted number of comparisons."""


class Scorer(nn.Module):
    """Dropout, perhaps a hidden layer, one score; and thresholds for the loss called levels."""

    def __init__(self, width: int, hidden: int, *, dropout: float, levels: int) -> None:
        super().__init__()
        layers = [nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, 1)] if hidden else [nn.Linear(width, 1)]
        self.layers = nn.Sequential(nn.Dropout(dropout), *layers)
        self.bias = nn.Parameter(torch.zeros(levels))

    def forward(self, features: Tensor) -> Tensor:
        """(..., D) -> (...)."""
        scores: Tensor = self.layers(features).squeeze(-1)
        return scores


def learn(
    setting: Setting,
    train: Side,
    dev: Side | None,
    *,
    steps: int,
    rate: float,
    seed: int,
    hidden: int = 0,
    dropout: float = 0.2,
    pairs: int = PAIRS,
) -> Scorer:
    """The scorer at the check with the highest tau on the development side; without one, at the last step."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    levels, codes = np.unique(train.truth, return_inverse=True)
    model = Scorer(train.features.shape[1], hidden, dropout=dropout, levels=len(levels))
    if setting.loss in ("mse", "ccc"):  # the way from 0 to the mean would take most of the steps
        nn.init.constant_(model.layers[-1].bias, float(train.truth.mean()))  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.05)
    rows = np.arange(len(train.truth))
    sampler = LabelLists(
        values=train.truth,
        size=setting.size,
        margin=setting.margin,
        grades=train.grades if setting.votes else None,
        groups=train.groups if setting.within else None,
    )
    plain = setting.loss in ("mse", "ccc", "levels")
    lists = 1 if plain else setting.lists or lists_a_step(setting, sampler, rows, pairs)
    targets, labels = torch.from_numpy(train.truth).float(), torch.from_numpy(codes.reshape(-1))
    best, kept = -2.0, copy.deepcopy(model)
    for step in range(steps):
        model.train()
        position = step / steps
        for group in optimizer.param_groups:
            group["lr"] = rate * min(
                (position + 1e-3) / 0.1, 0.5 * (1 + np.cos(np.pi * max(0.0, position - 0.1) / 0.9))
            )
        if plain:
            batch = torch.from_numpy(rng.choice(rows, min(64, len(rows)), replace=False))
            loss = of_values(setting.loss, model, train.features[batch], targets[batch], labels[batch])
        else:
            drawn = torch.from_numpy(sampler.draw(rows, lists, rng))  # (L, n)
            again = torch.cat([torch.zeros_like(drawn[:, :1], dtype=torch.bool), drawn[:, 1:] == drawn[:, :-1]], 1)
            most = setting.skip or setting.size - 1
            loss = ranking_loss(
                model(train.features[drawn]),
                targets[drawn].masked_fill(again, float("nan")),
                loss=setting.loss,  # type: ignore[arg-type]
                skip=skip_at(step, steps, most=most, how=setting.curriculum),  # type: ignore[arg-type]
                form=setting.form,  # type: ignore[arg-type]
                balanced=setting.balanced,
            ).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if dev is not None and (step + 1) % (steps // CHECKS) == 0:
            found = tau_of(dev, score(model, dev), within=setting.within)
            if found > best:
                best, kept = found, copy.deepcopy(model)
    return model if dev is None else kept


def of_values(loss: str, model: Scorer, features: Tensor, targets: Tensor, labels: Tensor) -> Tensor:
    """What looks at one item at a time, or at its value."""
    scores = model(features)
    if loss == "mse":
        return nn.functional.mse_loss(scores, targets)
    if loss == "ccc":
        return ccc_loss(scores[:, None], targets[:, None]).sum()
    places = torch.arange(len(model.bias)) - (len(model.bias) - 1) / 2
    return nn.functional.cross_entropy(scores[:, None] * places + model.bias, labels)


def lists_a_step(setting: Setting, sampler: LabelLists, rows: np.ndarray, pairs: int) -> int:
    """So many that there are about as many pairs of different targets, whatever part of them a loss looks at."""
    drawn = sampler.values[sampler.draw(rows, 200, np.random.default_rng(0))]
    found = sum((drawn[:, k:] != drawn[:, :-k]).sum() for k in range(1, setting.size)) / len(drawn)
    return max(1, round(pairs / max(float(found), 1.0)))


def best_rate(setting: Setting, train: Side | Sequence[Side], dev: Side, *, steps: int, **options: Any) -> float:
    """The learning rate with the highest mean tau on the development side, of seeds that are not reported.

    With several training sides (labels spoilt in different ways), each seed takes the next of them.
    """
    sides = [train] if isinstance(train, Side) else list(train)

    def tau(rate: float) -> float:
        found = []
        for number, seed in enumerate(CHOICE_SEEDS):
            side = sides[number % len(sides)]
            model = learn(setting, side, dev, steps=steps, rate=rate, seed=seed, **options)
            found.append(tau_of(dev, score(model, dev), within=setting.within))
        return float(np.mean(found))

    return max(RATES, key=tau)


def tau_of(side: Side, scores: np.ndarray, *, within: bool) -> float:
    """Tau-b; SciPy's is the faster one where all pairs count."""
    if within:
        return kendall_tau(side.truth, scores, within=side.groups)
    found = float(kendalltau(side.truth, scores).statistic)
    return found if np.isfinite(found) else 0.0


def score(model: Scorer, side: Side) -> np.ndarray:
    """Scores of a side, (N,)."""
    model.eval()
    with torch.no_grad():
        return np.asarray(model(side.features).numpy())


def emobank(data: Path) -> tuple[dict[str, tuple[Side, Side, Side]], str, int]:
    """The three attributes: training, development and test side of each; the digest of the data; the hidden width."""
    table = pl.read_csv(data / "emobank.csv")
    raters = pl.read_csv(data / "emobank_individual_reader_ratings.csv")
    lexicon = read_lexicon(data / "Ratings_Warriner_et_al.csv")
    features = torch.from_numpy(HashedText(lexicon=lexicon).encode(table["text"].to_list()))
    place = {name: row for row, name in enumerate(table["id"].to_list())}
    known = raters.filter(pl.col("id").is_in(list(place)))
    rows = np.array([place[name] for name in known["id"]])
    found = {}
    for attribute, column in (("valence", "V"), ("arousal", "A"), ("dominance", "D")):
        grades = np.zeros((len(table), 5))
        np.add.at(grades, (rows, known[column].to_numpy() - 1), 1.0)
        truth = table[column].to_numpy()
        sides = []
        for side in ("train", "dev", "test"):
            inside = (table["split"] == side).to_numpy() & (grades.sum(1) > 0)
            sides.append(Side(features=features[torch.from_numpy(inside)], truth=truth[inside], grades=grades[inside]))
        found[attribute] = (sides[0], sides[1], sides[2])
    files = ("emobank.csv", "emobank_individual_reader_ratings.csv", "Ratings_Warriner_et_al.csv")
    return found, digest([data / name for name in files]), 0


def mslr(data: Path) -> tuple[dict[str, tuple[Side, Side, Side]], str, int]:
    """The same for grades of documents."""
    loaded = {name: np.load(data / f"{name}.npz") for name in ("train", "test")}
    whole = {name: squashed(part["X"]) for name, part in loaded.items()}
    mean, deviation = whole["train"].mean(0), whole["train"].std(0) + 1e-6
    queries = np.unique(loaded["train"]["qid"])
    later = np.isin(loaded["train"]["qid"], queries[::4])

    def side(name: str, inside: np.ndarray) -> Side:
        x = torch.from_numpy(((whole[name][inside] - mean) / deviation).astype(np.float32))
        return Side(features=x, truth=loaded[name]["y"][inside].astype(float), groups=loaded[name]["qid"][inside])

    sides = side("train", ~later), side("train", later), side("test", np.ones(len(whole["test"]), bool))
    return {"grade": sides}, digest([data / "train.npz", data / "test.npz"]), 64


def squashed(x: np.ndarray) -> np.ndarray:
    """Counts of very different sizes on a logarithmic scale."""
    return np.asarray(np.sign(x) * np.log1p(np.abs(x.astype(np.float64))))


def digest(files: list[Path]) -> str:
    """SHA-256 over files."""
    found = hashlib.sha256()
    for file in files:
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def settings_of(task: str, subject: str) -> dict[str, Setting]:
    """What is compared: the losses, and for arousal and grades what else can be chosen."""
    grouped = task == "mslr"
    found = {
        "regression, squared error": Setting(loss="mse"),
        "regression, 1 - CCC": Setting(loss="ccc"),
        "RankNet": Setting(loss="ranknet", size=2),
        "ListNet": Setting(loss="listnet"),
        "ListMLE": Setting(loss="listmle"),
        "RankList, all": Setting(loss="ranklist"),
        "RankList, all, log-sum-exp": Setting(loss="ranklist", form="lse"),
    }
    if subject in ("arousal", "grade"):
        for skip in (1, 2, 4):
            found[f"RankList, K = {skip}"] = Setting(loss="ranklist", skip=skip)
    if subject == "arousal":
        for margin in (0.1, 0.25, 0.5):
            found[f"RankList, all, margin {margin}"] = Setting(loss="ranklist", size=4, margin=margin)
        found["RankList, all, raters 0.5"] = Setting(loss="ranklist", size=4, margin=0.5, votes=True)
    if grouped:
        found["RankList, all, lists of 32"] = Setting(loss="ranklist", size=32)
    return {name: replace(setting, within=grouped) for name, setting in found.items()}


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("emobank", "mslr"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    check_new_folder(options.out)
    torch.set_num_threads(1)
    started = time.perf_counter()
    sides, data_sha256, hidden = (emobank if options.task == "emobank" else mslr)(options.data)
    seeds = list(range(1, options.seeds + 1))
    rows = []
    for subject, (train, dev, test) in sides.items():
        base: np.ndarray | None = None
        for name, setting in settings_of(options.task, subject).items():
            how = {"steps": STEPS[options.task], "hidden": hidden}
            rate = best_rate(setting, train, dev, **how)
            found = (learn(setting, train, dev, rate=rate, seed=seed, **how) for seed in seeds)
            scores = np.stack([score(model, test) for model in found])
            base = scores if name == "RankNet" else base
            rows.append(row_of(name, subject, test, scores, base, setting=setting, rate=rate))
            tau = rows[-1]["tau"]
            sys.stderr.write(
                f"{subject:10} {name:34} tau {tau['estimate']:.3f} [{tau['low']:.3f}, {tau['high']:.3f}]\n"
            )
    record = run_record(
        f"ranking-{options.task}",
        command_line=shlex.join(["python", "benchmarks/ranking_features.py", *sys.argv[1:]]),
        data_sha256=data_sha256,
        seeds=seeds,
        steps=STEPS[options.task],
        comparisons=PAIRS,
        rows=rows,
        seconds=time.perf_counter() - started,
    )
    with new_folder(options.out) as folder:
        write_json(folder / "results.json", record)
        write_text(folder / "results.md", markdown(record))
    return 0


def row_of(
    name: str,
    subject: str,
    test: Side,
    scores: np.ndarray,
    base: np.ndarray | None,
    *,
    setting: Setting,
    rate: float,
) -> dict[str, Any]:
    """Scores of several seeds with intervals, and less those of RankNet."""
    how: dict[str, Any] = {"clusters": test.groups, "within": test.groups, "cluster_unit": "query"}
    if test.groups is None:
        how = {"margin": 0.25}  # pairs that raters tell apart
    found = score_ranking(test.truth, scores, **how)
    row: dict[str, Any] = {
        "name": name,
        "of": subject,
        "tau": asdict(found.tau),
        "pair_accuracy": asdict(found.pair_accuracy),
        "pairs": found.pairs,
        "settings": asdict(setting),
        "learning_rate": rate,
    }
    if base is not None and base is not scores:
        change = ranking_difference(test.truth, scores, base, **how)
        row["less_ranknet"] = {"tau": asdict(change.tau), "pair_accuracy": asdict(change.pair_accuracy)}
    return row


def markdown(record: dict[str, Any]) -> str:
    """The rows as a table."""
    lines = [
        f"# {record['command']}",
        "",
        f"    {record['command_line']}",
        "",
        f"{len(record['seeds'])} seeds, affekt {record['affekt']}; 95 % intervals over "
        f"{record['rows'][0]['tau']['unit']}.",
        "",
        "| of | score by | tau-b | pair accuracy | tau less RankNet | learning rate |",
        "|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        change = row.get("less_ranknet")
        lines.append(
            f"| {row['of']} | {row['name']} | {cell(row['tau'])} | {cell(row['pair_accuracy'])} | "
            f"{cell(change['tau'], sign='+') if change else '–'} | {row['learning_rate']} |"
        )
    return "\n".join([*lines, ""])


def cell(found: dict[str, Any], *, sign: str = "") -> str:
    """An estimate with its interval."""
    return f"{found['estimate']:{sign}.3f} [{found['low']:{sign}.3f}, {found['high']:{sign}.3f}]"


if __name__ == "__main__":
    raise SystemExit(main())
