"""Who is on which side: splits and folds from a corpus or from files of other toolkits, however careless they are.

:class:`affekt.corpora.Split` refuses what leaks. Here everything is taken as it is given, also an utterance on two
sides, so that :func:`affekt.corpora.audit` can say what is wrong with it.
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.table import nearest, read_table
from affekt.errors import DataError
from affekt.types import PathLike

__all__ = ["Sides", "read_sides", "sides_of_corpus"]

_IDS: Final = ("utterance", "file", "key", "id", "path", "wav", "file_name")
"""Columns that can say which utterance a row is about, the best first."""

_SIDE_IN_NAME: Final = re.compile(r"(?<![a-z])(train|training|dev|development|valid|validation|val|test|eval)(?![a-z])")
_WORDS: Final = {"training": "train", "development": "dev", "valid": "dev", "validation": "dev", "val": "dev"}


@dataclass(frozen=True, kw_only=True)
class Sides:
    """One way to divide a corpus."""

    name: str
    """What it is called, such as ``split`` or ``folds fold 3``."""
    rows: dict[str, tuple[int, ...]]
    """Name of each side and its rows of the corpus, rising; train, dev and test first."""


def sides_of_corpus(corpus: Corpus) -> tuple[Sides, ...]:
    """The divisions that the corpus's own table names: ``split``, and any ``split_*``, ``fold`` and ``fold_*``.

    Returns:
        One a column, and one a fold for a column ``fold``; empty if there is none.

    Raises:
        DataError: A row has no value, or all have the same.
    """
    table = corpus.table
    columns = [name for name in table.columns if _is_division(name) and table[name].null_count() < table.height]
    where = f"corpus '{corpus.name}'"
    frame = table.select(columns).cast(pl.String)
    return _divisions(frame, list(range(table.height)), name="", where=where) if columns else ()


def read_sides(paths: Sequence[PathLike], corpus: Corpus, *, partial: bool = False) -> tuple[Sides, ...]:
    """Read splits from files.

    A file is CSV, Parquet, JSON lines (EmoBox) or a JSON object with one entry an utterance (SpeechBrain). It names
    utterances by ``utterance``, ``file`` or ``key``, and their side by one of these:

    - ``split`` or ``split_*``: the name of a side; every column is a division of its own
    - ``fold`` beside ``split``: a division for each fold
    - ``fold`` alone: each fold is test once and the others are train
    - the name of the file, where several files are given: ``train.json`` and ``test.json``, or
      ``x_train_fold_1.jsonl`` and ``x_test_fold_1.jsonl``

    An utterance is found by its id, by its file, or by the name of the file without folders and suffix.

    Args:
        paths: The files.
        corpus: What they divide.
        partial: Leave out rows about utterances that the corpus does not have, instead of refusing them.

    Returns:
        The divisions, in the order of the files.

    Raises:
        DataError: A file is unreadable or empty, has no such columns, leaves a side out, names an unknown utterance, or
            has only one side.
    """
    finder = _Finder(corpus)
    divisions: list[Sides] = []
    by_name: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for path in map(Path, paths):
        frame = _read(path)
        rows = finder.rows(frame, path, partial=partial)
        columns = [name for name in frame.columns if _is_division(name)]
        if columns:
            kept = [i for i, row in enumerate(rows) if row is not None]
            found = [row for row in rows if row is not None]
            if not found:
                raise DataError(
                    f"{path} names no utterance of corpus '{corpus.name}'; at least one was expected; check the corpus."
                )
            prefix = path.stem if len(paths) > 1 else ""
            divisions += _divisions(frame.select(columns).cast(pl.String)[kept], found, name=prefix, where=str(path))
            continue
        side = _SIDE_IN_NAME.search(path.stem.lower().replace("_", " "))
        if side is None:
            raise DataError(
                f"{path} has no column that names a side (got {', '.join(frame.columns)}); 'split' or 'fold' was "
                "expected, or train, dev or test in the name of the file; add the column or rename the file."
            )
        others = (path.stem[: side.start()] + "*" + path.stem[side.end() :]).strip("_-. ")
        name = f"{path.parent.name}/{others}" if path.parent.name else others
        by_name[name][_WORDS.get(side[1], side[1])] += [row for row in rows if row is not None]
    for name, sides in by_name.items():
        divisions.append(_sides(name, sides, where=f"the files {name}"))
    return tuple(divisions)


def _is_division(column: str) -> bool:
    return re.fullmatch(r"(split|fold)([_-].*|\d*)", column) is not None


def _divisions(frame: pl.DataFrame, rows: Sequence[int], *, name: str, where: str) -> tuple[Sides, ...]:
    """Every column that divides the rows."""
    for column in frame.columns:
        empty = frame[column].is_null() | (frame[column].str.strip_chars() == "")
        if empty.any():
            raise DataError(
                f"{int(empty.sum())} of {frame.height} rows of {where} have no value in the column '{column}'; the "
                "name of a side was expected in every row; fill the column or leave the rows out."
            )
    frame = frame.select(pl.all().str.strip_chars())
    found: list[Sides] = []
    if "fold" in frame.columns:
        beside = "split" in frame.columns
        values = frame["fold"].to_list()
        for fold in sorted(set(values), key=lambda value: (len(value), value)):
            sides: dict[str, list[int]] = defaultdict(list)
            for at, value in enumerate(values):
                if beside and value == fold:
                    sides[frame["split"][at]].append(rows[at])
                elif not beside:
                    sides["test" if value == fold else "train"].append(rows[at])
            found.append(_sides(f"{name} fold {fold}".strip(), sides, where=where))
    for column in frame.columns:
        if column == "fold" or (column == "split" and "fold" in frame.columns):
            continue
        sides = defaultdict(list)
        for row, value in zip(rows, frame[column].to_list(), strict=True):
            sides[value].append(row)
        found.append(_sides(f"{name} {column}".strip(), sides, where=where))
    return tuple(found)


def _sides(name: str, sides: dict[str, list[int]], *, where: str) -> Sides:
    """Sides in their usual order; at least two."""
    usual = ("train", "dev", "test")
    filled = {side: tuple(sorted(set(rows))) for side, rows in sides.items() if rows}
    if len(filled) < 2:
        raise DataError(
            f"'{name}' of {where} has {len(filled)} side{'' if len(filled) == 1 else 's'} "
            f"({', '.join(filled) or 'none'}); at least two were expected; give train and test."
        )
    order = sorted(filled, key=lambda side: (usual.index(side) if side in usual else len(usual), side))
    return Sides(name=name, rows={side: filled[side] for side in order})


def _read(path: Path) -> pl.DataFrame:
    """A table of any kind that is understood, with text alone in its columns."""
    suffix = path.suffix.lower()
    if suffix not in (".json", ".jsonl"):
        return read_table(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path} cannot be read; a file with a split was expected; check the path.") from None
    try:
        if suffix == ".jsonl":
            entries = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            value: Any = json.loads(text)
            entries = value if isinstance(value, list) else [{"key": key, **entry} for key, entry in value.items()]
        wanted = [
            {name: str(value) for name, value in entry.items() if name in _IDS or _is_division(name)}
            for entry in entries
        ]
    except (json.JSONDecodeError, AttributeError, TypeError):
        raise DataError(
            f"{path} is not a list of utterances; JSON objects with 'key' or 'file' were expected; correct the file."
        ) from None
    if not wanted:
        raise DataError(f"{path} has no rows; at least one utterance was expected; fill the file.")
    return pl.DataFrame(wanted, infer_schema_length=None)


class _Finder:
    """Finds the row of a corpus that a name means."""

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        ids, files = corpus.table["utterance"].to_list(), corpus.table["file"].to_list()
        seen: dict[str, list[int]] = defaultdict(list)
        for row, file in enumerate(files):
            seen[file].append(row)
        self.exact = {file: found[0] for file, found in seen.items() if len(found) == 1}
        self.exact |= {name: row for row, name in enumerate(ids)}
        stems: dict[str, list[int]] = defaultdict(list)
        for row, file in enumerate(files):
            stems[_stem(file)].append(row)
        self.stems = {stem: found[0] for stem, found in stems.items() if len(found) == 1}

    def rows(self, frame: pl.DataFrame, path: Path, *, partial: bool) -> list[int | None]:
        """The row of each line; None for unknown ones that may be left out."""
        columns = [name for name in _IDS if name in frame.columns]
        if not columns:
            raise DataError(
                f"{path} has no column 'utterance' or 'file' ({nearest('utterance', frame.columns)}); one of them was "
                "expected; rename the column that holds the ids."
            )
        found: list[int | None] = []
        for number, names in enumerate(frame.select(columns).cast(pl.String).rows(), 1):
            # EmoBox puts its own prefix before the name in 'key', and the file's name into 'wav'
            rows = (self.exact.get(name, self.stems.get(_stem(name))) for name in names if name is not None)
            row = next((row for row in rows if row is not None), None)
            if row is None and not partial:
                raise DataError(
                    f"row {number} of {path} names the unknown utterance '{names[0] or ''}' (corpus "
                    f"'{self.corpus.name}' has {len(self.corpus)}); an id or a file of the corpus was expected; "
                    "correct it, or leave such rows out with --partial."
                )
            found.append(row)
        return found


def _stem(file: str) -> str:
    """A file's name without folders and suffix."""
    name = file.replace("\\", "/").rsplit("/", 1)[-1]
    return re.sub(r"\.(wav|flac|mp3|ogg|opus|aiff?|m4a)$", "", name, flags=re.IGNORECASE)
