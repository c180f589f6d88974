"""benchmark_with_report: a benchmark of forgetting as JSON, one table and one picture."""

import math
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.reports.aggregate import aggregate, plain
from affekt.reports.benchmark_table import group_title, tabulate_benchmark
from affekt.reports.benchmark_targets import groups, summarise
from affekt.reports.compare_table import ordered, tabulate
from affekt.reports.figures import PALETTE, Point, scatter_figure
from affekt.training import Progress, run_record
from affekt.types import PathLike
from affekt.unlearning.benchmark import BenchmarkRun, benchmark
from affekt.unlearning.compare import RETRAIN_AGAIN

__all__ = ["benchmark_plot", "benchmark_with_report"]

_MARKERS = ("o", "s", "D", "^", "v", "P", "X")


def benchmark_with_report(
    runs: Sequence[BenchmarkRun],
    out: PathLike,
    *,
    command: Sequence[str],
    workers: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run a benchmark and write ``results.json``, ``results.md``, ``plot.svg``, a table of every size for each run and
    ``run.json``.

    Models, cells and blocks live in a hidden folder beside ``out`` until the results are written, so a killed benchmark
    goes on where it was when it is started again.

    Args:
        runs: what is measured.
        out: a new folder.
        command: the words of the command that asked for it, kept with the results.
        workers: processes.
        progress: called after every cell and block.

    Returns:
        What results.json holds.

    Raises:
        DataError: ``out`` exists, a corpus cannot be read or is too small for a size.
        ConfigError: a setting is unknown, or the hidden folder belongs to another benchmark.
    """
    out = check_new_folder(out)
    work = out.with_name(f".{out.name}.benchmarking")
    found = plain(benchmark(runs, work, workers=workers, progress=progress))
    record = run_record(
        "benchmark forgetting",
        command_line=shlex.join(command),
        config={run.name: run.compare.to_json() for run in runs},
        data_sha256={run["corpus"]["name"]: run["data_sha256"] for run in found["runs"]},
        workers=workers,
        seconds=found["seconds"],
    )
    for run in found["runs"]:
        run["aggregates"] = aggregate(run["rows"])
        run["summary"] = summarise(run)
        run["rows"] = [flat(row) for row in run["rows"]]
    results: dict[str, Any] = plain(
        {
            "format": "affekt-forgetting-benchmark",
            "format_version": 1,
            "command": shlex.join(command),
            "run": record,
            **found,
        }
    )
    with new_folder(out) as folder:
        write_json(folder / "results.json", results)
        write_text(folder / "results.md", tabulate_benchmark(results))
        write_text(folder / "plot.svg", benchmark_plot(results))
        for number, run in enumerate(results["runs"]):
            page = tabulate({**run, "command": results["command"], "run": results["run"]})
            write_text(folder / f"sizes-{number}.md", page)
        write_json(folder / "run.json", record)
    shutil.rmtree(work, ignore_errors=True)
    return results


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of a comparison on one level, without what can be told from others."""
    kept = ("seed", "size", "draw", "forgotten", "method", "seconds", "steps", "reached", "relearned_accuracy")
    times = ("time_ratio", "time_ratio_from_recordings")
    scores = {name: value for name, value in row["scores"].items() if name != "screen"}
    screen = row["scores"]["screen"]
    return {
        **{name: row.get(name) for name in (*kept, *times)},
        **scores,
        **(row["gaps"] or {}),
        "screen": None if screen is None else screen["verdict"],
    }


def benchmark_plot(results: Mapping[str, Any], *, standalone: bool = True) -> str:
    """How near forgetting came to retraining (up is better) against what it cost (right is better)."""
    shown = [
        (run, group, entry)
        for run in results["runs"]
        for group in groups(run)
        for entry in ordered([one for one in run["summary"] if one["group"] == group])
        if entry["tow"] is not None and entry["test_uar_change"] is not None and entry["method"] != "retrain"
    ]
    names = list(dict.fromkeys(entry["method"] for _, _, entry in shown))
    longest = max((entry["seconds"]["estimate"] for *_, entry in shown), default=0.0) or 1.0
    panels: dict[str, list[Point]] = {}
    for run, group, entry in shown:
        number = names.index(entry["method"])
        point = Point(
            label=entry["method"],
            x=100.0 * entry["test_uar_change"]["estimate"],
            y=entry["tow"]["estimate"] - 1.0,
            # area grows with time, from a dot that can be seen to one that does not hide the others
            size=25.0 + 375.0 * math.sqrt(entry["seconds"]["estimate"] / longest),
            colour=PALETTE[number % len(PALETTE)],
            # shifted when the colours begin anew, so that no two look alike
            marker="*" if entry["method"] == RETRAIN_AGAIN else _MARKERS[(number + number // len(PALETTE)) % 7],
        )
        title = group_title(group) if len(results["runs"]) == 1 else f"{run['name']}\n{group_title(group)}"
        panels.setdefault(title, []).append(point)
    alt = (
        "One panel a corpus and kind of request. Across: change of test UAR against the original model, in points. Up: "
        "ToW less 1, where 0 is the retrained model. Larger marks took longer. The star is a second retrained model. "
        "The numbers are in the table."
    )
    return scatter_figure(
        panels,
        x_label="Test UAR: change against the original, points (right is better)",
        y_label="ToW less 1 (0 is retraining)",
        alt=alt,
        standalone=standalone,
    )
