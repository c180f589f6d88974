"""Writing that is either finished or not there: temporary name first, rename last."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from affekt.errors import AffektError, ConfigError, DataError
from affekt.types import PathLike

__all__ = [
    "check_new_file",
    "check_new_folder",
    "mark_folder",
    "new_file",
    "new_folder",
    "read_json",
    "removed_if_unused",
    "write_json",
    "write_text",
]


def check_new_folder(path: PathLike) -> Path:
    """Return ``path`` if a result may be written there: it must not exist, or be an empty folder.

    Raises:
        DataError: something is there already, or the path has no last part that a name could be made of.
    """
    path = Path(path)
    if path.name in ("", ".."):
        raise DataError(f"the output folder {path} has no name of its own; a new folder was expected; give it a name.")
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        return path
    if path.exists() or path.is_symlink():
        raise DataError(
            f"the output folder {path} is not empty; results are never written over; choose a new name or remove it."
        )
    return path


@contextmanager
def new_folder(path: PathLike) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that takes its name when the block ends well.

    When the block raises, the temporary folder is removed and ``path`` is untouched; when the process is killed,
    a hidden folder ``.NAME.*.partial`` stays behind and ``path`` is still untouched.

    Raises:
        DataError: ``path`` exists and is not an empty folder.
    """
    path = check_new_folder(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    temporary.chmod(0o755)  # mkdtemp makes it private; the result is an ordinary folder
    try:
        yield temporary
        os.replace(temporary, check_new_folder(path))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def check_new_file(path: PathLike) -> Path:
    """Return ``path`` if a file may be written there: nothing must be there yet.

    Raises:
        DataError: something is there already, or the path has no last part that a name could be made of.
    """
    path = Path(path)
    if path.name in ("", ".."):
        raise DataError(f"the output file {path} has no name of its own; a new file was expected; give it a name.")
    if path.exists() or path.is_symlink():
        raise DataError(
            f"the output file {path} exists already; results are never written over; choose a new name or remove it."
        )
    return path


@contextmanager
def new_file(path: PathLike) -> Iterator[Path]:
    """Yield a temporary file beside ``path`` that takes its name when the block ends well.

    When the block raises, the temporary file is removed, with the folders that were made for it.

    Raises:
        DataError: ``path`` exists.
    """
    path = check_new_file(path)
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp makes it private; the result is an ordinary file
        os.replace(temporary, check_new_file(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        for folder in made:
            with suppress(OSError):  # someone else uses it by now
                folder.rmdir()
        raise


@contextmanager
def removed_if_unused(folder: PathLike, *, marker: str) -> Iterator[None]:
    """Remove a working folder when the block ends with an error on purpose and left no file but the marker.

    So bad input leaves nothing behind, and work that is done stays for the next call.
    """
    folder = Path(folder)
    try:
        yield
    except AffektError:
        if not any(path.is_file() and path != folder / marker for path in folder.rglob("*")):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def mark_folder(marker: Path, stamp: Any, *, holds: str) -> None:
    """Note in a working folder what its files belong to, or see that they belong to the same.

    Args:
        marker: the file in the folder that says it.
        stamp: JSON values: settings and the data they are about.
        holds: what the folder holds if it says something else, such as "cells of another comparison".

    Raises:
        ConfigError: the folder belongs to something else.
    """
    if not marker.is_file():
        write_json(marker, stamp)
    elif read_json(marker) != json.loads(json.dumps(stamp)):
        raise ConfigError(
            f"{marker.parent} holds {holds}; an empty folder or the same settings were expected; choose another --out "
            "or remove it."
        )


def write_text(path: PathLike, text: str) -> None:
    """Write a UTF-8 file under a temporary name and rename it into place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: PathLike, value: Any) -> None:
    """Write ``value`` as indented JSON; NaN and infinities are refused, not written."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: PathLike) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is missing or is not JSON.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); a JSON file was expected; check the path."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise DataError(f"{path} is not valid JSON; it may be cut short; restore it from a copy.") from None
