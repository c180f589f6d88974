"""How well each rater agrees with the others, and which raters stand apart.

Every rating is held against the other raters of the same utterance: its emotion against their plurality, its grades
against their means. What is said about a rater is about a person: listings keep the ids as they are in the ratings,
and reports number the raters unless the owner of the corpus asks for the ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from affekt.corpora.ballots import ATTRIBUTES, Ballots, ballots, unique_maximum
from affekt.corpora.corpus import Corpus
from affekt.corpora.ratings import grouped_correlation
from affekt.errors import ConfigError

__all__ = ["LeaveOneOut", "RaterQuality", "leave_one_out", "rater_quality"]

RealMatrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LeaveOneOut:
    """Each rating with an emotion on which the other raters of the utterance had a plurality."""

    utterances: npt.NDArray[np.int64]
    """Row of the utterance, (L,)."""
    others: npt.NDArray[np.int64]
    """Category that the others chose, (L,)."""
    own: npt.NDArray[np.int64]
    """Category that the rater chose, (L,)."""
    raters: npt.NDArray[np.int64]
    """Rater, an index into :attr:`rater_names`, (L,)."""
    rater_names: tuple[str, ...]
    """Ids of the raters."""
    categories: tuple[str, ...]
    """Classes, then other emotions that raters chose."""
    n_classes: int
    """How many of the categories are classes."""


@dataclass(frozen=True, kw_only=True)
class RaterQuality:
    """One rater. A number is None where the ratings do not give it."""

    rater: str
    """The id, as in the ratings."""
    ratings: int
    """Ratings."""
    compared: int
    """Ratings on which the others had a plurality."""
    agreement: float | None
    """Share of these with the emotion that the others chose."""
    kappa: float | None
    """That share beyond chance: Cohen's kappa of the rater and the plurality of the others."""
    correlations: tuple[float | None, float | None, float | None]
    """Correlation of arousal, valence and dominance with the means of the others."""
    biases: tuple[float | None, float | None, float | None]
    """Mean difference from the means of the others; above 0, the rater grades higher."""
    modal_share: float | None
    """Share of the rater's commonest emotion."""
    constant: tuple[str, ...]
    """What the rater always answered in the same way, of emotion, arousal, valence and dominance."""
    reasons: tuple[str, ...]
    """Why the rater is an outlier; empty for one who is none."""


def leave_one_out(corpus: Corpus, *, classes: Sequence[str] | None = None) -> LeaveOneOut:
    """Pair each rating with the plurality of the other raters.

    Args:
        corpus: A corpus with ratings.
        classes: Emotions that come first among the categories; None takes those of the corpus. An emotion outside
            them is a category of its own.

    Raises:
        DataError: The corpus has no ratings.
    """
    found = ballots(corpus, classes)
    winner = unique_maximum(found.counts_of_others())
    kept = (winner >= 0) & (found.choices >= 0)
    return LeaveOneOut(
        utterances=found.items[kept],
        others=winner[kept],
        own=found.choices[kept],
        raters=found.raters[kept],
        rater_names=found.rater_names,
        categories=found.categories,
        n_classes=found.n_classes,
    )


def rater_quality(
    corpus: Corpus, *, classes: Sequence[str] | None = None, min_ratings: int = 20, cutoff: float = 3.0
) -> list[RaterQuality]:
    """Describe every rater and say who stands apart.

    A rater with at least ``min_ratings`` ratings is an outlier who always gives the same answer, or whose kappa or
    correlation lies more than ``cutoff`` robust standard deviations below the median of these raters, or whose bias
    lies that far on either side of the median. The robust standard deviation is 1.4826 times the median absolute
    deviation; with fewer than five raters, or a deviation of 0, only constant answers count. The rule is ours, in the
    manner of Leys et al. 2013.

    Args:
        corpus: A corpus with ratings.
        classes: As :func:`leave_one_out`.
        min_ratings: Ratings below which nobody is called an outlier.
        cutoff: Robust standard deviations.

    Returns:
        Raters sorted by id. Ratings without a rater are left out, so the list may be empty.

    Raises:
        DataError: The corpus has no ratings.
        ConfigError: A setting is out of range.
    """
    if min_ratings < 2 or not cutoff > 0.0:
        raise ConfigError(
            f"min_ratings is {min_ratings} and cutoff {cutoff}; at least 2 and above 0 were expected; correct them."
        )
    found = ballots(corpus, classes)
    size = len(found.rater_names)
    count = np.bincount(found.raters, minlength=size)
    compared, agreement, kappa, modal = _on_emotions(found)
    graded = [_on_attribute(found, a) for a in range(len(ATTRIBUTES))]
    spread = [_spread(found, a) for a in range(len(ATTRIBUTES))]
    reasons: list[list[str]] = [[] for _ in range(size)]
    many = count >= min_ratings
    _flag(reasons, kappa, many, cutoff, "agrees less on emotions", two_sided=False)
    for name, (correlation, bias) in zip(ATTRIBUTES, graded, strict=True):
        _flag(reasons, correlation, many, cutoff, f"agrees less on {name}", two_sided=False)
        _flag(reasons, bias, many, cutoff, f"grades {name} on another level", two_sided=True)
    result = []
    named = set() if corpus.ratings is None else set(corpus.ratings["rater"].drop_nulls().to_list())
    for r, name in enumerate(found.rater_names):
        if name not in named:
            continue
        constant = ["emotion"] if count[r] > 1 and modal[r] >= 1.0 else []
        constant += [a for a, varied in zip(ATTRIBUTES, spread, strict=True) if count[r] > 1 and varied[r] == 0.0]
        always = [f"always gives the same {answer}" for answer in constant] if many[r] else []
        result.append(
            RaterQuality(
                rater=name,
                ratings=int(count[r]),
                compared=int(compared[r]),
                agreement=_number(agreement[r]),
                kappa=_number(kappa[r]),
                correlations=_triple([correlation[r] for correlation, _ in graded]),
                biases=_triple([bias[r] for _, bias in graded]),
                modal_share=_number(modal[r]),
                constant=tuple(constant),
                reasons=(*always, *reasons[r]),
            )
        )
    return result


def _on_emotions(found: Ballots) -> tuple[npt.NDArray[np.int64], RealMatrix, RealMatrix, RealMatrix]:
    """For each rater: ratings that can be compared, agreement, kappa, share of the commonest emotion."""
    size, classes = len(found.rater_names), len(found.categories)
    winner = unique_maximum(found.counts_of_others())
    kept = (winner >= 0) & (found.choices >= 0)
    raters, own, others = found.raters[kept], found.choices[kept], winner[kept]
    compared = np.bincount(raters, minlength=size)
    total = np.maximum(compared, 1)
    agreement = np.bincount(raters, weights=own == others, minlength=size) / total

    def shares(choices: npt.NDArray[np.int64]) -> RealMatrix:
        cells = np.bincount(raters * classes + choices, minlength=size * classes).reshape(size, classes)
        return np.asarray(cells / total[:, None], np.float64)

    chance = (shares(own) * shares(others)).sum(axis=1)
    kappa = np.divide(agreement - chance, 1.0 - chance, out=np.full(size, np.nan), where=chance < 1.0 - 1e-12)
    voted = found.choices >= 0
    cells = np.bincount(found.raters[voted] * classes + found.choices[voted], minlength=size * classes)
    cells = cells.reshape(size, classes)
    modal = np.divide(
        cells.max(axis=1, initial=0), cells.sum(axis=1), out=np.full(size, np.nan), where=cells.sum(axis=1) > 0
    )
    unseen = compared == 0
    return compared, np.where(unseen, np.nan, agreement), np.where(unseen, np.nan, kappa), modal


def _on_attribute(found: Ballots, attribute: int) -> tuple[RealMatrix, RealMatrix]:
    """For each rater: correlation with the means of the others, and bias."""
    size, n = len(found.rater_names), found.n_items
    given = ~np.isnan(found.grades[:, attribute])
    items, raters, grades = found.items[given], found.raters[given], found.grades[given, attribute]
    _, pair = np.unique(items * size + raters, return_inverse=True)
    pair = pair.reshape(-1)
    count = np.bincount(items, minlength=n)[items] - np.bincount(pair)[pair]
    total = np.bincount(items, weights=grades, minlength=n)[items] - np.bincount(pair, weights=grades)[pair]
    kept = count > 0
    means = total[kept] / count[kept]
    correlation = grouped_correlation(grades[kept], means, raters[kept], size)
    compared = np.bincount(raters[kept], minlength=size)
    gaps = np.bincount(raters[kept], weights=grades[kept] - means, minlength=size)
    return correlation, np.divide(gaps, compared, out=np.full(size, np.nan), where=compared > 0)


def _spread(found: Ballots, attribute: int) -> RealMatrix:
    """Greatest minus least grade of each rater; NaN without a grade."""
    given = ~np.isnan(found.grades[:, attribute])
    size = len(found.rater_names)
    low, high = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(low, found.raters[given], found.grades[given, attribute])
    np.maximum.at(high, found.raters[given], found.grades[given, attribute])
    return np.where(np.isfinite(low), high - np.where(np.isfinite(low), low, 0.0), np.nan)


def _flag(
    reasons: list[list[str]],
    values: RealMatrix,
    many: npt.NDArray[np.bool_],
    cutoff: float,
    reason: str,
    *,
    two_sided: bool,
) -> None:
    """Note a reason for every rater whose value lies too far from the median."""
    usable = many & ~np.isnan(values)
    if usable.sum() < 5:
        return
    median = np.median(values[usable])
    deviation = 1.4826 * np.median(np.abs(values[usable] - median))
    if deviation <= 0.0:
        return
    away = (values - median) / deviation
    for r in np.flatnonzero(usable):
        if away[r] < -cutoff or (two_sided and away[r] > cutoff):
            reasons[r].append(f"{reason} ({values[r]:.2f}, median {median:.2f})")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _triple(values: list[float]) -> tuple[float | None, float | None, float | None]:
    first, second, third = (_number(value) for value in values)
    return first, second, third
