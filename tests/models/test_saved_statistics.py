"""What erasure-ready training saved comes back from disk, and says what it is made of."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from affekt.errors import CheckpointError
from affekt.models.saved_statistics import SavedStatistics

NAMES = tuple(f"{number:032x}" for number in range(6))


def saved() -> SavedStatistics:
    noise = torch.Generator().manual_seed(0)
    return SavedStatistics(
        names=NAMES,
        within=torch.randn(6, 4, 3, generator=noise),
        across=torch.randn(6, 2, 3, generator=noise),
        fold_counts={"within": 5, "across": 3},
    )


def test_folds_and_repeats_come_back(tmp_path: Path) -> None:
    one = saved()
    one.write_into(tmp_path)
    back = SavedStatistics.read(tmp_path / "statistics.safetensors")
    assert back.fold_counts == {"within": 5, "across": 3}
    assert back.names == NAMES
    assert torch.equal(back.across, one.across)
    with safe_open(tmp_path / "statistics.safetensors", framework="pt") as file:
        about = json.loads(file.metadata()["affekt"])
    assert about == {
        "folds": {"across": 3, "within": 5},
        "format": "affekt-statistics-1",
        "repeats": {"across": 2, "within": 4},
    }


def test_the_same_statistics_are_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        saved().write_into(tmp_path / name)
    one, two = ((tmp_path / name / "statistics.safetensors").read_bytes() for name in ("a", "b"))
    assert one == two


def test_deleting_recordings_leaves_the_folds_as_they_were(tmp_path: Path) -> None:
    left = saved().without(NAMES[:2])
    assert (left.names, left.fold_counts) == (NAMES[2:], {"within": 5, "across": 3})


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    saved().write_into(tmp_path)
    file = tmp_path / "statistics.safetensors"
    save_file(load_file(file), file, metadata={"format": "affekt-statistics-1"})
    assert SavedStatistics.read(file).fold_counts == {}
    save_file(load_file(file), file)
    assert SavedStatistics.read(file).fold_counts == {}


@pytest.mark.parametrize("said", ["no json", '{"folds": {"within": "x"}}', '{"folds": 3}', "[]"])
def test_damaged_metadata_is_named(tmp_path: Path, said: str) -> None:
    saved().write_into(tmp_path)
    file = tmp_path / "statistics.safetensors"
    save_file(load_file(file), file, metadata={"affekt": said})
    with pytest.raises(CheckpointError, match="does not hold what erasure-ready training saves"):
        SavedStatistics.read(file)
