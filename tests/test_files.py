"""Results appear whole or not at all."""

import json
from pathlib import Path

import pytest

from affekt.errors import ConfigError, DataError
from affekt.files import (
    check_new_file,
    check_new_folder,
    mark_folder,
    new_file,
    new_folder,
    read_json,
    removed_if_unused,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["nothing", "empty folder"])
def test_a_new_name_or_an_empty_folder_is_free(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "empty folder":
        out.mkdir()
    assert check_new_folder(out) == out
    with new_folder(out) as folder:
        (folder / "a.txt").write_text("a")
        assert not (out / "a.txt").exists()
    assert names(out) == ["a.txt"]
    assert names(tmp_path) == ["out"]
    assert out.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("kind", ["full folder", "file", "broken link", "link to an empty folder"])
def test_what_is_there_is_never_written_over(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "full folder":
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    elif kind == "file":
        out.write_text("mine")
    elif kind == "broken link":
        out.symlink_to(tmp_path / "nowhere")
    else:
        (tmp_path / "empty").mkdir()
        out.symlink_to(tmp_path / "empty")
    before = names(tmp_path)
    with pytest.raises(DataError, match=r"the output folder .*out is not empty; .*choose a new name"):
        check_new_folder(out)
    with pytest.raises(DataError, match="never written over"), new_folder(out):
        pass
    assert names(tmp_path) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failing_block_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def write() -> None:
        with new_folder(tmp_path / "deep" / "out") as folder:
            (folder / "half.txt").write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path / "deep") == []


def test_a_folder_that_is_filled_meanwhile_wins(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def write() -> None:
        with new_folder(out) as folder:
            (folder / "ours.txt").write_text("ours")
            out.mkdir()
            (out / "theirs.txt").write_text("theirs")

    with pytest.raises(DataError, match="not empty"):
        write()
    assert names(tmp_path) == ["out"]
    assert names(out) == ["theirs.txt"]


def test_text_replaces_whole_and_makes_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.txt"
    write_text(file, "long, and with ümläuts")
    write_text(file, "é")
    assert file.read_bytes() == "é".encode()
    assert names(file.parent) == ["a.txt"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_text_that_cannot_be_encoded_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(file, "\ud800")
    assert file.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_json_round_trip_and_refusal_of_nan(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    value = {"Ärger": [1, 2.5, None, True], "nested": {"a": "b"}}
    write_json(file, value)
    assert read_json(file) == value
    assert "Ärger" in file.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(file, {"loss": float("nan")})
    assert json.loads(file.read_text(encoding="utf-8")) == value


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe"])
def test_damaged_json(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json is not valid JSON; .*restore it"):
        read_json(file)


def test_missing_json(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(No such file or directory\); a JSON file was expected"):
        read_json(tmp_path / "a.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_json(tmp_path)


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_output_folder_needs_a_name(name: str) -> None:
    with pytest.raises(DataError, match="has no name of its own"):
        check_new_folder(name)


@pytest.mark.parametrize(
    ("work", "error", "stays"), [(False, DataError, False), (True, DataError, True), (False, OSError, True)]
)
def test_working_folder_after_an_error(tmp_path: Path, work: bool, error: type[Exception], stays: bool) -> None:
    """Bad input leaves nothing behind; work that was done stays, and so does what a fault of ours left."""
    folder = tmp_path / "work"
    write_text(folder / "marker.json", "{}")
    if work:
        write_text(folder / "cells" / "a.json", "{}")
    (folder / "started").mkdir()
    with pytest.raises(error), removed_if_unused(folder, marker="marker.json"):
        raise error("x")
    assert folder.exists() == stays


def test_working_folder_after_a_good_end(tmp_path: Path) -> None:
    write_text(tmp_path / "work" / "marker.json", "{}")
    with removed_if_unused(tmp_path / "work", marker="marker.json"):
        pass
    assert (tmp_path / "work").exists()


def test_a_folder_belongs_to_what_marked_it(tmp_path: Path) -> None:
    marker = tmp_path / "work" / "marker.json"
    mark_folder(marker, {"sizes": ("1", "2"), "seed": 0}, holds="cells of another run")
    written = marker.stat().st_mtime_ns
    mark_folder(marker, {"sizes": ["1", "2"], "seed": 0}, holds="cells of another run")
    assert marker.stat().st_mtime_ns == written
    with pytest.raises(ConfigError, match=r"work holds cells of another run; .* choose another --out or remove it"):
        mark_folder(marker, {"sizes": ("1", "2"), "seed": 1}, holds="cells of another run")
    assert marker.stat().st_mtime_ns == written


def test_a_new_file_appears_whole(tmp_path: Path) -> None:
    with new_file(tmp_path / "deep" / "out.csv") as temporary:
        temporary.write_text("all")
        assert not (tmp_path / "deep" / "out.csv").exists()
    assert names(tmp_path / "deep") == ["out.csv"]
    assert (tmp_path / "deep" / "out.csv").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("kind", ["file", "folder", "broken link"])
def test_a_file_is_never_written_over(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("mine")
    elif kind == "folder":
        out.mkdir()
    else:
        out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"the output file .*out exists already; .*choose a new name"):
        check_new_file(out)
    with pytest.raises(DataError, match="never written over"), new_file(out):
        pass
    assert names(tmp_path) == ["out"]
    with pytest.raises(DataError, match="has no name of its own"):
        check_new_file(Path(".."))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failing_block_leaves_neither_file_nor_folder(tmp_path: Path, error: type[BaseException]) -> None:
    def write() -> None:
        with new_file(tmp_path / "deep" / "deeper" / "out") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert names(tmp_path) == []


def test_a_file_that_is_written_meanwhile_wins(tmp_path: Path) -> None:
    def write() -> None:
        with new_file(tmp_path / "out") as temporary:
            temporary.write_text("ours")
            (tmp_path / "out").write_text("theirs")

    with pytest.raises(DataError, match="exists already"):
        write()
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "theirs"
