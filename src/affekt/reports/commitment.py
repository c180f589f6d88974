"""A commitment to the recordings of a request: it tells who has the key what was among them, and others nothing.

A recording becomes ``HMAC-SHA256(key, utterance id || SHA-256(PCM))``; the sorted names become the leaves of a Merkle
tree, and only its root is published. The key is made for one request and kept in a file of its own. Once that file is
destroyed nobody can tell any more, not even by trying every recording in the world, whose recordings the root names.

*Conventions.* PCM are the 16-bit little-endian samples at 16 kHz, mono. A leaf is hashed behind a zero byte, a node
behind a one byte, and a tree splits at the largest power of two below its size: the tree of RFC 6962. So no node can be
passed off as a leaf, and no recording can be counted twice to make the number even.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from affekt.errors import ConfigError, DataError
from affekt.files import check_new_file
from affekt.types import PathLike, Waveform

__all__ = [
    "KEY_BYTES",
    "Proof",
    "destroy_key",
    "included",
    "inclusion_proof",
    "key_name",
    "leaf",
    "merkle_root",
    "new_request_key",
    "pcm_digest",
    "pseudonym",
    "read_request_key",
    "write_private",
]

KEY_BYTES: Final = 32
"""Length of a request's key."""


class Proof(NamedTuple):
    """That a leaf is in a tree, for someone who has the root alone."""

    place: int
    """Its place among the sorted leaves."""
    size: int
    """Leaves of the tree."""
    path: tuple[bytes, ...]
    """Hashes of the neighbours on the way up."""


def pcm_digest(waveform: Waveform) -> bytes:
    """SHA-256 of a recording's 16-bit samples. Of a person's recording this is personal data: never write it down."""
    # 32768, as decoders divide by it: every 16-bit file gives back the very samples it holds
    pcm = np.clip(np.rint(np.asarray(waveform, dtype=np.float64) * 32768), -32768, 32767).astype("<i2")
    return hashlib.sha256(pcm.tobytes()).digest()


def leaf(key: bytes, utterance: str, waveform: Waveform) -> bytes:
    """The keyed name of a recording, 32 bytes."""
    return hmac.new(key, utterance.encode() + pcm_digest(waveform), hashlib.sha256).digest()


def pseudonym(key: bytes, speaker: str) -> str:
    """The keyed name of a person; without the key it is a random number."""
    return hmac.new(key, b"affekt-subject\0" + speaker.encode(), hashlib.sha256).hexdigest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves in this order.

    Raises:
        ConfigError: there is no leaf.
    """
    if not leaves:
        raise ConfigError("there is nothing to commit to (got 0 recordings); one or more were expected; name some.")
    if len(leaves) == 1:
        return _hash(b"\0", leaves[0])
    split = _split(len(leaves))
    return _hash(b"\1", merkle_root(leaves[:split]) + merkle_root(leaves[split:]))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> Proof:
    """Proves that one leaf is among them without showing the others.

    Raises:
        ConfigError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise ConfigError(f"there is no leaf {index}; 0 to {len(leaves) - 1} was expected; choose one of these.")
    path: list[bytes] = []
    part, place = leaves, index
    while len(part) > 1:
        split = _split(len(part))
        left, right = part[:split], part[split:]
        path.append(merkle_root(right if place < split else left))
        part, place = (left, place) if place < split else (right, place - split)
    return Proof(place=index, size=len(leaves), path=tuple(reversed(path)))


def included(name: bytes, proof: Proof, root: bytes) -> bool:
    """Whether a proof leads from a leaf to the root."""
    if not 0 <= proof.place < proof.size:
        return False
    sides: list[bool] = []
    size, place = proof.size, proof.place
    while size > 1:
        split = _split(size)
        sides.append(place < split)
        size, place = (split, place) if place < split else (size - split, place - split)
    if len(sides) != len(proof.path):
        return False
    value = _hash(b"\0", name)
    for is_left, neighbour in zip(reversed(sides), proof.path, strict=True):
        value = _hash(b"\1", value + neighbour if is_left else neighbour + value)
    return hmac.compare_digest(value, root)


def key_name(key: bytes) -> str:
    """What a statement calls a request's key."""
    return "req-" + hashlib.sha256(b"affekt-request-key\0" + key).hexdigest()[:16]


def new_request_key(path: PathLike) -> bytes:
    """Make a random key for one request and keep it in a file that only its owner can read.

    Raises:
        DataError: the file exists.
    """
    key = secrets.token_bytes(KEY_BYTES)
    write_private(path, (key.hex() + "\n").encode())
    return key


def read_request_key(path: PathLike) -> bytes:
    """Read what :func:`new_request_key` wrote.

    Raises:
        DataError: the file is missing or is no such key.
    """
    try:
        key = bytes.fromhex(Path(path).read_text(encoding="ascii"))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); the key of a request was expected; check the path."
        ) from None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise DataError(
            f"{path} holds no key of a request; {2 * KEY_BYTES} hexadecimal digits were expected; check it."
        )
    return key


def destroy_key(path: PathLike) -> None:
    """Overwrite a request's key with zeros and remove it; other copies of it are not reached.

    Raises:
        DataError: the file is missing or is no key of a request, so it is left alone.
    """
    read_request_key(path)
    path = Path(path)
    with path.open("r+b") as file:
        file.write(b"\0" * path.stat().st_size)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()


def write_private(path: PathLike, data: bytes) -> Path:
    """Write a new file that only its owner can read; it is there whole or not at all.

    Raises:
        DataError: the file exists.
    """
    path = check_new_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _hash(prefix: bytes, data: bytes) -> bytes:
    return hashlib.sha256(prefix + data).digest()


def _split(size: int) -> int:
    """The largest power of two below a size."""
    return 1 << (size - 1).bit_length() - 1
