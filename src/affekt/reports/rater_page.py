"""report.html and results.md about the raters of a corpus."""

from collections.abc import Mapping
from typing import Any

from affekt.reports.figures import PALETTE, Bar, bar_figure
from affekt.reports.pages import plot, render

__all__ = ["NOTES", "rater_markdown", "rater_page"]

NOTES = (
    "Plurality: one emotion has more votes than any other; majority: more than half the votes; a tie is no agreement.",
    "Fleiss' kappa and Krippendorff's alpha: 1 is full agreement, 0 is chance. Utterances rated once do not count.",
    "ICC(1,1) is the reliability of one rating, ICC(1,k) that of the mean over the raters of an utterance.",
    "One rater against the others: every rating is compared with the plurality (grades: the mean) of the other raters "
    "of the utterance. UAR is over the classes; an answer outside them is wrong. A model that scores as high as one "
    "rater agrees with people as well as one of them does. It may score higher: the label it is compared with has "
    "one vote more.",
    "Intervals are 95 %, over items for agreement, over speakers (utterances where speakers are not known) for scores.",
)
"""How to read the numbers."""

_MEASURES = {
    "alpha_interval": "alpha (interval)",
    "alpha_ordinal": "alpha (ordinal)",
    "icc_1_1": "ICC(1,1)",
    "icc_1_k": "ICC(1,k)",
    "ceiling_ccc": "CCC of one rater",
}


_LISTED = 200
"""Raters in the table of the page, besides those who stand apart."""


def rater_page(results: Mapping[str, Any]) -> str:
    """The page."""
    ceiling = results["ceiling"]
    return render(
        "raters.html",
        name=results["corpus"]["name"],
        synthetic=results["corpus"]["synthetic"],
        lead=_lead(results),
        facts=_facts(results),
        plot=None if ceiling is None else plot(_recalls_plot(ceiling)),
        agreement=_agreement_rows(results),
        measures=list(_MEASURES.values()),
        confusion=_confusion_rows(results),
        raters=[_rater_row(rater) for rater in results["raters"] if rater["number"] <= _LISTED or rater["reasons"]],
        rule=results["outlier_rule"] + _left_out(results),
        notes=NOTES,
        version=results["affekt"],
    )


def _left_out(results: Mapping[str, Any]) -> str:
    """Who is not in the table of the page, if anybody."""
    more = sum(rater["number"] > _LISTED and not rater["reasons"] for rater in results["raters"])
    return f" Shown are the {_LISTED} with most ratings and all who stand apart; results.json has all." if more else ""


def rater_markdown(results: Mapping[str, Any]) -> str:
    """The same numbers as Markdown, without the single raters."""
    corpus = results["corpus"]
    lines = [
        f"# Raters of {corpus['name']}",
        "",
        f"Data SHA-256 `{corpus['digest'][:16]}…`, affekt {results['affekt']}, {results['resamples']} resamples.",
        "",
    ]
    if results.get("command_line"):
        lines += [f"    {results['command_line']}", ""]
    lines += [f"- {line}" for line in (*_lead(results), *_facts(results))]
    rows = _agreement_rows(results)
    if rows:
        head = " | ".join(_MEASURES.values())
        lines += ["", f"| attribute | mean (sd) | {head} |", "|---" * (len(_MEASURES) + 2) + "|"]
        for row in rows:
            cells = (f"{cell['value']} {cell['interval']}".strip() for cell in row["cells"])
            lines.append(f"| {row['name']} | {row['mean']} | {' | '.join(cells)} |")
    if results["ceiling"] is not None:
        lines += ["", "One rater says what the others agree on, by emotion of the others:", ""]
        lines += ["| emotion | ratings | recall |", "|---|---|---|"]
        for name, one in results["ceiling"]["recalls"].items():
            lines.append(f"| {name} | {one['ratings']} | {one['recall']:.3f} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in NOTES), ""])


def _lead(results: Mapping[str, Any]) -> list[str]:
    """What matters most."""
    lines = []
    kappa, ceiling, agreed = results["agreement"]["fleiss_kappa"], results["ceiling"], results["agreed"]
    if agreed is not None:
        lines.append(
            f"Raters agreed on an emotion by plurality for {100 * agreed['plurality']:.1f} % of "
            f"{agreed['utterances']} utterances, by majority for {100 * agreed['majority']:.1f} %"
            + ("." if agreed["unanimous"] is None else f", all of them for {100 * agreed['unanimous']:.1f} %.")
        )
    if kappa is not None:
        lines.append(f"Fleiss' kappa of the emotions is {_number(kappa)}.")
    if ceiling is not None and ceiling["uar"] is not None:
        lines.append(
            f"One rater against the others: UAR {_number(ceiling['uar'])} (chance {ceiling['chance_uar']:.3f}), "
            f"accuracy {_number(ceiling['accuracy'])}. This is what to compare a model with."
        )
    return lines


def _facts(results: Mapping[str, Any]) -> list[str]:
    """Counts."""
    ratings, each = results["ratings"], results["ratings"]["per_utterance"]
    who = "raters without ids" if ratings["raters"] is None else f"{ratings['raters']} raters"
    lines = [
        f"{ratings['ratings']} ratings by {who} on {ratings['rated']} of {results['corpus']['utterances']} utterances; "
        f"{each['least']} to {each['most']} a rated utterance, {each['mean']:.2f} on average."
    ]
    if results["agreed"] is not None:
        named = ", ".join(f"{name} {count}" for name, count in results["agreed"]["emotions"].items())
        lines.append(f"Consensus by plurality: {named}; no agreement {results['agreed']['no_agreement']}.")
    if results["outside"]:
        named = ", ".join(f"{name} {count}" for name, count in results["outside"].items())
        lines.append(f"Ratings with an emotion that is none of the classes: {named}. Each counts as an own category.")
    if results["raters"]:
        lines.append(f"Raters who stand apart: {results['outliers']} of {len(results['raters'])}.")
    return lines


def _agreement_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row an attribute."""
    rows = []
    for name, found in results["agreement"]["attributes"].items():
        if found is not None:
            cells = [_cell(found[measure]) for measure in _MEASURES]
            mean = f"{found['mean']:.2f} ({found['deviation']:.2f})"
            rows.append({"name": name, "mean": mean, "cells": cells})
    return rows


def _confusion_rows(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """Shares of what single raters said, by what the others agreed on."""
    found = results["confusion"]
    if found is None:
        return None
    rows = []
    for name, counts in zip(found["categories"], found["counts"], strict=True):
        total = sum(counts)
        if total:
            rows.append({"name": name, "total": total, "cells": [f"{100 * count / total:.0f}" for count in counts]})
    return {"heads": found["categories"], "rows": rows}


def _rater_row(rater: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the listing."""
    return {
        "name": f"rater {rater['number']}" + (f" ({rater['rater']})" if "rater" in rater else ""),
        "ratings": rater["ratings"],
        "cells": [
            _plain(rater["agreement"]),
            _plain(rater["kappa"]),
            *(_plain(value) for value in rater["correlations"].values()),
            *(_plain(value, sign="+") for value in rater["biases"].values()),
        ],
        "reasons": "; ".join(rater["reasons"]),
    }


def _recalls_plot(ceiling: Mapping[str, Any]) -> str:
    """How often one rater says what the others agree on, by emotion."""
    bars = [
        Bar(label=f"{name} ({one['ratings']})", estimate=one["recall"], low=one["recall"], high=one["recall"], colour=c)
        for (name, one), c in zip(ceiling["recalls"].items(), _colours(len(ceiling["recalls"])), strict=True)
    ]
    alt = "How often one rater says what the others agree on, by emotion; the numbers are in the table of confusions."
    return bar_figure(bars, chance=ceiling["chance_uar"], alt=alt)


def _colours(count: int) -> list[str]:
    return [PALETTE[k % len(PALETTE)] for k in range(count)]


def _number(found: Mapping[str, Any]) -> str:
    return f"{found['estimate']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def _cell(found: Mapping[str, Any] | None) -> dict[str, str]:
    if found is None:
        return {"value": "–", "interval": ""}
    return {"value": f"{found['estimate']:.3f}", "interval": f"[{found['low']:.3f}, {found['high']:.3f}]"}


def _plain(value: float | None, *, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign}.2f}"
