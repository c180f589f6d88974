"""Overlapping windows of a signal."""

from torch import Tensor

from affekt.errors import ConfigError, ShapeError

__all__ = ["frame"]


def frame(waveforms: Tensor, *, window: int, hop: int) -> Tensor:
    """Cut signals into overlapping frames; frames that would reach past the end are left out.

    Args:
        waveforms: Samples, shape (..., T) with T >= window.
        window: Samples per frame.
        hop: Samples from the start of a frame to the start of the next.

    Returns:
        Frames, shape (..., F, window) with F = 1 + (T - window) // hop: a view on the input, differentiable. Clone it
        before writing into it, because frames share samples.

    Raises:
        ShapeError: T < window.
        ConfigError: The window or the hop is not positive.
    """
    if window < 1 or hop < 1:
        raise ConfigError(
            f"window and hop must be >= 1 (got {window} and {hop}); expected samples; pass positive ones."
        )
    if waveforms.ndim == 0 or waveforms.shape[-1] < window:
        raise ShapeError(
            f"waveforms must be (..., T) with T >= {window} (got {tuple(waveforms.shape)}); pad or drop shorter clips."
        )
    return waveforms.unfold(-1, window, hop)  # (..., F, window)
