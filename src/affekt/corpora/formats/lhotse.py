"""lhotse: manifests of recordings and supervisions, or of cuts, as JSON lines with or without gzip.

The layout is that of lhotse's ``RecordingSet``, ``SupervisionSet`` and ``CutSet`` files. A supervision has fields of
its own for id, times, text, language, speaker and gender; the rest is in its ``custom``.

========================  ==============================================================================================
held                      id, file, segment to 1e-9 s, text, language, speaker, sex (``gender``); under ``custom``
                          emotion, attributes, split, single ratings and all else that is known
lost on export            name, source, licence, order of the classes, synthetic, scale; extra columns that are empty
                          or no text, number or truth
changed on export         times are those of the recording: an ``end`` at its end and none at all are the same
lost on import            sampling rate, number of samples and channels: the recording says it; ``alignment``
========================  ==============================================================================================
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from affekt.corpora.corpus import Corpus
from affekt.corpora.formats.json_lines import Record, read_lines, write_lines
from affekt.corpora.formats.recordings import headers, place
from affekt.corpora.formats.records import Export, corpus_of, notes_of, records_of
from affekt.errors import DataError
from affekt.files import new_folder
from affekt.types import PathLike

__all__ = ["read", "write"]

_RECORDINGS: Final = "recordings.jsonl.gz"
_SUPERVISIONS: Final = "supervisions.jsonl.gz"
_FIELDS: Final = ("text", "language", "speaker", "gender")
_KNOWN: Final = (*_FIELDS, "id", "recording_id", "start", "duration", "channel", "custom", "alignment")


def read(source: PathLike, *, audio_root: PathLike | None = None) -> Corpus:
    """Read a folder of manifests or a file of cuts.

    Args:
        source: Folder with one file of recordings and one of supervisions (``.jsonl`` or ``.jsonl.gz``, any names), or
            with cuts; or one file of cuts.
        audio_root: Where relative paths start from; None is the folder of the source.

    Returns:
        The corpus: one utterance for each supervision, or for a cut that has none.

    Raises:
        DataError: Nothing is there, a manifest is damaged, a supervision has no recording, or a recording is no file.
    """
    path = Path(source)
    files = sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")]) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise DataError(f"no lhotse manifest at {path}; .jsonl or .jsonl.gz files were expected there; check the path.")
    recordings: dict[str, Record] = {}
    supervisions: list[tuple[str, Record]] = []
    cuts: list[tuple[str, Record]] = []
    for file in files:
        for where, line in read_lines(file):
            if "sources" in line:
                key = str(line.get("id"))
                if recordings.setdefault(key, line) != line:
                    raise DataError(
                        f"{where} describes recording '{key}' in another way than before; keep one of both."
                    )
            elif "recording_id" in line:
                supervisions.append((where, line))
            elif "type" in line or "recording" in line:
                cuts.append((where, line))
            else:
                raise DataError(
                    f"{where} is no recording, supervision or cut of lhotse; remove the file or correct it."
                )
    if cuts and supervisions:
        raise DataError(f"{path} holds cuts and supervisions, which say the same; read one of the files alone.")
    if recordings and not (supervisions or cuts):
        raise DataError(f"{path} holds recordings without supervisions; put both files in one folder and open that.")
    folder = path if path.is_dir() else path.parent
    records = list(_of_cuts(cuts)) if cuts else [_of_supervision(*pair, recordings) for pair in supervisions]
    return corpus_of(
        records,
        name=(path if path.is_dir() else Path(path.name.partition(".")[0])).resolve().name,
        root=Path(audio_root) if audio_root is not None else folder,
        source=str(path),
    )


def write(corpus: Corpus, folder: PathLike, *, copy_audio: bool = False) -> Export:
    """Write ``recordings.jsonl.gz`` and ``supervisions.jsonl.gz`` to a new folder.

    Args:
        corpus: The corpus; every recording must be there, since its length and rate are written.
        folder: Folder that does not exist yet or is empty.
        copy_audio: Whether to copy the recordings; the paths are then relative to the folder, otherwise absolute.

    Returns:
        What was written.

    Raises:
        DataError: A recording is missing or shorter than its segment.
    """
    records, left_out = records_of(corpus)
    notes = list(notes_of(corpus, folder, holds=(), columns=left_out))
    if copy_audio:
        notes.append(
            "the paths start from the folder: use RecordingSet.with_path_prefix where it is not the current one"
        )
    recordings: dict[str, Record] = {}
    supervisions = []
    with new_folder(folder) as part:
        placed = place(corpus, part, copy_audio=copy_audio)
        for record, recording, header in zip(records, placed, headers(placed), strict=True):
            channels = list(range(header.channels))
            recordings[recording.file] = {
                "id": recording.file,
                "sources": [{"type": "file", "channels": channels, "source": recording.file}],
                "sampling_rate": header.sample_rate,
                "num_samples": header.samples,
                "duration": header.seconds,
                "channel_ids": channels,
            }
            start = recording.start or 0.0
            end = header.seconds if recording.end is None else min(recording.end, header.seconds)
            line: Record = {
                "id": record.pop("utterance"),
                "recording_id": recording.file,
                "start": start,
                "duration": round(end - start, 10),
                "channel": 0 if len(channels) == 1 else channels,
            }
            if "sex" in record:
                record["gender"] = record.pop("sex")
            line |= {name: record.pop(name) for name in _FIELDS if name in record}
            supervisions.append(line | ({"custom": record} if record else {}))
        write_lines(part / _RECORDINGS, recordings.values())
        write_lines(part / _SUPERVISIONS, supervisions)
    return Export(folder=Path(folder), utterances=len(corpus), notes=tuple(notes))


def _of_supervision(where: str, line: Record, recordings: Mapping[str, Record]) -> tuple[str, Record]:
    """A supervision with its recording as a record of affekt."""
    key = str(line["recording_id"])
    if key not in recordings:
        raise DataError(f"{where} is about recording '{key}', which no manifest describes; add its RecordingSet.")
    return where, _record(where, line, recordings[key], offset=0.0)


def _of_cuts(cuts: list[tuple[str, Record]]) -> Iterator[tuple[str, Record]]:
    """The supervisions of cuts, or the cuts that have none, as records of affekt."""
    for where, cut in cuts:
        if cut.get("type", "MonoCut") not in ("MonoCut", "MultiCut"):
            raise DataError(f"{where} is a {cut['type']}, which is no part of one file; save plain cuts of recordings.")
        recording = cut.get("recording")
        if not isinstance(recording, dict):
            raise DataError(f"{where} has no recording; a cut of audio was expected; save the cuts with recordings.")
        offset = _number(cut, "start", where)
        supervisions = cut.get("supervisions") or []
        if not isinstance(supervisions, list) or not all(isinstance(one, dict) for one in supervisions):
            raise DataError(f"'supervisions' of {where} is no list of objects; restore the manifest from a copy.")
        for line in supervisions:
            yield where, _record(where, line, recording, offset=offset)
        if not supervisions:
            bare = {"id": cut.get("id"), "start": 0.0, "duration": cut.get("duration"), "custom": cut.get("custom")}
            yield where, _record(where, bare, recording, offset=offset)


def _record(where: str, line: Record, recording: Record, *, offset: float) -> Record:
    """One record; a time that is an edge of the recording is left out."""
    start = round(offset + _number(line, "start", where), 10)
    end = round(start + _number(line, "duration", where), 10)
    length = _number(recording, "duration", f"the recording of {where}")
    tolerance = 0.5 / max(_number(recording, "sampling_rate", f"the recording of {where}"), 1.0)  # half a sample
    custom = line.get("custom") or {}
    if not isinstance(custom, dict):
        raise DataError(f"'custom' of {where} is {type(custom).__name__}; an object was expected; correct it.")
    record: Record = {name: value for name, value in custom.items() if name not in ("file", "start", "end")}
    record |= {name: line[name] for name in _FIELDS if line.get(name) is not None}
    record |= {name: value for name, value in line.items() if name not in _KNOWN and value is not None}
    record |= {"utterance": line.get("id"), "file": _file(where, recording)}
    if start > 0:
        record["start"] = start
    if end < length - tolerance:
        record["end"] = end
    return record


def _file(where: str, recording: Record) -> str:
    """The path of a recording that is one plain file."""
    sources = recording.get("sources")
    if recording.get("transforms"):
        raise DataError(f"the recording of {where} is transformed when it is loaded; save its audio to files first.")
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        raise DataError(f"the recording of {where} has not one source; one file was expected; save it to one file.")
    if sources[0].get("type") != "file" or not isinstance(sources[0].get("source"), str):
        raise DataError(
            f"the recording of {where} is a {sources[0].get('type')}; a file was expected; save its audio to files."
        )
    return str(sources[0]["source"])


def _number(line: Record, key: str, where: str) -> float:
    value: Any = line.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DataError(f"'{key}' of {where} is {value!r}; a number was expected; restore the manifest from a copy.")
    return float(value)
