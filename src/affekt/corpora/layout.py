"""Find the recordings of a public corpus, whose file names say all that is known about them."""

import re
from pathlib import Path

from affekt.audio import recordings_in
from affekt.errors import DataError
from affekt.types import PathLike

__all__ = ["find_recordings"]


def find_recordings(
    source: PathLike, *, corpus: str, pattern: re.Pattern[str], expected: str
) -> list[tuple[str, str, re.Match[str]]]:
    """All recordings under a folder, at any depth, with their names taken apart.

    Args:
        source: The folder.
        corpus: Name for messages.
        pattern: What the whole name without its suffix must match.
        expected: The pattern in words, for messages.

    Returns:
        (name without suffix, path relative to the folder, match), sorted by name. Hidden files and folders, and files
        that are no audio by their suffix, are passed over.

    Raises:
        DataError: The folder is missing or holds no recording, a name does not match, or a name is there twice.
    """
    folder = Path(source)
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; the {corpus} recordings were expected in it; check the path.")
    found: dict[str, tuple[str, re.Match[str]]] = {}
    for path in recordings_in(folder):
        inside = path.relative_to(folder)
        if any(part.startswith((".", "__MACOSX")) for part in inside.parts):
            continue
        match = pattern.fullmatch(path.stem)
        if match is None:
            raise DataError(
                f"{inside} is no {corpus} recording; {expected} was expected; move other files out of the folder."
            )
        if path.stem in found:
            raise DataError(
                f"recording {path.stem} is there twice ({found[path.stem][0]}, {inside.as_posix()}); "
                "one copy was expected; open one of the folders or remove the copy."
            )
        found[path.stem] = (inside.as_posix(), match)
    if not found:
        raise DataError(f"{folder} holds no recording; {expected} was expected; check the path.")
    return [(stem, file, match) for stem, (file, match) in sorted(found.items())]
