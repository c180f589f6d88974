"""The demo, on tones instead of the built-in corpus; the command on the real one is timed by hand."""

from pathlib import Path
from typing import Any

import pytest

from affekt.corpora import Corpus
from affekt.errors import AffektError
from affekt.files import read_json
from affekt.models import EmotionModel, tensor_digest
from affekt.reports import demo, verify


def test_the_whole_way(trained_folder: Any, tmp_path: Path, options: dict[str, Any]) -> None:
    words: list[str] = []
    shown = demo(
        tmp_path / "out",
        seed=2,
        corpus=trained_folder.corpus,
        config=trained_folder.config,
        options=options,
        progress=lambda message, done, total: words.append(message),
    )
    report = shown.report
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "demo.key",
        "demo.key.pub",
        "forgotten",
        "ledger.jsonl",
        "ledger.jsonl.head",
        "model",
        "retrained",
        "statement",
        "statement.request-key",
    ]
    assert shown.verification.succeeded
    assert verify(
        shown.statement_path,
        model=tmp_path / "out" / "forgotten",
        keys=[tmp_path / "out" / "demo.key.pub"],
        ledger=tmp_path / "out" / "ledger.jsonl",
    ).succeeded
    model = EmotionModel.from_pretrained(tmp_path / "out" / "model")
    assert model.erasure is not None
    assert model.erasure.statistics is not None
    assert report.content["attempts"][0]["method"] == "out_of_fold"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert report.report_path == tmp_path / "out" / "forgotten" / "report.html"
    assert report.report_path.is_file()
    assert len(report.summary) >= 4
    assert {word.split(":")[0] for word in words} >= {
        "training on everybody",
        "training without the person, for comparison",
    }
    models = {
        name: EmotionModel.from_pretrained(tmp_path / "out" / name) for name in ("model", "retrained", "forgotten")
    }
    assert len({tensor_digest(model) for model in models.values()}) >= 2
    # exactly one speaker is missing from the retrained model: twelve recordings, some of which were held out
    counts = {
        name: sum(map(len, model.erasure.commitments.values())) for name, model in models.items() if model.erasure
    }
    assert counts["model"] - counts["retrained"] == counts["model"] - counts["forgotten"] == 12
    assert report.content["request"]["recordings"] == 12
    assert report.content["scores"]["retrained"]["forget_accuracy"]["estimate"] <= 1.0
    # the models can be used by the other commands
    assert read_json(tmp_path / "out" / "model" / "run.json")["command"] == "train"


def test_an_error_leaves_nothing(tmp_path: Path, tone_corpus: Corpus) -> None:
    with pytest.raises(AffektError):
        demo(tmp_path / "out", corpus=tone_corpus.select([]))
    assert list(tmp_path.iterdir()) == []
