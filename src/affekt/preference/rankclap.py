"""EmotionRankCLAP: recordings and captions in one space that keeps the order of valence and arousal.

Title: EmotionRankCLAP: Bridging Natural Language Speaking Styles and Ordinal Speech Emotion via Rank-N-Contrast.
Authors: Shreeram Suresh Chandra, Lucas Goncalves, Junchen Lu, Carlos Busso, Berrak Sisman. Year: 2025.
arXiv: 2505.23732.
Official code: none when this was written. The paper's equations and settings were not available to us.
Paper: audio embeddings of a frozen emotion recogniser and text embeddings of a frozen language model, each projected to
512 numbers; Rank-N-Contrast between the two orders pairs by their distance in valence and arousal; captions written by
a language model from the attributes; compared with the symmetric cross-entropy of CLAP and with SupCon.
Reading: everything below is **our reading**: the loss between two kinds (the pair itself is a candidate, both
directions averaged, the learned temperature of a cosine), the projections, how the retrieval score is computed.
Deviations: captions come from a bank of phrases, or from a column of the corpus, and rated sentences without a
recording may stand beside them; valence and arousal of corpora that have only categories come from a rule; any frozen
encoder, words hashed by default; a class is a prompt, and the scale of its cosine alone is fitted by cross-entropy, so
that the model is a recogniser too.
Reproduces: theirs, on MSP-Podcast, which is not here: tau .616 (valence) and .552 (arousal), MMD .087, Wasserstein
.065. Ours, on RAVDESS, 5 seeds, not comparable: tau .525 and .625, MMD squared .659, Wasserstein .088. That it orders
better than CLIP and SupCon held for arousal there and not for valence; that its gap is the smallest did not hold: it is
the largest (results/retrieval).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.losses import (
    clip_loss,
    cross_entropy,
    cross_modal_rank_n_contrast,
    cross_modal_supervised_contrastive,
    label_distances,
    similarities,
)
from affekt.losses.contrastive import Norm, Similarity
from affekt.models import AudioTextNetwork, EmotionModel, Heads, ModelConfig
from affekt.preference.captions import caption, caption_count, level_of
from affekt.preference.positions import INTENSITIES, POSITIONS, positions_of
from affekt.preference.searching import audio_text_network, embed_recordings
from affekt.preference.sentences import Sentences, read_sentences
from affekt.training import FeatureStore, Objective, Prepared, TargetBatch, Targets, TrainConfig, TrainingMethod
from affekt.types import FloatArray, IntArray

__all__ = ["PAPER", "EmotionRankClap"]

PAPER = {
    "title": "EmotionRankCLAP: Bridging Natural Language Speaking Styles and Ordinal Speech Emotion "
    "via Rank-N-Contrast",
    "arxiv": "2505.23732",
    "year": 2025,
}

_LOSSES = ("rnc", "supcon", "clip")
_AXES = ("valence", "arousal")
_DEV_ROWS = 1024
"""Recordings of the development side that are compared with each other at a time."""


@dataclass(frozen=True, kw_only=True)
class EmotionRankClap(TrainingMethod):
    """Teach a model of the family audio-text with captions of what is trained on."""

    NAME: ClassVar[str] = "rankclap"
    DIVISIBLE: ClassVar[bool] = False

    loss: Literal["rnc", "supcon", "clip"] = "rnc"
    """Rank-N-Contrast, supervised contrastive with the 25 levels of valence and arousal as classes, or the symmetric
    cross-entropy of CLIP and CLAP."""
    axes: tuple[str, ...] = ("valence", "arousal")
    """What distances between labels are made of, with ``rnc``, and which levels are classes, with ``supcon``."""
    distance: Norm = "l2"
    """Norm of the distance between labels, l1 or l2."""
    similarity: Similarity = "cosine"
    """Of embeddings of length 1: cosine, or l2, minus their distance."""
    name_share: float = 0.25
    """Share of the captions that end with the emotion's name, which the prompts of the classes do too."""
    column: str = ""
    """A column of the corpus with captions of its own; rows without one get captions of the bank."""
    positions: dict[str, Any] = field(default_factory=dict)
    """Emotion -> [valence, arousal] from 0 to 1, beside or instead of those of ``affekt.preference.POSITIONS``; for
    corpora whose table has no valence and arousal."""
    intensities: dict[str, float] = field(default_factory=dict)
    """Intensity -> share of the way from neutral, beside or instead of ``affekt.preference.INTENSITIES``."""
    sentences: str = ""
    """A CSV file with sentences that people rated, see :func:`affekt.preference.read_sentences`: text to train on that
    has no recording. It is read when the method is made and again whenever a model is trained so."""
    sentence_scale: tuple[float, float] | None = None
    """The two ends of their ratings, such as 1 and 5."""
    sentence_share: float = 0.5
    """Sentences for each recording of a batch, drawn anew for every batch; at most all there are."""
    sentences_sha256: str = ""
    """SHA-256 of that file; filled when the method is made. A file with another one is refused."""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("loss", self.loss, _LOSSES),
            ("distance", self.distance, ("l1", "l2")),
            ("similarity", self.similarity, ("cosine", "l2")),
        ):
            if value not in known:
                raise ConfigError(f"{name} is {value!r}; one of {', '.join(known)} was expected; choose one of these.")
        if not self.axes or len(set(self.axes)) < len(self.axes) or not set(self.axes) <= set(_AXES):
            raise ConfigError(f"axes are {list(self.axes)}; valence, arousal or both were expected; correct them.")
        if not 0.0 <= self.name_share <= 1.0:
            raise ConfigError(f"name_share is {self.name_share}; a share from 0 to 1 was expected; change it.")
        if not 0.0 < self.sentence_share <= 100.0:
            raise ConfigError(
                f"sentence_share is {self.sentence_share}; above 0 to 100 sentences a recording was expected; change "
                "it."
            )
        if bool(self.sentences) != (self.sentence_scale is not None):
            given, missing = ("sentences", "sentence_scale") if self.sentences else ("sentence_scale", "sentences")
            raise ConfigError(
                f"{given} is given without {missing}; both were expected, a file and the two ends of its ratings; add "
                f"{missing}."
            )
        if self.sentences and not self.sentences_sha256:
            object.__setattr__(self, "sentences_sha256", self._read().sha256)

    def places(self, corpus: Corpus) -> FloatArray:
        """Valence and arousal of each utterance, (N, 2) in [0, 1], NaN where not known.

        Raises:
            ConfigError, DataError: as :func:`~affekt.preference.positions_of`.
        """
        positions = {**POSITIONS, **{name: tuple(place) for name, place in self.positions.items()}}
        return positions_of(corpus, positions=positions, intensities={**INTENSITIES, **self.intensities})

    def write(self, valence: float, arousal: float, variant: int) -> str:
        """A caption; a subclass may ask a language model instead."""
        return caption(valence, arousal, variant=variant)

    def variants(self) -> int:
        """How many captions :meth:`write` gives for one place."""
        return caption_count()

    def _read(self) -> Sentences:
        """The sentences, none without a file."""
        if not self.sentences or self.sentence_scale is None:
            return Sentences(texts=(), places=np.empty((0, 2)), sha256="")
        found = read_sentences(self.sentences, scale=self.sentence_scale)
        if self.sentences_sha256 not in ("", found.sha256):
            raise DataError(
                f"the sentences {self.sentences} are not those that sentences_sha256 names (got "
                f"{found.sha256[:8]} and not {self.sentences_sha256[:8]}); the same file was expected; restore it."
            )
        return found

    def targets(self, corpus: Corpus, model: ModelConfig, config: TrainConfig) -> Targets:
        """Labels, and where each utterance lies; those without a place are not trained on.

        Raises:
            ConfigError: the family is another, attributes or intents are to be learned, or there is no such column.
            DataError: nothing is known of valence and arousal, or the sentences are gone or are others.
        """
        if model.family != "audio-text":
            raise ConfigError(
                f"the method rankclap trains the family audio-text (got {model.family}); that family was expected; say "
                "--model audio-text."
            )
        if model.attributes or model.intents:
            raise ConfigError(
                "the method rankclap learns emotions alone (got attributes or intents as outputs); neither was "
                "expected; leave them out, valence and arousal are read from the corpus anyway."
            )
        if self.column and self.column not in corpus.table.columns:
            raise ConfigError(
                f"corpus '{corpus.name}' has no column {self.column!r}; one with captions was expected; correct column."
            )
        found = super().targets(corpus, model, config)
        texts = corpus.table[self.column].cast(str).to_list() if self.column else [None] * len(corpus)
        return _Placed(
            labels=found.labels,
            shares=found.shares,
            attributes=found.attributes,
            intents=found.intents,
            places=self.places(corpus),
            texts=tuple(texts),
            sentences=self._read(),
        )

    def prepare(
        self,
        model: EmotionModel,
        store: FeatureStore,
        targets: Targets,
        rows: IntArray,
        *,
        config: TrainConfig,
        seed: int,
    ) -> Prepared:
        """Write the prompts of the classes: the caption of the mean place of what is trained on, and the name."""
        places = _placed(targets).places
        prompts = []
        for k, name in enumerate(model.classes):
            mine = rows[targets.labels[rows] == k]
            valence, arousal = places[mine].mean(0) if len(mine) else (0.5, 0.5)
            prompts.append(_named(self.write(float(valence), float(arousal), 0), name))
        audio_text_network(model).describe(prompts)
        return Prepared(store, targets, rows)

    def batches(
        self,
        epoch: int,
        *,
        targets: Targets,
        rows: IntArray,
        lengths: Sequence[int],
        config: TrainConfig,
        generator: np.random.Generator,
    ) -> Iterator[IntArray]:
        """All rows in random order and parts of about one size: rivals are not of like length."""
        yield from np.array_split(generator.permutation(rows), self.steps(targets, rows, config))

    def objective(self, targets: Targets, rows: IntArray, config: TrainConfig, model: ModelConfig) -> Objective:
        """The contrast between recordings and captions."""
        return _Contrast(config, targets, rows, model=model, method=self)


@dataclass(frozen=True, kw_only=True)
class _Placed(Targets):
    """Targets with places and captions."""

    places: FloatArray
    """Valence and arousal, (N, 2)."""
    texts: tuple[str | None, ...]
    """Captions that the corpus has."""
    sentences: Sentences
    """Texts without a recording."""

    @property
    def usable(self) -> IntArray:
        """Rows with a place and a label."""
        return np.intersect1d(super().usable, np.flatnonzero(~np.isnan(self.places).any(1)))


class _Contrast(Objective):
    """The loss of a batch of recordings against a caption each and further sentences, and of the classes' scale."""

    def __init__(
        self, config: TrainConfig, targets: Targets, rows: IntArray, *, model: ModelConfig, method: EmotionRankClap
    ) -> None:
        super().__init__(config, targets, rows, n_classes=len(model.classes))
        self.method = method
        self.classes = model.classes
        self.features: dict[str, Tensor] = {}
        self.network: AudioTextNetwork | None = None

    def loss(self, model: EmotionModel, features: Tensor, lengths: Tensor, batch: TargetBatch) -> Tensor:
        """Captions and sentences are drawn from the random numbers of the epoch."""
        network = self.network = audio_text_network(model)
        placed = _placed(self.targets)
        rows = batch.rows.cpu().numpy()
        draws = torch.randint(2**31, (len(rows),)).tolist()
        named = (torch.rand(len(rows)) < self.method.name_share).tolist()
        names = [self.classes[k] if k >= 0 else None for k in batch.labels.tolist()]
        texts = [
            _named(self._text(placed, int(row), draw), name) if name and told else self._text(placed, int(row), draw)
            for row, draw, name, told in zip(rows, draws, names, named, strict=True)
        ]
        sentences = placed.sentences
        further = self._further(sentences, len(rows))
        texts += [sentences.texts[i] for i in further]
        audio = network.embed_audio(features, lengths)
        found = self._contrast(network, audio, texts, placed.places[rows], sentences.places[further])
        known = batch.labels >= 0
        if known.any():
            with torch.no_grad():
                cosines = audio[known] @ network.embed_features(network.prompts).T
            logits = cosines * network.class_log_scale.exp()
            found = found + cross_entropy(logits, batch.labels[known], weights=self.weights)
        return found

    def dev_loss(self, model: EmotionModel, store: FeatureStore, targets: Targets, heads: Heads) -> float:
        """The contrast alone, with the same captions in every epoch and without further sentences.

        Of fewer than two recordings, the usual loss.
        """
        network = audio_text_network(model)
        places = self.method.places(store.corpus)
        rows = np.flatnonzero(~np.isnan(places).any(1))
        if len(rows) < 2:
            return super().dev_loss(model, store, targets, heads)
        audio = torch.as_tensor(embed_recordings(model, store, rows=rows), device=network.prompts.device)
        parts = np.array_split(np.arange(len(rows)), -(-len(rows) // _DEV_ROWS))
        total = 0.0
        for part in parts:
            texts = [self.method.write(float(places[i, 0]), float(places[i, 1]), 7 * int(i)) for i in rows[part]]
            total += len(part) * float(self._contrast(network, audio[part], texts, places[rows[part]], places[:0]))
        return total / len(rows)

    def figures(self) -> dict[str, float]:
        """The temperature of the contrast and the scale of the classes' cosines."""
        if self.network is None:
            return {}
        scale = float(self.network.class_log_scale.detach().exp())
        return {"temperature": float(self.network.temperature.detach()), "class_scale": scale}

    def _text(self, placed: _Placed, row: int, draw: int) -> str:
        own = placed.texts[row]
        if own:
            return own
        valence, arousal = map(float, placed.places[row])
        return self.method.write(valence, arousal, draw % self.method.variants())

    def _further(self, sentences: Sentences, recordings: int) -> list[int]:
        """Which sentences go with a batch, each once."""
        if not len(sentences):
            return []
        count = max(1, round(self.method.sentence_share * recordings))
        return torch.randperm(len(sentences))[:count].tolist()

    def _contrast(
        self, network: AudioTextNetwork, audio: Tensor, texts: Sequence[str], places: FloatArray, further: FloatArray
    ) -> Tensor:
        """Recordings against a caption each and against the sentences that follow.

        Args:
            network: of the model.
            audio: embeddings, (N, E).
            texts: a caption a recording, then M sentences, N + M.
            places: of recordings and captions, (N, 2).
            further: of the sentences, (M, 2).
        """
        new = sorted({text for text in texts if text not in self.features})
        if new:
            self.features.update(zip(new, network.text_features(new), strict=True))
        text = network.embed_features(torch.stack([self.features[t] for t in texts]).to(audio.device))
        method = self.method
        scores = similarities(audio, text, temperature=network.temperature, similarity=method.similarity)  # (N, N + M)
        if method.loss == "clip":
            return clip_loss(scores)
        columns = [_AXES.index(axis) for axis in method.axes]
        everywhere = np.concatenate([places, further])[:, columns]
        if method.loss == "supcon":
            levels = [[level_of(float(value)) for value in row] for row in everywhere]
            found = np.unique(np.asarray(levels), axis=0, return_inverse=True)[1].reshape(-1)
            bins = torch.as_tensor(found, device=scores.device)
            return cross_modal_supervised_contrastive(scores, bins[: len(places)], bins)
        there, here = torch.as_tensor(places[:, columns]), torch.as_tensor(everywhere)
        distances = label_distances(there, here, norm=method.distance).to(scores.device)
        return cross_modal_rank_n_contrast(scores, distances)


def _named(text: str, name: str) -> str:
    return f"{text}, in one word {name}"


def _placed(targets: Targets) -> _Placed:
    if not isinstance(targets, _Placed):
        raise ConfigError("these are not the targets of rankclap; those of its targets() were expected; call it first.")
    return targets
