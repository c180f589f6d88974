"""DailyDialog: written everyday dialogues with an emotion and a dialogue act for each utterance. There is no sound.

Y. Li, H. Su, X. Shen, W. Li, Z. Cao, S. Niu: DailyDialog: A Manually Labelled Multi-turn Dialogue Dataset, IJCNLP 2017.

Read are the JSON files in which the corpus is handed around (``dailydialog_validation.json`` and the like): a list of
dialogues with ``fold``, ``topic`` and ``dialogue``, a list of utterances with ``text``, ``emotion`` and ``act``.

Our reading of it as a corpus of affekt: the act is the intent; ``no_emotion`` is neutral; ``file`` is the JSON file the
utterance stands in, as there is no recording; the speaker is the dialogue, as it is not known who wrote or speaks, and
what must not be torn apart by a split, and is resampled together, is the dialogue. ``turn`` counts the utterances of a
dialogue from 1; the two sides of a dialogue take turns.
"""

import json
from pathlib import Path
from typing import Any, Final

import polars as pl

from affekt.corpora.text_corpus import TextCorpus
from affekt.errors import DataError
from affekt.types import PathLike

__all__ = ["ACTS", "EMOTIONS", "read"]

EMOTIONS: Final = {
    "no_emotion": "neutral",
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happiness": "happiness",
    "sadness": "sadness",
    "surprise": "surprise",
}
"""Emotion in the file and in the corpus."""

ACTS: Final = ("commissive", "directive", "inform", "question")
"""Dialogue acts, which are the intents: promises and answers to requests, requests, statements, questions."""

_SPLITS: Final = {"train": "train", "validation": "dev", "test": "test"}


def read(source: PathLike) -> TextCorpus:
    """Read DailyDialog.

    Args:
        source: One JSON file, or a folder with ``dailydialog_*.json``.

    Returns:
        A corpus of texts, with the extra columns ``topic`` and ``turn``; ``split`` is the corpus's own.

    Raises:
        DataError: There is no such file, it is not JSON of this kind, or a label is unknown.
    """
    path = Path(source)
    files = sorted(path.glob("dailydialog_*.json")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise DataError(
            f"there is no DailyDialog at {path}; a JSON file, or a folder with dailydialog_*.json, was expected; check "
            "the path."
        )
    rows = [row for file in files for row in _rows(file)]
    if not rows:
        raise DataError(f"{path} holds no utterance; dialogues were expected; check the file.")
    return TextCorpus(
        name="dailydialog",
        root=files[0].parent,
        table=pl.DataFrame(rows),
        classes=tuple(sorted(EMOTIONS.values())),
        source="DailyDialog, http://yanran.li/dailydialog",
        licence="CC BY-NC-SA 4.0",
    )


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        dialogues = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(
            f"{file} cannot be read as JSON ({type(error).__name__}); a list of dialogues was expected; check the file."
        ) from None
    rows = []
    try:
        for number, dialogue in enumerate(dialogues, start=1):
            name = f"{dialogue['fold']}-{number:05d}"
            for turn, said in enumerate(dialogue["dialogue"], start=1):
                if said["act"] not in ACTS:
                    raise KeyError(said["act"])
                rows.append(
                    {
                        "utterance": f"{name}-{turn:02d}",
                        "file": file.name,
                        "speaker": name,
                        "language": "en",
                        "text": said["text"],
                        "emotion": EMOTIONS[said["emotion"]],
                        "intent": said["act"],
                        "split": _SPLITS[dialogue["fold"]],
                        "topic": dialogue["topic"],
                        "turn": str(turn),
                    }
                )
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{file} is not laid out as DailyDialog (got {error}); dialogues with fold, topic and dialogue, and "
            "utterances with text, a known emotion and a known act, were expected; check the file."
        ) from None
    return rows
