"""EMO-DB, the Berlin database of emotional speech.

F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss: A database of German emotional speech, Interspeech 2005.

Ten actors say ten everyday sentences in seven ways. A name such as ``03a01Fa.wav`` is speaker 03, sentence a01,
emotion F (Freude) and take a. Sex and age of the actors are those that the documentation of the database states.
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
    "W": "anger",  # Wut, Ärger
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "T": "sadness",  # Trauer
    "N": "neutral",
}
"""Letter in the file name, from the German word, and emotion."""

_SPEAKERS: Final = {
    "03": ("m", 31.0),
    "08": ("f", 34.0),
    "09": ("f", 21.0),
    "10": ("m", 32.0),
    "11": ("m", 26.0),
    "12": ("m", 30.0),
    "13": ("f", 32.0),
    "14": ("f", 35.0),
    "15": ("m", 25.0),
    "16": ("f", 31.0),
}

_SENTENCES: Final = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}

_NAME: Final = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[WLEAFTN])(?P<take>[a-z])?")


def read(source: PathLike) -> Corpus:
    """Read EMO-DB from its recordings.

    Args:
        source: A folder that holds the recordings at any depth.

    Returns:
        The corpus, with the extra columns ``sentence`` and ``take``. Sex and age of an unknown actor stay null.

    Raises:
        DataError: There is no recording, or a name is not one of EMO-DB.
    """
    rows = []
    found = find_recordings(source, corpus="EMO-DB", pattern=_NAME, expected="a name such as 03a01Fa.wav")
    for stem, file, name in found:
        sex, age = _SPEAKERS.get(name["speaker"], (None, None))
        rows.append(
            {
                "utterance": stem,
                "file": file,
                "speaker": name["speaker"],
                "sex": sex,
                "age": age,
                "language": "de",
                "text": _SENTENCES.get(name["sentence"]),
                "emotion": EMOTIONS[name["emotion"]],
                "sentence": name["sentence"],
                "take": name["take"],
            }
        )
    return Corpus(
        name="emodb",
        root=Path(source),
        table=pl.DataFrame(rows, infer_schema_length=None),
        source="Berlin database of emotional speech, http://emodb.bilderbar.info",
        licence="free for research",
    )
