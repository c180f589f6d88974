"""Corpora: the utterance table, how to open one, and splits that share no speaker.

- :mod:`~affekt.corpora.corpus`: :class:`Corpus`, a root folder and a table with one row per utterance.
- :mod:`~affekt.corpora.table`: the columns of that table, how it is read, its digest.
- :mod:`~affekt.corpora.opening`: :func:`open_corpus`, for folders, tables and the built-in corpus;
  :func:`open_recordings`, for any folder with recordings, too.
- :mod:`~affekt.corpora.mapping`: :func:`map_emotions`, the emotions of one corpus in the words of another.
- :mod:`~affekt.corpora.splits`: :class:`Split` and what makes one.
- :mod:`~affekt.corpora.check`: :func:`check`, what is wrong with the recordings and labels.
- :mod:`~affekt.corpora.audit`: :func:`audit`, what the sides of splits share that they must not share;
  :mod:`~affekt.corpora.audit_sides` reads splits as others wrote them, :mod:`~affekt.corpora.audit_sound` finds
  recordings that are there twice.
- :mod:`~affekt.corpora.labels`: :func:`labelled_by`, classes from another column than emotion;
  :mod:`~affekt.corpora.preferences`: pairs and lists that people put in order, and levels from them.
- :mod:`~affekt.corpora.ratings`: votes, consensus, soft labels and graded attributes from single ratings.
- :mod:`~affekt.corpora.dawid_skene`: true classes and the confusions of raters, estimated together.
- :mod:`~affekt.corpora.rater_quality`: how well each rater agrees with the others.
- :mod:`~affekt.corpora.ballots`: the ratings table as arrays.
- :mod:`~affekt.corpora.crema_d`, :mod:`~affekt.corpora.iemocap`, :mod:`~affekt.corpora.msp_improv`,
  :mod:`~affekt.corpora.msp_podcast` (with :mod:`~affekt.corpora.msp_lines`): readers of corpora that come with their
  raters.
- :mod:`~affekt.corpora.emodb`, :mod:`~affekt.corpora.ravdess`, :mod:`~affekt.corpora.emogator`,
  :mod:`~affekt.corpora.stem_e2va`: readers of the original layouts of public corpora, listed in :data:`READERS`.
- :mod:`~affekt.corpora.text_corpus`: :class:`TextCorpus` and :func:`as_text`, utterances that are read;
  :mod:`~affekt.corpora.dailydialog` reads one.
- :mod:`affekt.corpora.formats`: formats of other tools, read and written; import it by its own name.
- :mod:`~affekt.corpora.builtin`: the built-in corpus of synthetic voices.
"""

from collections.abc import Callable, Mapping
from typing import Final

from affekt.corpora import crema_d, dailydialog, emodb, emogator, iemocap, msp_improv, msp_podcast, ravdess, stem_e2va
from affekt.corpora.audit import AuditReport, Division, Overlap, PairAudit, Possible, audit, sentence_keys
from affekt.corpora.audit_sides import Sides, read_sides, sides_of_corpus
from affekt.corpora.audit_sound import Duplicate, Sound, find_duplicates, listen
from affekt.corpora.check import CheckReport, Finding, check
from affekt.corpora.corpus import Corpus
from affekt.corpora.dawid_skene import DawidSkene, dawid_skene
from affekt.corpora.labels import labelled_by
from affekt.corpora.mapping import EmotionMapping, describe_mapping, map_emotions
from affekt.corpora.opening import open_corpus, open_recordings
from affekt.corpora.rater_quality import LeaveOneOut, RaterQuality, leave_one_out, rater_quality
from affekt.corpora.ratings import (
    Consensus,
    consensus,
    evaluator_weights,
    mean_attributes,
    multi_label_targets,
    rated_by_anyone,
    soft_labels,
    votes,
    weighted_attributes,
    with_consensus,
)
from affekt.corpora.splits import Split, by_speaker, leave_one_speaker_out, official, speaker_folds
from affekt.corpora.text_corpus import TextCorpus, as_text
from affekt.types import PathLike

__all__ = [
    "READERS",
    "AuditReport",
    "CheckReport",
    "Consensus",
    "Corpus",
    "DawidSkene",
    "Division",
    "Duplicate",
    "EmotionMapping",
    "Finding",
    "LeaveOneOut",
    "Overlap",
    "PairAudit",
    "Possible",
    "RaterQuality",
    "Sides",
    "Sound",
    "Split",
    "TextCorpus",
    "as_text",
    "audit",
    "by_speaker",
    "check",
    "consensus",
    "dawid_skene",
    "describe_mapping",
    "evaluator_weights",
    "find_duplicates",
    "labelled_by",
    "leave_one_out",
    "leave_one_speaker_out",
    "listen",
    "map_emotions",
    "mean_attributes",
    "multi_label_targets",
    "official",
    "open_corpus",
    "open_recordings",
    "rated_by_anyone",
    "rater_quality",
    "read_sides",
    "sentence_keys",
    "sides_of_corpus",
    "soft_labels",
    "speaker_folds",
    "votes",
    "weighted_attributes",
    "with_consensus",
]

READERS: Final[Mapping[str, Callable[[PathLike], Corpus]]] = {
    "crema-d": crema_d.read,
    "dailydialog": dailydialog.read,
    "emodb": emodb.read,
    "emogator": emogator.read,
    "iemocap": iemocap.read,
    "msp-improv": msp_improv.read,
    "msp-podcast": msp_podcast.read,
    "ravdess": ravdess.read,
    "stem-e2va": stem_e2va.read,
}
"""Name of a public corpus and what reads its original layout."""
