"""Attributes on the raters' scale, several labels, and the answer to every rater, each by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.metrics import ccc, mae, pcc, rmse, uar
from affekt.models import EmotionModel, ModelConfig
from affekt.training import evaluate, score_heads
from affekt.training.predict import PredictedHeads

CLASSES = ("anger", "joy", "sadness")
N = 60


def made(**columns: Any) -> Corpus:
    rng = np.random.default_rng(0)
    table = {
        "utterance": [f"u{row}" for row in range(N)],
        "file": [f"{row}.wav" for row in range(N)],
        "speaker": [f"person-{row % 6}" for row in range(N)],
        "sex": ["fm"[row % 2] for row in range(N)],
        "emotion": [CLASSES[k] for k in rng.integers(0, 3, N)],
        "arousal": rng.uniform(1, 5, N),
        **columns,
    }
    kept = {name: values for name, values in table.items() if values is not None}
    return Corpus(name="made", root=Path("nowhere"), table=pl.DataFrame(kept), classes=CLASSES)


def config(**changes: Any) -> ModelConfig:
    values: dict[str, Any] = {
        "family": "logmel-cnn", "classes": CLASSES, "attributes": ("arousal", "valence"), "attribute_range": (1.0, 7.0),
    }  # fmt: skip
    return ModelConfig(**{**values, **changes})


def heads(of: ModelConfig, seed: int = 1) -> PredictedHeads:
    rng = np.random.default_rng(seed)
    return PredictedHeads(
        logits=rng.normal(size=(N, len(of.classes))).astype(np.float32),
        attributes=rng.uniform(size=(N, len(of.attributes))).astype(np.float32),
    )


@pytest.mark.parametrize("scale", [None, (1.0, 5.0)])
def test_attributes_are_scored_on_the_scale_of_the_raters(scale: tuple[float, float] | None) -> None:
    corpus = replace(made(), scale=scale)
    said = heads(config())
    found = score_heads(config(), said, corpus, resamples=50)
    one = found.attributes["arousal"]
    assert one is not None
    low, high = scale or (1.0, 7.0)
    estimates = low + (high - low) * said.attributes[:, 0].astype(np.float64)
    truth = corpus.table["arousal"].to_numpy()
    assert one.scale == (low, high)
    for score, function in ((one.ccc, ccc), (one.pcc, pcc), (one.mae, mae), (one.rmse, rmse)):
        assert score is not None
        assert score.estimate == pytest.approx(function(truth, estimates))
        assert score.unit == "speaker (6)"
    assert found.attributes["valence"] is None  # the corpus does not rate it
    assert found.uar is not None
    assert found.uar.estimate == pytest.approx(uar(corpus.labels(), said.logits.argmax(1)))


def test_only_rated_utterances_count() -> None:
    ratings = [None if row % 3 == 0 else float(row % 5) for row in range(N)]
    said = heads(config())
    one = score_heads(config(), said, made(arousal=ratings), resamples=50).attributes["arousal"]
    assert one is not None
    rows = [row for row in range(N) if row % 3]
    assert one.utterances == len(rows) == 40
    assert one.mae.estimate == pytest.approx(
        mae([ratings[row] for row in rows], 1.0 + 6.0 * said.attributes[rows, 0].astype(np.float64))
    )


def test_attributes_alone() -> None:
    alone = config(classes=())
    said = heads(alone)
    found = score_heads(alone, said, made(emotion=None), groups=("sex", "speaker"), resamples=50)
    assert found.classes == ()
    assert found.uar is found.accuracy is found.loss is None
    assert found.attributes["arousal"] is not None
    assert found.groups["sex"].statistic == "ccc"
    assert found.groups["sex"].groups["f"].utterances == 30
    shown = found.to_json()
    assert set(shown["groups"]["speaker"]["groups"]) == {"1", "2", "3", "4", "5", "6"}
    assert "person" not in str(shown)


def test_ratings_that_do_not_vary_have_no_ccc() -> None:
    alone = config(classes=(), attributes=("arousal",))
    said = PredictedHeads(logits=np.empty((N, 0), np.float32), attributes=np.full((N, 1), 0.5, np.float32))
    one = score_heads(alone, said, made(arousal=[4.0] * N), resamples=20).attributes["arousal"]
    assert one is not None
    assert one.ccc is None
    assert one.mae.estimate == 0.0


def voted(*votes: tuple[int, str, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"utterance": f"u{row}", "rater": rater, "emotion": name, "secondary": more}
            for row, rater, name, more in votes
        ],
        schema={"utterance": pl.String, "rater": pl.String, "emotion": pl.String, "secondary": pl.String},
    )


def test_any_rater_is_right_at_least_as_often_as_the_majority() -> None:
    corpus = made()
    names = corpus.emotions
    votes = [
        (row, f"r{r}", names[row] if r < 2 else CLASSES[(row + r) % 3], None) for row in range(50) for r in range(3)
    ]
    corpus = replace(corpus, ratings=voted(*votes))
    said = heads(config(attributes=()))
    found = score_heads(config(attributes=()), said, corpus, resamples=50).raters
    assert found is not None
    assert found.utterances == 50
    prediction = [CLASSES[k] for k in said.logits.argmax(1)]
    chosen = [{vote[2] for vote in votes if vote[0] == row} for row in range(50)]
    assert found.anyone.estimate == pytest.approx(np.mean([prediction[row] in chosen[row] for row in range(50)]))
    assert found.majority.estimate == pytest.approx(np.mean([prediction[row] == names[row] for row in range(50)]))
    assert found.anyone.estimate >= found.majority.estimate
    assert found.chance_anyone == pytest.approx(np.mean([len(one) / 3 for one in chosen]))


def test_several_labels_from_votes() -> None:
    votes = [(0, "a", "anger", "joy"), (0, "b", "joy", None), (1, "a", "sadness", None), (2, "a", "other", None)]
    corpus = replace(made(), ratings=voted(*votes))
    many = config(attributes=(), multi_label=True)
    logits = np.zeros((N, 3), np.float32)
    logits[0], logits[1] = (3.0, 3.0, -3.0), (3.0, -3.0, 3.0)
    said = PredictedHeads(logits=logits, attributes=np.empty((N, 0), np.float32))
    found = score_heads(many, said, corpus, resamples=20).multi_label
    assert found is not None
    truth = [[False, True, False], [False, False, True]]  # anger has 1 of 3 votes, which is not above 1/3
    guess = [[True, True, False], [True, False, True]]
    assert (found.utterances, found.from_votes) == (2, True)
    assert found.macro_f1.estimate == pytest.approx(f1_score(truth, guess, average="macro", zero_division=0))
    assert found.micro_f1.estimate == pytest.approx(f1_score(truth, guess, average="micro"))
    assert list(found.f1.values()) == pytest.approx(f1_score(truth, guess, average=None, zero_division=0))


def test_several_labels_without_votes() -> None:
    many = config(attributes=(), multi_label=True)
    said = heads(many)
    found = score_heads(many, said, made(), resamples=20).multi_label
    assert found is not None
    assert (found.utterances, found.from_votes) == (N, False)


def test_utterances_without_an_emotion() -> None:
    """An error for a classifier on plain labels; counted where there is more to score."""
    emotions = [None if row < 10 else CLASSES[row % 3] for row in range(N)]
    with pytest.raises(DataError, match="has no emotion"):
        score_heads(config(attributes=()), heads(config(attributes=())), made(emotion=emotions))
    said = heads(config())
    found = score_heads(config(), said, made(emotion=emotions), resamples=20, groups=("sex",))
    assert (found.utterances, found.unlabelled) == (N, 10)
    assert sum(map(sum, found.confusion)) == 50
    assert sum(one.utterances for one in found.groups["sex"].groups.values()) == 50
    assert found.to_json()["unlabelled"] == 10


def test_groups_by_any_column() -> None:
    found = score_heads(config(), heads(config()), made(age=[30.0, None] * 30, room=["a", "b", "c"] * 20),
                        groups=("room", "age"), resamples=20)  # fmt: skip
    assert list(found.groups["room"].groups) == ["a", "b", "c"]
    assert list(found.groups["age"].groups) == ["30"]
    assert found.groups["age"].without == 30


def test_bad_input_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to score the model with"):
        score_heads(config(classes=()), heads(config(classes=())), made(arousal=None))
    for column, message in (
        ("utterance", "no column to group by"),
        ("sexx", "no column"),
        ("language", "no utterance"),
    ):
        with pytest.raises(ConfigError, match=message):
            score_heads(config(), heads(config()), made(), groups=(column,), resamples=5)


def test_a_model_with_attributes_over_recordings(tone_corpus: Corpus) -> None:
    """Every head of an untrained network, from the recordings to the scores."""
    options = {"channels": (4, 6, 8), "width": 16}
    model = EmotionModel(config(classes=tone_corpus.classes, attributes=("valence",), options=options)).eval()
    table = tone_corpus.table.with_columns(pl.Series("valence", [1.0 + row % 7 for row in range(len(tone_corpus))]))
    rated = replace(tone_corpus, table=table, scale=(1.0, 7.0))
    found = evaluate(model, rated, resamples=20, groups=("sex",), calibration=True)
    one = found.attributes["valence"]
    assert one is not None
    assert one.utterances == found.utterances == 72
    assert one.ccc is not None
    assert found.calibration is not None
    assert set(found.groups["sex"].groups) == {"f", "m"}
