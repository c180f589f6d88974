"""Rows of a comparison become one line a method and size: a mean over cells with a hierarchical bootstrap interval.

A cell is one training seed, one size and one draw. Draws of one seed share the original model, so seeds are resampled
first and draws within each drawn seed after that.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["MEASURES", "aggregate", "hierarchical_interval", "plain"]

RESAMPLES = 1000


def _score(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda row: row["scores"][name]


def _gap(name: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda row: None if row["gaps"] is None else row["gaps"][name]


def _over(row: Mapping[str, Any]) -> float | None:
    screen = row["scores"]["screen"]
    return None if screen is None else float(screen["verdict"] == "over-forgotten")


def _reached(row: Mapping[str, Any]) -> float | None:
    return None if row.get("reached") is None else float(row["reached"])


MEASURES: dict[str, Callable[[Mapping[str, Any]], float | None]] = {
    "forget_accuracy": _score("forget_accuracy"),
    "retained_accuracy": _score("retained_accuracy"),
    "test_accuracy": _score("test_accuracy"),
    "test_uar": _score("test_uar"),
    "forget_accuracy_gap": _gap("forget_accuracy_gap"),
    "retained_accuracy_gap": _gap("retained_accuracy_gap"),
    "test_accuracy_gap": _gap("test_accuracy_gap"),
    "tow": _gap("tow"),
    "average_gap": _gap("average_gap"),
    "loss_auc": _score("loss_auc"),
    "confidence_auc": _score("confidence_auc"),
    "over_forgetting_share": _over,
    "relearned_accuracy": lambda row: row["relearned_accuracy"],
    "relearn_gap": _gap("relearn_gap"),
    "loss_gap": _gap("loss_gap"),
    "seconds": lambda row: row["seconds"],
    "time_ratio": lambda row: row["time_ratio"],
    "time_ratio_from_recordings": lambda row: row.get("time_ratio_from_recordings"),
    "reached_share": _reached,
}
"""Name -> what it is in a row; None where a cell has no such value. ``time_ratio`` is the time of retraining from
features that exist over the method's own, the attack included; ``time_ratio_from_recordings`` counts the front end too.
Their means are geometric, since one quick cell would carry an arithmetic one."""


def aggregate(rows: Sequence[Mapping[str, Any]], *, seed: int = 0) -> list[dict[str, Any]]:
    """One entry a size and method, in the order of their first appearance.

    Args:
        rows: as ``affekt.unlearning.compare.compare`` gives them; the original and the retrained model are among them.
        seed: of the resampling.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    originals = {}
    retrained = {}
    for row in rows:
        groups.setdefault((str(row["size"]), row["method"]), []).append(row)
        where = (row["seed"], str(row["size"]), row["draw"])
        if row["method"] == "original":
            originals[where] = row["scores"]
        if row["method"] == "retrain":
            retrained[where] = row["scores"]
    result = []
    for (size, method), members in groups.items():
        cells = [(row["seed"], str(row["size"]), row["draw"]) for row in members]
        seeds = [row["seed"] for row in members]
        entry: dict[str, Any] = {
            "size": size,
            "method": method,
            "cells": len(members),
            "seeds": len(set(seeds)),
            "forgotten": float(np.mean([row["forgotten"] for row in members])),
            "needs": list(members[0]["needs"]),
        }
        for name, find in MEASURES.items():
            entry[name] = hierarchical_interval(
                [find(row) for row in members], seeds, seed=seed, geometric=name.startswith("time_ratio")
            )
        entry["tow_worst"] = min((row["gaps"]["tow"] for row in members if row["gaps"] is not None), default=None)
        for name, reference, score in (
            ("test_accuracy_change", originals, "test_accuracy"),
            ("test_uar_change", originals, "test_uar"),
            ("test_uar_difference", retrained, "test_uar"),
            ("forget_accuracy_difference", retrained, "forget_accuracy"),
        ):
            # signed and paired by cell: against the original, and against the retrained model
            values = [
                None if row["scores"][score] is None else row["scores"][score] - reference[cell][score]
                for row, cell in zip(members, cells, strict=True)
                if cell in reference
            ]
            entry[name] = hierarchical_interval(values, seeds, seed=seed) if len(values) == len(seeds) else None
        result.append(entry)
    return result


def hierarchical_interval(
    values: Sequence[float | None], seeds: Sequence[int], *, seed: int = 0, level: float = 0.95, geometric: bool = False
) -> dict[str, Any] | None:
    """Mean over cells with a percentile interval, resampling seeds and then draws within them.

    Args:
        values: one a cell; None and values that are not finite are left out and counted.
        seeds: training seed of each cell.
        seed: of the resampling.
        level: confidence level.
        geometric: take the geometric mean; values must be above 0.

    Returns:
        ``estimate``, ``low``, ``high``, ``cells``; None when no cell has a value. With a single cell there is nothing
        to resample, and low and high are None.
    """
    groups: dict[int, list[float]] = {}
    for value, at in zip(values, seeds, strict=True):
        if value is not None and math.isfinite(value):
            groups.setdefault(at, []).append(math.log(value) if geometric else float(value))
    back = math.exp if geometric else float
    count = sum(len(group) for group in groups.values())
    if not count:
        return None
    estimate = float(np.mean([value for group in groups.values() for value in group]))
    if count == 1:
        return {"estimate": back(estimate), "low": None, "high": None, "cells": 1}
    generator = np.random.default_rng(seed)
    sizes = np.array([len(group) for group in groups.values()])
    padded = np.zeros((len(sizes), sizes.max()))  # (S, D)
    for at, group in enumerate(groups.values()):
        padded[at, : len(group)] = group
    chosen = generator.integers(0, len(sizes), (RESAMPLES, len(sizes)))  # (R, S)
    counts = sizes[chosen][..., None]  # (R, S, 1)
    draws = (generator.random((RESAMPLES, *padded.shape)) * counts).astype(np.int64)  # (R, S, D)
    there = np.arange(padded.shape[1]) < counts
    means = (padded[chosen[..., None], draws] * there).sum((1, 2)) / there.sum((1, 2))
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    low, high = min(float(low), estimate), max(float(high), estimate)
    return {"estimate": back(estimate), "low": back(low), "high": back(high), "cells": count}


def plain(value: Any) -> Any:
    """JSON without NaN and infinities: they become null; NumPy numbers become plain ones."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
