"""RAVDESS, the Ryerson audio-visual database of emotional speech and song.

S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), PLoS ONE
13(5), 2018.

A name such as ``03-01-05-02-01-02-12.wav`` is modality, vocal channel, emotion, intensity, statement, repetition and
actor. Actors with odd numbers are men, the others women. There is no strong neutral.
"""

import re
from pathlib import Path
from typing import Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.layout import find_recordings
from affekt.types import PathLike

__all__ = ["EMOTIONS", "read"]

EMOTIONS: Final = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
"""Number in the file name and emotion."""

_CHANNELS: Final = {"01": "speech", "02": "song"}
_INTENSITIES: Final = {"01": "normal", "02": "strong"}
_STATEMENTS: Final = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}

_NAME: Final = re.compile(
    r"0[123]-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-(?P<repetition>0[12])"
    r"-(?P<actor>0[1-9]|1\d|2[0-4])"
)


def read(source: PathLike) -> Corpus:
    """Read the audio of RAVDESS from its recordings.

    Args:
        source: A folder that holds the recordings at any depth; the videos are passed over.

    Returns:
        The corpus, with the extra columns ``sentence``, ``take`` and ``channel`` (speech or song).

    Raises:
        DataError: There is no recording, or a name is not one of RAVDESS.
    """
    found = find_recordings(
        source,
        corpus="RAVDESS",
        pattern=_NAME,
        expected="a name such as 03-01-05-02-01-02-12.wav (seven two-digit fields, actors 01 to 24)",
    )
    rows = [
        {
            "utterance": stem,
            "file": file,
            "speaker": name["actor"],
            "sex": "m" if int(name["actor"]) % 2 else "f",
            "language": "en",
            "text": _STATEMENTS[name["statement"]],
            "emotion": EMOTIONS[name["emotion"]],
            "intensity": _INTENSITIES[name["intensity"]],
            "sentence": name["statement"],
            "take": name["repetition"],
            "channel": _CHANNELS[name["channel"]],
        }
        for stem, file, name in found
    ]
    return Corpus(
        name="ravdess",
        root=Path(source),
        table=pl.DataFrame(rows),
        source="RAVDESS, https://zenodo.org/records/1188976",
        licence="CC BY-NC-SA 4.0",
    )
