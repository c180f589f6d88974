"""What the label files of the MSP corpora share: emotion names, free text behind ``Other``, and lines of fields.

A line about a recording is ``FILE; CODE; A:x; V:x; D:x;`` and one about a rating ``WORKER; Primary; Second,Second;
A:x; V:x; D:x;``. Spaces around fields do not count.
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from affekt.corpora.table import nearest
from affekt.errors import DataError

__all__ = [
    "CODES",
    "EMOTIONS",
    "OTHER",
    "code_emotion",
    "csv_rows",
    "emotion_names",
    "lines_of",
    "rating_line",
    "recording_line",
    "sex_of",
    "value",
]

OTHER: Final = "other"
"""The emotion of a rating or consensus that is none of those asked for."""

CODES: Final[Mapping[str, str | None]] = {
    "A": "anger",
    "S": "sadness",
    "H": "happiness",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": OTHER,
    "X": None,  # no agreement
}
"""Letter of a consensus and emotion; the first eight in the order of the corpus's challenge baselines."""

EMOTIONS: Final = {
    "Angry": "anger",
    "Sad": "sadness",
    "Happy": "happiness",
    "Surprise": "surprise",
    "Surprised": "surprise",
    "Fear": "fear",
    "Fearful": "fear",
    "Disgust": "disgust",
    "Disgusted": "disgust",
    "Contempt": "contempt",
    "Neutral": "neutral",
    "Amused": "amusement",
    "Frustrated": "frustration",
    "Depressed": "depression",
    "Concerned": "concern",
    "Disappointed": "disappointment",
    "Excited": "excitement",
    "Confused": "confusion",
    "Annoyed": "annoyance",
    "Other": OTHER,
}
"""Name in a rating, primary or secondary, and emotion. ``Other-TEXT`` is other with the text of the rater."""

_OTHER_TEXT: Final = re.compile(r"other\b[\s:-]*(?P<text>.*)", re.IGNORECASE | re.DOTALL)
_LOWERED: Final = {name.lower(): emotion for name, emotion in EMOTIONS.items()}
_SUFFIXES: Final = (".wav", ".avi", ".mp4", ".flac")
_SEXES: Final = {"male": "m", "female": "f", "m": "m", "f": "f", "unknown": None, "": None, "na": None}


@dataclass(frozen=True, kw_only=True)
class Emotions:
    """Emotions that one rating names."""

    names: list[str]
    """Emotions in the order given."""
    texts: list[str]
    """What raters wrote for each ``other`` among them, in order; empty where they wrote nothing."""


def emotion_names(text: str, *, where: str) -> Emotions:
    """Read emotions joined by commas; a comma in the free text of ``Other`` does not end it.

    Raises:
        DataError: A name is unknown.
    """
    names: list[str] = []
    texts: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        found = _LOWERED.get(part.lower())
        other = _OTHER_TEXT.fullmatch(part)
        if part == "":
            continue
        if found is not None:
            names.append(found)
            texts += [""] if found == OTHER else []
        elif other is not None:
            names.append(OTHER)
            texts.append(other["text"].strip())
        elif names and names[-1] == OTHER and texts[-1]:
            texts[-1] += f", {part}"
        else:
            hint = nearest(part, EMOTIONS)
            raise DataError(f"{where} has the unknown emotion '{part}'; {hint}; correct the name.")
    bare = [text[1:-1].strip() if text[:1] == "(" and text[-1:] == ")" else text for text in texts]
    return Emotions(names=names, texts=bare)


def code_emotion(code: str, *, where: str, codes: Mapping[str, str | None] = CODES) -> str | None:
    """Emotion of a letter; None for no agreement.

    Raises:
        DataError: The letter is unknown.
    """
    if code not in codes:
        known = ", ".join(codes)
        raise DataError(f"{where} has the unknown emotion code '{code}'; one of {known} was expected; correct it.")
    return codes[code]


def value(text: str, name: str, *, where: str, scale: tuple[float, float]) -> float | None:
    """A number on a scale; None for an empty cell or NaN.

    Raises:
        DataError: It is no number or off the scale.
    """
    text = text.strip()
    if text.lower() in ("", "nan", "na"):
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not scale[0] <= number <= scale[1]:
        raise DataError(
            f"{where} has the {name} '{text}'; a number from {scale[0]:g} to {scale[1]:g} was expected; correct it."
        )
    return number


def sex_of(text: str, *, where: str) -> str | None:
    """``m``, ``f`` or None for unknown.

    Raises:
        DataError: It is none of these.
    """
    if text.strip().lower() not in _SEXES:
        raise DataError(f"{where} has the gender '{text}'; Male, Female or Unknown was expected; correct it.")
    return _SEXES[text.strip().lower()]


def lines_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and fields, split at semicolons, of every line that is not blank.

    Raises:
        DataError: The file is missing, no text or empty.
    """
    empty = True
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            empty = False
            fields = [field.strip() for field in line.split(";")]
            yield number, fields[:-1] if fields[-1] == "" else fields
    if empty:
        raise DataError(f"{path} is empty; lines such as 'FILE; CODE; A:x; V:x; D:x;' were expected; restore it.")


def csv_rows(path: Path, needed: Sequence[str], *, sample: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of the line and cells by heading of every row.

    Args:
        path: A file with commas and a heading.
        needed: Headings that must be there.
        sample: The headings in words, for messages.

    Raises:
        DataError: The file is missing, empty or no text, a heading is missing, or a row has another number of cells.
    """
    reader = csv.reader(_text(path).splitlines(keepends=True))
    head = [name.strip() for name in next(reader, [])]
    missing = [name for name in needed if name not in head]
    if missing:
        raise DataError(
            f"{path} has no column '{missing[0]}' (found: {', '.join(head) or 'nothing'}); {sample} was expected; "
            "check that it is this file."
        )
    empty = True
    for cells in reader:
        if len(cells) != len(head):
            raise DataError(
                f"line {reader.line_num} of {path} has {len(cells)} cells; {len(head)} were expected; the file may be "
                "cut short: restore it."
            )
        empty = False
        yield reader.line_num, dict(zip(head, cells, strict=True))
    if empty:
        raise DataError(f"{path} has no rows; at least one was expected; restore it from a copy.")


def recording_line(
    fields: Sequence[str], grades: Mapping[str, str], *, where: str, scale: tuple[float, float]
) -> tuple[str, str, list[float | None]] | None:
    """File, code and grades of a line about a recording; None if the line is about a rating.

    Args:
        fields: The fields of the line.
        grades: Letter before the colon and name of each grade, in order.
        where: What messages call the line.
        scale: Ends of the scale.

    Raises:
        DataError: Fields are missing or not of their kind.
    """
    if not fields[0].lower().endswith(_SUFFIXES):
        return None
    if len(fields) != 2 + len(grades):
        raise _wrong_fields(fields, f"FILE; CODE; {_form(grades)}", where=where)
    return fields[0], fields[1], _grades(fields[2:], grades, where=where, scale=scale)


def rating_line(
    fields: Sequence[str], grades: Mapping[str, str], *, where: str, scale: tuple[float, float]
) -> dict[str, str | float | None]:
    """One rating as a row of the ratings table, without its utterance.

    Returns:
        ``rater``, ``emotion``, ``secondary`` (joined by ``;``), the grades by name, and ``other`` and
        ``other_secondary``: what the rater wrote for the emotion other.

    Raises:
        DataError: Fields are missing or not of their kind.
    """
    if len(fields) != 3 + len(grades) or not fields[0]:
        raise _wrong_fields(fields, f"WORKER; Primary; Second,Second; {_form(grades)}", where=where)
    primary = emotion_names(fields[1], where=where)
    if len(primary.names) > 1:
        raise DataError(f"{where} names {len(primary.names)} primary emotions; one was expected; correct it.")
    secondary = emotion_names(fields[2], where=where)
    numbers = _grades(fields[3:], grades, where=where, scale=scale)
    return {
        "rater": fields[0],
        "emotion": primary.names[0] if primary.names else None,
        "secondary": ";".join(secondary.names) or None,
        **dict(zip(grades.values(), numbers, strict=True)),
        "other": (primary.texts[0] if primary.texts else "") or None,
        "other_secondary": ";".join(text.replace(";", ",") for text in secondary.texts) or None,
    }


def _grades(
    fields: Sequence[str], grades: Mapping[str, str], *, where: str, scale: tuple[float, float]
) -> list[float | None]:
    """Numbers of fields such as ``A:3.5``, which must come in order."""
    found = []
    for field, (letter, name) in zip(fields, grades.items(), strict=True):
        key, colon, text = field.partition(":")
        if key.strip() != letter or not colon:
            raise _wrong_fields(fields, _form(grades), where=where)
        found.append(value(text, name, where=where, scale=scale))
    return found


def _form(grades: Mapping[str, str]) -> str:
    return " ".join(f"{letter}:x;" for letter in grades)


def _wrong_fields(fields: Sequence[str], form: str, *, where: str) -> DataError:
    shown = "; ".join(fields)[:80]
    return DataError(f"{where} is '{shown}'; '{form}' was expected; the file may be cut short: restore it.")


def _text(path: Path) -> str:
    """The text of a file.

    Raises:
        DataError: The file is missing or no UTF-8.
    """
    if not path.is_file():
        raise DataError(f"there is no label file {path}; it was expected; check the path.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is no UTF-8 text; a label file was expected; convert or restore it.") from None
