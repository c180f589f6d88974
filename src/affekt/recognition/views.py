"""Views of utterances for learning without labels: changed a little (weak) and changed a lot (strong).

A wrapped store has three rows for each row r of a corpus of N: r itself, N + r the weak and 2N + r the strong view.
Strong views are made on the recording, or on the text, a few for each utterance; what the front end gives of them is
computed once and kept, on disk too where AFFEKT_EMBEDDINGS names a folder, so that a frozen encoder hears each view
once for all seeds and methods. Where the front end gives log-mel frames, stretches of time and bands of it are taken
out besides, anew at each draw (SpecAugment), and weak views are stretches of most of the clip.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from torch import Tensor

from affekt.audio import load, recordings_in
from affekt.audio.augmentation import WaveformAugmentation
from affekt.corpora.text_corpus import samples_of, text_of
from affekt.encoders import read_lexicon
from affekt.encoders.text_augmentation import AffectiveNeighbours, TextAugmentation
from affekt.errors import ConfigError, DataError
from affekt.models import EmotionModel, LogmelCnn
from affekt.training import FeatureStore
from affekt.types import IntArray, Waveform

__all__ = ["STRONG", "WEAK", "SpecAugment", "ViewConfig", "ViewStore", "base_rows", "roles"]

WEAK: Final = 1
"""Role of a row in [N, 2N)."""
STRONG: Final = 2
"""Role of a row in [2N, 3N)."""


class Change(Protocol):
    """A changed recording, or text, as samples."""

    def __call__(self, samples: Waveform, generator: np.random.Generator) -> Waveform: ...


@dataclass(frozen=True, kw_only=True)
class SpecAugment:
    """Bands and stretches of time taken out of log-mel frames, which are then at the clip's mean level."""

    bands: int = 12
    """Widest group of bands."""
    frames: int = 20
    """Longest stretch, frames; at most a quarter of the clip."""
    count: int = 2
    """Groups of either kind."""
    gain: float = 0.0
    """Largest change of the level, either way, in the units of the frames; networks that subtract the level of a clip
    see none of it."""

    def __post_init__(self) -> None:
        for name in ("bands", "frames", "count", "gain"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; 0 or more was expected; change it.")

    def apply(self, frames: Tensor, generator: np.random.Generator) -> Tensor:
        """Log-mel frames (F, M) with parts of them at 0, (F, M)."""
        found = frames + float(generator.uniform(-self.gain, self.gain)) if self.gain else frames.clone()
        for size, axis in ((self.bands, 1), (min(self.frames, len(frames) // 4), 0)):
            for _ in range(self.count):
                width = int(generator.integers(0, min(size, frames.shape[axis]) + 1))
                start = int(generator.integers(0, frames.shape[axis] - width + 1))
                found.narrow(axis, start, width).zero_()
        return found


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """How views are made."""

    count: int = 4
    """Strong views made of each recording or text; one of them is drawn at a time."""
    seed: int = 0
    """Decides the views together with an utterance's name; another seed of the training changes none."""
    sound: WaveformAugmentation = field(default_factory=WaveformAugmentation)
    """Changes of a recording."""
    noise: str = ""
    """Folder with recordings of noise at any depth; without one the noise is white or pink."""
    text: TextAugmentation = field(default_factory=TextAugmentation)
    """Changes of a text."""
    lexicon: str = ""
    """CSV file with affective norms for synonyms; without one words are left out or change places."""
    masks: SpecAugment = field(default_factory=SpecAugment)
    """For log-mel frames: what is taken out of a strong view."""
    crop: float = 0.9
    """For log-mel frames: least share of a clip that a weak view keeps, at a random place."""

    def __post_init__(self) -> None:
        for name, kind in (("sound", WaveformAugmentation), ("text", TextAugmentation), ("masks", SpecAugment)):
            value = getattr(self, name)
            if isinstance(value, dict):  # from a file
                object.__setattr__(self, name, kind(**value))
        if self.count < 1 or not 0.1 <= self.crop <= 1.0:
            raise ConfigError(
                f"count is {self.count} and crop {self.crop}; 1 or more, and 0.1 to 1, were expected; change them."
            )


class ViewStore(FeatureStore):
    """Items of a corpus and their views; see the module.

    Args:
        store: of the corpus.
        config: how views are made.

    Raises:
        DataError: noise or lexicon cannot be read.
    """

    def __init__(self, store: FeatureStore, config: ViewConfig) -> None:
        super().__init__(store.model, store.corpus, memory_gib=0.0, cache=store.cache)
        self.plain = store
        self.config = config
        self.framewise = isinstance(store.model.network, LogmelCnn)
        self._views = _views_of(store, config)

    def __getitem__(self, row: int) -> Tensor:
        """The plain item of a row, whatever its role."""
        return self.plain[row % len(self)]

    def length(self, row: int) -> int:
        """Frames of the plain item of a row."""
        return self.plain.length(row % len(self))

    def draw(self, row: int, generator: np.random.Generator) -> Tensor:
        """An item for a step of training: rows that are learned from by label are seen as weak views are."""
        role, base = divmod(row, len(self))
        if role != STRONG:
            item = self.plain.draw(base, generator)
            return self._cropped(item, generator) if self.framewise else item
        item = self._views[int(generator.integers(len(self._views)))][base]
        return self.config.masks.apply(item, generator) if self.framewise else item

    def _cropped(self, item: Tensor, generator: np.random.Generator) -> Tensor:
        kept = max(1, round(len(item) * float(generator.uniform(self.config.crop, 1.0))))
        start = int(generator.integers(0, len(item) - kept + 1))
        return item[start : start + kept]


class _ChangedStore(FeatureStore):
    """Features of changed recordings: the same change of a recording each time."""

    def __init__(self, store: FeatureStore, change: Change, *, seed: int, number: int, memory_gib: float) -> None:
        super().__init__(store.model, store.corpus, memory_gib=memory_gib, cache=store.cache)
        self._change = change
        self._names: list[str] = store.corpus.table["utterance"].to_list()
        self._start = f"view|{seed}|{number}|"

    def waveform(self, row: int) -> Waveform:
        digest = hashlib.sha256(f"{self._start}{self._names[row]}".encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        return self._change(super().waveform(row), generator)


_KEPT: WeakKeyDictionary[FeatureStore, dict[str, list[_ChangedStore]]] = WeakKeyDictionary()
# views do not depend on the weights that are learned, so fold models and retraining share those of one store


def roles(rows: IntArray | Tensor, size: int) -> IntArray | Tensor:
    """Role of each row of a store with views: 0, :data:`WEAK` or :data:`STRONG`."""
    return rows // size


def base_rows(rows: IntArray, size: int) -> IntArray:
    """Row of the corpus that each row of a store with views belongs to."""
    found: IntArray = rows % size
    return found


def _views_of(store: FeatureStore, config: ViewConfig) -> list[_ChangedStore]:
    kept = _KEPT.setdefault(store, {})
    key = repr(sorted(asdict(config).items()))
    if key not in kept:
        change = _change(store.model, config)
        share = store.budget / 2**30 / config.count  # what the store itself has left
        kept[key] = [
            _ChangedStore(store, change, seed=config.seed, number=number, memory_gib=share)
            for number in range(config.count)
        ]
    return kept[key]


def _change(model: EmotionModel, config: ViewConfig) -> Change:
    if model.reads == "text":
        neighbours = AffectiveNeighbours(read_lexicon(config.lexicon)) if config.lexicon else None
        return lambda samples, generator: samples_of(
            config.text.apply(text_of(samples), generator, neighbours=neighbours)
        )
    rate = model.config.sample_rate
    noises = _noises(Path(config.noise), rate) if config.noise else ()
    return lambda samples, generator: config.sound.apply(samples, generator, sample_rate=rate, noises=noises)


def _noises(folder: Path, sample_rate: int) -> Sequence[Waveform]:
    found = [load(path, sample_rate=sample_rate) for path in recordings_in(folder)]
    found = [noise for noise in found if noise.any()]
    if not found:
        raise DataError(
            f"{folder} holds no recording of noise; wav, flac, ogg or mp3 files were expected; check the path."
        )
    return found
