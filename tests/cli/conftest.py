"""Tiny corpora of tones, a model trained on one, and a way to run the command line in this process."""

import csv
import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from affekt.cli import main

EMOTIONS = {"anger": 9.0, "neutral": 0.0, "sadness": 3.0}
"""Emotion -> how many times a second the tone swells, in Hz."""

FAST = "epochs = 3\nbatch_size = 16\nheldout_fraction = 0.15\n"
"""Training settings that take a second."""


def _write_corpus(
    folder: Path, *, speakers: int = 6, takes: int = 4, seconds: float = 0.6, rate: int = 16000, easy: bool = False
) -> Path:
    """A corpus whose emotions differ by the modulation of a tone and whose speakers differ by its pitch.

    In an ``easy`` one the emotions also have their own octaves.
    """
    generator = np.random.default_rng(7)
    (folder / "audio").mkdir(parents=True)
    rows = []
    for number in range(speakers):
        speaker = f"{number:02d}"
        for emotion, swell in EMOTIONS.items():
            for take in range(takes):
                time = np.arange(round(seconds * rate)) / rate
                pitch = (150 + 25 * number + 3 * take) * (4 ** list(EMOTIONS).index(emotion) if easy else 1)
                tone = np.sin(2 * np.pi * pitch * time)
                level = 0.5 + 0.45 * np.sin(2 * np.pi * swell * time + generator.uniform(0, 6))
                samples = 0.3 * tone * level + 0.003 * generator.standard_normal(len(time))
                name = f"{speaker}-{emotion}-{take}"
                soundfile.write(folder / "audio" / f"{name}.wav", samples, rate, subtype="PCM_16")
                rows.append({"file": f"audio/{name}.wav", "utterance": name, "speaker": speaker, "emotion": emotion})
    CsvRows.write(folder / "utterances.csv", rows)
    return folder


class CsvRows:
    """Tables as rows of text."""

    @staticmethod
    def read(path: Path) -> list[dict[str, str]]:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    @staticmethod
    def write(path: Path, rows: list[dict[str, str]]) -> None:
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture(scope="session")
def csv_rows() -> type[CsvRows]:
    """Read and write tables: ``csv_rows.read(path)``, ``csv_rows.write(path, rows)``."""
    return CsvRows


@pytest.fixture(scope="session")
def write_corpus() -> Callable[..., Path]:
    """Write a tiny corpus into a folder: ``write_corpus(folder, speakers=6, takes=4, seconds=0.6, easy=False)``."""
    return _write_corpus


def _snapshot(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="session")
def snapshot() -> Callable[[Path], dict[str, str]]:
    """Every path under a folder with a digest of what is there."""
    return _snapshot


NOTES = re.compile(r"\(\d+ of \d+\)$|\(--split \w+\)$")
"""Notes that may stand before the sentence."""


@dataclass(frozen=True)
class Ran:
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture
def affekt(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line in this process: ``affekt("train", corpus, "--out", model)``."""

    def run(*words: object) -> Ran:
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Ran(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``corpus``, ``fast.toml`` and ``model``, which no test may change."""
    folder = tmp_path_factory.mktemp("shared")
    _write_corpus(folder / "corpus")
    (folder / "fast.toml").write_text(FAST, encoding="utf-8")
    words = ["train", folder / "corpus", "--out", folder / "model", "--config", folder / "fast.toml", "--quiet"]
    assert main([str(word) for word in words]) == 0
    return folder


@pytest.fixture
def place(shared: Path, tmp_path: Path) -> Path:
    """A copy of the shared folder that a test may spoil."""
    return Path(shutil.copytree(shared, tmp_path / "place"))


@pytest.fixture
def refused(affekt: Callable[..., Ran], place: Path, snapshot: Callable[[Path], dict[str, str]]) -> Callable[..., str]:
    """Run a command that must be refused, with exit code 2 and nothing changed in ``place``; gives its sentence."""

    def run(*words: object) -> str:
        before = snapshot(place)
        ran = affekt(*words)
        assert ran.code == 2, ran
        assert ran.out == ""
        lines = [line for line in ran.err.splitlines() if not NOTES.search(line)]
        assert len(lines) == 1, ran.err
        assert lines[0].startswith("affekt: ")
        assert lines[0].endswith((".", "?"))
        assert "Traceback" not in ran.err
        assert snapshot(place) == before
        return lines[0].removeprefix("affekt: ")

    return run
