"""report.html of a fusion: what was gained over each model, with what weights, on which recordings."""

from collections.abc import Mapping
from typing import Any

from affekt.reports.numbers import number, percent, points, span, tenths
from affekt.reports.pages import render

__all__ = ["MEASURES", "fusion_page", "headline"]

MEASURES = {
    "emotion_uar": "UAR of emotions",
    "intent_uar": "UAR of intents",
    "jrbm_weighted": "JRBM, weighted F1",
    "jrbm_micro": "JRBM, micro F1",
}
"""Name of a score -> its words; models that tell no intents have the first alone."""


def fusion_page(content: Mapping[str, Any]) -> str:
    """The page.

    Args:
        content: what report.json holds.
    """
    measures = [name for name in MEASURES if content["chance"][name] is not None]
    chance = [_plain(name)(content["chance"][name]) for name in measures]
    return render(
        "fusion.html",
        content=content,
        headline=headline(content),
        lead=_lead(content),
        measures=[MEASURES[name] for name in measures],
        joint="jrbm_weighted" in measures,
        weights=_weights(content),
        scores=[
            {"name": one["name"], "cells": [_cell(one[name], _plain(name)) for name in measures]}
            for one in content["scores"]
        ],
        chance=chance,
        differences=[
            {
                "name": f"{one['of']} less {one['less']}",
                "cells": [_cell(one[name], _signed(name)) for name in measures],
            }
            for one in content["differences"]
        ],
        scored=_scored(content),
        models=content["models"],
        sides=("train", "heldout", "dev", "test", "unknown"),
    )


def headline(content: Mapping[str, Any]) -> str:
    """One sentence: the fusion beside the best single model, by the measure that the weights were chosen by."""
    name = content["weights"]["chosen_by"]
    name = "emotion_uar" if name == "uar" else name
    alone = [one for one in content["scores"] if one["kind"] == "model"]
    best = max(alone, key=lambda one: one[name]["estimate"])
    gain = next(one for one in content["differences"] if one["of"] == "fusion" and one["less"] == best["name"])[name]
    score = next(one for one in content["scores"] if one["kind"] == "fusion")[name]
    verdict = "a gain" if gain["low"] > 0 else "a loss" if gain["high"] < 0 else "no sure difference"
    measure = "UAR of emotions" if name == "emotion_uar" else "JRBM"
    write = percent if name == "emotion_uar" else number
    return (
        f"Fused, the models reach {write(score['estimate'])} ({measure}), the best of them alone, {best['name']}, "
        f"{write(best[name]['estimate'])}: {verdict}"
    )


def _plain(name: str) -> Any:
    return tenths if name.endswith("uar") else number


def _signed(name: str) -> Any:
    return points if name.endswith("uar") else lambda change: f"{change:+.3f}".replace("-", "−")


def _cell(found: Mapping[str, Any], write: Any) -> dict[str, str]:
    """An estimate, and its interval as small print."""
    return {"value": write(found["estimate"]), "interval": span(found["low"], found["high"], write)}


def _lead(content: Mapping[str, Any]) -> str:
    who = f"{content['speakers']} speakers" if content["speakers"] else "speakers that are not named"
    few = " With so few speakers the intervals are too short: do not rely on their width."
    return (
        f"Scored on {content['utterances']} recordings of {who}, which no model has learned from or was chosen by."
        f"{few if 0 < content['speakers'] < 10 else ''}"
    )


def _weights(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a model: its share in each head."""
    found = content["weights"]
    heads = [head for head in ("emotions", "intents") if found[head] is not None]
    return [
        {"name": name, "cells": [f"{found[head][name]:.1f}" for head in heads]}
        for name in content["weights"]["emotions"]
    ]


def _scored(content: Mapping[str, Any]) -> list[str]:
    """What was scored and what was not, in sentences."""
    corpus, weights = content["corpus"], content["weights"]
    found = [
        f"Recordings: those that were for testing in the training of every model, {content['utterances']} of "
        f"{corpus['utterances']} in the corpus {corpus['name']}."
    ]
    if content["not_common"]:
        found.append(
            f"{content['not_common']} recordings were for testing in the training of some model but not of all and are "
            "not scored."
        )
    if content["learned_words"]:
        found.append(
            f"{content['learned_words']} of the scored recordings have the same words as some that a model that reads "
            "has learned from, said by others."
        )
    if content["without_text"]:
        found.append(f"{content['without_text']} recordings have no transcript and are left out, as a model reads.")
    whose = "the recordings that every model chose its best epoch on" if weights["own"] else weights["corpus"]
    left = f"; {weights['left_out']} others of it were left out" if weights["left_out"] else ""
    found.append(
        f"Weights: from {weights['utterances']} recordings of {weights['speakers']} other speakers ({whose}{left})."
    )
    for model in content["models"]:
        trained = f", trained on {model['trained_on']}" if model["trained_on"] else ""
        found.append(
            f"Model {model['name']}: {model['family']}, {'reads' if model['reads'] == 'text' else 'hears'}{trained}, "
            f"weights {model['weights_sha256'][:16]}…"
        )
    if corpus["licence"]:
        found.append(f"Licence of the recordings: {corpus['licence']}.")
    return found
