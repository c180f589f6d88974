"""The log mel spectrogram that Whisper was trained on, for clips at their own length.

The definition of Radford et al., "Robust speech recognition via large-scale weak supervision" (2022), written anew and
tested against the feature extractor of transformers.
"""

import numpy as np
import torch
from torch import Tensor, nn

from affekt.audio.batching import length_mask
from affekt.audio.framing import frame
from affekt.types import FloatArray

__all__ = ["WhisperMel", "slaney_bands"]

WINDOW = 400
HOP = 160
SAMPLE_RATE = 16000


class WhisperMel(nn.Module):
    """Base-10 logarithm of the power in Slaney's mel bands, at most 8 below the clip's maximum, plus 4, over 4.

    A frame of 400 samples (periodic Hann window) is centred on every 160th sample; the clip is continued by its mirror
    image at both ends. Frames are T // 160. The module has no parameters and nothing in its state dict.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__()
        self.n_mels = n_mels
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)
        self.register_buffer("bands", torch.as_tensor(slaney_bands(n_mels), dtype=torch.float32), persistent=False)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T), (B,) -> (B, F, M), 0 behind a clip's last frame, and frames (B,); clips of more than 200 samples."""
        counts = lengths.to(torch.int64) // HOP
        size = waveforms.shape[1] // HOP if torch.compiler.is_exporting() else int(counts.max())
        # position of every sample of the continued signal in the clip
        place = torch.arange(-WINDOW // 2, (size - 1) * HOP + WINDOW // 2, device=waveforms.device).abs()
        place = place.expand(len(waveforms), -1)
        last = lengths.to(torch.int64).unsqueeze(1) - 1
        place = torch.where(place > last, 2 * last - place, place)  # mirrored; negative far behind a clip's end
        waveforms = waveforms if waveforms.dtype == torch.float64 else waveforms.float()
        signal = waveforms.gather(1, place.clamp_min(0))
        frames = frame(signal, window=WINDOW, hop=HOP) * self.window.to(signal.dtype)  # (B, F, 400)
        with torch.autocast(waveforms.device.type, enabled=False):
            power = torch.view_as_real(torch.fft.rfft(frames)).square().sum(-1)  # (B, F, 201)
            levels = (power @ self.bands.to(signal.dtype)).clamp_min(1e-10).log10()  # (B, F, M)
        mask = length_mask(counts, size).unsqueeze(-1)
        top = levels.masked_fill(~mask, float("-inf")).amax((1, 2), keepdim=True)
        return ((torch.maximum(levels, top - 8.0) + 4.0) / 4.0).masked_fill(~mask, 0.0), counts


def slaney_bands(n_mels: int) -> FloatArray:
    """Weight of each of 201 frequencies in each band, (201, M): triangles of equal area, 0 to 8 kHz.

    Slaney's scale is linear up to 1 kHz (3 mels per 200 Hz) and logarithmic above (27 mels for a factor of 6.4).
    """
    top = 15.0 + 27.0 * np.log(8.0) / np.log(6.4)
    mels = np.linspace(0.0, top, n_mels + 2)
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * 6.4 ** ((mels - 15.0) / 27.0))
    frequencies = np.linspace(0.0, SAMPLE_RATE / 2, WINDOW // 2 + 1)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (frequencies - left) / (centre - left), (right - frequencies) / (right - centre)
    return np.asarray(np.minimum(rising, falling).clip(min=0.0) * 2.0 / (right - left))
