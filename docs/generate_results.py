"""Write docs/results.md from the JSON files in results/; with --check only say whether it is up to date.

python docs/generate_results.py [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"
TASKS = {
    "ranking": "Ranking",
    "retrieval": "Searching by description",
    "few-labels": "Few labels",
    "augmentation": "Made-up features",
}
"""Folder under results -> heading, for tasks whose own tables are shown."""
COLUMNS = {
    "forget_accuracy": "forget accuracy",
    "retained_accuracy": "retained",
    "test_accuracy": "test",
    "loss_auc": "loss AUC",
    "tow": "ToW",
    "loss_gap": "loss gap",
    "relearned_accuracy": "relearned",
}


def main() -> int:
    """Write or check the page; 1 if it is out of date."""
    text = page()
    if "--check" in sys.argv[1:]:
        if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            sys.stderr.write("docs/results.md is out of date; run python docs/generate_results.py\n")
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


def page() -> str:
    """The whole page."""
    lines = [
        "# Results",
        "",
        "Written by `python docs/generate_results.py` from the JSON files in `results/`, each made by the command it "
        "names. Intervals are 95 %.",
        "",
        "## Recognition of speakers never heard",
        "",
        "UAR over all speakers, each tested by models that never heard them; intervals resample speakers. Full tables: "
        "`results/recognition/*/results.md`.",
        "",
        "| corpus | classes | protocol | model | UAR | less the first model | chance |",
        "|---|---|---|---|---|---|---|",
    ]
    commands = []
    for file in sorted((ROOT / "results" / "recognition").glob("*/results.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        commands.append(found["command_line"])
        folds = found["config"]["folds"]
        protocol = "one speaker out" if folds is None else f"{folds} speaker folds"
        name = found["corpus"]["name"] + (" (synthetic)" if found["corpus"]["synthetic"] else "")
        for row in found["rows"]:
            score = row["pooled"]["uar"]
            where = f"| {name} | {len(found['classes'])} | {protocol}, {found['config']['seeds']} seeds"
            value = f"{score['estimate']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
            less = row.get("uar_minus_first")
            change = "–" if less is None else f"{less['estimate']:+.3f} [{less['low']:+.3f}, {less['high']:+.3f}]"
            lines.append(f"{where} | {row['family']} | {value} | {change} | {row['pooled']['chance_uar']:.3f} |")
    lines += ["", "```sh", *commands, "```"]
    lines += probes() + shortcuts() + raters()
    for task, title in TASKS.items():
        lines += written(task, title)
    lines += ["", "## Forgetting", ""]
    lines += [
        "Means over cells (seeds x draws). `retrain` is the model trained without the forget set, the yardstick for "
        "every column; `original` is the model before. ToW is 1 for the retrained model. All columns with their "
        "intervals, and how to read them: `results/forgetting/*/results.md`.",
    ]
    for file in sorted((ROOT / "results" / "forgetting").glob("*/results.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        if found.get("format") == "affekt-forgetting-benchmark":
            lines += benchmark(found, file.parent.name)
        elif "aggregates" in found:
            lines += forgetting(found, file.parent.name)
    return "\n".join(lines) + "\n"


def written(task: str, title: str, *, besides: str = "") -> list[str]:
    """The tables that were written beside the results of a task, as they are; without those that hold a key."""
    lines = ["", f"## {title}"] if title else []
    size = len(lines)
    for file in sorted((ROOT / "results" / task).glob("*/results.md")):
        if besides and besides in json.loads(file.with_suffix(".json").read_text(encoding="utf-8")):
            continue
        text = file.read_text(encoding="utf-8").rstrip()
        lines += ["", *(f"##{line}" if line.startswith("#") else line for line in text.splitlines())]
    return lines if len(lines) > size else []


def probes() -> list[str]:
    """Logistic regression on the layers of an encoder."""
    files = sorted((ROOT / "results" / "recognition").glob("probe-*.json"))
    if not files:
        return []
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    lines = [
        "",
        "### Logistic regression on one layer of the encoder",
        "",
        "Mean and standard deviation over time of a layer of Whisper-base, one speaker out; C, and in the last column "
        "the layer too, chosen inside the training speakers.",
        "",
        "| corpus | " + " | ".join(f"layer {layer}" for layer in range(len(found[0]["layers"]))) + " | chosen inside |",
        "|---|" + "---:|" * (len(found[0]["layers"]) + 1),
    ]
    for one in found:
        cells = [_interval(layer["uar"]) for layer in [*one["layers"], one["inner"]]]
        lines.append(f"| {one['corpus']} | {' | '.join(cells)} |")
    return [*lines, "", "```sh", *(one["command_line"] for one in found), "```"]


def shortcuts() -> list[str]:
    """What a corpus gives away without the voice."""
    files = sorted((ROOT / "results" / "audit").glob("*/results.json"))
    if not files:
        return []
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    names = [one["name"] for one in found[0]["shortcuts"]["baselines"]]
    lines = [
        "",
        "## Shortcuts",
        "",
        "UAR of logistic regression that hears no voice, only what is named, on speakers it has not seen. In bold: the "
        "interval, which resamples speakers, lies above chance. How to read it: [](audit.md).",
        "",
        "| corpus | chance | " + " | ".join(names) + " |",
        "|---|---:|" + "---:|" * len(names),
    ]
    for one in found:
        cells = []
        for row in one["shortcuts"]["baselines"]:
            text = "–" if row["uar"] is None else _interval(row["uar"])
            cells.append(f"**{text}**" if row.get("above_chance") else text)
        name = one["corpus"]["name"] if isinstance(one["corpus"], dict) else one["corpus"]
        lines.append(f"| {name} | {one['shortcuts']['chance']:.3f} | {' | '.join(cells)} |")
    return [*lines, "", "```sh", *(one["command_line"] for one in found), "```"]


def raters() -> list[str]:
    """Hard and soft labels as forecasts of one more rater."""
    files = sorted((ROOT / "results" / "raters").glob("soft-labels-*.json"))
    if not files:
        return []
    lines = [
        "",
        "## Hard and soft labels",
        "",
        "Cross-entropy, in nats, of one more rater's choice under a label made of the other raters: the plurality's "
        "emotion (hard) or the shares of the votes (soft), each mixed with the corpus's shares as much as is best on "
        "other utterances. No recording is needed, and none is there: what a model gains from soft labels is not "
        "measured. What raters agree on: `results/raters/*/results.md`.",
        "",
        "| corpus | shares of the corpus | hard | soft | soft less hard |",
        "|---|---:|---:|---:|---:|",
    ]
    commands = []
    for file in files:
        one = json.loads(file.read_text(encoding="utf-8"))
        cells = [_interval(row["cross_entropy"]) for row in one["rows"]]
        less = one["soft_minus_hard"]
        cells.append(f"{less['estimate']:+.3f} [{less['low']:+.3f}, {less['high']:+.3f}]")
        lines.append(f"| {one['corpus']} | {' | '.join(cells)} |")
        commands.append(one["command_line"])
    return [*lines, "", "```sh", *commands, "```"]


def _interval(found: dict[str, float]) -> str:
    return f"{found['estimate']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def forgetting(found: dict[str, Any], name: str) -> list[str]:
    """One comparison: a table with a row a size and method."""
    config = found["config"]
    minutes = found["seconds"] / 60
    lines = [
        "",
        f"### {name}",
        "",
        f"{found['corpus']['name']}, {config['family']}, {config['seeds']} training seeds x {config['draws']} draws of "
        f"each size; {minutes:.0f} minutes with {found['workers']} worker(s). Chance {found['chance']:.3f}.",
        "",
        "```sh",
        found["command"],
        "```",
        "",
        f"| forget | method | {' | '.join(COLUMNS.values())} | ToW worst | over-forgotten | faster than retraining |",
        "|---|---|" + "---:|" * (len(COLUMNS) + 3),
    ]
    first = {"retrain": 0, "original": 1}
    for size in config["sizes"]:
        entries = [entry for entry in found["aggregates"] if entry["size"] == size]
        for entry in sorted(entries, key=lambda entry: first.get(entry["method"], 2)):
            cells = ["–" if entry[key] is None else f"{entry[key]['estimate']:.3f}" for key in COLUMNS]
            worst = "–" if entry["tow_worst"] is None else f"{entry['tow_worst']:.3f}"
            over = entry["over_forgetting_share"]
            share = "–" if over is None else f"{round(over['estimate'] * over['cells'])} of {over['cells']}"
            ratio = entry["time_ratio"]
            faster = "–" if ratio is None or entry["method"] == "original" else f"{ratio['estimate']:.1f}x"
            lines.append(
                f"| {size} | `{entry['method']}` | " + " | ".join(cells) + f" | {worst} | {share} | {faster} |"
            )
    return lines


def benchmark(found: dict[str, Any], name: str) -> list[str]:
    """One benchmark: a table with a row a group of sizes and method, and which targets were missed."""
    lines = [
        "",
        f"### {name}",
        "",
        f"{found['seconds'] / 60:.0f} minutes. Targets and columns: [](benchmark.md); "
        f"intervals and more columns: `results/forgetting/{name}/results.md`.",
        "",
        "```sh",
        found["command"],
        "```",
        "",
        "| corpus, model | forget | method | cells | ToW (worst) | test UAR change, points | relearn gap | loss gap | "
        "F / F_null | faster than retraining from recordings | missed |",
        "|---|---|---|" + "---:|" * 7 + "---|",
    ]
    first = {"retrain": 0, "retrain again": 1, "original": 2}
    for run in found["runs"]:
        groups = list(dict.fromkeys(entry["group"] for entry in run["summary"]))
        for group in groups:
            entries = [entry for entry in run["summary"] if entry["group"] == group]
            for entry in sorted(entries, key=lambda entry: first.get(entry["method"], 3)):
                lines.append(_benchmark_row(run["name"], entry, reference=entry["method"] in first))
    return lines


def _benchmark_row(name: str, entry: dict[str, Any], *, reference: bool) -> str:
    def mean(key: str, form: str, scale: float = 1.0) -> str:
        return "–" if entry[key] is None else format(scale * entry[key]["estimate"], form)

    missed = [target for target, met in entry["targets"].items() if met is False]
    ratio = "–" if entry["f_ratio"] is None else f"{entry['f_ratio']:.2f}"
    worst = "" if entry["tow_worst"] is None else f" ({entry['tow_worst']:.3f})"
    faster = "–" if entry["method"] == "original" else mean("time_ratio_from_recordings", ".1f")
    cells = [
        name,
        entry["group"],
        f"`{entry['method']}`",
        str(entry["cells"]),
        mean("tow", ".3f") + worst,
        mean("test_uar_change", "+.1f", 100.0),
        mean("relearn_gap", ".3f"),
        mean("loss_gap", ".2f"),
        ratio,
        faster,
        "–" if reference else ", ".join(missed) or "none",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
