"""Files that were cut off in a way the decoder does not report.

A flac or mp3 file that lost its end decodes to fewer samples than its header announces, which :func:`affekt.audio.load`
sees. For wav and ogg, libsndfile counts what is left and announces that, so the end is missing without a word. These
functions look at the bytes instead.
"""

import os
from pathlib import Path
from typing import BinaryIO

from affekt.types import PathLike

__all__ = ["missing_end"]

_WAV_STREAMED = 0x7FFF0000
"""Programs that write to a pipe cannot know the length and put a number from here up into the header."""

_OGG_LARGEST_PAGE = 27 + 255 + 255 * 255
_OGG_END_OF_STREAM = 4


def missing_end(path: PathLike) -> str:
    """Look for a missing end of a wav or ogg file.

    Args:
        path: An existing file of any kind.

    Returns:
        What was found in place of the end, as words for an error message; empty when the file is whole, is neither wav
        nor ogg, or does not say how long it is.
    """
    with Path(path).open("rb") as file:
        magic = file.read(12)
        if magic[:4] == b"RIFF" and magic[8:] == b"WAVE":
            return _missing_in_wav(file)
        if magic[:4] == b"OggS":
            return _missing_in_ogg(file)
    return ""


def _missing_in_wav(file: BinaryIO) -> str:
    """Compare the announced length of the sample data with the bytes that follow; the file stands behind "WAVE"."""
    size = os.fstat(file.fileno()).st_size
    while len(header := file.read(8)) == 8:
        announced = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            present = size - file.tell()
            cut = present < announced < _WAV_STREAMED
            return f"{present} of {announced} bytes of samples" if cut else ""
        file.seek(announced + announced % 2, os.SEEK_CUR)  # chunks start at even bytes
    return ""


def _missing_in_ogg(file: BinaryIO) -> str:
    """Look for the last page: it carries the mark of the end and is whole."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _OGG_LARGEST_PAGE))
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS\0")) :]
    whole = len(page) >= 27 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]])
    if whole and page[5] & _OGG_END_OF_STREAM:
        return ""
    return "no last page"
