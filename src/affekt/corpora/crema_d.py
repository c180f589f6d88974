"""CREMA-D, crowd-sourced emotional multimodal actors, with the votes of its raters.

H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: Crowd-sourced Emotional Multimodal
Actors Dataset, IEEE Transactions on Affective Computing 5(4), 2014.

91 actors say 12 sentences in six ways. A name such as ``1001_IEO_HAP_LO`` is actor, sentence, intended emotion and
level. Raters heard the voice, saw the face, or both; ``tabulatedVotes.csv`` counts their votes, and the first digit of
the number in its first column says which of the three (our reading, which the agreement with the intended emotion
supports: lowest for the voice, highest for both). Votes name no rater.
"""

import re
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.msp_lines import csv_rows
from affekt.errors import ConfigError, DataError
from affekt.types import PathLike

__all__ = ["EMOTIONS", "Modality", "read"]

Modality: TypeAlias = Literal["both", "face", "voice"]
"""What raters perceived."""

EMOTIONS: Final = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
"""Code in the file name and emotion; the columns of votes have its first letter."""

_MODALITIES: Final = {"1": "voice", "2": "face", "3": "both"}
_LEVELS: Final = {"LO": "low", "MD": "medium", "HI": "high", "XX": None, "X": None}
_SENTENCES: Final = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_NAME: Final = re.compile(
    rf"(?P<actor>\d{{4}})_(?P<sentence>{'|'.join(_SENTENCES)})_(?P<emotion>{'|'.join(EMOTIONS)})_(?P<level>LO|MD|HI|XX?)"
)
_LETTERS: Final = {code[0]: emotion for code, emotion in EMOTIONS.items()}


def read(source: PathLike, *, modality: Modality = "voice") -> Corpus:
    """Read CREMA-D from its tables.

    Args:
        source: The folder with ``tabulatedVotes.csv``, and perhaps ``VideoDemographics.csv`` and the recordings in
            ``AudioWAV``, or a folder above them.
        modality: Whose votes become the ratings. The default are the raters who heard what a model hears.

    Returns:
        The corpus. The emotion is the intended one; :func:`affekt.corpora.with_consensus` gives the perceived one.
        Every vote is a rating without a rater. The extra column ``sentence`` has the code of the sentence.

    Raises:
        DataError: A table is missing or damaged, or a name is not one of CREMA-D.
        ConfigError: The modality is unknown.
    """
    if modality not in get_args(Modality):
        raise ConfigError(f"modality is '{modality}'; one of {', '.join(get_args(Modality))} was expected; name it.")
    root = Path(source)
    path = _find(root, "tabulatedVotes.csv")
    if path is None:
        raise DataError(f"{root} holds no tabulatedVotes.csv; the tables of CREMA-D were expected; check the path.")
    actors = _actors(_find(root, "VideoDemographics.csv"))
    audio = next((folder for folder in (path.parent / "AudioWAV", root / "AudioWAV") if folder.is_dir()), None)
    rows, ratings = [], []
    seen: set[tuple[str, str]] = set()
    sample = "columns A, D, F, H, N, S and fileName"
    for number, row in csv_rows(path, (*_LETTERS, "fileName"), sample=sample):
        where = f"line {number} of {path}"
        kind, name = _kind(row, where), row["fileName"].strip()
        match = _NAME.fullmatch(name)
        if match is None:
            raise DataError(f"{where} is about '{name}'; a name such as 1001_IEO_HAP_LO was expected; correct it.")
        if (kind, name) in seen:
            raise DataError(f"{where} counts the {kind} votes on '{name}' again; one row was expected; remove one.")
        seen.add((kind, name))
        if kind != modality:
            continue
        rows.append(_row(name, match, actors, "" if audio is None else f"{audio.relative_to(root).as_posix()}/"))
        for letter, emotion in _LETTERS.items():
            ratings += [{"utterance": name, "emotion": emotion}] * _count(row, letter, where)
    if not rows:
        raise DataError(f"{path} has no {modality} votes; rows of that modality were expected; choose another one.")
    return Corpus(
        name="crema-d",
        root=root,
        table=pl.DataFrame(rows, infer_schema_length=None),
        classes=tuple(EMOTIONS.values()),
        ratings=pl.DataFrame(ratings, schema={"utterance": pl.String, "emotion": pl.String}),
        source=f"CREMA-D, https://github.com/CheyneyComputerScience/CREMA-D ({modality} votes)",
        licence="ODbL 1.0",
    )


def _row(name: str, match: re.Match[str], actors: dict[str, dict[str, Any]], folder: str) -> dict[str, Any]:
    """Row of the utterance table."""
    return {
        "utterance": name,
        "file": f"{folder}{name}.wav",
        "speaker": match["actor"],
        "sex": None,
        "age": None,
        **actors.get(match["actor"], {}),
        "language": "en",
        "text": _SENTENCES[match["sentence"]],
        "emotion": EMOTIONS[match["emotion"]],
        "intensity": _LEVELS[match["level"]],
        "sentence": match["sentence"],
    }


def _find(root: Path, name: str) -> Path | None:
    """A table in the folder or below it."""
    if (root / name).is_file():
        return root / name
    return next(iter(sorted(root.rglob(name))), None) if root.is_dir() else None


def _actors(path: Path | None) -> dict[str, dict[str, Any]]:
    """Sex and age of each actor, or nothing without the table."""
    found: dict[str, dict[str, Any]] = {}
    if path is None:
        return found
    for number, row in csv_rows(path, ("ActorID", "Age", "Sex"), sample="ActorID, Age and Sex"):
        sex = {"male": "m", "female": "f"}.get(row["Sex"].strip().lower())
        if sex is None or not row["Age"].strip().isdigit():
            raise DataError(
                f"line {number} of {path} has the sex '{row['Sex']}' and age '{row['Age']}'; Male or Female and years "
                "were expected; correct it."
            )
        found[row["ActorID"].strip()] = {"sex": sex, "age": float(row["Age"])}
    return found


def _kind(row: dict[str, str], where: str) -> str:
    """Modality of a row, from the number in the column without a heading."""
    number = row.get("", "").strip()
    if number[:1] not in _MODALITIES:
        raise DataError(f"{where} has the number '{number}'; one that starts with 1, 2 or 3 was expected; restore it.")
    return _MODALITIES[number[0]]


def _count(row: dict[str, str], letter: str, where: str) -> int:
    """A number of votes."""
    text = row[letter].strip()
    if not text.isdigit():
        raise DataError(f"{where} counts '{text}' votes for {letter}; a whole number was expected; correct it.")
    return int(text)
