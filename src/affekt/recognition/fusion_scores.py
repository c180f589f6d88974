"""Scores of fused models: UAR of emotions and of intents, JRBM, and paired differences, by speaker."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from affekt.corpora import Corpus
from affekt.metrics import (
    Interval,
    JointLabels,
    bootstrap,
    bootstrap_difference,
    jrbm,
    jrbm_difference,
    jrbm_interval,
)
from affekt.metrics.joint import Average
from affekt.recognition.fusion import FusedHeads
from affekt.training.head_scores import speaker_clusters
from affekt.training.intent_scores import indices_of
from affekt.types import IntArray

__all__ = ["FusionScore", "FusionTruth"]


@dataclass(frozen=True, kw_only=True)
class FusionScore:
    """Scores of a model or of a fusion, or differences of two of them; shares and JRBM are from 0 to 1.

    Where the models tell no intents, all but the first are None.
    """

    emotion_uar: Interval
    """Over the utterances with an emotion."""
    intent_uar: Interval | None = None
    """Over the utterances with an intent."""
    jrbm_weighted: Interval | None = None
    """JRBM of weighted F1, over the utterances with both."""
    jrbm_micro: Interval | None = None
    """JRBM of micro F1, over the same."""


class FusionTruth(NamedTuple):
    """Labels of N utterances, with what is needed to score what somebody says of them."""

    emotions: IntArray
    """Class indices, (N,); -1 where there is none."""
    intents: IntArray
    """Indices of intents, (N,); -1 where there is none."""
    speakers: tuple[str | None, ...]
    """(N,)."""
    sizes: tuple[int, int]
    """K emotions and I intents; I is 0 for models that tell none."""

    @classmethod
    def of(cls, corpus: Corpus, *, classes: tuple[str, ...], intents: tuple[str, ...]) -> "FusionTruth":
        """The labels of a corpus in the words of the models."""
        return cls(
            emotions=indices_of(corpus, "emotion", classes),
            intents=indices_of(corpus, "intent", intents),
            speakers=tuple(corpus.table["speaker"].to_list()),
            sizes=(len(classes), len(intents)),
        )

    @property
    def both(self) -> IntArray:
        """Rows with an emotion, and an intent if the models tell intents."""
        told = self.intents >= 0 if self.sizes[1] else np.ones(len(self.emotions), np.bool_)
        return np.flatnonzero((self.emotions >= 0) & told)

    def score(self, said: FusedHeads, *, resamples: int, seed: int) -> FusionScore:
        """Scores of probabilities, with intervals from resampling speakers where they are known.

        Args:
            said: probabilities of the N utterances.
            resamples: bootstrap resamples.
            seed: of the resampling.
        """

        def share(truth: IntArray, guess: IntArray) -> Interval:
            rows = np.flatnonzero(truth >= 0)
            return bootstrap("uar", truth[rows], guess[rows], **self._drawn(rows, resamples, seed))

        def joint(average: Average) -> Interval:
            drawn = self._drawn(self.both, resamples, seed)
            return jrbm_interval(self._joint(), self._joint(said), average=average, **self._joint_sizes, **drawn)

        emotions = share(self.emotions, said.emotions.argmax(1))
        if not self.sizes[1]:
            return FusionScore(emotion_uar=emotions)
        return FusionScore(
            emotion_uar=emotions,
            intent_uar=share(self.intents, said.intents.argmax(1)),
            jrbm_weighted=joint("weighted"),
            jrbm_micro=joint("micro"),
        )

    def difference(self, first: FusedHeads, second: FusedHeads, *, resamples: int, seed: int) -> FusionScore:
        """Scores of the first less those of the second, on the same utterances, resampled together.

        Args:
            first: probabilities of the N utterances.
            second: of the same.
            resamples: bootstrap resamples.
            seed: of the resampling.
        """

        def share(truth: IntArray, one: IntArray, two: IntArray) -> Interval:
            rows = np.flatnonzero(truth >= 0)
            drawn = self._drawn(rows, resamples, seed)
            return bootstrap_difference("uar", truth[rows], one[rows], two[rows], **drawn)

        def joint(average: Average) -> Interval:
            drawn = self._drawn(self.both, resamples, seed)
            one, two = self._joint(first), self._joint(second)
            return jrbm_difference(self._joint(), one, two, average=average, **self._joint_sizes, **drawn)

        emotions = share(self.emotions, first.emotions.argmax(1), second.emotions.argmax(1))
        if not self.sizes[1]:
            return FusionScore(emotion_uar=emotions)
        return FusionScore(
            emotion_uar=emotions,
            intent_uar=share(self.intents, first.intents.argmax(1), second.intents.argmax(1)),
            jrbm_weighted=joint("weighted"),
            jrbm_micro=joint("micro"),
        )

    def chance(self) -> dict[str, float | None]:
        """By the names of :class:`FusionScore`: UAR of guessing; JRBM of always naming what is most frequent."""
        found: dict[str, float | None] = {"emotion_uar": 1.0 / len(np.unique(self.emotions[self.emotions >= 0]))}
        if not self.sizes[1]:
            return {**found, "intent_uar": None, "jrbm_weighted": None, "jrbm_micro": None}
        truth = self._joint()
        often = JointLabels(*(np.full(len(self.both), np.bincount(labels).argmax()) for labels in truth))
        found["intent_uar"] = 1.0 / len(np.unique(self.intents[self.intents >= 0]))
        found["jrbm_weighted"] = jrbm(truth, often, average="weighted", **self._joint_sizes)
        found["jrbm_micro"] = jrbm(truth, often, average="micro", **self._joint_sizes)
        return found

    def _joint(self, said: FusedHeads | None = None) -> JointLabels:
        """Labels of the rows with both: the true ones, or those that somebody says."""
        labels = (self.emotions, self.intents) if said is None else said.labels()
        return JointLabels(*(np.asarray(one)[self.both] for one in labels))

    def _drawn(self, rows: IntArray, resamples: int, seed: int) -> dict[str, Any]:
        clusters = speaker_clusters([self.speakers[row] for row in rows])
        return {"clusters": clusters, "resamples": resamples, "seed": seed}

    @property
    def _joint_sizes(self) -> dict[str, Any]:
        return {"n_emotions": self.sizes[0], "n_intents": self.sizes[1]}
