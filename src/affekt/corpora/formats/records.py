"""Utterances as plain records: what the readers and writers of all formats share.

A record is a dictionary with one value for each thing that is known about an utterance; what is not known is not there.
Foreign names of columns are brought to affekt's by :data:`ALIASES`, unless affekt's own name is there too.
"""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.formats.json_lines import Record, shown
from affekt.corpora.table import COLUMNS, RATING_COLUMNS
from affekt.errors import ConfigError, DataError
from affekt.types import PathLike

__all__ = [
    "ALIASES",
    "SIDES",
    "Export",
    "corpus_of",
    "derived_id",
    "named_sex",
    "notes_of",
    "records_of",
    "speakers_from_ids",
]

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "utterance": ("key", "id", "utt_id"),
    "file": ("file_name", "wav", "path", "audio", "filename"),
    "speaker": ("spk_id", "speaker_id", "spk"),
    "sex": ("gender",),
    "text": ("transcription", "transcript"),
    "emotion": ("emo", "label"),
    "duration": ("length",),
}
"""Column of affekt, and what other formats call it, the likeliest first."""

SIDES: Final[Mapping[str, str]] = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "devel": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
}
"""What formats call the sides of a split, and what affekt calls them."""

_FLOATS: Final = frozenset({name for name, kind in COLUMNS.items() if kind is pl.Float64} | {"duration"})
_FOREIGN: Final = frozenset(name for names in ALIASES.values() for name in names)
_SEXES: Final = {"female": "f", "male": "m"}


@dataclass(frozen=True, kw_only=True)
class Export:
    """What an export wrote, and what it could not."""

    folder: Path
    """The new folder."""
    utterances: int
    """Number of utterances written."""
    notes: tuple[str, ...]
    """One sentence for each thing that the format cannot hold or that its reader must know."""


def records_of(
    corpus: Corpus, *, reserved: Collection[str] = (), ratings: bool = True
) -> tuple[list[Record], tuple[str, ...]]:
    """One record for each utterance: all that is known but ``file``, ``start`` and ``end``, under affekt's names.

    Args:
        corpus: The corpus.
        reserved: Names that the format uses otherwise; extra columns of such names, or of a name in :data:`ALIASES`,
            are left out.
        ratings: Whether single ratings are added as a list under ``ratings``.

    Returns:
        The records in the order of the table, and the extra columns that are left out, each with its reason.
    """
    names, left_out = [], []
    for name, kind in corpus.table.schema.items():
        if name in ("file", "start", "end"):
            continue
        if name not in COLUMNS:
            if name in reserved or name in _FOREIGN or name == "ratings":
                left_out.append(f"{name} (the name has a meaning of its own there)")
                continue
            if not (kind.is_integer() or kind.is_float() or kind in (pl.String, pl.Boolean, pl.Null)):
                left_out.append(f"{name} ({kind})")
                continue
            if corpus.table[name].null_count() == len(corpus):
                left_out.append(f"{name} (empty)")
                continue
        names.append(name)
    records = [_known(row) for row in corpus.table.select(names).iter_rows(named=True)]
    if ratings and corpus.ratings is not None:
        rows = {record["utterance"]: record for record in records}
        for rating in corpus.ratings.iter_rows(named=True):
            rows[rating["utterance"]].setdefault("ratings", []).append(
                _known({name: value for name, value in rating.items() if name != "utterance"})
            )
    return records, tuple(left_out)


def notes_of(
    corpus: Corpus, folder: PathLike, *, holds: Collection[str], columns: Sequence[str] = (), ratings: bool = True
) -> tuple[str, ...]:
    """What a format cannot hold of a corpus.

    Args:
        corpus: The corpus.
        folder: Where it is written; the name of the corpus is lost only where this differs.
        holds: Which of ``name``, ``source``, ``licence``, ``classes``, ``synthetic`` and ``scale`` the format holds.
        columns: Extra columns that are left out, from :func:`records_of`.
        ratings: Whether single ratings are held.

    Returns:
        Sentences.
    """
    emotions = tuple(sorted({emotion for emotion in corpus.emotions if emotion is not None}))
    there = {
        "name": Path(folder).name != corpus.name,
        "source": bool(corpus.source),
        "licence": bool(corpus.licence),
        "classes": corpus.classes != emotions,
        "synthetic": corpus.synthetic,
        "scale": corpus.scale is not None,
    }
    lost = [name for name, known in there.items() if known and name not in holds]
    notes = []
    if lost:
        notes.append(f"the format has no place for these keys of corpus.toml: {', '.join(lost)}")
    if columns:
        notes.append(f"these extra columns were left out: {', '.join(columns)}")
    if not ratings and corpus.ratings is not None:
        notes.append(f"the format has no place for single ratings: {corpus.ratings.height} were left out")
    return tuple(notes)


def corpus_of(
    records: Iterable[tuple[str, Record]],
    *,
    name: str,
    root: Path,
    source: str,
    typed: bool = True,
    classes: Sequence[str] = (),
    about: Mapping[str, Any] | None = None,
) -> Corpus:
    """A corpus of records with affekt's names or foreign ones.

    Args:
        records: (Place for messages, record); a list of dictionaries under ``ratings`` is single ratings.
        name: Of the corpus.
        root: Where relative paths start from.
        source: What error messages call the whole.
        typed: Whether a value of the wrong type is an error (JSON); otherwise text may stand for a number (CSV).
        classes: Of the corpus; those that the format knows.
        about: Other keys of ``corpus.toml``.

    Returns:
        The corpus.

    Raises:
        DataError: There is no record, one has no file, an id is there twice, or a value has the wrong type.
    """
    places: list[str] = []
    rows: list[Record] = []
    rated: list[tuple[str, int, Any]] = []
    for where, record in records:
        if "ratings" in record:
            rated.append((where, len(rows), record["ratings"]))
        places.append(where)
        rows.append({key: value for key, value in record.items() if value is not None and key != "ratings"})
    if not rows:
        raise DataError(f"{source} holds no utterance; at least one was expected; check that it is complete.")
    _rename(rows)
    _require_ids(rows, places)
    table = pl.DataFrame([_column(key, rows, places, typed=typed) for key in dict.fromkeys(k for r in rows for k in r)])
    ratings = _ratings(rated, rows) if rated else None
    return Corpus(name=name, root=root, table=table, classes=tuple(classes), ratings=ratings, **(about or {}))


def speakers_from_ids(corpus: Corpus, pattern: str) -> Corpus:
    """Fill the column ``speaker`` from the ids of the utterances, for formats that name no speaker.

    Args:
        corpus: A corpus; speakers that are known stay.
        pattern: Regular expression; its first group, where it is found in an id, is the speaker.

    Returns:
        The corpus with speakers.

    Raises:
        ConfigError: The pattern is no regular expression or has no group.
        DataError: The pattern is not found in an id.
    """
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"'{pattern}' is no regular expression ({error}); correct it.") from None
    if not found.groups:
        raise ConfigError(f"'{pattern}' has no group; the part that is the speaker was expected in brackets; add them.")
    speakers = []
    for utterance, known in corpus.table.select("utterance", "speaker").iter_rows():
        match = found.search(utterance)
        if known is None and (match is None or not match[1]):
            raise DataError(f"'{pattern}' finds no speaker in the id '{utterance}'; it must fit every id; widen it.")
        speakers.append(known if known is not None or match is None else match[1])
    return replace(corpus, table=corpus.table.with_columns(speaker=pl.Series(speakers, dtype=pl.String)))


def named_sex(sex: str | None, *, short: bool) -> str | None:
    """``f`` and ``m`` for ``female`` and ``male``, or the other way round; any other word stays."""
    if sex is None:
        return None
    words = _SEXES if short else {value: key for key, value in _SEXES.items()}
    return words.get(sex.lower() if short else sex, sex)


def derived_id(file: str) -> str:
    """A path without its suffix: the id of an utterance that has no other."""
    return re.sub(r"\.[^./\\]*$", "", file)


def _known(row: Mapping[str, Any]) -> Record:
    """What is not null; a number that is not finite is not known."""
    return {
        name: value
        for name, value in row.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }


def _rename(rows: list[Record]) -> None:
    """Bring foreign names to affekt's; a foreign name stays an extra column where affekt's own is there too."""
    keys = {key for row in rows for key in row}
    for column, foreign in ALIASES.items():
        alias = next((name for name in foreign if name in keys), None)
        if column in keys or alias is None:
            continue
        for row in rows:
            if alias in row:
                value = row.pop(alias)
                row[column] = named_sex(value, short=True) if alias == "gender" and isinstance(value, str) else value


def _require_ids(rows: list[Record], places: Sequence[str]) -> None:
    """Give every record an id and refuse one that is there twice."""
    files: dict[str, int] = {}
    for row, where in zip(rows, places, strict=True):
        if not isinstance(row.get("file"), str) or not row["file"]:
            raise DataError(f"{where} names no audio file (got {shown(row.get('file'))}); give every record a path.")
        files[row["file"]] = files.get(row["file"], 0) + 1
    seen: dict[str, str] = {}
    for row, where in zip(rows, places, strict=True):
        if row.get("utterance") in (None, ""):
            row["utterance"] = derived_id(row["file"])
            if files[row["file"]] > 1:
                row["utterance"] += f"@{row.get('start', 0)}-{row.get('end', '')}"
        key = str(row["utterance"])
        if key in seen:
            raise DataError(f"'{key}' is there twice ({seen[key]} and {where}); ids were expected once; rename one.")
        seen[key] = where


def _column(name: str, rows: Sequence[Record], places: Sequence[str], *, typed: bool) -> pl.Series:
    """One column of the table."""
    values = [row.get(name) for row in rows]
    if not typed:
        return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
    if name in _FLOATS:
        return pl.Series(name, [_number(name, *pair) for pair in zip(values, places, strict=True)], dtype=pl.Float64)
    if name in COLUMNS:
        return pl.Series(name, [_text(name, *pair) for pair in zip(values, places, strict=True)], dtype=pl.String)
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds <= {int} and all(value is None or -(2**63) <= value < 2**63 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float} and float in kinds:
        return pl.Series(name, [None if value is None else float(value) for value in values], dtype=pl.Float64)
    texts = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False, default=str) for v in values]
    return pl.Series(name, texts, dtype=pl.String)


def _number(name: str, value: Any, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DataError(f"'{name}' at {where} is {shown(value)}; a number was expected; correct it.")
    return float(value)


def _text(name: str, value: Any, where: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise DataError(f"'{name}' at {where} is {shown(value)}; text was expected; correct it.")
    return str(value)


def _ratings(rated: Sequence[tuple[str, int, Any]], rows: Sequence[Record]) -> pl.DataFrame:
    """The ratings table from the lists of the records."""
    flat: list[Record] = []
    places: list[str] = []
    for where, row, ratings in rated:
        if ratings is None:
            continue
        if not isinstance(ratings, list) or not all(isinstance(rating, dict) for rating in ratings):
            raise DataError(f"'ratings' at {where} is {shown(ratings)}; a list of objects was expected; correct it.")
        for rating in ratings:
            flat.append({key: value for key, value in rating.items() if value is not None})
            flat[-1]["utterance"] = str(rows[row]["utterance"])
            places.append(f"a rating at {where}")
    keys = dict.fromkeys([*RATING_COLUMNS, *(key for rating in flat for key in rating)])
    return pl.DataFrame([_rating_column(key, flat, places) for key in keys])


def _rating_column(name: str, rows: Sequence[Record], places: Sequence[str]) -> pl.Series:
    if name in RATING_COLUMNS and RATING_COLUMNS[name] is pl.String:
        values = [_text(name, row.get(name), where) for row, where in zip(rows, places, strict=True)]
        return pl.Series(name, values, dtype=pl.String)
    return _column(name, rows, places, typed=True)
