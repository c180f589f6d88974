"""The report about raters, on a panel whose agreement is known."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, recall_score

from affekt.corpora import Corpus, leave_one_out
from affekt.errors import DataError
from affekt.metrics import ccc, fleiss_kappa, icc, krippendorff_alpha
from affekt.reports import describe_raters, raters_with_report
from affekt.reports.rater_page import rater_page

CLASSES = ("anger", "joy", "neutral")


def panel(*, raters: int = 5, items: int = 80, named: bool = True) -> Corpus:
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    for item in range(items):
        truth, level = int(rng.integers(3)), float(rng.uniform(2, 6))
        for rater in range(raters):
            if rng.random() < 0.1:
                continue
            emotion = CLASSES[truth] if rng.random() < 0.7 else (*CLASSES, "other")[rng.integers(4)]
            grade = float(np.clip(np.round(level + rng.normal()), 1, 7))
            name = f"WORKER<{rater}>" if named else None
            rows.append({"utterance": f"u{item}", "rater": name, "emotion": emotion, "arousal": grade})
    table = pl.DataFrame(
        {"file": [f"u{item}.wav" for item in range(items)], "speaker": [f"s{item % 8}" for item in range(items)]}
    )
    ratings = pl.DataFrame(rows, schema_overrides={"rater": pl.String})
    return Corpus(name="panel", root=".", table=table, ratings=ratings, classes=CLASSES, scale=(1, 7))


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return describe_raters(panel(), resamples=50)


def test_counts(found: dict[str, Any]) -> None:
    ratings = panel().ratings
    assert ratings is not None
    sizes = ratings.group_by("utterance").len()["len"]
    assert found["ratings"]["ratings"] == ratings.height
    assert found["ratings"]["raters"] == 5
    assert found["ratings"]["per_utterance"]["least"] == sizes.min()
    assert found["ratings"]["per_utterance"]["mean"] == pytest.approx(sizes.mean())
    assert found["outside"] == {"other": (ratings["emotion"] == "other").sum()}
    agreed = found["agreed"]
    assert sum(agreed["emotions"].values()) + agreed["no_agreement"] == agreed["utterances"] == 80
    assert agreed["unanimous"] <= agreed["majority"] <= agreed["plurality"] <= 1


def test_agreement_is_that_of_the_matrices(found: dict[str, Any]) -> None:
    ratings = panel().ratings
    assert ratings is not None
    wide = ratings.pivot("rater", index="utterance", values="arousal").drop("utterance").to_numpy()
    wide = np.asarray(wide, float)
    arousal = found["agreement"]["attributes"]["arousal"]
    assert arousal["alpha_interval"]["estimate"] == pytest.approx(krippendorff_alpha(wide, scale="interval"))
    assert arousal["alpha_ordinal"]["estimate"] == pytest.approx(krippendorff_alpha(wide, scale="ordinal"))
    assert arousal["icc_1_1"]["estimate"] == pytest.approx(icc(wide, form="1,1"))
    assert arousal["icc_1_k"]["estimate"] == pytest.approx(icc(wide, form="1,k"))
    assert found["agreement"]["attributes"]["valence"] is None
    counts = [
        [(group["emotion"] == name).sum() for name in (*CLASSES, "other")]
        for _, group in ratings.group_by("utterance", maintain_order=True)
    ]
    assert found["agreement"]["fleiss_kappa"]["estimate"] == pytest.approx(fleiss_kappa(counts))
    pairs = [
        (np.nanmean(np.delete(row, k)), row[k])
        for row in wide
        for k in range(5)
        if not np.isnan(row[k]) and (~np.isnan(np.delete(row, k))).any()
    ]
    assert arousal["ceiling_ccc"]["estimate"] == pytest.approx(ccc(*zip(*pairs, strict=True)))


def test_ceiling_is_that_of_scikit_learn(found: dict[str, Any]) -> None:
    pairs = leave_one_out(panel())
    kept = pairs.others < 3
    truth, said = pairs.others[kept], pairs.own[kept]
    ceiling = found["ceiling"]
    assert ceiling["accuracy"]["estimate"] == pytest.approx(accuracy_score(truth, said))
    assert ceiling["uar"]["estimate"] == pytest.approx(recall_score(truth, said, labels=[0, 1, 2], average="macro"))
    assert ceiling["chance_uar"] == pytest.approx(1 / 3)
    assert ceiling["uar"]["unit"] == "speaker (8)"
    assert [one["recall"] for one in ceiling["recalls"].values()] == pytest.approx(
        recall_score(truth, said, labels=[0, 1, 2], average=None)
    )


def test_without_speakers_utterances_are_resampled() -> None:
    corpus = panel(items=20)
    bare = Corpus(name="x", root=".", table=corpus.table.drop("speaker"), ratings=corpus.ratings, classes=CLASSES)
    assert describe_raters(bare, resamples=20)["ceiling"]["uar"]["unit"].startswith("utterance (")
    some = corpus.table.with_columns(speaker=pl.when(pl.col("speaker") != "s0").then("speaker"))
    mixed = Corpus(name="x", root=".", table=some, ratings=corpus.ratings, classes=CLASSES)
    # utterances 0, 8 and 16 are of the unknown speaker
    unit = describe_raters(mixed, resamples=20)["ceiling"]["uar"]["unit"]
    assert unit in ("speaker or utterance (10)", "speaker or utterance (9)")


def test_ids_only_if_asked_for(found: dict[str, Any]) -> None:
    assert "WORKER" not in json.dumps(found)
    assert [rater["number"] for rater in found["raters"]] == [1, 2, 3, 4, 5]
    assert [rater["ratings"] for rater in found["raters"]] == sorted(
        (rater["ratings"] for rater in found["raters"]), reverse=True
    )
    named = describe_raters(panel(), resamples=5, show_ids=True)
    assert {rater["rater"] for rater in named["raters"]} == {f"WORKER<{k}>" for k in range(5)}


def test_what_ratings_do_not_give_is_null() -> None:
    anonymous = describe_raters(panel(named=False, items=20), resamples=5)
    assert anonymous["ratings"]["raters"] is None
    assert anonymous["raters"] == []
    assert anonymous["ceiling"] is not None
    lonely = describe_raters(panel(raters=1, items=20), resamples=5)
    assert lonely["ceiling"] is None
    assert lonely["agreement"]["fleiss_kappa"] is None
    grades = panel(items=20)
    assert grades.ratings is not None
    bare = Corpus(name="x", root=".", table=grades.table, ratings=grades.ratings.drop("emotion"))
    graded = describe_raters(bare, resamples=5)
    assert graded["agreed"] is graded["ceiling"] is graded["confusion"] is None
    assert graded["agreement"]["attributes"]["arousal"]["icc_1_1"] is not None
    with pytest.raises(DataError, match="has no ratings"):
        describe_raters(Corpus(name="x", root=".", table=grades.table))


class Tags(HTMLParser):
    """Checks that tags that open also close, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", ["panel", "anonymous", "lonely", "grades"])
def test_the_pages(tmp_path: Path, kind: str) -> None:
    corpus = panel(items=20, named=kind != "anonymous", raters=1 if kind == "lonely" else 5)
    if kind == "grades":
        assert corpus.ratings is not None
        corpus = Corpus(name="panel", root=".", table=corpus.table, ratings=corpus.ratings.drop("emotion"))
    out = tmp_path / "out"
    results = raters_with_report(
        corpus, out, resamples=10, show_ids=True, command=["affekt", "corpus", "raters", "a b", "--out", "c"]
    )
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "results.json", "results.md"]
    assert json.loads((out / "results.json").read_text(encoding="utf-8")) == results
    assert results["command_line"] == "affekt corpus raters 'a b' --out c"
    page = (out / "report.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert ("WORKER&lt;0&gt;" in page) == (kind not in ("anonymous",))
    assert "WORKER<" not in page
    assert ("<svg" in page) == (kind in ("panel", "anonymous"))
    if kind == "panel":
        kappa = results["agreement"]["fleiss_kappa"]["estimate"]
        for text in (page, (out / "results.md").read_text(encoding="utf-8")):
            assert f"{kappa:.3f}" in text
            assert f"{results['ceiling']['uar']['estimate']:.3f}" in text


def test_a_page_about_thousands_of_raters_lists_some(found: dict[str, Any]) -> None:
    many = [found["raters"][0] | {"number": number, "reasons": ["x"] * (number == 299)} for number in range(1, 301)]
    page = rater_page({"affekt": "1", **found, "raters": many})
    assert "rater 200<" in page
    assert "rater 201<" not in page
    assert "rater 299<" in page
    assert "Shown are the 200 with most ratings and all who stand apart" in page


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(DataError, match="is not empty"):
        raters_with_report(panel(items=5), tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]
