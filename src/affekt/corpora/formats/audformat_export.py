"""Writing an audformat database; see :mod:`affekt.corpora.formats.audformat` for what it holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
import yaml

from affekt.corpora.corpus import Corpus
from affekt.corpora.formats.durations import text_of
from affekt.corpora.formats.recordings import Placed, place
from affekt.corpora.formats.records import Export, derived_id, named_sex, notes_of, records_of
from affekt.corpora.table import RATING_COLUMNS, nearest
from affekt.errors import ConfigError, DataError
from affekt.files import new_folder
from affekt.types import PathLike

__all__ = ["ATTRIBUTES", "META", "RATED", "write"]

RATED: Final = ("emotion", "secondary", "arousal", "valence", "dominance")
"""What a rating can be about."""
ATTRIBUTES: Final = ("arousal", "valence", "dominance")
"""Fields on the scale of the corpus."""
META: Final = "affekt"
"""Key of the header for what audformat has no place for."""

_MOST_RATERS: Final = 32
_SPLITS: Final = ("train", "dev", "test")


def write(corpus: Corpus, folder: PathLike, *, copy_audio: bool = False, file_format: str = "parquet") -> Export:
    """Write a database to a new folder: table ``utterances``, one table without columns for each split, and ratings.

    Args:
        corpus: The corpus; no segment may be there twice.
        folder: Folder that does not exist yet or is empty.
        copy_audio: Whether to copy the recordings; the paths are then relative, otherwise absolute.
        file_format: ``parquet`` or ``csv``.

    Returns:
        What was written.

    Raises:
        ConfigError: The format is neither.
        DataError: A recording that shall be copied is missing, or two utterances are the same segment.
    """
    if file_format not in ("csv", "parquet"):
        raise ConfigError(f"unknown table format '{file_format}'; {nearest(file_format, ('csv', 'parquet'))}.")
    records, left_out = records_of(corpus, ratings=False)
    notes = list(
        notes_of(corpus, folder, holds=("name", "source", "licence", "classes", "synthetic", "scale"), columns=left_out)
    )
    if not copy_audio:
        notes.append("the recordings stay where they are, and the absolute paths make the database not portable")
    with new_folder(folder) as part:
        index = _index(corpus, place(corpus, part, copy_audio=copy_audio))
        kind = "segmented" if "start" in index.columns else "filewise"
        header = _header(corpus)
        for record in records:
            if "sex" in record:
                record["gender"] = named_sex(record.pop("sex"), short=False)
        sides = [record.pop("split", None) for record in records]
        keys = list(dict.fromkeys(key for record in records for key in record))
        if all(record["utterance"] == derived_id(file) for record, file in zip(records, index["file"], strict=True)):
            keys.remove("utterance")
        dtypes = {key: corpus.table.schema.get(key, pl.String()) for key in keys}
        columns = [pl.Series(key, [record.get(key) for record in records], dtype=dtypes[key]) for key in keys]
        header["schemes"] = {key: _scheme(key, dtypes[key], corpus) for key in keys}
        described = {"type": kind, "columns": {key: {"scheme_id": key} for key in keys}}
        header["tables"] = {"utterances": described}
        written = {"utterances": pl.DataFrame([*index.get_columns(), *columns])}
        for number, side in enumerate(dict.fromkeys(side for side in sides if side is not None), 1):
            name = f"split.{side if side in _SPLITS else number}"
            header.setdefault("splits", {})[side] = {"type": side if side in _SPLITS else "other"}
            header["tables"][name] = {"type": kind, "split_id": side}
            written[name] = index.filter(pl.Series([one == side for one in sides]))
        if corpus.ratings is not None and corpus.ratings.height:
            _write_ratings(corpus, index, kind, header, written)
        for name, table in written.items():
            _write_table(part / f"db.{name}.{file_format}", table)
        text = yaml.safe_dump(header, allow_unicode=True, sort_keys=False)
        (part / "db.yaml").write_text(text, encoding="utf-8")
    return Export(folder=Path(folder), utterances=len(corpus), notes=tuple(notes))


def _index(corpus: Corpus, placed: Sequence[Placed]) -> pl.DataFrame:
    """File, and times if any utterance has one."""
    columns = [pl.Series("file", [recording.file for recording in placed], dtype=pl.String)]
    if any(recording.start or recording.end is not None for recording in placed):
        for name, times in (
            ("start", [recording.start or 0.0 for recording in placed]),
            ("end", [recording.end for recording in placed]),
        ):
            nanoseconds = [None if time is None else round(time * 1e9) for time in times]
            columns.append(pl.Series(name, nanoseconds, dtype=pl.Int64).cast(pl.Duration("ns")))
    index = pl.DataFrame(columns)
    twice = index.is_duplicated()
    if twice.any():
        one, other = corpus.table.filter(twice)["utterance"].to_list()[:2]
        raise DataError(
            f"utterances '{one}' and '{other}' are the same segment of a file, or two whole files; audformat holds "
            "each once; remove one."
        )
    return index


def _header(corpus: Corpus) -> dict[str, Any]:
    meta: dict[str, Any] = {"synthetic": corpus.synthetic, "classes": list(corpus.classes)}
    if corpus.scale is not None:
        meta["scale"] = list(corpus.scale)
    header: dict[str, Any] = {"name": corpus.name, "source": corpus.source, "usage": "other"}
    return header | ({"license": corpus.licence} if corpus.licence else {}) | {META: meta}


def _scheme(name: str, dtype: pl.DataType, corpus: Corpus) -> dict[str, Any]:
    if name == "emotion":
        said = set(corpus.emotions) | (set() if corpus.ratings is None else set(corpus.ratings["emotion"]))
        others = sorted(emotion for emotion in said - set(corpus.classes) if emotion is not None)
        return {"dtype": "str", "labels": [*corpus.classes, *others]}
    if name in ATTRIBUTES and corpus.scale is not None:
        return {"dtype": "float", "minimum": corpus.scale[0], "maximum": corpus.scale[1]}
    if dtype == pl.Boolean:
        return {"dtype": "bool"}
    return {"dtype": "float" if dtype.is_float() else "int" if dtype.is_integer() else "str"}


def _write_ratings(
    corpus: Corpus, index: pl.DataFrame, kind: str, header: dict[str, Any], written: dict[str, pl.DataFrame]
) -> None:
    """Single ratings: a column for each field and rater, or else a misc table."""
    ratings = corpus.ratings
    assert ratings is not None
    fields = [name for name in RATED if ratings[name].null_count() < ratings.height]
    for name in fields:
        header["schemes"].setdefault(name, _scheme(name, ratings.schema[name], corpus))
    raters = ratings["rater"].unique(maintain_order=True).to_list()
    header["raters"] = {rater: {"type": "human"} for rater in raters if rater is not None}
    empty = ratings.select(pl.all_horizontal(pl.col(name).is_null() for name in fields)).to_series() if fields else None
    wide = (
        None not in raters
        and len(raters) <= _MOST_RATERS
        and not ratings.select("utterance", "rater").is_duplicated().any()
        and ratings.columns == list(RATING_COLUMNS)
        and empty is not None
        and not empty.any()
    )
    if not wide:
        names = [name for name in ratings.columns if ratings[name].null_count() < ratings.height]
        for name in names:
            header["schemes"].setdefault(name, _scheme(name, ratings.schema[name], corpus))
        columns = {name: {"scheme_id": name} for name in names}
        header["misc_tables"] = {"ratings": {"levels": {"rating": "int"}, "columns": columns}}
        header[META]["ratings"] = "ratings"
        written["ratings"] = (
            ratings.select(names).with_row_index("rating").with_columns(pl.col("rating").cast(pl.Int64))
        )
        return
    place_of = {utterance: row for row, utterance in enumerate(corpus.table["utterance"])}
    cells: dict[str, list[Any]] = {}
    described: dict[str, dict[str, str]] = {}
    for rating in ratings.iter_rows(named=True):
        for name in fields:
            if rating[name] is not None:
                column = f"{name}.{rating['rater']}"
                described[column] = {"scheme_id": name, "rater_id": rating["rater"]}
                cells.setdefault(column, [None] * len(corpus))[place_of[rating["utterance"]]] = rating[name]
    table = pl.DataFrame([*index.get_columns(), *(pl.Series(name, cells[name]) for name in described)])
    rated = pl.Series(corpus.table["utterance"].is_in(ratings["utterance"].unique().implode()))
    header["tables"]["ratings"] = {"type": kind, "columns": described}
    written["ratings"] = table.filter(rated)


def _write_table(path: Path, table: pl.DataFrame) -> None:
    if path.suffix == ".parquet":
        table.write_parquet(path)
        return
    columns = []
    for column in table.get_columns():
        if column.dtype == pl.Boolean:  # as pandas writes it
            names = [None if value is None else str(value) for value in column]
            columns.append(pl.Series(column.name, names, dtype=pl.String))
        elif isinstance(column.dtype, pl.Duration):
            times = [None if ns is None else text_of(ns / 1e9) for ns in column.cast(pl.Int64)]
            columns.append(pl.Series(column.name, times, dtype=pl.String))
        else:
            columns.append(column)
    pl.DataFrame(columns).write_csv(path)
