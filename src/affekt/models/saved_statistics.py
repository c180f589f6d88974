"""What erasure-ready training saves beside a model: what each recording would get from models that never heard it.

``erasure/statistics.safetensors`` holds, for every recording of the training speakers, the logits of fold models that
were not trained on it, and the curvature of the loss. Rows are named by the keyed commitments of the model's
:class:`~affekt.models.ErasureRecord`; deleting a person deletes the person's rows and share.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from affekt.errors import CheckpointError
from affekt.models.curvature import Curvature
from affekt.models.head_sums import HeadSums

__all__ = ["FoldModel", "FoldRule", "SavedStatistics"]

FoldRule = Literal["within", "across"]
"""Folds of utterances, whose speakers are in other folds too; or folds of speakers."""
_BOTH: Final[tuple[FoldRule, ...]] = ("within", "across")


@dataclass(frozen=True, kw_only=True)
class FoldModel:
    """The weights of a model that was not trained on one fold."""

    rule: FoldRule
    never_heard: frozenset[str]
    """Commitments of the recordings of its fold."""
    state: dict[str, Tensor]
    """What was learned, by name; frozen weights are those of the model itself."""


@dataclass(frozen=True, kw_only=True)
class SavedStatistics:
    """Rows by recording, and sums over all recordings."""

    names: tuple[str, ...]
    """Commitments of the N recordings."""
    within: Tensor
    """Logits of models trained on other utterances, of the same speaker too: (N, R, K); R is the number of repeats."""
    across: Tensor
    """Logits of models that never heard the speaker: (N, R, K)."""
    curvature: Curvature | None = None
    """Of the mean cross-entropy over the recordings that were trained on."""
    folds: tuple[FoldModel, ...] = ()
    """Fold models that were kept."""
    sums: HeadSums | None = None
    """Of a head that is solved from them: all it learned of the recordings that were trained on."""
    fold_counts: Mapping[FoldRule, int] = field(default_factory=dict)
    """Rule -> the number of folds that the recordings were divided into; a file of an earlier version has none."""

    def teachers(self, names: Sequence[str], rule: FoldRule) -> Tensor | None:
        """Logits (n, R, K) of models that never heard these recordings; None if one is not among the rows, or if there
        were no folds of this kind."""
        row_of = {name: row for row, name in enumerate(self.names)}
        saved = self.across if rule == "across" else self.within
        if not saved.shape[1] or not all(name in row_of for name in names):
            return None
        return saved[torch.tensor([row_of[name] for name in names], dtype=torch.int64)]

    def clean_fold(self, names: Sequence[str]) -> FoldModel | None:
        """A kept fold model that was trained on none of these recordings."""
        wanted = set(names)
        return next((fold for fold in self.folds if wanted <= fold.never_heard), None)

    def without(
        self, names: Sequence[str], share: Curvature | None = None, *, sums: HeadSums | None = None
    ) -> "SavedStatistics":
        """The statistics without some recordings: their rows, their share of the sums, and every fold model that was
        trained on one of them.

        Args:
            names: commitments.
            share: what they contribute to the curvature; None: nothing, since the model was trained on none of them.
            sums: what they contribute to the sums of a head; None: nothing.
        """
        gone = set(names)
        rows = torch.tensor([row for row, name in enumerate(self.names) if name not in gone], dtype=torch.int64)
        known = gone & set(self.names)
        return replace(
            self,
            names=tuple(name for name in self.names if name not in gone),
            within=self.within[rows],
            across=self.across[rows],
            curvature=self.curvature if self.curvature is None or share is None else self.curvature.without(share),
            sums=self.sums if self.sums is None or sums is None else self.sums.without(sums),
            folds=tuple(
                replace(fold, never_heard=fold.never_heard - gone) for fold in self.folds if known <= fold.never_heard
            ),
        )

    def write_into(self, folder: Path) -> None:
        """Write ``statistics.safetensors`` into an existing folder."""
        width = max((len(name) for name in self.names), default=0) // 2
        tensors = {
            "names": _as_bytes(self.names, width),
            "within": self.within.float().contiguous(),
            "across": self.across.float().contiguous(),
        }
        if self.curvature is not None:
            tensors |= {f"curvature/{name}": tensor for name, tensor in self.curvature.tensors().items()}
        if self.sums is not None:
            tensors |= {f"sums/{name}": tensor for name, tensor in self.sums.tensors().items()}
        for number, fold in enumerate(self.folds):
            tensors[f"fold/{number}/{fold.rule}/names"] = _as_bytes(sorted(fold.never_heard), width)
            tensors |= {
                f"fold/{number}/{fold.rule}/state/{name}": tensor.detach().cpu().contiguous()
                for name, tensor in fold.state.items()
            }
        about = {
            "format": "affekt-statistics-1",
            "folds": dict(self.fold_counts),
            "repeats": {"within": self.within.shape[1], "across": self.across.shape[1]},
        }
        # one entry: safetensors writes several in any order, and the same statistics should be the same file
        metadata = {"affekt": json.dumps(about, sort_keys=True)}
        save_file(tensors, folder / "statistics.safetensors", metadata=metadata)

    @classmethod
    def read(cls, file: Path) -> "SavedStatistics":
        """Read ``statistics.safetensors``.

        Raises:
            CheckpointError: it is damaged or of another version.
        """
        try:
            tensors, about = load_file(file), _fold_counts(file)
            curvature, sums = (
                {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
                for start in ("curvature/", "sums/")
            )
            return cls(
                names=_as_names(tensors["names"]),
                within=tensors["within"],
                across=tensors["across"],
                curvature=Curvature.from_tensors(curvature) if curvature else None,
                folds=_folds(tensors),
                sums=HeadSums.from_tensors(sums) if sums else None,
                fold_counts={rule: int(about[rule]) for rule in _BOTH if rule in about},
            )
        except (AttributeError, KeyError, SafetensorError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())[:120]
            raise CheckpointError(
                f"{file} does not hold what erasure-ready training saves ({reason}); the file that training wrote was "
                "expected; restore the model directory from a copy."
            ) from None


def _fold_counts(file: Path) -> dict[str, Any]:
    """What the file says of its folds; earlier versions say nothing."""
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata() or {}
    return dict(json.loads(metadata.get("affekt", "{}")).get("folds", {}))


def _folds(tensors: dict[str, Tensor]) -> tuple[FoldModel, ...]:
    heads = sorted(
        {tuple(name.split("/")[1:3]) for name in tensors if name.startswith("fold/")}, key=lambda x: int(x[0])
    )
    found = []
    for number, rule in heads:
        start = f"fold/{number}/{rule}/"
        state = {
            name.removeprefix(f"{start}state/"): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{start}state/")
        }
        kind: FoldRule = "across" if rule == "across" else "within"
        found.append(FoldModel(rule=kind, never_heard=frozenset(_as_names(tensors[f"{start}names"])), state=state))
    return tuple(found)


def _as_bytes(names: Sequence[str], width: int) -> Tensor:
    if not names:
        return torch.zeros(0, width, dtype=torch.uint8)
    return torch.tensor([list(bytes.fromhex(name)) for name in names], dtype=torch.uint8)


def _as_names(rows: Tensor) -> tuple[str, ...]:
    return tuple(bytes(row).hex() for row in rows.tolist())
