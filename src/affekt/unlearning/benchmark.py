"""affekt benchmark forgetting: the stated protocol, over corpora and kinds of models.

A *run* is one corpus with one kind of model: all methods beside the retrained model (:mod:`~affekt.unlearning.compare`)
and, where it is asked for, ensembles of many models (:mod:`~affekt.unlearning.benchmark_ensembles`). Cells and blocks
are files, so a killed benchmark goes on where it was.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.errors import ConfigError
from affekt.files import removed_if_unused
from affekt.training import Progress
from affekt.unlearning.benchmark_ensembles import EnsembleConfig, check_ensembles, ensembles
from affekt.unlearning.compare import CompareConfig, check_comparison, compare

__all__ = ["ENSEMBLE_METHODS", "METHODS_COMPARED", "SIZES", "BenchmarkRun", "benchmark"]

METHODS_COMPARED = (
    "out_of_fold",
    "out_of_fold:natural=false",
    "kfac",
    "head_newton",
    "amun",
    "forget_set_alone",
    "forget_set_alone:stop=zero:learning_rate=0.001:max_steps=50",
    "l2ul",
    "random_labels",
    "gradient_ascent",
    "negmerge",
    "ssd",
    "jit",
    "fold_swap",
    "finetune",
    "scrub",
    "salun",
    "bad_teacher",
)
"""What a benchmark compares unless told otherwise; ``stop=zero`` is how the paper of forget_set_alone stops."""
ENSEMBLE_METHODS = (
    "out_of_fold",
    "kfac",
    "head_newton",
    "amun",
    "forget_set_alone:stop=zero:learning_rate=0.001:max_steps=50",
    "fold_swap",
)
"""The same for ensembles; methods that need retained data cannot be among them."""
SIZES = ("1", "10", "50", "100", "speaker", "3-speakers")
"""Sizes of forget sets."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkRun:
    """One corpus with one kind of model."""

    name: str
    """What it is called in tables."""
    compare: CompareConfig
    """Methods, sizes, seeds and draws."""
    ensembles: EnsembleConfig | None = None
    """Many models of the same kind; None trains none."""


def benchmark(
    runs: Sequence[BenchmarkRun], work: Path, *, workers: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Compute all runs and return the results as JSON values.

    Args:
        runs: what is measured; their names differ.
        work: folder for models, cells and blocks; what is there from the same configuration is used again.
        workers: processes; each uses one thread when there are several.
        progress: called after every cell and block.

    Returns:
        ``runs``: for each its name, what :func:`~affekt.unlearning.compare.compare` gave, and under ``ensembles`` what
        :func:`~affekt.unlearning.benchmark_ensembles.ensembles` gave; ``seconds``.

    Raises:
        ConfigError: two runs have one name, or a setting, a method or a size is unknown.
        DataError, ProtocolError: a corpus cannot be read or is too small for a size.
    """
    names = [run.name for run in runs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not runs or twice:
        raise ConfigError(
            f"a benchmark needs runs with names of their own (got {len(runs)}, twice: {', '.join(twice) or 'none'}); "
            "one or more were expected; name each corpus and each kind of model once."
        )
    started = time.perf_counter()
    for run in runs:  # bad input is found before hours of work
        check_comparison(run.compare)
        if run.ensembles is not None:
            check_ensembles(run.ensembles)
    found = []
    for number, run in enumerate(runs):

        def told(message: str, done: int, total: int, *, name: str = run.name) -> None:
            if progress is not None:
                progress(f"{name}: {message}", done, total)

        folder = work / f"run{number}"
        with removed_if_unused(work, marker="none"):
            results = compare(run.compare, folder, workers=workers, progress=told)
        many = None
        if run.ensembles is not None:
            many = ensembles(run.ensembles, folder, workers=workers, progress=told)
        found.append({"name": run.name, **results, "chance": 1.0 / len(results["classes"]), "ensembles": many})
    return {"runs": found, "workers": workers, "seconds": time.perf_counter() - started}
