"""Rows as files; what the commands do with the options is tested with them."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from affekt.cli.listing import ListingOptions, write_rows
from affekt.errors import ConfigError, DataError

ROWS: list[dict[str, Any]] = [{"file": "ü, b.wav", "score": 0.5, "end": None}, {"file": "c.wav", "score": -1, "end": 2}]


def test_rows_come_back_from_the_file(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.jsonl", ROWS)
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == ROWS
    write_rows(tmp_path / "rows.CSV", ROWS)
    with (tmp_path / "rows.CSV").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream)) == [["file", "score", "end"], ["ü, b.wav", "0.5", ""], ["c.wav", "-1", "2"]]


def test_a_row_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_rows(tmp_path / "rows.jsonl", [*ROWS, {"file": "d.wav", "score": float("nan"), "end": None}])
    assert list(tmp_path.iterdir()) == []


def test_options_are_checked(tmp_path: Path) -> None:
    ListingOptions(out=tmp_path / "a.CSV", page=tmp_path / "a.html", embed=True).check()
    with pytest.raises(ConfigError, match="tells no format"):
        ListingOptions(out=tmp_path / "a.html").check()
    with pytest.raises(ConfigError, match="no --page is given"):
        ListingOptions(out=tmp_path / "a.csv", embed=True).check()
    (tmp_path / "taken").touch()
    with pytest.raises(DataError, match="exists already"):
        ListingOptions(page=tmp_path / "taken").check()
