"""affekt evaluate: a model scored on a corpus, beside chance, other models and what it was trained on."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from affekt.corpora import Corpus, describe_mapping, map_emotions
from affekt.errors import DataError
from affekt.files import check_new_folder, new_folder, write_json, write_text
from affekt.metrics import bootstrap_difference, fit_temperature, holm, mcnemar, permutation_test, score_calibration
from affekt.models import EmotionModel, tensor_digest
from affekt.reports.evaluation_intents import compare_intents, only_intents, require_same_intents
from affekt.reports.evaluation_page import evaluation_page
from affekt.training import (
    Evaluation,
    FeatureStore,
    Progress,
    as_labelled,
    exposure,
    predict_heads,
    run_record,
    score_heads,
)
from affekt.training.head_scores import first_rated, speaker_clusters
from affekt.training.intake import preferences_changed
from affekt.training.intent_scores import indices_of
from affekt.training.predict import PredictedHeads
from affekt.types import IntArray, PathLike

__all__ = ["EvaluationReport", "evaluate_with_report"]

MINIMUM_FOR_TEMPERATURE = 10
"""Labelled utterances below which no temperature is fitted unless somebody asks for one."""


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """What was found."""

    evaluation: Evaluation
    """The scores, with the speakers' ids."""
    content: dict[str, Any]
    """All of it as plain JSON values, without an id of a speaker: what report.json holds."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return self.content


class _Scored(NamedTuple):
    """What all models are scored on."""

    corpus: Corpus
    rows: IntArray
    """Rows of the whole corpus."""


def evaluate_with_report(
    model: PathLike,
    corpus: Corpus,
    out: PathLike | None = None,
    *,
    split: str | None = None,
    mapping: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    against: Sequence[PathLike] = (),
    groups: Sequence[str] | None = None,
    temperature_from: Corpus | None = None,
    resamples: int = 1000,
    seed: int = 0,
    command: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> EvaluationReport:
    """Score a model on a corpus; with ``out``, write ``report.html`` and ``report.json``.

    Args:
        model: a model directory.
        corpus: labelled utterances.
        out: a new folder; None writes nothing.
        split: the side of the model's training to score, ``all``, or None: test, or all where the corpus holds no test
            recording of the model.
        mapping: emotion of the corpus -> class of the model.
        drop: emotions of the corpus that are left out; "" leaves out utterances without one.
        against: directories of models with the same classes, to compare with.
        groups: columns to score by; None takes none, or for a report those of speaker, sex and language that are there.
        temperature_from: utterances to fit a temperature on; None takes, for a report, the recordings of the corpus
            that the model's best epoch was chosen on, if there are any.
        resamples: bootstrap resamples.
        seed: of everything random.
        command: the words of the command that asked for it, kept with the results.
        progress: called as the work goes on.

    Raises:
        DataError: the corpus is empty, unlabelled or has unknown emotions, has no recording of the side, or holds a
            single emotion; another model has other classes; ``out`` exists.
        ConfigError: the mapping or a group does not fit the corpus.
        CheckpointError: a model directory is damaged.
    """
    if out is not None:
        out = check_new_folder(out)
    tell = progress or (lambda message, done, total: None)
    steps = 3 + len(against)
    tell("looking for recordings the model knows", 0, steps)
    loaded = EmotionModel.from_pretrained(model)
    others = [EmotionModel.from_pretrained(path) for path in against]
    for path, other in zip(against, others, strict=True):
        _require_same_answers(loaded, other, path)
    changed = "preference" not in corpus.table.columns and preferences_changed(loaded.config)
    corpus = as_labelled(corpus, loaded.config)
    described = None
    if mapping or drop:
        described = describe_mapping(corpus, mapping or {}, classes=loaded.classes, drop=drop)
    if loaded.classes:
        corpus = map_emotions(corpus, mapping or {}, classes=loaded.classes, drop=drop)
    if not len(corpus):
        raise DataError("there is nothing to evaluate (got 0 utterances); at least one was expected; choose another.")
    met = exposure(loaded, corpus)
    side, rows = _rows(loaded, corpus, met.sides, split, path=model)
    scored = _Scored(corpus.select(rows), rows)
    _require_two_emotions(loaded, scored.corpus)
    tell("scoring", 1, steps)
    chosen = _groups(loaded, scored.corpus, groups, report=out is not None)
    heads = predict_heads(loaded, FeatureStore(loaded, scored.corpus), np.arange(len(rows)))
    found = score_heads(
        loaded.config, heads, scored.corpus, groups=chosen, resamples=resamples, seed=seed, calibration=True
    )
    temperature = None
    if loaded.classes and (temperature_from is not None or out is not None):
        temperature = _temperature(
            loaded, heads, scored, corpus if temperature_from is None else temperature_from,
            asked=temperature_from is not None, resamples=resamples, seed=seed,
        )  # fmt: skip
    compared = []
    for number, (path, other) in enumerate(zip(against, others, strict=True)):
        tell("scoring another model", 2 + number, steps)
        compared.append(_compare(loaded, heads, other, path, scored, resamples=resamples, seed=seed))
    for entry, p in zip(compared, holm([one["permutation"]["p"] for one in compared]) if compared else [], strict=True):
        entry["p_holm"] = float(p)
    counts, heard = met.counts(rows), met.heard(rows)
    words = {"words_learned": sum(met.learned[row] for row in rows)} if loaded.reads == "text" else {}
    record = run_record("evaluate", command_line=None if command is None else shlex.join(command))
    training = next((entry for entry in loaded.config.history if entry.get("event") == "training"), None)
    content: dict[str, Any] = {
        "format": "affekt-evaluation",
        "format_version": 1,
        "split": side,
        "warnings": _warnings(loaded, counts, heard, compared, changed=changed),
        **found.to_json(),
        "corpus": {
            "name": corpus.name,
            "synthetic": corpus.synthetic,
            "licence": corpus.licence,
            "utterances": len(corpus),
            "data_sha256": corpus.digest,
        },
        "model": {
            "family": loaded.config.family,
            "label": loaded.config.label,
            "weights_sha256": tensor_digest(loaded),
            "trained_on": None if training is None else training.get("corpus"),
            "deletions": sum(entry.get("event") == "deletion" for entry in loaded.config.history),
        },
        "trained_on": {
            "known": met.recorded,
            "recordings": counts,
            "of_trained_speakers": heard,
            **words,
        },
        "mapping": None if described is None else described.to_json(),
        "temperature": temperature,
        "against": compared,
        "resamples": resamples,
        "seed": seed,
        "command_line": record["command_line"],
        "environment": {key: record[key] for key in ("affekt", "code_sha256", "python", "platform", "packages")},
    }
    if out is not None:
        tell("writing the report", steps - 1, steps)
        page = evaluation_page(content)
        with new_folder(out) as folder:
            write_json(folder / "report.json", content)
            write_text(folder / "report.html", page)
    tell("done", steps, steps)
    return EvaluationReport(evaluation=found, content=content)


def _require_same_answers(model: EmotionModel, other: EmotionModel, path: PathLike) -> None:
    """Refuse to compare models that answer different questions."""
    if other.classes != model.classes:
        raise DataError(
            f"the model {path} has the classes {', '.join(other.classes) or 'none'}; "
            f"{', '.join(model.classes) or 'none'} were expected, in this order; compare models of the same classes."
        )
    if not model.classes and other.config.attributes != model.config.attributes:
        raise DataError(
            f"the model {path} estimates {', '.join(other.config.attributes)}; {', '.join(model.config.attributes)} "
            "were expected, in this order; compare models of the same attributes."
        )


def _rows(
    model: EmotionModel, corpus: Corpus, sides: Sequence[str | None], split: str | None, *, path: PathLike
) -> tuple[str, IntArray]:
    """The side to score and its rows."""
    side = split or ("all" if model.erasure is None else "test")
    if side == "all":
        return side, np.arange(len(corpus))
    if model.erasure is None:
        raise DataError(
            "the model does not know which recordings it was trained on (it has no erasure record); a model trained "
            "by affekt was expected; use --split all."
        )
    rows = np.flatnonzero([found == side for found in sides])
    if len(rows):
        return side, rows
    if split is None:
        return "all", np.arange(len(corpus))
    raise DataError(
        f"no recording of {corpus.name} was on the {side} side when {path} was trained; the corpus it was trained "
        "on was expected; choose another --split or --split all."
    )


def _require_two_emotions(model: EmotionModel, corpus: Corpus) -> None:
    """UAR of one class is what a constant answer gets right."""
    found = corpus.table["emotion"].drop_nulls().unique().to_list()
    if model.classes and len(found) == 1 and not model.config.attributes:
        raise DataError(
            f"all utterances that are to be scored have the emotion '{found[0]}' (got {len(corpus)} of it); two or "
            "more emotions were expected, since a model that always gives this answer would be perfect; add others."
        )


def _groups(model: EmotionModel, corpus: Corpus, groups: Sequence[str] | None, *, report: bool) -> tuple[str, ...]:
    """Columns to score by; none of itself where the corpus has nothing but intents, which are not scored by group."""
    if groups is not None:
        return tuple(dict.fromkeys(groups))
    if only_intents(model.config, corpus):
        return ()
    several = [name for name in ("speaker", "sex", "language") if corpus.table[name].drop_nulls().n_unique() > 1]
    return tuple(several) if report else ()


def _places(corpus: Corpus) -> list[tuple[str, Any, Any]]:
    """Where each utterance is on the disk."""
    starts, ends = corpus.table["start"].to_list(), corpus.table["end"].to_list()
    return [(str(corpus.path(row).resolve()), starts[row], ends[row]) for row in range(len(corpus))]


def _temperature(
    model: EmotionModel,
    heads: PredictedHeads,
    scored: _Scored,
    source: Corpus,
    *,
    asked: bool,
    resamples: int,
    seed: int,
) -> dict[str, Any] | None:
    """A temperature from utterances that are not scored, and the calibration of the scored ones with it."""
    source = replace(as_labelled(source, model.config), classes=model.classes)
    used = set(_places(scored.corpus))
    labelled = source.table["emotion"].is_not_null().to_list()
    rows = np.array(
        [row for row, place in enumerate(_places(source)) if place not in used and labelled[row]], dtype=np.int64
    )
    met = exposure(model, source.select(rows))
    dev, unheard = met.rows("dev"), np.flatnonzero([side != "train" for side in met.sides])
    rows = rows[unheard if asked and not len(dev) else dev]
    if len(rows) < (1 if asked else MINIMUM_FOR_TEMPERATURE):
        if not asked:
            return None
        raise DataError(
            f"no utterance of {source.name} can give a temperature (got 0 labelled ones that are neither scored nor "
            "trained on); others were expected; name a corpus of other recordings."
        )
    fitting = source.select(rows)
    logits = predict_heads(model, FeatureStore(model, fitting), np.arange(len(rows))).logits
    fitted = fit_temperature(logits, fitting.labels())
    known = np.flatnonzero(scored.corpus.table["emotion"].is_not_null().to_numpy())
    if not len(known):
        return None
    speakers = scored.corpus.table["speaker"].to_list()
    after = score_calibration(
        heads.logits[known].astype(np.float64) / fitted.value,
        scored.corpus.select(known).labels(),
        clusters=speaker_clusters([speakers[row] for row in known]),
        resamples=resamples,
        seed=seed,
    )
    return {
        **asdict(fitted),
        "from": source.name,
        "from_dev": bool(len(dev)),
        "speakers": len(fitting.speakers),
        "calibration": asdict(after),
    }


def _compare(
    model: EmotionModel,
    heads: PredictedHeads,
    other: EmotionModel,
    path: PathLike,
    scored: _Scored,
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Another model on the same utterances: its scores, and the paired difference."""
    corpus = scored.corpus
    if only_intents(model.config, corpus):
        require_same_intents(model.config, other.config, path)
    theirs = predict_heads(other, FeatureStore(other, corpus), np.arange(len(corpus)))
    found = score_heads(other.config, theirs, corpus, resamples=resamples, seed=seed)
    speakers = corpus.table["speaker"].to_list()
    test: Any = None
    size = len(model.classes)
    rows: IntArray
    truth: npt.NDArray[Any]
    first: npt.NDArray[Any]
    second: npt.NDArray[Any]
    if found.uar is not None:
        statistic = "uar"
        rows = np.flatnonzero(corpus.table["emotion"].is_not_null().to_numpy())
        truth = corpus.select(rows).labels()
        first, second = heads.logits[rows].argmax(1), theirs.logits[rows].argmax(1)
        test = asdict(mcnemar(truth, first, second))
        score = found.uar
    elif found.intents is not None and only_intents(model.config, corpus):
        statistic, size = "uar", len(model.config.intents)
        labels = indices_of(corpus, "intent", model.config.intents)
        rows = np.flatnonzero(labels >= 0)
        truth, first, second = labels[rows], heads.intents[rows].argmax(1), theirs.intents[rows].argmax(1)
        test = asdict(mcnemar(truth, first, second))
        score = found.intents.uar
    else:
        name, one = next((name, one) for name, one in found.attributes.items() if one is not None)
        if one.ccc is None:
            raise DataError(
                f"CCC of {name} is undefined for {path} (got ratings and estimates that do not vary); ratings that "
                "vary were expected; score more utterances."
            )
        statistic, score = "ccc", one.ccc
        rows, truth, first = first_rated(model.config, corpus, heads.attributes, found.attributes)
        second = first_rated(other.config, corpus, theirs.attributes, found.attributes)[2]
    chosen: dict[str, Any] = {
        "n_classes": size or None,
        "clusters": speaker_clusters([speakers[row] for row in rows]),
        "seed": seed,
    }
    more: dict[str, Any] = {}
    if other.config.intents == model.config.intents:
        more = compare_intents(model.config, found, heads, theirs, corpus, resamples=resamples, seed=seed)
    difference = bootstrap_difference(statistic, truth, first, second, resamples=resamples, **chosen)  # type: ignore[arg-type]
    swapped = permutation_test(statistic, truth, first, second, **chosen)  # type: ignore[arg-type]
    met = exposure(other, corpus)
    return {
        "name": Path(path).resolve().name,
        "family": other.config.family,
        "statistic": statistic,
        "score": asdict(score),
        "difference": asdict(difference),
        "permutation": asdict(swapped),
        "mcnemar": test,
        **more,
        "trained_on": {"known": met.recorded, "recordings": met.counts()},
    }


def _warnings(
    model: EmotionModel,
    counts: Mapping[str, int],
    heard: int,
    compared: Sequence[Mapping[str, Any]],
    *,
    changed: bool,
) -> list[str]:
    """What makes the scores better than they would be for strangers, in sentences."""
    total = sum(counts.values())
    found = []
    if model.erasure is None:
        found.append(
            "The model has no record of its training: nobody can say here whether it was trained on these recordings."
        )
    if counts["train"]:
        found.append(
            f"The model was trained on {counts['train']} of the {total} scored recordings: these scores say nothing "
            "about speech it has not heard. Score the test side (--split test) or another corpus."
        )
    if heard:
        found.append(
            f"{heard} of the {total} scored recordings are of speakers the model was trained on: these scores are too "
            "good for strangers."
        )
    if counts["dev"]:
        found.append(
            f"The model's best epoch was chosen on {counts['dev']} of the {total} scored recordings: their scores are "
            "optimistic."
        )
    if changed:
        found.append(
            "The file of preferences that the levels come from has changed since the model was trained: what counts as "
            "right may differ from what it learned."
        )
    for entry in compared:
        recordings = entry["trained_on"]["recordings"]
        if not entry["trained_on"]["known"]:
            found.append(
                f"{entry['name']} has no record of its training: it may have been trained on these recordings."
            )
        elif recordings["train"] or recordings["heldout"] or recordings["dev"]:
            met = recordings["train"] + recordings["heldout"] + recordings["dev"]
            found.append(
                f"{entry['name']} met {met} of the {total} scored recordings in its training "
                f"({recordings['train']} to learn from): the comparison favours it."
            )
    return found
