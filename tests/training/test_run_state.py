"""A run's state comes back from its checkpoint, into the same model and the same run alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from affekt.errors import CheckpointError
from affekt.training import Objective, Targets, TrainingMethod, build_model, recipe
from affekt.training.run_state import RunState, learned_state, restore, run_fingerprint

HISTORY = [{"loss": 0.1 + 0.2}, {"loss": 0.25}]


class Remembering(Objective):
    """An objective that has something of its own to keep."""

    def __init__(self, seen: float) -> None:
        targets = Targets(labels=np.array([0, 1]), shares=None, attributes=np.zeros((2, 0)), intents=np.full(2, -1))
        super().__init__(recipe("logmel-cnn"), targets, np.arange(2), n_classes=2)
        self.seen = torch.full((3,), seen)

    def state(self) -> dict[str, Tensor]:
        return {"seen": self.seen}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.seen = state["seen"]


def parts(seed: int) -> dict[str, Any]:
    """A model with a frozen layer, its objective, and its optimizer after one step."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    model[0].requires_grad_(False)
    optimizer = torch.optim.AdamW(model[1].parameters(), lr=0.1)
    model(torch.randn(5, 4)).square().sum().backward()
    optimizer.step()
    return {"model": model, "objective": Remembering(float(seed)), "optimizer": optimizer}


def test_a_state_comes_back_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.safetensors"
    before, after = parts(1), parts(2)
    best = {name: tensor + 1 for name, tensor in learned_state(before["model"]).items()}
    state = RunState(best=best, epoch=2, best_epoch=1, best_loss=0.5, history=HISTORY)
    state.save(file, fingerprint="f", **before)
    frozen = after["model"][0].weight.clone()
    found = RunState.load(file, fingerprint="f", **after)
    assert (found.epoch, found.best_epoch, found.best_loss, found.history) == (2, 1, 0.5, HISTORY)
    assert found.best.keys() == best.keys() == {"1.weight", "1.bias"}
    assert all(torch.equal(found.best[name], best[name]) for name in best)
    assert torch.equal(after["model"][1].weight, before["model"][1].weight)
    assert torch.equal(after["model"][0].weight, frozen)
    assert after["objective"].seen.tolist() == [1.0, 1.0, 1.0]
    moments = [part["optimizer"].state_dict()["state"][0]["exp_avg"] for part in (before, after)]
    assert torch.equal(*moments)


def test_the_checkpoint_of_another_run_is_named_and_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.safetensors"
    before, after = parts(1), parts(2)
    RunState(best=learned_state(before["model"])).save(file, fingerprint="f", **before)
    there = learned_state(after["model"])
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors belongs to another run .*or remove it"):
        RunState.load(file, fingerprint="g", **after)
    assert all(torch.equal(tensor, there[name]) for name, tensor in learned_state(after["model"]).items())


@pytest.mark.parametrize("change", [lambda state: state.pop("1.bias"), lambda state: state.update(more=torch.ones(1))])
def test_weights_of_another_model_are_refused(change: Any) -> None:
    model = parts(1)["model"]
    state = learned_state(model)
    restore(model, state)
    change(state)
    with pytest.raises(CheckpointError, match="does not fit the model"):
        restore(model, state)


def test_what_decides_a_run_is_in_its_fingerprint() -> None:
    same: dict[str, Any] = {
        "model": build_model("zhao19", ("anger", "joy"), seed=0, options={"hidden": 4}),
        "config": recipe("zhao19"),
        "seed": 1,
        "heldout_seed": 1,
        "rows": np.arange(4),
        "train_digest": "t",
        "dev_digest": "d",
    }
    others: dict[str, Any] = {
        "model": build_model("zhao19", ("joy", "anger"), seed=0, options={"hidden": 4}),
        "config": recipe("zhao19", epochs=7),
        "seed": 2,
        "heldout_seed": 2,
        "rows": np.arange(5),
        "train_digest": "u",
        "dev_digest": "e",
    }
    found = {run_fingerprint(**{**same, name: value}) for name, value in others.items()}
    weights = {**same, "model": build_model("zhao19", ("anger", "joy"), seed=5, options={"hidden": 4})}
    assert run_fingerprint(**weights) == run_fingerprint(**same)  # the seed stands for the weights that it gave
    assert len(found | {run_fingerprint(**same)}) == len(others) + 1


def test_what_is_in_the_files_of_a_method_decides_too(tmp_path: Path) -> None:
    class Reading(TrainingMethod):
        def files(self) -> dict[str, Path]:
            return {"list": tmp_path / "list.txt"}

    def fingerprint() -> str:
        return run_fingerprint(
            build_model("zhao19", ("anger", "joy"), seed=0, options={"hidden": 4}),
            recipe("zhao19", method=Reading()),
            seed=1,
            heldout_seed=1,
            rows=np.arange(4),
            train_digest="t",
            dev_digest="d",
        )

    found = []
    for content in ("a", "b", "a"):
        (tmp_path / "list.txt").write_text(content)
        found.append(fingerprint())
    assert found[0] == found[2] != found[1]
