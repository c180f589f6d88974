"""Classes from another column than emotion: intensities, intents, preferences, or an attribute cut into levels."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.preferences import LEVELS
from affekt.errors import ConfigError, DataError

__all__ = ["labelled_by"]

_TEXTS = ("emotion", "intensity", "intent", "preference")
_NUMBERS = ("arousal", "valence", "dominance")


def labelled_by(corpus: Corpus, column: str, *, classes: Sequence[str] = (), edges: Sequence[float] = ()) -> Corpus:
    """A corpus whose classes come from a column; what it says of emotions is replaced, and the column stays.

    Doing it twice changes nothing more.

    Args:
        corpus: any.
        column: emotion, intensity, intent or preference, whose values are the classes; or arousal, valence or
            dominance. A table has ``preference`` where somebody filled it or where
            :func:`~affekt.corpora.preferences.with_preference_levels` did.
        classes: the classes in their order; none: the sorted values of the column, those of preferences from low to
            high, or the attribute with the number of the level ("arousal 1").
        edges: with an attribute, the rising values between the classes; a value on an edge belongs above it.

    Raises:
        ConfigError: the column is none of these, or the edges do not fit.
        DataError: the column is empty.
    """
    if column == "emotion":
        return replace(corpus, classes=tuple(classes)) if classes else corpus
    if column not in (*_TEXTS, *_NUMBERS):
        raise ConfigError(
            f"label is {column!r}; one of {', '.join((*_TEXTS, *_NUMBERS))} was expected; choose one of these columns."
        )
    if column not in corpus.table.columns or (len(corpus) and corpus.table[column].is_null().all()):
        raise DataError(
            f"corpus '{corpus.name}' has no value in its column {column}, which the classes come from; a value for "
            "each utterance was expected; fill it or choose another label."
        )
    values: list[str | None]
    if column in _TEXTS:
        if edges:
            raise ConfigError(f"edges are given for {column}, which holds words; none were expected; leave them out.")
        values = corpus.table[column].to_list()
        names = tuple(classes) or tuple(sorted({value for value in values if value is not None}))
        if column == "preference":
            names = tuple(classes) or LEVELS
    else:
        names = tuple(classes) or tuple(f"{column} {level + 1}" for level in range(len(edges) + 1))
        if not edges or list(edges) != sorted(set(edges)) or len(names) != len(edges) + 1:
            raise ConfigError(
                f"edges are {list(edges)} for {len(names)} classes of {column}; one rising value between each two "
                "classes was expected; correct them."
            )
        values = [None if value is None else names[bisect_right(edges, value)] for value in corpus.table[column]]
    table = corpus.table.with_columns(pl.Series("emotion", values, dtype=pl.String))
    return replace(corpus, table=table, classes=names)
