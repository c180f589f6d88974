"""Hugging Face ``datasets``: an audiofolder with a metadata file, or Parquet files with the audio inside.

An audiofolder is what ``load_dataset("audiofolder", data_dir=...)`` opens: recordings, and ``metadata.csv``,
``metadata.jsonl`` or ``metadata.parquet`` with ``file_name`` and other columns, in one folder or in one for each side
(``train``, ``validation``, ``test``). Parquet files are those of ``Dataset.to_parquet`` and of the hub: a column of
audio as bytes and path, and the names of the classes in the schema or in ``README.md``.

========================  ==============================================================================================
held                      id, file, emotion, sides, all of affekt's columns, extra columns; single ratings in JSON lines
                          and Parquet
lost on export            name, source, licence, order of the classes, synthetic, scale; extra columns that are empty or
                          no text, number or truth; with ``metadata.csv`` single ratings, and the type of extra columns
changed on export         segments become files of their own
lost on import            nothing: other columns become extra columns, lists and objects as JSON text
========================  ==============================================================================================

Only Parquet says what type a column has: from CSV and JSON lines, ``datasets`` takes the speaker ``03`` for the number
3 and ``2020-01-01`` for a date. It is therefore the default of :func:`write`.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
import yaml

from affekt.audio import SUFFIXES, recordings_in
from affekt.corpora.corpus import Corpus
from affekt.corpora.formats.json_lines import Record, read_lines, write_lines
from affekt.corpora.formats.recordings import place
from affekt.corpora.formats.records import ALIASES, SIDES, Export, corpus_of, notes_of, records_of
from affekt.corpora.table import RATING_COLUMNS, nearest, read_table
from affekt.errors import ConfigError, DataError
from affekt.files import new_folder
from affekt.types import PathLike

__all__ = ["read", "write"]

_METADATA: Final = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_FOLDERS: Final = {"train": "train", "dev": "validation", "test": "test"}
_MAGIC: Final = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3", b"\xff\xfb": ".mp3"}


def read(source: PathLike, *, audio_root: PathLike | None = None, audio_folder: PathLike | None = None) -> Corpus:
    """Read an audiofolder, one of its metadata files, or Parquet files with audio.

    Args:
        source: Folder, metadata file or ``.parquet`` file. In a folder without metadata and Parquet, each recording's
            own folder is its emotion, as ``datasets`` has it.
        audio_root: Where the paths in Parquet files start from that hold no audio; None is the folder of the source.
        audio_folder: New folder for recordings that are inside Parquet files; None refuses such files.

    Returns:
        The corpus.

    Raises:
        DataError: Nothing is there, a file is damaged or has no column of audio, or audio is inside and
            ``audio_folder`` is None.
    """
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    if not path.exists():
        raise DataError(
            f"there is no data set at {path}; a folder or a metadata or .parquet file was expected; check it."
        )
    found = sorted(file for name in _METADATA for file in path.rglob(name)) if path.is_dir() else [path]
    if not path.is_dir() and path.name not in _METADATA and path.suffix != ".parquet":
        raise DataError(f"{path} is no metadata file or .parquet file; {', '.join(_METADATA)} were expected; check it.")
    if found and found[0].name in _METADATA:
        records = [record for file in found for record in _of_metadata(file, folder)]
        return corpus_of(
            records, name=folder.resolve().name, root=folder, source=str(path), typed=found[0].suffix != ".csv"
        )
    found = found or sorted(path.rglob("*.parquet"))
    if found:
        return _of_parquet(found, folder, path, audio_root=audio_root, audio_folder=audio_folder)
    if any(path.rglob("*.arrow")):
        raise DataError(f"{path} was saved with save_to_disk; Parquet was expected; save it with Dataset.to_parquet.")
    return corpus_of(_of_folders(path), name=folder.resolve().name, root=folder, source=str(path))


def write(corpus: Corpus, folder: PathLike, *, copy_audio: bool = False, file_format: str = "parquet") -> Export:
    """Write an audiofolder: metadata and recordings.

    Args:
        corpus: The corpus. With train, dev or test in the column ``split`` of every row, each side has a folder.
        folder: Folder that does not exist yet or is empty.
        copy_audio: Must be true: the recordings are copied, segments cut.
        file_format: ``parquet``, ``jsonl`` or ``csv``: the kind of the metadata file.

    Returns:
        What was written.

    Raises:
        ConfigError: The kind is none of these.
        DataError: A recording is missing, or nothing may be copied.
    """
    if file_format not in ("csv", "jsonl", "parquet"):
        raise ConfigError(
            f"unknown metadata format '{file_format}'; {nearest(file_format, ('csv', 'jsonl', 'parquet'))}."
        )
    if not copy_audio:
        raise DataError(
            "an audiofolder holds its recordings, since datasets refuses paths that lead out of it; permission to copy "
            "was expected; export with the audio copied (--copy-audio)."
        )
    rated = file_format != "csv"
    records, left_out = records_of(corpus, reserved=("metadata",), ratings=rated)
    notes = list(notes_of(corpus, folder, holds=(), columns=left_out, ratings=rated))
    sides = corpus.table["split"].to_list()
    folders = [_FOLDERS[side] for side in sides] if set(sides) <= set(_FOLDERS) else [""] * len(sides)
    with new_folder(folder) as part:
        placed = place(corpus, part, copy_audio=copy_audio, cut=True, under=folders)
        if any("clips/" in recording.file for recording in placed):
            notes.append("an audiofolder has no segments: each was cut into a file of its own under clips/")
        keys = list(dict.fromkeys(key for record in records for key in record))
        for name in dict.fromkeys(folders):
            rows = []
            for side, record, recording in zip(folders, records, placed, strict=True):
                if side == name:
                    file = os.path.relpath(recording.path, part / name)
                    rows.append({"file_name": Path(file).as_posix()} | {key: record.get(key) for key in keys})
            empty = [key for key in keys if all(row[key] is None for row in rows)]
            if empty and file_format != "parquet" and name:
                notes.append(f"{name} knows no {', '.join(empty)}: datasets asks for the same columns; use parquet")
            (part / name).mkdir(exist_ok=True)
            _write_metadata(part / name / f"metadata.{file_format}", rows, corpus)
    return Export(folder=Path(folder), utterances=len(corpus), notes=tuple(notes))


def _write_metadata(path: Path, rows: list[Record], corpus: Corpus) -> None:
    """One metadata file; every row has every key."""
    if path.suffix == ".jsonl":
        write_lines(path, rows)
        return
    columns = []
    for key in rows[0]:
        dtype: Any = pl.String if key == "file_name" else corpus.table.schema.get(key)
        if key == "ratings" and corpus.ratings is not None:
            schema = {name: kind for name, kind in corpus.ratings.schema.items() if name != "utterance"}
            dtype = pl.List(pl.Struct(schema))
        columns.append(pl.Series(key, [row[key] for row in rows], dtype=dtype))
    table = pl.DataFrame(columns)
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)


def _side(file: Path, folder: Path) -> str | None:
    """The side that a file belongs to, by the first folder or the start of its name (``train-00000-of-00001``)."""
    inside = file.relative_to(folder)
    for word in (*inside.parts[:-1], inside.stem.partition("-")[0]):
        if word in SIDES:
            return SIDES[word]
    return None


def _of_metadata(file: Path, folder: Path) -> Iterator[tuple[str, Record]]:
    """The rows of a metadata file as records of affekt."""
    side = _side(file, folder)
    rows: Iterator[tuple[str, Record]]
    if file.suffix == ".jsonl":
        rows = read_lines(file)
    else:
        frame = read_table(file)
        _refuse_binary(frame, file)
        rows = ((f"{file}, row {number}", row) for number, row in enumerate(frame.iter_rows(named=True), 1))
    for where, row in rows:
        if "file_name" not in row:
            raise DataError(
                f"{where} has no 'file_name' ({nearest('file_name', row)}); rename the column of the paths."
            )
        record = {key: value for key, value in row.items() if value is not None and key != "file_name"}
        if not isinstance(row["file_name"], str) or not row["file_name"]:
            raise DataError(f"{where} names no audio file (got {row['file_name']!r}); give every row a file_name.")
        record["file"] = Path(os.path.relpath(file.parent / row["file_name"], folder)).as_posix()
        if os.path.isabs(row["file_name"]):
            record["file"] = row["file_name"]
        if side is not None:
            record.setdefault("split", side)
        yield where, record


def _of_folders(folder: Path) -> Iterator[tuple[str, Record]]:
    """Recordings in folders that are named after the emotions."""
    for file in recordings_in(folder):
        inside = file.relative_to(folder)
        if len(inside.parts) < 2:
            raise DataError(
                f"{file} is in no folder of an emotion and there is no metadata file; "
                f"one of {', '.join(_METADATA)} was expected; write one."
            )
        record: Record = {"file": inside.as_posix(), "emotion": inside.parts[-2]}
        side = _side(file, folder)
        if side is not None and len(inside.parts) > 2:
            record["split"] = side
        yield str(file), record


def _of_parquet(
    files: list[Path], folder: Path, path: Path, *, audio_root: PathLike | None, audio_folder: PathLike | None
) -> Corpus:
    """The corpus of Parquet files with a column of audio."""
    frames = {file: read_table(file) for file in files}
    features = {file: _features(file, folder) for file in files}
    columns = {file: _audio_column(file, frame) for file, frame in frames.items()}
    inside = any(frame[columns[file]].struct.field("bytes").is_not_null().any() for file, frame in frames.items())
    if inside and audio_folder is None:
        raise DataError(
            f"{path} holds the recordings themselves; a folder to write them to was expected; "
            "import with the audio copied (--copy-audio), or give audio_folder."
        )
    labels = next(iter(features.values()))
    emotion = next((name for name in ("emotion", *ALIASES["emotion"]) if name in labels), "")

    def build(target: Path | None, root: Path) -> Corpus:
        records = [
            record
            for file, frame in frames.items()
            for record in _rows(file, frame, columns[file], features[file], folder, target)
        ]
        classes = labels.get(emotion, ())
        return corpus_of(records, name=folder.resolve().name, root=root, source=str(path), classes=classes)

    if not inside or audio_folder is None:
        return build(None, Path(audio_root) if audio_root is not None else folder)
    with new_folder(audio_folder) as part:
        return build(part, Path(audio_folder))


def _rows(
    file: Path,
    frame: pl.DataFrame,
    audio: str,
    labels: Mapping[str, tuple[str, ...]],
    folder: Path,
    target: Path | None,
) -> Iterator[tuple[str, Record]]:
    """Rows of one Parquet file as records of affekt; audio that is inside is written to the target."""
    _refuse_binary(frame.drop(audio), file)
    side = _side(file, folder)
    for number, row in enumerate(frame.iter_rows(named=True), 1):
        where = f"{file}, row {number}"
        value = row.pop(audio) or {}
        record = {key: one for key, one in row.items() if one is not None}
        for key, names in labels.items():
            if key in record:
                index = record[key]
                if not isinstance(index, int) or not -1 <= index < len(names):
                    raise DataError(
                        f"'{key}' in {where} is {index!r}; a class from 0 to {len(names) - 1} was expected."
                    )
                record[key] = names[index] if index >= 0 else None  # -1 is no label
        content, name = value.get("bytes"), value.get("path")
        if content is not None and target is not None:
            record["file"] = _unpack(content, name, f"{file.stem}-{number:06d}", target, where)
            if not {"utterance", *ALIASES["utterance"]} & set(record):
                record["utterance"] = Path(record["file"]).stem
        elif name:
            record["file"] = name
        if side is not None:
            record.setdefault("split", side)
        yield where, record


def _unpack(content: bytes, name: str | None, stem: str, target: Path, where: str) -> str:
    """Write the bytes of a recording; the file keeps its name unless another one has it."""
    suffix = Path(name).suffix.lower() if name else ""
    if suffix not in SUFFIXES:
        suffix = next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), "")
    if not suffix:
        raise DataError(f"the audio in {where} is no wav, flac, ogg or mp3; encode it as one of these first.")
    file = f"{Path(name).stem if name else stem}{suffix}"
    if (target / file).exists():
        file = f"{stem}{suffix}"
    (target / file).write_bytes(content)
    return file


def _audio_column(file: Path, frame: pl.DataFrame) -> str:
    """The column of bytes and paths."""
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Struct) and {field.name for field in kind.fields} == {"bytes", "path"}:
            return name
    raise DataError(
        f"{file} has no column of audio (found: {', '.join(frame.columns[:8])}); a column of bytes and path was "
        "expected; save the data set with its Audio column, undecoded."
    )


def _features(file: Path, folder: Path) -> dict[str, tuple[str, ...]]:
    """Class names of the label columns, from the schema of the file or from the head of README.md."""
    text = pl.read_parquet_metadata(file).get("huggingface")
    found: dict[str, tuple[str, ...]] = {}
    if text:
        try:
            features = json.loads(text)["info"]["features"]
            for name, feature in features.items():
                if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
                    found[name] = tuple(str(label) for label in feature["names"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DataError(f"the data set information in {file} is damaged; save the data set again.") from None
        return found
    readme = folder / "README.md"
    if readme.is_file():
        _, _, rest = readme.read_text(encoding="utf-8", errors="replace").partition("---\n")
        try:
            info = (yaml.safe_load(rest.partition("\n---")[0]) or {}).get("dataset_info") or {}
            for feature in (info[0] if isinstance(info, list) else info).get("features") or ():
                names = feature["dtype"]["class_label"]["names"] if isinstance(feature["dtype"], dict) else None
                if names is not None:
                    found[feature["name"]] = tuple(str(names[key]) for key in sorted(names, key=int))
        except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, IndexError):
            return {}  # a README is prose: without class names in it, the numbers stay
    return found


def _refuse_binary(frame: pl.DataFrame, file: Path) -> None:
    for name, kind in frame.schema.items():
        if kind == pl.Binary:
            raise DataError(f"column '{name}' of {file} holds bytes; text or numbers were expected; leave it out.")
    if "ratings" in frame.columns and isinstance(frame.schema["ratings"], pl.String):
        raise DataError(f"'ratings' in {file} is text; a list was expected ({', '.join(RATING_COLUMNS)}); rename it.")
