"""Do made-up pairs of audio and text features help a last layer that reads both?

The splits, the audio features and the generators are those of benchmarks/augmentation.py; the texts are hashed. The
last layer is a logistic regression on both kinds side by side, each scaled to a mean length of 1 and the text by a
further factor, with balanced classes; that factor and the strength of regularisation are chosen on the development
speakers. Every way of making vectors doubles the training set and fills up the smallest classes first; ``unweighted``
is the same layer without balanced classes.

python benchmarks/augmentation_pairs.py CORPUS --encoder FOLDER --out FOLDER [--seeds 10]
"""

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from augmentation import KEPT, Bench
from sklearn.linear_model import LogisticRegression

from affekt.corpora import Corpus, open_corpus
from affekt.encoders import HashedText
from affekt.files import write_json, write_text
from affekt.metrics import bootstrap, bootstrap_difference, uar
from affekt.recognition.alignment import layer_inputs
from affekt.recognition.feature_augmentation import Augmenter, Noise, Smote, Training, fill_up
from affekt.recognition.generators import GeneratorConfig, InfoGan
from affekt.training import run_record

STRENGTHS = (1.0, 10.0, 100.0)
TEXT_FACTORS = (0.1, 0.3, 1.0)
TEXTS = HashedText(words=256, characters=256)
Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Audio features (N, D), text features (N, E), labels (N,)."""


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layer", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    started = time.perf_counter()
    corpus = open_corpus(options.corpus)
    bench = Bench(corpus, options)
    texts = corpus.table["text"].to_list()
    text_features = dict(zip(texts, TEXTS.encode(texts), strict=True))
    found = {condition: measure(bench, condition, text_features) for condition in ("natural", "few")}
    record = run_record(
        "augmentation-pairs",
        command_line=shlex.join(["python", "benchmarks/augmentation_pairs.py", *sys.argv[1:]]),
        corpus=corpus.name,
        synthetic=corpus.synthetic,
        data_sha256=corpus.digest,
        utterances=len(corpus),
        speakers=len(corpus.speakers),
        texts=len(text_features),
        seeds=list(range(options.seeds)),
        layer=options.layer,
        generator=asdict(GeneratorConfig()),
        kept_of_few=KEPT,
        conditions=found,
        seconds=time.perf_counter() - started,
    )
    write_json(options.out / "results.json", record)
    write_text(options.out / "results.md", table(record))
    sys.stdout.write(table(record))
    return 0


def measure(bench: Bench, condition: str, text_features: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Every way over all splits, with differences to the real pairs alone."""
    said: dict[str, list[np.ndarray]] = {}
    truth, speakers = [], []
    for seed in bench.seeds:
        split = bench.split(seed, condition)
        train, dev, test = (read(bench, side, text_features) for side in (split.train, split.dev, split.test))
        truth.append(test[2])
        speakers += split.test.table["speaker"].to_list()
        for name, predict in ways(train, dev, len(bench.corpus.classes), seed).items():
            said.setdefault(name, []).append(predict(test))
        sys.stderr.write(f"{condition} {seed} done\n")
    labels = np.concatenate(truth)
    base = np.concatenate(said["pairs"])
    rows = []
    for name, parts in said.items():
        answers = np.concatenate(parts)
        rows.append(
            {
                "name": name,
                "uar": asdict(bootstrap("uar", labels, answers, clusters=speakers)),
                "difference": asdict(bootstrap_difference("uar", labels, answers, base, clusters=speakers)),
                "uar_of_seeds": [uar(one, other) for one, other in zip(truth, parts, strict=True)],
            }
        )
    return rows


def read(bench: Bench, corpus: Corpus, text_features: dict[str, np.ndarray]) -> Pairs:
    """Features of both kinds."""
    store = bench.features(corpus)
    audio = layer_inputs(bench.model(0), store, np.arange(len(corpus)))
    return audio, np.stack([text_features[text] for text in corpus.table["text"]]), corpus.labels()


def ways(train: Pairs, dev: Pairs, classes: int, seed: int) -> dict[str, Callable[[Pairs], np.ndarray]]:
    """What is trained on, by name: each gives predictions for other pairs."""
    audio, text, labels = train
    scale = (1.0 / np.linalg.norm(audio, axis=1).mean(), 1.0 / np.linalg.norm(text, axis=1).mean())
    counts = fill_up(np.bincount(labels, minlength=classes), len(labels))

    def classifier(
        more: Pairs | None = None, *, use: Sequence[int] = (0, 1), weighted: bool = True
    ) -> Callable[[Pairs], np.ndarray]:
        def joined(pairs: Pairs, factor: float) -> np.ndarray:
            return np.concatenate([pairs[kind] * scale[kind] * (factor if kind else 1.0) for kind in use], axis=1)

        best: tuple[float, float, Any] = (-1.0, 0.0, None)
        targets = labels if more is None else np.concatenate([labels, more[2]])
        for factor in TEXT_FACTORS if len(use) > 1 else (1.0,):
            inputs = joined(train, factor)
            if more is not None:
                inputs = np.concatenate([inputs, joined(more, factor)])
            for strength in STRENGTHS:
                layer = LogisticRegression(C=strength, class_weight="balanced" if weighted else None, max_iter=1000)
                layer.fit(inputs, targets)
                found = uar(dev[2], layer.predict(joined(dev, factor)))
                if found > best[0]:
                    best = (found, factor, layer)
        return lambda pairs: np.asarray(best[2].predict(joined(pairs, best[1])))

    def both(augmenter: Augmenter) -> Pairs:
        """Vectors of both kinds made as one."""
        augmenter.fit(Training(np.concatenate([audio, text], axis=1), labels, classes), seed=seed)
        made = augmenter.sample(counts, seed=seed)
        return made.features[:, : audio.shape[1]], made.features[:, audio.shape[1] :], made.labels

    def generated(config: GeneratorConfig) -> Pairs:
        generator = InfoGan(config)
        generator.fit(Training(audio, labels, classes, text), seed=seed)
        made = generator.sample(counts, seed=seed)
        assert made.text is not None
        return made.features, made.text, made.labels

    return {
        "audio alone": classifier(use=(0,)),
        "text alone": classifier(use=(1,)),
        "pairs": classifier(),
        "pairs, unweighted": classifier(weighted=False),
        "copies": classifier(both(Noise(scale=0.0))),
        "noise": classifier(both(Noise())),
        "smote": classifier(both(Smote())),
        "gan, pairs": classifier(generated(GeneratorConfig(pairs=True, class_weight=0.0, pair_weight=0.0))),
        "infogan, pairs without their bound": classifier(generated(GeneratorConfig(pairs=True, pair_weight=0.0))),
        "infogan, pairs": classifier(generated(GeneratorConfig(pairs=True))),
        "infogan, audio for a real text": classifier(generated(GeneratorConfig())),
    }


def table(record: dict[str, Any]) -> str:
    """The record in Markdown."""
    titles = {"natural": "All training recordings", "few": f"Every second class cut to {KEPT:.0%} in training"}
    lines = [f"# A last layer that hears and reads, on {record['corpus']}", "", f"`{record['command_line']}`", ""]
    lines += [
        f"{record['utterances']} utterances, {record['texts']} texts, {record['speakers']} speakers, "
        f"{len(record['seeds'])} splits{', synthetic' if record['synthetic'] else ''}.",
        "",
    ]
    for condition, rows in record["conditions"].items():
        lines += [f"## {titles[condition]}", "", "| trained on | UAR | less pairs |", "|---|---|---|"]
        for row in rows:
            value, change = (
                f"{100 * part['estimate']:{sign}.1f} [{100 * part['low']:{sign}.1f}, {100 * part['high']:{sign}.1f}]"
                for part, sign in ((row["uar"], ""), (row["difference"], "+"))
            )
            lines.append(f"| {row['name']} | {value} | {change} |")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
