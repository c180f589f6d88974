"""JSON as the formats write it: one object a line or one value a file, strict in what it takes."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from affekt.errors import DataError

__all__ = ["Record", "decode_json", "read_lines", "shown", "write_lines"]

Record = dict[str, Any]


def read_lines(path: Path) -> Iterator[tuple[str, Record]]:
    """The objects of a file with one JSON object a line, plain or with gzip; empty lines are passed over.

    Args:
        path: A ``.jsonl`` or ``.jsonl.gz`` file.

    Yields:
        (``file:line``, object).

    Raises:
        DataError: The file is missing or no text, or a line is no JSON object, holds NaN or a key twice.
    """
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    where = f"{path}:{number}"
                    value = decode_json(line, where=where)
                    if not isinstance(value, dict):
                        raise DataError(f"{where} is no JSON object (got {shown(value)}); one a line was expected.")
                    yield where, value
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(
            f"{path} cannot be read after line {number} ({reason}); JSON lines were expected; restore the file."
        ) from None


def decode_json(text: str, *, where: str) -> Any:
    """A JSON value; NaN, infinities and keys that are there twice are refused.

    Args:
        text: JSON.
        where: What error messages call it.

    Returns:
        The value.

    Raises:
        DataError: It is not such JSON.
    """

    def constant(name: str) -> Any:
        raise DataError(
            f"{where} holds {name}; finite numbers were expected; leave the key out where nothing is known."
        )

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f"{where} has the key '{twice}' twice; each was expected once; remove one.")
        return found

    try:
        return json.loads(text, parse_constant=constant, object_pairs_hook=unique)
    except (json.JSONDecodeError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deep")
        raise DataError(f"{where} is not valid JSON ({reason}); it may be cut short; restore it from a copy.") from None


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object a line, with gzip where the name ends in ``.gz``."""
    text = "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        path.write_text(text, encoding="utf-8")


def shown(value: Any) -> str:
    """A value as JSON for a message, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}..."
