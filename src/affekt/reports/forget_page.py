"""report.html of a deletion: plain words first, numbers after, machinery last."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from affekt.metrics.deletion_rules import (
    BESIDE_RETRAINED,
    LOSS,
    MINIMUM_COUNT,
    PERMUTATION,
    RECORD,
    RELATIVE,
    SCREEN,
    UAR_MARGIN,
    UTILITY,
)
from affekt.reports.figures import PALETTE, Bar, Strip, bar_figure, loss_figure
from affekt.reports.forget_appendix import appendix
from affekt.reports.numbers import number, percent, points, span, tenths
from affekt.reports.pages import plot, render

if TYPE_CHECKING:
    from affekt.reports.evidence import Evidence

__all__ = ["NOT_CLAIMED", "forget_page"]

NOT_CLAIMED = (
    "That no trace of the recordings is left. The tests listed above were made, with the recordings that were there; "
    "another test, or another attacker, might find something.",
    "Anything about copies of the earlier model that were given away, nor about models derived from it.",
    "That nothing can be guessed about a person from what the model learned from other people.",
    "That the requested recordings were deleted from disks, backups or other data sets. That is a separate task.",
    "Independence. Whoever runs the model made this report with software they run themselves. Someone else who has the "
    "models and the recordings can repeat it.",
)
"""What no report of this kind can say, said in every report."""

_EXPLANATION = {
    "EXACT": "The new model is the one that training on everything but these recordings gives, so they had no part in "
    "what it learned.",
    "APPROXIMATE_TESTED": "The model was changed so that it treats these recordings like speech it has never heard. "
    "The tests below that can clear a model agree. This is evidence, not proof.",
    "APPROXIMATE_WEAK_EVIDENCE": "The model was changed and no test speaks against it, but not every test that can "
    "clear a model could be made: that takes 19 or more models that never heard the recordings. Read what was not "
    "tested before relying on this.",
    "FAILED_UNDER_FORGOTTEN": "The tests found these recordings still better known to the model than speech it has "
    "never heard, so someone could tell that they were in its training. Do not answer the request with this model; "
    "retrain, or try other settings.",
    "FAILED_OVER_FORGOTTEN": "The model is now worse on these recordings than on speech it has never heard. That "
    "points at them: someone can tell who asked to be forgotten. Do not use this model; retrain, or forget less hard.",
    "FAILED_UTILITY": "The recordings seem to be forgotten, but how well the model recognises other people may have "
    "dropped by more than is tolerated. Do not use this model; retrain, or try other settings.",
    "NOT_APPLICABLE": "None of the requested recordings was among those the model learned from, so its weights were "
    "left as they were.",
}
_HEADLINE = {
    "EXACT": "Forgotten: the model is as trained without these recordings",
    "APPROXIMATE_TESTED": "Forgotten, as far as the tests can tell",
    "APPROXIMATE_WEAK_EVIDENCE": "Probably forgotten, but the evidence is weak",
    "FAILED_UNDER_FORGOTTEN": "Not forgotten",
    "FAILED_OVER_FORGOTTEN": "Forgotten too hard: the recordings now stand out",
    "FAILED_UTILITY": "Forgotten at too high a price",
    "NOT_APPLICABLE": "There was nothing to forget",
}
_MOOD = {"EXACT": "good", "APPROXIMATE_TESTED": "good", "APPROXIMATE_WEAK_EVIDENCE": "weak", "NOT_APPLICABLE": ""}
_SIDES = {
    "train": ("Learned from", "forgotten; taken out of the model's record"),
    "heldout": ("Held out, only to measure", "nothing to forget in the weights; taken out of the record"),
    "dev": ("Used to choose when to stop training", "nothing to forget in the weights; taken out of the record"),
    "test": ("Used to test the model", "nothing to forget in the weights; taken out of the record"),
    "unknown": ("None: the model has no record of them", "nothing to do"),
}
_NAMES = {"before": "Before", "after": "After", "retrained": "Retrained"}
_QUESTIONS = {
    PERMUTATION: "Does the model stand out among models that never heard the recordings?",
    RELATIVE: "Is it nearer to those models than the model before?",
    RECORD: "Does the model still keep a record of the recordings?",
    LOSS: "Is the model as unsure about the forgotten recordings as about recordings it never learned?",
    SCREEN: "Do the forgotten recordings stand out beside recordings never heard?",
    UTILITY: "Is the model still as good for other people?",
}


def forget_page(content: Mapping[str, Any], evidence: "Evidence | None") -> str:
    """The page.

    Args:
        content: what report.json holds.
        evidence: the losses behind it, for the plots; None when nothing was changed.
    """
    scores, training = content["scores"], content["model"]["training"]
    loss_plot, loss_caption = _loss_plot(content, evidence) if evidence else (None, "")
    bars_plot, bars_caption = _bars_plot(content) if scores else (None, "")
    request = content["request"]
    emotions = request["emotions"]
    return render(
        "forget.html",
        verdict=content["verdict"],
        headline=_HEADLINE[content["verdict"]],
        explanation=_EXPLANATION[content["verdict"]],
        mood=_MOOD.get(content["verdict"], "bad"),
        synthetic=bool(training and training["synthetic"]),
        request=request,
        environment=content["environment"],
        model=content["model"],
        forgotten=_forgotten(content),
        sides=[
            {"words": words, "count": request["sides"][side], "done": done}
            for side, (words, done) in _SIDES.items()
            if request["sides"][side]
        ],
        emotions=", ".join(f"{name} {count}" for name, count in emotions.items()) if emotions else "",
        minimum=MINIMUM_COUNT,
        scores=scores,
        columns=[_NAMES[name] for name in _NAMES if scores and name in scores],
        measures=_measures(content) if scores else [],
        loss_plot=loss_plot and plot(loss_plot),
        loss_caption=loss_caption,
        bars_plot=bars_plot and plot(bars_plot),
        bars_caption=bars_caption,
        tests=[_test(test) for test in content["tests"] if test["estimate"] is not None],
        notes=_notes(content),
        unmade=[f"{test['test']} ({test['note']})" for test in content["tests"] if test["estimate"] is None],
        tier=content["tier"],
        references=content["references"],
        selection=_selection(content),
        meaning=_meaning(content),
        not_tested=content["not_tested"],
        not_claimed=NOT_CLAIMED,
        appendix=appendix(content),
        settings=json.dumps(content["method"]["settings"], sort_keys=True),
    )


def _forgotten(content: Mapping[str, Any]) -> str:
    request, method = content["request"], content["method"]
    what = "All recordings of one person" if request["scope"] == "speaker" else "A list of recordings"
    start = f"{what} in the corpus: {request['recordings']} recordings, {request['seconds']:.1f} seconds of speech. "
    trained = request["sides"]["train"]
    if not trained:
        return start + "The model had learned from none of them."
    material = "these recordings and some saved averages only"
    if "retained data" in method["needs"]:
        material = "these recordings and all other training recordings"
    elif "erasure-ready statistics" in method["needs"]:
        material = "these recordings and what training had saved for this purpose only"
    elif "saved statistics" not in method["needs"]:
        material = "these recordings only"
    return (
        start + f"The model had learned from {trained} of them. They were forgotten with the method "
        f"{method['name']}, which was given {material}, in {method['run']['seconds']:.1f} seconds."
    )


def _loss_plot(content: Mapping[str, Any], evidence: "Evidence") -> tuple[str, str]:
    strips = [
        Strip(label="These recordings, before forgetting", losses=evidence.forget.losses("before"), colour=PALETTE[0]),
        Strip(label="These recordings, after forgetting", losses=evidence.forget.losses("after"), colour=PALETTE[1]),
    ]
    if evidence.others is not None:
        strips.append(
            Strip(
                label="Recordings it has never heard, after forgetting",
                losses=evidence.others.losses("after"),
                colour=PALETTE[2],
            )
        )
    if "retrained" in evidence.forget.logits:
        strips.append(
            Strip(
                label="These recordings, in a model retrained without them",
                losses=evidence.forget.losses("retrained"),
                colour=PALETTE[3],
            )
        )
    target = content["target_loss"]
    few = [strip for strip in strips if len(strip.losses) < MINIMUM_COUNT]
    caption = (
        "How sure the model is of the right emotion. After good forgetting the second row looks like those below, "
        "neither surer (still remembered) nor much less sure (forgotten too hard). Each thick line is an average"
        + (
            ", the dashed line the average to expect had these recordings been held out of training."
            if target is not None
            else "."
        )
    )
    if few:
        caption += f" Fewer than {MINIMUM_COUNT} recordings are shown by their average only, to protect the person."
    means = "; ".join(f"{strip.label}: mean loss {strip.losses.mean():.2f}" for strip in strips)
    return loss_figure(strips, target=target, alt=f"Distributions of the loss. {means}."), caption


def _bars_plot(content: Mapping[str, Any]) -> tuple[str | None, str]:
    scores = content["scores"]
    bars = []
    for name, words in (("before", "before"), ("after", "after"), ("retrained", "retrained")):
        if name in scores:
            bars.append(_bar(f"These recordings, {words}", scores[name]["forget_accuracy"], PALETTE[0]))
    for name, words in (("before", "before"), ("after", "after"), ("retrained", "retrained")):
        if name in scores and scores[name]["test"]:
            bars.append(_bar(f"Test speakers, {words}", scores[name]["test"]["uar"], PALETTE[2]))
    alt = "Share of emotions recognised. " + "; ".join(f"{bar.label}: {percent(bar.estimate)}" for bar in bars) + "."
    caption = (
        "Share of emotions recognised, with 95 % intervals: of these recordings (accuracy) and of people the model was "
        "never trained on (UAR, the mean over the emotions). A model that never heard these recordings still "
        "recognises many of them, so zero is not the aim."
    )
    return bar_figure(bars, chance=content["chance"], alt=alt), caption


def _bar(label: str, found: Mapping[str, Any], colour: str) -> Bar:
    return Bar(label=label, estimate=found["estimate"], low=found["low"], high=found["high"], colour=colour)


def _measures(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of numbers."""
    scores, chance = content["scores"], percent(content["chance"])
    names = [name for name in _NAMES if name in scores]

    def row(title: str, found: list[Any], write: Callable[[float], str], chance: str) -> dict[str, Any]:
        cells = [
            {"value": "–", "interval": ""}
            if one is None
            else {"value": write(one["estimate"]), "interval": span(one["low"], one["high"], write)}
            for one in found
        ]
        return {"name": title, "cells": cells, "chance": chance}

    tests = [scores[name]["test"] for name in names]
    rows = [
        row("Forgotten recordings recognised", [scores[name]["forget_accuracy"] for name in names], tenths, chance),
        row("Loss on the forgotten recordings", [scores[name]["forget_loss"] for name in names], number, ""),
        row("Loss on recordings never heard", [scores[name]["never_heard_loss"] for name in names], number, ""),
        row(
            "Can be told from recordings never heard (AUC; 0.5 is a coin)",
            [(scores[name]["screen"] or {}).get("auc") for name in names],
            number,
            "0.5",
        ),
        row("Test speakers: UAR", [test and test["uar"] for test in tests], tenths, chance),
        row("Test speakers: accuracy", [test and test["accuracy"] for test in tests], tenths, ""),
    ]
    change = (scores["difference"] or {}).get("test_uar")
    if change:
        empty = {"value": "", "interval": ""}
        cell = {"value": points(change["estimate"]), "interval": span(change["low"], change["high"], points)}
        cells = [cell if name == "after" else empty for name in names]
        rows.append({"name": "Test speakers: change in UAR (paired)", "cells": cells, "chance": ""})
    return rows


def _test(test: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table of tests."""
    marks = {True: ("good", "passed"), False: ("bad", f"failed: {test['failure']}"), None: ("open", "open")}
    mark, result = marks[test["passed"]]
    write = points if test["test"] == UTILITY else number

    def cell(value: float | None) -> str:
        if value is None:
            return "–"
        return f"{value:.0f}" if test["test"] == RECORD else write(value)

    beside = test["references"]
    band = "" if beside is None else span(beside["low"], beside["high"], write)
    return {
        "question": _QUESTIONS.get(test["test"], test["test"][0].upper() + test["test"][1:]),
        "unit": "" if test["test"] in (UTILITY, RECORD) else test["unit"].partition(";")[0],
        "before": "" if test["test"] == UTILITY else cell(test["before"]),
        "after": cell(test["estimate"]),
        "interval": "" if test["interval"] is None else span(test["interval"][0], test["interval"][1], write),
        "references": cell(test["retrained"] if beside is None else beside["mean"]),
        "band": band,
        "wanted": _wanted(test),
        "mark": mark,
        "result": result,
    }


def _wanted(test: Mapping[str, Any]) -> str:
    """The limit of a test in words."""
    if test["test"] == UTILITY and test["tier"] == "T0" and test["criterion"]:
        words = f"lower limit above −{100 * UAR_MARGIN:.0f} points"
        return words + (", or so beside the retrained model" if "retrained_lower" in test["values"] else "")
    return test["criterion"] or "–"


def _notes(content: Mapping[str, Any]) -> list[str]:
    """What is to be said about single tests."""
    notes = [
        f"{test['test'][0].upper()}{test['test'][1:]}: {test['note']}."
        for test in content["tests"]
        if test["note"] and test["estimate"] is not None
    ]
    for test in content["shown"]:
        if test["test"] == BESIDE_RETRAINED:
            low, high = test["interval"]
            notes.append(
                f"Beside the retrained model, test UAR differs by {points(test['estimate'])} (90 % interval "
                f"{span(low, high, points)}), {test['note']}. With few test speakers the limit of the change from "
                "before is missed even by models that lost no more than retraining does, so this counts as well."
            )
    return notes


def _selection(content: Mapping[str, Any]) -> str:
    """That the method was chosen by the tests that are shown, if it was."""
    attempts = content["attempts"]
    if len(attempts) < 2:
        return ""
    tried = "; ".join(f"{one['method']}: {one['verdict']}" for one in attempts)
    return (
        f"{len(attempts)} methods were tried, in an order declared beforehand, until the tests of one did not fail: "
        f"{tried}. What is shown is {content['method']['name']}, kept for these very tests. That is a selection: with "
        "several tries, one may pass by luck."
    )


def _meaning(content: Mapping[str, Any]) -> list[str]:
    scores = content["scores"]
    if scores is None:
        return []
    accuracy = {name: scores[name]["forget_accuracy"]["estimate"] for name in _NAMES if name in scores}
    first = (
        f"Before, the model recognised the emotion in {percent(accuracy['before'])} of these recordings; now it "
        f"recognises {percent(accuracy['after'])}. "
    )
    if "retrained" in accuracy:
        first += (
            f"A model that never heard them recognises {percent(accuracy['retrained'])}: compare with this number, not "
            "with zero."
        )
    else:
        first += (
            "How many a model that never heard them would recognise is not known here, since nobody retrained one. It "
            "is rarely zero, because people express emotions in similar ways."
        )
    paragraphs = [first]
    screen = scores["after"]["screen"]
    if screen:
        auc = screen["auc"]
        paragraphs.append(
            "Imagine someone who holds one of the forgotten recordings and one of a stranger, and guesses from the "
            "model's answers which of the two it was trained on. They would be right in "
            f"{percent(auc['estimate'])} of such pairs (95 % interval {percent(auc['low'])} to "
            f"{percent(auc['high'])}); before forgetting it was "
            f"{percent(scores['before']['screen']['auc']['estimate'])}. A coin gets 50 %; "
            "clearly less would mean that the recordings stand out the other way."
        )
        if "retrained" in scores:
            paragraphs[-1] += (
                " With the retrained model, which never heard any of them, it is "
                f"{percent(scores['retrained']['screen']['auc']['estimate'])}: some people are easier to recognise "
                "than others, so this need not be 50 % either."
            )
    change = (scores["difference"] or {}).get("test_uar")
    if change:
        paragraphs.append(
            f"For people outside the training data, the share of recognised emotions changed by "
            f"{points(change['estimate'])}; the 95 % interval is {span(change['low'], change['high'], points)}, "
            f"from resampling by {change['unit']}."
        )
    return paragraphs
