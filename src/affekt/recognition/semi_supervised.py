"""Emotion and intent from few labels: FixMatch and FullMatch for each head of a multi-task model.

Title: End-to-end Acoustic-linguistic Emotion and Intent Recognition Enhanced by Semi-supervised Learning.
Authors: Zhao Ren, Rathi Adarshi Rammohan, Kevin Scheck, Sheng Li, Tanja Schultz. Year: 2025. arXiv: 2507.07806.
Official code: none. Of FullMatch, megvii-research/FullMatch (Apache-2.0), facts only were used.
Paper: an acoustic and a linguistic network, each with a head for emotions and one for intents, trained with labels,
with FixMatch (arXiv 2001.07685) and with FullMatch (arXiv 2303.11066), which are compared; the best of both kinds are
fused late, which beats the acoustic and the linguistic baseline by 12.3 % and 10.4 % in JRBM.
Reading: everything the abstract does not say is **our reading**: the loss is the sum over the heads, each with its own
mask and its own k; both views of an utterance go through the network in one batch with the labelled ones; which views
are made is in :mod:`affekt.recognition.views`; the two weights of the fusion are found on development data
(:mod:`affekt.recognition.fusion`).
Deviations: the unlabelled stream holds the labelled utterances too; AdamW with a cosine instead of SGD with momentum;
batches are small; FixMatch's moving average is an optional teacher for the weak views and not what is evaluated.
Reproduces: the fusion's gain in JRBM, theirs 12.3 % and 10.4 %, on a synthetic corpus only: 0.083 over sound and 0.195
over text with 10 % of the labels, 3 seeds, results/few-labels/builtin-intents. That SSL improves both modalities was
mostly not so in our measurements, see docs/methods/semi_supervised.md. No other number was available to us.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError, ShapeError
from affekt.losses import FullMatchTerms, fixmatch_loss, fullmatch_terms, pseudo_labels
from affekt.models import EmotionModel, Heads, ModelConfig, RidgeNetwork
from affekt.recognition.few_labels import LabelledObjective, cycled, labelled_among, labelled_rows, marked_rows
from affekt.recognition.views import STRONG, WEAK, ViewConfig, ViewStore
from affekt.training import FeatureStore, Objective, Prepared, TargetBatch, TrainConfig, TrainingMethod
from affekt.training.targets import Targets
from affekt.types import FloatArray, IntArray

__all__ = ["PAPER", "FewLabels", "FixMatch", "FullMatch", "SemiSupervisedObjective"]

PAPER = {
    "title": "End-to-end Acoustic-linguistic Emotion and Intent Recognition Enhanced by Semi-supervised Learning",
    "arxiv": "2507.07806",
    "year": 2025,
}


@dataclass(frozen=True, kw_only=True)
class FewLabels(TrainingMethod):
    """Supervised learning from some of the labels, which the others are compared with; utterances without a label are
    never looked at."""

    NAME: ClassVar[str] = "few-labels"

    labelled: float = 1.0
    """Share of the utterances that keep their labels, of those that have any. Which ones depends on their names and
    ``label_seed`` alone, but every emotion and every intent keeps one at least."""
    labelled_column: str = ""
    """Column that says instead which utterances keep their labels: true or false, yes or no, 1 or 0."""
    label_seed: int = 0
    """Decides which utterances keep their labels."""
    select: Literal["loss", "score"] = "loss"
    """What decides which epoch is best on the development speakers, who are labelled: the loss; or the score, which is
    JRBM with weighted F1 for emotions and intents, and UAR for one of them."""

    def __post_init__(self) -> None:
        if not 0.0 < self.labelled <= 1.0:
            raise ConfigError(f"labelled is {self.labelled}; a share above 0 to 1 was expected; change it.")
        if self.select not in ("loss", "score"):
            raise ConfigError(f"select is {self.select!r}; loss or score was expected; choose one.")

    def targets(self, corpus: Corpus, model: ModelConfig, config: TrainConfig) -> Targets:
        """Targets of the labelled utterances; the others have none.

        Raises:
            ConfigError: the target is not hard, or no column says which utterances are labelled.
            DataError: no utterance keeps its labels, or one of them has an unknown emotion.
        """
        if config.target != "hard":
            raise ConfigError(
                f"target is '{config.target}'; hard was expected, as this method learns one emotion an utterance; "
                "change it."
            )
        chosen = self._chosen(corpus, model)
        if not len(chosen):
            raise DataError(
                f"no utterance of corpus '{corpus.name}' keeps a label (got {len(corpus)} utterances); at least one "
                "was expected; label some."
            )
        known = super().targets(corpus.select(chosen), model, config)
        size = len(corpus)

        def spread(values: IntArray) -> IntArray:
            found = np.full(size, -1, np.int64)
            found[chosen] = values
            return found

        attributes: FloatArray = np.full((size, known.attributes.shape[1]), np.nan)
        attributes[chosen] = known.attributes
        return Targets(labels=spread(known.labels), shares=None, attributes=attributes, intents=spread(known.intents))

    def steps(self, targets: Targets, rows: IntArray, config: TrainConfig) -> int:
        """As many as one pass over the whole corpus, labelled or not, has."""
        return math.ceil(len(targets.labels) / config.batch_size)

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
        """Batches of labelled utterances, each in turn before any comes again."""
        own = labelled_among(targets, rows)
        yield from cycled(own, config.batch_size, self.steps(targets, rows, config), generator)

    def objective(self, targets: Targets, rows: IntArray, config: TrainConfig, model: ModelConfig) -> Objective:
        """The supervised loss; the epoch is chosen as ``select`` says."""
        return LabelledObjective(config, targets, rows, n_classes=len(model.classes), select=self.select)

    def _chosen(self, corpus: Corpus, model: ModelConfig) -> IntArray:
        """Rows that keep their labels, ascending."""
        if self.labelled_column:
            return marked_rows(corpus, self.labelled_column)
        columns = ([corpus.emotions] if model.classes else []) + (
            [corpus.table["intent"].to_list()] if model.intents else []
        )
        return labelled_rows(corpus.table["utterance"].to_list(), columns, fraction=self.labelled, seed=self.label_seed)


@dataclass(frozen=True, kw_only=True)
class FixMatch(FewLabels):
    """Labels for some utterances; for all, the strong view follows what the model is sure of in the weak view."""

    NAME: ClassVar[str] = "fixmatch"
    DIVISIBLE: ClassVar[bool] = False

    mu: int = 7
    """Utterances without labels a step, for each labelled one (section 2.2 of FixMatch: 7)."""
    threshold: float = 0.95
    """Least probability of a label that the strong view learns (FixMatch: 0.95)."""
    weight: float = 1.0
    """Weight of the loss of utterances without labels (FixMatch: 1)."""
    ema: float = 0.0
    """Decay a step of a moving average of the weights that looks at the weak views instead of the model itself; 0: the
    model itself does."""
    views: ViewConfig = field(default_factory=ViewConfig)
    """How views are made."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.views, dict):  # from a file
            object.__setattr__(self, "views", ViewConfig(**self.views))
        if self.mu < 1:
            raise ConfigError(f"mu is {self.mu}; 1 or more was expected; change it.")
        for name, high in (("threshold", 1.0), ("weight", 1e6), ("ema", 0.9999)):
            if not 0.0 <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a value from 0 to {high:g} was expected; change it."
                )

    def targets(self, corpus: Corpus, model: ModelConfig, config: TrainConfig) -> Targets:
        """Targets of the labelled utterances; the others have none and are trained on nevertheless."""
        if model.attributes:
            raise ConfigError(
                f"{self.NAME} learns classes (got the attributes {', '.join(model.attributes)}); none were expected; "
                "leave them out."
            )
        return _Partly.of(super().targets(corpus, model, config))

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
        """The same rows, with their views beside them in the store.

        Raises:
            ConfigError: the head is solved, which no view can take part in.
        """
        if isinstance(model.network, RidgeNetwork):
            raise ConfigError(
                f"{self.NAME} takes steps and the head of ridge is solved at once; a head that is trained was "
                "expected; choose the family encoder, or the method few-labels."
            )
        labelled_among(targets, rows)  # raises where there are none
        return Prepared(ViewStore(store, self.views), targets, rows)

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
        """Labelled rows, then the weak and then the strong views of all kinds of rows."""
        steps = self.steps(targets, rows, config)
        size = len(targets.labels)
        labelled = cycled(labelled_among(targets, rows), config.batch_size, steps, generator)
        others = cycled(rows, self.mu * config.batch_size, steps, generator)
        for own, more in zip(labelled, others, strict=True):
            yield np.concatenate([own, WEAK * size + more, STRONG * size + more])

    def objective(self, targets: Targets, rows: IntArray, config: TrainConfig, model: ModelConfig) -> Objective:
        """Supervised loss of the labelled rows and FixMatch's of the others."""
        return SemiSupervisedObjective(config, targets, rows, model=model, method=self)

    def unlabelled(self, strong: Tensor, weak: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Loss of one head on views without labels, and what is noted of it.

        Args:
            strong: logits of the strong views, (n, C).
            weak: logits of the weak views, (n, C).
        """
        found = fixmatch_loss(strong, weak, threshold=self.threshold)
        confident = pseudo_labels(weak, threshold=self.threshold).confident
        return self.weight * found, {"mask_rate": float(confident.double().mean())}


@dataclass(frozen=True, kw_only=True)
class FullMatch(FixMatch):
    """FixMatch, and classes that are certainly wrong (adaptive negative learning) or equally unlikely (entropy meaning
    loss) for utterances that the model is not sure of."""

    NAME: ClassVar[str] = "fullmatch"

    negative: bool = True
    """Adaptive negative learning."""
    meaning: bool = True
    """Entropy meaning loss."""
    detach_soft_target: bool = False
    """Let no gradient flow through the share of the remaining classes; with k = 2 the entropy meaning loss then has no
    gradient at all."""
    warm_epochs: int = 0
    """First epochs that are FixMatch alone."""

    def unlabelled(self, strong: Tensor, weak: Tensor) -> tuple[Tensor, dict[str, float]]:
        """As :meth:`FixMatch.unlabelled`, with FullMatch's terms and k."""
        terms: FullMatchTerms = fullmatch_terms(
            strong, weak, threshold=self.threshold, detach_soft_target=self.detach_soft_target
        )
        loss = self.weight * terms.fixmatch
        loss = loss + terms.negative if self.negative else loss
        loss = loss + terms.meaning if self.meaning else loss
        return loss, {"mask_rate": terms.mask_rate, "k": float(terms.k), "negatives": terms.negatives}


class SemiSupervisedObjective(LabelledObjective):
    """Supervised loss of labelled rows plus a method's loss of weak and strong views, summed over the heads.

    Args:
        config, targets, rows: as :class:`affekt.training.Objective`.
        model: what the model is.
        method: whose loss views have.
    """

    def __init__(
        self, config: TrainConfig, targets: Targets, rows: IntArray, *, model: ModelConfig, method: FixMatch
    ) -> None:
        super().__init__(config, targets, rows, n_classes=len(model.classes), select=method.select)
        self.method = method
        self.size = len(targets.labels)
        self.teacher: dict[str, Tensor] = {}
        self._warm = False
        self._noted: dict[str, list[float]] = {}

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """See whether this is one of the epochs of FixMatch alone."""
        self._warm = isinstance(self.method, FullMatch) and epoch < self.method.warm_epochs

    def loss(self, model: EmotionModel, features: Tensor, lengths: Tensor, batch: TargetBatch) -> Tensor:
        """Labelled rows by their labels, the others by their views; one forward for all of them."""
        role = batch.rows // self.size
        own, weak_rows, strong_rows = (torch.nonzero(role == kind).flatten() for kind in (0, WEAK, STRONG))
        if not torch.equal(batch.rows[weak_rows] % self.size, batch.rows[strong_rows] % self.size):
            raise ShapeError(
                f"the batch has {len(weak_rows)} weak and {len(strong_rows)} strong views that do not match; views of "
                "the same utterances in the same order were expected; train on one process."
            )
        heads = model.heads(features, lengths)
        supervised = self.heads_loss(_taken(heads, own), _rows_of(batch, own))
        weak = _taken(heads, weak_rows)
        if self.method.ema:
            weak = self._taught(model, features[weak_rows], lengths[weak_rows])
        strong = _taken(heads, strong_rows)
        method = self.method
        if self._warm and isinstance(method, FullMatch):
            method = replace(method, negative=False, meaning=False)
        total = supervised
        for name, factor, far, near in (
            ("emotion", 1.0, strong.logits, weak.logits),
            ("intent", self.config.intent_weight, strong.intents, weak.intents),
        ):
            if far.shape[1]:
                found, notes = method.unlabelled(far, near.detach())
                total = total + factor * found
                for key, value in notes.items():
                    self._noted.setdefault(f"{key}_{name}", []).append(value)
        self._noted.setdefault("supervised_loss", []).append(float(supervised.detach()))
        return total

    def figures(self) -> dict[str, float]:
        """Means over the steps of the epoch: the supervised loss; mask rate, k and negatives of each head."""
        found = {name: float(np.mean(values)) for name, values in sorted(self._noted.items())}
        self._noted = {}
        return found

    def state(self) -> dict[str, Tensor]:
        """The teacher's weights, where there is one."""
        return {name: tensor.cpu().clone() for name, tensor in self.teacher.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take the teacher's weights up again."""
        self.teacher = dict(state)

    def _taught(self, model: EmotionModel, features: Tensor, lengths: Tensor) -> Heads:
        """What the moving average of the weights says, without dropout; the weights as they are now join it first."""
        learned = {name: value for name, value in model.named_parameters() if value.requires_grad}
        with torch.no_grad():
            for name, value in learned.items():
                before = self.teacher.get(name, value).to(value.device)
                self.teacher[name] = torch.lerp(value.detach(), before, self.method.ema)
            model.eval()
            apply = _Heads(model)
            weights: dict[str, Any] = {f"model.{name}": value for name, value in self.teacher.items()}
            heads: Heads = torch.func.functional_call(apply, weights, (features, lengths))
            model.train()
        return heads


class _Heads(nn.Module):
    """The learned part as a module, so that it can be called with other weights."""

    def __init__(self, model: EmotionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, lengths: Tensor) -> Heads:
        return self.model.heads(features, lengths)


class _Partly(Targets):
    """Targets where rows without labels are trained on, too; rows of views are those of their utterance, unlabelled."""

    @classmethod
    def of(cls, targets: Targets) -> "_Partly":
        return cls(labels=targets.labels, shares=targets.shares, attributes=targets.attributes, intents=targets.intents)

    @property
    def usable(self) -> IntArray:
        """All rows, in order."""
        return np.arange(len(self.labels))

    def batch(self, rows: IntArray, device: torch.device | None = None) -> TargetBatch:
        """The targets of rows of a store with views; views have none."""
        size = len(self.labels)
        found = super().batch(rows % size, device)
        own = torch.as_tensor(rows < size, device=device)
        return found._replace(
            labels=torch.where(own, found.labels, -1),
            intents=torch.where(own, found.intents, -1),
            rows=torch.as_tensor(rows, device=device),
        )


def _taken(heads: Heads, rows: Tensor) -> Heads:
    return Heads(*(part[rows] for part in heads))


def _rows_of(batch: TargetBatch, rows: Tensor) -> TargetBatch:
    return batch._replace(
        labels=batch.labels[rows],
        attributes=batch.attributes[rows],
        intents=batch.intents[rows],
        rows=batch.rows[rows],
    )
