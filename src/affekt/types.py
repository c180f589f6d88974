"""Types that several floors speak of."""

from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "IntArray", "PathLike", "Waveform"]

PathLike: TypeAlias = str | Path
"""A path as text or as :class:`pathlib.Path`."""

Waveform: TypeAlias = npt.NDArray[np.float32]
"""Samples, float32 in [-1, 1], shape (..., T), 16 kHz unless the name says otherwise."""

FloatArray: TypeAlias = npt.NDArray[np.floating]
"""Any real array."""

IntArray: TypeAlias = npt.NDArray[np.integer]
"""Any integer array."""
