"""How a model learns from a corpus: what a paper's training method fills in, and what all of them share.

The base class learns from labels alone. A method that learns otherwise (from rankings, from recordings without a
label, from features it makes up) is a subclass whose fields are its settings. A :class:`TrainConfig` carries it, so
fold models, retraining and cross-validation train in the same way, and :func:`affekt.training.fit` asks no method for
its name.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from affekt.corpora import Corpus
from affekt.errors import DataError
from affekt.models import EmotionModel, ModelConfig
from affekt.models.digest import file_digest
from affekt.training.config import TrainConfig
from affekt.training.features import FeatureStore, length_batches
from affekt.training.targets import Objective, Targets, targets_of
from affekt.types import IntArray

__all__ = ["Prepared", "TrainingMethod"]


class Prepared(NamedTuple):
    """What an epoch draws from."""

    store: FeatureStore
    """Items by row; rows beyond the corpus may stand for what the method made of it."""
    targets: Targets
    """Of every row of the store."""
    rows: IntArray
    """Rows that are trained on, ascending."""


@dataclass(frozen=True, kw_only=True)
class TrainingMethod:
    """Learning from labels alone; see the module.

    Everything random comes from the generator or the seed that a hook is given: the same seed, the same weights.
    """

    NAME: ClassVar[str] = "supervised"
    """What the method is called in records."""
    DIVISIBLE: ClassVar[bool] = True
    """Whether a batch may be divided over processes: the loss of one recording does not depend on the others."""

    @property
    def partly(self) -> bool:
        """Whether there may be utterances without a label to learn from."""
        return False

    def files(self) -> dict[str, Path]:
        """Files that settings name and that decide what is learned, by setting; what is in them is part of the run."""
        return {}

    def described_files(self) -> dict[str, dict[str, str]]:
        """Of each of :meth:`files` its path and SHA-256, as records have it.

        Raises:
            DataError: one cannot be read.
        """
        try:
            return {
                name: {"path": str(path.resolve()), "sha256": file_digest(path)} for name, path in self.files().items()
            }
        except OSError as error:
            raise DataError(
                f"{error.filename} cannot be read ({error.strerror}); the file that the method {self.NAME} learns from "
                "was expected; check the path."
            ) from None

    def settle(self, corpus: Corpus, config: TrainConfig) -> tuple[Corpus, TrainConfig]:
        """Called with the whole corpus before it is split, by :func:`affekt.training.train`.

        Returns:
            The corpus, with labels that the method knows and the table does not, without utterances that are of no use
            to it; and the configuration that says so.
        """
        return corpus, config

    def targets(self, corpus: Corpus, model: ModelConfig, config: TrainConfig) -> Targets:
        """What is learned of each utterance of the training side; ``usable`` are the rows to train on.

        Raises:
            DataError: as :func:`~affekt.training.targets_of` does.
        """
        return targets_of(corpus, model, config, partly=self.partly)

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
        """Called once before the first epoch; may add rows to what is trained on, or wrap the store.

        Args:
            model: with fresh weights; what a method learns before the first epoch goes into it.
            store: front-end features of the training corpus.
            targets: from :meth:`targets`.
            rows: what is trained on, without what is held out; no other row may be read.
            config: settings of the run.
            seed: of the run.
        """
        return Prepared(store, targets, rows)

    def steps(self, targets: Targets, rows: IntArray, config: TrainConfig) -> int:
        """Batches an epoch."""
        return math.ceil(len(rows) / config.batch_size)

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
        """The rows of each batch of an epoch.

        Args:
            epoch: counted from 0.
            targets: of every row of the store.
            rows: what is trained on.
            lengths: frames of each of ``rows``.
            config: settings of the run.
            generator: of this epoch.
        """
        for batch in length_batches(lengths, batch_size=config.batch_size, generator=generator):
            yield rows[batch]

    def objective(self, targets: Targets, rows: IntArray, config: TrainConfig, model: ModelConfig) -> Objective:
        """The loss.

        Args:
            targets: of every row of the store.
            rows: what is trained on; class weights are counted there.
            config: settings of the run.
            model: what the model is.
        """
        return Objective(config, targets, rows, n_classes=len(model.classes))
