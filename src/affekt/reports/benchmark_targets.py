"""What a benchmark of forgetting says of each method, beside the targets it was measured against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from affekt.reports.aggregate import MEASURES, hierarchical_interval
from affekt.unlearning.compare import RETRAIN_AGAIN
from affekt.unlearning.draws import WHOLE_SPEAKER, speakers_of

__all__ = ["TARGETS", "Target", "group_of", "judged", "summarise"]

REFERENCES = ("retrain", RETRAIN_AGAIN, "original")
"""Rows that are no method."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A number that was aimed at before anything was measured."""

    name: str
    measure: str
    """Key of an entry of :func:`summarise`."""
    bound: float
    better: Literal["high", "low"]
    words: str
    """How it is written."""


TARGETS = (
    Target(name="ToW", measure="tow", bound=0.95, better="high", words="mean ToW 0.95 or more"),
    Target(name="worst ToW", measure="tow_worst", bound=0.90, better="high", words="worst ToW 0.90 or more"),
    Target(
        name="test UAR",
        measure="test_uar_change",
        bound=-0.005,
        better="high",
        words="mean change of test UAR against the original -0.5 points or better",
    ),
    Target(
        name="relearning",
        measure="relearn_gap",
        bound=0.10,
        better="low",
        words="mean gap to the retrained model after relearning 0.10 or less",
    ),
    Target(
        name="time",
        measure="time_ratio_from_recordings",
        bound=20.0,
        better="high",
        words="20 times faster than retraining from recordings",
    ),
    Target(name="F", measure="f_ratio", bound=0.6, better="high", words="F / F_null 0.6 or more, on heads"),
)
"""In the order of the columns."""

_MEASURES = (
    "tow",
    "forget_accuracy_gap",
    "relearn_gap",
    "loss_gap",
    "over_forgetting_share",
    "seconds",
    "time_ratio",
    "time_ratio_from_recordings",
)


def group_of(size: str) -> str:
    """Sizes that are judged together: all numbers of utterances are ``scattered``, the others stand for themselves."""
    return size if speakers_of(size) else "scattered"


def summarise(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry a group of sizes and method, over all its cells.

    Args:
        run: one of the runs of ``affekt.unlearning.benchmark.benchmark``.

    Returns:
        Entries with ``group``, ``method``, ``cells``, ``needs``, intervals by measure, ``tow_worst``, ``cells_above``
        (how many cells reach the target of the worst), and, where ensembles were trained, ``f_ratio`` and
        ``evidence``; ``targets``: name -> met or not, None where it was not measured.
    """
    changes = {"test_uar_change": _reference(run["rows"], "original", "test_uar")}
    changes["test_uar_difference"] = _reference(run["rows"], "retrain", "test_uar")
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in run["rows"]:
        groups.setdefault((group_of(str(row["size"])), row["method"]), []).append(row)
    ensembles = _ensembles(run)
    entries = []
    for (group, method), rows in groups.items():
        seeds = [row["seed"] for row in rows]
        entry: dict[str, Any] = {
            "group": group,
            "method": method,
            "cells": len(rows),
            "forgotten": float(np.mean([row["forgotten"] for row in rows])),
            "needs": list(rows[0]["needs"]),
        }
        for name in _MEASURES:
            values = [MEASURES[name](row) for row in rows]
            entry[name] = hierarchical_interval(values, seeds, geometric=name.startswith("time_ratio"))
        for name, change in changes.items():
            entry[name] = hierarchical_interval([change(row) for row in rows], seeds)
        tows = [row["gaps"]["tow"] for row in rows if row["gaps"] is not None]
        entry["tow_worst"] = min(tows, default=None)
        entry["cells_above"] = sum(tow >= 0.90 for tow in tows)
        found = ensembles.get((group, "retrain" if method == RETRAIN_AGAIN else method))
        entry["evidence"] = None if found is None else found["evidence"]
        entry["f_ratio"] = None if found is None else found["evidence"]["quality"]["ratio"]
        entry["targets"] = judged(entry)
        entries.append(entry)
    return entries


def judged(entry: Mapping[str, Any]) -> dict[str, bool | None]:
    """Which targets an entry of :func:`summarise` meets; None where there is nothing to judge."""
    verdicts: dict[str, bool | None] = {}
    for target in TARGETS:
        value = entry.get(target.measure)
        value = value["estimate"] if isinstance(value, Mapping) else value
        if value is None or entry["method"] in ("retrain", "original"):
            verdicts[target.name] = None
        else:
            verdicts[target.name] = bool(value >= target.bound if target.better == "high" else value <= target.bound)
    return verdicts


def _reference(
    rows: Sequence[Mapping[str, Any]], method: str, score: str
) -> Callable[[Mapping[str, Any]], float | None]:
    """A row's score less that of another method in the same cell."""
    found = {_cell(row): row["scores"][score] for row in rows if row["method"] == method}

    def change(row: Mapping[str, Any]) -> float | None:
        own, other = row["scores"][score], found.get(_cell(row))
        return None if own is None or other is None else float(own - other)

    return change


def _cell(row: Mapping[str, Any]) -> tuple[int, str, int]:
    return row["seed"], str(row["size"]), row["draw"]


def _ensembles(run: Mapping[str, Any]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """(Group, method) -> its row of the first forget set of the group."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in (run.get("ensembles") or {}).get("sets", []):
        for row in one["rows"]:
            found.setdefault((group_of(str(one["size"])), row["method"]), row)
    return found


def groups(run: Mapping[str, Any]) -> list[str]:
    """Groups of a run's sizes: scattered utterances, a speaker, several."""
    order = {"scattered": 0, WHOLE_SPEAKER: 1}
    return sorted({group_of(str(size)) for size in run["config"]["sizes"]}, key=lambda name: (order.get(name, 2), name))
