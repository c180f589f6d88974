"""report.html of an audit: the verdict, one picture, every test with its power, and what stays open."""

from collections.abc import Mapping
from typing import Any

from affekt.metrics.deletion_rules import TESTS
from affekt.reports.figures import PALETTE, Strip, loss_figure
from affekt.reports.forget_appendix import saved_words
from affekt.reports.numbers import number
from affekt.reports.pages import plot, render
from affekt.types import FloatArray

__all__ = ["HEADLINES", "audit_model_page", "test_row"]

HEADLINES = {
    "APPROXIMATE_TESTED": "Forgotten, as far as this audit can tell",
    "APPROXIMATE_WEAK_EVIDENCE": "Nothing found against forgetting, but the evidence is weak",
    "FAILED_UNDER_FORGOTTEN": "Not forgotten",
    "FAILED_OVER_FORGOTTEN": "Forgotten too hard: the recordings now stand out",
    "FAILED_UTILITY": "Forgotten at too high a price",
    "NOT_APPLICABLE": "There was nothing to forget",
}
_EXPLANATIONS = {
    "APPROXIMATE_TESTED": "Among models that never heard these recordings the model does not stand out, it came nearer "
    "to them than the model before, and it is as good as before. This is evidence, not proof.",
    "APPROXIMATE_WEAK_EVIDENCE": "No test failed, but not every test that could clear the model was made or strong "
    "enough. Read below which ones were open, and how many reference models it would take.",
    "FAILED_UNDER_FORGOTTEN": "The model still treats these recordings as ones it has learned from.",
    "FAILED_OVER_FORGOTTEN": "The model treats these recordings worse than models that never heard them. That points "
    "at whoever asked to be forgotten.",
    "FAILED_UTILITY": "The model has become clearly worse on people it was tested with.",
    "NOT_APPLICABLE": "The model before had not been trained on any of these recordings.",
}
_MOODS = {"APPROXIMATE_TESTED": "good", "APPROXIMATE_WEAK_EVIDENCE": "weak", "NOT_APPLICABLE": ""}
_KINDS = {
    "models": "models that never heard the recordings",
    "out-of-fold": "rows of answers that training saved, of fold models that never heard the recordings. Their models "
    "heard less of everything else, and perhaps other recordings of the same request: read differences with that in "
    "mind",
    "": "none",
}
_STRIPS = (
    ("before", "These recordings, model before", PALETTE[0]),
    ("after", "These recordings, model after", PALETTE[1]),
    ("references", "These recordings, models that never heard them (mean)", PALETTE[3]),
    ("others", "Recordings never heard, model after", PALETTE[2]),
)
_NOT_CLAIMED = (
    "That no trace of the recordings is left. Another test or another attacker might find something.",
    "That the model equals a retrained one. It was not told apart from models that never heard the recordings, by the "
    "tests below and with the power they state.",
    "Anything about copies of the model before, which gives the recordings away to whoever holds it.",
    "Independence, unless someone else ran this audit.",
)


def audit_model_page(content: Mapping[str, Any], losses: Mapping[str, FloatArray]) -> str:
    """The page.

    Args:
        content: what audit.json holds.
        losses: of the recordings, for the picture; small sets are shown by their mean alone.
    """
    strips = [
        Strip(label=words, losses=losses[name], colour=colour) for name, words, colour in _STRIPS if name in losses
    ]
    figure = None
    if strips:
        alt = "; ".join(f"{strip.label}: mean loss {strip.losses.mean():.2f}" for strip in strips)
        figure = plot(loss_figure(strips, target=None, alt=f"Distributions of the loss. {alt}."))
    evidence = content["evidence"]
    verdict = content["verdict"]
    names = TESTS[content["tier"]]
    return render(
        "audit_model.html",
        verdict=verdict,
        headline=HEADLINES[verdict],
        explanation=_EXPLANATIONS[verdict],
        mood=_MOODS.get(verdict, "bad"),
        synthetic=content["model"]["synthetic"],
        request=content["request"],
        tier=content["tier"],
        references=content["references"],
        kind=_KINDS[content["reference_kind"]],
        saved="" if content["saved_rows"] is None else saved_words(content["saved_rows"]),
        figure=figure,
        deciding=[test_row(item) for item in evidence if item["test"] in names],
        shown=[test_row(item) for item in evidence if item["test"] not in names],
        ensemble=_ensemble(content["ensemble"]),
        not_tested=content["not_tested"],
        not_claimed=_NOT_CLAIMED,
        appendix=_appendix(content),
        version=content["affekt"],
    )


def test_row(item: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table of tests."""
    mark, result = {
        True: ("good", "passed"),
        False: ("bad", f"failed: {item['failure']}"),
        None: ("open", "open" if item["estimate"] is not None else "not made"),
    }[item["passed"]]
    beside = item["references"]
    interval = item["interval"]
    return {
        "test": item["test"][0].upper() + item["test"][1:],
        "unit": item["unit"],
        "before": _number(item["before"]),
        "after": _number(item["estimate"]),
        "interval": "" if interval is None else f"{_number(interval[0])} to {_number(interval[1])}",
        "references": _number(item["retrained"] if beside is None else beside["mean"]),
        "band": "" if beside is None else f"{_number(beside['low'])} to {_number(beside['high'])}",
        "wanted": item["criterion"],
        "mark": mark,
        "result": result,
        "power": "; ".join(words for words in (item["power"], item["note"]) if words),
    }


def _number(value: float | None) -> str:
    return "–" if value is None else number(value)


def _ensemble(found: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Rows of the table of what only many models can show."""
    if found is None:
        return []
    quality = found["quality"]

    def span(name: str) -> str:
        return f"{_number(found[name]['low'])} to {_number(found[name]['high'])}"

    shift = found["shift"]
    bound = f"no more than {found['certified_ceiling']:.2f} could have been found; 0 is no leak found, not no leak"
    ratio = f"{quality['ratio']:.2f} of what retrained models get; higher is better"
    difference = shift["difference"]
    alike = f"{'' if shift['equivalent'] else 'not '}shown equivalent within {shift['margin']:.2f} standard deviations"
    rows = [
        ("Forgetting quality F", quality["f"], "", quality["f_null"], ratio),
        ("Median epsilon over recordings", quality["epsilon"], "", quality["epsilon_null"], "lower is better"),
        ("Certified lower bound of epsilon, median", found["certified"], "", None, bound),
        ("Share of recordings with a bound above 0", found["certified_share"], "", None, "0.05 at most is wanted"),
        ("KLOM", found["klom"]["estimate"], span("klom"), found["klom_floor"], "lower is better"),
        ("AUC of phi, better direction", found["auc"]["estimate"], span("auc"), found["auc_floor"], "lower is better"),
        (
            "U-LiRA, share right",
            found["u_lira"]["estimate"],
            span("u_lira"),
            found["u_lira_floor"],
            "0.5 is best",
        ),
        (
            "Mean shift of phi, in standard deviations",
            difference["estimate"],
            f"{_number(difference['low'])} to {_number(difference['high'])}",
            None,
            f"{alike}; {shift['detectable']:.2f} would have been found with power {shift['power']:.1f}",
        ),
    ]
    return [
        {"name": name, "value": _number(value), "interval": interval, "floor": _number(floor), "words": words}
        for name, value, interval, floor, words in rows
    ]


def _appendix(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    model = content["model"]
    return [
        ("Model family", model["family"]),
        ("Classes", ", ".join(model["classes"])),
        ("Weights before (SHA-256)", model["before_sha256"]),
        ("Weights after (SHA-256)", model["after_sha256"]),
        ("Reference weights (SHA-256)", ", ".join(model["references_sha256"]) or "none"),
        ("Random seed", str(content["seed"])),
        ("Code of affekt (SHA-256)", content["code_sha256"]),
        ("Platform", f"Python {content['python']}, {content['platform']}"),
        ("Packages", ", ".join(f"{name} {version}" for name, version in sorted(content["packages"].items()))),
        ("Time in all", f"{content['seconds']:.1f} s"),
    ]
