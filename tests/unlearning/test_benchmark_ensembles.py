"""Ensembles of heads on the tones: complete, resumable, and honest about what they know."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affekt.errors import ConfigError, DataError
from affekt.training import recipe
from affekt.unlearning import benchmark_ensembles
from affekt.unlearning.benchmark_ensembles import EnsembleConfig, check_ensembles, ensembles
from affekt.unlearning.compare import CompareConfig

METHODS = ("out_of_fold", "kfac", "gradient_ascent:stop=steps:learning_rate=0.3", "fold_swap")


@pytest.fixture(scope="module")
def compared(tone_folder: Path, encoder_folder: Callable[[str], Path]) -> CompareConfig:
    return CompareConfig(
        corpus=str(tone_folder),
        family="encoder",
        train=recipe("encoder", epochs=8, batch_size=16, learning_rate=5e-2, keep_last=True, heldout_fraction=0.15),
        options={"encoder": str(encoder_folder("whisper")), "layer": 1, "dropout": 0.0},
        erasure={"folds": 3, "repeats": 2},
        settings={"gradient_ascent": {"max_steps": 20}},
    )


@pytest.fixture(scope="module")
def config(compared: CompareConfig) -> EnsembleConfig:
    return EnsembleConfig(compare=compared, methods=METHODS, sizes=("4", "speaker"), models=10)


@pytest.fixture(scope="module")
def finished(config: EnsembleConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    work = tmp_path_factory.mktemp("ensembles")
    return work, ensembles(config, work)


def untimed(results: dict[str, Any]) -> Any:
    for one in results["sets"]:
        for row in one["rows"]:
            row.pop("seconds")
    return json.loads(json.dumps({name: value for name, value in results.items() if name != "seconds"}))


def test_every_method_stands_beside_retrained_and_original(finished: tuple[Path, dict[str, Any]]) -> None:
    _, found = finished
    json.dumps(found, allow_nan=False)
    few, whole = found["sets"]
    assert (few["size"], few["recordings"], whole["size"]) == ("4", 4, "speaker")
    assert [row["method"] for row in few["rows"]] == ["retrain", "original", *METHODS[:3]]
    assert [row["method"] for row in whole["rows"]] == ["retrain", "original", *METHODS]
    ((method, size),) = {(one["method"], one["size"]) for one in found["skipped"]}
    assert (method, size) == ("fold_swap", "4")
    for one in (few, whole):
        for row in one["rows"]:
            assert row["evidence"]["models"] == (10, 10, 10)
            assert row["evidence"]["recordings"] == one["recordings"]
        retrained = one["rows"][0]["evidence"]
        assert retrained["quality"]["ratio"] == 1.0
        assert retrained["klom"]["estimate"] == pytest.approx(retrained["klom_floor"])
        assert retrained["auc"]["estimate"] == pytest.approx(retrained["auc_floor"])


def test_models_that_forgot_beyond_measure_are_told_apart(finished: tuple[Path, dict[str, Any]]) -> None:
    _, found = finished
    for one in found["sets"]:
        rows = {row["method"]: row for row in one["rows"]}
        assert rows[METHODS[2]]["evidence"]["quality"]["ratio"] < 0.1
        assert rows[METHODS[2]]["evidence"]["klom"]["low"] > rows[METHODS[2]]["evidence"]["klom_floor"]
        assert rows["original"]["evidence"]["auc"]["estimate"] < rows[METHODS[2]]["evidence"]["auc"]["estimate"]


def test_what_is_there_is_used_again_and_what_is_lost_comes_back_the_same(
    config: EnsembleConfig, finished: tuple[Path, dict[str, Any]]
) -> None:
    work, found = finished
    folder = work / "ensembles"
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    (folder / "original-1.json").unlink()
    (folder / "retrained-4-0.json").unlink()
    told: list[tuple[str, int, int]] = []
    again = ensembles(config, work, progress=lambda *args: told.append(args))
    assert untimed(again) == untimed(found)
    assert told[-1] == ("training ensembles", 8, 8)  # two blocks of originals, three of retrained models a set
    changed = {path.name for path in folder.iterdir() if stamps.get(path) != path.stat().st_mtime_ns}
    assert changed == {"original-1.json", "retrained-4-0.json"}


def test_other_settings_in_the_same_folder_are_refused(
    config: EnsembleConfig, compared: CompareConfig, finished: tuple[Path, dict[str, Any]]
) -> None:
    other = EnsembleConfig(compare=compared, methods=METHODS, sizes=("4", "speaker"), models=11)
    with pytest.raises(ConfigError, match=r"holds models of another benchmark; .*choose another --out"):
        ensembles(other, finished[0])


def test_only_the_fold_models_that_are_needed_are_trained(
    config: EnsembleConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    train = benchmark_ensembles.fit_heads

    def counting(*args: Any, **kwargs: Any) -> Any:
        counted.append(len(args[3]))
        return train(*args, **kwargs)

    monkeypatch.setattr(benchmark_ensembles, "fit_heads", counting)
    few = EnsembleConfig(compare=config.compare, methods=("out_of_fold",), sizes=("speaker",), models=4)
    ensembles(few, tmp_path)
    # four originals with the one fold of the speaker, twice; then eight retrained models
    assert counted == [4 + 4 * 2, 8]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": 3}, "models is 3; 4 or more"),
        ({"sizes": ("3-speakers",)}, "the size 3-speakers is several requests"),
        ({"methods": ("finetune",)}, "finetune needs the retained data; a method that needs none"),
        ({"methods": ("kfac:dampin=1",)}, "did you mean 'damping'"),
    ],
)
def test_impossible_ensembles(compared: CompareConfig, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EnsembleConfig(**{"compare": compared, "methods": METHODS, "sizes": ("4",), "models": 8, **changes})


def test_other_models_and_sizes_are_refused_before_any_work(tone_folder: Path, compared: CompareConfig) -> None:
    plain = CompareConfig(corpus=str(tone_folder), train=recipe("logmel-cnn", keep_last=True))
    with pytest.raises(ConfigError, match="heads on one layer of a frozen encoder"):
        check_ensembles(EnsembleConfig(compare=plain, methods=("out_of_fold",), sizes=("4",), models=4))
    with pytest.raises(DataError, match="500 utterances cannot be forgotten"):
        check_ensembles(EnsembleConfig(compare=compared, methods=("out_of_fold",), sizes=("500",), models=4))
