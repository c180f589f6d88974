"""Floor 0: what a recording is before anyone knows what is felt in it.

- :mod:`~affekt.audio.io`: :func:`info`, :func:`load`, :func:`resample`, :func:`level_db`, :func:`set_level`.
- :mod:`~affekt.audio.folder`: :data:`SUFFIXES`, :func:`recordings_in`; what counts as a recording.
- :mod:`~affekt.audio.containers`: finds wav and ogg files that lost their end.
- :mod:`~affekt.audio.fingerprint`: finds the same recording under other names, also when it was changed a little.
- :mod:`~affekt.audio.augmentation`: recordings changed a little or a lot; import it by its own name.
- :mod:`~affekt.audio.batching`: :func:`pad_batch`, :func:`length_mask`; clips of different lengths as one tensor.
- :mod:`~affekt.audio.framing`: :func:`frame`; overlapping windows of a signal.
- :mod:`~affekt.audio.spectrogram`: :class:`LogMel`; the log mel spectrogram as a differentiable module.

The first five need no torch; the others do, and it is imported when one of their names is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from affekt.audio.folder import SUFFIXES, recordings_in
from affekt.audio.io import AudioInfo, info, level_db, load, resample, set_level

if TYPE_CHECKING:
    from affekt.audio.batching import length_mask, pad_batch
    from affekt.audio.framing import frame
    from affekt.audio.spectrogram import LogMel

__all__ = [
    "SUFFIXES",
    "AudioInfo",
    "LogMel",
    "frame",
    "info",
    "length_mask",
    "level_db",
    "load",
    "pad_batch",
    "recordings_in",
    "resample",
    "set_level",
]

_NEEDS_TORCH = {
    "LogMel": "affekt.audio.spectrogram",
    "frame": "affekt.audio.framing",
    "length_mask": "affekt.audio.batching",
    "pad_batch": "affekt.audio.batching",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDS_TORCH:
        return getattr(import_module(_NEEDS_TORCH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
