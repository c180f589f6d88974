"""Corpora: the utterance table, how to open one, and splits that share no speaker.

- :mod:`~affekt.corpora.corpus`: :class:`Corpus`, a root folder and a table with one row per utterance.
- :mod:`~affekt.corpora.table`: the columns of that table, how it is read, its digest.
- :mod:`~affekt.corpora.opening`: :func:`open_corpus`, for folders, tables and the built-in corpus.
- :mod:`~affekt.corpora.splits`: :class:`Split` and what makes one.
- :mod:`~affekt.corpora.check`: :func:`check`, what is wrong with the recordings and labels.
- :mod:`~affekt.corpora.audit`: :func:`audit`, what the sides of splits share that they must not share;
  :mod:`~affekt.corpora.audit_sides` reads splits as others wrote them, :mod:`~affekt.corpora.audit_sound` finds
  recordings that are there twice.
- :mod:`~affekt.corpora.emodb`, :mod:`~affekt.corpora.ravdess`, :mod:`~affekt.corpora.emogator`,
  :mod:`~affekt.corpora.stem_e2va`: readers of the original layouts of public corpora, listed in :data:`READERS`.
- :mod:`~affekt.corpora.builtin`: the built-in corpus of synthetic voices.
"""

from collections.abc import Callable, Mapping
from typing import Final

from affekt.corpora import emodb, emogator, ravdess, stem_e2va
from affekt.corpora.audit import AuditReport, Division, Overlap, PairAudit, Possible, audit, sentence_keys
from affekt.corpora.audit_sides import Sides, read_sides, sides_of_corpus
from affekt.corpora.audit_sound import Duplicate, Sound, find_duplicates, listen
from affekt.corpora.check import CheckReport, Finding, check
from affekt.corpora.corpus import Corpus
from affekt.corpora.opening import open_corpus
from affekt.corpora.splits import Split, by_speaker, leave_one_speaker_out, official, speaker_folds
from affekt.types import PathLike

__all__ = [
    "READERS",
    "AuditReport",
    "CheckReport",
    "Corpus",
    "Division",
    "Duplicate",
    "Finding",
    "Overlap",
    "PairAudit",
    "Possible",
    "Sides",
    "Sound",
    "Split",
    "audit",
    "by_speaker",
    "check",
    "find_duplicates",
    "leave_one_speaker_out",
    "listen",
    "official",
    "open_corpus",
    "read_sides",
    "sentence_keys",
    "sides_of_corpus",
    "speaker_folds",
]

READERS: Final[Mapping[str, Callable[[PathLike], Corpus]]] = {
    "emodb": emodb.read,
    "emogator": emogator.read,
    "ravdess": ravdess.read,
    "stem-e2va": stem_e2va.read,
}
"""Name of a public corpus and what reads its original layout."""
