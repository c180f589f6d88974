"""The ledger of statements: a file to which lines are only added, each naming the line before by its SHA-256.

Beside ``FILE`` lies ``FILE.head`` with the SHA-256 of the last line. Lines that were edited, exchanged or taken from
the middle break the chain; lines cut from the end no longer lead to the head. A head that was published or time-stamped
elsewhere keeps whoever has the ledger from writing all of it anew.

*Conventions.* A line is sorted JSON without spaces and ends with a newline, which belongs to its bytes; so
``tail -n 1 FILE | sha256sum`` is the head. Before the first line the head is the SHA-256 of nothing. A time is what the
clock of the machine said: a claim.
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, get_args

from affekt.errors import DataError
from affekt.files import write_text
from affekt.models.digest import strict_json
from affekt.types import PathLike

__all__ = ["EMPTY", "Entry", "Event", "OpenLedger", "head_file", "open_ledger", "read_head", "read_ledger"]

EMPTY: Final = hashlib.sha256(b"").hexdigest()
"""The head of a ledger without a line."""

Event = Literal["statement", "signature"]

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line."""

    envelope: str
    """SHA-256 of the statement's file."""
    event: Event
    """A new statement, or one more signature under one."""
    payload: str
    """SHA-256 of what was signed."""
    prev: str
    """SHA-256 of the line before."""
    time: str
    """UTC, to the second."""

    @property
    def line(self) -> bytes:
        """Its bytes, with the newline."""
        return (json.dumps(asdict(self), sort_keys=True, separators=(",", ":")) + "\n").encode("ascii")

    @property
    def head(self) -> str:
        """SHA-256 of its bytes: the head of the ledger when this is the last line."""
        return hashlib.sha256(self.line).hexdigest()


class OpenLedger:
    """A ledger that nobody else can add to at the moment."""

    def __init__(self, path: Path, file: BinaryIO, entries: list[Entry]) -> None:
        self.path = path
        self.entries = entries
        self._file = file

    @property
    def head(self) -> str:
        """SHA-256 of the last line."""
        return self.entries[-1].head if self.entries else EMPTY

    def append(self, *, envelope: str, payload: str, event: Event, time: str) -> Entry:
        """Add a line, and move the head."""
        entry = Entry(envelope=envelope, event=event, payload=payload, prev=self.head, time=time)
        self._file.write(entry.line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.entries.append(entry)
        write_text(head_file(self.path), entry.head + "\n")
        return entry


def head_file(path: PathLike) -> Path:
    """Where the head of a ledger is kept."""
    path = Path(path)
    return path.with_name(path.name + ".head")


@contextmanager
def open_ledger(path: PathLike) -> Iterator[OpenLedger]:
    """Lock a ledger and check it, to add to it; a new one is made.

    Raises:
        DataError: it is broken, so nothing may be added.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise DataError(f"the ledger {path} is a folder; a file was expected; name a file in it.")
    made = not path.exists()
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            # whoever had the lock made this file, failed and took it away
            raise DataError(f"the ledger {path} was taken away while somebody else wrote it; give the command again.")
        try:
            entries = read_ledger(path)
            head = read_head(head_file(path)) if head_file(path).exists() else EMPTY
            if head != (entries[-1].head if entries else EMPTY):
                raise DataError(
                    f"the ledger {path} does not end with the line that {head_file(path).name} names; lines were lost "
                    "or the machine stopped while one was added; restore both files from a copy."
                )
            yield OpenLedger(path, file, entries)
        except BaseException:
            if made and path.stat().st_size == 0:
                path.unlink()
            raise


def read_ledger(path: PathLike) -> list[Entry]:
    """Read a ledger and check its chain.

    Raises:
        DataError: it is missing, or a line is damaged, out of place or not written the one way it may be.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"the ledger {path} cannot be read ({error.strerror}); check the path.") from None
    entries: list[Entry] = []
    head = EMPTY
    for number, line in enumerate(data.split(b"\n"), start=1):
        if number > data.count(b"\n"):
            if line:
                raise DataError(f"line {number} of the ledger {path} is cut short; restore the ledger from a copy.")
            break
        entry = _parse(line + b"\n")
        if entry is None:
            raise DataError(f"line {number} of the ledger {path} is damaged; restore the ledger from a copy.")
        if entry.prev != head:
            raise DataError(
                f"line {number} of the ledger {path} does not follow the line before it; lines were edited, exchanged "
                "or removed; restore the ledger from a copy."
            )
        entries.append(entry)
        head = entry.head
    return entries


def read_head(path: PathLike) -> str:
    """The SHA-256 in a head file.

    Raises:
        DataError: the file is missing or holds something else.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"the head {path} of a ledger cannot be read ({error.strerror}); check the path.") from None
    text = data.decode("latin-1")
    if not (text.endswith("\n") and _HASH.fullmatch(text[:-1])):
        raise DataError(f"{path} holds no head of a ledger; 64 hexadecimal digits were expected; restore it.")
    return text[:-1]


def _parse(line: bytes) -> Entry | None:
    """The entry that is written exactly so, or None."""
    try:
        entry = Entry(**strict_json(line))
        hashes = (entry.envelope, entry.payload, entry.prev)
        sound = (
            all(_HASH.fullmatch(value) for value in hashes)
            and entry.event in get_args(Event)
            and _TIME.fullmatch(entry.time)
            and entry.line == line
        )
    except (TypeError, ValueError, RecursionError):
        return None
    return entry if sound else None
