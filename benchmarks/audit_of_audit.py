"""Does the T1 verdict of an audit pass models that were retrained, and fail those that were not?

Small heads (one hidden layer of 64) on frozen encoder features, so that the truth is known and there can be many of
them. A draw is a forget set, an original, 20 reference models retrained without the set with other seeds, and these
models to be judged: one more retrained, the original untouched, over-forgotten by gradient ascent and by random labels
until no recording is recognised, merely fine-tuned on what stays, and forgotten by the published recipe to 0 %. The
same models are judged again with out-of-fold rows in place of the retrained models: 20 repeats of 5 folds.

    python benchmarks/audit_of_audit.py ENCODER CORPUS OUT [draws] [references] [first seed] [heads] [sets]

Heads are ``plain`` or ``standardised``: features standardised over the corpus and half as many epochs, with which a
head knows any training set by heart. Sets are ``all``; ``models``: without out-of-fold rows; or ``few``: only 10
utterances of one speaker, and without out-of-fold rows.
Set AFFEKT_EMBEDDINGS to keep the encoder's answers. A share stands with Wilson's interval over draws.
"""

import copy
import hashlib
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affekt.corpora import open_corpus
from affekt.files import write_json
from affekt.metrics import match_non_members, wilson
from affekt.models import EmotionModel, ModelConfig
from affekt.training import FeatureStore, run_record
from affekt.unlearning import ForgetSet, forget, method_config
from affekt.unlearning.audit_answers import Answers, Sets
from affekt.unlearning.audit_items import Item
from affekt.unlearning.audit_judge import AuditReport, judge
from affekt.unlearning.audit_population import speaker_numbers
from affekt.unlearning.audit_probes import Probed, probe_items, probed

WIDTH, HIDDEN, LAYER = 128, 64, 4
FOLDS = 5
RECIPE: dict[str, float] = {"epochs": 60, "batch_size": 32, "learning_rate": 5e-3, "weight_decay": 1e-4}
KINDS = {"10 utterances of one speaker": 10, "30 utterances": 30, "whole speaker": 0}
TRUTHS = (
    "retrained",
    "original",
    "gradient ascent to 0 %",
    "random labels to 0 %",
    "fine-tuned",
    "published recipe to 0 %",
)
MUST_PASS, MUST_FAIL = TRUTHS[:1], TRUTHS[1:4]


class Head(nn.Module):
    """The smallest network with something to learn by heart: features in the place of a waveform."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, classes)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, WIDTH) in [-1, 1] -> (B, C)."""
        logits: Tensor = self.last(torch.relu(self.first(5.0 * features)))
        return logits


@dataclass(frozen=True)
class Data:
    """A corpus as vectors."""

    features: Tensor
    """(N, WIDTH) in [-1, 1]."""
    labels: np.ndarray[Any, Any]
    speakers: np.ndarray[Any, Any]
    seconds: np.ndarray[Any, Any]
    classes: int

    def answers(self, model: nn.Module, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Logits (n, C)."""
        with torch.no_grad():
            return model(self.features[rows], torch.full((len(rows),), WIDTH)).double().numpy()


def read(encoder: str, corpus_path: str, heads: str = "plain") -> tuple[Data, str]:
    """Features of one layer, each clip's means and deviations standardised by themselves, in a fixed random basis.

    For standardised heads every number is then standardised over the corpus, forget set included: that is part of the
    made-up front end, the same for all models.
    """
    corpus = open_corpus(corpus_path)
    classes = sorted({emotion for emotion in corpus.emotions if emotion})
    model = EmotionModel(ModelConfig(family="encoder", classes=tuple(classes), options={"encoder": encoder})).eval()
    store = FeatureStore(model, corpus)
    pooled = torch.stack([store[row][0, LAYER] for row in range(len(corpus))])
    pooled = nn.functional.layer_norm(pooled.view(len(pooled), 2, -1), (pooled.shape[1] // 2,)).flatten(1)
    basis = torch.randn(pooled.shape[1], WIDTH, generator=torch.Generator().manual_seed(0)) / pooled.shape[1] ** 0.5
    features = pooled @ basis
    if heads == "standardised":
        features = (features - features.mean(0)) / features.std(0)
    found = Data(
        features=(features / 5.0).clamp(-1.0, 1.0),
        labels=np.array([classes.index(str(emotion)) for emotion in corpus.emotions]),
        speakers=np.array(corpus.table["speaker"].to_list()),
        seconds=corpus.seconds(),
        classes=len(classes),
    )
    return found, corpus.digest


def train(
    data: Data,
    rows: Sequence[np.ndarray[Any, Any]],
    seeds: Sequence[int],
    start: nn.Module | None = None,
    *,
    epochs: int = 0,
) -> list[Head]:
    """Many heads at once, each on its own rows with its own seed: one step of all is one batched product."""
    heads = []
    for seed in seeds:
        torch.manual_seed(seed)
        heads.append(Head(data.classes) if start is None else copy.deepcopy(start))
    stacked = [
        torch.stack([part.detach() for part in parts]).requires_grad_()
        for parts in zip(*(h.parameters() for h in heads), strict=True)
    ]
    optimizer = torch.optim.AdamW(stacked, lr=RECIPE["learning_rate"], weight_decay=RECIPE["weight_decay"])
    generators = [np.random.default_rng([seed, 1]) for seed in seeds]
    labels, size = torch.as_tensor(data.labels), int(RECIPE["batch_size"])
    most = max(map(len, rows))
    for _ in range(epochs or int(RECIPE["epochs"])):
        orders = np.stack([np.resize(g.permutation(own), most) for g, own in zip(generators, rows, strict=True)])
        for part in np.array_split(orders, -(-most // size), axis=1):  # no batch of a single utterance
            batch = torch.as_tensor(part)  # (M, B)
            w1, b1, w2, b2 = stacked
            hidden = torch.relu(torch.baddbmm(b1[:, None], 5.0 * data.features[batch], w1.transpose(1, 2)))
            logits = torch.baddbmm(b2[:, None], hidden, w2.transpose(1, 2))
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels[batch].flatten(), reduction="none")
            optimizer.zero_grad()
            (loss.sum() / batch.shape[1]).backward()
            optimizer.step()
    for number, head in enumerate(heads):
        with torch.no_grad():
            for parameter, values in zip(head.parameters(), stacked, strict=True):
                parameter.copy_(values[number])
        head.eval()
    return heads


def out_of_fold(
    data: Data, rows: np.ndarray[Any, Any], *, repeats: int, by_speaker: bool, seed: int
) -> np.ndarray[Any, Any]:
    """Logits (R, N, C) of models that were not trained on the fold of each of the rows; NaN elsewhere."""
    found = np.full((repeats, len(data.labels), data.classes), np.nan)
    for repeat in range(repeats):
        units = np.unique(data.speakers[rows], return_inverse=True)[1] if by_speaker else np.arange(len(rows))
        fold = (np.random.default_rng([seed, repeat, by_speaker]).permutation(units.max() + 1) % FOLDS)[units]
        kept = [rows[fold != number] for number in range(FOLDS)]
        seeds = [10_000_000 + 1000 * seed + 10 * repeat + 100_000 * by_speaker + number for number in range(FOLDS)]
        for number, model in enumerate(train(data, kept, seeds)):
            found[repeat, rows[fold == number]] = data.answers(model, rows[fold == number])
    return found


@dataclass(frozen=True)
class Draw:
    """Who is where in one draw."""

    learned: np.ndarray[Any, Any]
    forget: np.ndarray[Any, Any]
    others: np.ndarray[Any, Any]
    test: np.ndarray[Any, Any]


def deal(
    data: Data, generator: np.random.Generator
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows learned from, held out of the training speakers, and of test speakers (a fifth)."""
    people = generator.permutation(np.unique(data.speakers))
    test = np.isin(data.speakers, people[: max(2, round(len(people) / 5))])
    held = ~test & (generator.random(len(test)) < 0.1)
    return np.flatnonzero(~test & ~held), np.flatnonzero(held), np.flatnonzero(test)


def draw(data: Data, sides: tuple[np.ndarray[Any, Any], ...], kind: str, generator: np.random.Generator) -> Draw:
    """A forget set and its matched non-members."""
    learned, held, test = sides
    count = KINDS[kind]
    person = generator.choice(np.unique(data.speakers[learned]))
    own = learned[data.speakers[learned] == person]
    if kind == "whole speaker":
        chosen, pool = own, test
    else:
        chosen = generator.choice(own if "one speaker" in kind else learned, size=count, replace=False)
        pool = held
    known = np.isin(data.labels[chosen], data.labels[pool])
    near = match_non_members(
        data.seconds[chosen[known]], data.labels[chosen[known]], data.seconds[pool], data.labels[pool]
    )
    return Draw(learned, np.sort(chosen), pool[np.unique(near)], test)


def models_of(
    data: Data, found: Draw, *, references: int, seed: int, original: Head
) -> tuple[dict[str, nn.Module], list[Head]]:
    """A model of every truth, and the references."""
    stays = np.setdiff1d(found.learned, found.forget)
    made = train(data, [stays] * (references + 1), [seed * 1000 + 1 + number for number in range(references + 1)])
    forget_set = ForgetSet(
        tuple(data.features[row].numpy() for row in found.forget), torch.as_tensor(data.labels[found.forget])
    )
    run = {
        name: forget(
            original, forget_set, method=method, config=method_config(method, stop="zero", **changes), seed=seed
        ).model
        for name, method, changes in (
            ("gradient ascent to 0 %", "gradient_ascent", {}),
            ("random labels to 0 %", "random_labels", {}),
            ("published recipe to 0 %", "forget_set_alone", {}),
        )
    }
    tuned = train(data, [stays], [seed * 1000 + 999], start=original, epochs=5)[0]
    return {"retrained": made[0], "original": original, **run, "fine-tuned": tuned}, made[1:]


def audited(
    data: Data,
    found: Draw,
    models: dict[str, nn.Module],
    references: list[Head],
    *,
    rows: np.ndarray[Any, Any] | None,
    composite: int,
    seed: int,
) -> dict[str, AuditReport]:
    """The verdict on every model; ``rows`` are out-of-fold logits that stand in for the references' answers."""

    def answers(where: np.ndarray[Any, Any], after: nn.Module, *, forgotten: bool, people: bool = False) -> Answers:
        others = None if rows is not None else np.stack([data.answers(model, where) for model in references])
        return Answers(
            labels=data.labels[where],
            before=data.answers(models["original"], where),
            after=data.answers(after, where),
            references=rows[:, where] if rows is not None and forgotten else others,
            speakers=speaker_numbers(list(data.speakers[where])) if people else None,
        )

    items = {
        name: [data.features[row] for row in where]
        for name, where in (("forget", found.forget), ("others", found.others), ("public", found.test))
    }

    def probe(model: nn.Module) -> Probed:
        return probed(
            model,
            (items["forget"], data.labels[found.forget]),
            (items["public"], data.labels[found.test]),
            items["others"],
            seed=seed,
        )

    beside = [probe(model) for model in references] if rows is None else []
    first = probe(models["original"]) if rows is None else None
    reports = {}
    for name, model in models.items():
        sets = Sets(
            forget=answers(found.forget, model, forgotten=True),
            others=answers(found.others, model, forgotten=False),
            test=answers(found.test, model, forgotten=False, people=True),
            composite=composite,
        )
        probes: list[Item] = (
            [] if first is None else probe_items(first, probe(model), beside, recordings=len(found.forget))
        )
        reports[name] = judge(sets, tier="T1", probes=probes, informed=False, seed=seed)
    return reports


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shares of passed verdicts with Wilson's intervals, by references, forget set and truth."""
    found = []
    for source in dict.fromkeys(row["references"] for row in rows):
        for kind in (*KINDS, "all"):
            for truth in TRUTHS:
                own = [
                    row
                    for row in rows
                    if row["references"] == source and row["truth"] == truth and kind in (row["kind"], "all")
                ]
                if own:
                    verdicts = [row["verdict"] for row in own]
                    passed = wilson(sum(not verdict.startswith("FAILED") for verdict in verdicts), len(own))
                    failing = [test for row in own for test in row["failed"]]
                    found.append(
                        {
                            "references": source,
                            "forget_set": kind,
                            "truth": truth,
                            "draws": len(own),
                            "passed": passed.estimate,
                            "low": passed.low,
                            "high": passed.high,
                            "verdicts": {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))},
                            "failed_tests": {test: failing.count(test) for test in sorted(set(failing))},
                        }
                    )
    return found


def markdown(content: dict[str, Any]) -> str:
    """The table for people."""
    lines = [
        "| references | forget set | truth | draws | passed (95 % interval) | wanted |",
        "|---|---|---|---|---|---|",
    ]
    for row in content["table"]:
        wanted = "at least 90 %" if row["truth"] in MUST_PASS else "at most 5 %" if row["truth"] in MUST_FAIL else "–"
        share = f"{row['passed']:.1%} ({row['low']:.1%} to {row['high']:.1%})"
        lines.append(
            f"| {row['references']} | {row['forget_set']} | {row['truth']} | {row['draws']} | {share} | {wanted} |"
        )
    shares = ", ".join(f"{name} {share:.1%}" for name, share in content["accuracy_of_originals"].items())
    return "\n".join([*lines, "", f"Accuracy of the originals: {shares}."]) + "\n"


def main(
    encoder: str,
    corpus: str,
    out: str,
    draws: int = 60,
    references: int = 20,
    first_seed: int = 0,
    heads: str = "plain",
    sets: str = "all",
) -> None:
    """Run all draws and write results.json and results.md."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    data, digest = read(encoder, corpus, heads)
    kinds = list(KINDS)[: 1 if sets == "few" else None]
    if heads == "standardised":
        RECIPE["epochs"] = RECIPE["epochs"] // 2
    words = [
        "python",
        "benchmarks/audit_of_audit.py",
        shown(encoder),
        shown(corpus),
        f"results/audit-of-audit/{Path(out).name}",
    ]
    record = run_record(
        "audit-of-audit",
        command_line=shlex.join([*words, *map(str, (draws, references, first_seed, heads, sets))]),
        config={
            "recipe": RECIPE,
            "hidden": HIDDEN,
            "width": WIDTH,
            "layer": LAYER,
            "folds": FOLDS,
            "heads": heads,
            "references": references,
            "first_seed": first_seed,
        },
        benchmark_sha256=hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        data_sha256=digest,
    )
    sides, folds, rows, known = None, {}, [], []
    names = {True: f"out-of-fold rows, {references} repeats of {FOLDS} folds", False: f"{references} retrained models"}
    for number in range(draws):
        seed = first_seed + number
        if number % 20 == 0:  # who is trained on changes every 20 draws; out-of-fold rows are made once for each
            sides = deal(data, np.random.default_rng([seed, 5]))
            folds = {
                by: out_of_fold(data, sides[0], repeats=references, by_speaker=by, seed=seed)
                for by in ((False, True) if sets == "all" else ())
            }
        assert sides is not None
        original = train(data, [sides[0]], [seed * 1000])[0]
        known.append([float(np.mean(data.answers(original, part).argmax(1) == data.labels[part])) for part in sides])
        for kind in kinds:
            found = draw(data, sides, kind, np.random.default_rng([seed, list(KINDS).index(kind)]))
            models, others = models_of(
                data, found, references=references, seed=seed * 10 + list(KINDS).index(kind), original=original
            )
            for saved in (False, True)[: 2 if sets == "all" else 1]:
                whole = kind == "whole speaker"
                reports = audited(
                    data,
                    found,
                    models,
                    others,
                    seed=seed,
                    rows=folds[whole] if saved else None,
                    composite=FOLDS if saved and not whole else 1,
                )
                for truth, report in reports.items():
                    failed = [item.test for item in report.items if item.passed is False]
                    p = report.item("rank among models that never heard the recordings").estimate
                    rows.append(
                        {
                            "draw": seed,
                            "kind": kind,
                            "references": names[saved],
                            "truth": truth,
                            "verdict": report.verdict,
                            "failed": failed,
                            "p": p,
                            "shift": report.item("mean z of phi").estimate,
                        }
                    )
        sys.stderr.write(f"{number + 1} of {draws} draws, {time.perf_counter() - began:.0f} s\n")
        accuracy = dict(zip(("learned", "held out", "test speakers"), np.mean(known, axis=0).tolist(), strict=True))
        save(Path(out), record | {"accuracy_of_originals": accuracy}, rows, number + 1, time.perf_counter() - began)


def save(folder: Path, record: dict[str, Any], rows: list[dict[str, Any]], draws: int, seconds: float) -> None:
    """Write what there is so far, after every draw."""
    content = record | {"draws": draws, "table": table(rows), "rows": rows, "seconds": seconds}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", content)
    (folder / "results.md").write_text(markdown(content), encoding="utf-8")


def shown(path: str) -> str:
    """A path of the shared data as the results name it."""
    return "../shared/data/" + path.partition("/shared/data/")[2] if "/shared/data/" in path else path


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:7]), *sys.argv[7:9])
