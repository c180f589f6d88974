import re
from pathlib import Path

import pytest

from affekt.corpora.layout import find_recordings
from affekt.errors import DataError

PATTERN = re.compile(r"(?P<letter>[a-z])(?P<number>\d)")


def find(folder: Path) -> list[tuple[str, str]]:
    found = find_recordings(folder, corpus="TEST", pattern=PATTERN, expected="a name such as a1.wav")
    return [(stem, file) for stem, file, _ in found]


def touch(folder: Path, *files: str) -> None:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_any_depth_any_audio_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "z/y/b1.FLAC", "a2.wav", "z/a1.mp3", "z/readme.txt", "z/b2.mp4", ".cache/c1.wav", "z/._a1.wav")
    assert find(tmp_path) == [("a1", "z/a1.mp3"), ("a2", "a2.wav"), ("b1", "z/y/b1.FLAC")]


@pytest.mark.parametrize(
    ("files", "match"),
    [
        (["a1.wav", "x/hello.wav"], r"x.hello.wav is no TEST recording; a name such as a1.wav was expected"),
        (["a1.wav", "x/a1.flac"], r"a1 is there twice \(a1.wav, x/a1.flac\)"),
        (["a1.txt"], "holds no recording"),
    ],
)
def test_refuses(tmp_path: Path, files: list[str], match: str) -> None:
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=match):
        find(tmp_path)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        find(tmp_path / "nowhere")
