"""The log mel spectrogram as a differentiable module."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affekt.audio.batching import length_mask
from affekt.audio.framing import frame
from affekt.errors import ConfigError, ShapeError
from affekt.types import FloatArray

__all__ = ["LogMel"]


class LogMel(nn.Module):
    """Natural logarithm of the power in mel bands, frame by frame.

    A frame of ``window_ms`` starts every ``hop_ms``, the first at sample 0; frames that would reach past the end of a
    clip are left out. Of each frame: the mean is removed, the signal is pre-emphasised
    (y[t] = x[t] - preemphasis * x[t-1]), multiplied with the window, zero-padded to a power of two and transformed;
    the power spectrum is summed under triangles that are evenly spaced and of equal height on the mel scale
    mel(f) = 1127 ln(1 + f / 700).

    The result of a clip does not depend on the clips beside it or on how much it is padded. The module has no
    parameters and nothing in its state dict: its settings say all.

    Conventions: with ``floor=1.1920929e-07``, ``low_hz=20`` and the other defaults this is the filter bank of Kaldi
    without dither and energy (Kaldi is usually fed samples in the 16-bit range, affekt in [-1, 1]).

    Args:
        sample_rate: Hz.
        n_mels: Bands D.
        window_ms: Length of a frame, ms.
        hop_ms: From frame to frame, ms.
        low_hz: Lower edge of the first band, Hz.
        high_hz: Upper edge of the last band, Hz; None is half the sample rate.
        floor: Power that the logarithm does not go below; the gradient is 0 there.
        window: "povey" (the Hann window to the power 0.85) or "hann", both symmetric.
        remove_mean: Subtract its mean from each frame.
        preemphasis: Coefficient of the pre-emphasis, 0 to 1; 0 is none.

    Raises:
        ConfigError: A setting is out of range, or a band is so narrow that no frequency of the transform falls in it.

    Source: the definition of the filter bank in Kaldi (Povey et al. 2011), written anew and tested against
    kaldi-native-fbank and a slow NumPy reference.
    """

    window: Tensor
    mel: Tensor

    def __init__(
        self,
        *,
        sample_rate: int = 16000,
        n_mels: int = 64,
        window_ms: float = 25.0,
        hop_ms: float = 10.0,
        low_hz: float = 50.0,
        high_hz: float | None = None,
        floor: float = 1e-10,
        window: Literal["povey", "hann"] = "povey",
        remove_mean: bool = True,
        preemphasis: float = 0.97,
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.n_mels = n_mels
        self.low_hz = low_hz
        self.high_hz = sample_rate / 2 if high_hz is None else high_hz
        self.floor = floor
        self.window_kind = window
        self.remove_mean = remove_mean
        self.preemphasis = preemphasis
        self.window_length = int(sample_rate * window_ms / 1000)
        self.hop_length = int(sample_rate * hop_ms / 1000)
        self._check()
        self.fft_length = 1 << (self.window_length - 1).bit_length()
        window_table, mel_table = self._tables(torch.float32, torch.device("cpu"))
        self.register_buffer("window", window_table, persistent=False)
        self.register_buffer("mel", mel_table, persistent=False)

    def frame_count(self, length: int) -> int:
        """Frames of a clip of ``length`` samples: 1 + (length - window) // hop, or 0 where no window fits."""
        return 0 if length < self.window_length else 1 + (length - self.window_length) // self.hop_length

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the spectrograms of a padded batch.

        Args:
            waveforms: Samples, shape (B, T), finite; float64 is computed in float64, all else in float32.
            lengths: Valid samples per clip, shape (B,), integer, each between one window and T.

        Returns:
            Features, shape (B, F, D), 0 behind the last frame of a clip, and frames per clip, shape (B,), int64.

        Raises:
            ShapeError: The shapes disagree, or a clip is shorter than one window.
        """
        self._check_batch(waveforms, lengths)
        if waveforms.dtype != torch.float64:
            waveforms = waveforms.float()
        window, mel = self.window, self.mel
        if waveforms.dtype != window.dtype:
            window, mel = self._tables(waveforms.dtype, waveforms.device)
        count = self.frame_count(waveforms.shape[1])
        frames = 1 + (lengths.to(torch.int64) - self.window_length) // self.hop_length  # (B,)
        # Mixed precision would round the power spectrum to 8 bits before the logarithm.
        with torch.autocast(waveforms.device.type, enabled=False):
            windowed = self._windowed(waveforms, window, count)  # (B, F, fft)
            spectrum = torch.view_as_real(torch.fft.rfft(windowed)).flatten(-2)  # (B, F, 2 * bins)
            power = spectrum.square() @ mel  # (B, F, D)
            features = power.clamp(min=self.floor).log()
        return features.masked_fill(~length_mask(frames, count)[..., None], 0.0), frames

    def _windowed(self, waveforms: Tensor, window: Tensor, count: int) -> Tensor:
        """Frames ready for the transform, (B, F, fft).

        Pre-emphasis is done once on the whole signal instead of on every overlapping frame. That differs only in the
        first sample of each frame, where both windows are 0. Frames are cut as long as the transform: the window is 0
        behind its own length, so padding costs no copy.
        """
        tail = (count - 1) * self.hop_length + self.fft_length - waveforms.shape[1]
        padded = F.pad(waveforms, (1, tail))  # (B, 1 + T')
        signal = torch.sub(padded[:, 1:], padded[:, :-1], alpha=self.preemphasis)
        frames = frame(signal, window=self.fft_length, hop=self.hop_length)  # (B, F, fft)
        if self.remove_mean:
            used = (count - 1) * self.hop_length + self.window_length
            mean = frame(waveforms[:, :used], window=self.window_length, hop=self.hop_length).mean(-1, keepdim=True)
            frames = frames - (1.0 - self.preemphasis) * mean
        return frames * window

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Compute the tables anew after a move, so that half precision on the way leaves no trace in them."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        dtype = self.window.dtype if self.window.dtype == torch.float64 else torch.float32
        self.window, self.mel = self._tables(dtype, self.window.device)
        return self

    def _tables(self, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
        """The window, (fft,), and the bands for real and imaginary parts side by side, (2 * bins, D)."""
        window = np.zeros(self.fft_length)
        turn = 2 * np.pi * np.arange(self.window_length) / (self.window_length - 1)
        hann = np.maximum(0.5 - 0.5 * np.cos(turn), 0.0)
        window[: self.window_length] = hann**0.85 if self.window_kind == "povey" else hann
        mel = self._bands().repeat(2, axis=0)
        return torch.as_tensor(window, dtype=dtype, device=device), torch.as_tensor(mel, dtype=dtype, device=device)

    def _bands(self) -> FloatArray:
        """Weight of each frequency of the transform in each band, (bins, D)."""
        frequencies = np.arange(self.fft_length // 2 + 1) * self.sample_rate / self.fft_length
        mels = 1127.0 * np.log1p(frequencies / 700.0)[:, None]  # (bins, 1)
        low, high = 1127.0 * np.log1p(np.array([self.low_hz, self.high_hz]) / 700.0)
        edges = np.linspace(low, high, self.n_mels + 2)
        left, centre, right = edges[:-2], edges[1:-1], edges[2:]
        weights = np.minimum((mels - left) / (centre - left), (right - mels) / (right - centre)).clip(min=0.0)
        empty = int((weights.sum(axis=0) == 0).sum())
        if empty:
            raise ConfigError(
                f"{empty} of {self.n_mels} bands hold no frequency of the {self.fft_length}-point transform "
                f"(got {self.low_hz} to {self.high_hz} Hz); expected at least one each; "
                "lower n_mels or lengthen window_ms."
            )
        return np.asarray(weights)

    def _check(self) -> None:
        """Refuse settings out of range."""
        half = self.sample_rate / 2
        settings = [
            ("sample_rate", self.sample_rate, self.sample_rate > 0, "Hz above 0"),
            ("n_mels", self.n_mels, self.n_mels >= 1, "at least 1"),
            ("window_ms", self.window_length, self.window_length >= 2, "at least 2 samples"),
            ("hop_ms", self.hop_length, self.hop_length >= 1, "at least 1 sample"),
            ("low_hz", self.low_hz, 0 <= self.low_hz < self.high_hz, "0 <= low_hz < high_hz"),
            ("high_hz", self.high_hz, self.high_hz <= half, f"at most half the sample rate, {half} Hz"),
            ("floor", self.floor, 0 < self.floor < np.inf, "a power above 0"),
            ("window", self.window_kind, self.window_kind in ("povey", "hann"), "'povey' or 'hann'"),
            ("preemphasis", self.preemphasis, 0 <= self.preemphasis <= 1, "0 to 1"),
        ]
        for name, got, fine, expected in settings:
            if not fine:
                raise ConfigError(f"{name} is out of range (got {got!r}); expected {expected}; change {name}.")

    def _check_batch(self, waveforms: Tensor, lengths: Tensor) -> None:
        if waveforms.ndim != 2 or lengths.shape != waveforms.shape[:1] or waveforms.shape[0] == 0:
            raise ShapeError(
                f"waveforms must be (B, T) and lengths (B,) (got {tuple(waveforms.shape)} and {tuple(lengths.shape)}); "
                "use pad_batch."
            )
        if lengths.dtype.is_floating_point or not waveforms.dtype.is_floating_point:
            raise ShapeError(
                f"waveforms must be floats and lengths integers (got {waveforms.dtype} and {lengths.dtype}); "
                "use pad_batch."
            )
        shortest, longest = int(lengths.min()), int(lengths.max())
        if shortest < self.window_length:
            raise ShapeError(
                f"every clip must hold at least {self.window_length} samples, one window (got {shortest}); "
                "pad or drop shorter clips."
            )
        if longest > waveforms.shape[1]:
            raise ShapeError(
                f"lengths must be at most T = {waveforms.shape[1]} (got {longest}); use the lengths of pad_batch."
            )
