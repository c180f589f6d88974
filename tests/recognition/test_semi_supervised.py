"""FixMatch and FullMatch in the one training loop: what is seen of labels, what is learned, what can be forgotten."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from affekt.corpora import Corpus, Split, as_text, by_speaker
from affekt.encoders.text_augmentation import TextAugmentation
from affekt.errors import ConfigError, DataError, ShapeError
from affekt.losses import cross_entropy, fixmatch_loss, fullmatch_terms
from affekt.models import EmotionModel, tensor_digest
from affekt.recognition import METHODS, FewLabels, FixMatch, FullMatch
from affekt.recognition.views import STRONG, WEAK, ViewConfig, ViewStore
from affekt.training import (
    ErasureConfig,
    FeatureStore,
    FitResult,
    TrainConfig,
    TrainReport,
    fit,
    model_for,
    predict_heads,
    recipe,
    train,
    train_split,
)
from affekt.unlearning import forget

WORDS = {
    "anger": "furious angry hate yell rage mad fight slam",
    "joy": "happy lovely glad smile laugh sunny dance sweet",
    "sadness": "lonely cry tears grey lost miss sorry weep",
}
MEANT = {"ask": "who when where why which whose", "tell": "here today there always soon then"}
SMALL = {"words": 128, "characters": 64, "hidden": 16, "dropout": 0.1}
SPEAKERS = ("a", "b", "c", "d", "e", "f")


@pytest.fixture(scope="module")
def texts() -> Split:
    """Six people who write 48 texts each: three emotions, two intents, in words of their own each time."""
    random = np.random.default_rng(0)
    rows = [
        {
            "file": f"{speaker}-{emotion}-{intent}-{take}.txt",
            "speaker": speaker,
            "emotion": emotion,
            "intent": intent,
            "text": " ".join([*random.choice(words.split(), 3), *random.choice(meant.split(), 3)]),
        }
        for speaker in SPEAKERS
        for emotion, words in WORDS.items()
        for intent, meant in MEANT.items()
        for take in range(8)
    ]
    corpus = as_text(Corpus(name="texts", root=Path("nowhere"), table=pl.DataFrame(rows), synthetic=True))
    return by_speaker(corpus, test_speakers=["f"], dev_speakers=["e"])


def settings(method: FewLabels | None, **changes: Any) -> TrainConfig:
    values = {"epochs": 6, "batch_size": 16, "learning_rate": 1e-2, "heldout_fraction": 0.0, "intents": True}
    return recipe("text", **{"label_smoothing": 0.0, "class_weights": False, **values, **changes}, method=method)


def fitted(split: Split, method: FewLabels | None, *, seed: int = 0, **changes: Any) -> FitResult:
    config = settings(method, **changes)
    model = model_for(split.train, config, family="text", seed=seed, options=SMALL)
    return fit(model, split.train, split.dev, config=config, seed=seed)


def scores(model: EmotionModel, corpus: Corpus) -> tuple[float, float]:
    """Accuracy of emotions and of intents."""
    found = predict_heads(model, FeatureStore(model, corpus), np.arange(len(corpus)))
    intents = np.array([model.config.intents.index(name) for name in corpus.table["intent"]])
    return float((found.logits.argmax(1) == corpus.labels()).mean()), float((found.intents.argmax(1) == intents).mean())


METHOD = [FewLabels(labelled=0.3), FixMatch(labelled=0.3, mu=2), FullMatch(labelled=0.3, mu=2)]


@pytest.mark.parametrize("method", METHOD, ids=lambda method: method.NAME)
def test_it_learns_both_heads(texts: Split, method: FewLabels) -> None:
    emotions, intents = scores(fitted(texts, method, epochs=10).model, texts.test)
    assert emotions > 0.8
    assert intents > 0.8


def test_the_same_seed_gives_the_same_weights(texts: Split) -> None:
    method = FullMatch(labelled=0.2, mu=2, ema=0.9)
    first, again = (fitted(texts, method, epochs=2) for _ in range(2))
    other = fitted(texts, method, epochs=2, seed=1)
    assert tensor_digest(first.model) == tensor_digest(again.model) != tensor_digest(other.model)


def test_a_killed_run_goes_on_to_the_same_weights(texts: Split, tmp_path: Path) -> None:
    method = FixMatch(labelled=0.2, mu=1, ema=0.9, threshold=0.5)
    config = settings(method, epochs=3, keep_last=True)

    def start(**how: Any) -> FitResult:
        model = model_for(texts.train, config, family="text", seed=0, options=SMALL)
        return fit(model, texts.train, texts.dev, config=config, seed=0, **how)

    whole = start()

    def stop(message: str, done: int, total: int) -> None:
        if message == "epoch 3":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(checkpoint=tmp_path / "checkpoint", progress=stop)
    resumed = start(checkpoint=tmp_path / "checkpoint", resume=True)
    assert tensor_digest(resumed.model) == tensor_digest(whole.model)


def test_hidden_labels_change_nothing(texts: Split) -> None:
    """Labels that are hidden are not looked at: wrong ones give the same weights."""
    method = FullMatch(labelled=0.25, mu=1)
    config = settings(method)
    model = model_for(texts.train, config, family="text", seed=0, options=SMALL)
    hidden = method.targets(texts.train, model.config, config).labels < 0
    assert 0.5 < hidden.mean() < 0.9
    names = texts.train.emotions
    wrong = [
        ("anger" if name != "anger" else "joy") if gone else name for name, gone in zip(names, hidden, strict=True)
    ]
    table = texts.train.table.with_columns(pl.Series("emotion", wrong), intent=pl.col("intent"))
    # which labels are kept depends on the names, and on the lowest of each class, which are the same here
    lied = replace(texts, train=replace(texts.train, table=table))
    honest = fitted(texts, method, epochs=2)
    fooled = fitted(lied, method, epochs=2)
    assert tensor_digest(honest.model) == tensor_digest(fooled.model)


def test_utterances_without_an_emotion_are_learned_from(texts: Split) -> None:
    """A corpus that was never labelled in full; the unlabelled part changes what is learned."""
    keep = np.random.default_rng(1).random(len(texts.train)) < 0.3
    masked = [
        pl.Series(column, [name if kept else None for name, kept in zip(texts.train.table[column], keep, strict=True)])
        for column in ("emotion", "intent")
    ]
    partly = replace(texts, train=replace(texts.train, table=texts.train.table.with_columns(masked)))
    found = fitted(partly, FixMatch(mu=1, threshold=0.6), epochs=6)
    assert len(found.trained_rows) == len(texts.train)
    assert found.history[-1]["mask_rate_emotion"] > 0.2
    alone = fitted(partly, FewLabels(), epochs=6)
    assert len(alone.trained_rows) == keep.sum()
    assert tensor_digest(alone.model) != tensor_digest(found.model)


def test_a_column_can_say_what_is_labelled(texts: Split) -> None:
    marks = pl.Series("known", ["yes" if row % 4 == 0 else "no" for row in range(len(texts.train))])
    corpus = replace(texts.train, table=texts.train.table.with_columns(marks))
    config = settings(FixMatch(labelled_column="known"))
    model = model_for(corpus, config, family="text", seed=0, options=SMALL)
    found = config.method.targets(corpus, model.config, config)
    assert np.flatnonzero(found.labels >= 0).tolist() == list(range(0, len(corpus), 4))
    assert len(found.usable) == len(corpus)


def objective_parts(split: Split, method: FixMatch) -> tuple[Any, EmotionModel, Any, Any, Any]:
    """An objective and one batch as fit would hand it over: 4 labelled rows, 3 weak and 3 strong views."""
    config = settings(method, intent_weight=2.0)
    model = model_for(split.train, config, family="text", seed=0, options={**SMALL, "dropout": 0.0})
    with torch.no_grad():
        model.network.head[-1].weight.mul_(60.0)  # sure of itself
    rows = np.arange(len(split.train))
    targets = method.targets(split.train, model.config, config)
    prepared = method.prepare(model, FeatureStore(model, split.train), targets, rows, config=config, seed=0)
    objective = method.objective(prepared.targets, prepared.rows, config, model.config)
    size = len(split.train)
    own = np.flatnonzero(targets.labels >= 0)[:4]
    batch = np.concatenate([own, WEAK * size + np.array([5, 9, 7]), STRONG * size + np.array([5, 9, 7])])
    generator = np.random.default_rng(3)
    features = torch.stack([prepared.store.draw(int(row), generator) for row in batch])
    return objective, model, features, torch.ones(len(batch), dtype=torch.int64), targets.batch(batch)


@pytest.mark.parametrize("kind", [FixMatch, FullMatch])
def test_the_loss_is_the_sum_over_the_heads(texts: Split, kind: type[FixMatch]) -> None:
    method = kind(labelled=0.5, threshold=0.7, weight=0.5)
    objective, model, features, lengths, batch = objective_parts(texts, method)
    heads = model.train().heads(features, lengths)
    expected = 0.0
    for weight, logits, labels in ((1.0, heads.logits, batch.labels), (2.0, heads.intents, batch.intents)):
        expected += weight * float(cross_entropy(logits[:4], labels[:4]).detach())
        weak, strong = logits[4:7].detach(), logits[7:].detach()
        if kind is FixMatch:
            expected += weight * 0.5 * float(fixmatch_loss(strong, weak, threshold=0.7))
        else:
            terms = fullmatch_terms(strong, weak, threshold=0.7)
            assert terms.mask_rate > 0
            assert float(terms.meaning) > 0
            expected += weight * float(0.5 * terms.fixmatch + terms.negative + terms.meaning)
    found = objective.loss(model, features, lengths, batch)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)
    assert batch.labels[4:].tolist() == [-1] * 6
    noted = objective.figures()
    assert set(noted) >= {"mask_rate_emotion", "mask_rate_intent", "supervised_loss"}
    assert ("k_emotion" in noted) == (kind is FullMatch)
    assert objective.figures() == {}


def test_first_epochs_can_be_fixmatch_alone(texts: Split) -> None:
    full = FullMatch(labelled=0.5, threshold=0.7, warm_epochs=2)
    losses = []
    for method, epoch in ((full, 1), (FixMatch(labelled=0.5, threshold=0.7), 1), (full, 2)):
        objective, model, features, lengths, batch = objective_parts(texts, method)
        objective.start_epoch(epoch, 5)
        losses.append(float(objective.loss(model, features, lengths, batch).detach()))
    assert losses[0] == pytest.approx(losses[1])
    assert losses[2] > losses[1]


def test_the_teacher_is_the_moving_average(texts: Split) -> None:
    objective, model, features, lengths, batch = objective_parts(texts, FixMatch(labelled=0.5, ema=0.75))
    objective.loss(model, features, lengths, batch)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    with torch.no_grad():
        for value in model.parameters():
            value.add_(1.0)
    objective.loss(model, features, lengths, batch)
    for name, value in objective.state().items():
        torch.testing.assert_close(value, before[name] + 0.25)
    assert model.training


def test_views_must_belong_together(texts: Split) -> None:
    objective, model, features, lengths, batch = objective_parts(texts, FixMatch(labelled=0.5))
    with pytest.raises(ShapeError, match="3 weak and 3 strong views that do not match"):
        objective.loss(model, features, lengths, batch._replace(rows=batch.rows[[0, 1, 2, 3, 5, 4, 6, 7, 8, 9]]))


def test_batches_hold_the_same_utterances_twice(texts: Split) -> None:
    method = FixMatch(labelled=0.2, mu=3)
    config = settings(method, batch_size=8)
    model = model_for(texts.train, config, family="text", seed=0, options=SMALL)
    targets = method.targets(texts.train, model.config, config)
    rows = np.arange(0, len(texts.train), 2)
    batches = list(
        method.batches(
            0, targets=targets, rows=rows, lengths=[1] * len(rows), config=config, generator=np.random.default_rng(0)
        )
    )
    size = len(texts.train)
    assert len(batches) == method.steps(targets, rows, config) == -(-size // 8)
    seen = []
    for batch in batches:
        own, weak, strong = batch[:8], batch[8:32], batch[32:]
        assert (targets.labels[own] >= 0).all()
        assert np.array_equal(weak - size, strong - 2 * size)
        assert np.isin(own, rows).all()
        assert np.isin(weak - size, rows).all()
        seen += (weak - size).tolist()
    assert set(seen[: len(rows)]) == set(rows.tolist())  # each once before any comes again


def test_what_it_says_no_to(texts: Split) -> None:
    for method, message in (
        (FixMatch(labelled_column="known"), "has no column 'known'"),
        (FixMatch(labelled_column="intent"), "'intent' of utterance '.*' is 'ask'; true or false"),
    ):
        with pytest.raises((ConfigError, DataError), match=message):
            fitted(texts, method)
    table = texts.train.table.with_columns(pl.lit("no").alias("known"))
    with pytest.raises(DataError, match="no utterance of corpus 'texts' keeps a label"):
        fitted(replace(texts, train=replace(texts.train, table=table)), FewLabels(labelled_column="known"))
    with pytest.raises(ConfigError, match="target is 'soft'; hard was expected"):
        fitted(texts, FixMatch(), target="soft")
    for name, value in (("mu", 0), ("threshold", 1.5), ("weight", -1.0), ("ema", 1.0), ("labelled", 0.0)):
        with pytest.raises(ConfigError, match=f"{name} is {value}"):
            FixMatch(**{name: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="select is 'best'"):
        FewLabels(select="best")  # type: ignore[arg-type]


def test_a_head_that_is_solved_has_no_views(tone_split: Split) -> None:
    config = recipe("ridge", heldout_fraction=0.0, method=FewLabels(labelled=0.5))
    model = model_for(tone_split.train, config, family="ridge", seed=0)
    few = fit(model, tone_split.train, tone_split.dev, config=config)
    assert len(few.trained_rows) < len(tone_split.train)
    config = replace(config, method=FixMatch(labelled=0.5))
    with pytest.raises(ConfigError, match="fixmatch takes steps and the head of ridge is solved at once"):
        fit(model, tone_split.train, tone_split.dev, config=config)


def test_every_method_is_named_as_in_the_list() -> None:
    assert {name: kind.NAME for name, kind in METHODS.items() if issubclass(kind, FewLabels)} == {
        "few-labels": "few-labels",
        "fixmatch": "fixmatch",
        "fullmatch": "fullmatch",
    }


# recordings, and forgetting them


def tone_settings(method: FewLabels) -> TrainConfig:
    return recipe(
        "logmel-cnn",
        epochs=4,
        batch_size=12,
        learning_rate=3e-3,
        label_smoothing=0.0,
        heldout_fraction=0.1,
        method=method,
    )


@pytest.fixture(scope="module")
def listener(tone_split: Split) -> TrainReport:
    """A logmel-cnn that learned the tones from half of the labels, erasure-ready."""
    method = FullMatch(labelled=0.7, mu=1, views=ViewConfig(count=2))
    erasure = ErasureConfig(folds=2, rules=("across",))
    return train_split(tone_split, config=tone_settings(method), seed=1, erasure=erasure)


def test_a_model_of_sound_learns(listener: TrainReport) -> None:
    assert listener.test.uar is not None
    assert listener.test.uar.estimate > 0.5  # chance is a third
    assert listener.model.config.history[-1]["method"] == "fullmatch"
    assert {"k_emotion", "mask_rate_emotion", "negatives_emotion"} <= set(listener.fit.history[0])


def of_one(split: Split, report: TrainReport) -> Corpus:
    """What s1 said and was trained on."""
    speakers = split.train.table["speaker"].to_list()
    return split.train.select([row for row in report.fit.trained_rows if speakers[row] == "s1"])


def test_a_person_is_forgotten_with_statistics(listener: TrainReport, tone_split: Split) -> None:
    mine = of_one(tone_split, listener)
    taught = forget(listener.model, mine, method="out_of_fold", scope="speaker")
    assert taught.log.details["teachers"] == 1
    assert taught.log.details["divergence_after"] <= taught.log.details["divergence_before"]
    swapped = forget(listener.model, mine, method="fold_swap", scope="speaker")
    assert tensor_digest(swapped.model) != tensor_digest(listener.model)


def test_a_person_is_forgotten_without_statistics(listener: TrainReport, tone_split: Split) -> None:
    model = listener.model
    record = model.erasure
    assert record is not None
    try:
        model.erasure = replace(record, statistics=None)
        found = forget(model, of_one(tone_split, listener), method="gradient_ascent", scope="speaker")
    finally:
        model.erasure = record
    assert tensor_digest(found.model) != tensor_digest(model)


@pytest.mark.parametrize("ready", [False, True])
def test_a_writer_is_forgotten(texts: Split, ready: bool) -> None:
    """Texts of one person, by a model that reads, with both kinds of what training leaves behind."""
    method = FixMatch(labelled=0.6, mu=1)
    config = settings(method, heldout_fraction=0.1, epochs=4)
    erasure = ErasureConfig(folds=2, rules=("across",)) if ready else None
    report = train_split(texts, family="text", config=config, options=SMALL, erasure=erasure)
    mine = texts.train.with_speakers("a")
    found = forget(report.model, mine, method="out_of_fold" if ready else "amun", scope="speaker")
    assert tensor_digest(found.model) != tensor_digest(report.model)


def test_train_writes_a_model_of_texts(texts: Split, tmp_path: Path) -> None:
    whole = as_text(
        replace(texts.train, table=pl.concat([side.table for side in (texts.train, texts.dev, texts.test)]))
    )
    train(whole, tmp_path / "model", family="text", config=settings(FixMatch(labelled=0.3, mu=1)), options=SMALL)
    model = EmotionModel.from_pretrained(tmp_path / "model")
    assert model.config.intents == ("ask", "tell")
    assert scores(model, texts.test)[1] > 0.6


def test_views_of_a_pretrained_encoder_are_kept(
    tone_split: Split, encoder_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEKT_EMBEDDINGS", str(tmp_path / "kept"))
    config = recipe("encoder", epochs=2, batch_size=12, heldout_fraction=0.0, method=FixMatch(labelled=0.5, mu=1))
    options = {"encoder": str(encoder_folder("wav2vec2")), "layer": 2}
    digests = []
    for _ in range(2):
        model = model_for(tone_split.train, config, family="encoder", seed=0, options=options)
        fit(model, tone_split.train, tone_split.dev, config=config)
        digests.append(tensor_digest(model))
        files = set((tmp_path / "kept").rglob("*.npy"))
    assert digests[0] == digests[1]
    clips = len(tone_split.train) + len(tone_split.dev)
    assert clips < len(files) <= clips + 4 * len(tone_split.train)
    store = ViewStore(FeatureStore(model, tone_split.train), config.method.views)
    assert not torch.equal(store.draw(2 * len(store), np.random.default_rng(0)), store[2 * len(store)])


@pytest.mark.slow
def test_labels_travel_through_texts_that_have_none() -> None:
    """Three classes with words of their own, five of them in a text: a few labelled texts hold a part of the words, and
    the rest is learned from texts that share some of them. Not in every draw: wrong answers travel, too."""
    gains = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        syllables = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
        words = ["".join(random.choice(syllables, 3)) for _ in range(60)]
        rows = [
            {
                "file": f"{speaker}-{kind}-{take}",
                "speaker": speaker,
                "emotion": "xyz"[kind],
                "text": " ".join(random.choice(words[20 * kind : 20 * kind + 20], 5)),
            }
            for speaker in SPEAKERS
            for kind in range(3)
            for take in range(16)
        ]
        corpus = as_text(Corpus(name="words", root=Path("nowhere"), table=pl.DataFrame(rows)))
        split = by_speaker(corpus, test_speakers=["f"], dev_speakers=["e"])
        found = []
        common = {"labelled": 0.03, "label_seed": seed, "select": "score"}
        views = ViewConfig(count=3, text=TextAugmentation(deletion=0.4))
        for method in (FewLabels(**common), FixMatch(**common, mu=4, threshold=0.8, views=views)):  # type: ignore[arg-type]
            config = settings(method, epochs=40, batch_size=12, intents=False)
            options = {"words": 256, "characters": 1, "hidden": 32}
            model = model_for(split.train, config, family="text", seed=0, options=options)
            fit(model, split.train, split.dev, config=config, seed=0)
            logits = predict_heads(model, FeatureStore(model, split.test), np.arange(len(split.test))).logits
            found.append(float((logits.argmax(1) == split.test.labels()).mean()))
        gains.append(found[1] - found[0])
    assert np.mean(gains) > 0.03
    assert max(gains) > 0.15
