"""EmoGator: vocal bursts without words.

F. W. Buhl: EmoGator: A New Open Source Vocal Burst Dataset with Baseline Machine Learning Classification
Methodologies, arXiv 2301.00508, 2023.

357 contributors, 30 categories, 3 takes each. A name such as ``000001-02-1.mp3`` is contributor, category and take. The
numbers of the categories are those of the README of the dataset.
"""

import re
from pathlib import Path
from typing import Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.layout import find_recordings
from affekt.types import PathLike

__all__ = ["CATEGORIES", "read"]

CATEGORIES: Final = (
    "adoration",
    "amusement",
    "anger",
    "awe",
    "confusion",
    "contempt",
    "contentment",
    "desire",
    "disappointment",
    "disgust",
    "distress",
    "ecstasy",
    "elation",
    "embarrassment",
    "fear",
    "guilt",
    "interest",
    "neutral",
    "pain",
    "pride",
    "realization",
    "relief",
    "romantic love",
    "sadness",
    "serenity",
    "shame",
    "negative surprise",
    "surprise",
    "sympathy",
    "triumph",
)
"""Names of the categories 01 to 30. Category 28, there called Surprise (Positive), is the plain surprise here."""

_NAME: Final = re.compile(r"(?P<contributor>\d{6})-(?P<category>0[1-9]|[12]\d|30)-(?P<take>\d)")


def read(source: PathLike) -> Corpus:
    """Read EmoGator from its recordings.

    Args:
        source: A folder that holds the recordings at any depth.

    Returns:
        The corpus, with the extra column ``take``. Nothing is known about the contributors.

    Raises:
        DataError: There is no recording, or a name is not one of EmoGator.
    """
    found = find_recordings(
        source,
        corpus="EmoGator",
        pattern=_NAME,
        expected="a name such as 000001-02-1.mp3 (contributor-category-take, categories 01 to 30)",
    )
    rows = [
        {
            "utterance": stem,
            "file": file,
            "speaker": name["contributor"],
            "emotion": CATEGORIES[int(name["category"]) - 1],
            "take": name["take"],
        }
        for stem, file, name in found
    ]
    return Corpus(
        name="emogator",
        root=Path(source),
        table=pl.DataFrame(rows),
        source="EmoGator, https://github.com/fredbuhl/EmoGator",
        licence="Apache-2.0",
    )
