"""affekt compare: every method beside the retrained model, on one corpus.

A *cell* is one training seed, one size of forget set and one draw. Within a seed all cells share the original model;
within a cell the retrained model is shared by all methods, and targeted copies by the methods that attack alike.
Cells are computed by worker processes and kept as files, so a killed comparison goes on where it was.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affekt.audio.batching import pad_batch
from affekt.corpora import Corpus, Split, open_corpus
from affekt.corpora.splits import by_speaker
from affekt.files import mark_folder, read_json, removed_if_unused, write_json
from affekt.models import EmotionModel
from affekt.training import ErasureConfig, Progress, as_read, held_out_mask, recipe, run_tasks, train_split
from affekt.unlearning.compare_cell import RETRAIN_AGAIN, cell_file, compute_cell
from affekt.unlearning.compare_config import DEFAULT_METHODS, CompareConfig
from affekt.unlearning.draws import draw_forget_set, speakers_of

__all__ = [
    "DEFAULT_METHODS",
    "RETRAIN_AGAIN",
    "CompareConfig",
    "check_comparison",
    "compare",
    "front_end_seconds",
]


def check_comparison(config: CompareConfig) -> Corpus:
    """Open the corpus and draw every forget set once: a size that is too large must not be found after hours.

    Raises:
        DataError, ProtocolError: the corpus cannot be read, lacks labels, or is too small for a size.
    """
    corpus = open_corpus(config.corpus)
    corpus.labels()
    fraction = (config.train or recipe(config.family)).heldout_fraction
    for seed in range(config.seeds):
        train = by_speaker(corpus, seed=seed).train
        held = held_out_mask(train, seed=seed, fraction=fraction)
        for size in config.sizes:
            for draw in range(config.draws):
                draw_forget_set(
                    train, np.flatnonzero(~held), size=size, forget_from=config.forget, seed=seed, draw=draw
                )
    return corpus


def compare(config: CompareConfig, work: Path, *, workers: int = 1, progress: Progress | None = None) -> dict[str, Any]:
    """Compute all cells and return the results as JSON values (see ``reports`` for tables and plots).

    Args:
        config: what is compared.
        work: folder for models and cells; what is there from the same configuration is used again.
        workers: processes; each uses one thread when there are several.
        progress: called after every cell.

    Raises:
        ConfigError, DataError, ProtocolError: as the parts do.
    """
    started = time.perf_counter()
    corpus = open_corpus(config.corpus)
    recorded = config.to_json()
    stamp = {"config": recorded, "data_sha256": corpus.digest}
    marker = work / "comparison.json"
    mark_folder(marker, stamp, holds="cells of another comparison")
    tasks = [
        (seed, size, draw) for seed in range(config.seeds) for size in config.sizes for draw in range(config.draws)
    ]
    total = config.seeds + len(tasks)
    done = 0
    with removed_if_unused(work, marker=marker.name):
        check_comparison(config)
        for _ in run_tasks(_train_original, [(config, work, seed) for seed in range(config.seeds)], workers=workers):
            done += 1
            if progress is not None:
                progress("training originals", done, total)
    # seed by seed, since a worker keeps the features of one seed; within a seed the largest forget sets first, so that
    # the last worker to finish has little left
    tasks.sort(key=lambda task: (task[0], -speakers_of(task[1]), -1 if speakers_of(task[1]) else -int(task[1])))
    for _ in run_tasks(compute_cell, [(config, work, *task) for task in tasks], workers=workers):
        done += 1
        if progress is not None:
            progress("comparing", done, total)
    cells = [read_json(cell_file(work, *task)) for task in tasks]
    rows = [row for cell in cells for row in cell["rows"]]
    skipped = [
        {"seed": task[0], "size": task[1], "draw": task[2], "method": name, "reason": reason}
        for task, cell in zip(tasks, cells, strict=True)
        for name, reason in cell.get("skipped", {}).items()
    ]
    rows.sort(key=lambda row: (row["seed"], str(row["size"]).rjust(9), row["draw"]))
    return {
        "config": {**recorded, "corpus": corpus.name},
        "data_sha256": corpus.digest,
        "corpus": {"name": corpus.name, "synthetic": corpus.synthetic, "utterances": len(corpus)},
        "classes": list(corpus.classes),
        "originals": [read_json(work / f"original-{seed}" / "original.json") for seed in range(config.seeds)],
        "rows": rows,
        "skipped": skipped,
        "workers": workers,
        "seconds": time.perf_counter() - started,
    }


def _train_original(config: CompareConfig, work: Path, seed: int) -> None:
    folder = work / f"original-{seed}"
    if (folder / "original.json").is_file():
        return
    split = by_speaker(open_corpus(config.corpus), seed=seed)
    report = train_split(
        split,
        family=config.family,
        config=config.train,
        options=config.options,
        seed=seed,
        erasure=None if config.erasure is None else ErasureConfig(**config.erasure),
    )
    if not (folder / "model").exists():
        report.model.save_pretrained(folder / "model")
    encoding = front_end_seconds(report.model, split)
    write_json(folder / "original.json", {"seed": seed, "front_end_seconds": encoding, **report.to_json()})


def front_end_seconds(model: EmotionModel, split: Split, *, clips: int = 24) -> float:
    """Seconds the front end takes for all training recordings, from some of them, spread over the corpus; not from the
    cache on disk."""
    rows = np.unique(np.linspace(0, len(split.train) - 1, clips).astype(int))
    train = as_read(split.train, model)
    waveforms = [train.load(int(row), sample_rate=model.config.sample_rate) for row in rows]
    model.eval()
    with torch.no_grad():
        model.front_end(*pad_batch(waveforms[:1]))
        started = time.perf_counter()
        for waveform in waveforms:
            model.front_end(*pad_batch([waveform]))
    return (time.perf_counter() - started) * len(split.train) / len(rows)
