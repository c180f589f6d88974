from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from affekt.corpora import READERS, CheckReport, Corpus, check
from affekt.errors import ConfigError

Tone = Callable[..., Path]


def corpus(root: Path, files: list[str], **columns: list[object]) -> Corpus:
    return Corpus(name="x", root=root, table=pl.DataFrame({"file": files, **columns}))


def found(report: CheckReport) -> list[tuple[str, str]]:
    return [(finding.kind, finding.utterance) for finding in report.findings]


def test_a_good_corpus(tmp_path: Path, tone: Tone) -> None:
    tone("a.wav", hz=200)
    tone("b.flac", hz=300)
    seen: list[tuple[int, int]] = []
    report = check(corpus(tmp_path, ["a.wav", "b.flac"]), progress=lambda done, total: seen.append((done, total)))
    assert report.ok
    assert report.findings == ()
    assert report.utterances == 2
    assert seen == [(1, 2), (2, 2)]


def test_files_that_cannot_be_read(tmp_path: Path, tone: Tone) -> None:
    (tmp_path / "nothing.wav").touch()
    (tmp_path / "text.wav").write_text("this is no recording " * 20)
    soundfile.write(tmp_path / "header.wav", np.zeros(0, np.float32), 16000)
    files = ["gone.wav", "nothing.wav", "text.wav", "header.wav", "folder.wav"]
    (tmp_path / "folder.wav").mkdir()
    for name in ("cut wav.wav", "cut flac.flac"):
        whole = tone(name, seconds=1.0)
        whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        files.append(name)
    report = check(corpus(tmp_path, files))
    assert found(report) == [
        ("missing", "gone"),
        ("empty", "nothing"),
        ("unreadable", "text"),
        ("empty", "header"),
        ("missing", "folder"),
        ("truncated", "cut wav"),
        ("truncated", "cut flac"),
    ]


def test_segments(tmp_path: Path, tone: Tone) -> None:
    tone("a.wav", seconds=1.0, hz=100)
    starts, ends = [0.0, 0.5, 1.5, 0.21], [0.2, 1.2, None, 1.005]
    names = ["inside", "too long", "too late", "rounded"]
    report = check(corpus(tmp_path, ["a.wav"] * 4, utterance=names, start=starts, end=ends))
    assert found(report) == [("segment", "too long"), ("segment", "too late")]
    assert not report.ok
    assert "0.5 s to 1.2 s lies outside" in report.findings[0].message


def test_labels(tmp_path: Path, tone: Tone) -> None:
    for k, name in enumerate("abc"):
        tone(f"{name}.wav", hz=100 + 50 * k)
    table = pl.DataFrame({"file": ["a.wav", "b.wav", "c.wav"], "emotion": ["joy", "jooy", None]})
    report = check(Corpus(name="x", root=tmp_path, table=table, classes=("anger", "joy")))
    assert found(report) == [("mislabelled", "b"), ("mislabelled", "c")]
    assert "did you mean 'joy'" in report.findings[0].message
    assert report.errors == report.findings
    assert check(corpus(tmp_path, ["a.wav"])).ok  # no labels at all: nothing to be wrong


def test_silence_is_judged_by_the_loudest_frame(tmp_path: Path, tone: Tone) -> None:
    # 0.02 s of a quiet voice in a long pause: far below the threshold as a whole, above it where it speaks
    quiet = np.zeros(160000, np.float32)
    quiet[3200:3520] = 10 ** (-50 / 20) * np.sqrt(2) * np.sin(2 * np.pi * 200 * np.arange(320) / 16000)
    soundfile.write(tmp_path / "quiet.wav", quiet, 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "zero.wav", np.zeros(1600, np.float32), 16000)
    soundfile.write(tmp_path / "zero2.wav", np.zeros(1600, np.float32), 16000)
    soundfile.write(tmp_path / "short.wav", np.zeros(3, np.float32), 16000)
    files = ["quiet.wav", "zero.wav", "zero2.wav", "short.wav"]
    assert found(check(corpus(tmp_path, files))) == [("silent", "zero"), ("silent", "zero2"), ("silent", "short")]
    assert ("silent", "quiet") in found(check(corpus(tmp_path, files), silence_db=-45.0))
    assert ("silent", "quiet") not in found(check(corpus(tmp_path, files), silence_db=-51.0))


def test_clipping(tmp_path: Path, tone: Tone) -> None:
    times = np.arange(16000) / 16000
    soundfile.write(tmp_path / "hard.wav", np.clip(3 * np.sin(2 * np.pi * 200 * times), -1, 1), 16000)
    peak = 0.5 * np.sin(2 * np.pi * 300 * times)
    peak[100] = 1.0
    soundfile.write(tmp_path / "peak.wav", peak, 16000)
    report = check(corpus(tmp_path, ["hard.wav", "peak.wav"]))
    assert found(report) == [("clipped", "hard")]
    assert report.findings[0].severity == "warning"
    assert not report.ok
    assert report.errors == ()
    assert len(check(corpus(tmp_path, ["hard.wav", "peak.wav"]), clipped_fraction=1 / 16000).findings) == 2


def test_duplicates_across_formats_and_segments(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sound, rest = rng.integers(-9000, 9000, (2, 1600), dtype=np.int16)
    soundfile.write(tmp_path / "a.wav", sound, 16000)
    soundfile.write(tmp_path / "b.flac", sound, 16000)
    soundfile.write(tmp_path / "long.wav", np.concatenate([sound, rest]), 16000)
    names = ["a", "b", "first", "second"]
    files = ["a.wav", "b.flac", "long.wav", "long.wav"]
    bounds = {"start": [None, None, 0.0, 0.1], "end": [None, None, 0.1, None]}
    report = check(corpus(tmp_path, files, utterance=names, **bounds))
    assert found(report) == [("duplicated", "b"), ("duplicated", "first")]
    assert "'a'" in report.findings[1].message


def test_another_rate_is_a_note(tmp_path: Path, tone: Tone) -> None:
    tone("a.wav", rate=44100)
    tone("b.wav", rate=8000, hz=300)
    tone("c.wav", rate=8000, hz=400)
    report = check(corpus(tmp_path, ["a.wav", "b.wav", "c.wav"]))
    assert found(report) == [("rate", "b"), ("rate", "a")]
    assert report.findings[0].message.startswith("2 utterances are at 8000 Hz")
    assert report.counts() == {"rate": 2}
    assert report.ok


@pytest.mark.parametrize("options", [{"silence_db": 1.0}, {"clipped_fraction": 0.0}, {"clipped_fraction": 1.5}])
def test_thresholds_are_checked(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        check(corpus(tmp_path, ["a.wav"]), **options)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("emodb", {}),
        ("ravdess", {"duplicated": 1}),  # actor 07 has one take under two names
        ("emogator", {"rate": 2}),
        ("stem-e2va", {"clipped": 46}),
    ],
)
def test_real_corpora(shared_data: Callable[[str], Path], name: str, counts: dict[str, int]) -> None:
    report = check(READERS[name](shared_data(name.replace("-", "_"))))
    assert report.counts() == counts
