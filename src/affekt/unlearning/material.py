"""What a method may use, handed over by the harness and by nobody else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import torch
from torch import Tensor, nn

from affekt.audio.batching import pad_batch
from affekt.corpora import Corpus
from affekt.encoders import chosen_cache
from affekt.errors import DataError, ProtocolError
from affekt.models import EmotionModel, HeadSums
from affekt.models.curvature import Curvature
from affekt.models.saved_statistics import FoldModel
from affekt.training import FeatureStore, TrainConfig, as_read, pad_features, with_classes
from affekt.types import IntArray, Waveform

__all__ = ["ForgetSet", "LearnedPart", "Material", "Needs", "Retained", "teachers_loss"]


class Needs(StrEnum):
    """Kinds of material a method can declare that it needs.

    Saved statistics are three mean losses that every training leaves; erasure-ready statistics are what
    :mod:`affekt.training.erasure_ready` saves besides.
    """

    FORGET_SET = "forget set"
    SAVED_STATISTICS = "saved statistics"
    ERASURE_STATISTICS = "erasure-ready statistics"
    RETAINED_DATA = "retained data"


@dataclass(frozen=True)
class ForgetSet:
    """The recordings to forget and their labels.

    Attributes:
        waveforms: N arrays (T_i,), float32 in [-1, 1], at the model's rate.
        labels: (N,) int64, indices into the model's classes.
    """

    waveforms: tuple[Waveform, ...]
    labels: Tensor

    def __post_init__(self) -> None:
        if not self.waveforms:
            raise DataError(
                "the forget set is empty; at least one recording was expected; name what is to be forgotten."
            )
        if len(self.waveforms) != len(self.labels):
            raise DataError(
                f"the forget set has {len(self.waveforms)} recordings and {len(self.labels)} labels; one label a "
                "recording was expected; check both lists."
            )

    def __len__(self) -> int:
        return len(self.waveforms)

    @classmethod
    def of(cls, corpus: Corpus, model: EmotionModel) -> "ForgetSet":
        """Read a corpus of exactly the utterances to forget.

        Raises:
            DataError: it is empty, a recording cannot be read, or an emotion is missing or unknown to the model.
        """
        corpus = as_read(with_classes(corpus, model.config), model)
        rate = model.config.sample_rate
        waveforms = tuple(corpus.load(row, sample_rate=rate) for row in range(len(corpus)))
        return cls(waveforms, torch.as_tensor(corpus.labels()))


@dataclass(frozen=True, kw_only=True)
class Retained:
    """The training data that stays, for the reference methods that need it."""

    train: FeatureStore
    """Features of the whole training corpus; only ``rows`` may be read."""
    rows: IntArray
    """Rows of the training corpus that stay (the held-out ones among them)."""
    dev: FeatureStore
    """Features of the development speakers."""
    config: TrainConfig
    """The recipe the model was trained with."""
    seed: int
    """The seed the model was trained with; it decides which utterances are held out."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """What one call of one method gets.

    A method that did not declare retained data has no way to reach it: the harness never puts it in here.
    """

    forget_set: ForgetSet
    n_classes: int
    target_loss: float | None = None
    """Saved statistic: the mean loss of held-out recordings, for the stop rule ``calibrated``."""
    target_gap: float | None = None
    """Saved statistic: that loss minus the mean loss of training recordings, for the stop rule ``gap``."""
    teachers: Tensor | None = None
    """Saved statistic: logits (N, R, K) of R models that were not trained on the recording (with the scope ``speaker``:
    that never heard its speaker)."""
    curvature: Curvature | None = None
    """Saved statistic: the curvature of the training loss, the forget set's share already subtracted."""
    share: Curvature | None = None
    """Saved statistic: what was subtracted."""
    trained: tuple[int, ...] = ()
    """Saved statistic: positions in the forget set of the recordings that were trained on."""
    clean_fold: FoldModel | None = None
    """Saved statistic: a fold model that was trained on none of these recordings."""
    sums: HeadSums | None = None
    """Saved statistic: what a head in closed form was solved from, the forget set's share already subtracted."""
    items: tuple[Tensor, ...] | None = field(default=None, repr=False)
    """Front-end features of the forget set, where looking up saved statistics took them."""
    supplier: Callable[[], Retained] | None = field(default=None, repr=False)
    cache: dict[str, "object"] = field(default_factory=dict, repr=False)
    """Adversarial copies already made from the same model and forget set; see ``attack.cached``."""

    def features(self, part: "LearnedPart") -> list[Tensor]:
        """Front-end features of the forget set: those at hand, or computed by a model."""
        return part.features(self.forget_set.waveforms) if self.items is None else list(self.items)

    @property
    def retained(self) -> Retained:
        """The retained data.

        Raises:
            ProtocolError: the method did not declare that it needs them, or the caller has none.
        """
        if self.supplier is None:
            raise ProtocolError(
                "this method asked for retained data, which it was not given; only methods that declare them get "
                "them, and only when the caller has them; pass retained= or choose a forget-only method."
            )
        return self.supplier()


def teachers_loss(logits: Tensor, labels: Tensor) -> float:
    """Mean cross-entropy, nats, of the R teachers of each recording: logits (N, R, K), labels (N,)."""
    repeated = labels.unsqueeze(1).expand(-1, logits.shape[1])
    return float(nn.functional.cross_entropy(logits.double().transpose(1, 2), repeated))


class LearnedPart:
    """A model cut in two: a front end without parameters, applied once, and the part that is learned.

    Any ``torch.nn.Module`` from waveforms (B, T) and lengths (B,) to logits (B, K) can be used: when it has no
    ``front_end`` and ``classify`` of its own, the waveform itself is the feature.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def features(self, waveforms: Sequence[Waveform | Tensor]) -> list[Tensor]:
        """Front-end features (F_i, ...) of waveforms (T_i,), on the CPU.

        Features that a frozen encoder has left in the cache on disk are read there; none are put there.
        """
        items = []
        cache = chosen_cache() if isinstance(self.model, EmotionModel) and self.model.has_frozen_encoder else None
        key = self.model.front_end_key() if cache is not None and isinstance(self.model, EmotionModel) else ""
        for waveform in waveforms:
            found = None if cache is None else cache.get(key, np.asarray(waveform, np.float32))
            if found is not None:
                items.append(torch.from_numpy(np.array(found)))
                continue
            batch, lengths = pad_batch([waveform])
            if isinstance(self.model, EmotionModel):
                with torch.no_grad():
                    batch, lengths = self.model.front_end(batch.to(self.device), lengths.to(self.device))
            items.append(batch[0, : int(lengths[0])].cpu())
        return items

    def logits(self, items: Sequence[Tensor]) -> Tensor:
        """Logits (B, K) of feature items, with gradients if they are enabled."""
        return self.classify(*pad_features(items, device=self.device))

    def classify(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, K) of padded features (B, F, ...) and lengths (B,), with gradients if they are enabled."""
        apply = self.model.classify if isinstance(self.model, EmotionModel) else self.model
        logits: Tensor = apply(features, lengths)
        return logits

    def all_logits(self, items: Sequence[Tensor], *, batch_size: int = 64) -> Tensor:
        """Logits (N, K) of any number of items without gradients, batched by length, on the CPU."""
        order = sorted(range(len(items)), key=lambda i: -len(items[i]))
        result: list[Tensor] = [torch.empty(0)] * len(items)
        with torch.no_grad():
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                for row, logits in zip(rows, self.logits([items[i] for i in rows]).cpu(), strict=True):
                    result[row] = logits
        return torch.stack(result)
