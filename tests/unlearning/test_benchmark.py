"""Several runs in one benchmark, with the second retrained model in every cell."""

from pathlib import Path
from typing import Any

import pytest

from affekt.errors import ConfigError, DataError
from affekt.training import recipe
from affekt.unlearning import METHODS
from affekt.unlearning.benchmark import ENSEMBLE_METHODS, METHODS_COMPARED, BenchmarkRun, benchmark
from affekt.unlearning.benchmark_ensembles import EnsembleConfig
from affekt.unlearning.compare import RETRAIN_AGAIN, CompareConfig


def run(folder: Path, name: str, **changes: Any) -> BenchmarkRun:
    fields: dict[str, Any] = {
        "corpus": str(folder),
        "methods": ("gradient_ascent",),
        "sizes": ("2", "speaker"),
        "draws": 1,
        "seeds": 1,
        "again": True,
        "train": recipe("logmel-cnn", epochs=2, batch_size=16, learning_rate=3e-3, heldout_fraction=0.2),
        "relearn_steps": 1,
        "settings": {"gradient_ascent": {"max_steps": 2}},
    }
    return BenchmarkRun(name=name, compare=CompareConfig(**{**fields, **changes}))


def test_two_runs(tone_folder: Path, tmp_path: Path) -> None:
    told: list[str] = []
    runs = [run(tone_folder, "first"), run(tone_folder, "second", sizes=("3",))]
    found = benchmark(runs, tmp_path / "work", progress=lambda message, *_: told.append(message))
    assert [one["name"] for one in found["runs"]] == ["first", "second"]
    first, second = found["runs"]
    assert first["ensembles"] is None
    assert first["chance"] == pytest.approx(1 / 3)
    methods = ["retrain", RETRAIN_AGAIN, "original", "gradient_ascent"]
    assert [row["method"] for row in first["rows"]] == methods * 2
    assert [row["method"] for row in second["rows"]] == methods
    assert told[0] == "first: training originals"
    assert told[-1] == "second: comparing"
    for row in first["rows"]:
        if row["method"] == RETRAIN_AGAIN:  # another model, judged as any other
            assert 0.0 < row["gaps"]["tow"] <= 1.0
            assert row["gaps"]["loss_gap"] > 0.0
            assert row["seconds"] > 0.0
    again = benchmark(runs, tmp_path / "work")
    assert again["runs"] == found["runs"] or all(
        a["rows"] == b["rows"] for a, b in zip(again["runs"], found["runs"], strict=True)
    )


def test_bad_input_leaves_nothing_and_comes_before_the_work(tone_folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    with pytest.raises(ConfigError, match=r"runs with names of their own \(got 2, twice: same\)"):
        benchmark([run(tone_folder, "same"), run(tone_folder, "same")], work)
    with pytest.raises(ConfigError, match=r"got 0, twice: none"):
        benchmark([], work)
    with pytest.raises(DataError, match="500 utterances cannot be forgotten"):
        benchmark([run(tone_folder, "good"), run(tone_folder, "bad", sizes=("500",))], work)
    no_head = run(tone_folder, "no head")
    many = EnsembleConfig(compare=no_head.compare, methods=("out_of_fold",), sizes=("2",), models=4)
    with pytest.raises(ConfigError, match="trained together on one emotion a recording until the last epoch"):
        benchmark([BenchmarkRun(name="no head", compare=no_head.compare, ensembles=many)], work)
    assert not work.exists()


def test_the_standard_selections_are_methods(tone_folder: Path) -> None:
    assert {text.partition(":")[0] for text in METHODS_COMPARED} <= set(METHODS)
    whole = run(tone_folder, "all", methods=METHODS_COMPARED).compare
    EnsembleConfig(compare=whole, methods=ENSEMBLE_METHODS, sizes=("2",), models=4)
