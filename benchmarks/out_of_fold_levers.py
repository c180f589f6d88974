"""What makes out-of-fold forgetting closer to retraining, and what does not: one lever at a time.

Heads on a frozen encoder. Every cell is a training seed, a size of the request and a draw; within it each row forgets
the same recordings from the same model, and several models retrained without them say what is right and how far
retrained models are from each other, which is the floor. A row changes one setting of the base row. Settings are chosen
on the speakers named by --speakers, which are then the whole corpus: training, development and test speakers.

    python benchmarks/out_of_fold_levers.py CORPUS --speakers 01-12 --config TOML --out FOLDER [--rows base,...]

Set AFFEKT_EMBEDDINGS to keep the encoder's answers. Cells lie in --work and are not computed twice.

How a cell is computed stands in ``out_of_fold_cells.py``, how the tables are made in ``out_of_fold_tables.py``.
"""

import argparse
import json
import shlex
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import torch
from out_of_fold_cells import SIZES, Bench, Row
from out_of_fold_tables import markdown, summary

from affekt.corpora import open_corpus
from affekt.files import write_json, write_text
from affekt.training import run_record


def rows_of(base: str) -> tuple[Row, ...]:
    """Every lever, from a base row's settings."""
    own = dict(part.split("=") for part in base.split(":")[1:])
    first = "out_of_fold:tolerance=0.05:damping=0.001:trust=0.3:history=0"  # the defaults before these measurements

    def spec(**changes: object) -> str:
        return ":".join(["out_of_fold", *(f"{k}={v}" for k, v in {**own, **changes}.items())])

    three = ("3-speakers",)
    found = [
        Row(group="nothing", method="original"),
        Row(group="base", method=base),
        *(Row(group="tolerance", method=spec(tolerance=t)) for t in (0.05, 0.02, 0.005, 0.002, 0.0005)),
        *(Row(group="damping", method=spec(damping=d)) for d in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)),
        *(Row(group="teachers", method=base, repeats=n) for n in (1, 2)),
        *(Row(group="folds", method=base, repeats=1, folds=n, sizes=("10", "50")) for n in (5, 20)),
        *(Row(group="what teachers say", method=spec(teachers=name)) for name in ("logits", "losses", "drawn")),
        *(Row(group="temperature", method=spec(temperature=t)) for t in (0.7, 1.5)),
        Row(group="curvature", method=spec(natural="false")),
        Row(group="curvature", method=spec(woodbury="true")),
        *(Row(group="curvature", method=spec(damping=d), curvature="outputs") for d in (1e-1, 1e-3)),
        Row(group="layers", method=base, curvature="last"),
        Row(group="steps", method=spec(history=0)),
        Row(group="sequence", method=base, sequence="at once", sizes=three),
        Row(group="sequence", method=base, sequence="renewed", sizes=three),
        *(Row(group="head", method=base, repeats=2, hidden=n) for n in (0, 128)),
        Row(group="other methods", method=first),
        Row(group="other methods", method="kfac"),
        Row(group="other methods", method="head_newton"),
    ]
    return tuple({row.name: row for row in found}.values())


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus")
    parser.add_argument("--speakers", default="", help="first-last, by their order; all if empty")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--base", default="out_of_fold")
    parser.add_argument("--rows", default="", help="words that the name of a row must be or its group; all if empty")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--golds", type=int, default=5)
    options = parser.parse_args()
    started = time.perf_counter()
    torch.set_num_threads(1)
    corpus = open_corpus(options.corpus)
    if options.speakers:
        first, _, last = options.speakers.partition("-")
        corpus = corpus.with_speakers(*(name for name in corpus.speakers if first <= name <= last))
    options.work.mkdir(parents=True, exist_ok=True)
    bench = Bench(corpus, tomllib.loads(options.config.read_text()), options)
    wanted = options.rows.split(",") if options.rows else []
    known = rows_of(options.base)
    rows = tuple(row for row in known if not wanted or row.group in wanted or row.name in wanted)
    rows += tuple(
        Row(group="asked for", method=text) for text in wanted if ":" in text and text not in {r.name for r in rows}
    )
    cells: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for draw in range(options.draws):
            for size in SIZES:
                cells += bench.cell(seed, size, draw, rows)
                sys.stderr.write(f"{time.perf_counter() - started:.0f} s: seed {seed}, size {size}, draw {draw}\n")
    record = run_record(
        "out-of-fold-levers",
        command_line=shlex.join(["python", "benchmarks/out_of_fold_levers.py", *sys.argv[1:]]),
        corpus=corpus.name,
        speakers=list(corpus.speakers),
        data_sha256=corpus.digest,
        settings=bench.settings,
        seeds=options.seeds,
        draws=options.draws,
        golds=options.golds,
        base=options.base,
        summary=summary(cells),
        cells=cells,
        seconds=time.perf_counter() - started,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "results.json", json.loads(json.dumps(record)))
    write_text(options.out / "results.md", markdown(record))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
