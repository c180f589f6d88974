"""benchmark_with_report on tones: files, the table, the targets, the picture; and the targets on rows made by hand."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from affekt.errors import ConfigError, DataError
from affekt.reports import benchmark_with_report
from affekt.reports.benchmark_report import benchmark_plot
from affekt.reports.benchmark_table import HEADS, tabulate_benchmark
from affekt.reports.benchmark_targets import TARGETS, group_of, summarise
from affekt.training import recipe
from affekt.unlearning.benchmark import BenchmarkRun
from affekt.unlearning.compare import RETRAIN_AGAIN, CompareConfig

COMMAND = ("affekt", "benchmark", "forgetting", "tones")


def bench(folder: Path, **changes: Any) -> BenchmarkRun:
    fields: dict[str, Any] = {
        "corpus": str(folder),
        "methods": ("gradient_ascent", "fold_swap"),
        "sizes": ("1", "3", "speaker"),
        "seeds": 1,
        "draws": 1,
        "relearn_steps": 1,
        "again": True,
        "erasure": {"folds": 2, "rules": ("across",)},
        "train": recipe("logmel-cnn", epochs=1, batch_size=16, learning_rate=3e-3, heldout_fraction=0.15),
        "settings": {"gradient_ascent": {"max_steps": 3}},
    }
    return BenchmarkRun(name="tones, logmel-cnn", compare=CompareConfig(**{**fields, **changes}))


@pytest.fixture(scope="module")
def results(tone_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("benchmark") / "results"
    return out, benchmark_with_report([bench(tone_folder)], out, command=COMMAND)


def test_files_and_no_leftovers(results: tuple[Path, dict[str, Any]]) -> None:
    out, content = results
    assert sorted(path.name for path in out.iterdir()) == [
        "plot.svg", "results.json", "results.md", "run.json", "sizes-0.md",
    ]  # fmt: skip
    assert [path.name for path in out.parent.iterdir()] == ["results"]
    assert json.loads((out / "results.json").read_text(encoding="utf-8")) == content
    assert content["command"] == " ".join(COMMAND)
    assert content["run"]["data_sha256"] == {"tones": content["runs"][0]["data_sha256"]}
    (run,) = content["runs"]
    # three sizes with retrained twice, original, gradient ascent; fold_swap where one fold holds all that is forgotten
    assert len(run["rows"]) == 3 * 4 + 2
    assert {(one["method"], one["size"]) for one in run["skipped"]} == {("fold_swap", "3")}


def test_one_table_with_a_row_a_group_and_method(results: tuple[Path, dict[str, Any]]) -> None:
    out, _ = results
    text = (out / "results.md").read_text(encoding="utf-8")
    assert tabulate_benchmark(json.loads((out / "results.json").read_text(encoding="utf-8"))) == text
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| tones")]
    assert {len(line) for line in lines} == {len(HEADS)}
    names = ["`retrain`", f"`{RETRAIN_AGAIN}`", "`original`", "`gradient_ascent`"]
    assert [line[2] for line in lines] == [*names, "`fold_swap`"] * 2
    assert all("scattered utterances (2; 2 cells)" in line[1] for line in lines[:4])
    assert "scattered utterances (1; 1 cell)" in lines[4][1]
    assert all("a whole speaker" in line[1] for line in lines[5:])
    assert all("met" in line[-1] or "missed" in line[-1] for line in lines if line[2] not in names[:3])
    assert all(line[-1] == "–" for line in lines if line[2] in names[:3])
    assert "The speech is synthetic" in text
    assert "nothing to work with in some cells or ensembles: `fold_swap` for 3" in text
    for target in TARGETS:
        assert target.words in text
    sizes = (out / "sizes-0.md").read_text(encoding="utf-8")
    assert sizes.count("## ") == 4


def test_the_picture_shows_every_method_but_the_yardstick(results: tuple[Path, dict[str, Any]]) -> None:
    out, content = results
    text = (out / "plot.svg").read_text(encoding="utf-8")
    assert benchmark_plot(content) == text
    assert ElementTree.fromstring(text).tag.endswith("svg")
    for word in ("gradient_ascent", "fold_swap", RETRAIN_AGAIN, "scattered utterances", "a whole speaker"):
        assert word in text
    assert "/work" not in text
    names = [f"method{number}" for number in range(21)]
    run = content["runs"][0]
    many = [{**run["summary"][-1], "method": name} for name in names]
    other = {**run, "name": "another", "summary": many}
    picture = benchmark_plot({"runs": [{**run, "summary": many}, other]})
    assert "another" in picture
    marks = [
        mark for mark in re.findall(r'<use xlink:href="#(\w+)" [^>]*fill: (#\w+)', picture) if mark[1] != "#222222"
    ]
    assert len(set(marks)) == 2 * len(names)  # in the panels, and of one size in the legend


def test_a_folder_that_is_there_and_a_size_that_is_too_large(tone_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(DataError, match="results are never written over"):
        benchmark_with_report([bench(tone_folder)], tmp_path / "there", command=COMMAND)
    with pytest.raises(DataError, match="500 utterances cannot be forgotten"):
        benchmark_with_report([bench(tone_folder, sizes=("500",))], tmp_path / "new", command=COMMAND)
    with pytest.raises(ConfigError, match="one or more were expected"):
        benchmark_with_report([], tmp_path / "new", command=COMMAND)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def row(method: str, *, seed: int, size: str = "10", tow: float = 1.0, uar: float = 0.6, relearn: float = 0.0) -> Any:
    return {
        "seed": seed,
        "size": size,
        "draw": 0,
        "forgotten": 10,
        "method": method,
        "needs": ["retained data"] if method.startswith("retrain") else [],
        "seconds": 0.5,
        "time_ratio": 4.0,
        "time_ratio_from_recordings": 25.0,
        "relearned_accuracy": 0.5,
        "scores": {"test_uar": uar, "screen": None},
        "gaps": {"tow": tow, "forget_accuracy_gap": 0.0, "relearn_gap": relearn, "loss_gap": 0.1},
    }


def made(changes: dict[str, Any], ratio: float | None = None) -> dict[str, bool | None]:
    """Targets of one method with two cells; ``changes`` belong to the second."""
    rows = [row("retrain", seed=seed, uar=0.55) for seed in (0, 1)] + [row("original", seed=seed) for seed in (0, 1)]
    rows += [row("some", seed=0), row("some", seed=1, **changes)]
    evidence = {"quality": {"ratio": ratio}}
    sets = [{"size": "50", "rows": [{"method": "some", "evidence": evidence}]}]
    found = summarise({"rows": rows, "ensembles": None if ratio is None else {"sets": sets}})
    (entry,) = [one for one in found if one["method"] == "some"]
    assert entry["test_uar_difference"]["estimate"] - entry["test_uar_change"]["estimate"] == pytest.approx(0.05)
    verdicts: dict[str, bool | None] = entry["targets"]
    return verdicts


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, set()),
        ({"tow": 0.91}, set()),
        ({"tow": 0.89}, {"worst ToW", "ToW"}),
        ({"tow": 0.901}, set()),
        ({"uar": 0.591}, set()),
        ({"uar": 0.589}, {"test UAR"}),
        ({"relearn": 0.21}, {"relearning"}),
        ({"relearn": 0.19}, set()),
    ],
)
def test_targets_on_made_rows(changes: dict[str, Any], missed: set[str]) -> None:
    verdicts = made(changes)
    assert {name for name, met in verdicts.items() if met is False} == missed
    assert verdicts["F"] is None


def test_ensembles_are_judged_where_there_are_any() -> None:
    assert made({}, ratio=0.61)["F"] is True
    assert made({}, ratio=0.59)["F"] is False


def test_time_is_judged_by_the_geometric_mean() -> None:
    rows = [row("some", seed=seed) for seed in (0, 1)]
    for one, ratio in zip(rows, (10.0, 39.0), strict=True):
        one["time_ratio_from_recordings"] = ratio
    (entry,) = summarise({"rows": rows})
    assert entry["time_ratio_from_recordings"]["estimate"] == pytest.approx(390.0**0.5)
    assert entry["targets"]["time"] is False


def test_groups() -> None:
    assert [group_of(size) for size in ("1", "100", "speaker", "3-speakers")] == [
        "scattered", "scattered", "speaker", "3-speakers",
    ]  # fmt: skip
