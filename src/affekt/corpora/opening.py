"""Open a corpus: a folder, a table file, the built-in one, or recordings that nobody has made a table of."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from affekt.audio import recordings_in
from affekt.corpora.corpus import Corpus
from affekt.corpora.table import nearest, read_table
from affekt.corpora.text_corpus import TextCorpus
from affekt.errors import DataError
from affekt.types import PathLike

__all__ = ["BUILTIN", "BUILTIN_INTENTS", "holds_corpus", "open_corpus", "open_recordings"]

BUILTIN: Final = "builtin"
"""The word that opens the built-in corpus; a folder of that name is opened as ``./builtin``."""

BUILTIN_INTENTS: Final = "builtin-intents"
"""The word that opens the built-in corpus with intents."""

_FILES: Final = ("utterances.csv", "utterances.parquet", "corpus.toml")

_KEYS: Final[dict[str, type]] = {
    "name": str,
    "source": str,
    "licence": str,
    "classes": list,
    "synthetic": bool,
    "scale": list,
    "root": str,
    "medium": str,
}


def open_corpus(source: PathLike, *, classes: Sequence[str] | None = None) -> Corpus:
    """Open a corpus.

    Args:
        source: A folder with ``utterances.csv`` or ``utterances.parquet`` (and perhaps ``corpus.toml`` and
            ``ratings.csv`` or ``.parquet``), such a table itself, any other CSV or Parquet file with a column ``file``,
            or the word ``builtin``, or ``builtin-intents``.
        classes: Emotions in the order of the label indices, instead of those of ``corpus.toml`` or of the table.
            Utterances with another emotion stay in the corpus; :meth:`Corpus.labels` refuses them.

    Returns:
        The corpus. Relative paths in ``file`` start from the folder of the table, or from ``root`` in ``corpus.toml``.

    Raises:
        DataError: There is nothing there, or the table is empty, damaged or without a column ``file``.
    """
    if str(source) in (BUILTIN, BUILTIN_INTENTS):
        from affekt.corpora.builtin import build

        corpus = build(seed=0, intents=str(source) == BUILTIN_INTENTS)
        return corpus if classes is None else replace(corpus, classes=tuple(classes))
    path = Path(source)
    if path.is_dir():
        table = _one_of(path, "utterances")
        if table is None:
            raise DataError(
                f"{path} holds no corpus; utterances.csv or utterances.parquet was expected; "
                "write one, or read the original layout of a public corpus with affekt.corpora.READERS."
            )
    elif path.is_file():
        table = path
    else:
        raise DataError(
            f"there is no corpus at {path}; a folder, a .csv or .parquet file or the word '{BUILTIN}' was expected; "
            "check the path."
        )
    frame = read_table(table)
    folder = table.parent
    # a table of another name beside a corpus, such as a forget set, is a corpus of its own
    belongs = table.stem == "utterances"
    header = _read_header(folder / "corpus.toml") if belongs else {}
    rated = _one_of(folder, "ratings") if belongs else None
    name = folder.resolve().name if belongs else table.stem
    medium = header.get("medium", "sound")
    if medium not in ("sound", "text"):
        raise DataError(f"'medium' in {folder / 'corpus.toml'} is {medium!r}; sound or text was expected; correct it.")
    kind = TextCorpus if medium == "text" else Corpus
    return kind(
        name=header.get("name", name),
        root=folder / header.get("root", ""),
        table=frame,
        classes=tuple(classes if classes is not None else header.get("classes", ())),
        ratings=None if rated is None else read_table(rated),
        source=header.get("source", ""),
        licence=header.get("licence", ""),
        synthetic=header.get("synthetic", False),
        scale=header.get("scale"),
    )


def holds_corpus(folder: Path) -> bool:
    """Whether a folder is taken for a corpus: it has a table of utterances or ``corpus.toml``."""
    return any((folder / name).is_file() for name in _FILES)


def open_recordings(source: PathLike) -> Corpus:
    """Open a corpus, or a folder that is none but holds recordings.

    Args:
        source: What :func:`open_corpus` opens; or any folder without ``utterances.csv``, ``utterances.parquet`` and
            ``corpus.toml``, which is searched at any depth for files ending in one of ``affekt.audio.SUFFIXES``. There
            the path of a file from the folder is the name of its utterance, and nothing else is known.

    Raises:
        DataError: As :func:`open_corpus`, or the folder holds no recording.
    """
    path = Path(source)
    if str(source) in (BUILTIN, BUILTIN_INTENTS) or not path.is_dir() or holds_corpus(path):
        return open_corpus(source)
    files = [file.relative_to(path).as_posix() for file in recordings_in(path, at_least_one=True)]
    for file in files:
        if any("\udc80" <= sign <= "\udcff" for sign in file):  # a byte of no UTF-8, which no table can hold
            raise DataError(
                f"a name in the folder {path} is no text in UTF-8 (got {file!a}); such names were expected, as each "
                "stands for its recording; rename the file."
            )
    return Corpus(name=path.resolve().name, root=path, table=pl.DataFrame({"file": files, "utterance": files}))


def _one_of(folder: Path, stem: str) -> Path | None:
    """The CSV or Parquet file of a name in a folder."""
    found = [path for suffix in (".csv", ".parquet") if (path := folder / f"{stem}{suffix}").is_file()]
    if len(found) > 1:
        raise DataError(f"{folder} holds {stem}.csv and {stem}.parquet; one of them was expected; remove one.")
    return found[0] if found else None


def _read_header(path: Path) -> dict[str, Any]:
    """The settings in ``corpus.toml``, or none where the file is missing."""
    if not path.is_file():
        return {}
    try:
        header = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no valid TOML ({error}); correct the file.") from None
    for key, value in header.items():
        if key not in _KEYS:
            raise DataError(f"unknown key '{key}' in {path}; {nearest(key, _KEYS)}.")
        kind = _KEYS[key]
        if key == "scale":
            fits = isinstance(value, list) and len(value) == 2 and all(type(item) in (int, float) for item in value)
        else:
            items = value if isinstance(value, list) else []
            fits = isinstance(value, kind) and all(isinstance(item, str) for item in items)
        if not fits:
            wanted = "a pair of numbers" if key == "scale" else "a list of texts" if kind is list else kind.__name__
            raise DataError(f"'{key}' in {path} is {value!r}; {wanted} was expected; correct the file.")
    return header
