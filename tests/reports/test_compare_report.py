"""compare_with_report on tones: files, tables, and what happens when it is stopped."""

import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from affekt.errors import ConfigError, DataError
from affekt.reports import compare_with_report, tabulate
from affekt.reports.compare_page import compare_plot
from affekt.training import recipe
from affekt.unlearning.compare import CompareConfig


@pytest.fixture(scope="module")
def config(tone_folder: Path) -> CompareConfig:
    return CompareConfig(
        corpus=str(tone_folder),
        methods=("gradient_ascent", "random_labels:stop=zero"),
        sizes=("1", "speaker"),
        seeds=1,
        draws=1,
        relearn_steps=1,
        train=recipe("logmel-cnn", epochs=1, batch_size=16, learning_rate=3e-3, heldout_fraction=0.15),
        settings={"gradient_ascent": {"max_steps": 3}, "random_labels": {"max_steps": 3}},
    )


@pytest.fixture(scope="module")
def results(config: CompareConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("compare") / "results"
    return out, compare_with_report(config, out)


def test_files_and_no_leftovers(results: tuple[Path, dict[str, Any]]) -> None:
    out, content = results
    assert sorted(path.name for path in out.iterdir()) == [
        "plot.svg", "report.html", "results.json", "results.md", "run.json",
    ]  # fmt: skip
    assert [path.name for path in out.parent.iterdir()] == ["results"]

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads((out / "results.json").read_text(encoding="utf-8"), parse_constant=refuse) == content
    # 2 sizes times retrain, original and two methods
    assert len(content["rows"]) == len(content["aggregates"]) == 8


def test_the_table_can_be_made_again_from_the_results(results: tuple[Path, dict[str, Any]]) -> None:
    out, content = results
    text = (out / "results.md").read_text(encoding="utf-8")
    assert tabulate(json.loads((out / "results.json").read_text(encoding="utf-8"))) == text
    tables = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    names = [cells[1].strip() for cells in tables]
    assert names == ["`retrain`", "`original`", "`gradient_ascent`", "`random_labels:stop=zero`"] * 2
    assert {len(cells) for cells in tables} == {23}
    assert content["data_sha256"] in text
    assert "1 training seeds × 1 draws" in text
    assert "0.333" in text
    assert "synthetic" in text
    assert "--sizes 1,speaker --seeds 1 --draws 1 --config SETTINGS.toml" in text


def test_numbers_in_the_table_are_those_of_the_rows(results: tuple[Path, dict[str, Any]]) -> None:
    out, content = results
    cell = next(row for row in content["rows"] if row["size"] == "speaker" and row["method"] == "gradient_ascent")
    lines = (out / "results.md").read_text(encoding="utf-8").split("## A whole speaker")[1].splitlines()
    line = next(line for line in lines if "`gradient_ascent`" in line)
    assert f"{cell['scores']['forget_accuracy']:.3f}" == line.split("|")[3].strip()
    assert f"{cell['scores']['test_uar']:.3f}" == line.split("|")[6].strip()


def test_page_and_plot(results: tuple[Path, dict[str, Any]]) -> None:
    out, content = results
    text = (out / "report.html").read_text(encoding="utf-8")
    HTMLParser().feed(text)
    assert "http:" not in text
    assert "https:" not in text
    assert text.count("<table") == text.count("<caption") == 2
    assert "Synthetic speech" in text
    for method in ("retrain", "original", "gradient_ascent", "random_labels:stop=zero"):
        assert method in text
    ElementTree.fromstring((out / "plot.svg").read_text(encoding="utf-8"))
    assert compare_plot(content) == compare_plot(content)
    assert (out / "plot.svg").read_text(encoding="utf-8") == compare_plot(content, standalone=True)


def test_nobody_is_named(results: tuple[Path, dict[str, Any]]) -> None:
    for file in results[0].iterdir():
        text = file.read_text(encoding="utf-8")
        assert "-joy-" not in text
        assert ".wav" not in text


def test_a_stopped_comparison_goes_on(config: CompareConfig, tmp_path: Path) -> None:
    class Stopped(Exception):  # noqa: N818 (not an error of affekt)
        pass

    def stop(message: str, done: int, total: int) -> None:
        if message == "comparing":
            raise Stopped

    out = tmp_path / "results"
    with pytest.raises(Stopped):
        compare_with_report(config, out, progress=stop)
    assert not out.exists()
    work = tmp_path / ".results.comparing"
    times = {path: path.stat().st_mtime_ns for path in work.rglob("*") if path.is_file()}
    assert any(path.parent.name == "cells" for path in times)
    # another comparison does not take over what was begun
    other = CompareConfig(corpus=config.corpus, methods=("l2ul",), sizes=("1",), seeds=1, draws=1)
    with pytest.raises(ConfigError, match="cells of another comparison"):
        compare_with_report(other, out)
    seen: list[int] = []

    def look(message: str, done: int, total: int) -> None:
        seen.append(done)
        for path, time in times.items():
            assert path.stat().st_mtime_ns == time  # what was done is not done again

    compare_with_report(config, out, progress=look)
    assert seen == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_nothing_is_written_over(config: CompareConfig, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine.txt").write_text("keep me")
    with pytest.raises(DataError, match="is not empty"):
        compare_with_report(config, tmp_path / "results")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
