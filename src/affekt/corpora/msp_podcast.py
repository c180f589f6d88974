"""MSP-Podcast and corpora in its label formats.

C. Busso, R. Lotfian, K. Sridhar, A. N. Salman, W.-C. Lin, L. Goncalves, S. Parthasarathy, A. Reddy Naini, S.-G. Leem,
L. Martinez-Lucas, H.-C. Chou, P. Mote: The MSP-Podcast Corpus, arXiv 2509.09791, 2025.

Labels come in twins: ``labels_consensus.csv`` and ``.json`` have one entry a recording, ``labels_detailed.csv`` and
``.json`` one a rating, and ``labels.txt`` has both. Raters name one primary emotion and any number of secondary ones
and grade arousal, valence and dominance from 1 to 7. The layout of the detailed JSON file is our reading: worker to
answers, or a list under ``Workers`` as in the sister corpus MSP-Face.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.msp_lines import (
    CODES,
    OTHER,
    code_emotion,
    csv_rows,
    lines_of,
    rating_line,
    recording_line,
    sex_of,
    value,
)
from affekt.errors import DataError
from affekt.files import read_json
from affekt.types import PathLike

__all__ = ["CLASSES", "SCALE", "read"]

CLASSES: Final = tuple(emotion for emotion in CODES.values() if emotion not in (None, OTHER))
"""The eight primary emotions in the order of the challenge baselines; other is none of them."""

SCALE: Final = (1.0, 7.0)
"""Ends of the self-assessment manikins."""

_GRADES: Final = {"A": "arousal", "V": "valence", "D": "dominance"}
_COLUMNS: Final = {"EmoAct": "arousal", "EmoVal": "valence", "EmoDom": "dominance"}
_WORKERS: Final = ("WorkerID", "Workers", "Worker(s)", "Worker", "Name")
_SPLITS: Final = {
    "Train": "train",
    "Development": "dev",
    "Test1": "test1",
    "Test2": "test2",
    "Test3": "test3",
    "NA": None,
    "": None,
}
_CONSENSUS: Final = ("labels_consensus.csv", "labels_consensus.json")
_DETAILED: Final = ("labels_detailed.csv", "labels_detailed.json")
_UNKNOWN: Final = ("", "Unknown", "NA")


@dataclass(kw_only=True)
class _Labels:
    """What label files say."""

    recordings: dict[str, dict[str, Any]] = field(default_factory=dict)
    ratings: list[dict[str, Any]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    """Where each rating is written."""


def read(source: PathLike) -> Corpus:
    """Read a corpus in the formats of MSP-Podcast.

    Args:
        source: The folder of the release, its folder ``Labels``, or one label file. From a folder the consensus and
            the ratings are read from the CSV files where there are any, else from the JSON files, else from
            ``labels.txt``; the file with the partition (``Partition.txt``, ``Partitions.txt``), ``Speaker_ids.txt``
            and the folder ``Transcripts`` add what they know.

    Returns:
        The corpus. The emotion of an utterance is the consensus of the file: null for no agreement, ``other`` for a
        consensus outside the eight classes. The splits are train, dev, test1, test2 and test3. Ratings keep what
        raters wrote for other in the extra columns ``other`` and ``other_secondary``. Nothing looks for the
        recordings: ``affekt corpus check`` does.

    Raises:
        DataError: A file is missing, cut short, or holds something that its format does not know; the message says
            where.
    """
    path = Path(source)
    root = path
    if path.is_file():
        labels = _read_file(path)
        root = path.parent
    elif path.is_dir():
        folder = path / "Labels" if (path / "Labels").is_dir() else path
        labels = _read_folder(folder)
        if folder == path and path.name == "Labels" and (path.parent / "Audios").is_dir():
            root = path.parent
    else:
        raise DataError(f"there is nothing at {path}; a folder or a label file was expected; check the path.")
    _add_partition(labels, root)
    _add_speakers(labels, root)
    audio = "Audios/" if (root / "Audios").is_dir() else ""
    rows = [
        {"utterance": Path(name).stem, "file": f"{audio}{name}", **entry, "text": _transcript(root, name)}
        for name, entry in labels.recordings.items()
    ]
    table = pl.DataFrame(rows, infer_schema_length=None)
    ratings = None
    if labels.ratings:
        stems = [Path(rating.pop("file")).stem for rating in labels.ratings]
        ratings = pl.DataFrame(labels.ratings, infer_schema_length=None).with_columns(utterance=pl.Series(stems))
    # other corpora come in these formats too
    podcast = bool(table["file"].str.contains("MSP-PODCAST", literal=True).any())
    return Corpus(
        name="msp-podcast" if podcast else root.resolve().name,
        root=root,
        table=table.with_columns(language=pl.lit("en" if podcast else None, dtype=pl.String)),
        classes=CLASSES,
        ratings=ratings,
        source="The MSP-Podcast corpus, arXiv 2509.09791" if podcast else "",
        licence="by agreement with the University of Texas at Dallas" if podcast else "",
        scale=SCALE,
    )


def _read_folder(folder: Path) -> _Labels:
    """All label files of a folder that are needed."""
    text = folder / "labels.txt"
    consensus = next((folder / name for name in _CONSENSUS if (folder / name).is_file()), None)
    detailed = next((folder / name for name in _DETAILED if (folder / name).is_file()), None)
    if consensus is None and detailed is None:
        if not text.is_file():
            raise DataError(
                f"{folder} holds no labels; {_CONSENSUS[0]}, {_DETAILED[0]}, their .json twins or labels.txt were "
                "expected; check the path."
            )
        return _read_file(text)
    labels = _Labels() if consensus is None else _read_file(consensus)
    if detailed is None:
        if text.is_file():
            detailed = text
        else:
            return labels
    rated = _read_file(detailed)
    for rating, place in zip(rated.ratings, rated.places, strict=True):
        if consensus is not None and rating["file"] not in labels.recordings:
            raise DataError(
                f"{place} rates '{rating['file']}', which {consensus} does not list; ratings of listed recordings were "
                "expected; use files of one release."
            )
    return _Labels(recordings=labels.recordings or rated.recordings, ratings=rated.ratings, places=rated.places)


def _read_file(path: Path) -> _Labels:
    """One label file; its kind is told by its name and content."""
    if path.suffix == ".txt":
        labels = _read_text(path)
    elif path.suffix == ".json":
        labels = _read_json(path)
    elif path.suffix == ".csv":
        head = next(iter(csv_rows(path, ("FileName",), sample="a column FileName")))[1]
        labels = _read_consensus_csv(path) if "EmoClass" in head else _read_detailed_csv(path)
    else:
        raise DataError(f"{path} is no label file; .csv, .json or .txt was expected; check the path.")
    return labels


def _read_text(path: Path) -> _Labels:
    """``labels.txt``: a line about a recording, then its ratings."""
    labels, current = _Labels(), None
    for number, fields in lines_of(path):
        where = f"line {number} of {path}"
        head = recording_line(fields, _GRADES, where=where, scale=SCALE)
        if head is not None:
            current, code, grades = head
            _new_recording(labels, current, where)
            labels.recordings[current] |= {"emotion": code_emotion(code, where=where)}
            labels.recordings[current] |= dict(zip(_GRADES.values(), grades, strict=True))
        elif current is None:
            raise DataError(f"{where} is a rating before any recording; a line 'FILE; CODE; …' was expected first.")
        else:
            _add_rating(labels, current, rating_line(fields, _GRADES, where=where, scale=SCALE), where)
    return labels


def _read_consensus_csv(path: Path) -> _Labels:
    labels = _Labels()
    needed = ("FileName", "EmoClass", *_COLUMNS)
    for number, row in csv_rows(path, needed, sample="FileName, EmoClass, EmoAct, EmoVal, EmoDom"):
        where = f"line {number} of {path}"
        _new_recording(labels, row["FileName"].strip(), where)
        labels.recordings[row["FileName"].strip()] |= _consensus(row, where)
    return labels


def _read_detailed_csv(path: Path) -> _Labels:
    """One row a rating: a string of fields in ``EmoDetail``, or one column each."""
    labels = _Labels()
    for number, row in csv_rows(path, ("FileName",), sample="FileName and EmoDetail, or FileName, Workers, …"):
        where = f"line {number} of {path}"
        name = row["FileName"].strip()
        labels.recordings.setdefault(name, {})
        if "EmoDetail" in row:
            fields = [part.strip() for part in row["EmoDetail"].split(";")]
            fields = fields[:-1] if fields[-1] == "" else fields
            rating = rating_line(fields, _GRADES, where=where, scale=SCALE)
        else:
            rating = _answers(row, where)
        _add_rating(labels, name, rating, where)
    return labels


def _read_json(path: Path) -> _Labels:
    """A JSON twin: file name to consensus, or file name to the ratings."""
    content = read_json(path)
    if not isinstance(content, dict) or not content:
        raise DataError(f"{path} holds no labels; an object of file names was expected; restore it from a copy.")
    labels = _Labels()
    for name, entry in content.items():
        where = f"'{name}' in {path}"
        if not isinstance(entry, dict):
            raise DataError(f"{where} is {str(entry)[:40]!r}; an object was expected; restore the file from a copy.")
        _new_recording(labels, name, where)
        if "EmoClass" in entry:
            labels.recordings[name] |= _consensus(entry, where)
            continue
        for worker, answers in _workers(entry, where):
            _add_rating(labels, name, _answers({"Name": worker, **answers}, f"'{worker}' of {where}"), where)
    return labels


def _workers(entry: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Workers and their answers."""
    listed = entry.get("Workers", entry)
    pairs = [(str(one.get("Name", "")), one) for one in listed] if isinstance(listed, list) else list(listed.items())
    for worker, answers in pairs:
        if not isinstance(answers, dict) or not worker:
            raise DataError(f"{where} has no worker with answers; 'WORKER': {{…}} was expected; restore the file.")
        yield worker, answers


def _consensus(entry: dict[str, Any], where: str) -> dict[str, Any]:
    """Row of the utterance table from one entry of a consensus file."""
    missing = [name for name in ("EmoClass", *_COLUMNS) if name not in entry]
    if missing:
        raise DataError(f"{where} has no {missing[0]}; every entry was expected to have one; restore the file.")
    split = str(entry.get("Split_Set", "")).strip()
    if split not in _SPLITS:
        known = ", ".join(name for name in _SPLITS if name)
        raise DataError(f"{where} has the split '{split}'; one of {known} was expected; correct it.")
    speaker = str(entry.get("SpkrID", "")).strip()
    grades = {name: value(str(entry[key]), name, where=where, scale=SCALE) for key, name in _COLUMNS.items()}
    return {
        "emotion": code_emotion(str(entry["EmoClass"]).strip(), where=where),
        **grades,
        "speaker": None if speaker in _UNKNOWN else speaker,
        "sex": sex_of(str(entry.get("Gender", "")), where=where),
        "split": _SPLITS[split],
    }


def _answers(row: dict[str, Any], where: str) -> dict[str, Any]:
    """A rating from one column an answer."""
    worker = next((str(row[name]).strip() for name in _WORKERS if name in row), "")
    needed = ("EmoClass_Major", "EmoClass_Second", *_COLUMNS)
    missing = [name for name in needed if name not in row]
    if missing or not worker:
        lacking = missing[0] if missing else f"worker (one of {', '.join(_WORKERS)})"
        raise DataError(f"{where} has no {lacking}; a rating with {', '.join(needed)} was expected; restore the file.")
    second = row["EmoClass_Second"]
    second = ",".join(str(name) for name in second) if isinstance(second, list) else str(second)
    # a semicolon in free text would look like the end of a field
    texts = [worker, str(row["EmoClass_Major"]).replace(";", ","), second.replace(";", ",")]
    grades = [f"{letter}:{row[column]}" for letter, column in zip(_GRADES, _COLUMNS, strict=True)]
    return rating_line([*texts, *grades], _GRADES, where=where, scale=SCALE)


def _new_recording(labels: _Labels, name: str, where: str) -> None:
    if name in labels.recordings:
        raise DataError(f"{where} lists '{name}' for the second time; every recording was expected once; remove one.")
    if not name:
        raise DataError(f"{where} names no recording; a file name was expected; restore the file.")
    labels.recordings[name] = {}


def _add_rating(labels: _Labels, name: str, rating: dict[str, Any], where: str) -> None:
    labels.ratings.append({"file": name, **rating})
    labels.places.append(where)


def _add_partition(labels: _Labels, root: Path) -> None:
    """Splits from lines ``Test1; FILE``."""
    path = next((root / name for name in ("Partition.txt", "Partitions.txt") if (root / name).is_file()), None)
    for number, fields in lines_of(path) if path is not None else ():
        where = f"line {number} of {path}"
        sides = [text for text in fields if text in _SPLITS and text]
        names = [text for text in fields if text not in _SPLITS]
        if len(fields) != 2 or len(sides) != 1 or len(names) != 1:
            raise DataError(f"{where} is '{'; '.join(fields)[:80]}'; 'Train; FILE' was expected; restore the file.")
        if names[0] in labels.recordings:  # the partition may list what has no labels, such as Test3
            labels.recordings[names[0]]["split"] = _SPLITS[sides[0]]


def _add_speakers(labels: _Labels, root: Path) -> None:
    """Speakers from lines ``FILE; ID`` and their sexes from lines ``ID; Male``."""
    path = root / "Speaker_ids.txt"
    if not path.is_file():
        return
    sexes: dict[str, str | None] = {}
    said: dict[str, str] = {}
    for number, fields in lines_of(path):
        if len(fields) != 2:
            shown = "; ".join(fields)[:80]
            raise DataError(f"line {number} of {path} is '{shown}'; 'FILE; ID' was expected; restore the file.")
        if fields[0].lower().endswith(".wav"):
            said[fields[0]] = fields[1]
        elif fields[1].lower() in ("male", "female", "unknown"):
            sexes[fields[0]] = sex_of(fields[1], where=f"line {number} of {path}")
    for name, speaker in said.items():
        if name in labels.recordings:
            known = None if speaker in _UNKNOWN else speaker
            labels.recordings[name]["speaker"] = known
            if speaker in sexes:
                labels.recordings[name]["sex"] = sexes[speaker]


def _transcript(root: Path, name: str) -> str | None:
    """The words of a recording, where there is a transcript."""
    path = root / "Transcripts" / f"{Path(name).stem}.txt"
    return path.read_text(encoding="utf-8-sig", errors="replace").strip() if path.is_file() else None
