"""What training leaves beside a model so that people can be forgotten later: held-out losses and commitments.

Recordings are named by a keyed hash of their samples, never by file or speaker: ``HMAC-SHA256(key, SHA-256(PCM))``
with a random key per model. The record can answer "was this recording in the training set?" for someone who holds
the recording, and says nothing readable to anyone else.
"""

import hashlib
import hmac
import math
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from affekt.errors import CheckpointError
from affekt.models.saved_statistics import SavedStatistics
from affekt.types import Waveform

__all__ = ["SIDES", "Drift", "ErasureRecord", "MeanLoss"]

SIDES = ("train", "heldout", "dev", "test")
"""Where a recording stood: trained on; held out of training speakers; held-out speakers for early stopping; test."""


@dataclass(frozen=True, kw_only=True)
class MeanLoss:
    """The mean cross-entropy of a model on some recordings, in nats, and its accuracy there."""

    loss: float
    accuracy: float
    utterances: int
    by_class: dict[str, "MeanLoss"] = field(default_factory=dict)
    """The same for the recordings of each class that occurs."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.loss):
            raise CheckpointError(f"a saved loss is {self.loss}; a finite number was expected; train the model again.")


@dataclass(frozen=True, kw_only=True)
class Drift:
    """What approximate deletions have done to a model since it was trained."""

    deletions: int = 0
    recordings: int = 0
    """Recordings trained on that they removed."""
    divergence: float | None = 0.0
    """Mean divergence of the outputs from those after training, nats, as the saved curvature foresees it; None where it
    could not be foreseen."""


@dataclass(frozen=True, kw_only=True)
class ErasureRecord:
    """Held-out losses of a model and commitments to the recordings of its corpus.

    ``within`` is measured on held-out utterances of training speakers (the target when some utterances of a person
    go and others stay), ``across`` on held-out speakers (the target when a whole person goes), ``trained`` on the
    utterances the model was trained on (not held out: what the other two are compared with).
    """

    within: MeanLoss | None = None
    across: MeanLoss | None = None
    trained: MeanLoss | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(32))
    commitments: dict[str, frozenset[str]] = field(default_factory=dict)
    drift: Drift = field(default_factory=Drift)
    statistics: SavedStatistics | None = field(default=None, repr=False)
    """What erasure-ready training saved; in a file of its own."""

    def commitment(self, waveform: Waveform) -> str:
        """The keyed name of a recording: depends on its 16-bit samples (16 kHz mono) alone."""
        # 32768, as decoders divide by it: every 16-bit file gives back the very samples it holds
        pcm = np.clip(np.rint(np.asarray(waveform, dtype=np.float64) * 32768), -32768, 32767).astype("<i2")
        digest = hashlib.sha256(pcm.tobytes()).digest()
        return hmac.new(bytes.fromhex(self.key), digest, hashlib.sha256).hexdigest()[:32]

    def side(self, waveform: Waveform) -> str | None:
        """On which of :data:`SIDES` a recording stood when the model was trained; None if it was not there."""
        name = self.commitment(waveform)
        return next((side for side in SIDES if name in self.commitments.get(side, frozenset())), None)

    def without(self, waveforms: list[Waveform]) -> "ErasureRecord":
        """The record with these recordings' commitments deleted from every side, and their rows from the statistics.

        Sums and means keep their share of them; :func:`affekt.unlearning.erasing.erased_record` takes that out too.
        """
        gone = {self.commitment(waveform) for waveform in waveforms}
        kept = {side: names - gone for side, names in self.commitments.items()}
        statistics = None if self.statistics is None else self.statistics.without(sorted(gone))
        return replace(self, commitments=kept, statistics=statistics)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        losses = {
            name: None if loss is None else asdict(loss)
            for name, loss in (("within", self.within), ("across", self.across), ("trained", self.trained))
        }
        commitments = {side: sorted(names) for side, names in self.commitments.items()}
        return {"mean_loss": losses, "key": self.key, "commitments": commitments, "drift": asdict(self.drift)}

    @classmethod
    def from_json(cls, value: Any) -> "ErasureRecord":
        """Read what :meth:`to_json` wrote.

        Raises:
            CheckpointError: the value is not such a record.
        """
        try:
            within, across, trained = (_mean_loss(value["mean_loss"][name]) for name in ("within", "across", "trained"))
            bytes.fromhex(value["key"])
            commitments = {side: frozenset(map(str, names)) for side, names in value["commitments"].items()}
            drift = Drift(**value.get("drift", {}))
            return cls(
                within=within, across=across, trained=trained, key=value["key"], commitments=commitments, drift=drift
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise CheckpointError(
                "erasure/record.json is not an erasure record of this version; the file that training wrote was "
                "expected; restore the model directory from a copy."
            ) from None


def _mean_loss(value: Any) -> MeanLoss | None:
    if value is None:
        return None
    by_class = {str(name): MeanLoss(**{**one, "by_class": {}}) for name, one in value.get("by_class", {}).items()}
    return MeanLoss(**{**value, "by_class": by_class})
