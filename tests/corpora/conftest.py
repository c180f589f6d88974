"""Tiny recordings and, where they are, the real corpora."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from affekt.corpora import Corpus


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
