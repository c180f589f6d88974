"""An audit from folders to a page, matching by speaker, and no name in what is written."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from affekt.corpora import Corpus
from affekt.errors import DataError
from affekt.metrics.deletion_rules import VERDICTS
from affekt.models import EmotionModel
from affekt.reports import audit_with_report
from affekt.reports.audit_model_page import HEADLINES
from affekt.reports.audit_model_report import read_references
from affekt.reports.evidence import matched_rows
from affekt.training import TrainReport


@pytest.fixture(scope="module")
def folders(trained_report: TrainReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``before``, ``after`` (never heard anything) and four ``references``."""
    root = tmp_path_factory.mktemp("models")
    trained_report.model.save_pretrained(root / "before")
    trained_report.model.fresh(50).save_pretrained(root / "after")
    (root / "references").mkdir()
    for number in range(4):
        trained_report.model.fresh(number).save_pretrained(root / "references" / f"m{number}")
    return root


def test_a_page_that_names_nobody(folders: Path, tone_corpus: Corpus, tmp_path: Path) -> None:
    found = audit_with_report(
        folders / "before",
        folders / "after",
        tone_corpus,
        speaker="s1",
        references=folders / "references",
        out=tmp_path / "audit",
    )
    assert found.report.tier == "T1"
    written = json.loads((tmp_path / "audit" / "audit.json").read_text(encoding="utf-8"))
    assert written == found.content
    assert written["verdict"] in VERDICTS
    assert len(written["model"]["references_sha256"]) == 4
    page = (tmp_path / "audit" / "report.html").read_text(encoding="utf-8")
    for text in (page, json.dumps(written)):
        assert "s1-" not in text
        assert ">s1<" not in text
        assert '"s1"' not in text
        assert str(folders) not in text
    assert HEADLINES[written["verdict"]] in page
    assert "What decides" in page
    assert "What was not tested" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_an_untouched_model_fails_and_test_speech_has_nothing_to_forget(folders: Path, tone_corpus: Corpus) -> None:
    same = audit_with_report(folders / "before", folders / "before", tone_corpus, speaker="s1")
    assert same.report.verdict == "FAILED_UNDER_FORGOTTEN"
    assert not same.succeeded
    assert same.page is None
    assert same.summary[0].startswith("FAILED_UNDER_FORGOTTEN: Not forgotten.")
    nothing = audit_with_report(folders / "before", folders / "before", tone_corpus, speaker="s6")
    assert nothing.report.verdict == "NOT_APPLICABLE"


def test_headlines_cover_the_vocabulary() -> None:
    assert set(HEADLINES) == set(VERDICTS) - {"EXACT"}


def test_references_are_a_model_or_a_folder_of_models(folders: Path, tmp_path: Path) -> None:
    assert len(read_references(folders / "references")) == 4
    assert isinstance(read_references(folders / "after")[0], EmotionModel)
    with pytest.raises(DataError, match="holds no model directory"):
        read_references(tmp_path)


def test_a_folder_that_is_there_is_refused_before_anything_is_read(
    folders: Path, tone_corpus: Corpus, tmp_path: Path
) -> None:
    shutil.copytree(folders / "after", tmp_path / "out")
    with pytest.raises(DataError, match="is not empty"):
        audit_with_report(folders / "nothing", folders / "after", tone_corpus, speaker="s1", out=tmp_path / "out")


def corpus(rows: list[tuple[str, str, float]], root: Path) -> Corpus:
    table = pl.DataFrame(
        {
            "file": [f"{number}.wav" for number in range(len(rows))],
            "speaker": [row[0] for row in rows],
            "emotion": [row[1] for row in rows],
            "start": [0.0] * len(rows),
            "end": [row[2] for row in rows],
        }
    )
    return Corpus(name="x", root=root, table=table)


def test_matching_prefers_the_speaker_and_falls_back_to_the_emotion(tmp_path: Path) -> None:
    forget = corpus([("a", "joy", 1.0), ("a", "anger", 2.0), ("a", "fear", 1.0)], tmp_path)
    pool = corpus([("b", "joy", 1.0), ("a", "joy", 3.0), ("b", "anger", 9.0), ("c", "anger", 2.1)], tmp_path)
    assert matched_rows(forget, pool, seed=0).tolist() == [1, 3]  # fear has no match
    assert matched_rows(forget.select(np.array([2])), pool, seed=0).tolist() == []
