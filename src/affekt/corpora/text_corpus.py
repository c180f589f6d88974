"""A corpus that is read instead of heard: what it loads is the column text.

Everything that learns from a corpus, remembers it and forgets it again goes through :meth:`Corpus.load` and takes a
row of samples. So a text is given as such a row: its bytes in UTF-8, each divided by 256, and a line feed at the end.
Nothing is lost on the way, and nothing else in affekt has to know that there is no sound. Two utterances with the same
words are the same "recording" then. Models that read make it of any corpus (:func:`affekt.training.as_read`). On disk,
``medium = "text"`` in ``corpus.toml`` says that a corpus is one of these, and has no sound.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from affekt.corpora.corpus import Corpus
from affekt.errors import DataError
from affekt.types import Waveform

__all__ = ["TextCorpus", "as_text", "samples_of", "text_of"]

_LEVELS = 256


@dataclass(frozen=True, eq=False, repr=False)
class TextCorpus(Corpus):
    """A corpus whose utterances are their words; see the module. Files, segments and rates do not matter."""

    def load(self, i: int, *, sample_rate: int = 16000) -> Waveform:
        """The words of utterance ``i`` as samples; see :func:`samples_of`.

        Args:
            i: Row of the table.
            sample_rate: Without meaning here.

        Raises:
            DataError: The utterance has no text.
        """
        return samples_of(self.text(i))

    def text(self, i: int) -> str:
        """The words of utterance ``i``.

        Raises:
            DataError: It has none.
        """
        text = self.table["text"][self._row(i)]
        if text is None:
            raise DataError(
                f"utterance '{self.table['utterance'][i]}' of corpus '{self.name}' has no text; its words were "
                "expected; fill the column text or leave the row out."
            )
        return str(text)

    def _header(self, *, root: Path | None) -> str:
        """The text of ``corpus.toml``, which says that this is read."""
        return super()._header(root=root) + 'medium = "text"\n'

    def seconds(self) -> npt.NDArray[np.float64]:
        """Nothing is spoken, so nothing lasts: zeros, shape (len(self),)."""
        return np.zeros(len(self))


def as_text(corpus: Corpus) -> TextCorpus:
    """The same utterances, read instead of heard.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> table = pl.DataFrame({"file": ["a.wav"], "text": ["Where is it?"]})
        >>> text_of(as_text(Corpus(name="one", root=Path(), table=table)).load(0))
        'Where is it?'
    """
    if isinstance(corpus, TextCorpus):
        return corpus
    return TextCorpus(**{field.name: getattr(corpus, field.name) for field in fields(Corpus)})


def samples_of(text: str) -> Waveform:
    """A text as samples, float32 in [0, 1), shape (T,): its bytes in UTF-8 over 256, and a line feed."""
    return np.frombuffer(f"{text}\n".encode(), np.uint8).astype(np.float32) / np.float32(_LEVELS)


def text_of(samples: Waveform) -> str:
    """What :func:`samples_of` was given.

    Raises:
        DataError: These are no samples of a text, but a recording.
    """
    levels = np.asarray(samples, np.float32) * np.float32(_LEVELS)
    whole = levels.ndim == 1 and len(levels) > 0 and bool(((levels >= 0) & (levels < _LEVELS)).all())
    if whole and bool((levels == np.round(levels)).all()) and levels[-1] == ord("\n"):
        try:
            return levels.astype(np.uint8).tobytes().decode()[:-1]
        except UnicodeDecodeError:
            pass
    raise DataError(
        "a recording was given to what reads texts (got samples that are no text); utterances of a text corpus were "
        "expected; use affekt.corpora.as_text."
    )
