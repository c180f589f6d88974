"""report.html and plot.svg of a comparison."""

import math
from collections.abc import Mapping
from typing import Any

from affekt.reports.compare_table import COLUMNS, LEGEND, cell, facts, needs_retained, ordered, size_title, sizes
from affekt.reports.figures import PALETTE, Point, scatter_figure
from affekt.reports.pages import plot, render

__all__ = ["compare_page", "compare_plot"]

_MARKERS = ("o", "s", "D", "^", "v", "P", "X")


def compare_plot(results: Mapping[str, Any], *, standalone: bool = False) -> str:
    """What forgetting cost (right is better) against how near it came to the retrained model (the dashed line)."""
    methods = [entry["method"] for entry in ordered(results["aggregates"])]
    names = list(dict.fromkeys(methods))
    longest = max((entry["seconds"]["estimate"] for entry in results["aggregates"]), default=0.0) or 1.0
    panels = {}
    for size in sizes(results):
        entries = ordered([entry for entry in results["aggregates"] if entry["size"] == size])
        points = []
        for entry in entries:
            x, y = entry["test_accuracy_change"], entry["forget_accuracy_difference"]
            if x is None or y is None:
                continue
            number = names.index(entry["method"])
            points.append(
                Point(
                    label=entry["method"],
                    x=100 * x["estimate"],
                    y=100 * y["estimate"],
                    # area grows with time, from a dot that can be seen to one that does not hide the others
                    size=25.0 + 375.0 * math.sqrt(entry["seconds"]["estimate"] / longest),
                    colour=PALETTE[number % len(PALETTE)],
                    marker="*" if entry["method"] == "retrain" else _MARKERS[number % len(_MARKERS)],
                )
            )
        panels[size_title(size, entries).split(" (")[0]] = points
    alt = (
        "One panel a size of forget set. Across: change of test accuracy against the original model, in points. Up: "
        "forget accuracy minus that of the retrained model, in points. Larger marks took longer. The numbers are in "
        "the tables."
    )
    return scatter_figure(
        panels,
        x_label="Test accuracy: change against the original, points (right is better)",
        y_label="Forget accuracy minus retrained, points",
        alt=alt,
        standalone=standalone,
    )


def compare_page(results: Mapping[str, Any]) -> str:
    """The page."""
    tables = []
    for size in sizes(results):
        entries = ordered([entry for entry in results["aggregates"] if entry["size"] == size])
        rows = []
        for entry in entries:
            cells = []
            for name in COLUMNS:
                value, bracket, interval = cell(entry, name).partition(" [")
                cells.append({"value": value, "interval": bracket.strip() + interval})
            rows.append({"method": entry["method"], "retained": needs_retained(entry), "cells": cells})
        tables.append({"title": size_title(size, entries), "rows": rows})
    return render(
        "compare.html",
        name=results["corpus"]["name"],
        synthetic=results["corpus"]["synthetic"],
        facts=[fact.replace("`", "") for fact in facts(results) if not fact.startswith("**")],
        plot=plot(compare_plot(results)),
        tables=tables,
        heads=[head for head, _ in COLUMNS.values()],
        legend=[line.replace("`", "") for line in LEGEND],
        lead=_lead(results),
        version=results["run"]["affekt"],
    )


def _tow(entry: Mapping[str, Any]) -> str:
    """Tug of war in words, with its interval where there is one."""
    found = entry["tow"]
    if found["low"] is None:
        return f"ToW {found['estimate']:.3f} (one cell)"
    return f"ToW {found['estimate']:.3f} (95 % interval {found['low']:.3f} to {found['high']:.3f})"


def _lead(results: Mapping[str, Any]) -> list[str]:
    """For each size, which forget-only method came nearest to the retrained model, with its interval."""
    lines = []
    for size in sizes(results):
        entries = [
            entry
            for entry in results["aggregates"]
            if entry["size"] == size
            and entry["method"] not in ("retrain", "original")
            and not needs_retained(entry)
            and entry["tow"] is not None
        ]
        title = size_title(size, entries or results["aggregates"]).split(" (")[0]
        original = next(e for e in results["aggregates"] if e["size"] == size and e["method"] == "original")
        if not entries or original["tow"] is None:
            lines.append(f"{title}: no forget-only method was compared, or nothing could be measured.")
            continue
        best = max(entries, key=lambda entry: float(entry["tow"]["estimate"]))
        lines.append(
            f"{title}: of the methods that need no other data, {best['method']} came nearest to the retrained model: "
            f"{_tow(best)}. Doing nothing gives {_tow(original)}."
        )
    return lines
