"""affekt train: a model directory with its run.json, or nothing."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import affekt
import affekt.training
from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError, ProtocolError
from affekt.models import EmotionModel, tensor_digest
from affekt.training import TrainConfig, code_digest, evaluate, recipe, run_record, train
from affekt.training.train import chosen_split

OPTIONS = {"channels": (4, 6, 8), "width": 16}


def quick(**changes: Any) -> TrainConfig:
    return recipe("logmel-cnn", **{"epochs": 2, "batch_size": 16, **changes})


def start(corpus: Corpus, out: Path, **others: Any) -> Any:
    others = {"config": quick(), "options": OPTIONS, "seed": 3, "test_speakers": ["s6"], **others}
    return train(corpus, out, **others)


class KilledError(Exception):
    """Stands for a kill."""


def kill_after(steps: int) -> Callable[[str, int, int], None]:
    def progress(_: str, done: int, total: int) -> None:
        if done == steps:
            raise KilledError

    return progress


def test_contents_are_there_once() -> None:
    assert len(set(affekt.training.__all__)) == len(affekt.training.__all__)
    assert all(hasattr(affekt.training, name) for name in affekt.training.__all__)


def test_a_corpus_becomes_a_model_directory(tone_corpus: Corpus, tmp_path: Path) -> None:
    report = start(tone_corpus, tmp_path / "model")
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert files == [
        f"model/{name}" for name in ("README.md", "config.json", "erasure/record.json", "model.safetensors", "run.json")
    ]
    model = EmotionModel.from_pretrained(tmp_path / "model")
    run = json.loads((tmp_path / "model" / "run.json").read_text(encoding="utf-8"))
    assert run["command"] == "train"
    assert run["model_sha256"] == tensor_digest(model) == tensor_digest(report.model)
    assert run["data_sha256"] == tone_corpus.digest
    assert run["code_sha256"] == code_digest()
    assert (run["seed"], run["model"], run["affekt"]) == (3, "logmel-cnn", affekt.__version__)
    assert run["config"]["epochs"] == 2
    assert run["metrics"] == json.loads(json.dumps(report.to_json()))
    scores = evaluate(model, tone_corpus.with_speakers("s6"))
    assert run["metrics"]["test"]["uar"]["estimate"] == pytest.approx(scores.uar.estimate)
    assert run["metrics"]["test"]["loss"] == pytest.approx(scores.loss, abs=1e-5)
    counts = run["metrics"]["utterances"]
    assert counts["test"] == counts["dev"] == 12
    assert counts["trained"] + counts["held_out"] == 48
    (history,) = model.config.history
    assert (history["event"], history["corpus"], history["synthetic"]) == ("training", "tones", True)
    assert "training speech is synthetic" in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    text = (tmp_path / "model" / "erasure" / "record.json").read_text(encoding="utf-8")
    assert not any(name in text for name in [*tone_corpus.speakers, ".wav", "anger-"])


def test_a_killed_run_leaves_no_model_and_goes_on(tone_corpus: Corpus, tmp_path: Path) -> None:
    whole = start(tone_corpus, tmp_path / "whole")
    with pytest.raises(KilledError):
        start(tone_corpus, tmp_path / "model", progress=kill_after(4))
    assert not (tmp_path / "model").exists()
    steps: list[int] = []
    report = start(tone_corpus, tmp_path / "model", resume=True, progress=lambda _, done, total: steps.append(done))
    assert steps[0] == 4
    assert tensor_digest(report.model) == tensor_digest(whole.model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "whole"]
    a, b = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "model"))
    assert a == b


def test_without_resume_a_run_starts_anew(tone_corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        start(tone_corpus, tmp_path / "model", progress=kill_after(4))
    steps: list[int] = []
    start(tone_corpus, tmp_path / "model", progress=lambda _, done, total: steps.append(done))
    assert steps[0] == 1


def test_a_lost_recording_leaves_nothing(tone_corpus: Corpus, tmp_path: Path) -> None:
    table = tone_corpus.table.to_dicts()
    table[5]["file"] = "gone.wav"
    broken = Corpus(name="broken", root=tone_corpus.root, table=pl.DataFrame(table, infer_schema_length=None))
    with pytest.raises(DataError, match=r"gone\.wav"):
        start(broken, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_what_is_refused_before_any_work(tone_corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="is not empty"):
        start(tone_corpus, tmp_path / "full")
    with pytest.raises(ConfigError, match="unknown model family 'resnet'"):
        start(tone_corpus, tmp_path / "out", family="resnet")
    with pytest.raises(ConfigError, match="unknown model option 'widht'"):
        start(tone_corpus, tmp_path / "out", options={"widht": 3})
    with pytest.raises(ProtocolError, match="unknown speaker 's9'"):
        start(tone_corpus, tmp_path / "out", test_speakers=["s9"])
    with pytest.raises(ProtocolError, match="no speaker is left for train"):
        start(tone_corpus.with_speakers("s5", "s6"), tmp_path / "out")
    with pytest.raises(DataError, match=r"the corpus has 1 emotion\(s\); at least two"):
        start(
            Corpus(name="x", root=tone_corpus.root, table=tone_corpus.table.with_columns(emotion=pl.lit("joy"))),
            tmp_path / "out",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_run_record_holds_what_a_run_needs() -> None:
    record = run_record("train", seed=4)
    assert record["command"] == "train"
    assert record["seed"] == 4
    assert record["threads"] == 1
    assert {"torch", "numpy", "safetensors"} <= set(record["packages"])
    json.dumps(record)


def test_code_digest_is_over_names_and_contents() -> None:
    root = Path(affekt.__file__).parent
    digest = hashlib.sha256()
    for name in sorted(p.relative_to(root) for p in root.rglob("*.py")):
        digest.update(str(name).encode() + b"\0" + (root / name).read_bytes())
    assert code_digest() == digest.hexdigest()


def test_the_corpus_may_name_its_own_split(tone_corpus: Corpus) -> None:
    sides = {"s1": "test", "s2": "dev"}
    table = tone_corpus.table.with_columns(
        split=pl.col("speaker").replace_strict(sides, default="train", return_dtype=pl.String)
    )
    corpus = replace(tone_corpus, table=table)
    assert chosen_split(corpus, test_speakers=None, seed=0).test.speakers == ("s1",)
    assert chosen_split(corpus, test_speakers=None, seed=0).dev.speakers == ("s2",)
    assert chosen_split(corpus, test_speakers=["s6"], seed=0).test.speakers == ("s6",)
    partly = replace(corpus, table=table.with_columns(split=pl.when(pl.col("speaker") != "s1").then("split")))
    assert len(chosen_split(partly, test_speakers=None, seed=0).test.speakers) >= 1
    leaky = replace(corpus, table=table.with_columns(split=pl.Series(["train", "dev", "test"] * (len(corpus) // 3))))
    with pytest.raises(ProtocolError, match="s1"):
        chosen_split(leaky, test_speakers=None, seed=0)


def test_attributes_and_votes_are_scored_on_the_test_speakers(tone_corpus: Corpus, tmp_path: Path) -> None:
    table = tone_corpus.table.with_columns(
        arousal=pl.col("emotion").replace_strict({"anger": 5.0, "joy": 4.0, "sadness": 1.0}, return_dtype=pl.Float64)
    )
    ratings = table.select("utterance", "emotion").with_columns(rater=pl.lit("r1"))
    corpus = replace(tone_corpus, table=table, ratings=ratings, scale=(1.0, 7.0))
    report = start(corpus, tmp_path / "both", config=quick(target="soft", attributes=("arousal",), epochs=4))
    assert report.test.uar is not None
    found = report.test.attributes["arousal"]
    assert found is not None
    assert found.utterances == report.test.utterances == 12
    alone = start(corpus, tmp_path / "alone", config=quick(emotions=False, attributes=("arousal",)))
    assert alone.test.uar is None
    assert EmotionModel.from_pretrained(tmp_path / "alone").config.attributes == ("arousal",)
