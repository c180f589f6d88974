"""A small problem is learned and searched, captions are those that are promised, and a person can be forgotten."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from affekt.corpora import Corpus, Split
from affekt.errors import CheckpointError, ConfigError, DataError
from affekt.losses import (
    clip_loss,
    cross_modal_rank_n_contrast,
    cross_modal_supervised_contrastive,
    label_distances,
    similarities,
)
from affekt.metrics import ordinal_tau
from affekt.models import AudioTextNetwork, EmotionModel, tensor_digest
from affekt.preference import (
    METHODS,
    POSITIONS,
    EmotionRankClap,
    axis_prompts,
    caption,
    caption_levels,
    embed_recordings,
    read_sentences,
    search,
)
from affekt.preference.captions import caption_count, level_of
from affekt.training import (
    ErasureConfig,
    FeatureStore,
    TrainConfig,
    TrainReport,
    build_model,
    evaluate,
    recipe,
    train_split,
)
from affekt.unlearning import ForgetSet, forget
from affekt.unlearning.harness import expected_loss

PLAIN = {"stretch": 0.0, "shift_bands": 0, "mask_bands": 0, "mask_frames": 0, "dropout": 0.0}
OPTIONS: dict[str, Any] = {
    "settings": {"channels": [4, 6, 8], "width": 16, "n_mels": 40, **PLAIN},
    "words": 64,
    "characters": 64,
    "hidden": 32,
    "embedding": 16,
    "dropout": 0.0,
}


def settings(**changes: Any) -> TrainConfig:
    method = changes.pop("method", EmotionRankClap())
    quick = {"epochs": 16, "batch_size": 24, "learning_rate": 1e-2, "heldout_fraction": 0.15, "patience": 16}
    return recipe("audio-text", method=method, **{**quick, **changes})


@pytest.fixture(scope="module")
def report(tone_split: Split) -> TrainReport:
    """Tones with captions, erasure-ready; do not change the model."""
    return train_split(
        tone_split, family="audio-text", config=settings(), options=OPTIONS, seed=1, erasure=ErasureConfig(folds=2)
    )


def network(model: EmotionModel) -> AudioTextNetwork:
    assert isinstance(model.network, AudioTextNetwork)
    return model.network


def first(hits: Any, corpus: Corpus, count: int = 4) -> set[str]:
    return {corpus.table["emotion"][hit.row] for hit in hits[:count]}


def test_the_tones_are_learned_in_order(report: TrainReport, tone_split: Split) -> None:
    losses = [epoch["loss"] for epoch in report.fit.history]
    assert losses[-1] < 0.8 * losses[0]
    assert {"temperature", "class_scale"} <= set(report.fit.history[0])
    corpus = tone_split.train.select(list(report.fit.trained_rows))
    vectors = embed_recordings(report.model, FeatureStore(report.model, corpus))
    for axis, column in (("valence", 0), ("arousal", 1)):
        prompts = [p[0] for p in axis_prompts(axis)]  # type: ignore[arg-type]
        with torch.no_grad():
            similar = vectors @ network(report.model).embed_text(prompts).numpy().T
        # the words of anger's arousal and of joy's are the same
        truth = [level_of(POSITIONS[emotion][column]) for emotion in corpus.emotions if emotion]
        assert ordinal_tau(similar, [0.1, 0.3, 0.5, 0.7, 0.9], truth, temperature=0.1) > 0.5, axis
    heard = evaluate(report.model, corpus, resamples=20)
    assert heard.uar is not None
    assert heard.uar.estimate > 0.6


def test_a_sentence_finds_what_sounds_so(report: TrainReport, tone_split: Split) -> None:
    corpus = tone_split.train
    glad = search(report.model, "the voice sounds rather agitated and extremely pleasant", corpus)
    sad = search(report.model, "a speaker who seems deeply unpleasant and rather subdued", corpus)
    assert first(glad, corpus) == {"joy"}
    assert first(sad, corpus) == {"sadness"}
    assert len(glad) == len(corpus)
    assert sorted(hit.row for hit in glad) == list(range(len(corpus)))
    scores = [hit.score for hit in glad]
    assert scores == sorted(scores, reverse=True)
    assert all(-1.001 <= score <= 1.001 for score in scores)
    assert [corpus.table["utterance"][hit.row] for hit in glad] == [hit.utterance for hit in glad]
    done: list[int] = []
    search(report.model, "glad", corpus, progress=done.append)
    assert done[-1] == len(corpus)


def test_the_order_of_the_corpus_does_not_matter(report: TrainReport, tone_split: Split) -> None:
    corpus = tone_split.test
    turned = corpus.select(list(range(len(corpus)))[::-1])
    one, two = (search(report.model, "a lively voice", side) for side in (corpus, turned))
    assert {hit.utterance: round(hit.score, 4) for hit in one} == {h.utterance: round(h.score, 4) for h in two}


def test_the_same_seed_gives_the_same_weights(report: TrainReport, tone_split: Split) -> None:
    again = train_split(tone_split, family="audio-text", config=settings(), options=OPTIONS, seed=1)
    assert tensor_digest(again.model) == tensor_digest(report.model)
    other = train_split(tone_split, family="audio-text", config=settings(epochs=1), options=OPTIONS, seed=2)
    assert tensor_digest(other.model) != tensor_digest(report.model)


def test_a_run_that_is_killed_goes_on_to_the_same_weights(
    tone_split: Split, tmp_path: Path, killed: Callable[[int], Any]
) -> None:
    config = settings(epochs=3)
    whole = train_split(tone_split, family="audio-text", config=config, options=OPTIONS, seed=4)
    with pytest.raises(KeyboardInterrupt):
        train_split(
            tone_split,
            family="audio-text",
            config=config,
            options=OPTIONS,
            seed=4,
            checkpoint=tmp_path,
            progress=killed(5),
        )
    resumed = train_split(
        tone_split, family="audio-text", config=config, options=OPTIONS, seed=4, checkpoint=tmp_path, resume=True
    )
    assert tensor_digest(resumed.model) == tensor_digest(whole.model)


@pytest.fixture
def killed() -> Callable[[int], Any]:
    """A progress callback that interrupts after so many steps."""

    def after(steps: int) -> Any:
        def call(message: str, done: int, total: int) -> None:
            if message.startswith("epoch") and done >= steps:
                raise KeyboardInterrupt

        return call

    return after


def batch_loss(corpus: Corpus, method: EmotionRankClap, rows: list[int]) -> tuple[float, dict[str, Any]]:
    """The loss of a batch in evaluation mode, without the part that fits the scale of the classes, and what it saw."""
    model = build_model("audio-text", corpus.classes, seed=0, options=OPTIONS).eval()
    config = settings(method=method, class_weights=False)
    targets = method.targets(corpus, model.config, config)
    store = FeatureStore(model, corpus)
    method.prepare(model, store, targets, np.arange(len(corpus)), config=config, seed=0)
    objective = method.objective(targets, np.arange(len(corpus)), config, model.config)
    features, lengths = store.batch(rows)
    seen: dict[str, Any] = {}
    inside = network(model)
    plain = inside.embed_features

    def spy(values: torch.Tensor) -> torch.Tensor:
        found = plain(values)
        seen.setdefault("text", found.detach())
        return found

    inside.embed_features = spy  # type: ignore[method-assign, assignment]
    torch.manual_seed(0)
    with torch.no_grad():
        total = float(objective.loss(model, features, lengths, targets.batch(np.array(rows))))
        audio = inside.embed_audio(features, lengths)
        logits = model.classify(features, lengths)
    seen["audio"] = audio
    seen["class"] = float(torch.nn.functional.cross_entropy(logits, torch.as_tensor(corpus.labels()[rows])))
    seen["places"] = torch.as_tensor(method.places(corpus)[rows])
    return total, seen


@pytest.mark.parametrize("similarity", ["cosine", "l2"])
@pytest.mark.parametrize("loss", ["rnc", "supcon", "clip"])
def test_the_loss_is_that_of_its_name_plus_the_scale_of_the_classes(
    tone_corpus: Corpus, loss: Any, similarity: Any
) -> None:
    rows = [0, 1, 5, 9, 12, 20, 30]
    found, seen = batch_loss(tone_corpus, EmotionRankClap(loss=loss, similarity=similarity, distance="l1"), rows)
    scores = similarities(seen["audio"], seen["text"], temperature=0.1, similarity=similarity)
    bins = torch.as_tensor(tone_corpus.labels()[rows])  # the three emotions lie in three bins
    expected = {
        "rnc": cross_modal_rank_n_contrast(scores, label_distances(seen["places"], norm="l1")),
        "supcon": cross_modal_supervised_contrastive(scores, bins),
        "clip": clip_loss(scores),
    }[loss]
    assert found == pytest.approx(float(expected) + seen["class"], abs=1e-4)


def test_one_axis_alone_leaves_the_other_out(tone_corpus: Corpus) -> None:
    rows = [0, 1, 5, 9, 12, 20, 30]
    for axis, column in (("valence", 0), ("arousal", 1)):
        found, seen = batch_loss(tone_corpus, EmotionRankClap(axes=(axis,)), rows)
        scores = similarities(seen["audio"], seen["text"], temperature=0.1)
        expected = cross_modal_rank_n_contrast(scores, label_distances(seen["places"][:, column]))
        assert found == pytest.approx(float(expected) + seen["class"], abs=1e-4)


def drawn(method: EmotionRankClap, corpus: Corpus, count: int = 60) -> list[tuple[int, str]]:
    """Captions that batches draw, with their rows."""
    model = build_model("audio-text", corpus.classes, seed=0, options=OPTIONS)
    config = settings(method=method)
    targets = method.targets(corpus, model.config, config)
    store = FeatureStore(model, corpus)
    method.prepare(model, store, targets, np.arange(len(corpus)), config=config, seed=0)
    objective: Any = method.objective(targets, np.arange(len(corpus)), config, model.config)
    found: list[tuple[int, str]] = []
    own = objective._contrast

    def spy(network: Any, audio: Any, texts: list[str], places: Any, further: Any) -> Any:
        found.extend(zip(rows.tolist(), texts[: len(rows)], strict=True))
        assert len(texts) == len(rows) + len(further)
        return own(network, audio, texts, places, further)

    objective._contrast = spy
    generator = np.random.default_rng(0)
    torch.manual_seed(3)
    batches = method.batches(
        0, targets=targets, rows=np.arange(len(corpus)), lengths=[], config=config, generator=generator
    )
    for rows in batches:
        if len(found) < count:
            objective.loss(model, *store.batch(rows), targets.batch(rows))
    return found


def test_captions_say_where_their_recording_lies(tone_corpus: Corpus) -> None:
    found = drawn(EmotionRankClap(name_share=0.5), tone_corpus)
    assert len({text for _, text in found}) > 20
    for row, text in found:
        valence, arousal = POSITIONS[tone_corpus.table["emotion"][row]]
        assert caption_levels(text) == caption_levels(caption(valence, arousal))
        if "in one word" in text:
            assert text.endswith(f"in one word {tone_corpus.table['emotion'][row]}")
    share = np.mean(["in one word" in text for _, text in found])
    assert 0.25 < share < 0.75
    assert not any("in one word" in text for _, text in drawn(EmotionRankClap(name_share=0.0), tone_corpus))


@pytest.fixture
def rated(tmp_path: Path) -> Path:
    """Forty sentences of words that no caption has; the pleasant ones say zork, the active ones plim."""
    random = np.random.default_rng(5)
    lines = ["text,V,A"]
    for number in range(40):
        valence, arousal = random.integers(1, 6, 2)
        words = ["zork"] * (valence - 1) + ["plim"] * (arousal - 1) + [f"t{number % 7}"]
        lines.append(f"{' '.join(words)} n{number},{valence},{arousal}")
    file = tmp_path / "rated.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def with_sentences(file: Path, **changes: Any) -> EmotionRankClap:
    return EmotionRankClap(sentences=str(file), sentence_scale=(1.0, 5.0), **changes)


@pytest.mark.parametrize("axes", [("valence", "arousal"), ("arousal",)])
@pytest.mark.parametrize("loss", ["rnc", "supcon", "clip"])
def test_sentences_are_further_columns_of_the_loss(tone_corpus: Corpus, rated: Path, loss: Any, axes: Any) -> None:
    rows = [0, 1, 5, 9, 12, 20, 30, 31]
    method = with_sentences(rated, loss=loss, axes=axes, sentence_share=0.75, name_share=0.0)
    found, seen = batch_loss(tone_corpus, method, rows)
    scores = similarities(seen["audio"], seen["text"], temperature=0.1)
    assert scores.shape == (8, 14)
    # which sentences were drawn is read from their vectors
    model = build_model("audio-text", tone_corpus.classes, seed=0, options=OPTIONS).eval()
    known = read_sentences(rated, scale=(1.0, 5.0))
    with torch.no_grad():
        vectors = network(model).embed_text(known.texts)
    drawn = (seen["text"][8:] @ vectors.T).argmax(1)
    assert torch.allclose(vectors[drawn], seen["text"][8:], atol=1e-6)
    assert len(set(drawn.tolist())) == 6
    columns = [("valence", "arousal").index(axis) for axis in axes]
    here = seen["places"][:, columns]
    there = torch.cat([here, torch.as_tensor(known.places)[drawn][:, columns]])

    def bins(places: torch.Tensor) -> torch.Tensor:
        return torch.tensor([sum(level_of(float(v)) * 5**i for i, v in enumerate(place)) for place in places])

    expected = {
        "rnc": lambda: cross_modal_rank_n_contrast(scores, label_distances(here, there)),
        "supcon": lambda: cross_modal_supervised_contrastive(scores, bins(here), bins(there)),
        "clip": lambda: clip_loss(scores),
    }[loss]()
    assert found == pytest.approx(float(expected) + seen["class"], abs=1e-4)


def test_every_batch_draws_other_sentences_each_once(tone_corpus: Corpus, rated: Path) -> None:
    model = build_model("audio-text", tone_corpus.classes, seed=0, options=OPTIONS)

    def draws(share: float, *, seed: int, batches: int = 30) -> list[list[int]]:
        method = with_sentences(rated, sentence_share=share)
        config = settings(method=method)
        targets: Any = method.targets(tone_corpus, model.config, config)
        objective: Any = method.objective(targets, np.arange(len(tone_corpus)), config, model.config)
        torch.manual_seed(seed)
        return [objective._further(targets.sentences, 24) for _ in range(batches)]

    found = draws(0.5, seed=1)
    assert {len(draw) for draw in found} == {12}
    assert all(len(set(draw)) == 12 for draw in found)
    assert {row for draw in found for row in draw} == set(range(40))
    assert found[0] != found[1]
    assert found == draws(0.5, seed=1)
    assert found != draws(0.5, seed=2)
    assert {len(draw) for draw in draws(0.001, seed=1)} == {1}
    assert all(sorted(draw) == list(range(40)) for draw in draws(100.0, seed=1, batches=2))


@pytest.mark.parametrize("swapped", [False, True])
def test_words_of_sentences_are_learned(tone_split: Split, rated: Path, swapped: bool) -> None:
    pleasant, active = ("plim", "zork") if swapped else ("zork", "plim")
    if swapped:
        text = rated.read_text(encoding="utf-8")
        rated.write_text(text.replace("text,V,A", "text,A,V"), encoding="utf-8")
    method = with_sentences(rated, sentence_share=1.0)
    heard = train_split(tone_split, family="audio-text", config=settings(method=method), options=OPTIONS, seed=1)
    corpus = tone_split.train.select(list(heard.fit.trained_rows))
    for words, emotion in ((f"{pleasant} {active} " * 4, "joy"), (f"{active} " * 4, "anger"), ("t3", "sadness")):
        assert first(search(heard.model, words, corpus), corpus) == {emotion}, words
    recognised = evaluate(heard.model, corpus, resamples=20)
    assert recognised.uar is not None
    assert recognised.uar.estimate > 0.6


def test_the_epoch_is_chosen_without_sentences(tone_split: Split, rated: Path) -> None:
    model = build_model("audio-text", tone_split.train.classes, seed=0, options=OPTIONS).eval()
    store = FeatureStore(model, tone_split.dev)
    losses = []
    for method in (EmotionRankClap(), with_sentences(rated)):
        config = settings(method=method)
        targets = method.targets(tone_split.dev, model.config, config)
        objective = method.objective(targets, np.arange(len(tone_split.dev)), config, model.config)
        nothing: Any = None  # the usual heads are not asked
        with torch.no_grad():
            losses.append(objective.dev_loss(model, store, targets, nothing))
    assert losses[0] == losses[1]


def test_a_run_with_sentences_that_is_killed_goes_on_with_the_same_ones_alone(
    tone_split: Split, rated: Path, tmp_path: Path, killed: Callable[[int], Any]
) -> None:
    config = settings(epochs=3, method=with_sentences(rated))
    run: dict[str, Any] = {"family": "audio-text", "options": OPTIONS, "seed": 4}
    whole = train_split(tone_split, config=config, **run)
    run["checkpoint"] = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train_split(tone_split, config=config, progress=killed(5), **run)
    text = rated.read_text(encoding="utf-8")
    rated.write_text(text.replace(",5\n", ",4\n"), encoding="utf-8")
    with pytest.raises(DataError, match="are not those that sentences_sha256 names"):
        train_split(tone_split, config=config, resume=True, **run)
    with pytest.raises(CheckpointError, match="belongs to another run"):
        train_split(tone_split, config=settings(epochs=3, method=with_sentences(rated)), resume=True, **run)
    rated.write_text(text, encoding="utf-8")
    resumed = train_split(tone_split, config=config, resume=True, **run)
    assert tensor_digest(resumed.model) == tensor_digest(whole.model)


def test_the_file_of_sentences_is_noted_and_read_again(tone_corpus: Corpus, rated: Path) -> None:
    method = with_sentences(rated)
    noted = settings(method=method).to_json()["method"]
    assert noted["sentences_sha256"] == hashlib.sha256(rated.read_bytes()).hexdigest()
    model = build_model("audio-text", tone_corpus.classes, seed=0, options=OPTIONS)
    rated.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        method.targets(tone_corpus, model.config, settings(method=method))
    with pytest.raises(DataError, match="cannot be read"):
        with_sentences(rated)


def test_an_epoch_visits_every_recording_once_in_parts_of_one_size(tone_corpus: Corpus) -> None:
    method, rows = EmotionRankClap(), np.arange(50)
    config = settings(batch_size=24)
    nothing: Any = None  # neither targets nor lengths decide
    generator = np.random.default_rng(1)
    parts = list(method.batches(0, targets=nothing, rows=rows, lengths=[], config=config, generator=generator))
    assert sorted(np.concatenate(parts).tolist()) == rows.tolist()
    assert [len(part) for part in parts] == [17, 17, 16]
    assert parts[0].tolist() != rows[:17].tolist()
    assert method.steps(nothing, rows, config) == 3


def test_captions_of_the_corpus_go_first(tone_corpus: Corpus) -> None:
    texts = [f"words of a model {row}" if row % 2 else None for row in range(len(tone_corpus))]
    corpus = replace(tone_corpus, table=tone_corpus.table.with_columns(pl.Series("sounds", texts)))
    for row, text in drawn(EmotionRankClap(column="sounds", name_share=0.0), corpus):
        assert (text == f"words of a model {row}") == bool(row % 2)


def test_a_subclass_may_write_the_captions(tone_corpus: Corpus) -> None:
    class Mine(EmotionRankClap):
        def write(self, valence: float, arousal: float, variant: int) -> str:
            assert 0 <= variant < self.variants()
            return f"{valence:.2f} and {arousal:.2f}"

        def variants(self) -> int:
            return 2

    wanted = {f"{v:.2f} and {a:.2f}" for v, a in (POSITIONS[emotion] for emotion in tone_corpus.classes)}
    assert {text for _, text in drawn(Mine(name_share=0.0), tone_corpus)} == wanted
    assert EmotionRankClap().variants() == caption_count()


def test_values_of_the_corpus_are_learned_where_there_are_any(tone_corpus: Corpus) -> None:
    table = tone_corpus.table.with_columns(
        valence=pl.when(pl.col("emotion") == "joy").then(7.0).otherwise(2.0),
        arousal=pl.when(pl.col("speaker") == "s1").then(None).otherwise(4.0),
    )
    corpus = replace(tone_corpus, table=table, scale=(1.0, 7.0))
    places = EmotionRankClap(positions={"sadness": [0.0, 0.0]}).places(corpus)
    joy, sad = (np.array(corpus.emotions) == name for name in ("joy", "sadness"))
    s1 = np.array(corpus.table["speaker"].to_list()) == "s1"
    assert (places[joy & ~s1] == [1.0, 0.5]).all()
    assert (places[sad & s1] == [0.0, 0.0]).all()


def test_recordings_without_a_place_are_not_trained_on(tone_corpus: Corpus) -> None:
    names = pl.col("emotion").replace({"joy": "envy"})
    corpus = replace(tone_corpus, table=tone_corpus.table.with_columns(names), classes=())
    model = build_model("audio-text", corpus.classes, seed=0, options=OPTIONS)
    targets = EmotionRankClap().targets(corpus, model.config, settings())
    assert set(np.array(corpus.emotions)[targets.usable]) == {"anger", "sadness"}


@pytest.mark.parametrize("method", ["out_of_fold", "random_labels"])
@pytest.mark.parametrize("statistics", [True, False])
def test_a_person_is_forgotten(report: TrainReport, tone_split: Split, method: str, statistics: bool) -> None:
    assert report.model.erasure is not None
    assert report.model.erasure.statistics is not None
    model = report.model
    if not statistics:
        if method == "out_of_fold":  # needs them
            method = "gradient_ascent"
        model = EmotionModel(model.config)
        model.load_state_dict(report.model.state_dict())
        model.erasure = replace(report.model.erasure, statistics=None)
    speakers = tone_split.train.table["speaker"].to_list()
    gone = tone_split.train.select([row for row in report.fit.trained_rows if speakers[row] == "s1"])
    result = forget(model, gone, method=method, scope="speaker", seed=0)
    assert isinstance(result.model, EmotionModel)
    before, after = (evaluate(one, gone, resamples=20).loss for one in (model, result.model))
    assert before is not None
    assert after is not None
    expected = expected_loss(model, "speaker", before, forget_set=ForgetSet.of(gone, model))
    assert expected is not None
    assert abs(after - expected) <= abs(before - expected) + 1e-6
    assert tensor_digest(result.model) != tensor_digest(model)
    assert result.model.config.history[-1]["event"] == "deletion"
    assert bool(network(result.model).described)
    hits = search(result.model, "a speaker who seems deeply unpleasant and rather subdued", tone_split.test)
    assert len(hits) == len(tone_split.test)
    if statistics:
        left = result.model.erasure
        assert left is not None
        assert left.statistics is not None
        assert len(left.statistics.names) == len(tone_split.train) - len(gone)


def test_without_captions_it_is_a_recogniser_that_cannot_be_searched(tone_split: Split) -> None:
    config = recipe("audio-text", epochs=6, batch_size=24, learning_rate=1e-2)
    plain = train_split(tone_split, family="audio-text", config=config, options=OPTIONS, seed=1)
    assert plain.fit.history[0]["loss"] > plain.fit.history[-1]["loss"]
    with pytest.raises(ConfigError, match="trained without captions"):
        search(plain.model, "a sad voice", tone_split.test)


def test_searches_that_make_no_sense(report: TrainReport, trained: EmotionModel, tone_split: Split) -> None:
    with pytest.raises(ConfigError, match="family logmel-cnn; audio-text was expected"):
        search(trained, "a sad voice", tone_split.test)
    with pytest.raises(ConfigError, match="the query is empty"):
        search(report.model, " \n", tone_split.test)
    with pytest.raises(DataError, match="is empty; at least one recording"):
        search(report.model, "a sad voice", tone_split.test.select([]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "triplet"}, "loss is 'triplet'; one of rnc, supcon, clip"),
        ({"distance": "l3"}, "distance is 'l3'"),
        ({"similarity": "dot"}, "similarity is 'dot'"),
        ({"axes": ()}, r"axes are \[\]"),
        ({"axes": ("dominance",)}, "axes are"),
        ({"name_share": 1.5}, "name_share is 1.5"),
        ({"sentence_share": 0.0}, r"sentence_share is 0\.0; above 0"),
        ({"sentence_share": float("nan")}, "sentence_share is nan"),
        ({"sentences": "a.csv"}, "sentences is given without sentence_scale"),
        ({"sentence_scale": (1.0, 5.0)}, "sentence_scale is given without sentences"),
        ({"sentences": "a.csv", "sentence_scale": (5.0, 1.0)}, "its two ends were expected"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EmotionRankClap(**changes)


def test_what_cannot_be_trained_so_is_refused(tone_corpus: Corpus, tone_split: Split) -> None:
    assert METHODS["rankclap"] is EmotionRankClap
    with pytest.raises(ConfigError, match=r"trains the family audio-text \(got logmel-cnn"):
        train_split(tone_split, config=recipe("logmel-cnn", method=EmotionRankClap(), epochs=1), seed=0)
    with pytest.raises(ConfigError, match="no column 'captions'"):
        drawn(EmotionRankClap(column="captions"), tone_corpus)
    config = settings(attributes=("arousal",))
    model = build_model("audio-text", tone_corpus.classes, seed=0, options=OPTIONS, attributes=("arousal",))
    with pytest.raises(ConfigError, match="learns emotions alone"):
        EmotionRankClap().targets(tone_corpus, model.config, config)
