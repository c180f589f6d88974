"""All methods beside the retrained model, end to end on the tones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from affekt.corpora import Corpus, by_speaker, open_corpus
from affekt.errors import ConfigError, DataError
from affekt.models import EmotionModel
from affekt.training import FeatureStore, build_model, recipe
from affekt.unlearning.compare import CompareConfig, compare, front_end_seconds
from affekt.unlearning.draws import draw_forget_set

TIMES = {"seconds", "time_ratio", "time_ratio_from_recordings", "attack_seconds"}


def config(folder: Path, **changes: Any) -> CompareConfig:
    fields: dict[str, Any] = {
        "corpus": str(folder),
        "methods": ("gradient_ascent", "random_labels:stop=zero:learning_rate=0.001", "forget_set_alone", "finetune"),
        "sizes": ("1", "speaker"),
        "draws": 1,
        "seeds": 1,
        "train": recipe("logmel-cnn", epochs=3, batch_size=16, learning_rate=3e-3, heldout_fraction=0.2),
        "relearn_steps": 2,
        "settings": {
            "gradient_ascent": {"max_steps": 4},
            "random_labels": {"max_steps": 4},
            "forget_set_alone": {"max_steps": 2, "attack": {"steps": 1, "copies": 1}},
            "finetune": {"max_steps": 2},
        },
    }
    return CompareConfig(**{**fields, **changes})


def untimed(results: dict[str, Any]) -> Any:
    rows = [{k: v for k, v in row.items() if k not in TIMES} for row in results["rows"]]
    return json.loads(json.dumps(rows))


@pytest.fixture(scope="module")
def finished(tone_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[CompareConfig, Path, dict[str, Any]]:
    work = tmp_path_factory.mktemp("work")
    what = config(tone_folder)
    return what, work, compare(what, work)


def test_every_method_has_a_row_in_every_cell(finished: Any) -> None:
    what, _, results = finished
    json.dumps(results, allow_nan=False)
    rows = results["rows"]
    assert {(r["seed"], r["size"], r["draw"]) for r in rows} == {(0, "1", 0), (0, "speaker", 0)}
    for size in what.sizes:
        mine = [row for row in rows if row["size"] == size]
        assert [row["method"] for row in mine] == ["retrain", "original", *what.methods]
        gold = mine[0]
        assert gold["gaps"]["tow"] == 1.0
        assert gold["gaps"]["average_gap"] == 0.0
        assert gold["gaps"]["relearn_gap"] == 0.0
        assert gold["time_ratio"] == 1.0
        assert mine[1]["seconds"] == 0.0
        assert mine[1]["time_ratio"] is None
        for row in mine[2:]:
            assert row["time_ratio"] == pytest.approx(gold["seconds"] / row["seconds"])
            assert ("retained data" in row["needs"]) == row["method"].startswith("finetune")
            assert 0.0 <= row["gaps"]["tow"] <= 1.0
            wanted = abs(row["scores"]["forget_accuracy"] - gold["scores"]["forget_accuracy"])
            assert row["gaps"]["forget_accuracy_gap"] == pytest.approx(wanted)
            assert row["steps"] <= 4
        assert len({row["forgotten"] for row in mine}) == 1
    assert {row["forgotten"] for row in rows if row["size"] == "1"} == {1}
    assert results["corpus"] == {"name": "tones", "synthetic": True, "utterances": 72}


def test_a_finished_comparison_is_read_again(finished: Any) -> None:
    what, work, results = finished
    files = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    again = compare(what, work)
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()} == files
    assert again["rows"] == json.loads(json.dumps(results["rows"]))


def test_a_lost_cell_is_computed_again_to_the_same(finished: Any) -> None:
    what, work, results = finished
    cells = sorted((work / "cells").iterdir())
    assert len(cells) == 2
    cells[0].unlink()
    told: list[tuple[str, int, int]] = []
    again = compare(what, work, progress=lambda *args: told.append(args))
    assert untimed(again) == untimed(results)
    assert told[-1] == ("comparing", 3, 3)


def test_other_settings_in_the_same_folder_are_refused(finished: Any, tone_folder: Path) -> None:
    _, work, _ = finished
    for other in (config(tone_folder, relearn_steps=3), config(tone_folder, draws=2)):
        with pytest.raises(ConfigError, match=r"holds cells of another comparison; .*choose another --out"):
            compare(other, work)


@pytest.mark.slow
def test_two_workers_find_what_one_finds(finished: Any, tmp_path: Path) -> None:
    what, _, results = finished
    assert untimed(compare(what, tmp_path, workers=2)) == untimed(results)


def test_a_size_that_is_too_large_is_refused(tone_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="500 utterances cannot be forgotten by a model trained on"):
        compare(config(tone_folder, sizes=("500",), methods=("gradient_ascent",)), tmp_path)


SIZES = st.sampled_from(["1", "3", "7", "speaker"])


@settings(max_examples=60, deadline=None)
@given(size=SIZES, kind=st.sampled_from(["random", "speaker"]), seed=st.integers(0, 50), draw=st.integers(0, 9))
def test_draws(tone_corpus: Corpus, size: str, kind: str, seed: int, draw: int) -> None:
    trained = np.flatnonzero(np.arange(len(tone_corpus)) % 5 != 0)
    rows = draw_forget_set(tone_corpus, trained, size=size, forget_from=kind, seed=seed, draw=draw)
    assert set(rows.tolist()) <= set(trained.tolist())
    assert len(set(rows.tolist())) == len(rows)
    assert rows.tolist() == sorted(rows.tolist())
    speakers = np.array(tone_corpus.table["speaker"].to_list())
    if size == "speaker":
        (name,) = set(speakers[rows])
        assert rows.tolist() == [row for row in trained.tolist() if speakers[row] == name]
    else:
        assert len(rows) == int(size)
        if kind == "speaker":
            assert len(set(speakers[rows])) == 1
    again = draw_forget_set(tone_corpus, trained, size=size, forget_from=kind, seed=seed, draw=draw)
    assert np.array_equal(rows, again)


def test_different_draws_differ(tone_corpus: Corpus) -> None:
    trained = np.arange(len(tone_corpus))
    speakers = np.array(tone_corpus.table["speaker"].to_list())

    def draws(size: str, kind: str, count: int, seed: int = 0) -> list[tuple[int, ...]]:
        return [
            tuple(draw_forget_set(tone_corpus, trained, size=size, forget_from=kind, seed=seed, draw=d).tolist())
            for d in range(count)
        ]

    assert len(set(draws("10", "random", 10))) == 10
    assert draws("10", "random", 3) != draws("10", "random", 3, seed=1)
    for size in ("5", "speaker"):  # six draws take six speakers
        assert {speakers[list(rows)][0] for rows in draws(size, "speaker", 6)} == set(tone_corpus.speakers)


def test_draws_that_are_impossible(tone_corpus: Corpus) -> None:
    trained = np.arange(len(tone_corpus))
    with pytest.raises(DataError, match="72 utterances cannot be forgotten by a model trained on 72"):
        draw_forget_set(tone_corpus, trained, size="72", forget_from="random", seed=0, draw=0)
    with pytest.raises(DataError, match="no training speaker has 13 utterances"):
        draw_forget_set(tone_corpus, trained, size="13", forget_from="speaker", seed=0, draw=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forget": "all"}, "unknown way to draw 'all'; random or speaker"),
        ({"sizes": ("0",)}, "unknown size '0'; a positive number, 'speaker' or '3-speakers'"),
        ({"sizes": ("ten",)}, "unknown size 'ten'"),
        ({"draws": 0}, r"draws and seeds must be 1 or more \(got 0, 1\)"),
        ({"seeds": 0}, "draws and seeds must be 1 or more"),
        ({"methods": ("amnesia",)}, "unknown method 'amnesia'"),
        ({"methods": ("amun:stopp=zero",)}, "did you mean 'stop'"),
        ({"settings": {"gradient_ascent": {"tau": 1.0}}}, "unknown setting 'tau' of gradient_ascent"),
    ],
)
def test_impossible_comparisons(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(tmp_path, **changes)


def test_three_speakers_one_after_the_other(tone_folder: Path, tmp_path: Path) -> None:
    what = config(
        tone_folder,
        methods=("gradient_ascent", "kfac"),
        sizes=("2-speakers",),
        erasure={"folds": 2},
        settings={"gradient_ascent": {"max_steps": 3}},
    )
    rows = compare(what, tmp_path / "work")["rows"]
    assert [row["method"] for row in rows] == ["retrain", "original", "gradient_ascent", "kfac"]
    train = by_speaker(open_corpus(tone_folder), seed=0).train
    gone = draw_forget_set(train, np.arange(len(train)), size="2-speakers", forget_from="random", seed=0, draw=0)
    assert len({train.table["speaker"][int(row)] for row in gone}) == 2
    assert all(0 < row["forgotten"] <= len(gone) for row in rows)
    model = EmotionModel.from_pretrained(tmp_path / "work" / "original-0" / "model")
    assert model.erasure is not None
    assert model.erasure.statistics is not None
    kfac = rows[3]
    assert kfac["needs"] == ["erasure-ready statistics", "forget set", "saved statistics"]
    assert kfac["time_ratio_from_recordings"] > kfac["time_ratio"] > 0


def test_more_speakers_than_there_are(tone_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="9 speakers cannot be forgotten of"):
        compare(config(tone_folder, sizes=("9-speakers",)), tmp_path / "work")


def test_the_front_end_is_timed_and_not_its_cache(
    tone_folder: Path, encoder_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEKT_EMBEDDINGS", str(tmp_path / "cache"))
    split = by_speaker(open_corpus(tone_folder), seed=0)
    options = {"encoder": str(encoder_folder("whisper")), "layer": 1}
    model = build_model("encoder", split.train.classes, seed=0, options=options)
    FeatureStore(model, split.train).fill()
    assert any(path.is_file() for path in (tmp_path / "cache").rglob("*"))
    encoded: list[int] = []
    front_end = EmotionModel.front_end

    def counting(self: EmotionModel, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        encoded.append(len(waveforms))
        return front_end(self, waveforms, lengths)

    monkeypatch.setattr(EmotionModel, "front_end", counting)
    assert front_end_seconds(model, split, clips=7) > 0.0
    assert encoded == [1] * 8  # once to warm up
