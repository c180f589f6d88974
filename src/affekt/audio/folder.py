"""Which files of a folder are taken for recordings; one rule for everything that searches."""

from pathlib import Path
from typing import Final

from affekt.errors import DataError
from affekt.types import PathLike

__all__ = ["SUFFIXES", "recordings_in"]

SUFFIXES: Final = (".flac", ".mp3", ".ogg", ".wav")
"""How the name of a recording ends, in small or capital letters."""


def recordings_in(folder: PathLike, *, at_least_one: bool = False) -> list[Path]:
    """The recordings of a folder at any depth, sorted; none is opened.

    Args:
        folder: where to search.
        at_least_one: whether it is an error if there is none.

    Raises:
        DataError: there is none.
    """
    folder = Path(folder)
    found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if at_least_one and not found:
        raise DataError(
            f"the folder {folder} holds no recording; files ending in {', '.join(SUFFIXES)} were expected; check the "
            "path."
        )
    return found
