"""results.md of a benchmark of forgetting, made from results.json alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from affekt.reports.benchmark_targets import REFERENCES, TARGETS, groups
from affekt.reports.compare_table import ordered
from affekt.unlearning.compare import RETRAIN_AGAIN
from affekt.unlearning.draws import WHOLE_SPEAKER, speakers_of

__all__ = ["group_title", "tabulate_benchmark"]

HEADS = (
    "corpus, model",
    "forgotten",
    "method",
    "needs retained data",
    "ToW",
    "worst ToW",
    "test UAR change, points",
    "against retrained, points",
    "relearn gap",
    "loss gap, nats",
    "over-forgotten",
    "F / F_null",
    "KLOM (floor)",
    "certified epsilon (ceiling)",
    "AUC a recording (floor)",
    "U-LiRA (floor)",
    "seconds",
    "times faster than retraining from recordings",
    "from features",
    "targets",
)

LEGEND = (
    "Every number is a mean over cells, a training seed, a size and a draw each; brackets hold 95 % percentile "
    "intervals from resampling seeds and then draws. Nothing was left out; losing rows stay in.",
    "ToW is the product of one minus the absolute differences to `retrain` in forget, retained and test accuracy: 1 is "
    f"best. `{RETRAIN_AGAIN}` is a second model without the forget set, from other weights: nothing can be expected to "
    "come nearer than that. `original` is the model before.",
    "Change of test UAR: against the original, and against the retrained model, in points.",
    "Relearn gap: absolute difference to the retrained model in accuracy on the forget set, after a short training on "
    "other data.",
    "F / F_null, KLOM, certified epsilon, AUC and U-LiRA compare many unlearned heads with many retrained ones, "
    "recording by recording, on one forget set each. F_null and the floors are those of retrained heads against other "
    "retrained heads: a perfect method gets them. A certified epsilon of 0 says that nothing was found at this power, "
    "whose ceiling stands in brackets.",
    "Seconds include reading what was saved, the front end on the forget set, unless a cache held its features, and "
    "the making of adversarial copies. From recordings, the front end's time for all that is retrained on comes on top "
    "of retraining, and for the forget set on top of a method that a cache spared it. Ratios are averaged "
    "geometrically.",
)


def tabulate_benchmark(results: Mapping[str, Any]) -> str:
    """Markdown: what was measured, the targets in words, the one table, how to read it.

    Args:
        results: the content of results.json.
    """
    lines = ["# Benchmark of forgetting", ""]
    lines += [f"- {line}" for line in _facts(results)]
    lines += ["", "## Targets", ""]
    lines += [f"- {target.words}" for target in TARGETS]
    lines += ["", *_verdicts(results), "", "## All methods", ""]
    lines += ["| " + " | ".join(HEADS) + " |", "|---|---|---|---|" + "---:|" * (len(HEADS) - 5) + "---|"]
    for run in results["runs"]:
        for group in groups(run):
            for entry in ordered([one for one in run["summary"] if one["group"] == group]):
                lines.append("| " + " | ".join(_cells(run, entry)) + " |")
    lines += ["", "## How to read this", ""]
    lines += [f"- {line}" for line in LEGEND]
    return "\n".join(lines) + "\n"


def group_title(group: str) -> str:
    """A group of sizes in words."""
    if group == "scattered":
        return "scattered utterances"
    return "a whole speaker" if group == WHOLE_SPEAKER else f"{speakers_of(group)} whole speakers in turn"


def _facts(results: Mapping[str, Any]) -> list[str]:
    lines = []
    for run in results["runs"]:
        config, corpus = run["config"], run["corpus"]
        lines.append(
            f"{run['name']}: {corpus['utterances']} utterances, {len(run['classes'])} classes (chance "
            f"{run['chance']:.3f}); SHA-256 of its table {run['data_sha256']}; {config['seeds']} training seeds × "
            f"{config['draws']} draws; sizes {', '.join(map(str, config['sizes']))}"
        )
        if corpus["synthetic"]:
            lines.append("**The speech is synthetic: no number of this corpus says anything about people.**")
        if (many := run.get("ensembles")) is not None:
            lines.append(
                f"{run['name']}: {many['models']} originals, {many['models']} retrained models and as many again for "
                f"the floor, for one forget set each: {', '.join(_size(one) for one in many['sets'])}"
            )
        missing = sorted({(one["method"], str(one["size"])) for one in [*run["skipped"], *_skipped(many)]})
        if missing:
            listed = ", ".join(f"`{method}` for {size}" for method, size in missing)
            lines.append(f"{run['name']}: nothing to work with in some cells or ensembles: {listed}")
    lines.append(f"affekt {results['run']['affekt']}, code SHA-256 {results['run']['code_sha256']}")
    lines.append(f"Command: `{results['command']}`")
    return lines


def _skipped(many: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    return [] if many is None else list(many["skipped"])


def _size(one: Mapping[str, Any]) -> str:
    return f"{one['size']} ({one['recordings']} recordings)"


def _verdicts(results: Mapping[str, Any]) -> list[str]:
    """For each run and group, which methods meet every target that was measured, and what the second retrained model
    misses."""
    lines = []
    for run in results["runs"]:
        for group in groups(run):
            entries = [one for one in run["summary"] if one["group"] == group]
            methods = [one for one in entries if one["method"] not in REFERENCES]
            if not methods:
                continue
            cells = max(one["cells"] for one in entries)
            best = [
                f"`{one['method']}`" + (f" (in {one['cells']} of {cells} cells)" if one["cells"] < cells else "")
                for one in methods
                if not _missed(one) and "retained data" not in one["needs"]
            ]
            said = ", ".join(best) if best else "no method without retained data"
            text = f"- {run['name']}, {group_title(group)}: {said} met all."
            if not best:
                least = min(len(_missed(one)) for one in methods)
                near = [
                    f"`{one['method']}` ({', '.join(_missed(one))})" for one in methods if len(_missed(one)) == least
                ]
                text += f" Fewest missed: {'; '.join(near)}."
            again = next((one for one in entries if one["method"] == RETRAIN_AGAIN), None)
            if again is not None and (missed := _missed(again, besides=("time",))):
                text += f" A second retrained model itself misses {', '.join(missed)}."
            lines.append(text)
    return lines


def _missed(entry: Mapping[str, Any], *, besides: Sequence[str] = ()) -> list[str]:
    return [name for name, met in entry["targets"].items() if met is False and name not in besides]


def _cells(run: Mapping[str, Any], entry: Mapping[str, Any]) -> list[str]:
    verdicts = entry["targets"]
    measured = [name for name, met in verdicts.items() if met is not None]
    words = "–" if not measured else "all met" if not _missed(entry) else f"missed: {', '.join(_missed(entry))}"
    if entry["method"] in REFERENCES:
        words = "–"
    evidence = entry["evidence"]
    quality = None if evidence is None else evidence["quality"]
    share = entry["over_forgetting_share"]
    worst = entry["tow_worst"]
    ratios = [entry[name] for name in ("time_ratio_from_recordings", "time_ratio")]
    return [
        run["name"],
        f"{group_title(entry['group'])} ({entry['forgotten']:.0f}; {_cells_of(entry)})",
        f"`{entry['method']}`",
        "yes" if "retained data" in entry["needs"] else "no",
        _number(entry["tow"], 3),
        "–" if worst is None else f"{worst:.3f}",
        _number(entry["test_uar_change"], 1, scale=100.0, signed=True),
        _number(entry["test_uar_difference"], 1, scale=100.0, signed=True),
        _number(entry["relearn_gap"], 3),
        _number(entry["loss_gap"], 2),
        "–" if share is None else f"{round(share['estimate'] * share['cells'])} of {share['cells']}",
        "–" if quality is None else f"{quality['ratio']:.2f} ({quality['f']:.3f} / {quality['f_null']:.3f})",
        *_evidence(evidence),
        "–" if entry["method"] == "original" else f"{entry['seconds']['estimate']:.2f}",
        *("–" if ratio is None or entry["method"] == "original" else f"{ratio['estimate']:.1f}" for ratio in ratios),
        words,
    ]


def _cells_of(entry: Mapping[str, Any]) -> str:
    return "1 cell" if entry["cells"] == 1 else f"{entry['cells']} cells"


def _evidence(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["–"] * 4
    return [
        f"{found['klom']['estimate']:.2f} ({found['klom_floor']:.2f})",
        f"{found['certified']:.2f}, {100 * found['certified_share']:.0f} % above 0 ({found['certified_ceiling']:.2f})",
        f"{found['auc']['estimate']:.3f} ({found['auc_floor']:.3f})",
        f"{found['u_lira']['estimate']:.3f} ({found['u_lira_floor']:.3f})",
    ]


def _number(found: Mapping[str, Any] | None, digits: int, *, scale: float = 1.0, signed: bool = False) -> str:
    if found is None:
        return "–"
    sign = "+" if signed else ""
    text = f"{scale * found['estimate']:{sign}.{digits}f}"
    if found["low"] is not None:
        text += f" [{scale * found['low']:{sign}.{digits}f}, {scale * found['high']:{sign}.{digits}f}]"
    return text.replace("-", "−")
