"""How the pages write numbers: shares in percent, differences in points, a proper minus sign, units once."""

from collections.abc import Callable

__all__ = ["number", "percent", "points", "span", "tenths"]

_NBSP = "\N{NO-BREAK SPACE}"


def percent(share: float) -> str:
    """A share in whole percent."""
    return f"{100 * share:.0f}{_NBSP}%"


def tenths(share: float) -> str:
    """A share in percent with one decimal."""
    return f"{100 * share:.1f}{_NBSP}%"


def number(value: float) -> str:
    """Three decimals, with a proper minus sign."""
    return f"{value:.3f}".replace("-", "−")


def points(change: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * change:+.1f} points".replace("-", "−")


def span(low: float, high: float, write: Callable[[float], str]) -> str:
    """Two numbers with their unit once."""
    return f"{write(low).removesuffix(' points').removesuffix(f'{_NBSP}%')} to {write(high)}"
