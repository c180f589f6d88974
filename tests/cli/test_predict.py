import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from affekt.audio import load
from affekt.models import EmotionModel

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


def test_a_file_named_twice_is_heard_once(affekt: Affekt, shared: Path) -> None:
    folder = shared / "corpus" / "audio"
    ran = affekt("predict", shared / "model", folder / "05-anger-0.wav", folder, "--json")
    files = [json.loads(line)["file"] for line in ran.out.splitlines()]
    assert len(files) == 72
    assert files[0].endswith("05-anger-0.wav")


def test_a_corpus_folder_is_searched_for_recordings_only(affekt: Affekt, shared: Path) -> None:
    """The table beside the recordings is passed over."""
    assert len(affekt("predict", shared / "model", shared / "corpus", "--json").out.splitlines()) == 72
