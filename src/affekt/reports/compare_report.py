"""compare_with_report: every method beside the retrained model, as JSON, Markdown, a plot and a page."""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.reports.aggregate import aggregate, plain
from affekt.reports.compare_page import compare_page, compare_plot
from affekt.reports.compare_table import tabulate
from affekt.training import Progress, run_record
from affekt.types import PathLike
from affekt.unlearning.compare import CompareConfig, compare

__all__ = ["compare_with_report"]


def compare_with_report(
    config: CompareConfig,
    out: PathLike,
    *,
    workers: int = 1,
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Compare the methods and write ``results.json``, ``results.md``, ``plot.svg``, ``report.html``, ``run.json``.

    Models and finished cells live in a hidden folder beside ``out`` until the results are written, so a killed
    comparison goes on where it was when it is started again.

    Args:
        config: what is compared.
        out: a new folder.
        workers: processes.
        command: the words of the command that asked for it, kept with the results; None writes one that would do.
        progress: called after every cell.

    Returns:
        What results.json holds.

    Raises:
        DataError: ``out`` exists, or the corpus is too small for a size.
        ConfigError: a method, setting or size is unknown, or the hidden folder belongs to another comparison.
    """
    out = check_new_folder(out)
    work = out.with_name(f".{out.name}.comparing")
    found = plain(compare(config, work, workers=workers, progress=progress))
    words = command_line(config) if command is None else shlex.join(command)
    record = run_record(
        "compare",
        command_line=words,
        config=config.to_json(),
        data_sha256=found["data_sha256"],
        workers=workers,
        seconds=found["seconds"],
    )
    results: dict[str, Any] = plain(
        {
            "format": "affekt-comparison",
            "format_version": 1,
            "command": words,
            "run": record,
            **found,
            "chance": 1.0 / len(found["classes"]),
            "aggregates": aggregate(found["rows"]),
        }
    )
    with new_folder(out) as folder:
        write_json(folder / "results.json", results)
        write_text(folder / "results.md", tabulate(results))
        write_text(folder / "plot.svg", compare_plot(results, standalone=True))
        write_text(folder / "report.html", compare_page(results))
        write_json(folder / "run.json", record)
    shutil.rmtree(work, ignore_errors=True)
    return results


def command_line(config: CompareConfig) -> str:
    """The command that makes these results again (settings from a file are in results.json)."""
    words = ["affekt", "compare", config.corpus, "--methods", ",".join(config.methods), "--forget", config.forget]
    words += ["--sizes", ",".join(config.sizes), "--seeds", str(config.seeds), "--draws", str(config.draws)]
    words += [] if config.family == "logmel-cnn" else ["--model", config.family]
    words += ["--config", "SETTINGS.toml"] if _changed(config.to_json()) else []
    return shlex.join([*words, "--out", "RESULTS"])


def _changed(config: Mapping[str, Any]) -> bool:
    """Whether settings were changed that only a file can give."""
    from affekt.training import recipe

    return bool(config["settings"]) or (
        config["train"] is not None and config["train"] != recipe(config["family"]).to_json()
    )
