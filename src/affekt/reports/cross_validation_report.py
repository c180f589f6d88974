"""affekt cross-validate: results.json and a table of every family on one corpus."""

import shlex
import shutil
from collections.abc import Sequence
from typing import Any

from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.training import CrossValidation, Progress, cross_validate, run_record
from affekt.types import PathLike

__all__ = ["cross_validate_with_report", "tabulate_folds"]


def cross_validate_with_report(
    config: CrossValidation,
    out: PathLike,
    *,
    workers: int = 1,
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Cross-validate and write ``results.json`` and ``results.md``; a killed run goes on where it was.

    Args:
        config: what is cross-validated.
        out: a new folder.
        workers: processes.
        command: the words of the command that asked for it, kept with the results.
        progress: called after every fold.

    Returns:
        What results.json holds.

    Raises:
        DataError, ConfigError, ProtocolError: as :func:`affekt.training.cross_validate`; or ``out`` exists.
    """
    out = check_new_folder(out)
    work = out.absolute().with_name(f".{out.absolute().name}.folds")
    found = cross_validate(config, work, workers=workers, progress=progress)
    results = run_record("cross-validate", command_line=None if command is None else shlex.join(command), **found)
    with new_folder(out) as folder:
        write_json(folder / "results.json", results)
        write_text(folder / "results.md", tabulate_folds(results))
    shutil.rmtree(work, ignore_errors=True)
    return results


def tabulate_folds(results: dict[str, Any]) -> str:
    """The Markdown page of one cross-validation."""
    corpus = results["corpus"]
    seeds = results["config"]["seeds"]
    kind = "leave one speaker out" if results["config"]["folds"] is None else f"{results['folds']} speaker folds"
    chance = results["rows"][0]["pooled"]["chance_uar"]
    lines = [
        f"# Recognition on {corpus['name']}, speaker-independent",
        "",
        f"{corpus['utterances']} utterances, {corpus['speakers']} speakers, {len(results['classes'])} classes "
        f"({', '.join(results['classes'])}); {kind}; {seeds} seeds. Chance UAR {chance:.3f}. "
        f"Data SHA-256 `{results['data_sha256'][:16]}…`, affekt {results['affekt']}, "
        f"torch {results['packages']['torch']}.",
        "",
    ]
    if corpus["synthetic"]:
        lines += ["**The speech is synthetic; these numbers say nothing about people.**", ""]
    if results.get("command_line"):
        lines += [f"    {results['command_line']}", ""]
    lines += [
        "Predictions of all folds are pooled; intervals (95 %) resample speakers, with all seeds of a speaker "
        "together.",
        "",
        "| model | UAR | accuracy | macro-F1 | UAR of the seeds | training, s a fold |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["rows"]:
        pooled = row["pooled"]
        seconds = sum(row["training_seconds"]) / (seeds * results["folds"])
        cells = [
            f"{pooled[name]['estimate']:.3f} [{pooled[name]['low']:.3f}, {pooled[name]['high']:.3f}]"
            for name in ("uar", "accuracy", "macro_f1")
        ]
        each = ", ".join(f"{value:.3f}" for value in row["uar_of_seeds"])
        lines.append(f"| {row['family']} | {' | '.join(cells)} | {each} | {seconds:.0f} |")
    for row in results["rows"]:
        if (found := row.get("uar_minus_first")) is not None:
            lines += [
                "",
                f"UAR of {row['family']} less that of {results['rows'][0]['family']}: {found['estimate']:+.3f} "
                f"[{found['low']:+.3f}, {found['high']:+.3f}], paired by utterance.",
            ]
    lines += ["", "Recall of each class:", "", "| model | " + " | ".join(results["classes"]) + " |"]
    lines.append("|---" * (len(results["classes"]) + 1) + "|")
    for row in results["rows"]:
        recalls = (row["pooled"]["recalls"][name] for name in results["classes"])
        cells = ["–" if value is None else f"{value:.3f}" for value in recalls]
        lines.append(f"| {row['family']} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
