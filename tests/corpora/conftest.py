"""Tiny recordings and, where they are, the real corpora."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile

from affekt.corpora import READERS, Corpus, open_corpus


@pytest.fixture
def tone(tmp_path: Path) -> Callable[..., Path]:
    """Write a tone under tmp_path; its frequency tells recordings apart."""

    def write(file: str, *, hz: float = 200.0, seconds: float = 0.1, rate: int = 16000, gain: float = 0.3) -> Path:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        times = np.arange(round(seconds * rate)) / rate
        soundfile.write(path, (gain * np.sin(2 * np.pi * hz * times)).astype(np.float32), rate)
        return path

    return write


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Folder of a real corpus; skips where there is none."""

    def find(name: str) -> Path:
        root = Path(os.environ.get("AFFEKT_DATA", Path(__file__).parents[3] / "shared" / "data"))
        if not (root / name / "utterances.csv").is_file():
            pytest.skip(f"no {name} under AFFEKT_DATA ({root})")
        return root / name

    return find


@pytest.fixture
def people() -> Callable[..., Corpus]:
    """A corpus without recordings: some utterances of each of some speakers."""

    def make(speakers: int, *, each: int = 2, sexes: str = "fm", **columns: list[str | None]) -> Corpus:
        ids = [f"{k:02d}" for k in range(1, speakers + 1) for _ in range(each)]
        table = pl.DataFrame(
            {
                "file": [f"{speaker}/{i}.wav" for i, speaker in enumerate(ids)],
                "speaker": ids,
                "sex": [sexes[int(speaker) % len(sexes)] if sexes else None for speaker in ids],
                "emotion": [("anger", "joy")[i % 2] for i in range(len(ids))],
                **columns,
            }
        )
        return Corpus(name="people", root=Path("nowhere"), table=table)

    return make


@pytest.fixture
def row(tmp_path: Path) -> Callable[[str, str], dict[str, Any]]:
    """What a reader makes of one file."""

    def read(name: str, file: str) -> dict[str, Any]:
        path = tmp_path / "deep" / "down" / file
        path.parent.mkdir(parents=True)
        path.touch()
        corpus = READERS[name](tmp_path)
        assert len(corpus) == 1
        assert corpus.path(0) == path
        known = corpus.table.row(0, named=True)
        return {key: value for key, value in known.items() if value is not None and key != "file"}

    return read


@pytest.fixture
def same_as_its_table(shared_data: Callable[[str], Path]) -> Callable[[str], bool]:
    """Whether the names of a real corpus say what its utterances.csv says."""

    def compare(name: str) -> bool:
        folder = shared_data(name.replace("-", "_"))
        said, told = READERS[name](folder).table.sort("file"), open_corpus(folder).table.sort("file")
        columns = ["file", "speaker", "sex", "age", "language", "text", "emotion", "intensity"]
        same_sentence = (
            said["sentence"].equals(told["sentence"])
            if "sentence" in said.columns
            else told["sentence"].null_count() == len(told)
        )
        return said.select(columns).equals(told.select(columns)) and same_sentence

    return compare
