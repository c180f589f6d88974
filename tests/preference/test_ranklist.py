"""RankList as a way to train: tones are put in order, reproducibly, and the model can forget."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from affekt.corpora import Corpus, Split, by_speaker
from affekt.corpora.labels import labelled_by
from affekt.errors import ConfigError, DataError
from affekt.metrics import kendall_tau
from affekt.models import EmotionModel, ModelConfig, RankerNetwork, tensor_digest
from affekt.preference import METHODS, Ranked, RankList, predict_scores, rank
from affekt.preference.ranklist import RankTargets, skip_at
from affekt.training import (
    ErasureConfig,
    FeatureStore,
    TrainConfig,
    TrainReport,
    evaluate,
    fit,
    model_for,
    recipe,
    train_split,
)
from affekt.unlearning import ForgetSet, forget
from affekt.unlearning.harness import expected_loss

ORDER = ("sadness", "joy", "anger")
SMALL: dict[str, Any] = {"settings": {"channels": (4, 6, 8), "width": 24, "n_mels": 40, "head_dropout": 0.0}}


def config_of(method: RankList, **changes: Any) -> TrainConfig:
    settings = {"epochs": 10, "learning_rate": 1e-2, "heldout_fraction": 0.1, **changes}
    return recipe("ranker", classes=ORDER, method=method, **settings)


@pytest.fixture(scope="module")
def ordered(tone_corpus: Corpus) -> Corpus:
    """The tones, from the dull to the bright."""
    return labelled_by(tone_corpus, "emotion", classes=ORDER)


@pytest.fixture(scope="module")
def split(ordered: Corpus) -> Split:
    return by_speaker(ordered, test_speakers=["s6"], dev_speakers=["s5"])


@pytest.fixture(scope="module")
def stores(split: Split) -> tuple[FeatureStore, FeatureStore]:
    """Features of the two sides, which every model here shares."""
    model = model_for(split.train, config_of(RankList()), family="ranker", seed=0, options=SMALL)
    return FeatureStore(model, split.train), FeatureStore(model, split.dev)


def fitted(
    split: Split, stores: tuple[FeatureStore, FeatureStore], method: RankList, *, seed: int = 1, **changes: Any
) -> tuple[EmotionModel, tuple[dict[str, float], ...]]:
    config = config_of(method, **changes)
    model = model_for(split.train, config, family="ranker", seed=seed, options=SMALL)
    return model, fit(model, split.train, split.dev, config=config, seed=seed, stores=stores).history


@pytest.mark.parametrize(
    "method",
    [
        RankList(lists=2),
        RankList(lists=2, form="lse", skip=3, curriculum="doubling"),
        RankList(lists=8, loss="ranknet", size=2),
        RankList(lists=2, loss="listnet"),
        RankList(lists=2, loss="listmle"),
    ],
    ids=lambda method: f"{method.loss}-{method.form}",
)
def test_new_voices_are_put_in_order(split: Split, stores: tuple[FeatureStore, FeatureStore], method: RankList) -> None:
    model, history = fitted(split, stores, method)
    scores = predict_scores(model, FeatureStore(model, split.test))
    assert kendall_tau(split.test.labels(), scores) > 0.6
    assert history[-1]["skip"] == (method.skip or method.size - 1)
    assert history[-1]["comparisons"] > 0
    assert history[-1]["dev_loss"] < 0.5 < np.log(2.0)
    assert history[-1]["dev_tau"] > 0.6
    found = evaluate(model, split.test)  # the reading
    assert found.uar is not None
    assert found.uar.estimate > 0.6


def test_the_same_seed_gives_the_same_weights(split: Split, stores: tuple[FeatureStore, FeatureStore]) -> None:
    digests = [tensor_digest(fitted(split, stores, RankList(skip=2), seed=seed, epochs=2)[0]) for seed in (3, 3, 4)]
    assert digests[0] == digests[1] != digests[2]


def test_the_reading_never_moves_the_score(split: Split, stores: tuple[FeatureStore, FeatureStore]) -> None:
    method = RankList(size=4, lists=2)
    config = config_of(method)
    model = model_for(split.train, config, family="ranker", seed=0, options=SMALL)
    targets = method.targets(split.train, model.config, config)
    flat = replace(targets, values=np.ones(len(split.train)))  # nothing to order: only the reading is left to learn
    objective = method.objective(flat, targets.usable, config, model.config)
    rows = np.arange(8)
    features, lengths = stores[0].batch(rows)
    loss = objective.loss(model.train(), features, lengths, flat.batch(rows))
    network = model.network
    assert isinstance(network, RankerNetwork)
    loss.backward()  # type: ignore[no-untyped-call]
    assert network.bias.grad is not None
    assert network.bias.grad.abs().sum() > 0
    assert all(p.grad is None or not p.grad.any() for p in network.source.parameters())


def test_the_skip_grows_and_so_do_the_comparisons(split: Split, stores: tuple[FeatureStore, FeatureStore]) -> None:
    assert [skip_at(epoch, 8, most=7, how="linear") for epoch in range(8)] == [1, 2, 4, 5, 7, 7, 7, 7]
    assert [skip_at(epoch, 8, most=7, how="none") for epoch in range(2)] == [7, 7]
    assert [skip_at(epoch, 1, most=7, how="linear") for epoch in range(1)] == [7]
    for how in ("doubling", "linear"):
        grown = [skip_at(epoch, 40, most=15, how=how) for epoch in range(40)]  # type: ignore[arg-type]
        assert grown[0] == 1
        assert (np.diff(grown) >= 0).all()
        assert set(grown[20:]) == {15}
    _, history = fitted(split, stores, RankList(curriculum="linear", lists=4), epochs=4, keep_last=True)
    assert [entry["skip"] for entry in history] == [1, 4, 7, 7]
    assert history[0]["comparisons"] < history[1]["comparisons"] < history[2]["comparisons"]


def test_attributes_are_ordered_by_their_values(ordered: Corpus) -> None:
    arousal = np.linspace(1, 7, len(ordered))
    corpus = replace(ordered, table=ordered.table.with_columns(arousal=pl.Series(arousal)), scale=(1, 7))
    corpus = labelled_by(corpus, "arousal", edges=(4.0,))
    model = ModelConfig(family="ranker", classes=corpus.classes, label="arousal", edges=(4.0,))
    config = recipe("ranker", label="arousal", edges=(4.0,))
    targets = RankList(margin=1.0, size=3).targets(corpus, model, config)
    assert targets.values == pytest.approx(arousal)
    (batch, *_) = RankList(margin=1.0, size=3, lists=2).batches(
        0, targets=targets, rows=np.arange(72), lengths=[1] * 72, config=config, generator=np.random.default_rng(0)
    )
    for row in batch.reshape(2, 3):
        gaps = -np.diff(arousal[row])
        assert (gaps[gaps != 0] >= 1.0).all()


def test_people_decide_against_the_label(
    split: Split, stores: tuple[FeatureStore, FeatureStore], tmp_path: Path
) -> None:
    """Preferences for the dull over the bright, given as lists, turn the order round."""
    file = tmp_path / "preferred.json"
    rng = np.random.default_rng(0)
    lists = []
    for side in (split.train, split.dev):
        names, labels = side.table["utterance"].to_list(), side.labels()
        for _ in range(60):
            rows = [int(rng.choice(np.flatnonzero(labels == level))) for level in range(3)]
            lists.append([names[row] for row in rows])
    file.write_text(json.dumps(lists), encoding="utf-8")
    model, _ = fitted(split, stores, RankList(preferences=str(file), size=3, lists=4))
    scores = predict_scores(model, FeatureStore(model, split.test))
    assert kendall_tau(split.test.labels(), scores) < -0.6


def test_votes_decide_where_they_are_asked(ordered: Corpus) -> None:
    names = ordered.table["utterance"].to_list()
    ratings = pl.DataFrame(
        [
            {"utterance": name, "rater": "r", "emotion": "joy", "arousal": 1.0 + k % 3}
            for k, name in enumerate(names[:9])
        ]
    )
    table = ordered.table.with_columns(arousal=pl.Series([1.0 + k % 3 for k in range(len(ordered))]))
    corpus = labelled_by(replace(ordered, table=table, ratings=ratings), "arousal", edges=(2.0,))
    model = ModelConfig(family="ranker", classes=corpus.classes, label="arousal", edges=(2.0,))
    targets = RankList(votes=True, margin=0.5).targets(corpus, model, recipe("ranker", label="arousal", edges=(2.0,)))
    assert targets.usable.tolist() == list(range(9))


@pytest.fixture(scope="module")
def ready(split: Split) -> TrainReport:
    """A ranker trained erasure-ready."""
    config = config_of(RankList(lists=2), epochs=14, keep_last=True)
    return train_split(
        split, family="ranker", config=config, options=SMALL, seed=1, erasure=ErasureConfig(folds=2, rules=("across",))
    )


def test_a_folder_is_put_in_order(ready: TrainReport, split: Split, tone_folder: Path, tmp_path: Path) -> None:
    found = rank(ready.model, split.test)
    assert [row.rank for row in found] == list(range(1, len(split.test) + 1))
    scores = [row.score for row in found]
    assert scores == sorted(scores, reverse=True)
    level = dict(zip(split.test.table["utterance"].to_list(), split.test.labels(), strict=True))
    assert kendall_tau([level[row.utterance] for row in found], scores) > 0.5
    assert isinstance(found[0], Ranked)
    assert len(rank(ready.model, tone_folder)) == 72
    plain = tmp_path / "plain"
    (plain / "deeper").mkdir(parents=True)
    for number, row in enumerate(found[:3]):
        (plain / ("deeper" if number else ".") / f"{number}.wav").write_bytes(Path(row.file).read_bytes())
    again = rank(ready.model, plain)
    assert [Path(row.file).name for row in again] == ["0.wav", "1.wav", "2.wav"]
    assert [row.score for row in again] == pytest.approx(scores[:3], abs=1e-4)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="holds no recording"):
        rank(ready.model, empty)


def test_it_is_saved_with_its_score(ready: TrainReport, split: Split, tmp_path: Path) -> None:
    again = EmotionModel.from_pretrained(ready.model.save_pretrained(tmp_path / "model"))
    assert [row.utterance for row in rank(again, split.test)] == [
        row.utterance for row in rank(ready.model, split.test)
    ]
    assert again.config.history[0]["method"] == "ranklist"


@pytest.mark.parametrize("method", ["gradient_ascent", "out_of_fold"])
@pytest.mark.parametrize("statistics", [True, False])
def test_it_forgets_a_person(ready: TrainReport, split: Split, method: str, statistics: bool) -> None:
    model = ready.model
    assert model.erasure is not None
    assert model.erasure.statistics is not None
    if not statistics:
        if method == "out_of_fold":  # needs them
            method = "random_labels"
        model = EmotionModel(model.config)
        model.load_state_dict(ready.model.state_dict())
        model.erasure = replace(ready.model.erasure, statistics=None) if ready.model.erasure else None
    trained = set(ready.fit.trained_rows)
    rows = [row for row, name in enumerate(split.train.table["speaker"]) if name == "s1" and row in trained]
    gone = split.train.select(rows)
    result = forget(model, gone, method=method, scope="speaker", seed=0)
    changed = result.model
    assert isinstance(changed, EmotionModel)
    before, after = (evaluate(one, gone, resamples=20).loss for one in (model, changed))
    assert before is not None
    assert after is not None
    expected = expected_loss(model, "speaker", before, forget_set=ForgetSet.of(gone, model))
    assert expected is not None
    assert expected > before
    assert before < after
    if method == "out_of_fold":
        assert after == pytest.approx(expected, rel=0.25)
    store = FeatureStore(model, gone)
    assert not np.array_equal(predict_scores(model, store), predict_scores(changed, store))
    assert changed.config.history[-1]["event"] == "deletion"
    assert changed.erasure is not None
    if statistics:
        left = changed.erasure.statistics
        assert left is not None
        assert len(left.names) == len(split.train) - len(gone)


def test_what_is_refused(split: Split) -> None:
    assert METHODS["ranklist"] is RankList
    model = ModelConfig(family="ranker", classes=ORDER)
    config = recipe("ranker", classes=ORDER)
    with pytest.raises(ConfigError, match=r"family ranker with one score .*logmel-cnn with 0 attributes"):
        RankList().targets(split.train, replace(model, family="logmel-cnn"), config)
    with pytest.raises(ConfigError, match="ranker with 1 attributes"):
        RankList().targets(split.train, replace(model, attributes=("arousal",)), config)
    with pytest.raises(ConfigError, match="within is 'mood', and corpus 'tones' has no such column"):
        RankList(within="mood").targets(split.train, model, config)
    for wrong, message in (
        ({"loss": "svm"}, "loss is 'svm'"),
        ({"form": "max"}, "form is 'max'"),
        ({"curriculum": "fast"}, "curriculum 'fast'"),
        ({"size": 1}, "size is 1; a value from 2"),
        ({"skip": -1}, "skip is -1"),
        ({"margin": -0.5}, "margin is -0.5"),
        ({"balanced": True, "form": "lse"}, "balanced is for the form sum"),
        ({"preferences": "a.csv", "votes": True}, "one of the two was expected"),
    ):
        with pytest.raises(ConfigError, match=message):
            RankList(**wrong)
    plain = EmotionModel(ModelConfig(family="logmel-cnn", classes=ORDER))
    with pytest.raises(ConfigError, match="family logmel-cnn, which gives no score"):
        rank(plain, split.test)


def test_preferences_about_nobody_are_refused(split: Split, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("better,worse\nx,y\n", encoding="utf-8")
    model = ModelConfig(family="ranker", classes=ORDER)
    with pytest.raises(DataError, match=r"no list of .* is about two utterances"):
        RankList(preferences=str(file)).targets(split.train, model, recipe("ranker", classes=ORDER))


def test_targets_know_who_can_be_listed(split: Split, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    names = split.train.table["utterance"].to_list()
    file.write_text(f"better,worse\n{names[4]},{names[2]}\n{names[4]},x\n", encoding="utf-8")
    model = ModelConfig(family="ranker", classes=ORDER)
    found = RankList(preferences=str(file)).targets(split.train, model, recipe("ranker", classes=ORDER))
    assert isinstance(found, RankTargets)
    assert found.usable.tolist() == [2, 4]
    assert torch.equal(found.batch(np.array([4, 2])).rows, torch.tensor([4, 2]))
