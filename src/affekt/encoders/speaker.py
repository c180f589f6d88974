"""Speaker embeddings: one vector a recording, closer for the same voice than for others.

Any function of that kind can be used where one is asked for. The built-in one is ours and needs no weights: statistics
over time of the cepstrum and its changes, without pitch. It tells voices apart in one recording condition better than
chance, and is no match for a trained one.
"""

from typing import TYPE_CHECKING, Protocol

import numpy as np

from affekt.errors import ConfigError, ShapeError
from affekt.types import FloatArray, Waveform

if TYPE_CHECKING:
    from affekt.audio import LogMel

__all__ = ["SpeakerEncoder", "SpeakerStatistics", "similarity"]


class SpeakerEncoder(Protocol):
    """A recording in, one vector of length 1 out."""

    width: int
    """D, numbers a recording."""

    def embed(self, waveform: Waveform) -> FloatArray:
        """(T,) at 16 kHz -> (D,) float32, of length 1."""


class SpeakerStatistics:
    """Means and deviations of cepstral coefficients and of their changes, over the louder frames.

    A change of gain changes nothing. Deterministic.

    Args:
        coefficients: cepstral coefficients, from the first (not the zeroth, which is the level), 2 to 39.

    Raises:
        ConfigError: the number is out of range.
    """

    def __init__(self, *, coefficients: int = 20) -> None:
        if not 2 <= coefficients <= 39:
            raise ConfigError(f"coefficients is {coefficients}; 2 to 39 were expected; change it.")
        self.coefficients = coefficients
        self.width = 3 * coefficients
        self._mel: LogMel | None = None

    def embed(self, waveform: Waveform) -> FloatArray:
        """(T,) at 16 kHz, at least 0.1 s -> (D,) float32, of length 1.

        Raises:
            ShapeError: it is not one channel or too short.
        """
        import torch
        from scipy.fft import dct

        from affekt.audio import LogMel

        samples = np.asarray(waveform, dtype=np.float32)
        if samples.ndim != 1 or len(samples) < 1600:
            raise ShapeError(
                f"waveform must be (T,) with T >= 1600 (got {samples.shape}); pass one channel of at least 0.1 s."
            )
        if self._mel is None:
            self._mel = LogMel(n_mels=40, low_hz=60.0)
        features, _ = self._mel(torch.from_numpy(samples.copy()).unsqueeze(0), torch.tensor([len(samples)]))
        mel = features[0].double().numpy()  # (F, 40)
        level = mel.mean(1)
        cepstra = dct(mel, type=2, norm="ortho", axis=1)[:, 1 : self.coefficients + 1]  # (F, C)
        change = np.gradient(cepstra, axis=0)
        loud = level >= np.median(level)
        spread = 1.0 / np.sqrt(np.arange(1, self.coefficients + 1))  # high coefficients are small
        parts = [cepstra[loud].mean(0), cepstra[loud].std(0), change[loud].std(0)]
        vector = np.concatenate([part / spread for part in parts])
        return np.asarray(vector / max(np.linalg.norm(vector), 1e-12), dtype=np.float32)


def similarity(first: FloatArray, second: FloatArray) -> FloatArray:
    """Cosine of every pair: (N, D), (M, D) -> (N, M), -1 to 1."""
    first, second = np.atleast_2d(first).astype(np.float64), np.atleast_2d(second).astype(np.float64)
    scale = np.linalg.norm(first, axis=1)[:, None] * np.linalg.norm(second, axis=1)[None, :]
    return np.asarray(first @ second.T / np.maximum(scale, 1e-12))
