"""EmoBox: one JSON object a line, and one file for each side of each fold.

Z. Ma and others: EmoBox, Interspeech 2024; the layout is that of its repository (emo-box/EmoBox): ``NAME.jsonl``,
``label_map.json`` and ``fold_K/NAME_train_fold_K.jsonl``, ``..._valid_...`` and ``..._test_...``. A line has ``key``,
``dataset``, ``wav``, ``type``, ``sample_rate``, ``num_frame``, ``task``, ``length``, ``emo`` and ``channel``.

========================  ==============================================================================================
held                      id, file, emotion, order of the classes (``label_map.json``), sides of folds; everything else
                          that is known, single ratings too, under keys of affekt's that EmoBox passes over
lost on export            source, licence, synthetic, scale; extra columns that are empty or no text, number or truth
changed on export         segments become files of their own; ``duration`` is measured
lost on import            ``type``, ``task``, ``sample_rate``, ``num_frame``, ``channel``: the recording says it
========================  ==============================================================================================

Of several folds, each becomes a column ``fold_K`` with train, dev or test; a single fold becomes the column ``split``.
EmoBox names no speaker; ``affekt.corpora.formats.records.speakers_from_ids`` finds them in the keys.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from affekt.corpora.corpus import Corpus
from affekt.corpora.formats.json_lines import Record, decode_json, read_lines, write_lines
from affekt.corpora.formats.recordings import headers, place
from affekt.corpora.formats.records import SIDES, Export, corpus_of, notes_of, records_of
from affekt.errors import DataError
from affekt.files import new_folder
from affekt.types import PathLike

__all__ = ["read", "write"]

_FOLD_FILE: Final = re.compile(r".+_(?P<side>train|valid|val|validation|dev|test)_fold_?(?P<fold>\d+)\.jsonl")
_DROPPED: Final = ("channel", "num_frame", "sample_rate", "task", "type")
_OWN: Final = (*_DROPPED, "dataset", "duration")
_FILE_NAMES: Final = {"train": "train", "dev": "valid", "test": "test"}


def read(source: PathLike, *, audio_root: PathLike | None = None) -> Corpus:
    """Read one ``.jsonl`` file, or the folder of a corpus with its folds.

    Args:
        source: File, or folder that has ``.jsonl`` files at any depth.
        audio_root: Where the paths in ``wav`` start from; None is the folder of the source.

    Returns:
        The corpus. With ``label_map.json`` in the folder, emotions have the names it gives; where that changes them,
        the extra column ``emo`` keeps what the lines say.

    Raises:
        DataError: Nothing is there, a line is damaged, or two files disagree about an utterance.
    """
    path = Path(source)
    folder = path if path.is_dir() else path.parent
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise DataError(f"no EmoBox file at {path}; a .jsonl file or a folder of them was expected; check the path.")
    files.sort(key=lambda file: _FOLD_FILE.fullmatch(file.name) is not None)  # that of all utterances says their order
    labels = _label_map(folder / "label_map.json")
    found: dict[str, tuple[str, Record]] = {}
    sides: dict[int, dict[str, str]] = {}
    for file in files:
        named = _FOLD_FILE.fullmatch(file.name)
        within: set[str] = set()
        for where, line in read_lines(file):
            key = line.get("key")
            if not isinstance(key, str) or not key:
                raise DataError(f"{where} has no 'key'; the id of the utterance was expected; add it.")
            if not isinstance(line.get("emo", ""), str):
                raise DataError(f"'emo' at {where} is {line['emo']!r}; the text of a label was expected; correct it.")
            if key in within:
                raise DataError(
                    f"'{key}' is there twice in {file} (again at {where}); each was expected once; keep one."
                )
            within.add(key)
            before, first = found.setdefault(key, (where, line))
            if _labelling(first) != _labelling(line):
                raise DataError(f"{before} and {where} disagree about '{key}'; they must say the same; correct one.")
            if named is not None:
                fold = sides.setdefault(int(named["fold"]), {})
                side = SIDES[named["side"]]
                if fold.setdefault(key, side) != side:
                    raise DataError(
                        f"{where} puts '{key}' on two sides of a fold; one was expected; remove it from one."
                    )
    names = {line.get("dataset") for _, line in found.values()}
    corpus_name = next(iter(names)) if len(names) == 1 else None
    return corpus_of(
        _records(found, sides, labels),
        name=corpus_name if isinstance(corpus_name, str) and corpus_name else folder.resolve().name,
        root=Path(audio_root) if audio_root is not None else folder,
        source=str(path),
        classes=tuple(dict.fromkeys(labels.values())),
    )


def write(corpus: Corpus, folder: PathLike, *, copy_audio: bool = False) -> Export:
    """Write the lines of all utterances, of the sides of each fold, and the label map to a new folder.

    Args:
        corpus: The corpus; every recording must be there, since its length is written. The columns ``fold_1``,
            ``fold_2`` ... or else ``split`` name the sides.
        folder: Folder that does not exist yet or is empty.
        copy_audio: Whether to copy the recordings; needed where the corpus has segments, which are cut.

    Returns:
        What was written.

    Raises:
        DataError: A recording is missing, or there are segments and nothing may be copied.
    """
    records, left_out = records_of(corpus, reserved=_OWN)
    left_out = tuple(name for name in left_out if not name.startswith("duration "))  # it is measured
    notes = list(notes_of(corpus, folder, holds={"name", "classes"}, columns=left_out))
    stem = re.sub(r"[/\\]+", "-", corpus.name) or "corpus"
    with new_folder(folder) as part:
        placed = place(corpus, part, copy_audio=copy_audio, cut=True)
        if any(recording.file.startswith("clips/") for recording in placed):
            notes.append("EmoBox has no segments: each was cut into a file of its own under clips/")
        lines = []
        for record, recording, header in zip(records, placed, headers(placed), strict=True):
            record.pop("duration", None)
            line = {
                "key": record.pop("utterance"),
                "dataset": corpus.name,
                "wav": recording.file,
                "type": "raw",
                "sample_rate": header.sample_rate,
                "num_frame": header.samples,
                "task": "category",
                "length": header.seconds,
                "channel": header.channels,
            }
            if "emotion" in record:
                line["emo"] = record.pop("emotion")
            lines.append(line | record)
        write_lines(part / f"{stem}.jsonl", lines)
        others = sorted({emotion for emotion in corpus.emotions if emotion is not None} - set(corpus.classes))
        if others:
            notes.append(f"these emotions are no classes of the corpus, but are in EmoBox: {', '.join(others)}")
        label_map = {emotion: emotion for emotion in (*corpus.classes, *others)}
        (part / "label_map.json").write_text(json.dumps(label_map, indent=4, ensure_ascii=False), encoding="utf-8")
        columns = [name for name in corpus.table.columns if re.fullmatch(r"fold_[1-9]\d*", name)] or ["split"]
        for column in columns:
            fold = 1 if column == "split" else int(column.removeprefix("fold_"))
            for side, written in _FILE_NAMES.items():
                chosen = [line for line in lines if line.get(column) == side]
                if chosen:
                    write_lines(part / f"fold_{fold}" / f"{stem}_{written}_fold_{fold}.jsonl", chosen)
    return Export(folder=Path(folder), utterances=len(corpus), notes=tuple(notes))


def _records(
    found: dict[str, tuple[str, Record]], sides: dict[int, dict[str, str]], labels: dict[str, str]
) -> Iterator[tuple[str, Record]]:
    """Lines as records of affekt."""
    renamed = any(labels.get(line.get("emo", ""), line.get("emo")) != line.get("emo") for _, line in found.values())
    for key, (where, line) in found.items():
        record: dict[str, Any] = {name: value for name, value in line.items() if name not in _DROPPED}
        record.pop("dataset", None)
        record["file"] = record.pop("wav", None)
        record["utterance"] = record.pop("key")
        emo = record.pop("emo", None)
        if emo is not None:
            if labels and emo not in labels:
                raise DataError(f"{where} has the label '{emo}', which label_map.json does not name; add it there.")
            record["emotion"] = labels.get(emo, emo)
            if renamed:
                record["emo"] = emo
        for fold, members in sides.items():
            side = members.get(key)
            column = f"fold_{fold}" if len(sides) > 1 else "split"
            if side is not None and record.setdefault(column, side) != side:
                raise DataError(f"{where} says {column} {record[column]}, its file says {side}; make them agree.")
        yield where, record


def _labelling(line: Record) -> Record:
    """What a line says, but for what the recording says itself."""
    return {name: value for name, value in line.items() if name not in _DROPPED}


def _label_map(path: Path) -> dict[str, str]:
    """Name of each label of the lines; empty where there is no such file."""
    if not path.is_file():
        return {}
    try:
        labels = decode_json(path.read_text(encoding="utf-8"), where=str(path))
    except UnicodeDecodeError:
        raise DataError(f"{path} is no text; a JSON object was expected; restore it from a copy.") from None
    if not isinstance(labels, dict) or not all(isinstance(name, str) and name for name in labels.values()):
        raise DataError(f"{path} does not map labels to names; a JSON object of texts was expected; correct it.")
    return labels
