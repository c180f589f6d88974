"""Augmentation of the last layer's inputs by a generator that keeps information about class and text.

Title: Improving Speech Emotion Recognition with Mutual Information Regularized Generative Model.
Authors: Chung-Soo Ahn, Rajib Rana, Sunil Sivadas, Carlos Busso, Jagath C. Rajapakse. Year: 2025. arXiv: 2510.10078.
Official code: none found. The paper's equations, sizes and settings were not available to us.
Paper: an InfoGAN makes features that go into the last layer; an alignment of audio and text comes first; mutual
information is a regulariser and an indicator of quality; generation works with text, without it, and in pairs.
Reading: every equation below is **our reading**: stage 1 is cross-entropy with InfoNCE, stage 2 a conditional
adversarial network with a Barber-Agakov bound for the class and InfoNCE or MINE for the text, stage 3 trains the last
layer on real and generated features. Without text, a learned null vector stands for it (condition dropout).
Deviations: corpora, encoder and recogniser are ours; the discriminator is told the class, so that without the bounds
this is a conditional GAN; the indicator is taken by fresh critics on samples that they were not fitted on.
Reproduces: theirs, on IEMOCAP, MSP-IMPROV and MSP-Podcast: up to 2.6 points over other augmentation with audio alone,
3.2 with text. Ours, in points of UAR with few recordings of some classes, 10 splits, not comparable: InfoGAN less the
GAN without bounds +0.6 [-1.0, +2.3] on RAVDESS, -1.7 [-3.1, -0.1] on EMO-DB, -0.3 [-1.7, +1.0] on EmoGator; less a
weighted loss alone -5.1, -6.7 and -3.4. The gain did not hold (results/augmentation).
"""

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from affekt.corpora import Corpus
from affekt.encoders import HashedText, PretrainedText
from affekt.errors import ConfigError
from affekt.losses import class_weights
from affekt.models import EmotionModel, Heads, ModelConfig
from affekt.recognition.alignment import align, last_layer, last_layer_dropout, layer_inputs, learns_below
from affekt.recognition.critic import class_information, pair_information
from affekt.recognition.feature_augmentation import Augmenter, Mixup, Noise, Samples, Smote, Training, fill_up
from affekt.recognition.generators import ConditionalVae, FeatureSpace, GeneratorConfig, InfoGan
from affekt.training import FeatureStore, Objective, Prepared, TargetBatch, Targets, TrainConfig, TrainingMethod
from affekt.types import FloatArray, IntArray

__all__ = ["PAPER", "InformationAugmentation", "information_figures"]

PAPER = {
    "title": "Improving Speech Emotion Recognition with Mutual Information Regularized Generative Model",
    "arxiv": "2510.10078",
    "year": 2025,
}
KINDS = ("cvae", "gan", "infogan", "mixup", "noise", "none", "smote")


@dataclass(frozen=True, kw_only=True)
class InformationAugmentation(TrainingMethod):
    """Settings of ``information-augmentation``; see the module."""

    NAME: ClassVar[str] = "information-augmentation"
    DIVISIBLE: ClassVar[bool] = False  # InfoNCE of stage 1 compares the recordings of a batch

    kind: Literal["cvae", "gan", "infogan", "mixup", "noise", "none", "smote"] = "infogan"
    """What makes the features: ``infogan``, with the bounds; ``gan``, the same without them; ``cvae``; ``smote``,
    ``mixup`` and ``noise``, which learn nothing; ``none``, no features are made and the stages stay the same."""
    ratio: float = 1.0
    """Generated features for each real one."""
    balance: bool = True
    """Fill up the smallest classes first; false: as many of each class as its share."""
    text: Literal["generation", "none", "training"] = "generation"
    """Where transcripts are used: to train and to generate; to train alone, with the null vector at generation; or
    nowhere. A corpus in which a training recording has no transcript, or all have the same, is one without."""
    text_encoder: str = ""
    """A folder or hub name of a pretrained text encoder; empty: hashed words and characters."""
    align: bool = True
    """Train what lies below the last layer in a stage of its own, stage 1; without it, it stays as it is."""
    align_epochs: int = 20
    """Epochs of stage 1."""
    align_weight: float = 0.5
    """Weight of InfoNCE between features and text in stage 1, lambda_al; 0 leaves the classifier's loss alone."""
    temperature: float = 0.1
    """That cosine similarities are divided by in stage 1."""
    noise_scale: float = 0.3
    """Of ``noise``: its standard deviation, in standard deviations of each feature."""
    mixup_alpha: float = 0.4
    """Of ``mixup``: both parameters of the beta distribution of the weight."""
    neighbours: int = 5
    """Of ``smote``: how many."""
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    """Of ``infogan``, ``gan`` and ``cvae``."""
    measure: bool = True
    """Estimate the mutual information of what is made with class and text; the history has it."""

    def __post_init__(self) -> None:
        if isinstance(self.generator, dict):  # a table of a settings file
            object.__setattr__(self, "generator", GeneratorConfig(**self.generator))
        for name, known in (("kind", KINDS), ("text", ("generation", "none", "training"))):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"{name} is {getattr(self, name)!r}; one of {', '.join(known)} was expected; choose one of these."
                )
        for name, low, high in (
            ("ratio", 0.0, 1000.0),
            ("align_epochs", 1, 100_000),
            ("align_weight", 0.0, 1e6),
            ("temperature", 1e-4, 1e4),
            ("noise_scale", 0.0, 1e6),
            ("mixup_alpha", 1e-6, 1e6),
            ("neighbours", 1, 100_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a value from {low} to {high} was expected; change it."
                )
        if self.generator.pairs and self.kind not in ("gan", "infogan"):
            raise ConfigError(f"pairs are made by infogan or gan (got kind '{self.kind}'); change one of them.")

    def targets(self, corpus: Corpus, model: ModelConfig, config: TrainConfig) -> Targets:
        """One emotion an utterance.

        Raises:
            ConfigError: something else is to be learned.
            DataError: an emotion is missing.
        """
        if not model.classes or config.target != "hard" or model.attributes or model.intents:
            raise ConfigError(
                f"{self.NAME} makes features of classes (got the target '{config.target}', {len(model.attributes)} "
                f"attributes and {len(model.intents)} intents); hard and none were expected; change them."
            )
        return super().targets(corpus, model, config)

    def augmenter(self) -> Augmenter | None:
        """What makes the features, not fitted yet; None for ``none``."""
        generator = self.generator
        if self.kind == "gan":
            generator = replace(generator, class_weight=0.0, text_weight=0.0, pair_weight=0.0)
        if self.kind in ("gan", "infogan"):
            return InfoGan(generator, with_text=self.text == "generation")
        if self.kind == "cvae":
            return ConditionalVae(generator)
        makers: dict[str, Augmenter] = {
            "mixup": Mixup(alpha=self.mixup_alpha),
            "noise": Noise(scale=self.noise_scale),
            "smote": Smote(neighbours=self.neighbours),
        }
        return makers.get(self.kind)

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
        """Train below the last layer (stage 1), learn to generate (stage 2), and append what is made to the rows.

        Raises:
            ConfigError: the model's last layer is not linear, or what is below it is random and would stay so.
            DataError: pairs are to be made and there are no transcripts.
        """
        last_layer(model)
        texts = self._texts(store.corpus, rows)
        figures = {"texts": 0.0 if texts is None else float(len(np.unique(texts, axis=0)))}
        if self.align and learns_below(model):
            told = texts if self.align_weight else None
            found = align(
                model,
                store,
                targets.labels,
                rows,
                told,
                config=config,
                epochs=self.align_epochs,
                weight=self.align_weight,
                temperature=self.temperature,
                seed=_seed(seed, 1),
            )
            figures |= {f"stage_1_{name}": value for name, value in found[-1].items()}
        elif not self.align and learns_below(model, drawn=True):
            raise ConfigError(
                "align is false and layers below the last one start at random and would stay so; true was expected, or "
                "a head without hidden layer; change one of them."
            )
        classes = len(model.classes)
        training = Training(layer_inputs(model, store, rows), targets.labels[rows], classes, texts)
        made = Samples(training.features[:0], np.empty((0, classes), np.float32))
        augmenter = self.augmenter()
        if augmenter is not None and self.ratio > 0:
            augmenter.fit(training, seed=_seed(seed, 2))
            made = augmenter.sample(self.counts(training), seed=_seed(seed, 3))
            if self.measure:
                figures |= information_figures(augmenter, training, seed=_seed(seed, 4))
        figures["generated"] = float(len(made.features))
        virtual = len(store) + np.arange(len(made.features))
        kept = np.full((len(store), classes), np.nan, np.float32)
        kept[rows] = np.eye(classes, dtype=np.float32)[training.labels]
        united = _Union(
            labels=np.concatenate([targets.labels, made.labels]),
            shares=np.concatenate([kept, made.shares]),
            attributes=np.empty((len(store) + len(made.features), 0)),
            intents=np.full(len(store) + len(made.features), -1, np.int64),
            figures=figures,
            dropout=last_layer_dropout(model),
        )
        vectors = dict(zip([*rows.tolist(), *virtual.tolist()], [*training.features, *made.features], strict=True))
        return Prepared(_Vectors(store, vectors), united, np.concatenate([rows, virtual]))

    def counts(self, training: Training) -> IntArray:
        """How many vectors of each class are made, (K,); none of a class that has no real one."""
        have = np.bincount(training.labels, minlength=training.n_classes)
        there = np.flatnonzero(have)
        total = round(self.ratio * len(training.labels))
        found = np.zeros(training.n_classes, np.int64)
        if self.balance:
            found[there] = fill_up(have[there], total)
        else:
            ends = np.rint(np.cumsum(have[there]) / have.sum() * total).astype(np.int64)
            found[there] = np.diff(ends, prepend=0)
        return found

    def objective(self, targets: Targets, rows: IntArray, config: TrainConfig, model: ModelConfig) -> Objective:
        """The loss of the last layer on real and generated features."""
        if not isinstance(targets, _Union):
            raise ConfigError(f"{self.NAME} learns what it prepared (got other targets); call prepare first.")
        return _LastLayerObjective(config, targets, rows, n_classes=len(model.classes))

    def _texts(self, corpus: Corpus, rows: IntArray) -> FloatArray | None:
        """Text features of the rows, (R, E), if all have a transcript and there are two different ones or more."""
        if self.text == "none" or "text" not in corpus.table.columns:
            return None
        found = corpus.table["text"].gather(rows).to_list()
        if not all(found) or len(set(found)) < 2:
            return None
        distinct = sorted(set(found))
        encoder = PretrainedText(self.text_encoder) if self.text_encoder else HashedText()
        vectors = dict(zip(distinct, encoder.encode(distinct), strict=True))
        return np.stack([vectors[text] for text in found])


def information_figures(
    augmenter: Augmenter, training: Training, *, samples: int = 512, components: int = 48, seed: int
) -> dict[str, float]:
    """What fresh samples of an augmenter show of their information with the class, with the text, and with both, nats.

    Classes are drawn equally often among those that there are. Each bound comes with its ceiling: the entropy of the
    class; for the text and for both, log B of InfoNCE's batches or the entropy of the condition, whichever is lower.

    Args:
        augmenter: fitted.
        training: what it was fitted on.
        samples: how many to draw; each bound is fitted on one half and taken on the other.
        components: principal components of the training vectors in which the samples are judged.
        seed: everything random flows from it.
    """
    there = np.bincount(training.labels, minlength=training.n_classes) > 0
    each = -(-samples // int(there.sum()))
    made = augmenter.sample(np.where(there, each, 0), seed=seed)
    features = FeatureSpace(training.features, components).forward(made.features)
    of_class = class_information(features, made.labels, training.n_classes, seed=seed)
    found = {"mi_class": of_class.nats, "mi_class_ceiling": of_class.ceiling}
    if made.text is None or training.text is None:
        return found
    space = FeatureSpace(training.text, 16)
    if not space.width:
        return found
    texts = space.forward(made.text)
    codes = np.eye(training.n_classes, dtype=np.float32)[made.labels]
    for name, condition in (("text", texts), ("condition", np.concatenate([codes, texts], axis=1))):
        estimate = pair_information(features, condition, critic="bilinear", seed=seed)
        counts = np.unique(condition.round(4), axis=0, return_counts=True)[1] / len(condition)
        found[f"mi_{name}"] = estimate.nats
        found[f"mi_{name}_ceiling"] = min(estimate.ceiling, float(-(counts * np.log(counts)).sum()))
    return found


@dataclass(frozen=True, kw_only=True)
class _Union(Targets):
    """Targets of real and generated rows, and what is noted of how they were made."""

    shares: FloatArray
    figures: dict[str, float]
    dropout: float


class _Vectors(FeatureStore):
    """What the last layer reads, by row: real rows that are trained on, and generated ones beyond the corpus."""

    def __init__(self, store: FeatureStore, vectors: dict[int, FloatArray]) -> None:
        # nothing of the front end is needed any more, so what it would be asked for is not set up
        self.model, self.corpus = store.model, store.corpus
        self._vectors = {row: torch.from_numpy(vector).unsqueeze(0) for row, vector in vectors.items()}  # (1, D)
        self._size = 1 + max([len(store) - 1, *self._vectors])

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, row: int) -> Tensor:
        return self._vectors[row]

    def length(self, row: int) -> int:
        return 1


class _LastLayerObjective(Objective):
    """Cross-entropy of the last layer alone, on vectors instead of front-end features."""

    def __init__(self, config: TrainConfig, targets: _Union, rows: IntArray, *, n_classes: int) -> None:
        super().__init__(config, targets, rows, n_classes=n_classes)
        self.union = targets
        if config.class_weights:
            shares = targets.shares[rows]
            self.weights = class_weights(targets.labels[rows], n_classes)
            if not np.allclose(shares.max(1), 1.0):  # mixed classes count by their shares
                counts = torch.as_tensor(shares.sum(0))
                self.weights = torch.where(counts > 0, counts.sum() / (n_classes * counts.clamp_min(1e-6)), 0.0)

    def loss(self, model: EmotionModel, features: Tensor, lengths: Tensor, batch: TargetBatch) -> Tensor:
        """See :class:`~affekt.training.Objective`; features are (B, 1, D)."""
        vectors = torch.nn.functional.dropout(features.squeeze(1), self.union.dropout, training=model.training)
        logits = last_layer(model)(vectors)
        return self.heads_loss(Heads(logits, logits[:, :0], logits[:, :0]), batch)

    def figures(self) -> dict[str, float]:
        """What was noted when the features were made; the same after every epoch."""
        return dict(self.union.figures)


def _seed(seed: int, purpose: int) -> int:
    return int(np.random.default_rng([seed, 51, purpose]).integers(2**31))
