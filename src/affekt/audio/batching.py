"""Clips of different lengths as one tensor and the lengths that belong to it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from affekt.errors import ShapeError
from affekt.types import FloatArray

__all__ = ["length_mask", "pad_batch"]


def pad_batch(clips: Sequence[FloatArray | Tensor]) -> tuple[Tensor, Tensor]:
    """Put clips of different lengths into one tensor, with zeros behind the shorter ones.

    Args:
        clips: B arrays or tensors, each of shape (T_b,).

    Returns:
        Waveforms, shape (B, T) with T the longest length, float32, and lengths, shape (B,), int64. Both lie on the
        device of the first clip (the CPU for arrays).

    Raises:
        ShapeError: There is no clip, or one has more than one axis or no sample.
    """
    if len(clips) == 0:
        raise ShapeError("clips must hold at least one clip (got 0); pass a sequence of (T,) waveforms.")
    tensors = [clip if isinstance(clip, Tensor) else torch.from_numpy(np.array(clip)) for clip in clips]
    for index, clip in enumerate(tensors):
        if clip.ndim != 1 or clip.numel() == 0:
            raise ShapeError(
                f"clip {index} must be (T,) with T >= 1 (got {tuple(clip.shape)}); pass one channel of one clip."
            )
    device = tensors[0].device
    lengths = torch.tensor([len(clip) for clip in tensors], dtype=torch.int64, device=device)
    waveforms = torch.nn.utils.rnn.pad_sequence([clip.to(device, torch.float32) for clip in tensors], batch_first=True)
    return waveforms, lengths


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """Where a padded batch holds data.

    Args:
        lengths: Valid items per row, shape (B,), integer, each within 0..size.
        size: Number of columns.

    Returns:
        Shape (B, size), bool; True at column t of row b where t < lengths[b].

    Raises:
        ShapeError: The lengths are not one axis of integers.
    """
    if lengths.ndim != 1 or lengths.dtype.is_floating_point or lengths.dtype == torch.bool:
        raise ShapeError(
            f"lengths must be (B,) integers (got {tuple(lengths.shape)} of {lengths.dtype}); use those of pad_batch."
        )
    return torch.arange(size, device=lengths.device) < lengths[:, None]  # (B, size)
