"""The header and the tables of an audformat database, as plain values; pickles are refused."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import yaml

from affekt.corpora.formats.durations import seconds_of
from affekt.corpora.table import read_table
from affekt.errors import DataError

__all__ = ["Table", "load_header", "load_misc_table", "load_table", "section"]

_TRUTH: Final = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table."""

    name: str
    """Its id."""
    split: str | None
    """Id of the split that its rows belong to."""
    columns: Mapping[str, Mapping[str, Any]]
    """Column -> what the header says of it, such as ``scheme_id`` and ``rater_id``."""
    rows: list[tuple[tuple[str, float | None, float | None], dict[str, Any]]]
    """((file, start, end), values); in a filewise table start and end are None."""


def load_header(path: Path) -> dict[str, Any]:
    """The header of a database.

    Raises:
        DataError: The file is missing, is not YAML or describes no tables.
    """
    if not path.is_file():
        raise DataError(f"no audformat header at {path}; the folder of a database with db.yaml was expected; check it.")
    try:
        header = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path} is not valid YAML ({reason}); restore it from a copy.") from None
    if not isinstance(header, dict) or not section(header, "tables", path):
        raise DataError(f"{path} describes no table; the header of an audformat database was expected; check the path.")
    return header


def section(header: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    """A part of the header that maps ids to what is said of them; empty where it is missing.

    Raises:
        DataError: It is something else.
    """
    part = header.get(name) or {}
    if not isinstance(part, dict) or not all(isinstance(value, dict) for value in part.values()):
        raise DataError(f"'{name}' in {path} does not map ids to descriptions; restore the header from a copy.")
    return {str(key): value for key, value in part.items()}


def load_table(folder: Path, stem: str, name: str, about: Mapping[str, Any], schemes: Mapping[str, Any]) -> Table:
    """A filewise or segmented table.

    Args:
        folder: Of the database.
        stem: Name of the header file without its suffix; tables are ``STEM.NAME.parquet`` or ``.csv``.
        name: Id of the table.
        about: What the header says of it.
        schemes: Id -> scheme.

    Returns:
        The table.

    Raises:
        DataError: Its file is missing, damaged or a pickle, lacks a column, or a value does not fit its scheme.
    """
    kind = about.get("type")
    if kind not in ("filewise", "segmented"):
        raise DataError(f"table '{name}' is of the type {kind!r}; filewise or segmented was expected; correct db.yaml.")
    path, frame = _load(folder, stem, name)
    index = ["file"] if kind == "filewise" else ["file", "start", "end"]
    columns = _columns(about, name)
    values = _values(path, frame, [*index, *columns], columns, schemes)
    rows = []
    for number in range(frame.height):
        file = values["file"][number]
        if not isinstance(file, str):
            raise DataError(f"row {number + 1} of {path} names no file; a path was expected in every row; correct it.")
        start, end = (values["start"][number], values["end"][number]) if kind == "segmented" else (None, None)
        known = {column: values[column][number] for column in columns if values[column][number] is not None}
        rows.append(((file, start, end), known))
    split = about.get("split_id")
    return Table(name=name, split=None if split is None else str(split), columns=columns, rows=rows)


def load_misc_table(
    folder: Path, stem: str, name: str, about: Mapping[str, Any], schemes: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The rows of a table that is about no files, its index among the columns.

    Raises:
        DataError: As for :func:`load_table`.
    """
    path, frame = _load(folder, stem, name)
    levels = about.get("levels") or {}
    index: dict[str, Mapping[str, Any]] = {str(level): {} for level in levels}
    columns = index | _columns(about, name)
    values = _values(path, frame, list(columns), columns, schemes)
    return [
        {column: values[column][number] for column in columns if values[column][number] is not None}
        for number in range(frame.height)
    ]


def _load(folder: Path, stem: str, name: str) -> tuple[Path, pl.DataFrame]:
    for suffix in (".parquet", ".csv"):
        path = folder / f"{stem}.{name}{suffix}"
        if path.is_file():
            return path, read_table(path)
    if (folder / f"{stem}.{name}.pkl").is_file():
        raise DataError(
            f"table '{name}' in {folder} is a pickle, which can run code when it is opened; CSV or Parquet was "
            "expected; save the database with storage_format='parquet'."
        )
    raise DataError(f"table '{name}' is missing in {folder} ({stem}.{name}.parquet or .csv); restore it from a copy.")


def _columns(about: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
    columns = about.get("columns") or {}
    if not isinstance(columns, dict):
        raise DataError(f"the columns of table '{name}' are no mapping; restore db.yaml from a copy.")
    return {str(column): said if isinstance(said, dict) else {} for column, said in columns.items()}


def _values(
    path: Path,
    frame: pl.DataFrame,
    names: list[str],
    columns: Mapping[str, Mapping[str, Any]],
    schemes: Mapping[str, Any],
) -> dict[str, list[Any]]:
    """The wanted columns as plain values."""
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise DataError(f"{path} has no column '{missing[0]}', which db.yaml describes; restore it from a copy.")
    values = {}
    for name in names:
        column = frame[name]
        if isinstance(column.dtype, pl.Duration):
            values[name] = [None if ns is None else ns / 1e9 for ns in column.cast(pl.Duration("ns")).cast(pl.Int64)]
        elif isinstance(column.dtype, (pl.Datetime, pl.Date)):
            values[name] = column.cast(pl.String).to_list()
        else:
            scheme = schemes.get(str(columns.get(name, {}).get("scheme_id")), {})
            dtype = "time" if name in ("start", "end") and name not in columns else scheme.get("dtype")
            values[name] = [
                _value(value, dtype, f"'{name}' in row {row} of {path}") for row, value in enumerate(column, 1)
            ]
    return values


def _value(value: Any, dtype: Any, where: str) -> Any:
    """One cell; a cell of a CSV file is text."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, str):
        return value if isinstance(value, (bool, int, float)) else str(value)
    if value == "":
        return None
    if dtype == "time":
        return seconds_of(value, where=where, plain=False)
    if dtype == "bool":
        if value.lower() not in _TRUTH:
            raise DataError(f"{where} is '{value}'; True or False was expected; correct it.")
        return _TRUTH[value.lower()]
    if dtype in ("int", "float"):
        try:
            number = float(value)
        except ValueError:
            raise DataError(f"{where} is '{value}'; a number was expected; correct it.") from None
        if math.isnan(number):
            return None
        return int(number) if dtype == "int" and number.is_integer() else number
    return value
