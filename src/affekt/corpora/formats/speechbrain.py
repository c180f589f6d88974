"""SpeechBrain: JSON manifests, ``{"ID": {"wav": "{data_root}/a.wav", "length": 1.9, "emo": "joy"}}``.

The layout is that of SpeechBrain's recipes: one file a side (``train.json``, ``valid.json``, ``test.json``), with
``{data_root}`` where the recipe puts the folder of the recordings. A segment is what SpeechBrain's audio reader takes:
``{"file": PATH, "start": SAMPLE, "stop": SAMPLE}``; the seconds stand beside it as ``start`` and ``end``.

========================  ==============================================================================================
held                      id, file, segment, emotion (``emo``); everything else that is known, single ratings too, under
                          keys of affekt's that a recipe passes over
lost on export            name, source, licence, order of the classes, synthetic, scale; extra columns that are empty
                          or no text, number or truth
changed on export         ``duration`` is measured
lost on import            nothing: keys that affekt does not know become extra columns
========================  ==============================================================================================
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from affekt.audio import info
from affekt.corpora.corpus import Corpus
from affekt.corpora.formats.json_lines import Record, decode_json
from affekt.corpora.formats.recordings import Placed, headers, place
from affekt.corpora.formats.records import SIDES, Export, corpus_of, notes_of, records_of
from affekt.errors import DataError
from affekt.files import new_folder
from affekt.types import PathLike

__all__ = ["read", "write"]

_ROOT: Final = "{data_root}"
_FILE_NAMES: Final = {"train": "train", "dev": "valid", "test": "test"}


def read(source: PathLike, *, audio_root: PathLike | None = None) -> Corpus:
    """Read one manifest, or a folder with one for each side.

    Args:
        source: A ``.json`` file, or a folder with ``.json`` files.
        audio_root: What ``{data_root}`` stands for; None is the folder of the source.

    Returns:
        The corpus. An utterance that names no split has that of its file (train, valid or test), if it is one.

    Raises:
        DataError: Nothing is there, a file is damaged, or an id is there twice.
    """
    path = Path(source)
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise DataError(f"no SpeechBrain manifest at {path}; a .json file or a folder of them was expected; check it.")
    folder = path if path.is_dir() else path.parent
    root = Path(audio_root) if audio_root is not None else folder
    records = [record for file in files for record in _records(file, root)]
    name = (folder if path.is_dir() or path.stem in (*SIDES, "utterances") else path.with_suffix("")).resolve().name
    return corpus_of(records, name=name, root=root, source=str(path))


def write(corpus: Corpus, folder: PathLike, *, copy_audio: bool = False) -> Export:
    """Write one manifest a side to a new folder, or ``utterances.json`` where the corpus names no sides.

    Args:
        corpus: The corpus; every recording must be there, since its length is written.
        folder: Folder that does not exist yet or is empty.
        copy_audio: Whether to copy the recordings into it, which makes it what ``{data_root}`` stands for.

    Returns:
        What was written.

    Raises:
        DataError: A recording is missing or shorter than its segment.
    """
    records, left_out = records_of(corpus, reserved=("data_root",))
    left_out = tuple(name for name in left_out if not name.startswith("duration "))  # it is measured
    notes = list(notes_of(corpus, folder, holds=(), columns=left_out))
    files = corpus.table["file"].to_list()
    manifests: dict[str, dict[str, Any]] = {}
    with new_folder(folder) as part:
        placed = place(corpus, part, copy_audio=copy_audio)
        for file, record, recording, header in zip(files, records, placed, headers(placed), strict=True):
            record.pop("duration", None)
            # a path under the root stays movable: the recipe says where the root is
            written = file if os.path.isabs(file) else f"{_ROOT}/{recording.file if copy_audio else file}"
            end = header.seconds if recording.end is None else recording.end
            entry: dict[str, Any] = {
                "wav": _wav(written, recording, header.sample_rate, header.samples),
                "length": end - (recording.start or 0.0),
            }
            if "emotion" in record:
                entry["emo"] = record.pop("emotion")
            for key, value in (("start", recording.start), ("end", recording.end)):
                if value is not None:
                    entry[key] = value
            side = record.get("split")
            sides = "utterances" if side is None else _FILE_NAMES.get(side, "other")
            manifests.setdefault(sides, {})[record.pop("utterance")] = entry | record
        if not copy_audio and any(not os.path.isabs(file) for file in files):
            notes.append(f"data_root is {Path(os.path.abspath(corpus.root)).as_posix()}: give it to the recipe")
        for stem, manifest in manifests.items():
            text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
            (part / f"{stem}.json").write_text(text + "\n", encoding="utf-8")
    return Export(folder=Path(folder), utterances=len(corpus), notes=tuple(notes))


def _wav(file: str, recording: Placed, rate: int, samples: int) -> str | dict[str, Any]:
    """What SpeechBrain's audio reader takes: a path, or a path with the samples of the segment."""
    if recording.start is None and recording.end is None:
        return file
    start = round((recording.start or 0.0) * rate)
    stop = samples if recording.end is None else min(round(recording.end * rate), samples)
    return {"file": file, "start": start, "stop": stop}


def _records(file: Path, root: Path) -> Iterator[tuple[str, Record]]:
    """The entries of a manifest as records of affekt."""
    try:
        manifest = decode_json(file.read_text(encoding="utf-8"), where=str(file))
    except UnicodeDecodeError:
        raise DataError(f"{file} is no text; a JSON manifest was expected; restore it from a copy.") from None
    if not isinstance(manifest, dict):
        raise DataError(f"{file} is no object of utterances (got a {type(manifest).__name__}); check the path.")
    for key, entry in manifest.items():
        where = f"'{key}' in {file}"
        if not isinstance(entry, dict):
            raise DataError(
                f"{where} is {type(entry).__name__}; an object with the key 'wav' was expected; correct it."
            )
        record = {"utterance": key} | entry
        wav = record.pop("wav", record.pop("file", None))
        segment = wav if isinstance(wav, dict) else {}
        written = segment.get("file") if isinstance(wav, dict) else wav
        if not isinstance(written, str) or not written:
            raise DataError(f"{where} names no audio file; a path was expected under 'wav'; add it.")
        record["file"] = written.removeprefix(f"{_ROOT}/")
        if segment and "start" not in entry and "end" not in entry:
            record |= _seconds(segment, entry, root / record["file"], where)
        if file.stem in SIDES:
            record.setdefault("split", SIDES[file.stem])
        yield where, record


def _seconds(segment: Record, entry: Record, path: Path, where: str) -> Record:
    """Start and end of a segment given in samples."""
    given = {name: segment.get(key) for name, key in (("start", "start"), ("end", "stop"))}
    for value in given.values():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise DataError(f"the segment of {where} is not in samples (got {value!r}); give whole numbers.")
    rate = entry.get("sample_rate") or info(path).sample_rate
    if isinstance(rate, bool) or not isinstance(rate, (int, float)):
        raise DataError(f"'sample_rate' of {where} is {rate!r}; a number in Hz was expected; correct it.")
    return {name: value / rate for name, value in given.items() if value is not None}
