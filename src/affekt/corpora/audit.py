"""Audit a corpus: what the sides of its splits share that they must not share, and which splits are possible.

A *leak* lets a model score on the test side what it has met on the training side: a speaker, a recording (the same
samples, or the same take encoded again), two segments that overlap in time, an utterance on both sides. A *note* is
what one should know but may want: the same sentence on both sides, or different segments of one long file. Findings
are counts; who is meant stays in the table.
"""

import itertools
import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

import polars as pl

from affekt.corpora.audit_sides import Sides, sides_of_corpus
from affekt.corpora.audit_sound import Duplicate, Sound, find_duplicates, groups, listen, members
from affekt.corpora.corpus import Corpus
from affekt.errors import DataError

__all__ = ["AuditReport", "Division", "Overlap", "OverlapKind", "PairAudit", "Possible", "audit", "sentence_keys"]

OverlapKind: TypeAlias = Literal["speakers", "utterances", "segments", "exact", "near", "recordings", "sentences"]
"""What two sides can share: speakers; the same row; overlapping segments of a file; equal audio; nearly equal audio;
a file; a sentence."""

_NOTES: Final = ("recordings", "sentences")


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What two sides share of one kind."""

    kind: OverlapKind
    """Which kind."""
    verdict: Literal["leak", "note", "none", "unknown"]
    """``none``: nothing is shared. ``unknown``: it could not be looked at."""
    shared: int
    """How many things (speakers, sentences, files, groups of duplicates) are on both sides."""
    of_first: int
    """How many things the first side has."""
    of_second: int
    """How many things the second side has."""
    utterances_first: int
    """Utterances of the first side that have such a thing in common with the second."""
    utterances_second: int
    """Utterances of the second side that have such a thing in common with the first."""
    missing: int
    """Utterances of both sides of which it is not known."""


@dataclass(frozen=True, kw_only=True)
class PairAudit:
    """Two sides of a division."""

    first: str
    """Name of one side."""
    second: str
    """Name of the other."""
    overlaps: tuple[Overlap, ...]
    """One a kind; kinds that need audio are ``unknown`` without it."""

    @property
    def leaks(self) -> tuple[Overlap, ...]:
        """What makes the second side no fair test of what was learned on the first."""
        return tuple(found for found in self.overlaps if found.verdict == "leak")


@dataclass(frozen=True, kw_only=True)
class Division:
    """A split or fold and what its sides share."""

    name: str
    """Name of the split or fold."""
    utterances: dict[str, int]
    """How many utterances each side has."""
    unassigned: int
    """Utterances of the corpus that are on no side."""
    within: dict[str, int] | None
    """Pairs of duplicates inside each side: a warning, since such utterances count twice. None: no audio was read."""
    pairs: tuple[PairAudit, ...]
    """Every two sides."""


@dataclass(frozen=True, kw_only=True)
class Possible:
    """Which splits the table allows."""

    speaker_disjoint: Literal["train, dev and test", "train and test", "none", "unknown"]
    """Sides that can be made without a common speaker."""
    sentence_disjoint: Literal["train, dev and test", "train and test", "none", "unknown"]
    """Sides that can be made without a common sentence."""
    both: Literal["yes", "only by leaving utterances out", "none", "unknown"]
    """Whether two sides can share neither, using every utterance."""
    one_speaker_classes: tuple[str, ...]
    """Emotions of one speaker alone: a speaker-disjoint test cannot measure them."""
    duplicates_across_speakers: int
    """Pairs of duplicates under two speaker ids: they leak through a speaker-disjoint split."""


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """What an audit found. The duplicates point at rows: keep names of utterances out of what is given away."""

    utterances: int
    speakers: int
    sentences: int
    recordings: int
    """Files."""
    without_speaker: int
    """Utterances whose speaker is not known."""
    silent: int | None
    """Utterances too quiet to compare; None when no audio was read."""
    divisions: tuple[Division, ...]
    """Splits and folds; empty when the corpus names none and none was given."""
    duplicates: tuple[Duplicate, ...] | None
    """Pairs of utterances that are one recording; None when no audio was read."""
    conflicting: int | None
    """Pairs of duplicates with different emotions; None when no audio was read."""
    possible: Possible

    @property
    def leaks(self) -> int:
        """Kinds of leak, counted over all pairs of sides."""
        return sum(len(pair.leaks) for division in self.divisions for pair in division.pairs)

    @property
    def ok(self) -> bool:
        """Whether nothing leaks."""
        return self.leaks == 0

    def to_json(self, utterances: Sequence[str] | None = None) -> dict[str, Any]:
        """As plain JSON values.

        Args:
            utterances: Ids of all utterances, to name duplicates by them; None gives their rows alone.
        """
        value = asdict(self) | {"leaks": self.leaks, "ok": self.ok}
        value["duplicates"] = None if self.duplicates is None else []
        for found in self.duplicates or ():
            entry: dict[str, Any] = {
                "rows": [found.first, found.second],
                "exact": found.exact,
                "correlation": round(found.correlation, 4),
                "offset": round(found.offset, 4),
                "overlap": round(found.overlap, 4),
            }
            if utterances is not None:
                entry["utterances"] = [utterances[found.first], utterances[found.second]]
            value["duplicates"].append(entry)
        return value


def audit(
    corpus: Corpus,
    sides: Sequence[Sides] | None = None,
    *,
    sounds: Sequence[Sound] | None = None,
    audio: bool = True,
    threshold: float = 0.75,
    progress: Callable[[str, int, int], None] | None = None,
) -> AuditReport:
    """Look for leaks between the sides of splits, and for duplicates anywhere.

    Args:
        corpus: What to audit.
        sides: Splits to audit (:func:`affekt.corpora.read_sides`); None takes those of the corpus's own columns
            (:func:`affekt.corpora.sides_of_corpus`).
        sounds: What :func:`affekt.corpora.listen` found, if that was done already.
        audio: Whether to read the recordings; without them duplicates are unknown.
        threshold: Correlation from which two recordings count as one.
        progress: Called with (what is done, steps done, steps in all).

    Returns:
        The report.

    Raises:
        DataError: The corpus is empty, a split is incomplete, or a recording is missing or damaged.
        ConfigError: The threshold is out of range.
    """
    if not len(corpus):
        raise DataError(f"corpus '{corpus.name}' has no utterances; at least one was expected; choose another.")
    chosen = sides_of_corpus(corpus) if sides is None else tuple(sides)
    duplicates: tuple[Duplicate, ...] | None = None
    if sounds is None and audio:
        sounds = listen(corpus, progress=_stage("listening", progress))
    if sounds is not None:
        duplicates = find_duplicates(corpus, sounds, threshold=threshold, progress=_stage("comparing", progress))
    shared = _Shared(corpus, duplicates)
    speakers = corpus.table["speaker"].to_list()
    emotions = corpus.emotions
    return AuditReport(
        utterances=len(corpus),
        speakers=len(corpus.speakers),
        sentences=len({key for key in shared.sentences if key is not None}),
        recordings=len(set(shared.files)),
        without_speaker=speakers.count(None),
        silent=None if sounds is None else sum(sound.silent for sound in sounds),
        divisions=tuple(_division(shared, division) for division in chosen),
        duplicates=duplicates,
        conflicting=None
        if duplicates is None
        else sum(emotions[found.first] != emotions[found.second] for found in duplicates),
        possible=_possible(corpus, shared, duplicates or ()),
    )


def sentence_keys(corpus: Corpus) -> list[str | None]:
    """What is said in each utterance, normalised: in lower case, without punctuation, in one encoding of accents.

    The text where there is one, or else the code in a column ``sentence``.

    Returns:
        Equal strings for equal sentences; None where neither is known.
    """
    table = corpus.table
    codes = table["sentence"].cast(pl.String).to_list() if "sentence" in table.columns else [None] * table.height
    keys: list[str | None] = []
    for text, code in zip(table["text"].to_list(), codes, strict=True):
        plain = re.sub(r"[\W_]+", " ", unicodedata.normalize("NFKC", text or "").casefold()).strip()
        keys.append(plain or (f"[{code}]" if code else None))
    return keys


class _Shared:
    """For every utterance, the things that it may share with others."""

    def __init__(self, corpus: Corpus, duplicates: tuple[Duplicate, ...] | None) -> None:
        table = corpus.table
        self.size = len(corpus)
        self.speakers: list[str | None] = table["speaker"].to_list()
        self.sentences = sentence_keys(corpus)
        self.files = [os.path.normpath(file) for file in table["file"].to_list()]
        starts = table["start"].fill_null(0.0).to_list()
        ends = table["end"].fill_null(float("inf")).to_list()
        self.overlapping = _overlapping(self.files, starts, ends)
        self.duplicates = duplicates
        if duplicates is not None:
            exact = [(found.first, found.second) for found in duplicates if found.exact]
            self.exact = groups(self.size, exact)
            self.near = groups(self.size, [(found.first, found.second) for found in duplicates])

    def values(self, kind: OverlapKind) -> Sequence[str | int | None] | None:
        """What each row has of a kind; None where the kind needs audio that was not read."""
        if kind in ("exact", "near") and self.duplicates is None:
            return None
        if kind in ("exact", "near"):
            return self.exact if kind == "exact" else self.near
        if kind in ("speakers", "sentences"):
            return self.speakers if kind == "speakers" else self.sentences
        return self.files if kind == "recordings" else range(self.size)


def _division(shared: _Shared, sides: Sides) -> Division:
    """Every two sides of a division."""
    on_any = {row for rows in sides.rows.values() for row in rows}
    within: dict[str, int] | None = None
    if shared.duplicates is not None:
        pairs = [{found.first, found.second} for found in shared.duplicates]
        within = {name: sum(pair <= set(rows) for pair in pairs) for name, rows in sides.rows.items()}
    return Division(
        name=sides.name,
        utterances={name: len(rows) for name, rows in sides.rows.items()},
        unassigned=shared.size - len(on_any),
        within=within,
        pairs=tuple(
            PairAudit(first=one, second=other, overlaps=tuple(_overlaps(shared, sides.rows[one], sides.rows[other])))
            for one, other in itertools.combinations(sides.rows, 2)
        ),
    )


def _overlaps(shared: _Shared, first: Sequence[int], second: Sequence[int]) -> list[Overlap]:
    found = []
    left, right = set(first), set(second)
    for kind in ("speakers", "utterances", "segments", "exact", "near", "recordings", "sentences"):
        values = shared.values(kind)
        if values is None:
            found.append(_overlap(kind, set(), [], [], 0, known=False))
            continue
        one, two = [values[row] for row in first], [values[row] for row in second]
        both = ({*one} & {*two}) - {None}
        if kind == "segments":
            both = {row for row in left if shared.overlapping[row] & right - {row}}
            met = {row for row in right if shared.overlapping[row] & left - {row}}
            two = [row if row in met else None for row in second]
            found.append(
                Overlap(
                    kind=kind,
                    verdict="leak" if both else "none",
                    shared=len(both),
                    of_first=len(left),
                    of_second=len(right),
                    utterances_first=len(both),
                    utterances_second=len(met),
                    missing=0,
                )
            )
            continue
        if kind in ("exact", "near"):
            # one row on both sides is told of as an utterance, and an exact copy is not told of again as a near one
            same = range(shared.size) if kind == "exact" else shared.exact
            both = {
                group
                for group, rows in members(shared.exact if kind == "exact" else shared.near).items()
                if any(same[a] != same[b] for a in left & set(rows) for b in right & set(rows))
            }
        found.append(_overlap(kind, both, one, two, one.count(None) + two.count(None), known=True))
    return found


def _overlap(
    kind: OverlapKind, both: set[Any], one: Sequence[Any], two: Sequence[Any], missing: int, *, known: bool
) -> Overlap:
    kinds_one, kinds_two = {*one} - {None}, {*two} - {None}
    verdict: Literal["leak", "note", "none", "unknown"] = "none"
    if both:
        verdict = "note" if kind in _NOTES else "leak"
    elif not known or not kinds_one or not kinds_two:
        verdict = "unknown"
    return Overlap(
        kind=kind,
        verdict=verdict,
        shared=len(both),
        of_first=len(kinds_one),
        of_second=len(kinds_two),
        utterances_first=sum(value in both for value in one),
        utterances_second=sum(value in both for value in two),
        missing=missing,
    )


def _overlapping(files: Sequence[str], starts: Sequence[float], ends: Sequence[float]) -> list[set[int]]:
    """For each row the other rows whose segments of the same file share some time with it."""
    met: list[set[int]] = [set() for _ in files]
    by_file: dict[str, list[int]] = defaultdict(list)
    for row, file in enumerate(files):
        by_file[file].append(row)
    for rows in by_file.values():
        open_rows: list[int] = []
        for row in sorted(rows, key=lambda row: starts[row]):
            open_rows = [other for other in open_rows if ends[other] > starts[row]]
            for other in open_rows:
                met[row].add(other)
                met[other].add(row)
            open_rows.append(row)
    return met


def _possible(corpus: Corpus, shared: _Shared, duplicates: Sequence[Duplicate]) -> Possible:
    """Which splits there could be."""

    def sides(values: Sequence[str | None]) -> Literal["train, dev and test", "train and test", "none", "unknown"]:
        if any(value is None for value in values):
            return "unknown"
        number = len(set(values))
        return "train, dev and test" if number >= 3 else "train and test" if number == 2 else "none"

    speakers, sentences = sides(shared.speakers), sides(shared.sentences)
    both: Literal["yes", "only by leaving utterances out", "none", "unknown"]
    if "unknown" in (speakers, sentences):
        both = "unknown"
    elif "none" in (speakers, sentences):
        both = "none"
    else:
        # speakers and sentences that are tied by some utterance must be on one side
        last: dict[tuple[str, str | None], int] = {}
        ties = []
        for row, pair in enumerate(zip(shared.speakers, shared.sentences, strict=True)):
            for key in (("speaker", pair[0]), ("sentence", pair[1])):
                if key in last:
                    ties.append((last[key], row))
                last[key] = row
        both = "yes" if len(set(groups(shared.size, ties))) > 1 else "only by leaving utterances out"
    who: dict[str, set[str | None]] = defaultdict(set)
    for emotion, speaker in zip(corpus.emotions, shared.speakers, strict=True):
        if emotion is not None and speaker is not None:
            who[emotion].add(speaker)
    return Possible(
        speaker_disjoint=speakers,
        sentence_disjoint=sentences,
        both=both,
        one_speaker_classes=tuple(emotion for emotion in corpus.classes if len(who[emotion]) == 1),
        duplicates_across_speakers=sum(
            None not in (one := shared.speakers[found.first], other := shared.speakers[found.second]) and one != other
            for found in duplicates
        ),
    )


def _stage(name: str, progress: Callable[[str, int, int], None] | None) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(name, done, total)
