"""A model over a corpus, scored with intervals: emotions, attributes, intents, raters, groups, calibration."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.metrics import (
    Calibration,
    GroupScores,
    Interval,
    bootstrap,
    confusion,
    cross_entropy,
    f1_scores,
    group_scores,
    precisions,
    recalls,
    score_calibration,
)
from affekt.models import EmotionModel, ModelConfig
from affekt.training.exposure import exposure
from affekt.training.features import FeatureStore
from affekt.training.head_scores import (
    AttributeEvaluation,
    MultiLabelEvaluation,
    RaterEvaluation,
    by_class,
    first_rated,
    score_attribute,
    score_raters,
    score_several,
    speaker_clusters,
)
from affekt.training.intake import as_labelled
from affekt.training.intent_scores import IntentEvaluation, JointEvaluation, score_intents, score_joint
from affekt.training.predict import PredictedHeads, predict_heads
from affekt.types import FloatArray, IntArray

__all__ = [
    "Evaluation",
    "evaluate",
    "rows_of_side",
    "score_heads",
    "score_logits",
]

_NOT_GROUPS = ("end", "file", "start", "text", "utterance")
"""Columns that name single utterances or describe a place in a file."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Scores of one model on one set of utterances; what the model or the corpus does not have is None or empty."""

    utterances: int
    speakers: int
    classes: tuple[str, ...]
    accuracy: Interval | None
    """Weighted accuracy (WA); with one label an utterance also micro-F1. None for a model of attributes alone."""
    uar: Interval | None
    macro_f1: Interval | None
    loss: float | None
    """Mean cross-entropy, nats."""
    recalls: dict[str, float | None]
    """Recall of each class; None for classes that do not occur."""
    confusion: list[list[int]]
    """Counts; rows are the truth, columns the prediction."""
    chance_uar: float | None
    """UAR of guessing among the classes that occur."""
    precisions: dict[str, float | None] = field(default_factory=dict)
    """Precision of each class; None for classes that are never predicted."""
    f1: dict[str, float] = field(default_factory=dict)
    """F1 of each class; 0 where it is undefined."""
    unlabelled: int = 0
    """Utterances without an emotion, in no score of emotions."""
    calibration: Calibration | None = None
    groups: dict[str, GroupScores] = field(default_factory=dict)
    """Column -> UAR of its groups (CCC of the first attribute, where there are no emotions)."""
    attributes: dict[str, AttributeEvaluation | None] = field(default_factory=dict)
    """Attribute of the model -> its scores; None where the corpus has no rating of it."""
    multi_label: MultiLabelEvaluation | None = None
    raters: RaterEvaluation | None = None
    intents: IntentEvaluation | None = None
    """None for a model that tells none, and where the corpus has none of them."""
    joint: JointEvaluation | None = None
    """Emotion and intent together; None unless the model tells both and some utterance has both."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; speakers are numbered from the lowest score up, not named."""
        found = asdict(self)
        if "speaker" in found["groups"]:
            _number(found["groups"]["speaker"])
        # what a plain classifier has not is left out, as it was before there was any of it
        for name in ("calibration", "groups", "attributes", "multi_label", "raters", "intents", "joint", "unlabelled"):
            if not found[name]:
                del found[name]
        return found


def score_logits(
    logits: FloatArray,
    labels: IntArray,
    *,
    classes: tuple[str, ...],
    speakers: Sequence[str | None] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    calibration: bool = False,
) -> Evaluation:
    """Score logits (N, K) against labels (N,), with intervals from resampling speakers where they are known.

    Args:
        logits: (N, K).
        labels: indices into the classes, (N,).
        classes: names of the K classes.
        speakers: speaker of each utterance.
        resamples: bootstrap resamples.
        seed: of the resampling.
        calibration: whether to score the probabilities too, which takes longer.
    """
    prediction = logits.argmax(1)
    size = len(classes)
    clusters = speaker_clusters(speakers)

    def interval(name: str) -> Interval:
        return bootstrap(
            name,  # type: ignore[arg-type]
            labels,
            prediction,
            n_classes=size,
            clusters=clusters,
            resamples=resamples,
            seed=seed,
        )

    return Evaluation(
        utterances=len(labels),
        speakers=0 if clusters is None else len(set(clusters.tolist())),
        classes=classes,
        accuracy=interval("accuracy"),
        uar=interval("uar"),
        macro_f1=interval("macro_f1"),
        loss=float(cross_entropy(logits, labels).mean()),
        recalls=by_class(classes, recalls(labels, prediction, n_classes=size)),
        confusion=confusion(labels, prediction, n_classes=size).tolist(),
        chance_uar=1.0 / len(np.unique(labels)),
        precisions=by_class(classes, precisions(labels, prediction, n_classes=size)),
        f1=dict(zip(classes, f1_scores(labels, prediction, n_classes=size).tolist(), strict=True)),
        calibration=score_calibration(logits, labels, clusters=clusters, resamples=resamples, seed=seed)
        if calibration
        else None,
    )


def score_heads(
    config: ModelConfig,
    heads: PredictedHeads,
    corpus: Corpus,
    *,
    groups: Sequence[str] = (),
    resamples: int = 1000,
    seed: int = 0,
    calibration: bool = False,
) -> Evaluation:
    """Score everything a model said about a corpus: emotions, attributes, several labels, and against every rater.

    Utterances without an emotion are an error for a model of emotions alone on a corpus without ratings, unless it is a
    ranker. Otherwise they count where they can (attributes, several labels), and ``unlabelled`` says how many there
    were.

    Args:
        config: of the model: its classes, attributes and scale.
        heads: logits (N, K) and attributes (N, A) of all utterances.
        corpus: the utterances, with the model's classes.
        groups: columns to score by, such as ``speaker`` or ``sex``; unknown cells count nowhere.
        resamples: bootstrap resamples of speakers.
        seed: of the resampling.
        calibration: whether to score the probabilities too.

    Raises:
        DataError: an emotion is missing or unknown, or there is nothing to score.
        ConfigError: a group is no column that can be scored by.
    """
    speakers = corpus.table["speaker"].to_list()
    names = [_group(corpus, column) for column in groups]
    found: Evaluation | None = None
    labelled: IntArray = np.empty(0, np.int64)
    labels: IntArray = np.empty(0, np.int64)
    if config.classes:
        labelled = _labelled(corpus, config)
        if len(labelled):
            labels = corpus.select(labelled).labels()
            found = score_logits(
                heads.logits[labelled],
                labels,
                classes=config.classes,
                speakers=[speakers[row] for row in labelled],
                resamples=resamples,
                seed=seed,
                calibration=calibration,
            )
    attributes = {
        name: score_attribute(config, corpus, name, heads.attributes[:, column], resamples=resamples, seed=seed)
        for column, name in enumerate(config.attributes)
    }
    several = score_several(config, corpus, heads.logits, labelled, resamples=resamples, seed=seed)
    intents = score_intents(config, corpus, heads.intents, resamples=resamples, seed=seed)
    if found is None and several is None and intents is None and not any(attributes.values()):
        wanted = " or ".join((*(("an emotion",) if config.classes else ()), *config.attributes))
        raise DataError(
            f"corpus '{corpus.name}' has nothing to score the model with (got no utterance with {wanted}); a labelled "
            "corpus was expected; add that column or choose another."
        )
    by_group = {}
    rows: IntArray
    truth: npt.NDArray[Any]
    prediction: npt.NDArray[Any]
    for column, values in zip(groups, names, strict=True):
        if found is None and not any(attributes.values()):
            raise ConfigError(
                f"groups of {column} cannot be scored (got intents alone); utterances with an emotion or a rated "
                "attribute were expected; leave the groups out."
            )
        if found is not None:
            rows, prediction, truth = labelled, heads.logits[labelled].argmax(1), labels
        else:
            rows, truth, prediction = first_rated(config, corpus, heads.attributes, attributes)
        if all(values[row] is None for row in rows):
            raise ConfigError(
                f"no utterance has a value in the column '{column}' of corpus '{corpus.name}'; names of groups were "
                "expected; fill it or do not group by it."
            )
        by_group[column] = group_scores(
            "uar" if found is not None else "ccc",
            truth,
            prediction,
            [values[row] for row in rows],
            n_classes=len(config.classes) or None,
            clusters=speaker_clusters([speakers[row] for row in rows]),
            resamples=resamples,
            seed=seed,
        )
    known = speaker_clusters(speakers)
    whole: dict[str, Any] = {
        "utterances": len(corpus),
        "speakers": 0 if known is None else len(set(known.tolist())),
        "unlabelled": len(corpus) - len(labelled) if config.classes else 0,
        "groups": by_group,
        "attributes": attributes,
        "multi_label": several,
        "intents": intents,
        "joint": score_joint(config, corpus, heads, resamples=resamples, seed=seed),
        "raters": score_raters(config, corpus, heads.logits, labelled, labels, resamples=resamples, seed=seed),
    }
    if found is not None:
        return replace(found, **whole)
    nothing: dict[str, Any] = dict.fromkeys(("accuracy", "uar", "macro_f1", "loss", "chance_uar"))
    return Evaluation(classes=config.classes, recalls={}, confusion=[], **nothing, **whole)


def evaluate(
    model: EmotionModel,
    corpus: Corpus,
    *,
    store: FeatureStore | None = None,
    groups: Sequence[str] = (),
    resamples: int = 1000,
    seed: int = 0,
    calibration: bool = False,
) -> Evaluation:
    """Run a model over every utterance of a corpus and score it.

    Args:
        model: any model with the corpus's classes.
        corpus: labelled utterances.
        store: front-end features of the corpus that exist already.
        groups: columns to score by, such as ``speaker``, ``sex`` or ``language``.
        resamples: bootstrap resamples of speakers.
        seed: of the resampling.
        calibration: whether to score the probabilities too.

    Raises:
        DataError: the corpus is empty, unlabelled, or has an emotion the model does not know.
    """
    if not len(corpus):
        raise DataError("there is nothing to evaluate (got 0 utterances); at least one was expected; choose another.")
    if model.classes:
        corpus = replace(as_labelled(corpus, model.config), classes=model.classes)
        _labelled(corpus, model.config)  # refused before the work
    heads = predict_heads(model, store or FeatureStore(model, corpus), np.arange(len(corpus)))
    return score_heads(
        model.config, heads, corpus, groups=groups, resamples=resamples, seed=seed, calibration=calibration
    )


def rows_of_side(model: EmotionModel, corpus: Corpus, side: str) -> IntArray:
    """Rows of a corpus that stood on one side (train, heldout, dev, test) when the model was trained.

    Recognised by the recordings' keyed commitments, so names of files and speakers do not matter.

    Raises:
        DataError: the model has no erasure record.
    """
    if model.erasure is None:
        raise DataError(
            "the model does not know which recordings it was trained on (it has no erasure record); a model trained "
            "by affekt was expected; use --split all."
        )
    return exposure(model, corpus).rows(side)


def _labelled(corpus: Corpus, config: ModelConfig) -> IntArray:
    """Rows with an emotion; all must have one unless there is more to score, or the model orders what has none."""
    if not (config.attributes or config.intents or corpus.ratings is not None or config.family == "ranker"):
        corpus.labels()
    return np.flatnonzero(corpus.table["emotion"].is_not_null().to_numpy())


def _group(corpus: Corpus, column: str) -> list[str | None]:
    """The group of each utterance.

    Raises:
        ConfigError: no such column, or one that tells single utterances apart.
    """
    if column not in corpus.table.columns or column in _NOT_GROUPS:
        fit = [name for name in corpus.table.columns if name not in _NOT_GROUPS]
        raise ConfigError(
            f"'{column}' is no column to group by in corpus '{corpus.name}'; one of {', '.join(fit)} was expected; "
            "correct its name."
        )
    values = corpus.table[column]
    return [None if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in values]


def _number(found: dict[str, Any]) -> None:
    """Give the speakers of a JSON group numbers for names."""

    def rank(item: tuple[str, dict[str, Any]]) -> tuple[bool, float, int]:
        score = item[1]["score"]
        return (score is None, 0.0 if score is None else score["estimate"], item[1]["utterances"])

    order = sorted(found["groups"].items(), key=rank)
    numbers = {name: str(number) for number, (name, _) in enumerate(order, start=1)}
    found["groups"] = {numbers[name]: one for name, one in order}
    if found["gap"] is not None:
        found["gap"] |= {end: numbers[found["gap"][end]] for end in ("high", "low")}
