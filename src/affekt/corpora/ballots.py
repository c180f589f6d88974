"""The ratings of a corpus as arrays: who said what about which utterance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.errors import ConfigError, DataError

__all__ = ["ATTRIBUTES", "Ballots", "ballots", "class_list", "secondary_choices", "unique_maximum"]

ATTRIBUTES = ("arousal", "valence", "dominance")
"""Attributes that raters grade, in the order of every array of attributes."""


@dataclass(frozen=True, kw_only=True)
class Ballots:
    """Ratings in the order of the ratings table; M of them about N utterances by R raters."""

    categories: tuple[str, ...]
    """Emotions: the classes first, then the others that a rater chose, sorted."""
    n_classes: int
    """How many of the categories are classes."""
    rater_names: tuple[str, ...]
    """Ids of the raters, sorted; one made-up id for each rating that names nobody."""
    n_items: int
    """Utterances of the corpus, rated or not."""
    items: npt.NDArray[np.int64]
    """Row of the utterance of each rating, (M,)."""
    raters: npt.NDArray[np.int64]
    """Index into :attr:`rater_names`, (M,)."""
    choices: npt.NDArray[np.int64]
    """Index into :attr:`categories`, -1 for a rating without an emotion, (M,)."""
    grades: npt.NDArray[np.float64]
    """Arousal, valence, dominance; NaN where not given, (M, 3)."""
    anonymous: bool
    """Whether some rating names no rater."""

    def counts(self) -> npt.NDArray[np.float64]:
        """Votes for each category, (N, number of categories)."""
        size = len(self.categories)
        voted = self.choices >= 0
        flat = self.items[voted] * size + self.choices[voted]
        return np.bincount(flat, minlength=self.n_items * size).reshape(self.n_items, size).astype(np.float64)

    def counts_of_others(self) -> npt.NDArray[np.float64]:
        """Votes of everyone but the rater on the utterance of each rating, (M, number of categories)."""
        size = len(self.categories)
        # a rater may have rated an utterance more than once: all of these ratings are the rater's own
        _, pair = np.unique(self.items * len(self.rater_names) + self.raters, return_inverse=True)
        pair = pair.reshape(-1)
        voted = self.choices >= 0
        pairs = int(pair.max(initial=-1)) + 1
        own = np.bincount(pair[voted] * size + self.choices[voted], minlength=pairs * size).reshape(pairs, size)
        return np.asarray(self.counts()[self.items] - own[pair], np.float64)


def class_list(corpus: Corpus, classes: Sequence[str] | None) -> tuple[str, ...]:
    """Classes that were asked for: those given, those of the corpus, or all that raters chose where it has none.

    The list is empty where the corpus has no class and no rating names an emotion.

    Raises:
        ConfigError: A class is named twice.
        DataError: The corpus has no ratings.
    """
    table = rated(corpus)
    if classes is not None:
        names = tuple(classes)
        if len(set(names)) < len(names) or not names:
            raise ConfigError(
                f"the classes are {', '.join(names) or 'none'}; distinct names were expected; correct them."
            )
        return names
    return corpus.classes or tuple(table["emotion"].drop_nulls().unique().sort().to_list())


def rated(corpus: Corpus) -> pl.DataFrame:
    """The ratings table.

    Raises:
        DataError: The corpus has no ratings.
    """
    if corpus.ratings is None or corpus.ratings.height == 0:
        raise DataError(
            f"corpus '{corpus.name}' has no ratings; a table of single ratings was expected; put ratings.csv beside "
            "utterances.csv or import a corpus that comes with its raters."
        )
    return corpus.ratings


def ballots(corpus: Corpus, classes: Sequence[str] | None = None) -> Ballots:
    """Take the ratings of a corpus apart.

    Args:
        corpus: A corpus with ratings.
        classes: Emotions that come first among the categories; None takes those of the corpus.

    Raises:
        DataError: The corpus has no ratings.
    """
    table, names = rated(corpus), class_list(corpus, classes)
    others = sorted(set(table["emotion"].drop_nulls().unique().to_list()) - set(names))
    categories = (*names, *others)
    raters = table["rater"]
    anonymous = raters.null_count() > 0
    if anonymous:
        made = pl.int_range(table.height, eager=True).cast(pl.String)
        raters = raters.fill_null("anonymous rating " + made)
    rater_names = tuple(raters.unique().sort().to_list())
    return Ballots(
        categories=categories,
        n_classes=len(names),
        rater_names=rater_names,
        n_items=len(corpus),
        items=_codes(table["utterance"], corpus.table["utterance"].to_list()),
        raters=_codes(raters, rater_names),
        choices=_codes(table["emotion"], categories),
        grades=table.select(ATTRIBUTES).fill_null(float("nan")).to_numpy().astype(np.float64).reshape(-1, 3),
        anonymous=anonymous,
    )


def secondary_choices(corpus: Corpus, found: Ballots) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Secondary emotions that differ from the primary one, each once a rating.

    Returns:
        Row of the ratings table and index into the categories, -1 for an emotion that is none of them, both (S,).
    """
    named = rated(corpus).with_row_index("rating").select("rating", "emotion", pl.col("secondary").str.split(";"))
    named = (
        named.drop_nulls("secondary")
        .explode("secondary")
        .with_columns(pl.col("secondary").str.strip_chars())
        .filter((pl.col("secondary") != "") & pl.col("secondary").ne_missing(pl.col("emotion")))
        .unique(["rating", "secondary"], maintain_order=True)
    )
    return named["rating"].to_numpy().astype(np.int64), _codes(named["secondary"], found.categories)


def unique_maximum(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Column of the single greatest value of each row; -1 for a tie or a row without a value above 0. Shape (N,)."""
    if counts.shape[1] == 0:
        return np.full(len(counts), -1, np.int64)
    top = counts.max(axis=1, initial=0.0)
    # sums of weights such as 0.1 differ in their last bits
    single = np.isclose(counts, top[:, None], rtol=0.0, atol=1e-9).sum(axis=1) == 1
    return np.where(single & (top > 0.0), counts.argmax(axis=1), -1).astype(np.int64)


def _codes(column: pl.Series, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Index of each text in a list of names; -1 for one that is not there and for null."""
    table = pl.DataFrame({"name": pl.Series(names, dtype=pl.String), "code": np.arange(len(names), dtype=np.int64)})
    joined = pl.DataFrame({"name": column.cast(pl.String)}).join(table, on="name", how="left", maintain_order="left")
    return joined["code"].fill_null(-1).to_numpy().astype(np.int64)
