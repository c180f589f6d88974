"""Which utterances keep their labels, batches of them, and their loss: what learning from few labels starts from.

Ours, not a paper's. An utterance's name decides whether its label is kept, so a model that is trained again without a
person knows the same labels of the others.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.metrics import JointLabels, jrbm, uar
from affekt.models import EmotionModel, Heads
from affekt.training import FeatureStore, Objective, TrainConfig
from affekt.training.targets import Targets
from affekt.types import IntArray

__all__ = ["LabelledObjective", "cycled", "labelled_among", "labelled_rows", "marked_rows"]

_TRUE = ("1", "true", "yes")
_FALSE = ("0", "false", "no")


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


def marked_rows(corpus: Corpus, column: str) -> IntArray:
    """Rows that a column marks as labelled, ascending.

    Raises:
        ConfigError: there is no such column.
        DataError: a cell is neither true nor false.
    """
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
