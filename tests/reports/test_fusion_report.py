"""fuse_with_report on tones: its files, its page, its predictions, and what it refuses."""

import csv
import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.models import EmotionModel, tensor_digest
from affekt.reports import FusionReport, fuse_with_report
from affekt.reports.fusion_page import headline


def twin_of(trained_folder: Any, folder: Path, seed: int, **changes: Any) -> Path:
    """A model with other weights and the record of the trained one, saved."""
    torch.manual_seed(seed)
    model = EmotionModel.from_pretrained(trained_folder.folder)
    config = replace(model.config, **changes)
    return EmotionModel(config, erasure=model.erasure).save_pretrained(folder)


@pytest.fixture(scope="module")
def asked(trained_folder: Any) -> Corpus:
    """The tones, of which half ask and half tell."""
    corpus: Corpus = trained_folder.corpus
    told = [("ask", "tell")[row % 2] for row in range(len(corpus))]
    return replace(corpus, table=corpus.table.with_columns(pl.Series("intent", told)))


@pytest.fixture(scope="module")
def written(
    trained_folder: Any, asked: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Path], FusionReport]:
    root = tmp_path_factory.mktemp("fusion")
    models = [twin_of(trained_folder, root / name, seed, intents=("ask", "tell")) for seed, name in enumerate("ab")]
    report = fuse_with_report(models, asked, root / "out", resamples=50, command=["affekt", "fuse", "a", "b"])
    return root / "out", models, report


def test_files_say_the_same(written: tuple[Path, list[Path], FusionReport], asked: Corpus) -> None:
    out, models, report = written
    assert sorted(path.name for path in out.iterdir()) == ["predictions.csv", "report.html", "report.json"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["a", "b", "out"]
    saved = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert saved == json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert saved["command_line"] == "affekt fuse a b"
    assert saved["corpus"]["data_sha256"] == asked.digest
    digests = [tensor_digest(EmotionModel.from_pretrained(path)) for path in models]
    assert [one["weights_sha256"] for one in saved["models"]] == digests
    assert set(saved["weights"]["emotions"]) == set(saved["weights"]["intents"]) == {"a", "b"}
    assert sum(saved["weights"]["emotions"].values()) == pytest.approx(1.0)
    assert [(one["name"], one["kind"]) for one in saved["scores"]] == [
        ("a", "model"),
        ("b", "model"),
        ("plain mean", "mean"),
        ("fusion", "fusion"),
    ]
    assert not [name for name in asked.speakers if f'"{name}"' in json.dumps(saved)]


def test_predictions_are_the_fused_probabilities(written: tuple[Path, list[Path], FusionReport], asked: Corpus) -> None:
    out, _, report = written
    with (out / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = report.fusion
    assert [row["utterance"] for row in rows] == asked.select(found.rows).table["utterance"].to_list()
    shares = np.array([[float(row[f"p_{name}"]) for name in found.classes] for row in rows])
    np.testing.assert_array_equal(shares, found.shares.emotions)
    assert [row["emotion"] for row in rows] == [found.classes[k] for k in shares.argmax(1)]
    told = np.array([[float(row[f"p_intent_{name}"]) for name in found.intents] for row in rows])
    np.testing.assert_allclose(told.sum(1), 1.0)
    assert [row["intent"] for row in rows] == [found.intents[k] for k in told.argmax(1)]
    assert all(Path(row["file"]).is_file() for row in rows)


def test_the_page_shows_every_number_and_names_nobody(
    written: tuple[Path, list[Path], FusionReport], asked: Corpus
) -> None:
    page = (written[0] / "report.html").read_text(encoding="utf-8")
    body = (
        page[page.index("<main>") : page.index("</main>") + len("</main>")]
        .replace("&middot;", "")
        .replace("&amp;", "and")
    )
    text = " ".join(" ".join(ElementTree.fromstring(body).itertext()).split())
    content = written[2].content
    for one in content["scores"]:
        assert f"{one['jrbm_weighted']['estimate']:.3f}" in text
        assert f"{100 * one['emotion_uar']['estimate']:.1f}" in text
    for words in ("fusion less a", "plain mean less b", "fusion less plain mean", "UAR of intents", "guessing"):
        assert words in text
    assert headline(content) in text
    assert not [name for name in asked.speakers if f" {name} " in text]
    assert "http" not in page.replace("http-equiv", "")


def test_what_the_headline_calls_a_gain(written: tuple[Path, list[Path], FusionReport]) -> None:
    content = json.loads(json.dumps(written[2].content))
    best = max(content["scores"][:2], key=lambda one: one["jrbm_weighted"]["estimate"])["name"]
    less = next(one for one in content["differences"] if (one["of"], one["less"]) == ("fusion", best))
    for low, high, word in ((0.01, 0.02, "a gain"), (-0.02, -0.01, "a loss"), (-0.01, 0.01, "no sure difference")):
        less["jrbm_weighted"] |= {"low": low, "high": high}
        assert headline(content).endswith(word)


def test_without_intents_and_without_files(trained_folder: Any, tmp_path: Path) -> None:
    """Two folders of one name; nothing is written."""
    twin = twin_of(trained_folder, tmp_path / "twin" / "model", 3)
    report = fuse_with_report([trained_folder.folder, twin], trained_folder.corpus, resamples=20)
    names = [one["name"] for one in report.content["models"]]
    assert names == [f"{trained_folder.folder.parent.name}/model", "twin/model"]
    assert report.content["weights"]["intents"] is None
    assert report.content["scores"][0]["jrbm_weighted"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["twin"]
    out = tmp_path / "out"
    fuse_with_report([trained_folder.folder, twin], trained_folder.corpus, out, resamples=20)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "JRBM" not in page
    assert "intent" not in (out / "predictions.csv").read_text(encoding="utf-8").splitlines()[0]


def test_bad_input_is_refused(trained_folder: Any, tmp_path: Path) -> None:
    folder = trained_folder.folder
    with pytest.raises(ConfigError, match="is named twice"):
        fuse_with_report([folder, folder.parent / "." / folder.name], trained_folder.corpus, tmp_path / "out")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(DataError, match="is not empty"):
        fuse_with_report([folder, tmp_path / "nowhere"], trained_folder.corpus, tmp_path / "there")
    copy = EmotionModel.from_pretrained(folder).save_pretrained(tmp_path / "copy")
    with pytest.raises(ConfigError, match="are the same model"):
        fuse_with_report([folder, copy], trained_folder.corpus, tmp_path / "out")
    assert not (tmp_path / "out").exists()
