"""MSP-IMPROV, an acted corpus of dyadic interactions.

C. Busso, S. Parthasarathy, A. Burmania, M. AbdelWahab, N. Sadoughi, E. Mower Provost: MSP-IMPROV: An Acted Corpus of
Dyadic Interactions to Study Emotion Perception, IEEE Transactions on Affective Computing 8(1), 2017.

Twelve actors in six sessions. ``Evaluation.txt`` (in releases also ``Evalution.txt``) has for every turn a line
``UTD-IMPROV-S01A-F01-P-FM01.avi; A; A:x; V:x; D:x ; N:x;`` and one a rating ``WORKER; Angry; Angry,Frustrated; A:x;
V:x; D:x; N:x;``; N is how natural the turn seemed. The name is sentence and intended emotion, actor, kind of recording,
who spoke to whom, and turn. The grades stand as they are in the files, from 1 to 5: whether 5 is the most aroused was
not checked against the recordings.
"""

import re
from pathlib import Path
from typing import Any, Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.msp_lines import code_emotion, lines_of, rating_line, recording_line
from affekt.errors import DataError
from affekt.types import PathLike

__all__ = ["CLASSES", "CODES", "SCALE", "read"]

CODES: Final[dict[str, str | None]] = {
    "A": "anger",
    "S": "sadness",
    "N": "neutral",
    "H": "happiness",
    "O": "other",
    "X": None,  # no agreement
}
"""Letter of a consensus or of an intended emotion, and emotion."""

CLASSES: Final = ("anger", "sadness", "neutral", "happiness")
"""The four primary emotions; other is none of them."""

SCALE: Final = (1.0, 5.0)
"""Ends of the scales."""

_GRADES: Final = {"A": "arousal", "V": "valence", "D": "dominance", "N": "naturalness"}
_NAME: Final = re.compile(
    r"(?:UTD|MSP)-IMPROV-(?P<rest>S(?P<sentence>\d\d)(?P<intended>[ASNH])-(?P<speaker>(?P<sex>[FM])0(?P<session>[1-6]))"
    r"-(?P<kind>[PRST])-[FM]{2}\d+)\.(?:avi|wav)"
)


def read(source: PathLike) -> Corpus:
    """Read MSP-IMPROV from its evaluation file.

    Args:
        source: The folder of the release, or the evaluation file. Recordings are looked for in any folder below; one
            that is not there keeps the place of the release (``session1/S01A/P/NAME.wav``).

    Returns:
        The corpus, with the extra columns ``session``, ``sentence``, ``intended``, ``kind`` and ``naturalness``. The
        emotion is the consensus of the file: null for no agreement, ``other`` outside the four classes. Utterances
        are called as the recordings are, ``MSP-IMPROV-…``. Ratings keep ``naturalness`` and what raters wrote for
        other; a line that repeats a rating in every field counts once.

    Raises:
        DataError: There is no evaluation file, or a line is none of the format; the message says where.
    """
    path = Path(source)
    root = path if path.is_dir() else path.parent
    if path.is_dir():
        found = [file for name in ("Evaluation.txt", "Evalution.txt") for file in sorted(path.rglob(name))]
        if not found:
            raise DataError(f"{path} holds no Evaluation.txt; the release of MSP-IMPROV was expected; check the path.")
        path = found[0]
    recordings = {file.stem: file.relative_to(root).as_posix() for file in sorted(root.rglob("MSP-IMPROV-*.wav"))}
    rows: list[dict[str, Any]] = []
    ratings: dict[tuple[Any, ...], dict[str, Any]] = {}
    names: set[str] = set()
    for number, fields in lines_of(path):
        where = f"line {number} of {path}"
        head = recording_line(fields, _GRADES, where=where, scale=SCALE)
        if head is not None:
            rows.append(_row(head[0], head[1], recordings, where) | dict(zip(_GRADES.values(), head[2], strict=True)))
            if rows[-1]["utterance"] in names:
                raise DataError(f"{where} lists '{head[0]}' again; every turn was expected once; remove one.")
            names.add(rows[-1]["utterance"])
        elif not rows:
            raise DataError(f"{where} is a rating before any turn; a line 'FILE; CODE; …' was expected first.")
        else:
            rating = {
                "utterance": rows[-1]["utterance"],
                **rating_line(fields, _GRADES, where=where, scale=SCALE),
            }
            ratings.setdefault(tuple(rating.values()), rating)
    if not rows:
        raise DataError(f"{path} lists no turn; lines 'FILE; CODE; A:x; V:x; D:x; N:x;' were expected; restore it.")
    return Corpus(
        name="msp-improv",
        root=root,
        table=pl.DataFrame(rows, infer_schema_length=None),
        classes=CLASSES,
        ratings=pl.DataFrame(list(ratings.values()), infer_schema_length=None) if ratings else None,
        source="MSP-IMPROV, https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html",
        licence="by agreement with the University of Texas at Dallas",
        scale=SCALE,
    )


def _row(file: str, code: str, recordings: dict[str, str], where: str) -> dict[str, Any]:
    """Row of the utterance table, without its grades."""
    name = _NAME.fullmatch(file)
    if name is None:
        raise DataError(
            f"{where} is about '{file}'; a name such as UTD-IMPROV-S01A-F01-P-FM01.avi was expected; correct it."
        )
    utterance = f"MSP-IMPROV-{name['rest']}"
    place = f"session{name['session']}/S{name['sentence']}{name['intended']}/{name['kind']}/{utterance}.wav"
    return {
        "utterance": utterance,
        "file": recordings.get(utterance, place),
        "speaker": name["speaker"],
        "sex": name["sex"].lower(),
        "language": "en",
        "emotion": code_emotion(code, where=where, codes=CODES),
        "session": name["session"],
        "sentence": name["sentence"],
        "intended": CODES[name["intended"]],
        "kind": name["kind"],
    }
