"""Write docs/results.md from the JSON files in results/; with --check only say whether it is up to date.

python docs/generate_results.py [--check]
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"
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
        "| corpus | classes | protocol | model | UAR | chance |",
        "|---|---|---|---|---|---|",
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
            lines.append(f"{where} | {row['family']} | {value} | {row['pooled']['chance_uar']:.3f} |")
    lines += ["", "```sh", *commands, "```", "", "## Forgetting", ""]
    lines += [
        "Means over cells (seeds x draws). `retrain` is the model trained without the forget set, the yardstick for "
        "every column; `original` is the model before. ToW is 1 for the retrained model. All columns with their "
        "intervals, and how to read them: `results/forgetting/*/results.md`.",
    ]
    for file in sorted((ROOT / "results" / "forgetting").glob("*/results.json")):
        lines += forgetting(json.loads(file.read_text(encoding="utf-8")), file.parent.name)
    return "\n".join(lines) + "\n"


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


if __name__ == "__main__":
    sys.exit(main())
