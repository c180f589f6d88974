"""Formats of the field: read into a corpus, and write from one.

- :mod:`~affekt.corpora.formats.audformat`: database folders of audformat, with raters.
- :mod:`~affekt.corpora.formats.huggingface`: audiofolders and Parquet files of Hugging Face ``datasets``.
- :mod:`~affekt.corpora.formats.emobox`: JSON lines and folds of EmoBox.
- :mod:`~affekt.corpora.formats.lhotse`: manifests of recordings and supervisions, or of cuts.
- :mod:`~affekt.corpora.formats.speechbrain`: JSON manifests.
- :mod:`~affekt.corpora.formats.nkululeko`: CSV files.
- :mod:`~affekt.corpora.formats.records`, :mod:`~affekt.corpora.formats.recordings` and
  :mod:`~affekt.corpora.formats.durations`: what they share.

Each module says in a table what it holds and what is lost; an export says it again, about this corpus, in its notes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from affekt.corpora.corpus import Corpus
from affekt.corpora.formats import audformat, emobox, huggingface, lhotse, nkululeko, speechbrain
from affekt.corpora.formats.records import Export, speakers_from_ids

__all__ = ["FORMATS", "Export", "Format", "speakers_from_ids"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a format is read and written."""

    read: Callable[..., Corpus]
    """``read(source, *, audio_root=None)``."""
    write: Callable[..., Export]
    """``write(corpus, folder, *, copy_audio=False)``, and ``file_format`` where there are several."""
    file_formats: tuple[str, ...] = ()
    """Kinds of table that ``write`` knows, its default first; empty where there is one only."""


FORMATS: Final[Mapping[str, Format]] = {
    "audformat": Format(read=audformat.read, write=audformat.write, file_formats=("parquet", "csv")),
    "emobox": Format(read=emobox.read, write=emobox.write),
    "huggingface": Format(read=huggingface.read, write=huggingface.write, file_formats=("parquet", "jsonl", "csv")),
    "lhotse": Format(read=lhotse.read, write=lhotse.write),
    "nkululeko": Format(read=nkululeko.read, write=nkululeko.write),
    "speechbrain": Format(read=speechbrain.read, write=speechbrain.write),
}
"""Name of a format and its functions."""
