"""What people preferred: pairs and lists of utterances that they put in order, and a level for each from these.

The levels are **ours**, not a paper's. An utterance is compared with every other of its list; its level is *higher* if
it won at least half of all its comparisons, else *lower*. So it depends on the utterance's own comparisons alone: it is
the same in every part of a corpus and whatever else the file holds, needs no connection between lists, and is there
from the first comparison on. It says where an utterance stands among those it was compared with, not among all.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.errors import DataError
from affekt.files import read_json
from affekt.types import PathLike

__all__ = ["LEVELS", "preference_levels", "read_preferences", "with_preference_levels"]

LEVELS: Final = ("lower", "higher")
"""The levels that preferences give, in rising order."""


def preference_levels(lists: Sequence[Sequence[str]]) -> dict[str, str]:
    """The level of each utterance that was compared, see the module.

    Args:
        lists: utterances, each list the most preferred first.

    Returns:
        Utterance -> one of :data:`LEVELS`.

    Example:
        >>> preference_levels([["a", "b"], ["b", "c", "a"]])
        {'a': 'lower', 'b': 'higher', 'c': 'higher'}
    """
    won: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    for given in lists:
        for place, name in enumerate(given):
            won[name] += len(given) - 1 - place
            compared[name] += len(given) - 1
    return {name: LEVELS[2 * won[name] >= count] for name, count in compared.items()}


def with_preference_levels(corpus: Corpus, path: PathLike) -> Corpus:
    """A corpus with a column ``preference``: the level of each utterance by a file; null where nobody compared it.

    A corpus that has such a column is left as it is.

    Args:
        corpus: any.
        path: pairs or lists, see :func:`read_preferences`.

    Raises:
        DataError: the file cannot be read.
    """
    if "preference" in corpus.table.columns:
        return corpus
    levels = preference_levels(read_preferences(path))
    column = [levels.get(name) for name in corpus.table["utterance"]]
    return replace(corpus, table=corpus.table.with_columns(preference=pl.Series(column, dtype=pl.String)))


def read_preferences(path: PathLike) -> tuple[tuple[str, ...], ...]:
    """Read lists of utterances that people put in order.

    Args:
        path: a CSV file with the columns ``better`` and ``worse``, one pair a row; or ``list``, ``rank`` and
            ``utterance``, one item a row, rank 1 the most preferred; or a JSON file with a list of lists of utterances,
            each the most preferred first.

    Returns:
        Utterances of each list, most preferred first.

    Raises:
        DataError: the file is missing, is neither, or a list repeats an utterance, has two on one rank or fewer than
            two.
    """
    path = Path(path)
    lists = _from_json(path, read_json(path)) if path.suffix.lower() == ".json" else _from_csv(path)
    if not lists:
        raise DataError(f"{path} holds no preference; pairs or lists of utterances were expected; check the file.")
    for number, given in enumerate(lists, start=1):
        if len(set(given)) < max(2, len(given)):
            raise DataError(
                f"list {number} of {path} is {', '.join(given) or 'empty'}; two or more different utterances were "
                "expected; correct it."
            )
    return tuple(lists)


def _from_json(path: Path, content: object) -> list[tuple[str, ...]]:
    good = isinstance(content, list) and all(
        isinstance(given, list) and all(isinstance(name, str) for name in given) for given in content
    )
    if not isinstance(content, list) or not good:
        raise DataError(
            f"{path} is no list of lists of utterances; [[best, ..., worst], ...] was expected; correct the file."
        )
    return [tuple(given) for given in content]


def _from_csv(path: Path) -> list[tuple[str, ...]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            names = set(reader.fieldnames or ())
            rows = list(reader)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); a file of preferences was expected; check the path."
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path} is not CSV in UTF-8; such a file was expected; convert it.") from None
    if {"better", "worse"} <= names:
        return [(row["better"] or "", row["worse"] or "") for row in rows]
    if not {"list", "rank", "utterance"} <= names:
        raise DataError(
            f"{path} has the columns {', '.join(sorted(names)) or 'none'}; better and worse, or list, rank and "
            "utterance were expected; rename them."
        )
    found: dict[str, dict[float, str]] = defaultdict(dict)
    for number, row in enumerate(rows, start=2):
        try:
            rank = float(row["rank"])
        except (TypeError, ValueError):
            raise DataError(
                f"line {number} of {path} has the rank {row['rank']!r}; a number was expected; correct it."
            ) from None
        if rank in found[row["list"]]:
            raise DataError(
                f"line {number} of {path} has rank {rank:g} of list {row['list']} again; one utterance a rank was "
                "expected; leave ties out or make pairs."
            )
        found[row["list"]][rank] = row["utterance"] or ""
    return [tuple(ranks[rank] for rank in sorted(ranks)) for ranks in found.values()]
