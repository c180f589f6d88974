"""audformat: a folder with a header (``db.yaml``) and tables (``db.NAME.parquet`` or ``.csv``).

affekt reads and writes it without the audformat library. The layout is that of audformat's
specification: schemes, raters, splits, filewise and segmented tables.

========================  ==============================================================================================
held                      name, source, licence, order of the classes (labels of the scheme), scale (minimum, maximum),
                          synthetic; id, file, segment to the nanosecond, all of affekt's columns, extra columns; single
                          ratings: one column a rater, or a misc table where there are more than 32 or one rates twice
lost on export            extra columns that are empty or no text, number or truth; order of the ratings
changed on export         an empty ``start`` beside an ``end`` is 0; ``sex`` is written as ``gender``, with ``female``
                          and ``male``
lost on import            media, attachments, confidences of raters that have no column, descriptions; tables about no
                          files, but for those with labels of speakers
========================  ==============================================================================================

Reading merges all tables: what a filewise table says about a file holds for its segments. A column is single ratings if
it is called ``FIELD.RATER``, or if more than one human rater has a column of that field; otherwise it is what is known
about the utterance. Other columns keep their names.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.formats.audformat_export import ATTRIBUTES, META, RATED, write
from affekt.corpora.formats.audformat_tables import Table, load_header, load_misc_table, load_table, section
from affekt.corpora.formats.json_lines import Record
from affekt.corpora.formats.records import (
    ALIASES,
    SIDES,
    corpus_of,
    derived_id,
    named_sex,
)
from affekt.corpora.table import COLUMNS, nearest
from affekt.errors import DataError
from affekt.types import PathLike

__all__ = ["read", "write"]

_NAMES: Final = {alias: name for name, aliases in ALIASES.items() for alias in aliases if name != "utterance"} | {
    name: name for name in (*COLUMNS, "duration")
}
_OTHER_FIELDS: Final = ("file", "start", "end", "split")  # from the index and the splits

_Key = tuple[str, float | None, float | None]


@dataclass
class _Merged:
    """What all tables say."""

    known: dict[_Key, Record] = field(default_factory=dict)
    rated: dict[_Key, dict[str, Record]] = field(default_factory=dict)
    origin: dict[tuple[_Key, str], str] = field(default_factory=dict)


def read(source: PathLike, *, audio_root: PathLike | None = None, tables: Sequence[str] | None = None) -> Corpus:
    """Read a database.

    Args:
        source: Its folder, or its header file.
        audio_root: Where relative paths start from; None is the folder.
        tables: Ids of the tables to read; None reads all.

    Returns:
        The corpus; ids are the paths without their suffix, with the times where a file has several segments, unless a
        column ``utterance`` names them.

    Raises:
        DataError: The header or a table is missing, damaged or a pickle, or two tables disagree.
    """
    path = Path(source) if Path(source).suffix == ".yaml" else Path(source) / "db.yaml"
    header = load_header(path)
    described, schemes = section(header, "tables", path), section(header, "schemes", path)
    misc = section(header, "misc_tables", path)
    for name in tables or ():
        if name not in described:
            raise DataError(f"{path} describes no table '{name}'; {nearest(name, described)}.")
    loaded = [
        load_table(path.parent, path.stem, name, about, schemes)
        for name, about in described.items()
        if tables is None or name in tables
    ]
    merged = _merge(loaded, schemes, section(header, "raters", path), section(header, "splits", path))

    def rows(name: str) -> list[Record]:
        return load_misc_table(path.parent, path.stem, name, misc[name], schemes) if name in misc else []

    speakers = _speakers(schemes, rows)
    meta = section({"meta": {META: header.get(META) or {}}}, "meta", path)[META]
    records = list(_records(merged, speakers, path))
    if isinstance(meta.get("ratings"), str) and meta["ratings"] in misc:
        _add_ratings(records, rows(str(meta["ratings"])), path)
    emotions = {record.get("emotion") for _, record in records}
    labels = [name for name in _labels(schemes.get("emotion", {})) if name in emotions]
    about = {"source": header.get("source"), "licence": header.get("license"), "synthetic": meta.get("synthetic")}
    scale = _scale(schemes) if meta.get("scale") is None else meta["scale"]
    try:
        return corpus_of(
            records,
            name=str(header.get("name") or path.parent.resolve().name),
            root=Path(audio_root) if audio_root is not None else path.parent,
            source=str(path),
            classes=[str(name) for name in meta.get("classes") or (labels if set(labels) == emotions - {None} else ())],
            about={key: value for key, value in about.items() if value is not None} | {"scale": scale},
        )
    except TypeError:
        raise DataError(f"'{META}' in {path} is damaged; restore the header from a copy.") from None


def _merge(
    tables: Sequence[Table], schemes: Mapping[str, Any], raters: Mapping[str, Any], splits: Mapping[str, Any]
) -> _Merged:
    """All tables in one; a value that two tables give must be the same."""
    people: dict[str, set[str]] = {}
    for table in tables:
        for column, said in table.columns.items():
            rater = said.get("rater_id")
            if rater is not None and raters.get(str(rater), {}).get("type", "human") == "human":
                people.setdefault(_field(column, said), set()).add(str(rater))
    merged = _Merged()
    for table in tables:
        side = None
        if table.split is not None:
            side = SIDES.get(str(splits.get(table.split, {}).get("type")), table.split)
        names = {column: _field(column, said) for column, said in table.columns.items()}
        for key, values in table.rows:
            row = merged.known.setdefault(key, {})
            if side is not None:
                _put(merged, key, row, "split", side, table)
            for column, value in values.items():
                name, rater = names[column], table.columns[column].get("rater_id")
                single = rater is not None and name in RATED
                if single and (column == f"{name}.{rater}" or str(rater) in _several(people.get(name, set()))):
                    merged.rated.setdefault(key, {}).setdefault(str(rater), {})[name] = value
                elif list(names.values()).count(name) > 1 and column != name:
                    _put(merged, key, row, column, value, table)  # a second column of one field is an extra one
                else:
                    _put(merged, key, row, name, value, table)
    return merged


def _several(raters: set[str]) -> set[str]:
    """Raters whose columns are single ratings: those who are not alone."""
    return raters if len(raters) > 1 else set()


def _put(merged: _Merged, key: _Key, row: Record, name: str, value: Any, table: Table) -> None:
    before = row.setdefault(name, value)
    if before != value:
        raise DataError(
            f"tables '{merged.origin[key, name]}' and '{table.name}' disagree about '{name}' of {key[0]} "
            f"({before!r} and {value!r}); they must agree; read one of them (tables=)."
        )
    merged.origin.setdefault((key, name), table.name)


def _field(column: str, said: Mapping[str, Any]) -> str:
    """affekt's name for a column."""
    for name in (column, column.removesuffix(f".{said.get('rater_id')}"), str(said.get("scheme_id"))):
        known = name if name == "secondary" else _NAMES.get(name)
        if known is not None and known not in _OTHER_FIELDS:
            return known
    return column


def _records(merged: _Merged, speakers: Mapping[str, Record], path: Path) -> Iterator[tuple[str, Record]]:
    """Utterances: segments, with what is known about their files, and files without segments."""
    segmented = {key[0] for key in merged.known if key[1] is not None}
    for key, values in merged.known.items():
        file, start, end = key
        whole: _Key = (file, None, None)
        if start is None and file in segmented:
            continue
        where = f"{file} in {path}"
        record: Record = {"file": file} | merged.known.get(whole, {}) | values
        rated = {rater: dict(values) for rater, values in merged.rated.get(whole, {}).items()}
        for rater, values in merged.rated.get(key, {}).items():
            rated.setdefault(rater, {}).update(values)
        if rated:
            record["ratings"] = [{"rater": rater} | rating for rater, rating in rated.items()]
        if start is not None and (start > 0 or end is not None):
            record["start"] = start
        if end is not None:
            record["end"] = end
        for name, value in record.items():
            if name in COLUMNS and COLUMNS[name] is pl.String and not isinstance(value, str):
                record[name] = str(value)
        if "sex" in record:
            record["sex"] = named_sex(record["sex"], short=True)
        for name, value in speakers.get(str(record.get("speaker")), {}).items():
            record.setdefault(name, value)
        yield where, record


def _speakers(schemes: Mapping[str, Any], rows: Any) -> dict[str, Record]:
    """What the labels of the scheme of speakers say of them: sex, age, language."""
    labels = schemes.get("speaker", {}).get("labels")
    if isinstance(labels, str):  # the labels are the first column of a misc table
        labels = {next(iter(row.values()), None): row for row in rows(labels)}
    found: dict[str, Record] = {}
    for speaker, said in labels.items() if isinstance(labels, dict) else ():
        if isinstance(said, dict):
            row = {_NAMES.get(str(key), ""): value for key, value in said.items() if value is not None}
            found[str(speaker)] = {key: row[key] for key in ("sex", "age", "language") if key in row}
            if "sex" in row:
                found[str(speaker)]["sex"] = named_sex(str(row["sex"]), short=True)
    return found


def _add_ratings(records: list[tuple[str, Record]], rows: Sequence[Record], path: Path) -> None:
    """Single ratings of a misc table, by the ids of the utterances."""
    known = {str(record.get("utterance", derived_id(record["file"]))): record for _, record in records}
    for row in rows:
        utterance = str(row.get("utterance"))
        if utterance not in known:
            raise DataError(
                f"the ratings in {path.parent} are about '{utterance}', which is no utterance; remove them."
            )
        rating = {key: value for key, value in row.items() if key not in ("utterance", "rating")}
        known[utterance].setdefault("ratings", []).append(rating)


def _labels(scheme: Mapping[str, Any]) -> list[str]:
    labels = scheme.get("labels")
    return [str(label) for label in labels] if isinstance(labels, (dict, list)) else []


def _scale(schemes: Mapping[str, Any]) -> tuple[float, float] | None:
    """The ends of the scale, if the schemes of the attributes that are there name the same."""
    ends = {(schemes[name].get("minimum"), schemes[name].get("maximum")) for name in ATTRIBUTES if name in schemes}
    low, high = next(iter(ends)) if len(ends) == 1 else (None, None)
    return (float(low), float(high)) if isinstance(low, (int, float)) and isinstance(high, (int, float)) else None
