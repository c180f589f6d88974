"""From single ratings to labels: votes, consensus, soft and multi-label targets, and graded attributes.

A rating is one row of the ratings table: who, about what, a primary emotion, secondary emotions joined by ``;``, and
arousal, valence and dominance. An emotion that is none of the classes is a category of its own unless a function is
told to drop it; what was dropped is counted in the result. `docs/raters.md` gives the conventions and their sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from affekt.corpora.ballots import (
    ATTRIBUTES,
    Ballots,
    ballots,
    secondary_choices,
    unique_maximum,
)
from affekt.corpora.corpus import Corpus
from affekt.corpora.dawid_skene import dawid_skene
from affekt.errors import ConfigError, DataError

__all__ = [
    "Consensus",
    "Rule",
    "Ties",
    "consensus",
    "evaluator_weights",
    "mean_attributes",
    "multi_label_targets",
    "rated_by_anyone",
    "soft_labels",
    "votes",
    "weighted_attributes",
    "with_consensus",
]

Rule: TypeAlias = Literal["dawid-skene", "majority", "plurality"]
"""How single votes become one emotion."""

Ties: TypeAlias = Literal["first", "none", "secondary"]
"""What a tie for the most votes becomes: the first in the order of the categories, no emotion, or what the secondary
emotions decide."""

RealMatrix: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """What raters agreed on, one entry an utterance."""

    emotion: tuple[str | None, ...]
    """The emotion; None where raters did not agree or nobody named an emotion."""
    share: RealMatrix
    """Share of the counted votes for that emotion (Dawid-Skene: its probability); NaN without an emotion, (N,)."""
    raters: npt.NDArray[np.int64]
    """Ratings that were counted, (N,)."""
    categories: tuple[str, ...]
    """Emotions that could win, in the order that decides ties by ``first``."""
    no_agreement: npt.NDArray[np.bool_]
    """Whether there were votes and no winner, (N,)."""
    dropped: int
    """Ratings with an emotion that is no category; 0 unless they were to be dropped."""
    rule: Rule
    """How the winner was found."""


def votes(corpus: Corpus, *, classes: Sequence[str] | None = None, secondary_weight: float = 0.0) -> RealMatrix:
    """Count the votes for each class.

    Args:
        corpus: A corpus with ratings.
        classes: What may be voted for; None takes those of the corpus, or every rated emotion where it has none.
            Votes for anything else are left out.
        secondary_weight: What each secondary emotion that differs from the primary one counts; the primary one
            counts 1.

    Returns:
        float64, (N, K).

    Raises:
        DataError: The corpus has no ratings.
        ConfigError: The weight is negative, or a class is named twice.
    """
    found = _with_emotions(corpus, classes)
    return _votes(corpus, found, secondary_weight)[:, : found.n_classes]


def rated_by_anyone(
    corpus: Corpus, classes: Sequence[str] | None = None, *, secondary: bool = False
) -> npt.NDArray[np.bool_]:
    """Say which classes at least one rater chose, so that a prediction can be scored as right if anybody agrees.

    Args:
        corpus: A corpus with ratings.
        classes: As :func:`votes`.
        secondary: Whether secondary emotions count too.

    Returns:
        bool, (N, K); a row of False where nobody chose a class.
    """
    return votes(corpus, classes=classes, secondary_weight=1.0 if secondary else 0.0) > 0.0


def soft_labels(
    corpus: Corpus,
    *,
    classes: Sequence[str] | None = None,
    smoothing: float = 0.0,
    secondary_weight: float = 0.0,
    min_votes: int = 1,
) -> RealMatrix:
    """Shares of the votes as training targets.

    Args:
        corpus: A corpus with ratings.
        classes: As :func:`votes`.
        smoothing: e in (1 - e) q + e / K.
        secondary_weight: As :func:`votes`.
        min_votes: Ratings with a known class, as primary emotion or as a secondary one that counts, below which an
            utterance gets no target.

    Returns:
        float64, (N, K); every row sums to 1, or is NaN where fewer than ``min_votes`` raters chose a class.

    Raises:
        DataError: The corpus has no ratings.
        ConfigError: A setting is out of range.
    """
    if not 0.0 <= smoothing <= 1.0:
        raise ConfigError(f"smoothing is {smoothing}; 0 <= smoothing <= 1 was expected; use 0.05 or 0.")
    if min_votes < 1:
        raise ConfigError(f"min_votes is {min_votes}; 1 or more was expected; correct it.")
    found = _with_emotions(corpus, classes)
    counts = _votes(corpus, found, secondary_weight)[:, : found.n_classes]
    total = counts.sum(axis=1, keepdims=True)
    known = (total[:, 0] > 0.0) & (_voters(corpus, found, secondary_weight) >= min_votes)
    shares = np.full_like(counts, np.nan)
    shares[known] = (1.0 - smoothing) * counts[known] / total[known] + smoothing / counts.shape[1]
    return shares


def multi_label_targets(shares: npt.ArrayLike) -> RealMatrix:
    """Turn soft labels into yes or no for each class: yes where the share exceeds 1/K.

    Args:
        shares: (N, K), as of :func:`soft_labels`; a NaN row stays NaN.

    Returns:
        float64 0, 1 or NaN, (N, K).

    Source: EMO-SUPERB (Wu et al. 2024), which puts the predictions to the same threshold.

    Example:
        >>> multi_label_targets([[0.6, 0.4, 0.0], [1 / 3, 1 / 3, 1 / 3]]).tolist()
        [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    array = np.asarray(shares, np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ConfigError(f"shares have shape {array.shape}; (N, K) was expected; use soft_labels.")
    # equal shares stay no after rounding
    chosen = (array > 1.0 / array.shape[1] + 1e-9).astype(np.float64)
    return np.where(np.isnan(array), np.nan, chosen)


def consensus(
    corpus: Corpus,
    *,
    rule: Rule = "plurality",
    ties: Ties = "none",
    classes: Sequence[str] | None = None,
    outside: Literal["category", "drop"] = "category",
    min_votes: int = 1,
    smoothing: float = 0.1,
) -> Consensus:
    """Find the emotion that raters agreed on.

    Plurality is the emotion with the most votes; majority one with more than half of them; Dawid-Skene the most
    probable one, once the confusions of each rater are estimated. Only primary emotions vote.

    Args:
        corpus: A corpus with ratings.
        rule: Which of the three.
        ties: What two equal winners of a plurality become.
        classes: As :func:`votes`.
        outside: Whether an emotion that is no class can win, or its ratings are dropped.
        min_votes: Counted ratings below which there is no agreement.
        smoothing: Pseudo-count of Dawid-Skene, see :func:`affekt.corpora.dawid_skene.dawid_skene`.

    Raises:
        DataError: The corpus has no ratings, or Dawid-Skene is asked about raters without ids.
        ConfigError: The rule or a setting is unknown.
    """
    for name, value, known in (("rule", rule, Rule), ("ties", ties, Ties)):
        if value not in get_args(known):
            raise ConfigError(f"{name} is '{value}'; one of {', '.join(get_args(known))} was expected; correct it.")
    if outside not in ("category", "drop") or min_votes < 1:
        raise ConfigError(
            f"outside is '{outside}' and min_votes {min_votes}; 'category' or 'drop' and 1 or more were expected; "
            "correct them."
        )
    found = ballots(corpus, classes)
    size = len(found.categories) if outside == "category" else found.n_classes
    counts = found.counts()[:, :size]
    total = counts.sum(axis=1)
    if rule == "dawid-skene" and total.any():
        support = _posteriors(corpus, found, size, smoothing)
        winner = unique_maximum(support)
    else:
        support = counts / np.maximum(total, 1.0)[:, None]
        winner = unique_maximum(counts)
        if rule == "majority":
            winner[support.max(axis=1, initial=0.0) <= 0.5] = -1
        elif ties != "none":
            winner = _break_ties(corpus, found, counts, winner, ties)
    winner[total < min_votes] = -1
    rows = np.arange(len(corpus))
    return Consensus(
        emotion=tuple(None if k < 0 else found.categories[k] for k in winner.tolist()),
        share=np.where(winner >= 0, support[rows, np.maximum(winner, 0)], np.nan)
        if size
        else np.full(len(corpus), np.nan),
        raters=total.astype(np.int64),
        categories=found.categories[:size],
        no_agreement=(total > 0) & (winner < 0),
        dropped=int((found.choices >= size).sum()),
        rule=rule,
    )


def with_consensus(
    corpus: Corpus,
    *,
    rule: Rule = "plurality",
    ties: Ties = "none",
    classes: Sequence[str] | None = None,
    outside: Literal["category", "drop"] = "category",
    min_votes: int = 1,
    attributes: Literal["mean", "weighted"] = "mean",
) -> Corpus:
    """A corpus whose emotions and attributes are those of its ratings.

    Args:
        corpus: A corpus with ratings.
        rule, ties, outside, min_votes: As :func:`consensus`.
        classes: Classes of the new corpus; None keeps them, or where the corpus has none takes the emotions that won.
        attributes: :func:`mean_attributes` or :func:`weighted_attributes`.

    Returns:
        A new corpus with the same utterances and ratings. The emotion is null where raters did not agree; one that
        won and is no class stays and :meth:`Corpus.labels` refuses it. What no rating is about, emotion or attribute,
        keeps its values.
    """
    if attributes not in ("mean", "weighted"):
        raise ConfigError(f"attributes is '{attributes}'; 'mean' or 'weighted' was expected; correct it.")
    found = consensus(corpus, rule=rule, ties=ties, classes=classes, outside=outside, min_votes=min_votes)
    graded = mean_attributes(corpus) if attributes == "mean" else weighted_attributes(corpus)
    columns = [pl.Series("emotion", found.emotion, dtype=pl.String)] if found.raters.any() else []
    for name, values in zip(ATTRIBUTES, graded.T, strict=True):
        column = pl.Series(name, values).fill_nan(None)
        columns.append(column if column.null_count() < len(column) else corpus.table[name])
    kept = corpus.classes if classes is None else tuple(classes)
    return replace(corpus, table=corpus.table.with_columns(columns), classes=kept)


def mean_attributes(corpus: Corpus) -> RealMatrix:
    """Mean arousal, valence and dominance, float64 (N, 3); NaN where nobody rated the attribute."""
    found = ballots(corpus)
    return np.stack([_weighted(found, a, np.ones(len(found.rater_names))) for a in range(3)], axis=1)


def evaluator_weights(corpus: Corpus, *, min_ratings: int = 10) -> RealMatrix:
    """Weight of each rater in the evaluator weighted estimator, one for each attribute.

    A rater's weight is the correlation of the rater's answers with the means over all raters, the rater included, of
    the same utterances. Ours: a negative weight is 0, as is that of a rater whose answers never vary; a rater with
    fewer than ``min_ratings`` answers gets the mean weight of the others, since a correlation of few points is chance.

    Returns:
        float64, (R, 3), raters sorted by id.

    Source: Grimm & Kroschel 2005.
    """
    found = ballots(corpus)
    return np.stack([_ewe_weights(found, a, min_ratings) for a in range(3)], axis=1)


def weighted_attributes(corpus: Corpus, *, min_ratings: int = 10) -> RealMatrix:
    """Evaluator weighted estimates of arousal, valence and dominance, float64 (N, 3); NaN where nobody rated.

    The estimate is the mean of the answers weighted by :func:`evaluator_weights`; where all weights are 0 it is the
    plain mean.

    Raises:
        DataError: The corpus has no ratings, or raters without ids.
    """
    found = ballots(corpus)
    if found.anonymous:
        raise DataError(
            f"ratings of corpus '{corpus.name}' name no rater; weights need raters with ids; use mean_attributes."
        )
    weights = evaluator_weights(corpus, min_ratings=min_ratings)
    return np.stack([_weighted(found, a, weights[:, a]) for a in range(3)], axis=1)


def _with_emotions(corpus: Corpus, classes: Sequence[str] | None) -> Ballots:
    """The ratings, of which one at least may name an emotion."""
    found = ballots(corpus, classes)
    if not found.categories:
        raise DataError(
            f"no rating of corpus '{corpus.name}' names an emotion; at least one was expected; check the column "
            "'emotion' of the ratings."
        )
    return found


def _votes(corpus: Corpus, found: Ballots, secondary_weight: float) -> RealMatrix:
    """Votes for every category, secondary emotions included."""
    if secondary_weight < 0.0 or not np.isfinite(secondary_weight):
        raise ConfigError(f"secondary_weight is {secondary_weight}; 0 or more was expected; use 0 to leave them out.")
    counts = found.counts()
    if secondary_weight > 0.0:
        ratings, choices = secondary_choices(corpus, found)
        known = choices >= 0
        flat = found.items[ratings[known]] * counts.shape[1] + choices[known]
        counts += secondary_weight * np.bincount(flat, minlength=counts.size).reshape(counts.shape)
    return counts


def _voters(corpus: Corpus, found: Ballots, secondary_weight: float) -> npt.NDArray[np.int64]:
    """Ratings of each utterance that name a class, (N,)."""
    counted = (found.choices >= 0) & (found.choices < found.n_classes)
    if secondary_weight > 0.0:
        ratings, choices = secondary_choices(corpus, found)
        counted[ratings[(choices >= 0) & (choices < found.n_classes)]] = True
    return np.bincount(found.items[counted], minlength=found.n_items).astype(np.int64)


def _posteriors(corpus: Corpus, found: Ballots, size: int, smoothing: float) -> RealMatrix:
    """Dawid-Skene probabilities of the categories; 0 where nobody voted."""
    if found.anonymous:
        raise DataError(
            f"ratings of corpus '{corpus.name}' name no rater; Dawid-Skene needs raters with ids; use 'plurality'."
        )
    counted = (found.choices >= 0) & (found.choices < size)
    estimate = dawid_skene(
        found.items[counted],
        found.raters[counted],
        found.choices[counted],
        n_classes=size,
        n_items=found.n_items,
        n_raters=len(found.rater_names),
        smoothing=smoothing,
    )
    return np.nan_to_num(estimate.posteriors)


def _break_ties(
    corpus: Corpus, found: Ballots, counts: RealMatrix, winner: npt.NDArray[np.int64], ties: Ties
) -> npt.NDArray[np.int64]:
    """Winners with ties decided."""
    top = counts.max(axis=1, initial=0.0)
    tied = (winner < 0) & (top > 0)
    if ties == "first":
        return np.where(tied, counts.argmax(axis=1), winner)
    leading = counts == top[:, None]
    extra = _votes(corpus, found, 1.0)[:, : counts.shape[1]] - counts
    return np.where(tied, unique_maximum(np.where(leading, extra, 0.0)), winner)


def _weighted(found: Ballots, attribute: int, weights: RealMatrix) -> RealMatrix:
    """Weighted mean of the grades of each utterance, (N,)."""
    given = ~np.isnan(found.grades[:, attribute])
    items, grades = found.items[given], found.grades[given, attribute]
    own = weights[found.raters[given]]
    total = np.bincount(items, weights=own, minlength=found.n_items)
    # where no rater has any weight, all have the same
    own = np.where(total[items] > 0.0, own, 1.0)
    total = np.bincount(items, weights=own, minlength=found.n_items)
    sums = np.bincount(items, weights=own * grades, minlength=found.n_items)
    return np.asarray(np.divide(sums, total, out=np.full(found.n_items, np.nan), where=total > 0.0), np.float64)


def _ewe_weights(found: Ballots, attribute: int, min_ratings: int) -> RealMatrix:
    """Weight of each rater, (R,)."""
    size = len(found.rater_names)
    means = _weighted(found, attribute, np.ones(size))
    given = ~np.isnan(found.grades[:, attribute])
    raters = found.raters[given]
    correlations = grouped_correlation(found.grades[given, attribute], means[found.items[given]], raters, size)
    many = np.bincount(raters, minlength=size) >= min_ratings
    weights = np.maximum(np.nan_to_num(correlations), 0.0)
    return np.where(many, weights, weights[many].mean() if many.any() else 1.0)


def grouped_correlation(first: RealMatrix, second: RealMatrix, groups: npt.NDArray[np.int64], size: int) -> RealMatrix:
    """Pearson correlation within each group; NaN where one side does not vary. (size,)."""
    count = np.maximum(np.bincount(groups, minlength=size), 1)

    def centred(values: RealMatrix) -> RealMatrix:
        return np.asarray(values - (np.bincount(groups, weights=values, minlength=size) / count)[groups], np.float64)

    x, y = centred(first), centred(second)
    xy, xx, yy = (np.bincount(groups, weights=product, minlength=size) for product in (x * y, x * x, y * y))
    varied = (xx > 1e-12 * count) & (yy > 1e-12 * count)
    return np.asarray(np.divide(xy, np.sqrt(xx * yy), out=np.full(size, np.nan), where=varied), np.float64)
