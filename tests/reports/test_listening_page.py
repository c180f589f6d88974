"""The page to listen to: its order, its addresses, and what it refuses."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import ConfigError, DataError
from affekt.reports import ListeningRow, listening_page, write_listening_page


class Players(HTMLParser):
    """The addresses of the players and the places of the dots, in order."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.places: list[float] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "audio":
            self.sources.append(given["src"])
        if tag == "i":
            self.places.append(float(re.sub(r"[^\d.]", "", given["style"])))


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "in" / "some folder"
    folder.mkdir(parents=True)
    found = []
    for number, name in enumerate(("low #1.wav", "a & b.flac", "<i>.wav")):
        file = folder / name
        soundfile.write(file, np.full(8000, 0.1 * (number + 1)), 8000)
        found.append(file)
    return found


def page_of(rows: list[ListeningRow], file: Path, *, embed: bool = False) -> Path:
    return write_listening_page(file, title="Loud", heading="By level", rows=rows, note="Made up.", embed=embed)


def test_the_order_and_the_addresses(recordings: list[Path], tmp_path: Path) -> None:
    scores = (-1.0, 3.0, 1.0)
    rows = [ListeningRow(path=path, score=score) for path, score in zip(recordings, scores, strict=True)]
    page = page_of(rows, tmp_path / "out" / "page.html")
    found = Players(page)
    assert [(page.parent / unquote(source)).resolve() for source in found.sources] == [
        recordings[1].resolve(),
        recordings[2].resolve(),
        recordings[0].resolve(),
    ]
    assert found.places == [100.0, 50.0, 0.0]
    text = page.read_text(encoding="utf-8")
    assert "&lt;i&gt;.wav" in text
    assert '<td class="name">a &amp; b.flac</td>' in text
    assert "3 recordings, from" in text
    assert "Note" not in text
    assert not re.search(r"https?:|<script", text)


def test_equal_scores_stay_in_their_order(recordings: list[Path], tmp_path: Path) -> None:
    page = page_of([ListeningRow(path=path, score=2.0) for path in recordings], tmp_path / "page.html")
    found = Players(page)
    assert [Path(unquote(source)).name for source in found.sources] == [path.name for path in recordings]
    assert found.places == [50.0] * 3


def test_a_page_that_holds_its_recordings(recordings: list[Path], tmp_path: Path) -> None:
    rows = [
        ListeningRow(path=recordings[0], score=1.0, note="all of <it>"),
        ListeningRow(path=recordings[1], score=0.5),
        ListeningRow(path=recordings[2], score=0.0, start=0.25, end=0.75),
    ]
    page = page_of(rows, tmp_path / "page.html", embed=True)
    kinds, contents = zip(
        *(source.removeprefix("data:").split(";base64,") for source in Players(page).sources), strict=True
    )
    assert kinds == ("audio/wav", "audio/flac", "audio/wav")
    whole, compressed, part = (base64.b64decode(content) for content in contents)
    assert whole == recordings[0].read_bytes()
    assert compressed == recordings[1].read_bytes()
    samples, rate = soundfile.read(io.BytesIO(part))
    assert len(samples) == pytest.approx(0.5 * rate, abs=2)
    assert samples[len(samples) // 2] == pytest.approx(0.3, abs=0.01)
    text = page.read_text(encoding="utf-8")
    assert "all of &lt;it&gt;" in text
    assert "(0.25 s to 0.75 s)" in text


def test_a_segment_is_a_fragment_of_the_address(recordings: list[Path], tmp_path: Path) -> None:
    rows = [
        ListeningRow(path=recordings[0], score=1.0, start=0.25, end=0.75),
        ListeningRow(path=recordings[0], score=0.0, start=0.5),
    ]
    first, second = Players(page_of(rows, tmp_path / "page.html")).sources
    assert first.endswith("low%20%231.wav#t=0.250,0.750")
    assert second.endswith("#t=0.500")


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6))
def test_the_numbers_on_the_axis(low: float, width: float) -> None:
    high = low + width
    ticks = listening_page._ticks(low, high)
    assert 2 <= len(ticks) <= 12
    slack = 1e-6 * width + 1e-9 * (abs(low) + abs(high))
    assert low - slack <= ticks[0] < ticks[-1] <= high + slack
    assert np.diff(ticks) == pytest.approx(ticks[1] - ticks[0], rel=1e-4, abs=1e-9)


def test_what_is_refused(recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.html"
    with pytest.raises(DataError, match="nothing to listen to"):
        page_of([], page)
    with pytest.raises(DataError, match=r"score of .*low.* is nan; a finite number"):
        page_of([ListeningRow(path=recordings[0], score=float("nan"))], page)
    with pytest.raises(DataError, match=r"there is no recording .*gone\.wav"):
        page_of([ListeningRow(path=tmp_path / "gone.wav", score=1.0)], page)
    monkeypatch.setattr(listening_page, "_EMBEDDED_MIB", 0)
    with pytest.raises(ConfigError, match="too large to put into it"):
        page_of([ListeningRow(path=recordings[0], score=1.0)], page, embed=True)
    assert not page.exists()
    page.write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        page_of([ListeningRow(path=recordings[0], score=1.0)], page)
    assert page.read_text() == "mine"
