"""Listwise preference learning: a score that orders recordings, from lists, with local and non-local comparisons.

Title: RankList: A Listwise Preference Learning Framework for Predicting Subjective Preferences.
Authors: Abinay Reddy Naini, Fernando Diaz, Carlos Busso. Year: 2025. arXiv: 2508.09826.
Official code: none found. The paper's equations and settings were not available to us.
Paper: RankNet generalised to lists, by explicit local and non-local constraints in a probabilistic framework, a
log-sum-exp approximation that makes training efficient, and skip-wise comparisons that show ever more of a list;
measured by Kendall's tau and ranking accuracy on speech and on images, beside RankNet, ListNet and ListMLE.
Reading: the terms, the sets of constraints and their weights are **ours**, in :mod:`affekt.losses.ranking`; so are
the growth of the skip over the first half of the epochs, ties being no constraint, lists from raters' grades, levels
from preferences (:mod:`affekt.corpora.preferences`), and the choice of the epoch by RankNet's loss on the development
speakers.
Deviations: a frozen encoder with a small head where the authors train WavLM; one score a model is read as levels, too,
so that what needs classes works; that reading learns from a detached score and never changes the order.
Reproduces: the paper's own numbers were not available to us; a later paper of its laboratory gives, on MSP-Podcast, the
share of pairs in the right order: .808, .813 and .767 for arousal, valence and dominance (RankNet .792, .806, .753).
Ours, on RAVDESS, 5 seeds, not comparable: .841 for intensity (RankNet .841) and .832 for arousal by a rule (RankNet
.834, and .825 of as many recordings). That lists beat RankNet did not hold with as many comparisons (results/ranking).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import polars as pl
import torch
from torch import Tensor

from affekt.corpora import Corpus
from affekt.corpora.preferences import LEVELS, read_preferences, with_preference_levels
from affekt.errors import ConfigError, DataError
from affekt.losses import RankingForm, RankingLoss, ranking_loss
from affekt.metrics import kendall_tau
from affekt.models import ATTRIBUTES, EmotionModel, Heads, ModelConfig
from affekt.preference.lists import LabelLists, ListSampler, PreferenceLists, grade_counts, rows_of
from affekt.preference.ordering import predict_scores, ranker_network
from affekt.training import FeatureStore, Objective, TargetBatch, Targets, TrainConfig, TrainingMethod, targets_of
from affekt.types import FloatArray, IntArray

__all__ = ["PAPER", "RankList", "skip_at"]

PAPER = {
    "title": "RankList: A Listwise Preference Learning Framework for Predicting Subjective Preferences",
    "arxiv": "2508.09826",
    "year": 2025,
}

_DEV_ROWS = 1500
"""Development utterances that are compared with each other after an epoch, at most."""


@dataclass(frozen=True, kw_only=True)
class RankTargets(Targets):
    """Targets of a corpus, and what its utterances are ordered by."""

    values: FloatArray
    """What the order by the label follows, larger is more preferred, (N,); NaN is unknown."""
    sampler: ListSampler
    """Where lists come from."""
    ordered: bool
    """Whether lists come in order (preferences) and ``values`` is not asked."""
    listed: IntArray
    """Rows that can stand in a list."""

    @property
    def usable(self) -> IntArray:
        """Rows that can stand in a list."""
        return self.listed


@dataclass(frozen=True, kw_only=True)
class RankList(TrainingMethod):
    """Learn a score that orders; see the module. Only for models of the family ranker."""

    NAME: ClassVar[str] = "ranklist"
    DIVISIBLE: ClassVar[bool] = False

    loss: RankingLoss = "ranklist"
    """ranklist, or one of the baselines ranknet, listnet and listmle; see :mod:`affekt.losses.ranking`."""
    form: RankingForm = "sum"
    """How RankList adds up its constraints: sum, lse (log-sum-exp) or anchor."""
    skip: int = 0
    """RankList compares items up to this many places apart in a sorted list; 0: all."""
    balanced: bool = False
    """With the form sum: every number of places apart counts the mean of its comparisons, not their sum."""
    curriculum: Literal["doubling", "linear", "none"] = "none"
    """Whether the skip grows from 1 to its value over the first half of the epochs: by steps of one, or doubling."""
    size: int = 8
    """Recordings of a list; 2 makes pairs."""
    lists: int = 8
    """Lists of a step."""
    margin: float = 0.0
    """Least difference in label between any two recordings of a list; with ``votes``, of the shares of raters."""
    within: str = ""
    """Column whose value all recordings of a list share, such as speaker; empty: any recordings."""
    votes: bool = False
    """Tell recordings apart by their raters' grades instead of the mean label."""
    preferences: str = ""
    """File of pairs or lists that people put in order, see :func:`affekt.corpora.preferences.read_preferences`; it
    decides the order in place of the label, and where there is no label the levels, too."""

    def __post_init__(self) -> None:
        if self.loss not in ("listmle", "listnet", "ranklist", "ranknet"):
            raise ConfigError(
                f"loss is {self.loss!r}; listmle, listnet, ranklist or ranknet was expected; choose one of these."
            )
        if self.form not in ("anchor", "lse", "sum") or self.curriculum not in ("doubling", "linear", "none"):
            raise ConfigError(
                f"form is {self.form!r} and curriculum {self.curriculum!r}; anchor, lse or sum, and doubling, linear "
                "or none, were expected; choose one of these."
            )
        for name, low, high in (("skip", 0, 100_000), ("size", 2, 100_000), ("lists", 1, 100_000)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a value from {low} to {high} was expected; change it."
                )
        if not 0.0 <= self.margin < math.inf:
            raise ConfigError(f"margin is {self.margin}; 0 or more was expected; change it.")
        if self.balanced and self.form != "sum":
            raise ConfigError(f"balanced is for the form sum (got {self.form}); sum was expected; change one of them.")
        if self.preferences and (self.votes or self.margin or self.within):
            raise ConfigError(
                "preferences are given with votes, a margin or within, which choose pairs by labels; one of the two "
                "was expected; leave the others out."
            )

    @property
    def partly(self) -> bool:
        """Preferences order utterances whose level nobody knows."""
        return bool(self.preferences)

    def files(self) -> dict[str, Path]:
        """The file of preferences."""
        return {"preferences": Path(self.preferences)} if self.preferences else {}

    def settle(self, corpus: Corpus, config: TrainConfig) -> tuple[Corpus, TrainConfig]:
        """Take the levels from the preferences where the label is to be ``preference``, or the corpus has no emotion.

        Utterances that nobody compared are left out then. See :mod:`affekt.corpora.preferences` for the levels.

        Raises:
            DataError: the file cannot be read, or does not tell the utterances of the corpus apart.
        """
        bare = config.label == "emotion" and corpus.table["emotion"].is_null().all()
        if not self.preferences or not (bare or config.label == "preference"):
            return corpus, config
        corpus = with_preference_levels(corpus, self.preferences)
        corpus = corpus.select(pl.col("preference").is_not_null())
        if corpus.table["preference"].n_unique() < 2:
            raise DataError(
                f"the preferences in {self.preferences} give {len(corpus)} utterances of corpus '{corpus.name}' no two "
                "levels; some preferred to others were expected; check the names of the utterances or compare more."
            )
        return corpus, replace(config, label="preference", classes=config.classes or LEVELS)

    def targets(self, corpus: Corpus, model: ModelConfig, config: TrainConfig) -> RankTargets:
        """What the utterances are ordered by, and their levels.

        Raises:
            ConfigError: the model has attributes or intents besides its levels, or ``within`` is no column.
            DataError: a level is missing (without preferences), or what is ordered by.
        """
        if model.family != "ranker" or model.attributes or model.intents:
            raise ConfigError(
                f"ranklist trains models of the family ranker with one score (got {model.family} with "
                f"{len(model.attributes)} attributes and {len(model.intents)} intents); say --model ranker and learn "
                "nothing besides."
            )
        plain = targets_of(corpus, model, config, partly=self.partly)
        values = _values(corpus, model, plain.labels)
        listed: IntArray = np.flatnonzero(~np.isnan(values))
        sampler: ListSampler
        if self.preferences:
            given = rows_of(read_preferences(self.preferences), corpus.table["utterance"].to_list())
            sampler = PreferenceLists(lists=given, size=self.size)
            listed = np.unique(np.concatenate([*given, np.empty(0, np.int64)]))
            if not len(listed):
                raise DataError(
                    f"no list of {self.preferences} is about two utterances of corpus '{corpus.name}'; some were "
                    "expected; check the names of the utterances."
                )
        else:
            grades = grade_counts(corpus, model.label) if self.votes else None
            if grades is not None:
                listed = listed[grades[listed].sum(1) > 0]
            sampler = LabelLists(
                values=values, size=self.size, margin=self.margin, grades=grades, groups=_groups(corpus, self.within)
            )
        return RankTargets(
            labels=plain.labels,
            shares=None,
            attributes=plain.attributes,
            intents=plain.intents,
            values=values,
            sampler=sampler,
            ordered=bool(self.preferences),
            listed=listed,
        )

    def steps(self, targets: Targets, rows: IntArray, config: TrainConfig) -> int:
        """So many that every recording is met about once an epoch."""
        return math.ceil(len(rows) / (self.lists * self.size))

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
        """Rows of the lists of each step, one list after the other."""
        assert isinstance(targets, RankTargets)
        for _ in range(self.steps(targets, rows, config)):
            yield targets.sampler.draw(rows, self.lists, generator).reshape(-1)  # (L n,)

    def objective(self, targets: Targets, rows: IntArray, config: TrainConfig, model: ModelConfig) -> Objective:
        """The loss of lists, and the cross-entropy of the reading of detached scores."""
        assert isinstance(targets, RankTargets)
        return _ListObjective(self, targets, rows, config, model)


class _ListObjective(Objective):
    """See :meth:`RankList.objective`."""

    def __init__(
        self, method: RankList, targets: RankTargets, rows: IntArray, config: TrainConfig, model: ModelConfig
    ) -> None:
        super().__init__(config, targets, rows, n_classes=len(model.classes))
        self.method = method
        self.model = model
        self.given = read_preferences(method.preferences) if targets.ordered else ()
        self.values = torch.from_numpy(np.asarray(targets.values, np.float32))
        self.skip = method.skip or method.size - 1
        self.comparisons: list[float] = []
        self.dev_tau: float | None = None

    def to(self, device: torch.device) -> Objective:
        """The same objective on a device."""
        self.values = self.values.to(device)
        return super().to(device)

    def start_epoch(self, epoch: int, epochs: int) -> None:
        """Let the skip grow."""
        self.skip = skip_at(epoch, epochs, most=self.method.skip or self.method.size - 1, how=self.method.curriculum)
        self.comparisons = []

    def loss(self, model: EmotionModel, features: Tensor, lengths: Tensor, batch: TargetBatch) -> Tensor:
        """Of a batch of lists, one after the other."""
        network = ranker_network(model)
        scores = network.score(features, lengths)
        rows = batch.rows.view(-1, self.method.size)  # (L, n)
        again = torch.cat([torch.zeros_like(rows[:, :1], dtype=torch.bool), rows[:, 1:] == rows[:, :-1]], dim=1)
        if self.given:
            targets = -torch.arange(rows.shape[1], dtype=scores.dtype, device=rows.device).expand(rows.shape)
        else:
            targets = self.values[rows]
        targets = targets.masked_fill(again, float("nan"))  # what fills up a short list
        method = self.method
        losses = ranking_loss(
            scores.view(rows.shape),
            targets,
            loss=method.loss,
            skip=self.skip,
            form=method.form,
            balanced=method.balanced,
        )
        self.comparisons.append(_comparisons(targets, self.skip if method.loss == "ranklist" else rows.shape[1]))
        first = ~again.reshape(-1)
        reading = self.heads_loss(
            Heads(logits=network.read(scores.detach()[first]), attributes=scores.new_zeros(int(first.sum()), 0),
                  intents=scores.new_zeros(int(first.sum()), 0)),
            batch._replace(labels=batch.labels[first]),
        )  # fmt: skip
        return losses.mean() + reading

    def dev_loss(self, model: EmotionModel, store: FeatureStore, targets: Targets, heads: Heads) -> float:
        """RankNet's mean loss of pairs of development utterances, nats: all that differ, or those people compared."""
        corpus = store.corpus
        scores = torch.from_numpy(predict_scores(model, store)).double()
        self.dev_tau = None
        if given := rows_of(self.given, corpus.table["utterance"].to_list()):
            losses = [ranking_loss(scores[torch.from_numpy(rows)][None]) for rows in given]
            pairs = sum(len(rows) * (len(rows) - 1) / 2 for rows in given)
            return float(torch.cat(losses).sum()) / pairs
        values = _values(corpus, self.model, targets.labels)
        known = np.flatnonzero(~np.isnan(values))
        if len(np.unique(values[known])) < 2:
            return float(self.plain_loss(heads, targets.batch(np.arange(len(store)))))
        known = known[np.unique(np.linspace(0, len(known) - 1, _DEV_ROWS).round().astype(np.int64))]
        self.dev_tau = kendall_tau(values[known], scores[known].numpy())
        truth = torch.from_numpy(values[known])
        counts = (truth[:, None] > truth[None, :]).sum()
        return float(ranking_loss(scores[known][None], truth[None])) / float(counts)

    def figures(self) -> dict[str, float]:
        """The skip of the epoch, comparisons a list, and tau-b on the development speakers."""
        found = float(np.mean(self.comparisons)) if self.comparisons else 0.0
        shown = {"skip": float(self.skip), "comparisons": found}
        return shown if self.dev_tau is None else shown | {"dev_tau": self.dev_tau}


def skip_at(epoch: int, epochs: int, *, most: int, how: Literal["doubling", "linear", "none"]) -> int:
    """The skip of an epoch (counted from 0): from 1 in the first to ``most`` from the middle of the epochs on.

    Example:
        >>> [skip_at(epoch, 8, most=7, how="doubling") for epoch in range(8)]
        [1, 1, 2, 4, 7, 7, 7, 7]
    """
    half = epochs // 2
    if how == "none" or epoch >= half:
        return most
    share = epoch / half
    grown = most**share if how == "doubling" else 1 + (most - 1) * share
    if how == "doubling":
        grown = 2.0 ** math.floor(math.log2(max(grown, 1.0)) + 1e-9)
    return min(most, max(1, math.floor(grown + 1e-9)))


def _values(corpus: Corpus, model: ModelConfig, labels: IntArray) -> FloatArray:
    """What an order by the label follows: an attribute itself, else the number of the level."""
    if model.label in ATTRIBUTES:
        return corpus.table[model.label].fill_null(float("nan")).to_numpy().astype(np.float64)
    return np.where(labels >= 0, labels, np.nan)


def _groups(corpus: Corpus, column: str) -> IntArray | None:
    """The group of each row by a column; a row without one is alone."""
    if not column:
        return None
    if column not in corpus.table.columns:
        raise ConfigError(
            f"within is {column!r}, and corpus '{corpus.name}' has no such column; one of "
            f"{', '.join(corpus.table.columns)} was expected; change it."
        )
    values = [f"row {row}" if value is None else f"= {value}" for row, value in enumerate(corpus.table[column])]
    return np.asarray(np.unique(values, return_inverse=True)[1], np.int64)


def _comparisons(targets: Tensor, skip: int) -> float:
    """Mean number of pairs with different targets up to ``skip`` places apart, of lists in order (L, n)."""
    total = 0
    for apart in range(1, min(skip, targets.shape[1] - 1) + 1):
        total += int((targets[:, :-apart] > targets[:, apart:]).sum())
    return total / len(targets)
