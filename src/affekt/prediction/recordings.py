"""What a user points at, as recordings: files, folders, corpora, lists, standard input."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from affekt.audio import SUFFIXES, load, recordings_in
from affekt.errors import DataError
from affekt.types import PathLike, Waveform

__all__ = ["STANDARD_INPUT", "SUFFIXES", "Recording", "find_recordings", "read_list"]

STANDARD_INPUT: Final = "-"
"""The path that means standard input."""

_TABLES: Final = (".csv", ".parquet")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A file, or a segment of one."""

    file: str
    """What the recording is called in the output: its path, or ``-`` for standard input."""
    start: float = 0.0
    """First moment, seconds."""
    end: float | None = None
    """Last moment (not included), seconds; None is the end of the file."""
    content: bytes | None = field(default=None, repr=False)
    """The bytes of a file that is on no disk."""
    text: str | None = field(default=None, compare=False)
    """What is said, where a corpus knows."""

    def load(self, *, sample_rate: int) -> Waveform:
        """Read it as one channel, shape (T,).

        Raises:
            DataError: it is missing, damaged, empty, or shorter than the segment.
        """
        if self.content is None:
            return load(self.file, start=self.start, end=self.end, sample_rate=sample_rate)
        with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
            path = Path(folder) / "stream"
            path.write_bytes(self.content)
            try:
                return load(path, start=self.start, end=self.end, sample_rate=sample_rate)
            except DataError as error:
                raise DataError(str(error).replace(str(path), "standard input")) from None

    def read(self) -> Waveform:
        """Its text as samples, shape (T,), for a model that reads; the file is not opened.

        Raises:
            DataError: nobody knows what is said.
        """
        if self.text is None:
            named = "standard input" if self.content is not None else self.file
            raise DataError(
                f"nothing says what is spoken in {named} (got no text), and this model reads words instead of "
                "listening; an utterance of a corpus with a column text was expected; name the corpus, or fill it."
            )
        from affekt.corpora.text_corpus import samples_of

        return samples_of(self.text)


def find_recordings(sources: Iterable[PathLike], *, stdin: BinaryIO | None = None) -> list[Recording]:
    """The recordings that are meant, in order and each once; no audio is opened.

    Args:
        sources: for each a recording; a corpus, which is a folder with ``utterances.csv``, ``utterances.parquet`` or
            ``corpus.toml``, or a table ending in .csv or .parquet with a column ``file`` (segments are honoured); any
            other folder, which is searched for files ending in one of :data:`SUFFIXES`; or ``-`` for one recording on
            standard input.
        stdin: where ``-`` reads from.

    Raises:
        DataError: a folder holds no recording, a corpus cannot be opened, or standard input is asked for and not there.
    """
    found: dict[Recording, None] = {}
    for source in sources:
        found |= dict.fromkeys(_recordings(source, stdin))
    return list(found)


def read_list(source: PathLike, *, stdin: BinaryIO | None = None) -> list[str]:
    """The paths in a list, one a line; blank lines are passed over.

    Args:
        source: a UTF-8 text file, or ``-`` for standard input.
        stdin: where ``-`` reads from.

    Raises:
        DataError: the list is missing, no text, or names nothing.
    """
    name = "standard input" if str(source) == STANDARD_INPUT else str(source)
    try:
        content = _standard_input(stdin) if str(source) == STANDARD_INPUT else Path(source).read_bytes()
    except OSError as error:
        raise DataError(
            f"{name} cannot be read ({error.strerror}); a list of paths, one a line, was expected; check the path."
        ) from None
    if b"\0" in content:
        raise DataError(f"{name} is no text (got zero bytes); a list of paths, one a line, was expected; check it.")
    # a path is any bytes: what is no UTF-8 comes back to the file system as it was
    lines = content.decode("utf-8", errors="surrogateescape").split("\n")
    paths = [path for line in lines if (path := line.removesuffix("\r")).strip()]
    if not paths:
        raise DataError(f"{name} names no path (got nothing but blank lines); one a line was expected; fill the list.")
    return paths


def _recordings(source: PathLike, stdin: BinaryIO | None) -> Iterator[Recording]:
    path = Path(source)
    if str(source) == STANDARD_INPUT:
        content = _standard_input(stdin)
        if not content:
            raise DataError("standard input is empty (got 0 bytes); a recording was expected; send one.")
        yield Recording(file=STANDARD_INPUT, content=content)
    elif path.suffix.lower() in _TABLES or path.is_dir():
        yield from _of_several(path)
    else:
        yield Recording(file=str(path))


def _of_several(path: Path) -> Iterator[Recording]:
    """The utterances of a corpus, in the order of its table, or the files of a folder that is none."""
    from affekt.corpora.opening import holds_corpus, open_corpus

    if path.is_dir() and not holds_corpus(path):  # names that are no UTF-8 are welcome, unlike in a corpus
        yield from (Recording(file=str(file)) for file in recordings_in(path, at_least_one=True))
        return
    corpus = open_corpus(path)
    starts, ends, texts = (corpus.table[column].to_list() for column in ("start", "end", "text"))
    for row in range(len(corpus)):
        yield Recording(file=str(corpus.path(row)), start=starts[row] or 0.0, end=ends[row], text=texts[row])


def _standard_input(stdin: BinaryIO | None) -> bytes:
    if stdin is None:
        raise DataError("there is no standard input; a recording or a list was expected there; give a path instead.")
    return stdin.read()
