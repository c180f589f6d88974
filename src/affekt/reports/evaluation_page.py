"""report.html of an evaluation: how good, for whom, how sure of itself, and how to read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from affekt.reports.evaluation_figures import dot_figure, reliability_figure, speaker_figure
from affekt.reports.evaluation_intents import intent_measures, intent_rows, joint_rows
from affekt.reports.figures import PALETTE, Bar
from affekt.reports.numbers import number, percent, points, span, tenths
from affekt.reports.pages import plot, render

__all__ = ["evaluation_page"]

_SIDES = {
    "train": "learned from",
    "heldout": "held out, of speakers it learned from",
    "dev": "used to choose the best epoch",
    "test": "test speakers",
    "unknown": "not in its record",
}
_COLUMNS = {"speaker": "speakers", "sex": "sexes", "language": "languages"}


def evaluation_page(content: Mapping[str, Any]) -> str:
    """The page.

    Args:
        content: what report.json holds.
    """
    emotions = content["uar"] is not None
    groups = content.get("groups", {})
    bars = _class_bars(content) if emotions else []
    intents = _as_classes(content)
    speakers = groups.get("speaker")
    return render(
        "evaluation.html",
        headline=_headline(content),
        lead=_lead(content),
        warnings=content["warnings"],
        content=content,
        emotions=emotions,
        thing=_thing(content),
        attributes=content.get("attributes"),
        scored=_scored(content),
        measures=_measures(content),
        classes_plot=plot(
            dot_figure(bars, chance=None, alt=_alt(f"Recall of each {_thing(content)}", bars), name="classes")
        )
        if bars
        else None,
        class_rows=_class_rows(content) if emotions else [],
        confusion=_confusion(content) if emotions else None,
        intents=intents,
        intent_rows=_class_rows(intents) if intents else [],
        intent_confusion=_confusion(intents) if intents else None,
        joint=joint_rows(content),
        speakers_plot=_speakers_plot(content, speakers) if speakers else None,
        groups=[_group(name, found, content) for name, found in groups.items()],
        reliability=_reliability(content),
        calibration=_calibration(content),
        temperature=content["temperature"],
        raters=_raters(content),
        several=_several(content),
        against=[_against(entry) for entry in content["against"]],
        against_intents=intent_rows(content),
        sides=[
            {"words": words, "count": content["trained_on"]["recordings"][side]}
            for side, words in _SIDES.items()
            if content["trained_on"]["recordings"][side]
        ],
        tenths=tenths,
        number=number,
    )


def _interval(found: Mapping[str, Any] | None, write: Any) -> dict[str, str]:
    """A cell: the estimate, and its interval as small print."""
    if found is None:
        return {"value": "–", "interval": ""}
    return {"value": write(found["estimate"]), "interval": span(found["low"], found["high"], write)}


def _headline(content: Mapping[str, Any]) -> str:
    if content["uar"] is not None:
        found, chance = percent(content["uar"]["estimate"]), percent(content["chance_uar"])
        return f"{found} of {_things(content)} recognised, where guessing gives {chance}{_intents_too(content)}"
    scores = [
        f"{name} {number(found['ccc']['estimate'])}"
        for name, found in content.get("attributes", {}).items()
        if found is not None and found["ccc"] is not None
    ]
    if scores:
        return f"Agreement with the raters (CCC): {', '.join(scores)}"
    told = _intents_too(content).removeprefix("; ").replace("intents,", "intents recognised,")
    return told or "Errors of the estimated attributes"


def _thing(content: Mapping[str, Any]) -> str:
    """What the model tells of a recording, in words."""
    label: str = content["model"]["label"]
    return label if label in ("emotion", "intent") else f"level of {label}"


def _things(content: Mapping[str, Any]) -> str:
    """Several of these."""
    label: str = content["model"]["label"]
    return f"{label}s" if label in ("emotion", "intent") else f"levels of {label}"


def _intents_too(content: Mapping[str, Any]) -> str:
    """How many intents are recognised, as the end of a sentence; empty where there are none."""
    found = content.get("intents")
    if found is None:
        return ""
    return f"; {percent(found['uar']['estimate'])} of intents, where guessing gives {percent(found['chance_uar'])}"


def _as_classes(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """The scores of intents under the names that those of emotions have."""
    found = content.get("intents")
    return None if found is None else {**found, "classes": list(found["recalls"])}


def _lead(content: Mapping[str, Any]) -> str:
    who = f"{content['speakers']} speakers" if content["speakers"] else "speakers that are not named"
    text = f"Scored on {content['utterances']} recordings of {who}"
    found = content["uar"]
    rated = any(one is not None for one in content.get("attributes", {}).values())
    if found is None and (rated or content.get("intents") is None):
        return text + "; 1 would be full agreement with the raters, 0 is none."
    of = "" if found is not None else " of intents"
    found = found or content["intents"]["uar"]
    few = content["speakers"] and content["speakers"] < 10
    end = " With so few speakers this interval is too short: do not rely on its width." if few else ""
    return (
        text + f". The unweighted average recall{of} is {tenths(found['estimate'])}; other recordings of as many such "
        f"speakers would mostly give {span(found['low'], found['high'], tenths)} (95 % interval, resampled by "
        f"{found['unit'].partition(' (')[0]}).{end}"
    )


def _scored(content: Mapping[str, Any]) -> list[str]:
    """What was scored, in sentences."""
    model, corpus = content["model"], content["corpus"]
    split = content["split"]
    side = "all of the corpus" if split == "all" else f"the {split} side of the model's training"
    found = [f"Recordings: {side}, {content['utterances']} of {corpus['utterances']} in the corpus {corpus['name']}."]
    trained = f", trained on {model['trained_on']}" if model["trained_on"] else ""
    found.append(f"Model: {model['family']}{trained}, weights {model['weights_sha256'][:16]}…")
    if model["deletions"]:
        found.append(f"The model was changed {model['deletions']} times to forget recordings.")
    mapping = content["mapping"]
    if mapping is not None:
        for name, target in mapping["renamed"].items():
            count = mapping["utterances_renamed"][name]
            found.append(f"{name} was taken for {target} ({count} recordings of the corpus).")
        for name, count in mapping["dropped"].items():
            what = name or "recordings without an emotion"
            found.append(f"{what} was left out ({count} recordings of the corpus).")
    if content.get("unlabelled"):
        found.append(
            f"{content['unlabelled']} recordings have no {_thing(content)} and are in no score of {_things(content)}."
        )
    told = content.get("intents")
    if told is not None and told["without"]:
        found.append(
            f"{told['without']} recordings have no intent that the model tells and are in no score of intents."
        )
    if content["trained_on"].get("words_learned"):
        found.append(
            f"{content['trained_on']['words_learned']} of the scored utterances have the same words as some that the "
            "model has learned from."
        )
    if corpus["licence"]:
        found.append(f"Licence of the recordings: {corpus['licence']}.")
    return found


def _measures(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of scores."""
    rows = []
    if content["uar"] is not None:
        size = len(content["classes"])
        rows = [
            {"name": "Unweighted average recall (UAR)", **_interval(content["uar"], tenths),
             "chance": tenths(content["chance_uar"])},
            {"name": "Accuracy (WA, micro-F1)", **_interval(content["accuracy"], tenths),
             "chance": tenths(_most(content))},
            {"name": "Macro-F1", **_interval(content["macro_f1"], tenths), "chance": ""},
            {"name": f"Loss, nats (ln {size} for no idea)", "value": number(content["loss"]), "interval": "",
             "chance": ""},
        ]  # fmt: skip
    rows += intent_measures(content)
    for name, found in content.get("attributes", {}).items():
        if found is None:
            rows.append(
                {"name": f"{name.capitalize()}: not rated in this corpus", "value": "–", "interval": "", "chance": ""}
            )
            continue
        low, high = found["scale"]
        unit = f"on the scale from {low:g} to {high:g}"
        rows += [
            {"name": f"{name.capitalize()}: CCC", **_interval(found["ccc"], number), "chance": "0"},
            {"name": f"{name.capitalize()}: Pearson's correlation", **_interval(found["pcc"], number), "chance": "0"},
            {
                "name": f"{name.capitalize()}: mean absolute error, {unit}",
                **_interval(found["mae"], number),
                "chance": "",
            },
            {"name": f"{name.capitalize()}: RMSE, {unit}", **_interval(found["rmse"], number), "chance": ""},
        ]
    return rows


def _most(content: Mapping[str, Any]) -> float:
    """Accuracy of always naming the most frequent emotion."""
    totals = [sum(row) for row in content["confusion"]]
    return float(max(totals) / sum(totals))


def _class_bars(content: Mapping[str, Any]) -> list[Bar]:
    """Recall of each class with Wilson's limits."""
    from affekt.metrics import wilson

    bars = []
    for place, (name, row) in enumerate(zip(content["classes"], content["confusion"], strict=True)):
        if sum(row):
            found = wilson(row[place], sum(row))
            bars.append(Bar(label=name, estimate=found.estimate, low=found.low, high=found.high, colour=PALETTE[0]))
    return bars


def _alt(title: str, bars: Sequence[Bar]) -> str:
    return f"{title}. " + "; ".join(f"{bar.label}: {percent(bar.estimate)}" for bar in bars) + "."


def _class_rows(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "utterances": sum(row),
            "recall": _share(content["recalls"][name]),
            "precision": _share(content["precisions"][name]),
            "f1": _share(content["f1"][name]),
        }
        for name, row in zip(content["classes"], content["confusion"], strict=True)
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


def _confusion(content: Mapping[str, Any]) -> dict[str, Any]:
    """Rows with a shade of each cell: the share of the row."""
    rows: list[dict[str, Any]] = []
    for name, counts in zip(content["classes"], content["confusion"], strict=True):
        total = sum(counts)
        cells = [
            {"count": count, "shade": round(62 * count / total) if total else 0, "right": place == len(rows)}
            for place, count in enumerate(counts)
        ]
        rows.append({"name": name, "cells": cells, "total": total})
    return {"heads": content["classes"], "rows": rows}


def _whole(content: Mapping[str, Any], statistic: str) -> float | None:
    """The score of all utterances that a group is compared with."""
    if statistic == "uar":
        return float(content["uar"]["estimate"])
    first = next(found for found in content["attributes"].values() if found is not None)
    return None if first["ccc"] is None else float(first["ccc"]["estimate"])


def _speakers_plot(content: Mapping[str, Any], found: Mapping[str, Any]) -> Any:
    scores = [one["score"]["estimate"] for one in found["groups"].values() if one["score"] is not None]
    mean = _whole(content, found["statistic"])
    if len(scores) < 2 or mean is None:
        return None
    alt = f"Scores of {len(scores)} speakers, from {min(scores):.2f} to {max(scores):.2f}."
    label = "UAR" if found["statistic"] == "uar" else "CCC"
    return plot(speaker_figure(scores, mean=mean, chance=content["chance_uar"], alt=alt, label=label))


def _group(name: str, found: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """The block of one column."""
    write = tenths if found["statistic"] == "uar" else number
    title = _COLUMNS.get(name, f"{name}")
    bars = [
        Bar(label=group, estimate=one["score"]["estimate"], low=one["score"]["low"], high=one["score"]["high"],
            colour=PALETTE[2])
        for group, one in found["groups"].items()
        if one["score"] is not None
    ]  # fmt: skip
    drawn = None
    if name != "speaker" and 0 < len(bars) <= 20:
        unit = "%" if found["statistic"] == "uar" else ""
        chance = content["chance_uar"] if unit else None
        drawn = plot(dot_figure(bars, chance=chance, alt=_alt(f"Scores by {name}", bars), name=f"by-{name}", unit=unit))
    rows = [
        {"name": f"speaker {group}" if name == "speaker" else group, "utterances": one["utterances"],
         "speakers": one["speakers"] or "–", **_interval(one["score"], write)}
        for group, one in found["groups"].items()
    ]  # fmt: skip
    return {
        "title": f"For whom: {title}",
        "name": name,
        "plot": drawn,
        "rows": rows,
        "gap": _gap(name, found["gap"], write),
        "without": found["without"],
        "statistic": found["statistic"].upper(),
    }


def _gap(name: str, gap: Mapping[str, Any] | None, write: Any) -> str:
    """The gap in sentences."""
    if gap is None:
        return ""
    ends = [f"speaker {gap[end]}" if name == "speaker" else gap[end] for end in ("high", "low")]
    found = gap["gap"]
    unit = points if write is tenths else number
    text = (
        f"Largest gap: {ends[0]} above {ends[1]} by {unit(found['estimate']).removeprefix('+')} (95 % interval "
        f"{span(found['low'], found['high'], unit)}). A model that errs alike everywhere shows up to "
        f"{unit(gap['chance_gap']).removeprefix('+')} in groups of these sizes (95 of 100 times), so this gap is "
    )
    text += "more than the number of recordings explains" if found["estimate"] > gap["chance_gap"] else (
        "no more than the number of recordings explains"
    )  # fmt: skip
    if gap["p_speakers"] is not None:
        text += f"; speakers dealt into the groups at random show as much with p = {gap['p_speakers']:.3f}"
    return text + "."


def _reliability(content: Mapping[str, Any]) -> Any:
    found = content.get("calibration")
    if found is None:
        return None
    panels = {"As the model says it": found["bins"]}
    if content["temperature"] is not None:
        value = content["temperature"]["value"]
        panels[f"With temperature {value:.2f}"] = content["temperature"]["calibration"]["bins"]
    scores = [f"{title}: expected calibration error {one['ece']['estimate']:.3f}" for title, one in _stages(content)]
    return plot(reliability_figure(panels, alt="Reliability diagram. " + "; ".join(scores) + "."))


def _stages(content: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Calibration before, and after where there is a temperature."""
    found = [("As it is", content["calibration"])]
    if content["temperature"] is not None:
        found.append(("With temperature", content["temperature"]["calibration"]))
    return found


def _calibration(content: Mapping[str, Any]) -> dict[str, Any] | None:
    if content.get("calibration") is None:
        return None
    names = {
        "ece": "Expected calibration error (15 bins)",
        "adaptive_ece": "The same, bins of equal mass",
        "classwise_ece": "The same, mean over the classes",
        "brier": "Brier score (0 to 2)",
        "nll": "Loss, nats",
    }
    stages = _stages(content)
    rows = [
        {"name": words, "cells": [_interval(one[name], number) for _, one in stages]} for name, words in names.items()
    ]
    sure = content["calibration"]["confidence"]
    gap = sure - content["accuracy"]["estimate"]
    kind = "too sure" if gap > 0 else "not sure enough"
    return {
        "heads": [title for title, _ in stages],
        "rows": rows,
        "words": f"On average the model is {percent(sure)} sure and {percent(content['accuracy']['estimate'])} right: "
        f"{kind} by {points(abs(gap)).removeprefix('+')}.",
    }


def _raters(content: Mapping[str, Any]) -> dict[str, Any] | None:
    found = content.get("raters")
    if found is None:
        return None
    return {
        "utterances": found["utterances"],
        "rows": [
            {"name": "The emotion of the table", **_interval(found["majority"], tenths), "chance": ""},
            {"name": "Any rater's choice", **_interval(found["anyone"], tenths),
             "chance": tenths(found["chance_anyone"])},
        ],
    }  # fmt: skip


def _several(content: Mapping[str, Any]) -> dict[str, Any] | None:
    found = content.get("multi_label")
    if found is None:
        return None
    return {
        "utterances": found["utterances"],
        "from_votes": found["from_votes"],
        "rows": [
            {"name": "Macro-F1", **_interval(found["macro_f1"], tenths)},
            {"name": "Micro-F1", **_interval(found["micro_f1"], tenths)},
            *({"name": name, "value": tenths(value), "interval": ""} for name, value in found["f1"].items()),
        ],
    }


def _against(entry: Mapping[str, Any]) -> dict[str, Any]:
    write = tenths if entry["statistic"] == "uar" else number
    change = points if entry["statistic"] == "uar" else number
    return {
        "name": entry["name"],
        "score": _interval(entry["score"], write),
        "difference": _interval(entry["difference"], change),
        "p": f"{entry['permutation']['p']:.4f}",
        "p_holm": f"{entry['p_holm']:.4f}",
        "mcnemar": "–" if entry["mcnemar"] is None else f"{entry['mcnemar']['p']:.4f}",
        "unit": entry["permutation"]["unit"],
    }
