"""Intents in the report of an evaluation: two models compared, and what the page shows of them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from affekt.corpora import Corpus
from affekt.errors import DataError
from affekt.metrics import JointLabels, bootstrap_difference, jrbm_difference
from affekt.metrics.joint import Average
from affekt.models import ModelConfig
from affekt.reports.numbers import number, points, span, tenths
from affekt.training import Evaluation
from affekt.training.head_scores import speaker_clusters
from affekt.training.intent_scores import indices_of
from affekt.training.predict import PredictedHeads
from affekt.types import PathLike

__all__ = ["compare_intents", "intent_measures", "intent_rows", "joint_rows", "only_intents", "require_same_intents"]


def only_intents(config: ModelConfig, corpus: Corpus) -> bool:
    """Whether a model that tells intents finds neither an emotion nor an attribute to be scored on in a corpus."""
    columns = ("emotion", *config.attributes)
    return bool(config.intents) and not any(corpus.table[name].drop_nulls().len() for name in columns)


def require_same_intents(config: ModelConfig, other: ModelConfig, path: PathLike) -> None:
    """Refuse to compare the intents of models that tell different ones.

    Raises:
        DataError: the other model, of this directory, tells other intents or tells them in another order.
    """
    if other.intents != config.intents:
        raise DataError(
            f"the model {path} tells the intents {', '.join(other.intents) or 'none'}; {', '.join(config.intents)} "
            "were expected, in this order, as the corpus has nothing but intents; compare models of the same intents."
        )


def compare_intents(
    config: ModelConfig,
    found: Evaluation,
    heads: PredictedHeads,
    theirs: PredictedHeads,
    corpus: Corpus,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """What another model scores on intents and on emotion and intent together, and the paired differences to it.

    Args:
        config: of both models: classes and intents.
        found: the scores of the other model.
        heads: what this model says of N utterances.
        theirs: what the other says of them.
        corpus: the utterances.
        resamples: bootstrap resamples of speakers.
        seed: of the resampling.

    Returns:
        ``intents`` and ``joint``, each only where ``found`` has it.
    """
    entry: dict[str, Any] = {}
    emotions = indices_of(corpus, "emotion", config.classes)
    intents = indices_of(corpus, "intent", config.intents)
    speakers = corpus.table["speaker"]
    drawn: dict[str, Any] = {"resamples": resamples, "seed": seed}
    if found.intents is not None:
        rows = np.flatnonzero(intents >= 0)
        said = [one.intents[rows].argmax(1) for one in (heads, theirs)]
        clusters = speaker_clusters(speakers[rows].to_list())
        change = bootstrap_difference("uar", intents[rows], *said, clusters=clusters, **drawn)
        entry["intents"] = {"uar": asdict(found.intents.uar), "difference": asdict(change)}
    if found.joint is not None:
        rows = np.flatnonzero((emotions >= 0) & (intents >= 0))
        truth = JointLabels(emotions[rows], intents[rows])
        ours, others = (JointLabels(one.logits[rows].argmax(1), one.intents[rows].argmax(1)) for one in (heads, theirs))
        clusters = speaker_clusters(speakers[rows].to_list())
        sizes: dict[str, Any] = {"n_emotions": len(config.classes), "n_intents": len(config.intents)}

        def difference(average: Average) -> dict[str, Any]:
            return asdict(jrbm_difference(truth, ours, others, average=average, clusters=clusters, **sizes, **drawn))

        entry["joint"] = {
            "jrbm_weighted": asdict(found.joint.jrbm_weighted),
            "jrbm_micro": asdict(found.joint.jrbm_micro),
            "difference_weighted": difference("weighted"),
            "difference_micro": difference("micro"),
        }
    return entry


def intent_measures(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of scores for intents; none where there are none."""
    found = content.get("intents")
    if found is None:
        return []
    totals = [sum(row) for row in found["confusion"]]
    return [
        {"name": "Intents: UAR", **_cell(found["uar"], tenths), "chance": tenths(found["chance_uar"])},
        {"name": "Intents: accuracy", **_cell(found["accuracy"], tenths), "chance": tenths(max(totals) / sum(totals))},
        {"name": "Intents: macro-F1", **_cell(found["macro_f1"], tenths), "chance": ""},
    ]


def joint_rows(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table of emotion and intent together; none where no recording has both."""
    found = content.get("joint")
    if found is None:
        return []
    return [
        {
            "name": "JRBM, weighted F1",
            **_cell(found["jrbm_weighted"], number),
            "chance": number(found["chance_weighted"]),
        },
        {"name": "JRBM, micro F1", **_cell(found["jrbm_micro"], number), "chance": number(found["chance_micro"])},
        {"name": "UAR of emotions", **_cell(found["emotion_uar"], tenths), "chance": ""},
        {"name": "UAR of intents", **_cell(found["intent_uar"], tenths), "chance": ""},
    ]


def intent_rows(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each other model that was compared on intents: scores and differences as cells."""
    rows = []
    for entry in content["against"]:
        intents, joint = entry.get("intents"), entry.get("joint")
        if intents is None:
            continue
        none = {"value": "–", "interval": ""}
        rows.append(
            {
                "name": entry["name"],
                "cells": [
                    _cell(intents["uar"], tenths),
                    _cell(intents["difference"], points),
                    none if joint is None else _cell(joint["jrbm_weighted"], number),
                    none if joint is None else _cell(joint["difference_weighted"], number),
                ],
            }
        )
    return rows


def _cell(found: Mapping[str, Any], write: Any) -> dict[str, str]:
    """An estimate, and its interval as small print."""
    return {"value": write(found["estimate"]), "interval": span(found["low"], found["high"], write)}
