"""results.md of a comparison, made from results.json alone, so that it can be rendered again."""

from collections.abc import Mapping, Sequence
from typing import Any

from affekt.unlearning.compare import RETRAIN_AGAIN
from affekt.unlearning.draws import WHOLE_SPEAKER, speakers_of

__all__ = ["COLUMNS", "cell", "ordered", "size_title", "tabulate"]

COLUMNS: dict[str, tuple[str, str]] = {
    "forget_accuracy": ("forget accuracy", "share"),
    "retained_accuracy": ("retained accuracy", "share"),
    "test_accuracy": ("test accuracy", "share"),
    "test_uar": ("test UAR", "share"),
    "forget_accuracy_gap": ("forget gap", "share"),
    "retained_accuracy_gap": ("retained gap", "share"),
    "test_accuracy_gap": ("test gap", "share"),
    "tow": ("ToW (worst)", "tow"),
    "average_gap": ("average gap, points", "points"),
    "loss_auc": ("loss AUC", "share"),
    "confidence_auc": ("confidence AUC", "share"),
    "over_forgetting_share": ("over-forgotten cells", "fraction"),
    "relearned_accuracy": ("relearned accuracy", "share"),
    "relearn_gap": ("relearn gap", "share"),
    "loss_gap": ("loss gap, nats", "share"),
    "seconds": ("seconds", "seconds"),
    "time_ratio": ("times faster than retraining from features", "seconds"),
    "time_ratio_from_recordings": ("times faster than retraining from recordings", "seconds"),
    "reached_share": ("stop rule met", "fraction"),
}
"""Measure -> its heading and how it is written."""


def tabulate(results: Mapping[str, Any]) -> str:
    """Markdown: what was compared, then one table a size of forget set, then how to read it.

    Args:
        results: the content of results.json.
    """
    lines = [f"# Unlearning methods on {results['corpus']['name']}", ""]
    lines += [f"- {line}" for line in facts(results)]
    for size in sizes(results):
        entries = ordered([entry for entry in results["aggregates"] if entry["size"] == size])
        lines += ["", f"## {size_title(size, entries)}", ""]
        heads = ["method", "needs retained data", *(head for head, _ in COLUMNS.values())]
        lines += ["| " + " | ".join(heads) + " |", "|---|---|" + "---:|" * len(COLUMNS)]
        for entry in entries:
            cells = [f"`{entry['method']}`", "yes" if needs_retained(entry) else "no"]
            cells += [cell(entry, name) for name in COLUMNS]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "## How to read this", ""]
    lines += [f"- {line}" for line in LEGEND]
    return "\n".join(lines) + "\n"


LEGEND = (
    "Every number is a mean over cells; brackets hold 95 % percentile intervals from resampling seeds and then draws. "
    "With few seeds they are too narrow.",
    "`retrain` is the model trained without the forget set. A good method is close to it; forget accuracy 0 is not the "
    "aim. `original` is the model before. `retrain again`, where it is there, is a second retrained model: how far two "
    "are apart.",
    "Gaps are absolute differences to `retrain`. ToW is the product of one minus each of the three gaps: 1 is best.",
    "AUC: how well losses (or confidences) tell forgotten recordings from recordings never heard. 0.5 is a coin; above "
    "is still remembered, below is forgotten so hard that it shows. Over-forgotten cells: where that screen says so.",
    "Relearned accuracy: on the forget set, after a short training on other data.",
    "Seconds include reading what was saved, the front end on the forget set and the making of adversarial copies. "
    "Retraining is timed in the same process, from features that exist; from recordings, the front end's time for all "
    "that is retrained on comes on top. Ratios are averaged geometrically.",
)


def facts(results: Mapping[str, Any]) -> list[str]:
    """What was compared, one line a fact."""
    config, corpus = results["config"], results["corpus"]
    chance = results["chance"]
    place = {"random": "drawn from all training speakers", "speaker": "each of one speaker"}[config["forget"]]
    lines = [
        f"Corpus: {corpus['name']}, {corpus['utterances']} utterances, classes {', '.join(results['classes'])}; "
        f"SHA-256 of its table {results['data_sha256']}",
        f"Model: {config['family']}; {config['seeds']} training seeds × {config['draws']} draws a size, {place}",
        f"Chance: accuracy and UAR {chance:.3f}",
        f"affekt {results['run']['affekt']}, code SHA-256 {results['run']['code_sha256']}",
        f"Command: `{results['command']}`",
    ]
    missed: dict[tuple[str, str], list[str]] = {}
    for one in results.get("skipped", []):
        missed.setdefault((one["method"], one["size"]), []).append(one["reason"])
    for (method, size), reasons in missed.items():
        lines.append(f"Not there for size {size}: `{method}` in {len(reasons)} cells ({reasons[0]})")
    if corpus["synthetic"]:
        lines.insert(0, "**The speech is synthetic: no number here says anything about people.**")
    return lines


def sizes(results: Mapping[str, Any]) -> list[str]:
    """Sizes in the order they were asked for."""
    there = {entry["size"] for entry in results["aggregates"]}
    return [size for size in results["config"]["sizes"] if size in there]


def size_title(size: str, entries: Sequence[Mapping[str, Any]]) -> str:
    """A size in words."""
    cells = max((entry["cells"] for entry in entries), default=0)
    counted = f"{cells} cells" if cells != 1 else "1 cell"
    if speakers_of(size) > 1:
        return (
            f"{speakers_of(size)} whole speakers, one request after the other "
            f"({entries[0]['forgotten']:.0f} utterances on average; {counted})"
        )
    if size == WHOLE_SPEAKER:
        return f"A whole speaker ({entries[0]['forgotten']:.0f} utterances on average; {counted})"
    return f"{size} utterance{'' if size == '1' else 's'} ({counted})"


def ordered(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Retrained first, original next, the others as they were asked for."""
    first = {"retrain": 0, RETRAIN_AGAIN: 1, "original": 2}
    return sorted(entries, key=lambda entry: first.get(entry["method"], 3))


def needs_retained(entry: Mapping[str, Any]) -> bool:
    """Whether a method was given the retained data."""
    return "retained data" in entry["needs"]


def cell(entry: Mapping[str, Any], name: str) -> str:
    """One number with its interval; a dash where there is none."""
    found, style = entry.get(name), COLUMNS[name][1]
    if found is None or (name.startswith("time_ratio") and entry["method"] == "original"):
        return "–"
    if style == "fraction":
        return f"{round(found['estimate'] * found['cells'])} of {found['cells']}"
    digits = {"share": 3, "tow": 3, "points": 1, "seconds": 2}[style]
    text = f"{found['estimate']:.{digits}f}"
    if style == "tow" and entry["tow_worst"] is not None:
        text += f" ({entry['tow_worst']:.{digits}f})"
    if found["low"] is not None and style != "seconds":
        text += f" [{found['low']:.{digits}f}, {found['high']:.{digits}f}]"
    return text.replace("-", "−")
