"""Every speaker is a test speaker once, and the folds are pooled as they should be."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from affekt.corpora import Corpus, open_corpus, speaker_folds
from affekt.errors import ConfigError
from affekt.training import CrossValidation, FeatureStore, build_model, cross_validate, fit, predict_rows

QUICK = {"logmel-cnn": {"epochs": 2, "batch_size": 16}}


@pytest.fixture(scope="module")
def finished(
    tone_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CrossValidation, Path, dict[str, Any]]:
    config = CrossValidation(corpus=str(tone_folder), folds=3, seeds=2, train=QUICK)
    work = tmp_path_factory.mktemp("folds")
    return config, work, cross_validate(config, work)


def test_every_utterance_is_predicted_once_a_seed(finished: Any, tone_corpus: Corpus) -> None:
    _, work, results = finished
    json.dumps(results, allow_nan=False)
    speakers = np.array(tone_corpus.table["speaker"].to_list())
    for seed in (0, 1):
        rows = [json.loads(path.read_text())["rows"] for path in sorted(work.rglob(f"*-seed{seed}-fold*.json"))]
        assert sorted(row for fold in rows for row in fold) == list(range(len(tone_corpus)))
        assert [len(set(speakers[fold])) for fold in rows] == [2, 2, 2]
        assert all(not set(speakers[a]) & set(speakers[b]) for a, b in combinations(rows, 2))


def test_a_fold_is_a_model_that_never_heard_its_speakers(finished: Any, tone_folder: Path) -> None:
    config, work, _ = finished
    split = list(speaker_folds(open_corpus(tone_folder), folds=3, seed=0))[2]
    model = build_model("logmel-cnn", split.train.classes, seed=1002)
    fit(model, split.train, split.dev, config=config.recipe("logmel-cnn"), seed=1002)
    (file,) = work.rglob("logmel-cnn-seed1-fold2.json")
    wanted = predict_rows(model, FeatureStore(model, split.test), range(len(split.test)))
    assert json.loads(file.read_text())["logits"] == pytest.approx(wanted, abs=1e-5)


def test_scores_are_those_of_the_pooled_predictions(finished: Any, tone_corpus: Corpus) -> None:
    _, work, results = finished
    (row,) = results["rows"]
    labels, predictions = tone_corpus.labels(), []
    for seed in (0, 1):
        prediction = np.full(len(tone_corpus), -1)
        for path in work.rglob(f"*-seed{seed}-fold*.json"):
            fold = json.loads(path.read_text())
            prediction[fold["rows"]] = np.argmax(fold["logits"], 1)
        predictions.append(prediction)
    recall = [metrics.recall_score(labels, found, average="macro") for found in predictions]
    assert row["uar_of_seeds"] == pytest.approx(recall)
    both = metrics.recall_score(np.tile(labels, 2), np.concatenate(predictions), average="macro")
    assert row["pooled"]["uar"]["estimate"] == pytest.approx(both)
    assert row["pooled"]["utterances"] == len(tone_corpus)
    assert np.array(row["pooled"]["confusion"]).sum() == 2 * len(tone_corpus)


def test_finished_folds_are_read_again(finished: Any) -> None:
    config, work, results = finished
    times = {path: path.stat().st_mtime_ns for path in work.rglob("*-*.json") if path.parent != work}
    again = cross_validate(config, work)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert again["rows"] == results["rows"]


def test_other_settings_in_the_same_folder_are_refused(finished: Any, tone_folder: Path) -> None:
    other = CrossValidation(corpus=str(tone_folder), folds=2, seeds=2, train=QUICK)
    with pytest.raises(ConfigError, match="holds folds of another cross-validation"):
        cross_validate(other, finished[1])


def test_impossible_settings() -> None:
    with pytest.raises(ConfigError, match="seeds is 0; 1 or more"):
        CrossValidation(corpus="x", seeds=0)
    with pytest.raises(ConfigError, match="unknown model family 'resnet'"):
        CrossValidation(corpus="x", families=("resnet",))
    with pytest.raises(ConfigError, match="unknown setting 'epoch'"):
        CrossValidation(corpus="x", train={"logmel-cnn": {"epoch": 3}})


def test_variants_of_a_family_stand_beside_each_other(tone_folder: Path, tmp_path: Path) -> None:
    small = "logmel-cnn:width=16:epochs=1"
    config = CrossValidation(
        corpus=str(tone_folder),
        families=("logmel-cnn", small),
        folds=2,
        seeds=1,
        train=QUICK,
        options={"logmel-cnn": {"channels": (4, 6, 8)}},
    )
    assert config.recipe(small).epochs == 1
    assert config.recipe("logmel-cnn").epochs == 2
    assert config.network(small) == {"channels": (4, 6, 8), "width": 16}
    rows = cross_validate(config, tmp_path)["rows"]
    assert [row["family"] for row in rows] == ["logmel-cnn", small]
    assert rows[0]["uar_minus_first"] is None
    difference = rows[1]["uar_minus_first"]
    values = [row["pooled"]["uar"]["estimate"] for row in rows]
    assert difference["estimate"] == pytest.approx(values[1] - values[0])
    assert difference["low"] <= difference["estimate"] <= difference["high"]
    assert difference["unit"] == "speaker (6)"


def test_a_model_is_named_once(tone_folder: Path) -> None:
    with pytest.raises(ConfigError, match="a model is given twice"):
        CrossValidation(corpus=str(tone_folder), families=("emo18", "emo18"))
