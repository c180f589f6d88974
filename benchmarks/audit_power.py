"""How many references does it take to find an original that knew 10 utterances of one speaker?

The permutation test alone, on the heads of ``audit_of_audit.py``: an untouched original, one merely fine-tuned on what
stays, and retrained models in the place of the model after, each among the first K of the other retrained models.

    python benchmarks/audit_power.py ENCODER CORPUS OUT [draws] [first seed]

Who is trained on changes every 10 draws. A share stands with Wilson's interval over draws.
"""

import hashlib
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import audit_of_audit as heads
import numpy as np
import torch

from affekt.files import write_json
from affekt.metrics import phi, reference_test, wilson
from affekt.metrics.deletion_rules import LEVEL
from affekt.training import run_record

KIND = "10 utterances of one speaker"
REFERENCES = (20, 30, 40)
MODELS = 42
"""Retrained models of a draw; two of them stand in for the model after, and are no references."""


def tables(data: heads.Data, seed: int, sides: tuple[np.ndarray[Any, Any], ...]) -> np.ndarray[Any, Any]:
    """phi of the original, the fine-tuned model and the retrained ones on one forget set, (2 + MODELS, N)."""
    original = heads.train(data, [sides[0]], [seed * 1000])[0]
    found = heads.draw(data, sides, KIND, np.random.default_rng([seed, 0]))
    stays = np.setdiff1d(found.learned, found.forget)
    made = heads.train(data, [stays] * MODELS, [seed * 10000 + 1 + number for number in range(MODELS)])
    tuned = heads.train(data, [stays], [seed * 10000 + 999], start=original, epochs=5)[0]
    labels = data.labels[found.forget]
    return np.stack([phi(data.answers(model, found.forget), labels) for model in (original, tuned, *made)])


def shares(draws: Sequence[np.ndarray[Any, Any]]) -> list[dict[str, Any]]:
    """Shares of models told from K references."""
    rows = []
    for count in REFERENCES:
        for truth, which in (("original", (0,)), ("fine-tuned", (1,)), ("retrained", (MODELS, MODELS + 1))):
            told = [reference_test(table[row], table[2 : 2 + count]).p <= LEVEL for table in draws for row in which]
            found = wilson(sum(told), len(told))
            rows.append(
                {"references": count, "truth": truth, "models": len(told), "told": found.estimate, "low": found.low}
                | {"high": found.high}
            )
    return rows


def main(encoder: str, corpus: str, out: str, draws: int = 60, first_seed: int = 1000) -> None:
    """Run all draws and write results.json and results.md."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    data, digest = heads.read(encoder, corpus)
    words = ["python", "benchmarks/audit_power.py", heads.shown(encoder), heads.shown(corpus)]
    words += [f"results/audit-of-audit/{Path(out).name}", str(draws), str(first_seed)]
    record = run_record(
        "audit-power",
        command_line=shlex.join(words),
        config={"recipe": heads.RECIPE, "first_seed": first_seed},
        benchmark_sha256=hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        data_sha256=digest,
    )
    made: list[np.ndarray[Any, Any]] = []
    sides = heads.deal(data, np.random.default_rng([first_seed, 5]))
    for number in range(draws):
        seed = first_seed + number
        if number % 10 == 0:
            sides = heads.deal(data, np.random.default_rng([seed, 5]))
        made.append(tables(data, seed, sides))
        sys.stderr.write(f"{number + 1} of {draws} draws, {time.perf_counter() - began:.0f} s\n")
    save(Path(out), record | {"draws": draws, "seconds": time.perf_counter() - began}, made)


def save(folder: Path, record: dict[str, Any], made: Sequence[np.ndarray[Any, Any]]) -> None:
    """Write what was found."""
    rows = shares(made)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", record | {"table": rows})
    lines = ["| references | truth | models | told from the references (95 % interval) |", "|---|---|---|---|"]
    lines += [
        f"| {row['references']} | {row['truth']} | {row['models']} | {row['told']:.1%} ({row['low']:.1%} to "
        f"{row['high']:.1%}) |"
        for row in rows
    ]
    (folder / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4], *map(int, sys.argv[4:6]))
