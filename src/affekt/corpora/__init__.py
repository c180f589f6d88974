"""Corpora: the utterance table, how to open one, and splits that share no speaker.

- :mod:`~affekt.corpora.corpus`: :class:`Corpus`, a root folder and a table with one row per utterance.
- :mod:`~affekt.corpora.opening`: :func:`open_corpus`, for folders, tables and the built-in corpus.
- :mod:`~affekt.corpora.splits`: :class:`Split` and what makes one.
"""

from affekt.corpora.corpus import Corpus
from affekt.corpora.opening import open_corpus
from affekt.corpora.splits import Split, by_speaker, leave_one_speaker_out, official, speaker_folds

__all__ = [
    "Corpus",
    "Split",
    "by_speaker",
    "leave_one_speaker_out",
    "official",
    "open_corpus",
    "speaker_folds",
]
