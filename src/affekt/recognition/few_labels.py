"""Learning from the labelled part of a corpus alone: what methods that use the rest are compared with.

Ours, not a paper's: which utterances keep their labels, and steps that are as many as a pass over the whole corpus
would have, so that all methods of :mod:`affekt.recognition.semi_supervised` take the same number of steps with the
same number of labels each.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.metrics import JointLabels, jrbm, uar
from affekt.models import EmotionModel, Heads, ModelConfig
from affekt.training import FeatureStore, Objective, TrainConfig, TrainingMethod
from affekt.training.targets import Targets
from affekt.types import FloatArray, IntArray

__all__ = ["FewLabels", "LabelledObjective", "cycled", "labelled_among", "labelled_rows"]

_TRUE = ("1", "true", "yes")
_FALSE = ("0", "false", "no")


@dataclass(frozen=True, kw_only=True)
class FewLabels(TrainingMethod):
    """Supervised learning from some of the labels; utterances without an emotion are never looked at."""

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
            return _marked(corpus, self.labelled_column)
        columns = ([corpus.emotions] if model.classes else []) + (
            [corpus.table["intent"].to_list()] if model.intents else []
        )
        return labelled_rows(corpus.table["utterance"].to_list(), columns, fraction=self.labelled, seed=self.label_seed)


class LabelledObjective(Objective):
    """The supervised loss of rows that have labels, and another choice of the best epoch.

    Args:
        config, targets, n_classes: as :class:`affekt.training.Objective`.
        rows: what is trained on; class weights are counted in the labelled ones.
        select: ``loss`` or ``score``.
    """

    def __init__(
        self, config: TrainConfig, targets: Targets, rows: IntArray, *, n_classes: int, select: str = "loss"
    ) -> None:
        own = labelled_among(targets, rows)
        super().__init__(config, targets, own[targets.labels[own] >= 0], n_classes=n_classes)
        self.select = select

    def dev_loss(self, model: EmotionModel, store: FeatureStore, targets: Targets, heads: Heads) -> float:
        """The loss, or minus the score."""
        if self.select == "loss":
            return super().dev_loss(model, store, targets, heads)
        emotions = heads.logits.argmax(1).numpy() if heads.logits.shape[1] else None
        intents = heads.intents.argmax(1).numpy() if heads.intents.shape[1] else None
        both = (targets.labels >= 0) & (targets.intents >= 0)
        if emotions is not None and intents is not None and both.any():
            return -jrbm(
                JointLabels(targets.labels[both], targets.intents[both]),
                JointLabels(emotions[both], intents[both]),
                n_emotions=heads.logits.shape[1],
                n_intents=heads.intents.shape[1],
            )
        truth, said = (targets.labels, emotions) if emotions is not None else (targets.intents, intents)
        if said is None or not (truth >= 0).any():
            raise ConfigError(
                "select is 'score' and the development speakers have nothing to score; emotions or intents were "
                "expected; choose loss."
            )
        return -uar(truth[truth >= 0], said[truth >= 0])


def labelled_rows(
    utterances: Sequence[str], columns: Sequence[Sequence[str | None]], *, fraction: float, seed: int
) -> IntArray:
    """Rows that keep their labels, ascending.

    Each utterance draws a number in [0, 1) from its name and the seed and keeps its labels if it is below the fraction,
    so it does not matter which others there are. Beyond these, the lowest number of each class of each column keeps its
    labels. Utterances without a label in any column are never among them.

    Args:
        utterances: names, N of them.
        columns: labels, None where there is none, N a column.
        fraction: share, in (0, 1].
        seed: another seed chooses others.
    """
    numbers = np.array([_number(name, seed) for name in utterances])
    has = np.zeros(len(numbers), np.bool_)
    keeps = numbers < fraction
    for column in columns:
        there = np.array([label is not None for label in column], np.bool_)
        has |= there
        for label in sorted({label for label in column if label is not None}):
            rows = np.flatnonzero([other == label for other in column])
            keeps[rows[numbers[rows].argmin()]] = True
    return np.flatnonzero(keeps & has)


def labelled_among(targets: Targets, rows: IntArray) -> IntArray:
    """Which of some rows have a label.

    Raises:
        DataError: none has.
    """
    known = (targets.labels >= 0) | (targets.intents >= 0)
    found: IntArray = rows[known[rows]]
    if not len(found):
        raise DataError(
            f"none of the {len(rows)} utterances that are left to train on has a label; at least one was expected; "
            "raise labelled, or lower heldout_fraction."
        )
    return found


def cycled(rows: IntArray, size: int, steps: int, generator: np.random.Generator) -> Iterator[IntArray]:
    """Batches of ``size`` rows: all rows in random order, then all again in another, as often as it takes."""
    passes = math.ceil(size * steps / len(rows))
    order = np.concatenate([generator.permutation(rows) for _ in range(passes)])
    for step in range(steps):
        yield order[step * size : (step + 1) * size]


def _number(name: str, seed: int) -> float:
    digest = hashlib.sha256(f"labelled|{seed}|{name}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _marked(corpus: Corpus, column: str) -> IntArray:
    if column not in corpus.table.columns:
        raise ConfigError(
            f"corpus '{corpus.name}' has no column '{column}', which says what is labelled; one of "
            f"{', '.join(corpus.table.columns)} was expected; correct labelled_column."
        )
    values = [str(value).casefold() for value in corpus.table[column].to_list()]
    for row, value in enumerate(values):
        if value not in (*_TRUE, *_FALSE):
            raise DataError(
                f"'{column}' of utterance '{corpus.table['utterance'][row]}' is '{value}'; true or false was expected; "
                "correct the cell."
            )
    return np.flatnonzero([value in _TRUE for value in values])
