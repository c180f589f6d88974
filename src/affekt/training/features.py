"""Front-end features of a corpus: computed once, kept while they fit in memory, batched by length."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from affekt.audio.batching import pad_batch
from affekt.corpora import Corpus
from affekt.encoders import EmbeddingCache, chosen_cache
from affekt.models import EmotionModel
from affekt.training.intake import as_read
from affekt.types import IntArray, Waveform

__all__ = ["FeatureStore", "length_batches", "pad_features"]


class FeatureStore:
    """The part of a model that is never trained applied to recordings, one at a time and only once.

    Items are CPU tensors (F, ...). Training does not touch the front end, so one store serves every model of one
    family, options and pretrained encoder.

    Args:
        model: whose front end to use.
        corpus: whose recordings to read, or the words of whose utterances, where the model reads.
        memory_gib: how much to keep; what does not fit is computed again at each access, or read from the cache.
        cache: where to keep features on disk, too, for later runs; None is the folder that AFFEKT_EMBEDDINGS names, if
            it does and the front end holds a pretrained encoder.
    """

    def __init__(
        self, model: EmotionModel, corpus: Corpus, *, memory_gib: float = 6.0, cache: EmbeddingCache | None = None
    ) -> None:
        self.model = model
        self.corpus = as_read(corpus, model)
        self.budget = int(memory_gib * 2**30)
        self.cache = chosen_cache() if cache is None and model.has_frozen_encoder else cache
        self._key = "" if self.cache is None else model.front_end_key()
        self._kept: dict[int, Tensor] = {}
        self._lengths: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.corpus)

    def waveform(self, row: int) -> Waveform:
        """The recording of a row, read from disk at the model's rate, or its text as samples."""
        return self.corpus.load(row, sample_rate=self.model.config.sample_rate)

    def __getitem__(self, row: int) -> Tensor:
        if row in self._kept:
            return self._kept[row]
        waveform = self.waveform(row)
        cached = self._cached(waveform)
        item = self._computed([waveform])[0] if cached is None else cached
        self._keep(row, item)
        return item

    def draw(self, row: int, generator: np.random.Generator) -> Tensor:
        """The item of a row for one step of training; stores that augment draw from the generator."""
        return self[row]

    def fill(self, *, batch_size: int | None = None) -> None:
        """Compute what is missing of all rows, while it fits in memory.

        Args:
            batch_size: recordings at once; None is 1 on a CPU, where batches of one are fastest and their result is
                that of each recording alone to the last bit, and 16 elsewhere.
        """
        device = next(self.model.parameters()).device
        size = batch_size or (1 if device.type == "cpu" else 16)
        missing = [row for row in range(len(self)) if row not in self._kept]
        if size > 1:  # batches of similar length pad least
            seconds = self.corpus.table["duration"].to_list() if "duration" in self.corpus.table.columns else []
            missing.sort(key=lambda row: (seconds[row] if seconds and seconds[row] is not None else 0.0, row))
        for start in range(0, len(missing), size):
            rows = missing[start : start + size]
            waveforms = [self.waveform(row) for row in rows]
            found = [self._cached(waveform) for waveform in waveforms]
            todo = [waveform for waveform, item in zip(waveforms, found, strict=True) if item is None]
            computed = iter(self._computed(todo) if todo else [])
            for row, item in zip(rows, found, strict=True):
                self._keep(row, next(computed) if item is None else item)

    def _computed(self, waveforms: Sequence[Waveform]) -> list[Tensor]:
        device = next(self.model.parameters()).device
        batch, lengths = pad_batch(waveforms)
        with torch.no_grad():
            features, counts = self.model.front_end(batch.to(device), lengths.to(device))
        items = [item[:count].cpu() for item, count in zip(features, counts.tolist(), strict=True)]
        if self.cache is not None:
            for waveform, item in zip(waveforms, items, strict=True):
                self.cache.put(self._key, waveform, item.numpy())
        return items

    def _cached(self, waveform: Waveform) -> Tensor | None:
        found = None if self.cache is None else self.cache.get(self._key, waveform)
        return None if found is None else torch.from_numpy(np.array(found))

    def _keep(self, row: int, item: Tensor) -> None:
        self._lengths[row] = len(item)
        size = item.numel() * item.element_size()
        if row not in self._kept and size <= self.budget:
            self.budget -= size
            self._kept[row] = item.clone()

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
    sizes = [len(item) for item in items]
    lengths = torch.tensor(sizes, device=device)
    if min(sizes) == max(sizes):  # pooled features: nothing to pad, and stacking is several times faster
        return torch.stack(list(items)).to(device), lengths
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
