"""Check a corpus: read every recording once and say what is wrong with which utterance."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from affekt.audio import info, level_db
from affekt.audio.fingerprint import pcm_digest
from affekt.corpora.corpus import Corpus
from affekt.corpora.table import nearest
from affekt.errors import ConfigError, DataError
from affekt.types import Waveform

__all__ = ["CheckReport", "Finding", "Kind", "Severity", "check"]

Kind: TypeAlias = Literal[
    "missing",
    "unreadable",
    "empty",
    "truncated",
    "segment",
    "mislabelled",
    "silent",
    "clipped",
    "duplicated",
    "rate",
]
"""What can be wrong."""

Severity: TypeAlias = Literal["error", "warning", "note"]
"""An error stops training, a warning may spoil it, a note changes nothing."""

_SEVERITIES: Final[dict[Kind, Severity]] = {
    "missing": "error",
    "unreadable": "error",
    "empty": "error",
    "truncated": "error",
    "segment": "error",
    "mislabelled": "error",
    "silent": "warning",
    "clipped": "warning",
    "duplicated": "warning",
    "rate": "note",
}

_FRAME_SECONDS: Final = 0.02
_END_TOLERANCE_SECONDS: Final = 0.01  # as in affekt.audio.load: tables round their times
_FULL_SCALE: Final = 32767 / 32768  # the largest 16-bit sample; lossy and float files may exceed it
_SAMPLE_RATE: Final = 16000


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with one utterance."""

    kind: Kind
    """What is wrong."""
    utterance: str
    """Id of the utterance; for ``rate`` the first of those that the message counts."""
    message: str
    """One sentence."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return _SEVERITIES[self.kind]


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What a check found. The findings name utterances: keep them out of reports that are given away."""

    utterances: int
    """How many utterances were looked at."""
    findings: tuple[Finding, ...]
    """In the order of the table; notes come last."""

    @property
    def ok(self) -> bool:
        """Whether there is nothing but notes."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that stop training."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def counts(self) -> dict[Kind, int]:
        """Number of findings of each kind that was found."""
        return dict(Counter(finding.kind for finding in self.findings))


def check(
    corpus: Corpus,
    *,
    silence_db: float = -60.0,
    clipped_fraction: float = 0.001,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Read every utterance once and report what is wrong.

    Args:
        corpus: What to check.
        silence_db: An utterance is silent when its loudest 20 ms frame lies below this level, in dBFS (RMS). The level
            of the whole utterance would not do: some speech in RAVDESS lies at -64 dBFS because of its pauses, but its
            loudest frames reach -54 dBFS. A recording of loud noise is not found in this way.
        clipped_fraction: An utterance is clipped when at least this fraction of its samples is at full scale. A file
            that was scaled to its peak has one or two such samples and is not meant.
        progress: Called with (utterances done, utterances in all) after each one.

    Returns:
        The report. Utterances are duplicates when their samples are equal as 16-bit numbers at their own rate, whatever
        the names and the (lossless) format; silent ones are not compared.

    Raises:
        ConfigError: A threshold is out of range.
    """
    if not silence_db <= 0:
        raise ConfigError(f"silence_db is {silence_db}; a level in dBFS, 0 or below, was expected; use -60.")
    if not 0 < clipped_fraction <= 1:
        raise ConfigError(f"clipped_fraction is {clipped_fraction}; a number in (0, 1] was expected; use 0.001.")
    findings: list[Finding] = []
    first_of: dict[bytes, str] = {}
    rates: dict[int, list[str]] = {}
    for row, utterance in enumerate(corpus.table["utterance"].to_list()):
        problems = [*_label_problems(corpus, row), *_file_problems(corpus, row)]
        if not any(_SEVERITIES[kind] == "error" and kind != "mislabelled" for kind, _ in problems):
            rate = info(corpus.path(row)).sample_rate
            if rate != _SAMPLE_RATE:
                rates.setdefault(rate, []).append(utterance)
            try:
                # at its own rate: resampling would hide clipping and make equal recordings differ
                waveform = corpus.load(row, sample_rate=rate)
            except DataError as error:
                problems.append(("truncated" if "cut off" in str(error) else "unreadable", str(error)))
            else:
                problems += _sound_problems(waveform, rate, silence_db=silence_db, clipped_fraction=clipped_fraction)
                if not any(kind == "silent" for kind, _ in problems):
                    first = first_of.setdefault(pcm_digest(waveform), utterance)
                    if first != utterance:
                        problems.append(("duplicated", f"it sounds exactly like utterance '{first}'; leave one out."))
        findings += (Finding(kind=kind, utterance=utterance, message=message) for kind, message in problems)
        if progress is not None:
            progress(row + 1, len(corpus))
    for rate, utterances in sorted(rates.items()):
        message = f"{len(utterances)} utterances are at {rate} Hz; they are resampled to {_SAMPLE_RATE} Hz when read."
        findings.append(Finding(kind="rate", utterance=utterances[0], message=message))
    return CheckReport(utterances=len(corpus), findings=tuple(findings))


def _label_problems(corpus: Corpus, row: int) -> Iterator[tuple[Kind, str]]:
    """A missing label, or one that is no class; a corpus without any class has no labels to be wrong."""
    emotion = corpus.table["emotion"][row]
    if emotion is None and corpus.classes:
        yield "mislabelled", "it has no emotion; label it or leave it out."
    elif emotion is not None and emotion not in corpus.classes:
        yield "mislabelled", f"its emotion '{emotion}' is no class of the corpus; {nearest(emotion, corpus.classes)}."


def _file_problems(corpus: Corpus, row: int) -> Iterator[tuple[Kind, str]]:
    """What the folder and the header of the file already show."""
    path = corpus.path(row)
    if not path.is_file():
        yield "missing", f"there is no file {path}; restore it or leave the row out."
        return
    try:
        header = info(path)
    except DataError as error:
        kind: Kind = "empty" if path.stat().st_size == 0 else "truncated" if "cut off" in str(error) else "unreadable"
        yield kind, str(error)
        return
    if header.samples == 0:
        yield "empty", f"{path} holds no sample; record it again or leave the row out."
        return
    start, end = corpus.table["start"][row] or 0.0, corpus.table["end"][row]
    if start >= header.seconds or (end is not None and end > header.seconds + _END_TOLERANCE_SECONDS):
        shown = f"{start:g} s to {'the end' if end is None else f'{end:g} s'}"
        yield "segment", f"its segment {shown} lies outside {path} ({header.seconds:.3f} s); correct start and end."


def _sound_problems(
    waveform: Waveform, rate: int, *, silence_db: float, clipped_fraction: float
) -> Iterator[tuple[Kind, str]]:
    """Silence and clipping."""
    size = max(1, min(round(_FRAME_SECONDS * rate), waveform.size))
    frames = waveform[: waveform.size // size * size].reshape(-1, size)  # (F, size)
    loudest = max(level_db(frame) for frame in frames)
    if loudest < silence_db:
        yield "silent", f"its loudest {1000 * _FRAME_SECONDS:.0f} ms are at {loudest:.0f} dBFS; listen to it."
    fraction = float(np.mean(np.abs(waveform) >= _FULL_SCALE))
    if fraction >= clipped_fraction:
        yield "clipped", f"{100 * fraction:.2f} % of its samples are at full scale; record it at a lower level."
