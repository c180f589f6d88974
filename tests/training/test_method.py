"""A training method chooses targets, what an epoch draws from, batches and the loss; fit does the rest."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor

from affekt.corpora import Corpus, Split
from affekt.errors import CheckpointError, ConfigError, DataError
from affekt.models import EmotionModel, ErasureRecord, Heads, ModelConfig, tensor_digest
from affekt.training import (
    ErasureConfig,
    FeatureStore,
    Objective,
    Prepared,
    TargetBatch,
    Targets,
    TrainConfig,
    TrainingMethod,
    evaluate,
    fit,
    model_for,
    train,
    train_split,
)
from affekt.types import IntArray
from affekt.unlearning import forget


@dataclass(frozen=True, kw_only=True)
class Twice(TrainingMethod):
    """Every utterance is seen twice an epoch, the second time with noise; the loss is halved."""

    NAME: ClassVar[str] = "twice"
    noise: float = 0.1

    def prepare(
        self,
        model: EmotionModel,
        store: FeatureStore,
        targets: Targets,
        rows: IntArray,
        *,
        config: TrainConfig,
        seed: int,
    ) -> Prepared:
        doubled = replace(
            targets,
            labels=np.tile(targets.labels, 2),
            attributes=np.tile(targets.attributes, (2, 1)),
            intents=np.tile(targets.intents, 2),
        )
        return Prepared(_Noisy(store, self.noise), doubled, np.concatenate([rows, rows + len(store)]))

    def objective(self, targets: Targets, rows: IntArray, config: TrainConfig, model: ModelConfig) -> Objective:
        return _Halved(config, targets, rows, n_classes=len(model.classes))


class _Noisy(FeatureStore):
    def __init__(self, store: FeatureStore, noise: float) -> None:
        super().__init__(store.model, store.corpus)
        self.store = store
        self.noise = noise

    def __getitem__(self, row: int) -> Tensor:
        return self.store[row % len(self.store)]

    def draw(self, row: int, generator: np.random.Generator) -> Tensor:
        item = self[row]
        if row < len(self.store):
            return item
        return item + self.noise * torch.from_numpy(generator.standard_normal(item.shape).astype(np.float32))

    def length(self, row: int) -> int:
        return self.store.length(row % len(self.store))


class _Halved(Objective):
    seen = 0

    def loss(self, model: EmotionModel, features: Tensor, lengths: Tensor, batch: TargetBatch) -> Tensor:
        self.seen += int((batch.rows >= len(self.targets.labels) // 2).sum())
        return super().loss(model, features, lengths, batch) / 2

    def figures(self) -> dict[str, float]:
        seen, self.seen = self.seen, 0
        return {"noisy": float(seen)}


def test_no_method_is_the_base_class(tone_split: Split, tone_recipe: TrainConfig) -> None:
    short = replace(tone_recipe, epochs=2)
    plain = train_split(tone_split, config=short, seed=3)
    named = train_split(tone_split, config=replace(short, method=TrainingMethod()), seed=3)
    assert tensor_digest(plain.model) == tensor_digest(named.model)


def test_added_rows_are_trained_on_and_noted(tone_split: Split, tone_recipe: TrainConfig) -> None:
    short = replace(tone_recipe, epochs=3, method=Twice())
    found = train_split(tone_split, config=short, seed=3)
    again = train_split(tone_split, config=short, seed=3)
    assert tensor_digest(found.model) == tensor_digest(again.model)
    assert [entry["noisy"] for entry in found.fit.history] == [len(found.fit.trained_rows)] * 3
    assert max(found.fit.trained_rows) < len(tone_split.train)
    assert found.model.config.history[-1]["method"] == "twice"
    assert found.model.erasure is not None
    assert found.model.erasure.trained is not None
    assert found.model.erasure.trained.utterances == len(found.fit.trained_rows)
    other = train_split(tone_split, config=replace(short, method=Twice(noise=0.2)), seed=3)
    assert tensor_digest(other.model) != tensor_digest(found.model)


def test_learns_and_is_forgotten_with_statistics(tone_split: Split, tone_recipe: TrainConfig) -> None:
    report = train_split(
        tone_split,
        config=replace(tone_recipe, method=Twice()),
        seed=1,
        erasure=ErasureConfig(folds=2, rules=("within",)),
    )
    assert report.test.uar is not None
    assert report.test.uar.estimate > 0.6
    gone = tone_split.train.select(list(report.fit.trained_rows[:4]))
    result = forget(report.model, gone, method="out_of_fold")
    assert isinstance(result.model, EmotionModel)
    assert isinstance(result.model.erasure, ErasureRecord)
    assert len(result.model.erasure.commitments["train"]) == len(report.fit.trained_rows) - 4


class _Counting(Objective):
    """Adds a tensor that a resumed run must take up."""

    count = torch.zeros(1)

    def loss(self, model: EmotionModel, features: Tensor, lengths: Tensor, batch: TargetBatch) -> Tensor:
        self.count = self.count + 1.0
        return super().loss(model, features, lengths, batch) / self.count.sqrt().item()

    def state(self) -> dict[str, Tensor]:
        return {"count": self.count}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.count = state["count"]


@dataclass(frozen=True, kw_only=True)
class Slower(TrainingMethod):
    NAME: ClassVar[str] = "slower"
    DIVISIBLE: ClassVar[bool] = False
    stop_after: int = 10**9

    def batches(self, epoch: int, **given: Any) -> Iterator[IntArray]:
        if epoch >= self.stop_after:
            raise KeyboardInterrupt
        return super().batches(epoch, **given)

    def objective(self, targets: Targets, rows: IntArray, config: TrainConfig, model: ModelConfig) -> Objective:
        return _Counting(config, targets, rows, n_classes=len(model.classes))


def test_a_resumed_run_takes_up_the_state_of_the_loss(
    tone_split: Split, tone_recipe: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(tone_recipe, epochs=4, method=Slower())

    def run(folder: Path | None, *, resume: bool = False) -> str:
        model = model_for(tone_split.train, short, family="logmel-cnn", seed=2)
        found = fit(model, tone_split.train, tone_split.dev, config=short, seed=2, checkpoint=folder, resume=resume)
        return tensor_digest(found.model)

    whole = run(None)
    (tmp_path / "c").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Slower, "stop_after", 2)
        patch.setattr(Slower, "batches", lambda self, epoch, **given: _stopping(epoch, given))
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "c")
    assert run(tmp_path / "c", resume=True) == whole
    other = replace(short, method=None)
    model = model_for(tone_split.train, other, family="logmel-cnn", seed=2)
    with pytest.raises(CheckpointError, match="another run"):
        fit(model, tone_split.train, tone_split.dev, config=other, seed=2, checkpoint=tmp_path / "c", resume=True)


def _stopping(epoch: int, given: dict[str, Any]) -> Iterator[IntArray]:
    if epoch >= 2:
        raise KeyboardInterrupt
    return TrainingMethod().batches(epoch, **given)


def test_a_batch_that_must_stay_whole(tone_split: Split, tone_recipe: TrainConfig) -> None:
    class Two:
        num_processes = 2

    short = replace(tone_recipe, epochs=1, method=Slower())
    model = model_for(tone_split.train, short, family="logmel-cnn", seed=2)
    with pytest.raises(ConfigError, match="slower compares the recordings of a whole batch"):
        fit(model, tone_split.train, tone_split.dev, config=short, accelerator=Two())  # type: ignore[arg-type]


def test_a_method_is_no_word() -> None:
    with pytest.raises(ConfigError, match="a training method was expected"):
        TrainConfig(method="fixmatch")


def test_settings_are_recorded_with_the_name() -> None:
    assert TrainConfig(method=Twice(noise=0.3)).to_json()["method"] == {"name": "twice", "noise": 0.3}
    assert TrainConfig().to_json()["method"] is None


# intents and other labels


@pytest.fixture(scope="module")
def intent_corpus(tone_corpus: Corpus) -> Corpus:
    """The tones, joy and anger asked, sadness told; the loud takes are strong. Some have no intent."""
    emotions: Sequence[str | None] = tone_corpus.emotions
    intents = [None if row % 11 == 0 else "tell" if name == "sadness" else "ask" for row, name in enumerate(emotions)]
    levels = ["strong" if name == "anger" else "weak" for name in emotions]
    return replace(
        tone_corpus,
        table=tone_corpus.table.with_columns(
            pl.Series("intent", intents, dtype=pl.String), pl.Series("intensity", levels, dtype=pl.String)
        ),
    )


def test_intents_are_learned_beside_emotions(intent_corpus: Corpus, tone_recipe: TrainConfig, tmp_path: Path) -> None:
    report = train(
        intent_corpus, tmp_path / "m", config=replace(tone_recipe, intents=True), seed=1, test_speakers=["s6"]
    )
    model = EmotionModel.from_pretrained(tmp_path / "m")
    assert model.config.intents == ("ask", "tell")
    assert "dev_intent_uar" in report.fit.history[-1]
    assert report.test.intents is not None
    assert report.test.intents.utterances == sum(
        value is not None for value in intent_corpus.with_speakers("s6").table["intent"]
    )
    assert report.test.intents.uar.estimate > 0.8
    assert report.test.intents.chance_uar == 0.5
    heads = model.heads(*model.front_end(torch.zeros(1, 16000), torch.tensor([16000])))
    assert [part.shape[1] for part in heads] == [3, 0, 2]
    without = replace(
        intent_corpus, table=intent_corpus.table.with_columns(pl.lit(None).cast(pl.String).alias("intent"))
    )
    assert evaluate(model, without).intents is None
    nobody = replace(without, table=without.table.with_columns(pl.lit(None).cast(pl.String).alias("emotion")))
    with pytest.raises(DataError, match="nothing to score"):
        evaluate(model, nobody)
    only = replace(intent_corpus, table=intent_corpus.table.with_columns(pl.lit(None).cast(pl.String).alias("emotion")))
    assert evaluate(model, only).uar is None
    with pytest.raises(ConfigError, match="intents alone"):
        evaluate(model, only, groups=("sex",))


def test_the_loss_of_intents_is_their_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(0)
    emotions, intents = torch.randn(5, 3, generator=generator), torch.randn(5, 2, generator=generator)
    labels, told = np.array([0, 2, -1, 1, 0]), np.array([1, -1, 0, 0, -1])
    targets = Targets(labels=labels, shares=None, attributes=np.empty((5, 0)), intents=told)
    config = TrainConfig(intents=True, intent_weight=0.5, class_weights=False, label_smoothing=0.0)
    objective = Objective(config, targets, np.arange(5), n_classes=3)
    batch = targets.batch(np.arange(5))
    found = objective.heads_loss(Heads(emotions, torch.empty(5, 0), intents), batch)
    log_emotions, log_intents = emotions.log_softmax(1), intents.log_softmax(1)
    expected = -(log_emotions[0, 0] + log_emotions[1, 2] + log_emotions[3, 1] + log_emotions[4, 0]) / 4
    expected = expected - 0.5 * (log_intents[0, 1] + log_intents[2, 0] + log_intents[3, 0]) / 3
    assert float(found) == pytest.approx(float(expected), abs=1e-6)
    assert targets.usable.tolist() == [0, 1, 2, 3, 4]
    silent = batch._replace(intents=torch.full((5,), -1), labels=torch.full((5,), -1))
    assert float(objective.heads_loss(Heads(emotions, torch.empty(5, 0), intents), silent)) == 0.0


def test_no_intents_in_the_corpus(tone_split: Split, tone_recipe: TrainConfig) -> None:
    model = ModelConfig(family="logmel-cnn", classes=("anger", "joy", "sadness"), intents=("ask", "tell"))
    with pytest.raises(DataError, match="has no intent of ask, tell"):
        TrainingMethod().targets(tone_split.train, model, replace(tone_recipe, intents=True))


def test_classes_from_another_column_are_learned_scored_and_forgotten(
    intent_corpus: Corpus, tone_recipe: TrainConfig, tmp_path: Path
) -> None:
    config = replace(tone_recipe, label="intensity", classes=("weak", "strong"))
    report = train(intent_corpus, tmp_path / "m", config=config, seed=1, test_speakers=["s6"])
    model = EmotionModel.from_pretrained(tmp_path / "m")
    assert (model.config.label, model.classes) == ("intensity", ("weak", "strong"))
    assert report.test.uar is not None
    assert report.test.uar.estimate > 0.65
    # the corpus as it is: its emotions are none of the model's classes
    assert evaluate(model, intent_corpus.with_speakers("s6")).uar == report.test.uar
    assert model.erasure is not None
    result = forget(model, intent_corpus.with_speakers("s2"), scope="speaker")
    assert result.utterances == 12
    assert "of intensity" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"label": "mood"}, "label is 'mood'"),
        ({"label": "arousal"}, "one rising value"),
        ({"edges": (1.0,)}, "none for other columns"),
        ({"label": "arousal", "edges": (2.0, 1.0)}, "one rising value"),
        ({"intents": ("ask",)}, "two or more different"),
    ],
)
def test_configs_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ModelConfig(family="logmel-cnn", classes=("a", "b", "c"), **settings)


@dataclass(frozen=True, kw_only=True)
class FromFile(TrainingMethod):
    """Knows the labels from a file that a setting names; learns from utterances without one, too."""

    NAME: ClassVar[str] = "from-file"
    file: str = ""

    @property
    def partly(self) -> bool:
        return True

    def files(self) -> dict[str, Path]:
        return {"file": Path(self.file)}

    def settle(self, corpus: Corpus, config: TrainConfig) -> tuple[Corpus, TrainConfig]:
        known = dict(line.split() for line in Path(self.file).read_text(encoding="utf-8").splitlines())
        labels = [known.get(name) for name in corpus.table["utterance"]]
        table = corpus.table.with_columns(emotion=pl.Series(labels, dtype=pl.String))
        corpus = replace(corpus, table=table).select(pl.col("speaker") != "s3")
        return corpus, replace(config, classes=("anger", "sadness"))


def test_a_method_brings_labels_from_a_file(tone_corpus: Corpus, tone_recipe: TrainConfig, tmp_path: Path) -> None:
    names, emotions = tone_corpus.table["utterance"].to_list(), tone_corpus.emotions
    file = tmp_path / "labels.txt"
    lines = [f"{name} {emotion}" for name, emotion in zip(names, emotions, strict=True) if emotion != "joy"]
    file.write_text("\n".join(lines), encoding="utf-8")
    bare = replace(tone_corpus, table=tone_corpus.table.drop("emotion"), classes=())
    config = replace(tone_recipe, epochs=2, method=FromFile(file=str(file)), attributes=("arousal",))
    bare = replace(bare, table=bare.table.with_columns(arousal=pl.Series(np.linspace(0, 1, 72))), scale=(0.0, 1.0))
    found = train(bare, tmp_path / "model", config=config, test_speakers=["s6"])
    assert found.model.classes == ("anger", "sadness")
    assert found.left_out == 12
    assert len(found.fit.trained_rows) + len(found.fit.heldout_rows) == 36  # joys, too, of which arousal is known
    assert found.test.unlabelled == 4
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert found.model.config.history[0]["files"] == {"file": {"path": str(file.resolve()), "sha256": digest}}
    with pytest.raises(DataError, match=r"speakers s3 cannot be test speakers \(got no utterance of theirs"):
        train(bare, tmp_path / "other", config=config, test_speakers=["s3"])
    with pytest.raises(DataError, match="has the unknown emotion 'sadness'"):
        train(bare, tmp_path / "other", config=replace(config, method=FromOther(file=str(file))))
    file.write_text("\n".join(line for line in lines if not line.startswith("s6")), encoding="utf-8")
    with pytest.raises(DataError, match="no utterance of the test speakers has a label"):
        train(bare, tmp_path / "other", config=config, test_speakers=["s6"])
    with pytest.raises(DataError, match=r"gone\.txt cannot be read .*the method from-file learns from"):
        FromFile(file=str(tmp_path / "gone.txt")).described_files()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.txt", "model"]


class FromOther(FromFile):
    """Says classes that are not those of the file."""

    def settle(self, corpus: Corpus, config: TrainConfig) -> tuple[Corpus, TrainConfig]:
        corpus, config = super().settle(corpus, config)
        return corpus, replace(config, classes=("anger", "joy"))
