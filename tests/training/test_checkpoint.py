"""Checkpoints come back whole, and damage is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from affekt.errors import CheckpointError
from affekt.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def stepped() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.randn(4, 3)).square().sum().backward()
    optimizer.step()
    return model, optimizer


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model, optimizer = stepped()
    file = tmp_path / "deep" / "checkpoint.safetensors"
    best = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    progress = {"fingerprint": "f", "state": {"epoch": 2, "history": [{"loss": 0.1 + 0.2}]}}
    save_checkpoint(
        file,
        Checkpoint(model=model.state_dict(), best=best, optimizer=optimizer.state_dict(), progress=progress),
    )
    return file


def test_round_trip(saved: Path) -> None:
    model, optimizer = stepped()
    fresh = torch.optim.AdamW(torch.nn.Linear(1, 1).parameters(), lr=0.5)
    found = load_checkpoint(saved, optimizer=fresh.state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(found.model[name], tensor)
        assert torch.equal(found.best[name], tensor + 1)
    assert found.optimizer["param_groups"] == fresh.state_dict()["param_groups"]
    for index, state in optimizer.state_dict()["state"].items():
        assert set(found.optimizer["state"][index]) == set(state)
        assert all(torch.equal(found.optimizer["state"][index][key], value) for key, value in state.items())
    assert found.progress == {"fingerprint": "f", "state": {"epoch": 2, "history": [{"loss": 0.1 + 0.2}]}}
    assert [path.name for path in saved.parent.iterdir()] == ["checkpoint.safetensors"]


def without_state(file: Path) -> None:
    save_file(load_file(file), file, metadata={"progress": json.dumps({"fingerprint": "f"})})


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-10]),
    "text": lambda file: file.write_text("not a checkpoint at all, but long enough to have a header"),
    "no notes": lambda file: save_file(load_file(file), file),
    "other notes": lambda file: save_file(load_file(file), file, metadata={"format": "pt"}),
    "cut notes": lambda file: save_file(load_file(file), file, metadata={"progress": '{"epo'}),
    "no state": without_state,
    "notes are a list": lambda file: save_file(load_file(file), file, metadata={"progress": "[1]"}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(saved: Path, damage: str) -> None:
    _, optimizer = stepped()
    load_checkpoint(saved, optimizer=optimizer.state_dict())
    DAMAGE[damage](saved)
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors is damaged; .*remove it to start anew"):
        load_checkpoint(saved, optimizer=optimizer.state_dict())
