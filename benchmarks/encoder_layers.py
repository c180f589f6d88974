"""Logistic regression on mean and standard deviation of each layer of a pretrained encoder, one speaker left out.

The layer (in one row) and C are chosen inside the training speakers. Features are kept where AFFEKT_EMBEDDINGS points.

python benchmarks/encoder_layers.py ENCODER CORPUS --out FILE [--folds N]
"""

import argparse
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from affekt.corpora import open_corpus
from affekt.files import write_json
from affekt.metrics import bootstrap
from affekt.models import EmotionModel, ModelConfig
from affekt.training import FeatureStore, probe, run_record


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder")
    parser.add_argument("corpus")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=int)
    options = parser.parse_args()
    started = time.perf_counter()
    corpus = open_corpus(options.corpus)
    config = ModelConfig(family="encoder", classes=corpus.classes, options={"encoder": options.encoder})
    store = FeatureStore(EmotionModel(config), corpus)
    store.fill()
    features = np.stack([store[row][0].numpy() for row in range(len(corpus))])  # (N, L, P)
    labels = corpus.labels()
    speakers = corpus.table["speaker"].to_list()

    def row(layers: Any) -> dict[str, Any]:
        found = probe(features, labels, speakers, classes=corpus.classes, layers=layers, folds=options.folds)
        score = bootstrap("uar", labels, found.prediction, n_classes=len(corpus.classes), clusters=speakers)
        sys.stdout.write(f"{layers}: UAR {score.estimate:.3f} [{score.low:.3f}, {score.high:.3f}]\n")
        return {
            "uar": asdict(score),
            "chosen_layers": list(map(int, found.layers)),
            "chosen_c": list(map(float, found.cs)),
        }

    record = run_record(
        "encoder-layers",
        command_line=shlex.join(["python", "benchmarks/encoder_layers.py", *sys.argv[1:]]),
        corpus=corpus.name,
        data_sha256=corpus.digest,
        classes=list(corpus.classes),
        folds=options.folds,
        layers=[row(layer) for layer in range(features.shape[1])],
        inner=row("inner"),
        seconds=time.perf_counter() - started,
    )
    write_json(options.out, record)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
