"""The three formats hold the same, and appear whole or not at all."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from affekt.errors import ConfigError, DataError
from affekt.prediction import FORMATS, Outputs, Prediction, column_names, write_predictions

OUTPUTS = Outputs(classes=("anger", "joy"), attributes=("valence", "arousal"), multi_label=True)


def made(file: str = "a.wav") -> list[Prediction]:
    return [
        Prediction(
            file=file,
            start=0.5 * k,
            end=0.5 * k + 1.0,
            emotion="joy",
            emotions=("joy", "anger")[: 2 - k],
            probabilities={"anger": 1 / 3, "joy": 2 / 3},
            attributes={"valence": 6.1, "arousal": 0.1 + 0.2},
        )
        for k in range(2)
    ]


def test_columns() -> None:
    assert column_names(OUTPUTS) == [
        "file", "start", "end", "emotion", "emotions", "p_anger", "p_joy", "valence", "arousal",
    ]  # fmt: skip
    assert column_names(Outputs(classes=(), attributes=("valence",))) == ["file", "start", "end", "emotion", "valence"]


@pytest.mark.parametrize("file", ["a.wav", "a, b.wav", 'say "a".wav', "line\nbreak.wav", "ü.wav"])
def test_the_formats_hold_the_same_to_the_last_bit(tmp_path: Path, file: str) -> None:
    found = made(file)
    for form in FORMATS:
        assert write_predictions(tmp_path / f"out.{form}", found, OUTPUTS) == 2
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [prediction.to_json() for prediction in found]
    flat = [
        {
            **{key: line[key] for key in ("file", "start", "end", "emotion")},
            "emotions": ";".join(line["emotions"]),
            **{f"p_{name}": share for name, share in line["probabilities"].items()},
            **{name: line[name] for name in OUTPUTS.attributes},
        }
        for line in lines
    ]
    table = pl.read_parquet(tmp_path / "out.parquet")
    assert table.columns == column_names(OUTPUTS)
    assert table.to_dicts() == flat
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as text:
        assert list(csv.DictReader(text)) == [{key: str(value) for key, value in row.items()} for row in flat]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.jsonl", "out.parquet"]


def test_a_model_of_attributes_alone(tmp_path: Path) -> None:
    outputs = Outputs(classes=(), attributes=("valence",))
    row = Prediction(
        file="a", start=0.0, end=1.0, emotion=None, emotions=None, probabilities={}, attributes={"valence": 2.0}
    )
    for form in FORMATS:
        write_predictions(tmp_path / f"out.{form}", [row], outputs)
    assert json.loads((tmp_path / "out.jsonl").read_text())["emotion"] is None
    assert pl.read_parquet(tmp_path / "out.parquet").to_dicts() == [
        {"file": "a", "start": 0.0, "end": 1.0, "emotion": None, "valence": 2.0}
    ]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    for form in FORMATS:
        write_predictions(tmp_path / f"out.{form}", made("caf\udce9.wav"), OUTPUTS)
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])["file"] == "caf\udce9.wav"
    assert pl.read_parquet(tmp_path / "out.parquet")["file"][0] == "caf\\udce9.wav"


@pytest.mark.parametrize("form", FORMATS)
def test_an_error_on_the_way_leaves_nothing(tmp_path: Path, form: str) -> None:
    def failing() -> Iterator[Prediction]:
        yield from made()
        raise DataError("bad recording")

    with pytest.raises(DataError, match="bad recording"):
        write_predictions(tmp_path / "new" / f"out.{form}", failing(), OUTPUTS)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(DataError, match=r"out\.csv exists already; results are never written over"):
        write_predictions(tmp_path / "out.csv", made(), OUTPUTS)
    assert (tmp_path / "out.csv").read_text() == "mine"


@pytest.mark.parametrize("name", ["out.xlsx", "out"])
def test_a_suffix_that_tells_no_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="tells no format"):
        write_predictions(tmp_path / name, made(), OUTPUTS)
    assert write_predictions(tmp_path / name, made(), OUTPUTS, file_format="csv") == 2
    with pytest.raises(ConfigError, match="unknown format 'xml'"):
        write_predictions(tmp_path / "other", made(), OUTPUTS, file_format="xml")
