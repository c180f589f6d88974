"""Scores of groups of utterances, such as sexes, languages or speakers, and whether their gap means anything.

The largest of many gaps is above 0 even for a model that treats everybody alike, so three numbers stand beside it: its
interval; what a model whose errors do not depend on the group shows in groups of these sizes (``chance_gap``); and,
where every speaker is in one group, how often speakers dealt into the groups at random show as much (``p_speakers``).
The first is about these two groups, the second about the number of utterances, the third about the number of speakers.

Source: the idea to derive the tolerated gap from a simulated random model is that of audEERING's ser-tests; the models
that are simulated, and the test by speakers, are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from affekt.errors import ConfigError, DataError, ShapeError
from affekt.metrics import _inputs
from affekt.metrics._inputs import IntVector, RealArray
from affekt.metrics._resampling import cluster_groups, cluster_weights
from affekt.metrics._sums import NamedScore, Outcomes, outcomes
from affekt.metrics.classification import ClassificationScore
from affekt.metrics.intervals import Interval, bootstrap, percentile_interval

__all__ = ["GroupGap", "GroupScore", "GroupScores", "group_scores"]


class _Grouped(NamedTuple):
    """Utterances of the groups that are compared."""

    found: Outcomes
    places: IntVector
    """The group of each utterance, (N,)."""
    size: int
    """Number of groups."""
    speakers: IntVector | None
    """Codes of the speakers, (N,)."""


@dataclass(frozen=True, kw_only=True)
class GroupScore:
    """The score of one group."""

    utterances: int
    speakers: int
    """0 where speakers are not known."""
    score: Interval | None
    """None where the score is undefined in the group, for example CCC of one utterance."""


@dataclass(frozen=True, kw_only=True)
class GroupGap:
    """The largest difference between two groups, and what chance gives."""

    high: str
    """The group with the highest score."""
    low: str
    """The group with the lowest score."""
    gap: Interval
    """score(high) - score(low), each group's speakers resampled."""
    chance_gap: float
    """The gap that a model whose errors do not depend on the group exceeds in one of 20 simulations."""
    p: float
    """Share of simulations, with one added, whose gap is as large."""
    p_speakers: float | None
    """The same with speakers dealt into the groups at random; None where a speaker is in several groups, where groups
    are single speakers, or where speakers are not known."""
    simulations: int


@dataclass(frozen=True, kw_only=True)
class GroupScores:
    """Scores of the groups of one column."""

    statistic: str
    groups: dict[str, GroupScore]
    """In the order of their names."""
    without: int
    """Utterances whose group is not known; they count nowhere here."""
    gap: GroupGap | None
    """None where fewer than two groups have a score."""


def group_scores(
    statistic: NamedScore,
    truth: npt.ArrayLike,
    prediction: npt.ArrayLike,
    groups: npt.ArrayLike | Sequence[str | None],
    *,
    n_classes: int | None = None,
    clusters: npt.ArrayLike | None = None,
    resamples: int = 1000,
    simulations: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> GroupScores:
    """Score every group and compare the best with the worst.

    The simulated model keeps the truth and the groups. For classes, each utterance gets a prediction drawn from the
    confusion of its true class over all groups; for ratings, the error of a random utterance.

    Args:
        statistic: "accuracy", "uar", "macro_f1", "ccc", "pcc", "mae" or "rmse".
        truth: (N,).
        prediction: (N,).
        groups: name of the group of each utterance, (N,); None where it is not known.
        n_classes: K; required for "macro_f1".
        clusters: speaker of each utterance, (N,); None resamples utterances.
        resamples: bootstrap resamples.
        simulations: simulated models, and random deals of the speakers.
        level: confidence level.
        seed: of everything random.

    Returns:
        The scores. UAR of a group is over the classes that occur in it.

    Raises:
        ConfigError: unknown score, level, resamples or simulations out of range.
        ShapeError: lengths differ.
        DataError: empty input, or no utterance has a group.
    """
    if simulations < 1:
        raise ConfigError(f"simulations is too small (got {simulations}); expected 1 or more; use 1000.")
    outcomes(statistic, truth, prediction, n_classes=n_classes)  # checks
    labels, guesses = np.asarray(truth), np.asarray(prediction)
    if statistic in get_args(ClassificationScore) and n_classes is None:
        n_classes = int(max(labels.max(), guesses.max())) + 1
    given = np.asarray(groups, dtype=object)
    if given.shape != labels.shape:
        raise ShapeError(
            f"groups has the wrong shape (got {given.shape}); expected {labels.shape}; give one name per utterance."
        )
    known = np.array([name is not None for name in given], dtype=bool)
    if not known.any():
        raise DataError(
            f"no utterance has a group (got {labels.size} missing names); a name was expected in some; fill the column "
            "or score without groups."
        )
    labels, guesses, named = labels[known], guesses[known], given[known].astype(str)
    speakers = None if clusters is None else _inputs.codes("clusters", clusters, known.size)[0][known]
    places, count = _inputs.codes("groups", named, labels.size)
    data = _Grouped(outcomes(statistic, labels, guesses, n_classes=n_classes), places, count, speakers)
    exact = data.found.score(data.found.sums(places, count))
    scores: dict[str, GroupScore] = {}
    for number, name in enumerate(np.unique(named)):
        inside = places == number
        own = None if speakers is None else speakers[inside]
        score = None
        if np.isfinite(exact[number]):
            score = bootstrap(
                statistic,
                labels[inside],
                guesses[inside],
                n_classes=n_classes,
                clusters=own,
                resamples=resamples,
                level=level,
                seed=seed,
            )
        people = 0 if own is None else int(np.unique(own).size)
        scores[str(name)] = GroupScore(utterances=int(inside.sum()), speakers=people, score=score)
    gap = None
    if np.isfinite(exact).sum() >= 2:
        rng = np.random.default_rng(seed)
        # the last of equal ones, so that two groups with the same score are two
        high, low = int(np.nanargmax(exact)), exact.size - 1 - int(np.nanargmin(exact[::-1]))
        observed = float(exact[high] - exact[low])
        drawn, unit = _resampled_gap(data, high, low, resamples, rng)
        if data.found.cells is None:
            chance = _simulated_ratings(statistic, data, labels, guesses, simulations, rng)
        else:
            chance = _simulated_classes(data, simulations, rng)
        gap = GroupGap(
            high=list(scores)[high],
            low=list(scores)[low],
            gap=percentile_interval(observed, drawn, level, unit),
            chance_gap=float(np.quantile(chance, 0.95, method="higher")),
            p=_share(chance, observed),
            p_speakers=_dealt(data, observed, simulations, rng),
            simulations=simulations,
        )
    return GroupScores(statistic=statistic, groups=scores, without=int((~known).sum()), gap=gap)


def _resampled_gap(
    data: _Grouped, high: int, low: int, resamples: int, rng: np.random.Generator
) -> tuple[RealArray, str]:
    """score(high) - score(low) of resamples, and what was resampled; speakers in both groups are drawn for both."""
    first, second = data.places == high, data.places == low
    if data.speakers is not None and np.intersect1d(data.speakers[first], data.speakers[second]).size:
        inside = first | second
        codes, count = _inputs.codes("clusters", data.speakers[inside], int(inside.sum()))
        sums = data.found.only(inside).sums(codes * 2 + second[inside], count * 2).reshape(count, 2, -1)
        weights = cluster_weights(count, resamples, rng)
        both = np.einsum("rc,csm->rsm", weights, sums)
        change = data.found.score_or_nan(both[:, 0]) - data.found.score_or_nan(both[:, 1])
        return _only_defined(change), f"speaker ({count})"
    drawn, units = [], []
    for inside in (first, second):
        own = None if data.speakers is None else data.speakers[inside]
        groups, unit, _ = cluster_groups(int(inside.sum()), own, "speaker")
        count = int(groups.max()) + 1
        sums = data.found.only(inside).sums(groups, count)
        weights = cluster_weights(count, resamples, rng)
        drawn.append(data.found.score_or_nan(weights @ sums))
        units.append(unit)
    return _only_defined(drawn[0] - drawn[1]), " and ".join(units)


def _simulated_classes(data: _Grouped, simulations: int, rng: np.random.Generator) -> RealArray:
    """Gaps of models that confuse the classes alike in every group."""
    size = int(np.sqrt(data.found.width))
    sums = data.found.sums(data.places, data.size).reshape(data.size, size, size)
    support = sums.sum(axis=2).astype(np.int64)  # (groups, K)
    pooled = sums.sum(axis=0)
    drawn = np.zeros((simulations, data.size, size, size))
    for group, label in zip(*np.nonzero(support), strict=True):
        row = pooled[label] / pooled[label].sum()
        drawn[:, group, label] = rng.multinomial(support[group, label], row, size=simulations)
    return _spread(data.found.score(drawn.reshape(simulations, data.size, -1)))


def _simulated_ratings(
    statistic: NamedScore,
    data: _Grouped,
    labels: npt.NDArray[Any],
    guesses: npt.NDArray[Any],
    simulations: int,
    rng: np.random.Generator,
) -> RealArray:
    """Gaps of models that err alike in every group."""
    errors = guesses.astype(np.float64) - labels
    drawn = [
        outcomes(statistic, labels, labels + rng.choice(errors, errors.size)).sums(data.places, data.size)
        for _ in range(simulations)
    ]
    return _spread(data.found.score(np.stack(drawn)))


def _dealt(data: _Grouped, observed: float, simulations: int, rng: np.random.Generator) -> float | None:
    """How often speakers dealt into groups of as many speakers show as large a gap."""
    if data.speakers is None:
        return None
    codes, people = _inputs.codes("clusters", data.speakers, data.speakers.size)
    home = np.full(people, -1, dtype=np.int64)
    home[codes] = data.places
    if not np.array_equal(home[codes], data.places) or people <= data.size:
        return None
    sums = data.found.sums(codes, people)  # (people, M)
    member = np.eye(data.size)[home]  # (people, groups)
    totals = np.stack([rng.permutation(member).T @ sums for _ in range(simulations)])  # (R, groups, M)
    return _share(_spread(data.found.score(totals)), observed)


def _share(gaps: RealArray, observed: float) -> float:
    """Share of gaps as large as the observed one, with one added; an undefined gap counts as large."""
    large = ~(gaps < observed - 1e-12)
    return float((1 + large.sum()) / (1 + gaps.size))


def _spread(scores: RealArray) -> RealArray:
    """The largest less the smallest defined score: (R, groups) -> (R,)."""
    low = np.where(np.isnan(scores), np.inf, scores).min(axis=1)
    high = np.where(np.isnan(scores), -np.inf, scores).max(axis=1)
    return np.asarray(np.maximum(high - low, 0.0), dtype=np.float64)


def _only_defined(drawn: RealArray) -> RealArray:
    """The defined ones; without any there is no interval.

    Raises:
        DataError: every resample is undefined.
    """
    kept = drawn[np.isfinite(drawn)]
    if not kept.size:
        raise DataError(
            f"the gap is undefined on all of {drawn.size} resamples; a number was expected on most; use larger groups."
        )
    return kept
