"""What predict shows and writes."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

from affekt.audio import load
from affekt.models import EmotionModel, ModelConfig

Affekt = Callable[..., Any]


def test_probabilities_are_those_of_the_model(affekt: Affekt, shared: Path) -> None:
    ran = affekt("predict", shared / "model", shared / "corpus" / "audio", "--json")
    assert ran.code == 0
    assert ran.err == ""
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert len(rows) == 72
    assert [row["file"] for row in rows] == sorted(row["file"] for row in rows)
    model = EmotionModel.from_pretrained(shared / "model")
    for row in rows[::20]:
        waveform = torch.from_numpy(load(row["file"]))
        shares = model(waveform[None], torch.tensor([len(waveform)])).softmax(1)[0].tolist()
        assert list(row["probabilities"]) == list(model.classes)
        assert list(row["probabilities"].values()) == pytest.approx(shares, abs=1e-5)
        assert row["emotion"] == max(row["probabilities"], key=row["probabilities"].get)


def test_table(affekt: Affekt, shared: Path) -> None:
    file = shared / "corpus" / "audio" / "00-anger-0.wav"
    ran = affekt("predict", shared / "model", file)
    head, row = ran.out.splitlines()
    assert head.split() == ["file", "emotion", "anger", "neutral", "sadness"]
    assert row.split()[0] == str(file)
    assert sum(float(share) for share in row.split()[2:]) == pytest.approx(1.0, abs=0.002)


def test_intents_in_every_format(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    config = ModelConfig(family="logmel-cnn", classes=("anger", "neutral", "sadness"), intents=("ask", "tell"))
    told = EmotionModel(config).save_pretrained(tmp_path / "told")
    file = shared / "corpus" / "audio" / "00-anger-0.wav"
    one = json.loads(affekt("predict", told, file, "--json").out)
    assert sum(one["intents"].values()) == pytest.approx(1.0)
    assert one["intent"] == max(one["intents"], key=one["intents"].get)
    head, row = affekt("predict", told, file).out.splitlines()
    assert head.split()[-2:] == ["intent", "share"]
    assert row.split()[-2:] == [one["intent"], f"{one['intents'][one['intent']]:.3f}"]
    for suffix, read in (("csv", pl.read_csv), ("parquet", pl.read_parquet)):
        out = tmp_path / f"told.{suffix}"
        assert affekt("predict", told, file, "--out", out).code == 0
        (written,) = read(out).iter_rows(named=True)
        assert written["intent"] == one["intent"]
        assert {name: written[f"p_intent_{name}"] for name in one["intents"]} == pytest.approx(one["intents"])


def test_a_file_named_twice_is_heard_once(affekt: Affekt, shared: Path) -> None:
    folder = shared / "corpus" / "audio"
    ran = affekt("predict", shared / "model", folder / "05-anger-0.wav", folder, "--json")
    files = [json.loads(line)["file"] for line in ran.out.splitlines()]
    assert len(files) == 72
    assert files[0].endswith("05-anger-0.wav")


def test_a_corpus_folder_is_searched_for_recordings_only(affekt: Affekt, shared: Path) -> None:
    """The table beside the recordings is passed over."""
    assert len(affekt("predict", shared / "model", shared / "corpus", "--json").out.splitlines()) == 72


def test_windows_from_a_corpus_to_files(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    words = ["predict", shared / "model", shared / "corpus", "--window", 0.4, "--hop", 0.1]
    for suffix in ("csv", "parquet"):
        ran = affekt(*words, "--out", tmp_path / f"new.{suffix}")
        assert ran.code == 0, ran
        assert ran.out == f"216 predictions for 72 recordings in {tmp_path / f'new.{suffix}'}\n"
    rows = [json.loads(line) for line in affekt(*words, "--json").out.splitlines()]
    assert [(row["start"], row["end"]) for row in rows[:3]] == [(0.0, 0.4), (0.1, 0.5), (0.2, 0.6)]
    table = pl.read_parquet(tmp_path / "new.parquet")
    assert table.columns == ["file", "start", "end", "emotion", "p_anger", "p_neutral", "p_sadness"]
    assert table["p_anger"].to_list() == [row["probabilities"]["anger"] for row in rows]
    assert pl.read_csv(tmp_path / "new.csv").equals(table)
    model = EmotionModel.from_pretrained(shared / "model")
    waveform = torch.from_numpy(load(rows[1]["file"])[1600:8000])
    shares = model(waveform[None], torch.tensor([6400])).softmax(1)[0].tolist()
    assert list(rows[1]["probabilities"].values()) == pytest.approx(shares, abs=1e-5)


def test_summary_as_json(affekt: Affekt, shared: Path, tmp_path: Path) -> None:
    file = shared / "corpus" / "audio" / "00-anger-0.wav"
    ran = affekt("predict", shared / "model", file, "--out", tmp_path / "rows", "--format", "jsonl", "--json")
    assert json.loads(ran.out) == {"out": str(tmp_path / "rows"), "recordings": 1, "predictions": 1, "left_out": 0}
    assert json.loads((tmp_path / "rows").read_text())["file"] == str(file)


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_standard_input(affekt: Affekt, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shared / "corpus" / "audio" / "00-anger-0.wav"
    (wanted,) = (json.loads(line) for line in affekt("predict", shared / "model", file, "--json").out.splitlines())
    feed(monkeypatch, file.read_bytes())
    ran = affekt("predict", shared / "model", "-", "--json")
    assert json.loads(ran.out) == {**wanted, "file": "-"}
    feed(monkeypatch, f"{file}\n\n{file}\n".encode())
    ran = affekt("predict", shared / "model", "--list", "-", "--json")
    assert json.loads(ran.out) == wanted


def test_bad_recordings_are_left_out_and_counted(affekt: Affekt, place: Path) -> None:
    audio = place / "corpus" / "audio"
    (audio / "00-anger-0.wav").write_text("no sound", encoding="utf-8")
    (audio / "05-sadness-3.wav").write_bytes(b"")
    words = ["predict", place / "model", audio, "--skip-bad"]
    ran = affekt(*words, "--json", "--quiet")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 70
    first, second, last = ran.err.splitlines()
    assert first.startswith(f"affekt: left out: {audio / '00-anger-0.wav'} is not readable audio")
    assert second.startswith(f"affekt: left out: {audio / '05-sadness-3.wav'} is empty")
    assert last == "affekt: 2 of 72 recordings left out"
    ran = affekt(*words, "--out", place / "p.csv")
    assert ran.out == f"70 predictions for 70 recordings in {place / 'p.csv'}\n"


def test_nothing_but_bad_recordings(affekt: Affekt, place: Path) -> None:
    bad = place / "corpus" / "audio" / "00-anger-0.wav"
    bad.write_text("no sound", encoding="utf-8")
    for extra in (["--json"], ["--format", "csv"], [], ["--out", place / "deep" / "p.csv"]):
        ran = affekt("predict", place / "model", bad, "--skip-bad", *extra)
        assert (ran.code, ran.out) == (2, "")
        assert "none of 1 recording can be used" in ran.err
    assert not (place / "deep").exists()


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (["--window", "0"], "the window is 0 s"),
        (["--window", "nan"], "the window is nan s"),
        (["--window", "1", "--hop", "2"], "longer than the window"),
        (["--window", "1", "--hop", "-1"], "the hop is -1 s"),
        (["--hop", "1"], "--hop is given without --window"),
        (["--format", "parquet"], "no text for the terminal"),
        (["--format", "csv", "--json"], "contradict each other"),
        (["--format", "xml"], 'Invalid value "xml"'),
        (["--out", "p.xlsx"], "tells no format"),
        (["--list", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["--onnx"], "has no export/model.onnx"),
        (["--device", "gpu7"], "the device 'gpu7' cannot be used"),
        (["-", "-"], "standard input is named twice"),
        (["-"], "standard input is empty"),
    ],
)
def test_bad_options(
    affekt: Affekt, shared: Path, monkeypatch: pytest.MonkeyPatch, extra: list[str], expected: str
) -> None:
    feed(monkeypatch, b"")
    ran = affekt("predict", shared / "model", shared / "corpus" / "audio" / "00-anger-0.wav", *extra)
    assert (ran.code, ran.out) == (2, "")
    assert expected in ran.err
    assert ran.err.count("\n") == 1


def test_an_output_that_is_there(affekt: Affekt, place: Path, snapshot: Callable[[Path], dict[str, str]]) -> None:
    (place / "p.csv").write_text("mine", encoding="utf-8")
    before = snapshot(place)
    ran = affekt("predict", place / "model", place / "corpus", "--out", place / "p.csv")
    assert ran.code == 2
    assert "p.csv exists already" in ran.err
    assert snapshot(place) == before


def test_a_file_that_is_no_exported_model(affekt: Affekt, place: Path) -> None:
    (place / "m.onnx").write_text("no model", encoding="utf-8")
    ran = affekt("predict", place / "m.onnx", place / "corpus")
    assert (ran.code, ran.out) == (2, "")
    assert "m.onnx is no ONNX model" in ran.err
