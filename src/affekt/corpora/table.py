"""The utterance table: its columns, how it is read from CSV and Parquet, and its digest."""

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from affekt.errors import DataError

__all__ = [
    "COLUMNS",
    "RATING_COLUMNS",
    "canonical_ratings",
    "canonical_table",
    "nearest",
    "read_table",
    "table_digest",
]

COLUMNS: Final[Mapping[str, type[pl.String] | type[pl.Float64]]] = {
    "utterance": pl.String,
    "file": pl.String,
    "start": pl.Float64,
    "end": pl.Float64,
    "speaker": pl.String,
    "sex": pl.String,
    "age": pl.Float64,
    "language": pl.String,
    "text": pl.String,
    "emotion": pl.String,
    "intensity": pl.String,
    "arousal": pl.Float64,
    "valence": pl.Float64,
    "dominance": pl.Float64,
    "intent": pl.String,
    "split": pl.String,
}
"""Columns of the utterance table, in order. ``start`` and ``end`` are seconds, ``age`` is years; a null ``end`` is the
end of the file."""

RATING_COLUMNS: Final[Mapping[str, type[pl.String] | type[pl.Float64]]] = {
    "utterance": pl.String,
    "rater": pl.String,
    "emotion": pl.String,
    "secondary": pl.String,
    "arousal": pl.Float64,
    "valence": pl.Float64,
    "dominance": pl.Float64,
}
"""Columns of the ratings table: one row per rating."""

_EXTRA_FLOATS: Final = ("duration",)  # a well-known extra column that is a number in every corpus that has it


def nearest(name: str, known: Iterable[str]) -> str:
    """A clause that suggests the known name nearest to a wrong one.

    Args:
        name: What was given.
        known: What would have been right.

    Returns:
        ``"did you mean 'x'"``, or the first known names when none is near.
    """
    names = sorted(set(known))
    lowered = {candidate.lower(): candidate for candidate in names}
    found = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    if found:
        return f"did you mean '{lowered[found[0]]}'"
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"known: {shown}" if names else "none is known"


def read_table(path: Path) -> pl.DataFrame:
    """Read a CSV or Parquet file as it stands; every CSV cell is text, so that the id 03 stays 03.

    Args:
        path: A ``.csv`` or ``.parquet`` file.

    Returns:
        The table, not yet brought to the canonical columns.

    Raises:
        DataError: The file is missing, unreadable, of another kind or without rows.
    """
    if not path.is_file():
        raise DataError(f"no table at {path}; a .csv or .parquet file was expected; check the path.")
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise DataError(
            f"{path.name} is not a table (got '{suffix}'); a .csv or .parquet file was expected; convert it."
        )
    try:
        frame = pl.read_csv(path, infer_schema=False) if suffix == ".csv" else pl.read_parquet(path)
    except pl.exceptions.NoDataError:
        raise DataError(f"{path} is empty; a heading and at least one row were expected; fill it.") from None
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(
            f"{path} cannot be read as {suffix[1:]} ({reason}); repair or export the table again."
        ) from None
    # polars renames a heading that is there twice
    twice = [
        name for name in frame.columns if "_duplicated_" in name and name.split("_duplicated_")[0] in frame.columns
    ]
    if twice:
        name = twice[0].split("_duplicated_")[0]
        raise DataError(f"{path} has two columns '{name}'; every heading was expected once; rename one of them.")
    if frame.height == 0:
        raise DataError(f"{path} has no rows; at least one utterance was expected; fill the table.")
    return frame


def canonical_table(frame: pl.DataFrame, *, where: str = "the table") -> pl.DataFrame:
    """Bring a table to the canonical columns; missing cells become null and extra columns are kept behind them.

    Args:
        frame: Any table with at least a ``file`` column.
        where: What error messages call the table.

    Returns:
        The same rows in the same order: the columns of :data:`COLUMNS`, then the others in their own order. Empty text
        and NaN become null. A missing ``utterance`` is the text of ``file`` without its suffix.

    Raises:
        DataError: ``file`` is missing, an id is given twice, a number is no number, or a segment is impossible.
    """
    if "file" not in frame.columns:
        by_likeness = sorted(frame.columns, key=lambda name: -difflib.SequenceMatcher(None, "file", name).ratio())
        found = ", ".join(f"'{name}'" for name in by_likeness[:4]) or "none"
        raise DataError(
            f"{where} has no column 'file' (nearest columns found: {found}); comma-separated columns were expected; "
            "rename the column that holds the paths to 'file'."
        )
    frame = _typed(frame, COLUMNS, where=where)
    _forbid(frame, pl.col("file").is_null(), "has no file", "give every row a path", where=where)
    # everything but the last suffix of the last path component
    derived = pl.col("file").str.replace(r"\.[^./\\]*$", "")
    frame = frame.with_columns(utterance=pl.coalesce("utterance", derived))
    _forbid(
        frame,
        pl.col("utterance").is_duplicated(),
        "shares its id with another row",
        "give every row an own id in the column 'utterance'",
        where=where,
    )
    _forbid(
        frame,
        (pl.col("start") < 0) | (pl.col("end") <= pl.col("start").fill_null(0.0)),
        "has an impossible segment",
        "use 0 <= start < end in seconds",
        where=where,
    )
    return frame


def canonical_ratings(frame: pl.DataFrame, utterances: pl.Series, *, where: str = "the ratings") -> pl.DataFrame:
    """Bring a ratings table to the canonical columns.

    Args:
        frame: A table with at least a column ``utterance``.
        utterances: Ids that may be rated.
        where: What error messages call the table.

    Returns:
        The columns of :data:`RATING_COLUMNS`, then the others.

    Raises:
        DataError: The column ``utterance`` is missing, or a rating is about no utterance of the corpus.
    """
    if "utterance" not in frame.columns:
        hint = nearest("utterance", frame.columns)
        raise DataError(f"{where} have no column 'utterance' ({hint}); rename the column that holds the rated ids.")
    frame = _typed(frame, RATING_COLUMNS, where=where)
    stray = ~pl.col("utterance").is_in(utterances.implode()) | pl.col("utterance").is_null()
    _forbid(frame, stray, "rates no utterance of the corpus", "remove the row or correct its id", where=where)
    return frame


def table_digest(*tables: pl.DataFrame) -> str:
    """SHA-256 of the canonical columns of a table, the same for CSV and Parquet and for any order of the rows.

    Args:
        tables: Canonical tables: the utterances and, where there are any, the ratings.

    Returns:
        64 hexadecimal digits. Columns without a value and extra columns do not count; neither do the recordings.
    """
    state = hashlib.sha256()
    for table in tables:
        columns = RATING_COLUMNS if "rater" in table.columns else COLUMNS
        names = sorted(name for name in columns if table[name].null_count() < table.height)
        # the id comes first: an order of the rows that no file format changes
        ordered = table.select(names).sort(["utterance", *(name for name in names if name != "utterance")])
        state.update(f"{len(names)} columns of {table.height} rows\n".encode())
        for name in names:
            column = ordered[name]
            state.update(f"{name}\n".encode())
            state.update(column.is_null().to_numpy().astype(np.uint8).tobytes())
            if columns[name] is pl.Float64:
                # + 0.0 turns -0.0 into 0.0
                state.update((column.fill_null(0.0).to_numpy() + 0.0).astype("<f8").tobytes())
            else:
                text = column.fill_null("")
                state.update(text.str.len_bytes().to_numpy().astype("<i8").tobytes())
                state.update("".join(text.to_list()).encode())
    return state.hexdigest()


def _typed(
    frame: pl.DataFrame, columns: Mapping[str, type[pl.String] | type[pl.Float64]], *, where: str
) -> pl.DataFrame:
    """Cast the known columns, add the missing ones as null, and put the others behind."""
    made: list[pl.Series] = []
    for name, kind in columns.items():
        if name not in frame.columns:
            made.append(pl.Series(name, [None] * frame.height, dtype=kind))
        elif kind is pl.String:
            made.append(_as_text(frame[name], where=where))
        else:
            made.append(_as_float(frame[name], where=where))
    for column in frame.get_columns():
        if column.name in columns:
            continue
        if column.name in _EXTRA_FLOATS:
            made.append(_as_float(column, where=where))
        elif column.dtype == pl.String:
            made.append(_as_text(column, where=where))
        else:
            made.append(column)
    return pl.DataFrame(made)


def _as_text(column: pl.Series, *, where: str) -> pl.Series:
    """A text column with empty text as null."""
    dtype = column.dtype
    if not (dtype.is_integer() or dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null)):
        raise DataError(f"column '{column.name}' of {where} holds {dtype}; text was expected; convert the column.")
    text = column.cast(pl.String)
    return text.set(text == "", None)


def _as_float(column: pl.Series, *, where: str) -> pl.Series:
    """A float64 column with NaN and empty text as null."""
    if column.dtype == pl.String:
        column = column.set(column == "", None)
    elif not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise DataError(f"column '{column.name}' of {where} holds {column.dtype}; numbers were expected; convert it.")
    number = column.cast(pl.Float64, strict=False)
    wrong = column.is_not_null() & (number.is_null() | number.is_infinite().fill_null(False))
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise DataError(
            f"'{column.name}' in row {row + 1} of {where} is no number (got '{column[row]}'); "
            "a finite number or an empty cell was expected; correct the cell."
        )
    return number.fill_nan(None)


def _forbid(frame: pl.DataFrame, condition: pl.Expr, what: str, fix: str, *, where: str) -> None:
    """Raise for the first row that meets a condition."""
    wrong = frame.select(condition.fill_null(False).alias("wrong"))["wrong"]
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        name = frame["utterance"][row]
        count = int(wrong.sum())
        more = f", and {count - 1} more" if count > 1 else ""
        raise DataError(f"row {row + 1} of {where} (utterance '{name}'{more}) {what}; {fix}.")
