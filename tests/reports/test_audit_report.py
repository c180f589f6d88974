"""The page and the JSON of an audit hold the numbers and nobody's name."""

import json
from pathlib import Path

import polars as pl
import pytest

from affekt.corpora import AuditReport, Corpus, Duplicate, Sides, audit
from affekt.errors import DataError
from affekt.metrics import Interval
from affekt.reports import write_audit
from affekt.reports.audit_report import audit_page
from affekt.training.shortcuts import Shortcut, Shortcuts


@pytest.fixture
def corpus() -> Corpus:
    table = pl.DataFrame(
        {
            "file": [f"recording-of-{name}.wav" for name in ("anna", "berta", "anna2", "<b>")],
            "speaker": ["anna", "berta", "anna", "<i>"],
            "text": ["Good day.", "good day", "No.", "Yes."],
            "emotion": ["joy", "joy", "anger", "anger"],
        }
    )
    return Corpus(name="<script>people", root=Path("nowhere"), table=table, synthetic=True)


@pytest.fixture
def report(corpus: Corpus) -> AuditReport:
    return audit(corpus, [Sides(name="split", rows={"train": (0, 1), "test": (2, 3)})], audio=False)


@pytest.fixture
def baselines() -> Shortcuts:
    interval = Interval(estimate=0.61, low=0.55, high=0.7, level=0.95, resamples=1000, unit="speaker (3)")
    return Shortcuts(
        utterances=4,
        speakers=3,
        classes=("anger", "joy"),
        chance=0.5,
        folds=3,
        baselines=(
            Shortcut(
                name="duration", uar=interval, why_not="", above_chance=True, shuffled=0.5, shuffled_top=0.54, p=0.01
            ),
            Shortcut(
                name="text",
                uar=None,
                why_not="no text is known",
                above_chance=False,
                shuffled=None,
                shuffled_top=None,
                p=None,
            ),
        ),
        seconds=1.0,
    )


def test_what_is_written(corpus: Corpus, report: AuditReport, baselines: Shortcuts, tmp_path: Path) -> None:
    words = ["affekt", "corpus", "audit", "my corpus"]
    results = write_audit(tmp_path / "out", corpus, report, baselines, command=words, seconds=2.0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.html", "results.json"]
    text = (tmp_path / "out" / "results.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(results))
    assert results["command_line"] == "affekt corpus audit 'my corpus'"
    assert results["data_sha256"] == corpus.digest
    assert results["audit"]["leaks"] == 1
    assert results["shortcuts"]["flagged"] == ["duration"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for name in ("anna", "berta", "recording-of"):
        assert name not in text + page
    assert "<script>" not in page
    assert "&lt;script&gt;people" in page
    for words_of_it in (
        "Splits that leak: 1 of 1.",
        "Synthetic speech",
        "0.610",
        "[0.550, 0.700]",
        "above chance",
        "no text",
    ):
        assert words_of_it in page
    with pytest.raises(DataError, match="not empty"):
        write_audit(tmp_path / "out", corpus, report)


def test_numbers_of_the_table(corpus: Corpus, report: AuditReport, tmp_path: Path) -> None:
    page = audit_page(write_audit(tmp_path / "out", corpus, report))
    row = page[page.index("<td>Speakers</td>") :].split("</tr>")[0]
    cells = [cell.split("<")[0] for cell in row.split(">") if cell and not cell.startswith(("<", "\n"))]
    assert [cell for cell in cells if cell] == ["Speakers", "leak", "1", "2", "2", "1"]
    unheard = page[page.index("nearly equal</td>") :].split("</tr>")[0]
    assert "not known" in unheard
    assert "The recordings were not read" in page


def test_without_a_split(corpus: Corpus, tmp_path: Path) -> None:
    page = audit_page(write_audit(tmp_path / "out", corpus, audit(corpus, audio=False)))
    assert "names no split and none was given" in page
    assert "train, dev and test" in page
    assert 'class="verdict none"' in page


def test_duplicates_are_counted_and_not_named(corpus: Corpus, report: AuditReport, tmp_path: Path) -> None:
    from dataclasses import replace

    pair = Duplicate(first=0, second=2, exact=False, correlation=0.98, offset=0.1, overlap=1.0)
    results = write_audit(tmp_path / "out", corpus, replace(report, duplicates=(pair,), conflicting=1, silent=2))
    assert results["audit"]["duplicates"] == [
        {"rows": [0, 2], "exact": False, "correlation": 0.98, "offset": 0.1, "overlap": 1.0}
    ]
    page = audit_page(results)
    assert "0 pairs with every sample equal, 1 nearly equal" in page
    assert "1 pairs have two different emotions" in page
    assert "too quiet to be compared: 2" in page
