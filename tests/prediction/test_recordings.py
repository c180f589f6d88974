"""What a user can point at."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from affekt.corpora.text_corpus import text_of
from affekt.errors import DataError
from affekt.prediction import Recording, find_recordings, read_list

Write = Callable[..., str]


def test_files_and_folders_in_order_and_once(write_level: Write, tmp_path: Path) -> None:
    names = [write_level(name, 0.1, 0.1) for name in ("set/b.wav", "set/deep/a.WAV", "c.wav")]
    (tmp_path / "set" / "notes.txt").write_text("no recording")
    found = find_recordings([names[2], tmp_path / "set", names[0]])
    assert [recording.file for recording in found] == [names[2], names[0], names[1]]


@pytest.mark.parametrize("how", ["folder", "table", "folder with corpus.toml"])
def test_the_segments_of_a_corpus_are_honoured(write_level: Write, tmp_path: Path, how: str) -> None:
    file = write_level("audio/a.wav", 0.5, 2.0)
    name = "mine.csv" if how == "table" else "utterances.csv"
    (tmp_path / name).write_text("utterance,file,start,end\nx,audio/a.wav,0.5,1.0\ny,audio/a.wav,1.0,\n")
    if how == "folder with corpus.toml":
        (tmp_path / "corpus.toml").write_text('name = "mine"\n')
    found = find_recordings([tmp_path / name if how == "table" else tmp_path])
    assert found == [Recording(file=file, start=0.5, end=1.0), Recording(file=file, start=1.0)]
    assert [len(recording.load(sample_rate=16000)) for recording in found] == [8000, 16000]
    whole = Recording(file=file).load(sample_rate=16000)
    assert np.array_equal(found[0].load(sample_rate=16000), whole[8000:16000])


def test_a_corpus_says_what_is_spoken(write_level: Write, tmp_path: Path) -> None:
    file = write_level("a.wav", 0.1, 0.1)
    (tmp_path / "mine.csv").write_text("file,text\na.wav,so it is\n")
    (told,) = find_recordings([tmp_path / "mine.csv", file])  # once, though it is named twice
    assert text_of(told.read()) == "so it is"
    with pytest.raises(DataError, match=r"nothing says what is spoken in .*a\.wav \(got no text\)"):
        Recording(file=file).read()
    with pytest.raises(DataError, match=r"nothing says what is spoken in standard input"):
        Recording(file="-", content=b"RIFF").read()


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_recording_on_standard_input(kind: str) -> None:
    samples = np.linspace(-0.5, 0.5, 8000)
    stream = io.BytesIO()
    soundfile.write(stream, samples, 16000, format=kind, subtype="PCM_16")
    (recording,) = find_recordings(["-"], stdin=io.BytesIO(stream.getvalue()))
    assert recording.file == "-"
    assert recording.load(sample_rate=16000) == pytest.approx(samples, abs=1e-4)


def test_a_stream_that_does_not_know_its_length(write_level: Write) -> None:
    """Programs that write wav into a pipe put the largest number where the length belongs."""
    content = bytearray(Path(write_level("a.wav", 0.5, 0.5)).read_bytes())
    at = content.index(b"data") + 4
    content[4:8] = content[at : at + 4] = b"\xff\xff\xff\xff"
    (recording,) = find_recordings(["-"], stdin=io.BytesIO(bytes(content)))
    assert len(recording.load(sample_rate=16000)) == 8000


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", r"standard input is empty \(got 0 bytes\)"),
        (b"words, no sound", r"standard input is not readable audio"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", r"standard input is not readable audio"),
    ],
)
def test_bad_standard_input_is_called_so(content: bytes, match: str) -> None:
    with pytest.raises(DataError, match=match):
        find_recordings(["-"], stdin=io.BytesIO(content))[0].load(sample_rate=16000)


def test_no_standard_input() -> None:
    with pytest.raises(DataError, match="there is no standard input"):
        find_recordings(["-"])


def test_folder_without_recordings(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(DataError, match=r"holds no recording; files ending in \.flac, \.mp3, \.ogg, \.wav"):
        find_recordings([tmp_path])


def test_table_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("path\nx.wav\n")
    with pytest.raises(DataError, match="no column 'file'"):
        find_recordings([tmp_path / "a.csv"])
    with pytest.raises(DataError, match="there is no corpus at"):
        find_recordings([tmp_path / "b.parquet"])


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_lists(tmp_path: Path, ends: str) -> None:
    content = ends.join(["a b.wav", "", "ü.wav", "  ", "c\u2028d.wav", ""]).encode() + b"caf\xe9.wav"
    (tmp_path / "list.txt").write_bytes(content)
    expected = ["a b.wav", "ü.wav", "c\u2028d.wav", "caf\udce9.wav"]
    assert read_list(tmp_path / "list.txt") == expected
    assert read_list("-", stdin=io.BytesIO(content)) == expected


@pytest.mark.parametrize(
    ("content", "match"),
    [(None, "cannot be read"), (b"\n \n", "names no path"), (b"RIFF\0\0", "is no text")],
)
def test_bad_lists(tmp_path: Path, content: bytes | None, match: str) -> None:
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(DataError, match=rf"list\.txt {match}"):
        read_list(tmp_path / "list.txt")


def test_nothing_of_it_loads_torch() -> None:
    code = "import sys, affekt.prediction; sys.exit(bool({'torch', 'onnxruntime', 'polars'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
