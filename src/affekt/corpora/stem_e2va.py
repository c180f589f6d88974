"""STEM-E2VA: Mandarin emotional speech with articulography.

A name such as ``CXYFIA01.wav`` is speaker CXY, sex F, condition IA and text 01. What the letters stand for was deduced
from a table of 325 of its utterances, not from a published description.
"""

import re
from pathlib import Path
from typing import Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.layout import find_recordings
from affekt.types import PathLike

__all__ = ["CONDITIONS", "read"]

CONDITIONS: Final = {
    "NE": ("neutral", None),
    "MA": ("anger", "moderate"),
    "MJ": ("happiness", "moderate"),
    "MS": ("sadness", "moderate"),
    "IA": ("anger", "intense"),
    "IJ": ("happiness", "intense"),
    "IS": ("sadness", "intense"),
}
"""Letters in the file name; emotion and intensity. J is joy, called happiness in every corpus here."""

_NAME: Final = re.compile(r"(?P<speaker>[A-Z]+)(?P<sex>[FM])(?P<condition>NE|[MI][AJS])(?P<text>\d\d)")


def read(source: PathLike) -> Corpus:
    """Read STEM-E2VA from its recordings.

    Args:
        source: A folder that holds the recordings at any depth; the articulography is passed over.

    Returns:
        The corpus, with the extra column ``sentence``.

    Raises:
        DataError: There is no recording, or a name is not one of STEM-E2VA.
    """
    found = find_recordings(
        source,
        corpus="STEM-E2VA",
        pattern=_NAME,
        expected="a name such as CXYFIA01.wav (speaker, F or M, NE MA MJ MS IA IJ or IS, text)",
    )
    rows = []
    for stem, file, name in found:
        emotion, intensity = CONDITIONS[name["condition"]]
        rows.append(
            {
                "utterance": stem,
                "file": file,
                "speaker": name["speaker"],
                "sex": name["sex"].lower(),
                "language": "zh",
                "emotion": emotion,
                "intensity": intensity,
                "sentence": name["text"],
            }
        )
    return Corpus(
        name="stem-e2va",
        root=Path(source),
        table=pl.DataFrame(rows, infer_schema_length=None),
        source="STEM-E2VA",
        licence="none stated",
    )
