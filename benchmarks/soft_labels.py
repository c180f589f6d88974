"""How well do hard and soft labels say what one more rater will choose? No recording is needed for this.

For every rating the label of its utterance is made from the other raters: the plurality's emotion alone (hard), or the
shares of their votes (soft), each mixed with the share that every emotion has in the corpus. How much is mixed in is
chosen on one half of the utterances; the other half is reported. It says how good the two are as targets, not how good
a model trained on them is: that needs the recordings.

python benchmarks/soft_labels.py CORPUS --out FILE [--reader msp-podcast]
"""

import argparse
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from affekt.corpora import READERS, Corpus, open_corpus
from affekt.corpora.ballots import ballots
from affekt.files import write_json
from affekt.metrics import Interval, bootstrap_values
from affekt.training import run_record

MIXES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reader", choices=sorted(READERS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    corpus = READERS[options.reader](options.corpus) if options.reader else open_corpus(options.corpus)
    utterance, choice, hard, soft = held_out_ratings(corpus)
    prior = np.bincount(choice, minlength=hard.shape[1]) / len(choice)
    half = np.random.default_rng(options.seed).permutation(int(utterance.max()) + 1) % 2
    tune, report = half[utterance] == 0, half[utterance] == 1
    rows = []
    losses: dict[str, np.ndarray] = {}
    for name, label in (("prior", np.zeros_like(hard)), ("hard", hard), ("soft", soft)):
        mixes = (1.0,) if name == "prior" else MIXES
        best = min(mixes, key=lambda mix: loss(label, prior, mix, choice)[tune].mean())
        shares = (1.0 - best) * label + best * prior
        losses[name] = loss(label, prior, best, choice)[report]
        rows.append(
            {
                "label": name,
                "mix": best,
                "cross_entropy": asdict(interval(losses[name], utterance[report])),
                "brier": asdict(
                    interval(((shares - np.eye(len(prior))[choice]) ** 2).sum(1)[report], utterance[report])
                ),
            }
        )
    difference = asdict(interval(losses["soft"] - losses["hard"], utterance[report]))
    record = run_record(
        "soft-labels",
        command_line=shlex.join(["python", "benchmarks/soft_labels.py", *sys.argv[1:]]),
        corpus=corpus.name,
        data_sha256=corpus.digest,
        classes=list(corpus.classes),
        ratings=int(report.sum()),
        utterances=int((half == 1).sum()),
        rows=rows,
        soft_minus_hard=difference,
        seconds=time.perf_counter() - started,
    )
    write_json(options.out, record)
    for row in rows:
        found = row["cross_entropy"]
        sys.stdout.write(
            f"{row['label']:6} {found['estimate']:.4f} [{found['low']:.4f}, {found['high']:.4f}] nats, "
            f"Brier {row['brier']['estimate']:.4f}, prior mixed in {row['mix']}\n"
        )
    sys.stdout.write(
        f"soft less hard: {difference['estimate']:+.4f} [{difference['low']:+.4f}, {difference['high']:+.4f}] nats\n"
    )
    return 0


def held_out_ratings(corpus: Corpus) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Utterance and choice of each rating (M,), and the hard and soft label of the other raters (M, K).

    Utterances with fewer than three ratings of a class are left out. Equal winners of the plurality share it.
    """
    found = ballots(corpus, corpus.classes)
    keep = (found.choices >= 0) & (found.choices < found.n_classes)
    utterance, choice = found.items[keep], found.choices[keep]
    counts = np.zeros((len(corpus), found.n_classes))
    np.add.at(counts, (utterance, choice), 1.0)
    enough = counts.sum(1)[utterance] >= 3
    utterance, choice = utterance[enough], choice[enough]
    others = counts[utterance] - np.eye(found.n_classes)[choice]
    winners = others == others.max(1, keepdims=True)
    return utterance, choice, winners / winners.sum(1, keepdims=True), others / others.sum(1, keepdims=True)


def loss(label: np.ndarray, prior: np.ndarray, mix: float, choice: np.ndarray) -> np.ndarray:
    """Cross-entropy of each rating, nats, (M,)."""
    return -np.log(((1.0 - mix) * label + mix * prior)[np.arange(len(choice)), choice])


def interval(values: np.ndarray, utterance: np.ndarray) -> Interval:
    """Mean with an interval that resamples utterances."""
    return bootstrap_values(values, clusters=utterance, cluster_unit="utterance")


if __name__ == "__main__":
    raise SystemExit(main())
