"""What can be measured around a deletion: models before, after and retrained, on three sets of recordings."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from affekt.corpora import Corpus
from affekt.metrics import (
    Interval,
    bootstrap_difference,
    bootstrap_values,
    cross_entropy,
    match_non_members,
    over_forgetting,
    wilson,
)
from affekt.metrics.deletion_rules import MINIMUM_COUNT
from affekt.models import EmotionModel
from affekt.reports.request import Request, Rest
from affekt.training import FeatureStore, predict_rows, score_logits, with_classes
from affekt.types import FloatArray, IntArray
from affekt.unlearning.audit import record_item, saved_rows
from affekt.unlearning.audit_answers import Answers, Sets
from affekt.unlearning.audit_judge import AuditReport, judge
from affekt.unlearning.audit_population import speaker_numbers

__all__ = ["NEVER_TESTED", "REFERENCE", "RETRAINED", "Evidence", "Side", "gather", "matched_rows", "non_members"]

RETRAINED = "retrained"
"""Name of the model retrained without the recordings; further ones are :data:`REFERENCE` with a number."""
REFERENCE = "reference"

NEVER_TESTED = (
    "Whether the memory comes back when the model is trained further. affekt audit does, and affekt compare for a "
    "method.",
    "Attackers with many models retrained with and without each recording. They can see more than this report.",
    "What can be read from inside the network rather than from its answers. affekt audit looks there.",
)
"""What a report on a single deletion leaves open, whatever the corpus holds."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One set of recordings, with the logits of every model on it."""

    corpus: Corpus
    labels: IntArray
    logits: dict[str, FloatArray]
    """``before``, ``after`` and perhaps ``retrained`` and references -> (N, K)."""

    def losses(self, name: str) -> FloatArray:
        """Loss of each recording under one model, nats, (N,)."""
        return cross_entropy(self.logits[name], self.labels)

    def speakers(self) -> IntArray | None:
        """A number for each recording's speaker; None where any is unknown."""
        return speaker_numbers(self.corpus.table["speaker"].to_list())

    def answers(self, references: list[str], rows: FloatArray | None = None) -> Answers:
        """What the models say, for an audit; ``rows`` (K, N, C) stand in for references."""
        given = np.stack([self.logits[name] for name in references]) if references else rows
        return Answers(
            labels=self.labels,
            before=self.logits["before"],
            after=self.logits["after"],
            references=given,
            speakers=self.speakers(),
        )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Scores, tests and what could not be tested."""

    forget: Side
    others: Side | None
    """Recordings never heard, matched with the forget set."""
    test: Side | None
    scores: dict[str, Any]
    """JSON values for report.json."""
    report: AuditReport
    """The tests, and the verdict that follows."""
    not_tested: list[str]


def gather(
    models: dict[str, EmotionModel], request: Request, rest: Rest, *, method: str, target: float | None, seed: int
) -> Evidence:
    """Score the models and audit the deletion, as far as answers alone allow.

    Args:
        models: ``before``, ``after`` and perhaps ``retrained`` and further references.
        request: what was asked for; its trained recordings are the forget set.
        rest: the other recordings.
        method: what made the model after.
        target: loss the forget set should have come to, nats.
        seed: of the resampling.
    """
    forget = _side(models, request.corpus.select(request.trained))
    test = _side(models, rest.corpus.select(rest.rows("test")))
    if forget is None:
        raise ValueError("there is no forget set to gather evidence about")
    pool = non_members(request, rest, forget.corpus, seed=seed)
    others = None if pool is None else _side(models, pool)
    shown = [name for name in ("before", "after", RETRAINED) if name in models]
    scores: dict[str, Any] = {name: _scores(name, forget, others, test, seed=seed) for name in shown}
    references = [name for name in models if name == RETRAINED or name.startswith(REFERENCE)]
    waveforms = [request.waveforms[row] for row in request.trained]
    rows, composite, saved = (None, 1, None) if references else saved_rows(models["before"], waveforms, request.scope)
    sets = Sets(
        forget=forget.answers(references, rows),
        others=None if others is None else others.answers(references),
        test=None if test is None else test.answers(references),
        composite=composite,
        saved=saved,
    )
    missing: list[str] = []
    if target is None:
        missing.append("Whether the loss came to rest at that of unheard recordings: the model carries no such loss.")
    if others is None:
        why = _why_no_others(request, rest)
        missing.append(f"Whether the forgotten recordings stand out from recordings never heard: {why}.")
    elif min(len(forget.labels), len(others.labels)) < MINIMUM_COUNT:
        few = f"too few recordings to find anything ({len(forget.labels)} against {len(others.labels)})"
        missing.append(f"Whether the forgotten recordings stand out: {few}.")
    if test is None:
        why = "the corpus holds no recording of the model's test speakers"
        missing.append(f"Whether the model is as good as before on other people: {why}.")
    if not references:
        missing.append("The comparison with a model retrained without these recordings: none was given.")
    for count, words in ((rest.unreadable, "could not be read"), (rest.unlabelled, "have no emotion the model knows")):
        if count:
            missing.append(f"{count} recordings of the corpus that {words}; they were left out.")
    missing += NEVER_TESTED
    report = judge(
        sets,
        target=target,
        method=method,
        probes=[record_item(models["after"], waveforms)],
        not_tested=missing,
        informed=False,
        seed=seed,
    )
    scores["difference"] = (
        None if test is None else {"test_uar": asdict(_difference(test, len(models["before"].classes), seed))}
    )
    return Evidence(forget=forget, others=others, test=test, scores=scores, report=report, not_tested=missing)


def matched_rows(forget_set: Corpus, pool: Corpus, *, seed: int) -> IntArray:
    """Rows of a pool that match a forget set: the same speaker and emotion where there are any, else the same emotion,
    and about the same duration. Recordings with an emotion that the pool lacks get no match."""
    emotions, offered = (np.array([str(name) for name in corpus.emotions]) for corpus in (forget_set, pool))
    people, known = (
        np.array([str(name) for name in corpus.table["speaker"].to_list()]) for corpus in (forget_set, pool)
    )
    own = np.array([f"{one}\0{emotion}" for one, emotion in zip(people, emotions, strict=True)])
    theirs = np.array([f"{one}\0{emotion}" for one, emotion in zip(known, offered, strict=True)])
    seconds, lengths = forget_set.seconds(), pool.seconds()
    near = np.isin(own, theirs)
    chosen = []
    for rows, wanted, there in ((near, own, theirs), (~near & np.isin(emotions, offered), emotions, offered)):
        if rows.any():
            chosen.append(match_non_members(seconds[rows], wanted[rows], lengths, there, seed=seed))
    # one that several share would count more than once and make the tests look surer than they are
    return np.unique(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)


def non_members(request: Request, rest: Rest, forget_set: Corpus, *, seed: int) -> Corpus | None:
    """Recordings that no model was trained on, matched with the forget set; None where there are none."""
    pool = rest.corpus.select(rest.rows("test" if request.scope == "speaker" else "heldout"))
    if not len(pool):
        return None
    rows = matched_rows(forget_set, pool, seed=seed)
    return pool.select(rows) if len(rows) else None


def _difference(test: Side, classes: int, seed: int) -> Interval:
    """The paired change in UAR on the test speakers."""
    return bootstrap_difference(
        "uar",
        test.labels,
        test.logits["after"].argmax(1),
        test.logits["before"].argmax(1),
        n_classes=classes,
        clusters=test.speakers(),
        seed=seed,
    )


def _side(models: dict[str, EmotionModel], corpus: Corpus) -> Side | None:
    """Logits of every model on some recordings; None where there are none."""
    if not len(corpus):
        return None
    first = next(iter(models.values()))
    corpus = with_classes(corpus, first.config)
    store = FeatureStore(first, corpus)
    rows = np.arange(len(corpus))
    logits = {}
    for name, model in models.items():
        # features are shared only by models of one front end
        same = model.config.family == first.config.family and model.config.options == first.config.options
        logits[name] = predict_rows(model, store if same else FeatureStore(model, corpus), rows)
    return Side(corpus=corpus, labels=corpus.labels(), logits=logits)


def _scores(name: str, forget: Side, others: Side | None, test: Side | None, *, seed: int) -> dict[str, Any]:
    """Everything measured of one model, as JSON values."""
    hits = int((forget.logits[name].argmax(1) == forget.labels).sum())
    losses = forget.losses(name)
    result: dict[str, Any] = {
        "forget_accuracy": asdict(wilson(hits, len(losses))),
        "forget_loss": asdict(bootstrap_values(losses, seed=seed)),
        "forget_loss_quantiles": _quantiles(losses),
        "never_heard_recordings": 0 if others is None else len(others.labels),
        "never_heard_loss": None,
        "never_heard_loss_quantiles": None,
        "screen": None,
        "test": None,
    }
    if others is not None:
        unheard = others.losses(name)
        result["never_heard_loss"] = asdict(bootstrap_values(unheard, clusters=others.speakers(), seed=seed))
        result["never_heard_loss_quantiles"] = _quantiles(unheard)
        screen = over_forgetting(losses, unheard, non_member_clusters=others.speakers(), seed=seed)
        result["screen"] = asdict(screen)
    if test is not None:
        speakers = test.corpus.table["speaker"].to_list()
        result["test"] = score_logits(
            test.logits[name], test.labels, classes=test.corpus.classes, speakers=speakers, seed=seed
        ).to_json()
    return result


def _quantiles(losses: FloatArray) -> dict[str, float] | None:
    """Quantiles of a distribution; None for few recordings, whose single losses they would give away."""
    if len(losses) < MINIMUM_COUNT:
        return None
    return {f"{share:.2f}": float(np.quantile(losses, share)) for share in (0.1, 0.25, 0.5, 0.75, 0.9)}


def _why_no_others(request: Request, rest: Rest) -> str:
    """Why there is nothing to compare the forget set with."""
    whose = "test speakers" if request.scope == "speaker" else "recordings held out of training"
    if rest.rows("test" if request.scope == "speaker" else "heldout"):
        return f"the {whose} in the corpus show none of the forgotten emotions"
    return f"the corpus holds none of the model's {whose}"
