"""Plots of an evaluation: estimates with intervals, one dot a speaker, and the reliability diagram."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affekt.reports.figures import _FAINT, _INK, PALETTE, Bar, _context, _figure, _percent, _svg

__all__ = ["dot_figure", "reliability_figure", "speaker_figure"]


def dot_figure(bars: Sequence[Bar], *, chance: float | None, alt: str, name: str, unit: str = "%") -> str:
    """Estimates with intervals below each other, with a line at chance; ``name`` keeps plots of one page apart."""
    low = min(0.0, *(bar.low for bar in bars))
    write = _percent if unit == "%" else _plain
    with _context():
        figure, axes = _figure(7.6, 0.75 + 0.36 * len(bars))
        for row, bar in enumerate(reversed(bars)):
            axes.plot([bar.low, bar.high], [row, row], color=bar.colour, linewidth=6, alpha=0.38, solid_capstyle="butt")
            axes.plot([bar.estimate], [row], marker="o", color=bar.colour, markersize=8, clip_on=False)
            axes.text(1.02, row, write(round(bar.estimate, 2)), ha="left", va="center")
        if chance is not None:
            axes.plot([chance, chance], [-0.6, len(bars) - 0.5], color=_INK, linewidth=1.0, linestyle=(0, (3, 3)))
            axes.text(chance, len(bars) - 0.44, "guessing", ha="center", va="bottom", fontsize=9)
        axes.set_yticks(range(len(bars)), [bar.label for bar in reversed(bars)])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(low, 1.0)
        axes.set_ylim(-0.6, len(bars) - 0.1)
        ticks = np.linspace(0.0, 1.0, 6) if low >= 0.0 else np.linspace(-1.0, 1.0, 9)
        ticks = ticks[ticks >= low - 1e-9]
        axes.set_xticks(ticks, [write(tick) for tick in ticks])
        axes.grid(axis="x", color=_FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        return _svg(figure, name=name, alt=alt)


def speaker_figure(scores: Sequence[float], *, mean: float, chance: float | None, alt: str, label: str) -> str:
    """One dot a speaker, sorted, with the score of all utterances as a line."""
    with _context():
        figure, axes = _figure(7.6, 2.7)
        low = min(0.0, *scores)
        places = np.arange(1, len(scores) + 1)
        axes.axhline(mean, color=PALETTE[0], linewidth=1.4)
        axes.text(len(scores) + 0.62, mean, " all", color=PALETTE[0], va="center", ha="left", fontsize=10)
        if chance is not None:
            axes.axhline(chance, color=_INK, linewidth=1.0, linestyle=(0, (3, 3)))
            axes.text(len(scores) + 0.62, chance, " guessing", va="center", ha="left", fontsize=9)
        size = 7.0 if len(scores) <= 40 else 4.0
        axes.plot(places, sorted(scores), "o", color=PALETTE[2], markersize=size, clip_on=False, alpha=0.85)
        axes.set_xlim(0.4, len(scores) + 0.6)
        axes.set_ylim(low, 1.0)
        ticks = np.linspace(0.0, 1.0, 6)
        axes.set_yticks(
            ticks, [_percent(tick) if low >= 0.0 and chance is not None else _plain(tick) for tick in ticks]
        )
        axes.set_xticks([])
        axes.set_xlabel("speakers, from the lowest score to the highest")
        axes.set_ylabel(label)
        axes.grid(axis="y", color=_FAINT, linewidth=0.6)
        axes.set_axisbelow(True)
        return _svg(figure, name="speakers", alt=alt)


def reliability_figure(panels: Mapping[str, Sequence[Mapping[str, Any]]], *, alt: str) -> str:
    """Accuracy against confidence, one panel for each title; below each, where the utterances are."""
    with _context():
        from matplotlib.figure import Figure

        figure: Any = Figure(figsize=(3.75 * len(panels) if len(panels) > 1 else 4.6, 4.4), layout="constrained")
        grid = figure.subplots(
            2, len(panels), sharex=True, sharey="row", squeeze=False, gridspec_kw={"height_ratios": [4, 1]}
        )
        ticks = np.linspace(0.0, 1.0, 6)
        for column, (title, bins) in enumerate(panels.items()):
            upper, lower = grid[0][column], grid[1][column]
            whole = sum(one["utterances"] for one in bins)
            filled = [one for one in bins if one["utterances"]]
            upper.plot([0, 1], [0, 1], color=_INK, linewidth=1.0, linestyle=(0, (3, 3)))
            for one in filled:
                # the bar from what is said to what is so is the error
                upper.plot([one["confidence"]] * 2, [one["confidence"], one["accuracy"]], color=PALETTE[1], linewidth=2)
            upper.scatter(
                [one["confidence"] for one in filled],
                [one["accuracy"] for one in filled],
                s=[30 + 170 * one["utterances"] / whole for one in filled],
                color=PALETTE[0],
                linewidth=0,
                zorder=3,
                clip_on=False,
            )
            lower.bar(
                [one["low"] for one in bins],
                [one["utterances"] / whole for one in bins],
                [0.92 * (one["high"] - one["low"]) for one in bins],
                align="edge",
                color=PALETTE[0],
                linewidth=0,
            )
            upper.set_title(title, fontsize=11)
            upper.set_xlim(0.0, 1.0)
            upper.set_ylim(0.0, 1.0)
            upper.set_yticks(ticks, [_percent(tick) for tick in ticks])
            lower.set_xticks(ticks, [_percent(tick) for tick in ticks])
            lower.set_yticks([])
            upper.grid(color=_FAINT, linewidth=0.6)
            upper.set_axisbelow(True)
            lower.set_xlabel("confidence")
        grid[0][0].set_ylabel("share that is right")
        grid[1][0].set_ylabel("how many")
        return _svg(figure, name="reliability", alt=alt)


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
