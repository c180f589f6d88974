"""Sentences that people wrote and readers rated for valence and arousal, as text to train on beside captions.

Such as EmoBank (Buechel and Hahn, EACL 2017), whose CSV file is read as it is. Nobody spoke them: they have a place in
the plane of valence and arousal and no recording.
"""

import csv
import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from affekt.errors import ConfigError, DataError
from affekt.types import FloatArray, PathLike

__all__ = ["Sentences", "read_sentences"]

_COLUMNS: Final = {"text": "text", "valence": "valence", "v": "valence", "arousal": "arousal", "a": "arousal"}
_TRAINED: Final = "train"


@dataclass(frozen=True, kw_only=True, eq=False)
class Sentences:
    """What :func:`read_sentences` found."""

    texts: tuple[str, ...]
    places: FloatArray
    """Valence and arousal of each, (M, 2) float64 in [0, 1]."""
    sha256: str
    """Of the whole file."""

    def __len__(self) -> int:
        return len(self.texts)


def read_sentences(path: PathLike, *, scale: tuple[float, float]) -> Sentences:
    """Sentences of a CSV file.

    Columns are found by their names, in any case: ``text``; ``valence`` or ``V``; ``arousal`` or ``A``. With a column
    ``split``, only rows where it says ``train`` are read; the others are not looked at. Other columns do not matter.

    Args:
        path: a CSV file in UTF-8 with a header.
        scale: the two ends of the ratings.

    Raises:
        ConfigError: the scale is not two finite numbers that rise.
        DataError: the file is missing or no CSV, lacks a column or has two for one thing, holds no sentence to train
            on, a sentence is empty, or a rating is no number or outside the scale.
    """
    low, high = _checked(scale)
    path = Path(path)
    try:
        data = path.read_bytes()
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        lines = [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        raise DataError(
            f"the sentences {path} cannot be read ({error.strerror}); a CSV file was expected; check the path."
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"the sentences {path} are not CSV in UTF-8; such a file was expected; convert it.") from None
    header = [name.strip().lower() for name in lines[0][1]] if lines else []
    columns = {_COLUMNS[name]: i for i, name in enumerate(header) if name in _COLUMNS}
    for wanted in ("text", "valence", "arousal"):
        names = [name for name in header if _COLUMNS.get(name) == wanted]
        if len(names) != 1:
            raise DataError(
                f"the sentences {path} have {len(names) or 'no'} column{'s' if names else ''} of {wanted}; one each of "
                "text, valence (or V) and arousal (or A) was expected; rename the columns."
            )
    texts: list[str] = []
    places: list[tuple[float, float]] = []
    for number, row in lines[1:]:
        where = f"line {number} of the sentences {path}"
        if len(row) != len(header):
            raise DataError(
                f"{where} has {len(row)} cells; {len(header)} were expected, as in the first line; put texts with "
                "commas in quotes."
            )
        if "split" in header and row[header.index("split")].strip() != _TRAINED:
            continue
        text = row[columns["text"]].strip()
        if not text:
            raise DataError(f"{where} has no text; a sentence was expected; write one or remove the line.")
        place = [_rated(row[columns[axis]], axis, where, low, high) for axis in ("valence", "arousal")]
        texts.append(text)
        places.append((place[0], place[1]))
    if not texts:
        rest = " with train in the column split" if "split" in header else ""
        raise DataError(f"the sentences {path} hold no line{rest}; at least one was expected; check the file.")
    return Sentences(texts=tuple(texts), places=np.array(places), sha256=hashlib.sha256(data).hexdigest())


def _checked(scale: tuple[float, float]) -> tuple[float, float]:
    if len(scale) != 2 or not all(math.isfinite(end) for end in scale) or not scale[0] < scale[1]:
        raise ConfigError(
            f"the scale of the sentences is {list(scale)}; its two ends were expected, the lower one first, such as "
            "[1.0, 5.0]; correct it."
        )
    return scale[0], scale[1]


def _rated(cell: str, axis: str, where: str, low: float, high: float) -> float:
    """A rating on the scale from 0 to 1."""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where} has the {axis} {cell!r}; a number was expected; correct or remove the line.")
    if not low <= value <= high:
        raise DataError(
            f"{where} has the {axis} {value:g}; {low:g} to {high:g} was expected; correct the line, or the scale of "
            "the sentences."
        )
    return (value - low) / (high - low)
