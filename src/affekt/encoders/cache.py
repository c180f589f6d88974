"""Representations on disk, named by what they were made of and of which recording.

A recording is a folder, named by the SHA-256 of its samples; in it lies one file for each way of representing it, named
by the digest of the encoder's weights and settings. So everything that was ever kept about a recording can be removed
by whoever holds the recording, no other index is needed, and no person or file is named anywhere. (Whoever holds a
recording can also see that it was kept: the folder is as private as the recordings are.)

Files are ``.npy`` with the SHA-256 of their bytes behind the data; they are written under a temporary name and renamed,
so two processes may write the same one. A file that is damaged is removed and made again.
"""

import contextlib
import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from affekt.errors import ConfigError, DataError
from affekt.types import FloatArray, PathLike, Waveform

__all__ = ["EmbeddingCache", "chosen_cache"]

_SEAL = 32  # bytes of a SHA-256


class EmbeddingCache:
    """Arrays by (recording, way of representing it) in a folder.

    Args:
        folder: where to keep them; it is made when something is first written.
        limit_gib: when more than this is kept, what has not been used for longest is removed.

    Raises:
        ConfigError: the limit is not positive.
        DataError: there is a file where the folder should be.

    Example:
        >>> import tempfile
        >>> cache = EmbeddingCache(tempfile.mkdtemp())
        >>> clip = np.zeros(16000, np.float32)
        >>> cache.put("whisper-base", clip, np.ones((50, 4), np.float32))
        >>> cache.get("whisper-base", clip).shape
        (50, 4)
        >>> cache.discard([clip])
        1
    """

    def __init__(self, folder: PathLike, *, limit_gib: float = 20.0) -> None:
        self.folder = Path(folder).expanduser()
        if not limit_gib > 0:
            raise ConfigError(f"limit_gib is {limit_gib}; a positive size was expected; change it.")
        if self.folder.exists() and not self.folder.is_dir():
            raise DataError(f"the cache {self.folder} is a file; a folder was expected; choose another path.")
        self.limit = int(limit_gib * 2**30)
        self._size: int | None = None  # bytes at the last count and written since

    def get(self, key: str, waveform: Waveform) -> FloatArray | None:
        """What is kept of a recording, memory-mapped and read-only; None if nothing is, or it was damaged."""
        file = self._file(key, waveform)
        try:
            content = file.read_bytes()
            if hashlib.sha256(content[:-_SEAL]).digest() != content[-_SEAL:]:
                raise ValueError
            array: FloatArray = np.load(file, mmap_mode="r", allow_pickle=False)
            os.utime(file)
        except FileNotFoundError:
            return None
        except (ValueError, EOFError):
            file.unlink(missing_ok=True)
            return None
        return array

    def put(self, key: str, waveform: Waveform, value: FloatArray) -> None:
        """Keep a representation of a recording; it appears whole or not at all.

        Raises:
            DataError: the folder cannot be written.
        """
        file = self._file(key, waveform)
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(value), allow_pickle=False)
        content = buffer.getvalue()
        temporary = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
        try:
            for _ in range(3):  # another process may remove the empty folder in between
                file.parent.mkdir(parents=True, exist_ok=True)
                try:
                    temporary.write_bytes(content + hashlib.sha256(content).digest())
                    os.replace(temporary, file)
                    break
                except FileNotFoundError:
                    continue
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise DataError(
                f"the cache {self.folder} cannot be written ({error.strerror}); a folder with room was expected; free "
                "some or choose another."
            ) from None
        self._grown(len(content) + _SEAL)

    def discard(self, waveforms: Iterable[Waveform]) -> int:
        """Remove everything kept of some recordings, however it was made; return how many of them were known."""
        found = 0
        for waveform in waveforms:
            folder = self._recording(waveform)
            if folder.is_dir():
                found += 1
                shutil.rmtree(folder, ignore_errors=True)
        self._size = None
        return found

    def clear(self) -> None:
        """Remove everything the cache has written; other files in its folder stay."""
        for folder in self._folders():
            shutil.rmtree(folder, ignore_errors=True)
        self._size = None

    def size(self) -> int:
        """Bytes that are kept."""
        return sum(size for _, size, _ in self._entries())

    def __len__(self) -> int:
        return len(self._entries())

    def _grown(self, written: int) -> None:
        self._size = self.size() if self._size is None else self._size + written
        if self._size <= self.limit:
            return
        entries = sorted(self._entries())
        self._size = sum(size for _, size, _ in entries)
        for _, size, file in entries:
            if self._size <= 0.9 * self.limit:
                break
            file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                file.parent.rmdir()  # only when nothing else is known of the recording
            self._size -= size

    def _entries(self) -> list[tuple[float, int, Path]]:
        """(time of last use, bytes, file) of everything kept."""
        found = []
        for folder in self._folders():
            for file in folder.glob("*.npy"):
                with contextlib.suppress(FileNotFoundError):
                    status = file.stat()
                    found.append((status.st_mtime, status.st_size, file))
        return found

    def _folders(self) -> list[Path]:
        """Folders of recordings."""
        return [path for path in self.folder.glob("[0-9a-f][0-9a-f]/*") if len(path.name) == 64 and path.is_dir()]

    def _recording(self, waveform: Waveform) -> Path:
        samples = np.ascontiguousarray(waveform, dtype="<f4")
        name = hashlib.sha256(f"{samples.shape}\0".encode() + samples.tobytes()).hexdigest()
        return self.folder / name[:2] / name

    def _file(self, key: str, waveform: Waveform) -> Path:
        return self._recording(waveform) / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"


def chosen_cache() -> EmbeddingCache | None:
    """The cache in the folder that the environment variable AFFEKT_EMBEDDINGS names; None where it is not set.

    Raises:
        DataError: it names a file.
    """
    chosen = os.environ.get("AFFEKT_EMBEDDINGS")
    return EmbeddingCache(chosen) if chosen else None
