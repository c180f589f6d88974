"""Plots: the same twice, well formed, described, without addresses or colours of their own for text."""

import re
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import numpy as np
import pytest

from affekt.reports.figures import Bar, Point, Strip, bar_figure, loss_figure, scatter_figure


def losses(count: int) -> str:
    values = np.random.default_rng(0).exponential(0.5, count)
    return loss_figure([Strip(label="A <b> & c", losses=values, colour="#4477AA")], target=0.7, alt='say "loss" <x>')


def bars() -> str:
    return bar_figure(
        [Bar(label="before", estimate=0.9, low=0.8, high=1.0, colour="#4477AA")], chance=0.2, alt="bars: 90 %"
    )


def scatter(*, standalone: bool = False) -> str:
    points = [Point(label="retrain", x=0.0, y=0.0, size=30.0, colour="#CC6677", marker="*")]
    return scatter_figure(
        {"1": points, "10": points, "50": [], "speaker": points},
        x_label="x",
        y_label="y",
        alt="scatter",
        standalone=standalone,
    )


@pytest.mark.parametrize("draw", [lambda: losses(50), bars, scatter])
def test_inline(draw: object) -> None:
    assert callable(draw)
    mpl.get_backend()  # decides on one if nobody did yet, which is the only setting that may change
    before = mpl.rcParams.copy()
    svg = draw()
    assert svg == draw()
    assert mpl.rcParams == before
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"]
    assert "http" not in svg
    assert "currentColor" in svg
    assert "#0102" not in svg
    # every reference has its target
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= set(ids)
    assert "<style" not in svg


def test_text_is_escaped_and_stays_text() -> None:
    root = ElementTree.fromstring(losses(50))
    texts = ["".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("text")]
    assert "A <b> & c" in texts
    assert root.attrib["aria-label"] == 'say "loss" <x>'


def test_few_recordings_show_no_single_loss() -> None:
    # with ten there are bars; with nine only the line of the mean
    count = len(re.findall(r"fill: #4477aa", losses(10)))
    assert count > 0
    assert "fill: #4477aa" not in losses(9)


def test_a_loss_beyond_the_picture_is_said() -> None:
    far = loss_figure([Strip(label="far", losses=np.full(20, 80.0), colour="#4477AA")], target=None, alt="far")
    assert "mean loss 80.0, off the picture" in far


def test_a_file_of_its_own_is_complete() -> None:
    svg = scatter(standalone=True)
    assert svg.startswith("<?xml")
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert "currentColor" not in svg
    assert "var(--" not in svg
