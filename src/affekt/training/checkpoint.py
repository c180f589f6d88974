"""Training checkpoints: one safetensors file, replaced atomically, holding everything a run needs to go on.

Tensors are prefixed ``model.``, ``best.`` and ``optimizer.``; the rest (epoch, history) is JSON in the file's metadata.
Random state is not stored: every epoch draws from a generator seeded by (seed, epoch), see :func:`affekt.training.fit`.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from affekt.errors import CheckpointError

__all__ = ["Checkpoint", "load_checkpoint", "save_checkpoint"]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a run after a whole epoch."""

    model: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: dict[str, Any]
    progress: dict[str, Any]
    """JSON values: ``fingerprint`` (of settings and data) and ``state`` (epochs done, history, best so far)."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint under a temporary name and rename it."""
    tensors: dict[str, Tensor] = {}
    for prefix, state in (("model", checkpoint.model), ("best", checkpoint.best)):
        tensors.update({f"{prefix}.{name}": tensor.detach().cpu().clone() for name, tensor in state.items()})
    for index, entry in checkpoint.optimizer["state"].items():
        for name, value in entry.items():
            tensors[f"optimizer.{index}.{name}"] = torch.as_tensor(value).detach().cpu().clone()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    save_file(tensors, temporary, metadata={"progress": json.dumps(checkpoint.progress)})
    os.replace(temporary, path)


def load_checkpoint(path: Path, *, optimizer: dict[str, Any]) -> Checkpoint:
    """Read a checkpoint; ``optimizer`` is the fresh optimizer's ``state_dict()``, whose groups are kept.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            content = json.loads(file.metadata()["progress"])
            progress = {name: content[name] for name in ("fingerprint", "state")}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError, OSError):
        raise CheckpointError(
            f"the checkpoint {path} is damaged; a file written by affekt train was expected; remove it to start anew."
        ) from None
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = tensor
    return Checkpoint(
        model={name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")},
        best={name.removeprefix("best."): t for name, t in tensors.items() if name.startswith("best.")},
        optimizer={"state": state, "param_groups": optimizer["param_groups"]},
        progress=progress,
    )
