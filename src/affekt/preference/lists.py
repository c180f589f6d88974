"""Lists to learn an order from: drawn from labels, from raters' grades, or given as pairs and lists by people.

Every list names rows of a corpus, the most preferred first. The shortest is a pair. A list that came out shorter than
asked repeats its last row, which the loss passes over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from affekt.corpora import Corpus
from affekt.corpora.ballots import ATTRIBUTES, ballots
from affekt.corpora.preferences import read_preferences
from affekt.errors import ConfigError, DataError
from affekt.types import FloatArray, IntArray

__all__ = [
    "LabelLists",
    "ListSampler",
    "PreferenceLists",
    "filled",
    "grade_counts",
    "read_preferences",
    "rows_of",
    "strengths",
]

_TRIES = 16
"""Candidates looked at for each place of a list, before it stays short."""
_ROUNDS = 1000
"""How often a list that has only equal values is drawn again."""


class ListSampler(Protocol):
    """Draws lists of rows."""

    def draw(self, rows: IntArray, count: int, generator: np.random.Generator) -> IntArray:
        """Lists of some rows, (count, n), most preferred first, short ones filled up with their last row.

        Raises:
            DataError: no two of the rows can stand in one list.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelLists:
    """Lists in the order of labels.

    Without a margin, rows with equal values may stand in one list; they are no constraint. With a margin any two rows
    of a list are that far apart, so that with few levels lists stay short.
    """

    values: FloatArray
    """What the order follows, larger is more preferred, (N,); NaN is unknown."""
    size: int
    """n, rows of a list."""
    margin: float = 0.0
    """Least difference between two rows of a list: of values; with ``grades`` of :func:`strengths`."""
    grades: FloatArray | None = None
    """Ratings that chose each grade, lowest grade first, (N, L): rows are told apart by their raters."""
    groups: IntArray | None = None
    """Rows of one list are of one group, (N,)."""

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ConfigError(f"lists have {self.size} items; 2 or more were expected; change size.")
        if not 0.0 <= self.margin < np.inf:
            raise ConfigError(f"margin is {self.margin}; 0 or more was expected; change it.")
        if self.grades is not None and self.margin >= 1.0:
            raise ConfigError(
                f"margin is {self.margin} with raters' grades, where it is a difference of shares; 0 or more and below "
                "1 was expected; change it."
            )

    def draw(self, rows: IntArray, count: int, generator: np.random.Generator) -> IntArray:
        """As :class:`ListSampler` says."""
        pools = self._pools(rows)
        found = np.full((count, self.size), -1, np.int64)
        missing = np.arange(count)
        for _ in range(_ROUNDS):
            found[missing] = self._drawn(pools, len(missing), generator)
            missing = missing[found[missing, 0] < 0]
            if not len(missing):
                return found
        raise DataError(
            f"no two of {len(rows)} utterances that are {self.margin:g} apart were found in {_ROUNDS} draws; pairs "
            "that far apart were expected; lower margin."
        )

    def _pools(self, rows: IntArray) -> list[IntArray]:
        """Rows of each group where values differ."""
        known = rows[~np.isnan(self.values[rows])]
        codes = None if self.groups is None else self.groups[known]
        pools = [known] if codes is None else [known[codes == code] for code in np.unique(codes)]
        least = 0.0 if self.grades is not None else self.margin
        pools = [pool for pool in pools if len(pool) and np.ptp(self.values[pool]) >= max(least, 1e-12)]
        if not pools:
            apart = f"are {least:g} apart" if least else "differ"
            raise DataError(
                f"no two of {len(rows)} utterances {apart} in what they are to be ordered by; pairs that are were "
                "expected; label more of them or lower margin."
            )
        return pools

    def _drawn(self, pools: list[IntArray], count: int, generator: np.random.Generator) -> IntArray:
        """Lists in order, (count, n), each of one pool; -1 throughout for one where no two rows differ."""
        sizes = np.array([len(pool) for pool in pools])
        everyone = np.concatenate(pools)
        pool = generator.choice(len(pools), count, p=sizes / sizes.sum())
        first = (np.cumsum(sizes) - sizes)[pool]
        found = np.full((count, self.size), -1, np.int64)
        there = np.zeros(count, np.int64)
        for _ in range(_TRIES * self.size):
            rows = everyone[first + generator.integers(sizes[pool])]
            fits = (there < self.size) & (found != rows[:, None]).all(1)
            if self.margin:
                fits &= self._apart(rows, found)
            found[fits, there[fits]] = rows[fits]
            there += fits
            if (there == self.size).all():
                break
        values = np.where(found >= 0, self.values[found], np.nan)
        order = np.argsort(-values, axis=1, kind="stable")  # what is not there comes last
        found = np.take_along_axis(found, order, axis=1)
        last = there - 1
        places = np.minimum(np.arange(self.size), last[:, None])
        found = np.take_along_axis(found, places, axis=1)
        found[np.nanmax(values, axis=1) == np.nanmin(values, axis=1)] = -1
        return found

    def _apart(self, rows: IntArray, lists: IntArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether a row may join a list, one each: (count,), (count, n) -> (count,)."""
        empty = lists < 0
        gaps = self.values[rows][:, None] - self.values[lists]
        if self.grades is None:
            return np.asarray((empty | (np.abs(gaps) >= self.margin)).all(1))
        found = strengths(self.grades[rows][:, None], self.grades[lists])
        return np.asarray((empty | ((found * np.sign(gaps) >= self.margin) & (gaps != 0.0))).all(1))


@dataclass(frozen=True, kw_only=True, eq=False)
class PreferenceLists:
    """Lists that people gave."""

    lists: tuple[IntArray, ...]
    """Rows, most preferred first."""
    size: int
    """Rows of a drawn list; longer given lists are thinned out in their order."""

    def draw(self, rows: IntArray, count: int, generator: np.random.Generator) -> IntArray:
        """As :class:`ListSampler` says."""
        here = np.zeros(max(int(given.max()) for given in (*self.lists, rows)) + 1, np.bool_)
        here[rows] = True
        inside = [kept for given in self.lists if len(kept := given[here[given]]) > 1]
        if not inside:
            raise DataError(
                f"no preference is about two of {len(rows)} utterances to learn from; some were expected; check the "
                "names of the utterances in the preferences."
            )
        found = np.empty((count, self.size), np.int64)
        for number, choice in enumerate(generator.integers(len(inside), size=count)):
            given = inside[int(choice)]
            places = np.sort(generator.choice(len(given), min(len(given), self.size), replace=False))
            found[number] = filled(given[places], self.size)
        return found


def filled(rows: IntArray, size: int) -> IntArray:
    """A list with its last row repeated up to a size."""
    return np.concatenate([rows, np.repeat(rows[-1:], size - len(rows))])


def strengths(first: FloatArray, second: FloatArray) -> FloatArray:
    """How much more often a rating of one utterance is higher than one of another: P(higher) - P(lower).

    The ratings are taken to be independent, one drawn of each utterance; so raters need not have rated both.

    Args:
        first: ratings that chose each grade, lowest grade first, (..., L).
        second: the same of the others, (..., L).

    Returns:
        In [-1, 1], (...); NaN where nobody rated.

    Example:
        >>> float(strengths(np.array([0, 1, 1]), np.array([1, 1, 0])))
        0.75
    """
    with np.errstate(invalid="ignore"):
        p = first / first.sum(-1, keepdims=True)
        q = second / second.sum(-1, keepdims=True)
    below = np.cumsum(q, -1) - q
    above = 1.0 - np.cumsum(q, -1)
    return np.asarray((p * (below - above)).sum(-1))


def grade_counts(corpus: Corpus, attribute: str) -> FloatArray:
    """Ratings that chose each grade of an attribute, lowest grade first, (N, L).

    Raises:
        DataError: the corpus has no ratings of it.
        ConfigError: it is no attribute.
    """
    if attribute not in ATTRIBUTES:
        raise ConfigError(
            f"{attribute} has no grades; one of {', '.join(ATTRIBUTES)} was expected; order by one, or without votes."
        )
    found = ballots(corpus, corpus.classes or None)
    grades = found.grades[:, ATTRIBUTES.index(attribute)]
    rated = ~np.isnan(grades)
    if not rated.any():
        raise DataError(
            f"no rating of corpus '{corpus.name}' grades {attribute}; grades were expected; order without votes."
        )
    levels, places = np.unique(grades[rated], return_inverse=True)
    counts = np.zeros((len(corpus), len(levels)))
    np.add.at(counts, (found.items[rated], places.reshape(-1)), 1.0)
    return counts


def rows_of(lists: Sequence[Sequence[str]], utterances: Sequence[str]) -> tuple[IntArray, ...]:
    """Lists of names as lists of rows; names that are not there are left out, and lists with fewer than two others."""
    places = {name: row for row, name in enumerate(utterances)}
    found = (np.array([places[name] for name in given if name in places], np.int64) for given in lists)
    return tuple(rows for rows in found if len(rows) > 1)
