"""Recordings of known level, and a model whose answer is known: it hears level."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from affekt.errors import ShapeError
from affekt.prediction import Outputs, Scores
from affekt.types import Waveform

LEAST = 160


class LevelScorer:
    """Logits (mean, -mean) and the attribute arousal, 1 + 6 * the largest sample; notes the sizes of its batches."""

    def __init__(self, *, multi_label: bool = False, least: int = LEAST) -> None:
        self.outputs = Outputs(classes=("up", "down"), attributes=("arousal",), multi_label=multi_label)
        self.least = least
        self.batches: list[list[int]] = []

    def __call__(self, clips: Sequence[Waveform]) -> Scores:
        self.batches.append([len(clip) for clip in clips])
        if min(self.batches[-1]) < self.least:
            raise ShapeError("a clip is too short.")
        means = np.array([clip.mean() for clip in clips])
        return Scores(
            logits=np.stack([means, -means], axis=1).astype(np.float32),
            attributes=np.array([[1 + 6 * clip.max()] for clip in clips], np.float32),
            intents=np.empty((len(clips), 0), np.float32),
        )


@pytest.fixture(scope="session")
def level_scorer() -> Callable[..., LevelScorer]:
    """:class:`LevelScorer`."""
    return LevelScorer


@pytest.fixture
def write_level(tmp_path: Path) -> Callable[..., str]:
    """Write a recording whose samples rise from 0 to ``level``: ``write_level("a.wav", level, seconds)``."""

    def write(name: str, level: float, seconds: float) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.linspace(0.0, level, round(16000 * seconds)), 16000, subtype="FLOAT")
        return str(path)

    return write
