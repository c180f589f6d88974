"""IEMOCAP, the interactive emotional dyadic motion capture database.

C. Busso, M. Bulut, C.-C. Lee, A. Kazemzadeh, E. Mower, S. Kim, J. N. Chang, S. Lee, S. S. Narayanan: IEMOCAP:
Interactive emotional dyadic motion capture database, Language Resources and Evaluation 42, 2008.

Five sessions, two actors each. Every dialog has a file in ``EmoEvaluation`` with a block a turn: a summary ``[start -
end] TURN emotion [valence, arousal, dominance]``, lines ``C-E1: Anger; (comment)`` with the categories that one rater
chose, and lines ``A-E1: val 2; act 3; dom 3; (comment)``. Raters F and M are the actors themselves.

Ours: of several categories in one line the first counts as primary, the others as secondary; a grade off the scale from
1 to 5, which a missing answer leaves behind, is null, and a summary off the scale gives way to the mean of the others.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from affekt.corpora.corpus import Corpus
from affekt.corpora.table import nearest
from affekt.errors import DataError
from affekt.types import PathLike

__all__ = ["CATEGORIES", "CLASSES", "CODES", "SCALE", "read"]

CODES: Final[dict[str, str | None]] = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
    "xxx": None,  # no agreement
}
"""Code in a summary and emotion."""

CATEGORIES: Final = {
    "anger": "anger",
    "disgust": "disgust",
    "excited": "excitement",
    "excitement": "excitement",
    "fear": "fear",
    "frustration": "frustration",
    "happiness": "happiness",
    "neutral": "neutral",
    "neutral state": "neutral",
    "other": "other",
    "sadness": "sadness",
    "surprise": "surprise",
}
"""Category of a rater, in lower case, and emotion."""

CLASSES: Final = tuple(emotion for emotion in CODES.values() if emotion not in (None, "other"))
"""The nine emotions; other is none of them."""

SCALE: Final = (1.0, 5.0)
"""Ends of the self-assessment manikins."""

_TURN: Final = re.compile(
    r"(?P<dialog>Ses(?P<session>0[1-5])[FM]_(?P<kind>impro|script)\w*?)_(?P<sex>[FM])[A-Za-z]*\d+\w*"
)
_NUMBER: Final = r"-?\d+(?:\.\d+)?"
_SUMMARY: Final = re.compile(
    rf"\[(?P<start>{_NUMBER})\s*-\s*(?P<end>{_NUMBER})\]\s+(?P<turn>\S+)\s+(?P<code>\S+)\s+"
    rf"\[(?P<valence>{_NUMBER}),\s*(?P<arousal>{_NUMBER}),\s*(?P<dominance>{_NUMBER})\]"
)
_RATER: Final = re.compile(r"(?P<kind>[CA])-(?P<rater>[EFM]\d*):\s*(?P<rest>.*)")
_COMMENT: Final = re.compile(r"^(?P<said>.*?)(?:\((?P<comment>.*)\))?\s*$", re.DOTALL)
_GRADE: Final = re.compile(r"(?P<name>val|act|dom)\s*(?P<value>\S*)")
_NAMES: Final = {"val": "valence", "act": "arousal", "dom": "dominance"}
_SPOKEN: Final = re.compile(r"(?P<turn>\S+)\s+\[[\d. -]+\]:\s*(?P<text>.*)")


@dataclass(kw_only=True)
class _Turn:
    """One block of an evaluation file."""

    row: dict[str, Any]
    raters: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(source: PathLike, *, self_evaluation: bool = False) -> Corpus:
    """Read IEMOCAP from its evaluation files.

    Args:
        source: The folder of the release, of a session, or any other above ``EmoEvaluation``. Nothing looks for the
            recordings; ``transcriptions`` beside ``EmoEvaluation`` gives the words.
        self_evaluation: Whether what the actors said about themselves counts among the ratings.

    Returns:
        The corpus, with the extra columns ``session``, ``dialog`` and ``scenario``. A speaker such as ``01F`` is the
        session and the sex. The emotion is that of the summary: null for no agreement, ``other`` outside the nine
        classes. Ratings have the extra column ``comment``.

    Raises:
        DataError: There is no evaluation file, or a line is none of the format; the message says where.
    """
    root = Path(source)
    if not root.is_dir():
        raise DataError(f"there is no folder {root}; the folder of IEMOCAP was expected; check the path.")
    files = [path for path in sorted(root.rglob("EmoEvaluation/*.txt")) if not path.name.startswith(".")]
    if root.name == "EmoEvaluation":
        files = [path for path in sorted(root.glob("*.txt")) if not path.name.startswith(".")]
    if not files:
        raise DataError(f"{root} holds no EmoEvaluation/*.txt; the files of IEMOCAP were expected; check the path.")
    rows: list[dict[str, Any]] = []
    ratings: list[dict[str, Any]] = []
    places: dict[str, str] = {}
    for path in files:
        words = _words(path.parent.parent / "transcriptions" / path.name)
        for where, turn in _turns(path):
            name = turn.row["utterance"]
            if name in places:
                raise DataError(f"{where} has turn {name} again ({places[name]} too); one was expected; remove a copy.")
            places[name] = where
            kept = {rater: said for rater, said in turn.raters.items() if self_evaluation or rater[0] not in ("F", "M")}
            rows.append(_settled(turn.row, kept) | {"text": words.get(name), "file": _file(root, path, turn.row)})
            ratings += [{"utterance": name, "rater": rater, **said} for rater, said in kept.items()]
    return Corpus(
        name="iemocap",
        root=root,
        table=pl.DataFrame(rows, infer_schema_length=None),
        classes=CLASSES,
        ratings=pl.DataFrame(ratings, infer_schema_length=None) if ratings else None,
        source="IEMOCAP, https://sail.usc.edu/iemocap",
        licence="by agreement with the University of Southern California",
        scale=SCALE,
    )


def _turns(path: Path) -> list[tuple[str, _Turn]]:
    """Place and content of every turn of a dialog."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        lines = path.read_text(encoding="latin-1").splitlines()
    found: list[tuple[str, _Turn]] = []
    for number, line in enumerate(lines, 1):
        where = f"line {number} of {path}"
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        summary, rating = _SUMMARY.fullmatch(text), _RATER.fullmatch(text)
        if summary is not None:
            found.append((where, _Turn(row=_row(summary, where))))
        elif rating is not None and found:
            _add(found[-1][1], rating, where)
        else:
            wanted = "'C-E1: Anger; ()'" if found else "'[start - end] TURN emotion [V, A, D]'"
            raise DataError(f"{where} is '{text[:60]}'; {wanted} was expected; the file may be damaged: restore it.")
    if not found:
        raise DataError(f"{path} has no turn; lines '[start - end] TURN emotion [V, A, D]' were expected; restore it.")
    return found


def _row(summary: re.Match[str], where: str) -> dict[str, Any]:
    """Row of the utterance table."""
    turn = _TURN.fullmatch(summary["turn"])
    if turn is None:
        raise DataError(
            f"{where} has the turn '{summary['turn']}'; a name such as Ses01F_impro01_F000 was expected; correct it."
        )
    if summary["code"] not in CODES:
        hint = nearest(summary["code"], CODES)
        raise DataError(f"{where} has the unknown emotion code '{summary['code']}'; {hint}; correct it.")
    return {
        "utterance": summary["turn"],
        "speaker": f"{turn['session']}{turn['sex']}",
        "sex": turn["sex"].lower(),
        "language": "en",
        "emotion": CODES[summary["code"]],
        **{name: float(summary[name]) for name in _NAMES.values()},
        "session": turn["session"],
        "dialog": turn["dialog"],
        "scenario": "improvised" if turn["kind"] == "impro" else "scripted",
    }


def _add(turn: _Turn, rating: re.Match[str], where: str) -> None:
    """Add what a line says to the rating of its rater."""
    parts = _COMMENT.fullmatch(rating["rest"])
    said, comment = (parts["said"], parts["comment"]) if parts is not None else (rating["rest"], None)
    entry = turn.raters.setdefault(
        rating["rater"],
        {"emotion": None, "secondary": None, **dict.fromkeys(_NAMES.values()), "comment": None},
    )
    fields = [text.strip() for text in said.split(";") if text.strip()]
    if rating["kind"] == "C":
        names = []
        for text in fields:
            if text.lower() not in CATEGORIES:
                raise DataError(f"{where} has the unknown emotion '{text}'; {nearest(text, CATEGORIES)}; correct it.")
            names.append(CATEGORIES[text.lower()])
        entry["emotion"] = names[0] if names else None
        entry["secondary"] = ";".join(names[1:]) or None
    else:
        for text in fields:
            grade = _GRADE.fullmatch(text)
            if grade is None or (grade["value"] and not re.fullmatch(_NUMBER, grade["value"])):
                raise DataError(f"{where} has '{text}'; 'val 2', 'act 3' or 'dom 3' was expected; correct it.")
            number = float(grade["value"]) if grade["value"] else None
            entry[_NAMES[grade["name"]]] = number if number is not None and _on_scale(number) else None
    if comment:
        entry["comment"] = comment if entry["comment"] is None else f"{entry['comment']}; {comment}"


def _settled(row: dict[str, Any], raters: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The row with grades on the scale."""
    for name in _NAMES.values():
        if not _on_scale(row[name]):
            given = [said[name] for said in raters.values() if said[name] is not None]
            row[name] = sum(given) / len(given) if given else None
    return row


def _on_scale(number: float) -> bool:
    return SCALE[0] <= number <= SCALE[1]


def _file(root: Path, path: Path, row: dict[str, Any]) -> str:
    """Path of the recording of a turn in the layout of the release."""
    inside = f"sentences/wav/{row['dialog']}/{row['utterance']}.wav"
    session = path.parent.parent.parent  # Session1/dialog/EmoEvaluation/DIALOG.txt
    if path.parent.parent.name == "dialog" and session.is_relative_to(root):
        return (session.relative_to(root) / inside).as_posix()
    return inside


def _words(path: Path) -> dict[str, str]:
    """What was said in each turn, where there is a transcript."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    # lines of another form are remarks of the transcribers
    return {match["turn"]: match["text"].strip() for line in lines if (match := _SPOKEN.fullmatch(line.strip()))}
