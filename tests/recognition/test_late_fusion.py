"""Models fused over a corpus: which recordings give weights and scores, what comes out, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from affekt.corpora import Corpus, as_text, by_speaker, open_corpus
from affekt.errors import AffektError, ConfigError, DataError, ProtocolError
from affekt.metrics import JointLabels, jrbm, probabilities, uar
from affekt.models import EmotionModel, ErasureRecord, ModelConfig
from affekt.recognition import Fusion, FusionWeights, choose_weights, fuse, fuse_models
from affekt.training import FeatureStore, TrainConfig, predict_heads, train_split

SOUND = {"channels": [4, 8, 8], "width": 32, "n_mels": 32}
TEXT = {"words": 128, "characters": 64, "hidden": 16, "dropout": 0.1}
WORDS = {"anger": "furious angry hate", "joy": "happy lovely glad", "sadness": "lonely cry tears"}
MEANT = {"ask": "who when where", "tell": "here there soon"}
SIDES = {"test": ("s5", "s6"), "dev": ("s3", "s4"), "train": ("s1", "s2")}


@dataclass(frozen=True)
class Made:
    """A corpus with sound and words, a model that hears and one that reads, and both without intents."""

    corpus: Corpus
    sound: EmotionModel
    text: EmotionModel
    plain: EmotionModel
    plain_text: EmotionModel

    @property
    def pair(self) -> list[EmotionModel]:
        return [self.sound, self.text]

    def rows(self, side: str) -> list[int]:
        """Rows of the speakers of a side."""
        return [row for row, name in enumerate(self.corpus.table["speaker"]) if name in SIDES[side]]


@pytest.fixture(scope="module")
def made(tone_corpus: Corpus) -> Made:
    """Two utterances, of a training and of a test speaker, have the same words."""
    random = np.random.default_rng(0)
    table = tone_corpus.table.with_columns(
        pl.Series("intent", [("ask", "tell")[row % 2] for row in range(len(tone_corpus))])
    )
    told = table["intent"].to_list()
    said = [
        " ".join([*random.choice(WORDS[str(emotion)].split(), 2), *random.choice(MEANT[intent].split(), 2), f"{row}"])
        for row, (emotion, intent) in enumerate(zip(tone_corpus.emotions, told, strict=True))
    ]
    speakers = table["speaker"].to_list()
    said[speakers.index("s1")] = said[speakers.index("s5")] = "twice"
    corpus = replace(tone_corpus, table=table.with_columns(pl.Series("text", said)))

    def trained(family: str, options: dict[str, Any], *, intents: bool) -> EmotionModel:
        config = TrainConfig(epochs=4, batch_size=8, learning_rate=3e-3, heldout_fraction=0.0, intents=intents)
        seen = as_text(corpus) if family == "text" else corpus
        split = by_speaker(seen, test_speakers=SIDES["test"], dev_speakers=SIDES["dev"])
        return train_split(split, family=family, config=config, options=options, seed=1).model

    return Made(
        corpus=corpus,
        sound=trained("logmel-cnn", SOUND, intents=True),
        text=trained("text", TEXT, intents=True),
        plain=trained("logmel-cnn", SOUND, intents=False),
        plain_text=trained("text", TEXT, intents=False),
    )


@pytest.fixture(scope="module")
def fused(made: Made) -> Fusion:
    return fuse_models(made.pair, made.corpus, names=["hears", "reads"], resamples=50)


def heads(made: Made, model: EmotionModel, rows: list[int]) -> Any:
    seen = as_text(made.corpus) if model.reads == "text" else made.corpus
    return predict_heads(model, FeatureStore(model, seen.select(rows)), range(len(rows)))


def indices(made: Made, rows: list[int]) -> tuple[np.ndarray, np.ndarray]:
    part = made.corpus.select(rows)
    return part.labels(), np.array([("ask", "tell").index(name) for name in part.table["intent"]])


def test_only_what_was_for_testing_in_every_training_is_scored(made: Made, fused: Fusion) -> None:
    assert fused.rows.tolist() == made.rows("test")
    assert len(fused.rows) == 24
    assert (fused.not_common, fused.learned_words, fused.speakers) == (0, 1, 2)
    assert fused.weights.utterances == len(made.rows("dev")) == 24
    assert (fused.weights.speakers, fused.weights.own, fused.weights.left_out) == (2, True, 0)
    counts = {"train": 24, "heldout": 0, "dev": 24, "test": 24, "unknown": 0}
    assert fused.sides == (counts, counts)
    other = moved(made.sound, made.corpus, {"train": ("s1", "s2", "s6"), "dev": ("s3",), "test": ("s4", "s5")})
    found = fuse_models([made.sound, other], made.corpus, resamples=20)
    assert set(made.corpus.select(found.rows).table["speaker"]) == {"s5"}
    assert found.not_common == 24  # s4 and s6
    assert (found.weights.utterances, found.learned_words) == (12, 0)  # s3


def test_weights_and_scores_are_those_made_by_hand(made: Made, fused: Fusion) -> None:
    dev, test = made.rows("dev"), made.rows("test")
    emotions, intents = indices(made, dev)
    chosen = choose_weights(
        heads(made, made.sound, dev), heads(made, made.text, dev), emotions=emotions, intents=intents
    )
    assert fused.weights.emotions == pytest.approx((chosen.emotions, 1 - chosen.emotions))
    assert fused.weights.intents == pytest.approx((chosen.intents, 1 - chosen.intents))
    said = fuse(heads(made, made.sound, test), heads(made, made.text, test), chosen)
    np.testing.assert_allclose(fused.shares.emotions, said.emotions)
    np.testing.assert_allclose(fused.shares.intents, said.intents)
    emotions, intents = indices(made, test)
    truth = JointLabels(emotions, intents)
    sizes: dict[str, Any] = {"n_emotions": 3, "n_intents": 2}
    assert fused.fusion.jrbm_weighted is not None
    assert fused.fusion.jrbm_weighted.estimate == pytest.approx(jrbm(truth, said.labels(), **sizes))
    assert fused.fusion.emotion_uar.estimate == pytest.approx(uar(emotions, said.emotions.argmax(1)))
    mean = fuse(heads(made, made.sound, test), heads(made, made.text, test), FusionWeights())
    assert fused.mean.jrbm_micro is not None
    assert fused.mean.jrbm_micro.estimate == pytest.approx(jrbm(truth, mean.labels(), average="micro", **sizes))
    for model, score, less in zip(made.pair, fused.models, fused.fusion_less, strict=True):
        alone = heads(made, model, test)
        labels = JointLabels(alone.logits.argmax(1), alone.intents.argmax(1))
        assert score.jrbm_weighted is not None
        assert less.jrbm_weighted is not None
        assert score.jrbm_weighted.estimate == pytest.approx(jrbm(truth, labels, **sizes))
        apart = fused.fusion.jrbm_weighted.estimate - score.jrbm_weighted.estimate
        assert less.jrbm_weighted.estimate == pytest.approx(apart)
    on_dev = fuse(heads(made, made.sound, dev), heads(made, made.text, dev), chosen).labels()
    assert fused.weights.score == pytest.approx(jrbm(JointLabels(*indices(made, dev)), on_dev, **sizes))
    assert fused.weights.chosen_by == "jrbm_weighted"


def test_models_without_intents_are_weighted_by_uar(made: Made) -> None:
    found = fuse_models([made.plain, made.plain_text], made.corpus, resamples=20)
    assert (found.weights.chosen_by, found.weights.intents, found.intents) == ("uar", (), ())
    assert found.names == ("model 1", "model 2")
    dev = made.rows("dev")
    one, two = (probabilities(heads(made, model, dev).logits) for model in (made.plain, made.plain_text))
    truth = made.corpus.select(dev).labels()
    scores = {step / 10: uar(truth, (step * one + (10 - step) * two).argmax(1), n_classes=3) for step in range(11)}
    assert found.weights.score == pytest.approx(max(scores.values()))
    assert scores[found.weights.emotions[0]] == pytest.approx(max(scores.values()))
    assert found.fusion.jrbm_weighted is found.mean_less[0].intent_uar is None
    shown = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert shown["weights"]["intents"] is None


def test_who_is_right_gets_the_say(made: Made) -> None:
    """Development labels that are the answers of the model that reads."""
    dev = made.rows("dev")
    answers = [made.corpus.classes[k] for k in heads(made, made.text, dev).logits.argmax(1)]
    table = made.corpus.select(dev).table.with_columns(pl.Series("emotion", answers))
    agreeing = replace(made.corpus, name="dev", table=table)
    found = fuse_models(made.pair, made.corpus, weights_from=agreeing, resamples=20)
    assert found.weights.emotions[1] > 0.5


def test_three_models(made: Made) -> None:
    """A twin of the model that reads, with other weights."""
    twin = EmotionModel(made.text.config, erasure=made.text.erasure).eval()
    found = fuse_models([*made.pair, twin], made.corpus, resamples=20)
    assert len(found.weights.emotions) == len(found.models) == len(found.fusion_less) == 3
    assert sum(found.weights.emotions) == pytest.approx(1.0)
    shown = found.to_json()
    assert [one["name"] for one in shown["scores"]] == ["model 1", "model 2", "model 3", "plain mean", "fusion"]
    assert [(one["of"], one["less"]) for one in shown["differences"]] == [
        *(("fusion", f"model {number}") for number in (1, 2, 3)),
        *(("plain mean", f"model {number}") for number in (1, 2, 3)),
        ("fusion", "plain mean"),
    ]


def test_weights_from_another_corpus(made: Made) -> None:
    """What the models have learned from or were tested on is left out; the rest, here of development, is used."""
    whole = fuse_models(made.pair, made.corpus, weights_from=made.corpus, resamples=20)
    assert whole.weights.left_out == 48
    assert (whole.weights.own, whole.weights.utterances) == (False, 24)
    assert whole.weights.emotions == fuse_models(made.pair, made.corpus, resamples=20).weights.emotions


def test_utterances_without_a_transcript_are_left_out_and_counted(made: Made) -> None:
    gone = made.rows("test")[:3]
    texts = [None if row in gone else text for row, text in enumerate(made.corpus.table["text"])]
    silent = replace(made.corpus, table=made.corpus.table.with_columns(pl.Series("text", texts)))
    found = fuse_models(made.pair, silent, resamples=20)
    assert found.without_text == 3
    assert found.rows.tolist() == made.rows("test")[3:]
    both_hear = fuse_models([made.plain, reborn(made.plain)], silent, resamples=20)
    assert both_hear.without_text == 0
    assert len(both_hear.rows) == 24


def reborn(model: EmotionModel, **changes: Any) -> EmotionModel:
    """A model with other weights and the same record."""
    torch.manual_seed(5)
    return EmotionModel(replace(model.config, **changes), erasure=model.erasure).eval()


def moved(model: EmotionModel, corpus: Corpus, sides: dict[str, tuple[str, ...]]) -> EmotionModel:
    """A model with other weights whose record says that these speakers stood on these sides."""
    record = ErasureRecord()
    commitments = {
        side: frozenset(
            record.commitment(corpus.load(row))
            for row, speaker in enumerate(corpus.table["speaker"])
            if speaker in speakers
        )
        for side, speakers in sides.items()
    }
    return EmotionModel(model.config, erasure=replace(record, commitments=commitments)).eval()


Spoil = Callable[[Made], tuple[list[EmotionModel], Corpus, dict[str, Any]]]

BAD: dict[str, tuple[Spoil, type[AffektError], str]] = {
    "one": (lambda made: ([made.sound], made.corpus, {}), ConfigError, "1 models cannot be fused; two to 5"),
    "twice": (
        lambda made: ([made.sound, made.sound], made.corpus, {}),
        ConfigError,
        "model 1 and model 2 are the same model",
    ),
    "names": (
        lambda made: (made.pair, made.corpus, {"names": ["a", "a"]}),
        ConfigError,
        "2 different names were expected",
    ),
    "classes": (
        lambda made: ([made.sound, reborn(made.sound, classes=("joy", "anger", "sadness"))], made.corpus, {}),
        DataError,
        "model 2 has the classes joy, anger, sadness of emotion and model 1 has anger, joy, sadness of emotion",
    ),
    "intents": (
        lambda made: ([made.sound, made.plain], made.corpus, {}),
        DataError,
        "model 2 tells the intents none and model 1 tells ask, tell",
    ),
    "ranker": (
        lambda made: (
            [made.plain, EmotionModel(ModelConfig(family="ranker", classes=made.plain.classes))],
            made.corpus,
            {},
        ),
        ConfigError,
        "of the family ranker and orders recordings by one score",
    ),
    "attributes": (
        lambda made: (
            [made.plain, EmotionModel(ModelConfig(family="logmel-cnn", classes=(), attributes=("arousal",)))],
            made.corpus,
            {},
        ),
        ConfigError,
        "estimates attributes alone",
    ),
    "record": (
        lambda made: ([made.sound, EmotionModel(made.sound.config)], made.corpus, {}),
        DataError,
        "model 2 does not know which recordings it was trained on",
    ),
    "other recordings": (
        lambda made: (made.pair, made.corpus.with_speakers("s1", "s2"), {}),
        DataError,
        r"for testing in the training of every model \(got 0 for model 1, 0 for model 2\)",
    ),
    "other test speakers": (
        lambda made: (
            [made.sound, moved(made.sound, made.corpus, {"test": ("s1",), "train": ("s2", "s5", "s6")})],
            made.corpus,
            {},
        ),
        DataError,
        r"\(got 24 for model 1, 12 for model 2\)",
    ),
    "no development recordings": (
        lambda made: (made.pair, made.corpus.with_speakers(*SIDES["test"]), {}),
        DataError,
        r"for development in the training of every model \(got 0 for model 1, 0 for model 2\).*--weights-from",
    ),
    "a test speaker among them": (
        lambda made: (
            made.pair,
            made.corpus,
            {"weights_from": renamed(made.corpus.with_speakers("s3"), "s5")},
        ),
        ProtocolError,
        r"the development recordings are of speakers that are scored \(got s5\)",
    ),
    "weights from what was learned": (
        lambda made: (made.pair, made.corpus, {"weights_from": made.corpus.with_speakers("s1", "s5")}),
        DataError,
        r"can give weights \(got 24 that a model learned from",
    ),
    "no transcripts": (
        lambda made: (made.pair, without(made.corpus, "text"), {}),
        DataError,
        "corpus 'tones' has no text, and a model of the family text reads words",
    ),
    "nothing to hear": (
        lambda made: (made.pair, as_text(made.corpus), {}),
        DataError,
        "corpus 'tones' is one to read .*, and a model of the family logmel-cnn hears",
    ),
    "no intents": (
        lambda made: (made.pair, without(made.corpus, "intent"), {}),
        DataError,
        r"too few labels .* \(got 0 of 24 with an emotion and an intent",
    ),
    "unknown emotion": (
        lambda made: (
            made.pair,
            replace(
                made.corpus,
                classes=(),
                table=made.corpus.table.with_columns(pl.col("emotion").replace({"anger": "rage"})),
            ),
            {},
        ),
        DataError,
        "has the unknown emotion 'rage'",
    ),
}


def without(corpus: Corpus, column: str) -> Corpus:
    return replace(corpus, table=corpus.table.with_columns(pl.lit(None, dtype=pl.String).alias(column)))


def renamed(corpus: Corpus, speaker: str) -> Corpus:
    return replace(corpus, table=corpus.table.with_columns(pl.lit(speaker).alias("speaker")))


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(made: Made, case: str) -> None:
    spoil, kind, words = BAD[case]
    models, corpus, options = spoil(made)
    with pytest.raises(kind, match=words):
        fuse_models(models, corpus, **options)


def test_equal_ids_in_another_corpus_are_other_people(made: Made, tmp_path: Path) -> None:
    elsewhere = renamed(made.corpus.with_speakers("s3", "s4"), "s5").write(tmp_path / "other", copy_audio=True)
    other = replace(open_corpus(elsewhere), name="other")
    assert fuse_models(made.pair, made.corpus, weights_from=other, resamples=20).weights.utterances == 24
