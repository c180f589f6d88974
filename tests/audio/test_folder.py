from pathlib import Path

import pytest

from affekt.audio import SUFFIXES, recordings_in
from affekt.errors import DataError


def test_recordings_at_any_depth_in_order(tmp_path: Path) -> None:
    names = ["b.OGG", "a/z.wav", "a/c.mp3", "a/d/e.flac", "a/notes.txt", "wav"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.wav").mkdir()  # no file
    assert recordings_in(tmp_path) == sorted(tmp_path / name for name in names[:4])
    assert {path.suffix.lower() for path in recordings_in(tmp_path)} == set(SUFFIXES)


def test_none_is_an_error_where_that_is_said(tmp_path: Path) -> None:
    assert recordings_in(tmp_path) == []
    with pytest.raises(DataError, match=rf"{tmp_path} holds no recording; files ending in \.flac, \.mp3, \.ogg, \.wav"):
        recordings_in(tmp_path, at_least_one=True)
