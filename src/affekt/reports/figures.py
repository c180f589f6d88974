"""Plots as inline SVG: no colours of their own for text and lines, so that they follow the page, light or dark.

Figures are drawn on their own canvas; matplotlib's global state is not touched beyond a local context of settings.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from affekt.metrics.deletion_rules import MINIMUM_COUNT
from affekt.types import FloatArray

__all__ = ["PALETTE", "Bar", "Point", "Strip", "bar_figure", "loss_figure", "scatter_figure"]

PALETTE = (
    "#4477AA", "#CC6677", "#228833", "#AA7744", "#8866AA", "#33A0A8", "#BB5500", "#777799", "#AA4499", "#6B8E23",
    "#2F7FB5", "#B0413E", "#5F7F5F", "#C08A2B",
)  # fmt: skip
"""Colours that can be told apart and read on white and on dark grey."""

_INK = "#010203"
"""Stands for the page's own text colour while matplotlib draws; replaced by currentColor."""
_FAINT = "#010204"
"""Likewise for grid lines; replaced by a see-through currentColor."""

_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "affekt",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11.0,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.linewidth": 0.8,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
}


@dataclass(frozen=True, kw_only=True)
class Strip:
    """One distribution of losses."""

    label: str
    losses: FloatArray
    colour: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One estimate with its interval, as a share."""

    label: str
    estimate: float
    low: float
    high: float
    colour: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """One method in one panel."""

    label: str
    x: float
    y: float
    size: float
    """Larger is more of whatever size stands for; in points squared."""
    colour: str
    marker: str = "o"


def loss_figure(strips: Sequence[Strip], *, target: float | None, alt: str) -> str:
    """Distributions of the probability given to the right emotion, one above the other, each with its mean loss.

    The axis is linear in the loss and labelled with exp(-loss). Few recordings are shown by their mean alone, because
    their single losses would be a person's data.
    """
    with _context():
        everything = np.concatenate([strip.losses for strip in strips])
        limit = float(np.clip(1.05 * np.quantile(everything, 0.99), 2.4, 12.0))
        figure, axes = _figure(7.6, 0.5 + 1.05 * len(strips))
        edges = np.linspace(0.0, limit, 25)
        shown = [strip for strip in strips if len(strip.losses) >= MINIMUM_COUNT]
        counts = {
            id(strip): np.histogram(np.minimum(strip.losses, limit), edges)[0] / len(strip.losses) for strip in shown
        }
        tallest = max([float(count.max()) for count in counts.values()], default=1.0)
        for row, strip in enumerate(strips):
            base = len(strips) - 1 - row
            axes.axhline(base, color=_FAINT, linewidth=0.8, zorder=0)
            if id(strip) in counts:
                heights = 0.62 * counts[id(strip)] / tallest
                axes.bar(
                    edges[:-1],
                    heights,
                    np.diff(edges) * 0.92,
                    bottom=base,
                    align="edge",
                    color=strip.colour,
                    linewidth=0,
                )
            if target is not None and target <= limit:
                axes.plot([target] * 2, [base, base + 0.66], color=_INK, linewidth=1.0, linestyle=(0, (3, 3)))
            mean = min(float(strip.losses.mean()), limit)
            axes.plot([mean, mean], [base, base + 0.66], color=_INK, linewidth=2.4, solid_capstyle="butt")
            axes.text(0.004 * limit, base + 0.72, strip.label, ha="left", va="bottom", fontsize=11)
            if float(strip.losses.mean()) > limit:
                axes.text(
                    limit, base + 0.1, f"mean loss {strip.losses.mean():.1f}, off the picture", ha="right", fontsize=9
                )
        shares: list[float] = []
        for share in (0.99, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001, 1e-4):
            # a label needs about a fourteenth of the axis
            room = -np.log(share) + np.log(shares[-1]) if shares else limit
            if -np.log(share) <= limit and room >= limit / 14:
                shares.append(share)
        axes.set_xticks([-np.log(share) for share in shares], [_percent(share) for share in shares])
        axes.set_xlim(0.0, limit)
        axes.set_ylim(-0.25, len(strips) + 0.02)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("Probability the model gives to the right emotion (sure on the left, wrong on the right)")
        return _svg(figure, name="loss", alt=alt)


def bar_figure(bars: Sequence[Bar], *, chance: float, alt: str) -> str:
    """Estimates with intervals beside each other, with a line at chance."""
    with _context():
        figure, axes = _figure(7.6, 0.95 + 0.42 * len(bars))
        for row, bar in enumerate(reversed(bars)):
            axes.plot([bar.low, bar.high], [row, row], color=bar.colour, linewidth=7, alpha=0.38, solid_capstyle="butt")
            axes.plot([bar.estimate], [row], marker="o", color=bar.colour, markersize=9, clip_on=False)
            axes.text(1.02, row, _percent(round(bar.estimate, 2)), ha="left", va="center")
        axes.plot([chance, chance], [-0.6, len(bars) - 0.5], color=_INK, linewidth=1.0, linestyle=(0, (3, 3)))
        axes.text(chance, len(bars) - 0.44, "guessing", ha="center", va="bottom", fontsize=9)
        axes.set_yticks(range(len(bars)), [bar.label for bar in reversed(bars)])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(-0.6, len(bars) - 0.1)
        axes.set_xticks(np.linspace(0, 1, 6), [_percent(share) for share in np.linspace(0, 1, 6)])
        axes.grid(axis="x", color=_FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        return _svg(figure, name="bars", alt=alt)


def scatter_figure(
    panels: Mapping[str, Sequence[Point]], *, x_label: str, y_label: str, alt: str, standalone: bool = False
) -> str:
    """One panel a size of forget set, shared axes, a legend below, the wanted place marked by lines.

    ``standalone`` makes a file of its own with fixed colours instead of an element for an HTML page.
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    names: dict[str, Point] = {}
    for points in panels.values():
        for point in points:
            names.setdefault(point.label, point)
    legend = 0.28 * (-(-len(names) // 3)) + 0.5
    height = 3.0 * rows + legend
    with _context():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(max(4.6, 3.5 * columns), height), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, (title, points) in zip(grid.flat, panels.items(), strict=False):
            axes.axhline(0.0, color=_INK, linewidth=0.8, linestyle=(0, (3, 3)))
            axes.axvline(0.0, color=_INK, linewidth=0.8, linestyle=(0, (3, 3)))
            for point in points:
                axes.scatter(
                    [point.x], [point.y], s=point.size, color=point.colour, marker=point.marker, alpha=0.85, linewidth=0
                )
            axes.margins(0.14)
            axes.set_title(title, fontsize=11)
            axes.grid(color=_FAINT, linewidth=0.5)
            axes.set_axisbelow(True)
        # not supxlabel: it would lie under the legend
        grid[-1][columns // 2].set_xlabel(x_label)
        for line in grid:
            line[0].set_ylabel(y_label)
        handles = [
            grid.flat[0].scatter([], [], s=45, color=point.colour, marker=point.marker, linewidth=0, label=name)
            for name, point in names.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(3, columns), frameon=False, fontsize=9)
        return _svg(figure, name="methods", alt=alt, standalone=standalone)


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def _context() -> Any:
    import matplotlib

    return matplotlib.rc_context(_SETTINGS)


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Any, *, name: str, alt: str, standalone: bool = False) -> str:
    """The figure as an SVG element for an HTML page: deterministic, described, without any address."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    figure.patch.set_visible(standalone)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    text = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(text, metadata={"Date": None, "Creator": None, "Title": alt})
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "system-ui, sans-serif", text.getvalue())
    if standalone:
        return svg.replace(_INK, "#222222").replace(_FAINT, "#dddddd")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<title>.*?</title>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href=", "href=")
    # ids of several plots on one page must differ
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(_INK, "currentColor").replace(_FAINT, "var(--faint)")
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1).strip()
