"""Where the windows of a clip begin and end."""

import math
from dataclasses import dataclass

from affekt.errors import ConfigError

__all__ = ["Windows", "window_bounds"]


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of one length at one step.

    Raises:
        ConfigError: a length is not positive and finite, or the step is longer than the window.
    """

    seconds: float
    """Length of a window."""
    hop_seconds: float
    """From the start of one to the start of the next; at most the length, so that no sample is left out."""

    def __post_init__(self) -> None:
        for name, value in (("window", self.seconds), ("hop", self.hop_seconds)):
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"the {name} is {value:g} s; seconds above 0 were expected; choose another.")
        if self.hop_seconds > self.seconds:
            raise ConfigError(
                f"the hop of {self.hop_seconds:g} s is longer than the window of {self.seconds:g} s, so that samples "
                "would be left out; at most the window was expected; shorten the hop."
            )


def window_bounds(samples: int, windows: Windows | None, *, sample_rate: int) -> list[tuple[int, int]]:
    """First and last sample (not included) of each window.

    Windows start at 0, one hop, two hops and so on, as long as they fit. Where the last of them does not reach the end
    of the clip, one more of full length ends there, so every sample is in a window and all windows are equally long. A
    clip no longer than a window is one window; without ``windows`` every clip is.

    Args:
        samples: length of the clip.
        windows: their length and step; None is the whole clip.
        sample_rate: Hz.

    Example:
        >>> window_bounds(45, Windows(seconds=2.0, hop_seconds=1.0), sample_rate=10)
        [(0, 20), (10, 30), (20, 40), (25, 45)]
    """
    if windows is None:
        return [(0, samples)]
    size = max(1, round(windows.seconds * sample_rate))
    hop = max(1, round(windows.hop_seconds * sample_rate))
    if samples <= size:
        return [(0, samples)]
    starts = list(range(0, samples - size + 1, hop))
    if starts[-1] + size < samples:
        starts.append(samples - size)
    return [(start, start + size) for start in starts]
