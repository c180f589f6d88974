"""Front-end features of a corpus: computed once, kept while they fit in memory, batched by length."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from affekt.audio.batching import pad_batch
from affekt.corpora import Corpus
from affekt.models import EmotionModel
from affekt.types import IntArray, Waveform

__all__ = ["FeatureStore", "length_batches", "pad_features"]


class FeatureStore:
    """The parameter-free part of a model applied to recordings, one at a time and only once.

    Items are CPU tensors (F, ...). The front end has no parameters, so one store serves every model of a family.

    Args:
        model: whose front end to use.
        corpus: whose recordings to read.
        memory_gib: how much to keep; what does not fit is computed again at each access.
    """

    def __init__(self, model: EmotionModel, corpus: Corpus, *, memory_gib: float = 6.0) -> None:
        self.model = model
        self.corpus = corpus
        self.budget = int(memory_gib * 2**30)
        self._kept: dict[int, Tensor] = {}
        self._lengths: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.corpus)

    def waveform(self, row: int) -> Waveform:
        """The recording of a row, read from disk at the model's rate."""
        return self.corpus.load(row, sample_rate=self.model.config.sample_rate)

    def __getitem__(self, row: int) -> Tensor:
        if row in self._kept:
            return self._kept[row]
        waveforms, lengths = pad_batch([self.waveform(row)])
        device = next(self.model.parameters()).device
        with torch.no_grad():
            features, counts = self.model.front_end(waveforms.to(device), lengths.to(device))
        item = features[0, : int(counts[0])].cpu()
        self._lengths[row] = len(item)
        size = item.numel() * item.element_size()
        if size <= self.budget:
            self.budget -= size
            self._kept[row] = item.clone()
        return item

    def length(self, row: int) -> int:
        """Frames of a row."""
        if row not in self._lengths:
            self[row]
        return self._lengths[row]

    def frames_per_second(self) -> float:
        """Frames the front end makes of a second of audio."""
        return self.length(0) * self.model.config.sample_rate / len(self.waveform(0))

    def batch(self, rows: Sequence[int] | IntArray) -> tuple[Tensor, Tensor]:
        """Rows as one padded batch on the model's device: (B, F, ...), (B,)."""
        return pad_features([self[int(row)] for row in rows], device=next(self.model.parameters()).device)


def pad_features(items: Sequence[Tensor], *, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Stack tensors (F_i, ...) with zeros at their ends: (B, F, ...), (B,)."""
    lengths = torch.tensor([len(item) for item in items], device=device)
    padded = torch.nn.utils.rnn.pad_sequence(list(items), batch_first=True)
    return padded.to(device), lengths


def length_batches(
    lengths: Sequence[int], *, batch_size: int, generator: np.random.Generator | None = None
) -> Iterator[IntArray]:
    """Positions in batches of similar length: longest first, or in random order when a generator is given.

    With a generator, lengths are blurred by a tenth before sorting, so that batches differ from epoch to epoch.
    """
    size = np.asarray(lengths, dtype=np.float64)
    if generator is None:
        order = np.argsort(-size, kind="stable")
    else:
        order = np.argsort(size * generator.uniform(0.9, 1.1, len(size)), kind="stable")
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if generator is not None:
        batches = [batches[position] for position in generator.permutation(len(batches))]
    yield from batches
