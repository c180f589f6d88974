"""nkululeko: one CSV file, ``file,speaker,gender,emotion``, with times as pandas writes them.

The layout is that of nkululeko's CSV data sets, which it reads with ``audformat.utils.read_csv``: ``start`` and ``end``
are texts such as ``0 days 00:00:01.5`` and an empty ``end`` is the end of the file; a number there is seconds.

========================  ==============================================================================================
held                      id (``utterance``), file, segment to the nanosecond, all of affekt's columns, extra columns;
                          ``sex`` is written as ``gender``, with ``female`` and ``male``
lost on export            single ratings; name, source, licence, order of the classes, synthetic, scale; extra columns
                          that are empty or no text, number or truth; of the others the type: all come back as text
changed on export         an empty ``start`` beside an ``end`` is 0
lost on import            nothing: other columns become extra columns
========================  ==============================================================================================
"""

from pathlib import Path
from typing import Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.formats.durations import seconds_of, text_of
from affekt.corpora.formats.json_lines import Record
from affekt.corpora.formats.recordings import place
from affekt.corpora.formats.records import Export, corpus_of, named_sex, notes_of, records_of
from affekt.corpora.table import nearest, read_table
from affekt.errors import DataError
from affekt.files import new_folder
from affekt.types import PathLike

__all__ = ["read", "write"]

_TIMES: Final = ("start", "end", "duration")


def read(source: PathLike, *, audio_root: PathLike | None = None) -> Corpus:
    """Read a CSV file.

    Args:
        source: The file.
        audio_root: Where relative paths start from; None is the folder of the file, as with nkululeko's
            ``absolute_path = False``.

    Returns:
        The corpus; ids are the paths without their suffix, with the times where a file has several segments.

    Raises:
        DataError: The file is missing or empty, has no column ``file``, or a time is none.
    """
    path = Path(source)
    if path.suffix.lower() != ".csv":
        raise DataError(f"{path} is no nkululeko data set; a .csv file was expected; check the path.")
    frame = read_table(path)
    if "file" not in frame.columns:
        raise DataError(f"{path} has no column 'file' ({nearest('file', frame.columns)}); rename that of the paths.")
    records = []
    for number, row in enumerate(frame.iter_rows(named=True), 2):
        where = f"{path}, row {number}"
        record: Record = {name: value for name, value in row.items() if value not in (None, "")}
        for name in _TIMES:
            if name in record:
                record[name] = seconds_of(record[name], where=f"'{name}' in {where}", plain=True)
        if record.get("start") == 0 and record.get("end") is None:
            record.pop("start")  # the whole file
        records.append((where, record))
    root = Path(audio_root) if audio_root is not None else path.parent
    return corpus_of(records, name=path.stem, root=root, source=str(path), typed=False)


def write(corpus: Corpus, folder: PathLike, *, copy_audio: bool = False) -> Export:
    """Write ``NAME.csv`` to a new folder, NAME being that of the folder.

    Args:
        corpus: The corpus.
        folder: Folder that does not exist yet or is empty.
        copy_audio: Whether to copy the recordings; the paths are then relative, otherwise absolute.

    Returns:
        What was written.

    Raises:
        DataError: A recording that shall be copied is missing.
    """
    records, left_out = records_of(corpus, ratings=False)
    notes = notes_of(corpus, folder, holds=(), columns=left_out, ratings=False)
    with new_folder(folder) as part:
        placed = place(corpus, part, copy_audio=copy_audio)
        segmented = any(recording.start or recording.end is not None for recording in placed)
        rows = []
        for record, recording in zip(records, placed, strict=True):
            row: Record = {"file": recording.file}
            if segmented:
                row["start"] = text_of(recording.start or 0.0)
                row["end"] = None if recording.end is None else text_of(recording.end)
            if "sex" in record:
                record["gender"] = named_sex(record.pop("sex"), short=False)
            rows.append(row | record)
        keys = dict.fromkeys(["file", *(["start", "end"] if segmented else []), *(key for row in rows for key in row)])
        table = pl.DataFrame({key: pl.Series([row.get(key) for row in rows], strict=False) for key in keys})
        table.write_csv(part / f"{Path(folder).name}.csv", quote_style="necessary")
    return Export(folder=Path(folder), utterances=len(corpus), notes=notes)
