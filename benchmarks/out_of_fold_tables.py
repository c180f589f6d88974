"""Tables of the benchmark of out-of-fold forgetting: means over cells with their intervals."""

from dataclasses import asdict
from typing import Any

import numpy as np
from out_of_fold_cells import SIZES

from affekt.metrics import bootstrap_values

FIGURES = (
    "loss_gap",
    "phi_gap",
    "phi_shift",
    "tow",
    "tow_one",
    "forget_gap",
    "retained_gap",
    "test_uar_change",
    "relearn_gap",
    "seconds",
    "steps",
)


def summary(cells: list[dict[str, Any]], *, seed: int = 0) -> list[dict[str, Any]]:
    """Means over cells for every row and size, and over all sizes; intervals resample cells."""
    found = []
    for name in dict.fromkeys(cell["row"] for cell in cells):
        mine = [cell for cell in cells if cell["row"] == name]
        for size in ("all", *SIZES):
            inside = [cell for cell in mine if size in ("all", cell["size"])]
            if not inside or (size == "all" and {cell["size"] for cell in mine} != set(SIZES)):
                continue
            entry: dict[str, Any] = {"row": name, "group": mine[0]["group"], "size": size, "cells": len(inside)}
            for key in FIGURES:
                values = np.array([float(cell[key]) for cell in inside])
                entry[key] = asdict(bootstrap_values(values, seed=seed)) if len(values) > 1 else {"estimate": values[0]}
            entry["tow_worst"] = min(cell["tow"] for cell in inside)
            entry["reached"] = sum(bool(cell["reached"]) for cell in inside)
            entry["floor"] = {
                key: float(np.mean([cell["floor"][key] for cell in inside])) for key in inside[0]["floor"]
            }
            entry["floor"]["tow_worst"] = min(cell["floor"]["tow_worst"] for cell in inside)
            entry["teachers"] = {
                key: float(np.mean([cell["teachers"][key] for cell in inside])) for key in inside[0]["teachers"]
            }
            entry["retrain_seconds"] = float(np.mean([cell["retrain_seconds"] for cell in inside]))
            found.append(entry)
    return found


def markdown(record: dict[str, Any]) -> str:
    """The tables, one a size."""
    lines = [f"# Levers of out_of_fold: {record['corpus']}", "", f"- Command: `{record['command_line']}`"]
    lines += [f"- Speakers: {', '.join(record['speakers'])} (training, development and test among them)"]
    lines += [f"- Data SHA-256: `{record['data_sha256']}`; seeds {record['seeds']}, draws {record['draws']}", ""]
    lines += [
        "Loss gap: mean over the forgotten recordings of the absolute difference between the loss and its mean over "
        f"the {record['golds']} retrained models, nats; phi gap the same for the margin. ToW against the mean of the "
        "retrained models' accuracies. The first line of each table is a retrained model against the others: the "
        "floor. The second is what the teachers say themselves, four of them averaged. Mean [95 % interval over "
        "cells].",
        "",
    ]
    head = (
        "| row | loss gap | phi gap | phi shift | ToW | worst | forget gap | retained gap | test UAR change "
        "| relearn gap | seconds | steps | reached |"
    )
    for size in ("all", *SIZES):
        rows = [entry for entry in record["summary"] if entry["size"] == size]
        if not rows:
            continue
        title = "All sizes, each with the same weight" if size == "all" else f"Size {size}"
        lines += [f"## {title} ({rows[0]['cells']} cells)", "", head, "|" + "---|" * 13]
        floor = rows[0]["floor"]
        lines += [
            f"| retrained | {floor['loss_gap']:.3f} | {floor['phi_gap']:.2f} | {floor['phi_shift']:+.2f} "
            f"| {floor['tow']:.3f} | {floor['tow_worst']:.3f} | {floor['forget_gap']:+.3f} "
            f"| {floor['retained_gap']:+.3f} | {floor['test_uar_change']:+.3f} | {floor['relearn_gap']:.3f} "
            f"| {rows[0]['retrain_seconds']:.2f} | – | – |"
        ]
        own = rows[0]["teachers"]
        lines += [
            f"| the teachers | {own['loss_gap']:.3f} | {own['phi_gap']:.2f} | {own['phi_shift']:+.2f} | – | – "
            f"| {own['forget_gap']:+.3f} |" + " – |" * 6
        ]
        lines += [_line(entry) for entry in rows]
        lines.append("")
    return "\n".join(lines)


def _line(entry: dict[str, Any]) -> str:
    def shown(key: str, places: int = 3, sign: str = "") -> str:
        value = entry[key]
        text = f"{value['estimate']:{sign}.{places}f}"
        return text + (
            f" [{value['low']:{sign}.{places}f}, {value['high']:{sign}.{places}f}]" if "low" in value else ""
        )

    cells = [
        f"`{entry['row']}`",
        shown("loss_gap"),
        shown("phi_gap", 2),
        shown("phi_shift", 2, "+"),
        shown("tow"),
        f"{entry['tow_worst']:.3f}",
        shown("forget_gap", 3, "+"),
        shown("retained_gap", 3, "+"),
        shown("test_uar_change", 3, "+"),
        shown("relearn_gap"),
        f"{entry['seconds']['estimate']:.2f}",
        f"{entry['steps']['estimate']:.1f}",
        f"{entry['reached']} of {entry['cells']}",
    ]
    return f"| {' | '.join(cells)} |"
