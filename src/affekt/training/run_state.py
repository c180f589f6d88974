"""Where a training run stands between two epochs, and its way into a checkpoint and back."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from affekt.errors import CheckpointError
from affekt.models import EmotionModel
from affekt.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from affekt.training.config import TrainConfig
from affekt.training.targets import Objective
from affekt.types import IntArray

__all__ = ["RunState", "learned_state", "restore", "run_fingerprint"]

_OBJECTIVE = "objective."
"""Prefix of the objective's tensors in a checkpoint."""


@dataclass(kw_only=True)
class RunState:
    """Where a run stands between two epochs; the loop changes it."""

    best: dict[str, Tensor]
    """What training changes, as it was after the best epoch."""
    epoch: int = 0
    """Epochs that are done."""
    best_epoch: int = 0
    best_loss: float | None = None
    history: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def load(
        cls, file: Path, *, fingerprint: str, model: nn.Module, objective: Objective, optimizer: Optimizer
    ) -> "RunState":
        """Read a checkpoint; the model, the objective and the optimizer become what they were.

        Raises:
            CheckpointError: the file is damaged, or another run wrote it.
        """
        saved = load_checkpoint(file, optimizer=optimizer.state_dict())
        if saved.progress["fingerprint"] != fingerprint:
            raise CheckpointError(
                f"the checkpoint {file} belongs to another run (other settings, seed or data); resume with what it was "
                "started with, or remove it."
            )
        restore(model, {name: tensor for name, tensor in saved.model.items() if not name.startswith(_OBJECTIVE)})
        objective.restore(
            {name[len(_OBJECTIVE) :]: tensor for name, tensor in saved.model.items() if name.startswith(_OBJECTIVE)}
        )
        optimizer.load_state_dict(saved.optimizer)
        return cls(best=saved.best, **saved.progress["state"])

    def save(
        self, file: Path, *, fingerprint: str, model: nn.Module, objective: Objective, optimizer: Optimizer
    ) -> None:
        """Write a checkpoint over the one that is there."""
        state = {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "history": self.history,
        }
        save_checkpoint(
            file,
            Checkpoint(
                model=learned_state(model) | {_OBJECTIVE + name: part for name, part in objective.state().items()},
                best=self.best,
                optimizer=optimizer.state_dict(),
                progress={"fingerprint": fingerprint, "state": state},
            ),
        )


def learned_state(model: nn.Module) -> dict[str, Tensor]:
    """What training changes: a frozen encoder is left out, which may be most of a model."""
    frozen = _frozen(model)
    state = model.state_dict()
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items() if name not in frozen}


def restore(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Load what :func:`learned_state` gave.

    Raises:
        CheckpointError: it is another model's.
    """
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or not set(missing) <= _frozen(model):
        raise CheckpointError(
            "the checkpoint does not fit the model (other weights); that of the same model was expected; remove it."
        )


def run_fingerprint(
    model: EmotionModel,
    config: TrainConfig,
    *,
    seed: int,
    heldout_seed: int,
    rows: IntArray,
    train_digest: str,
    dev_digest: str,
) -> str:
    """SHA-256 over all that decides what a run does: a checkpoint of another run must not be gone on from."""
    network: list[Any] = [model.config.family, model.config.options, model.classes, model.config.attribute_range]
    files = {} if config.method is None else config.method.described_files()
    read = sorted([name, entry["sha256"]] for name, entry in files.items())
    content = json.dumps(
        [config.to_json(), seed, heldout_seed, rows.tolist(), train_digest, dev_digest, *network, *read], sort_keys=True
    )
    return hashlib.sha256(content.encode()).hexdigest()


def _frozen(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
