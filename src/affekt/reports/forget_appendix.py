"""The appendix of a deletion's page: how it was run and on what, for whoever wants to repeat or check it."""

from collections.abc import Mapping
from typing import Any

__all__ = ["appendix", "saved_words"]


def appendix(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of the table: what it is, and its value.

    Args:
        content: what report.json holds.
    """
    method, model, environment = content["method"], content["model"], content["environment"]
    paper = method["paper"]
    rows = [
        ("Method", method["name"] + (f" (after “{paper['title']}”, arXiv {paper['arxiv']})" if paper else "")),
        ("What the method was given", ", ".join(method["needs"])),
        ("Random seed", str(method["seed"])),
    ]
    if content["references"]:
        words = "models" if content["saved_rows"] is None else f"saved answers ({saved_words(content['saved_rows'])})"
        rows.append(("References that never heard the recordings", f"{content['references']} {words}"))
    attempts = content.get("attempts", [])
    if len(attempts) > 1:
        tried = "; ".join(f"{one['method']}: {one['verdict']}" for one in attempts)
        rows.append(("Methods tried, in order", tried))
    drift = content.get("drift")
    if drift and drift["deletions"]:
        foreseen = "" if drift["divergence"] is None else f", {drift['divergence']:.3f} nats foreseen"
        advice = "; ".join(drift["retrain_recommended"])
        rows.append(
            (
                "Approximate deletions since training",
                f"{drift['deletions']}, {drift['recordings']} recordings{foreseen}"
                + (f". Retrain recommended: {advice}" if advice else ""),
            )
        )
    run = method["run"]
    if run:
        rows += [
            ("Why it stopped", run["stopped"]),
            ("Steps", str(run["steps"])),
            ("Loss on the forget set", f"{run['loss_before']:.4f} before, {run['loss_after']:.4f} after"),
            ("Time of the method", f"{run['seconds']:.2f} s"),
        ]
        details = ", ".join(f"{name} {value:.4g}" for name, value in sorted(run["details"].items()))
        rows += [("Details", details)] if details else []
    target = content["target_loss"]
    rows += [
        (
            "Target loss",
            "none saved"
            if target is None
            else f"{target:.4f} (loss before plus the gap between recordings not trained on and trained ones)",
        ),
        ("Classes", ", ".join(model["classes"])),
        ("Parameters", f"{model['parameters']:,}"),
    ]
    training = model["training"]
    if training:
        rows.append(
            (
                "Trained on",
                f"{training['corpus']}: {training['utterances']} recordings of {training['speakers']} speakers, seed "
                f"{training['seed']}; licence: {training['licence'] or 'not stated'}",
            )
        )
    rows += [
        ("Deletions before this one", str(model["deletions_before"])),
        ("Weights before (SHA-256)", model["weights_before_sha256"]),
        ("Weights after (SHA-256)", model["weights_after_sha256"]),
        ("Code of affekt (SHA-256)", environment["code_sha256"]),
        ("Platform", f"Python {environment['python']}, {environment['platform']}"),
        ("Packages", ", ".join(f"{name} {version}" for name, version in sorted(environment["packages"].items()))),
        ("Time in all", f"{content['seconds']:.1f} s"),
    ]
    return rows


def saved_words(saved: Mapping[str, Any]) -> str:
    """Where references that are saved out-of-fold answers come from.

    Args:
        saved: ``rule``, ``folds`` (0 if the file does not say) and ``repeats``.
    """
    unit = "speakers" if saved["rule"] == "across" else "utterances"
    folds = f"{saved['folds']} folds" if saved["folds"] else "folds, how many is not recorded,"
    repeats = saved["repeats"]
    return f"rule {saved['rule']}: {folds} of {unit}, {repeats} repeats; no p below 1/{repeats + 1}"
