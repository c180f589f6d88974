"""A corpus: a root folder and a table with one row per utterance. It never changes; selections are new corpora."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from affekt.audio import info, load
from affekt.corpora.table import canonical_ratings, canonical_table, nearest, table_digest
from affekt.errors import ConfigError, DataError
from affekt.files import new_folder
from affekt.types import PathLike, Waveform

__all__ = ["Corpus"]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Utterances with what is known about them.

    The table is brought to the canonical columns (:data:`affekt.corpora.table.COLUMNS`) when the corpus is made: ids
    are text, missing values are null, extra columns are kept. Two corpora with equal :attr:`digest` hold the same data.

    Raises:
        DataError: The table has no ``file``, an id twice, an impossible segment, or a rating is about no utterance.
    """

    name: str
    """Short name, such as ``emodb``."""
    root: Path
    """Folder that relative paths in ``file`` start from."""
    table: pl.DataFrame
    """One row per utterance."""
    classes: tuple[str, ...] = ()
    """Emotions in the order of the label indices; left empty, the emotions of the table in sorted order."""
    ratings: pl.DataFrame | None = None
    """One row per rating, or None where nobody's single ratings are known."""
    source: str = ""
    """Where the recordings come from."""
    licence: str = ""
    """What the recordings may be used for."""
    synthetic: bool = False
    """Whether the voices are made by a machine."""
    scale: tuple[float, float] | None = None
    """Ends of the raters' scale of arousal, valence and dominance, such as (1, 7); None where it is not known."""

    def __post_init__(self) -> None:
        table = canonical_table(self.table, where=f"corpus '{self.name}'")
        object.__setattr__(self, "root", Path(self.root))
        object.__setattr__(self, "table", table)
        classes = tuple(self.classes) or tuple(table["emotion"].drop_nulls().unique().sort().to_list())
        if len(set(classes)) < len(classes):
            raise DataError(
                f"classes of corpus '{self.name}' repeat a name (got {', '.join(classes)}); name each once."
            )
        object.__setattr__(self, "classes", classes)
        if self.scale is not None:
            object.__setattr__(self, "scale", self._checked_scale(self.scale))
        if self.ratings is not None:
            ratings = canonical_ratings(self.ratings, table["utterance"], where=f"the ratings of corpus '{self.name}'")
            object.__setattr__(self, "ratings", ratings)

    def __len__(self) -> int:
        return self.table.height

    def __repr__(self) -> str:
        return (
            f"Corpus('{self.name}', {len(self)} utterances, {len(self.speakers)} speakers, {len(self.classes)} classes)"
        )

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """Ids of the speakers, sorted; rows without a speaker are left out."""
        return tuple(self.table["speaker"].drop_nulls().unique().sort().to_list())

    @property
    def emotions(self) -> list[str | None]:
        """Emotion of each utterance; None where it is not known."""
        return self.table["emotion"].to_list()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical columns, sorted by utterance; see :func:`affekt.corpora.table.table_digest`.

        The same for CSV and Parquet, for any order of the rows and any root. Recordings, classes and extra columns do
        not count.
        """
        return table_digest(self.table) if self.ratings is None else table_digest(self.table, self.ratings)

    def labels(self) -> npt.NDArray[np.int64]:
        """Label of each utterance.

        Returns:
            Indices into :attr:`classes`, shape (len(self),).

        Raises:
            DataError: An emotion is missing or is none of the classes.
        """
        index = {emotion: k for k, emotion in enumerate(self.classes)}
        labels = np.empty(len(self), np.int64)
        for row, emotion in enumerate(self.emotions):
            if emotion not in index:
                utterance = self.table["utterance"][row]
                at = f"utterance '{utterance}' (row {row + 1} of corpus '{self.name}')"
                if emotion is None:
                    raise DataError(
                        f"{at} has no emotion; a label was expected; label it or select labelled rows first."
                    )
                hint = nearest(emotion, self.classes)
                raise DataError(f"{at} has the unknown emotion '{emotion}'; {hint}; correct it or leave the row out.")
            labels[row] = index[emotion]
        return labels

    def path(self, i: int) -> Path:
        """Path of the file that holds utterance ``i``."""
        return self.root / str(self.table["file"][self._row(i)])

    def load(self, i: int, *, sample_rate: int = 16000) -> Waveform:
        """Read utterance ``i``.

        Args:
            i: Row of the table.
            sample_rate: Hz; other files are resampled.

        Returns:
            Mono waveform of the segment, shape (T,).

        Raises:
            DataError: The file is missing, damaged or shorter than the segment.
        """
        i = self._row(i)
        start, end = self.table["start"][i], self.table["end"][i]
        return load(self.path(i), start=start or 0.0, end=end, sample_rate=sample_rate)

    def seconds(self) -> npt.NDArray[np.float64]:
        """Length of each utterance, shape (len(self),), in seconds, from the segments and the headers of the files."""
        starts = self.table["start"].fill_null(0.0).to_list()
        ends = self.table["end"].to_list()
        return np.array(
            [
                (info(self.path(i)).seconds if end is None else end) - start
                for i, (start, end) in enumerate(zip(starts, ends, strict=True))
            ],
            np.float64,
        )

    def select(self, rows: Sequence[int] | npt.NDArray[Any] | pl.Series | pl.Expr) -> "Corpus":
        """A corpus of some of the utterances, with the same classes.

        Args:
            rows: Row numbers (the new order), a boolean mask of len(self) values, or a polars condition.

        Returns:
            A new corpus; ratings of other utterances are left behind.

        Raises:
            DataError: A row does not exist, or a mask has another length than the corpus.
        """
        if isinstance(rows, pl.Expr):
            try:
                table = self.table.filter(rows)
            except pl.exceptions.PolarsError as error:
                reason = " ".join(str(error).split())[:120]
                raise DataError(
                    f"the condition fits no column of corpus '{self.name}' ({reason}); correct it."
                ) from None
        else:
            table = self.table[self._indices(np.asarray(rows))]
        ratings = self.ratings
        if ratings is not None:
            ratings = ratings.filter(pl.col("utterance").is_in(table["utterance"].implode()))
        return replace(self, table=table, ratings=ratings)

    def with_speakers(self, *ids: str) -> "Corpus":
        """A corpus of what these speakers said.

        Raises:
            DataError: The corpus has no such speaker.
        """
        return self.select(pl.col("speaker").is_in(self._known(ids)).fill_null(False))

    def without_speakers(self, *ids: str) -> "Corpus":
        """A corpus without what these speakers said; rows without a speaker stay.

        Raises:
            DataError: The corpus has no such speaker.
        """
        return self.select(~pl.col("speaker").is_in(self._known(ids)).fill_null(False))

    def write(self, folder: PathLike, *, file_format: str = "parquet", copy_audio: bool = False) -> Path:
        """Write ``corpus.toml``, the table and the ratings to a new folder.

        The folder appears complete or not at all. The recordings stay where they are and ``corpus.toml`` notes that
        place as ``root``, unless they are copied too.

        Args:
            folder: Folder that does not exist yet or is empty.
            file_format: ``parquet`` or ``csv``.
            copy_audio: Whether to copy the recordings, so that the folder can be moved or given away.

        Returns:
            The folder.

        Raises:
            DataError: The folder is not empty, or a recording that shall be copied is missing or outside the root.
            ConfigError: The format is neither.
        """
        if file_format not in ("csv", "parquet"):
            raise ConfigError(f"unknown table format '{file_format}'; csv or parquet was expected; choose one.")
        with new_folder(folder) as part:
            if copy_audio:
                self._copy_audio(part)
            header = self._header(root=None if copy_audio else self.root)
            (part / "corpus.toml").write_text(header, encoding="utf-8")
            for stem, table in (("utterances", self.table), ("ratings", self.ratings)):
                if table is None:
                    continue
                if file_format == "csv":
                    table.write_csv(part / f"{stem}.csv")
                else:
                    table.write_parquet(part / f"{stem}.parquet")
        return Path(folder)

    def _header(self, *, root: Path | None) -> str:
        """The text of ``corpus.toml``."""
        lines = [
            f"name = {_toml(self.name)}",
            f"source = {_toml(self.source)}",
            f"licence = {_toml(self.licence)}",
            f"classes = [{', '.join(_toml(emotion) for emotion in self.classes)}]",
            f"synthetic = {str(self.synthetic).lower()}",
        ]
        if self.scale is not None:
            lines.append(f"scale = [{self.scale[0]!r}, {self.scale[1]!r}]")
        if root is not None:
            lines.append(f"root = {_toml(root.resolve().as_posix())}")
        return "\n".join(lines) + "\n"

    def _checked_scale(self, scale: Sequence[float]) -> tuple[float, float]:
        """The ends of the scale, rising, with every attribute of the table between them."""
        if len(scale) != 2 or not scale[0] < scale[1]:
            raise DataError(
                f"the scale of corpus '{self.name}' is {list(scale)}; its two ends in rising order were expected, such "
                "as [1, 7]; correct it."
            )
        low, high = float(scale[0]), float(scale[1])
        for name in ("arousal", "valence", "dominance"):
            outside = self.table.filter((pl.col(name) < low) | (pl.col(name) > high))
            if outside.height:
                raise DataError(
                    f"utterance '{outside['utterance'][0]}' of corpus '{self.name}' has {name} {outside[name][0]:g}; a "
                    f"value on the scale from {low:g} to {high:g} was expected; correct it or the scale."
                )
        return low, high

    def _copy_audio(self, folder: Path) -> None:
        """Copy every recording to the same relative path under a folder."""
        for file in self.table["file"].unique().to_list():
            inside = os.path.normpath(file)
            if os.path.isabs(inside) or inside.startswith(".."):
                raise DataError(
                    f"{file} is outside the corpus root; only files under it can be copied; use relative paths."
                )
            origin = self.root / file
            if not origin.is_file():
                raise DataError(f"no recording at {origin}; it was to be copied; restore it or leave its rows out.")
            target = folder / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin, target)

    def _row(self, i: int) -> int:
        """A row number that exists."""
        if not 0 <= i < len(self):
            raise DataError(f"corpus '{self.name}' has no row {i}; 0 to {len(self) - 1} was expected; check the index.")
        return int(i)

    def _indices(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Row numbers from row numbers or a mask."""
        if rows.ndim != 1:
            raise DataError(f"rows must be one-dimensional (got shape {rows.shape}); give row numbers or a mask.")
        if rows.dtype == np.bool_:
            if rows.size != len(self):
                raise DataError(
                    f"the mask has {rows.size} values; {len(self)} were expected, one per utterance; rebuild it."
                )
            return np.flatnonzero(rows)
        if rows.size == 0:
            return np.empty(0, np.int64)
        if not np.issubdtype(rows.dtype, np.integer):
            raise DataError(f"rows must be whole numbers or booleans (got {rows.dtype}); give row numbers or a mask.")
        rows = rows.astype(np.int64)
        self._row(int(rows.min()))
        self._row(int(rows.max()))
        return rows

    def _known(self, ids: Sequence[str]) -> list[str]:
        """Speaker ids that exist."""
        known = set(self.speakers)
        for speaker in ids:
            if speaker not in known:
                hint = nearest(str(speaker), known)
                raise DataError(f"unknown speaker '{speaker}' (corpus '{self.name}' has {len(known)}); {hint}.")
        return list(ids)


def _toml(text: str) -> str:
    """A TOML basic string; JSON escapes the same characters but DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
