"""What can be measured around a deletion: models before, after and retrained, on three sets of recordings."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from affekt.corpora import Corpus
from affekt.metrics import (
    OverForgetting,
    bootstrap_difference,
    bootstrap_values,
    cross_entropy,
    match_non_members,
    over_forgetting,
    wilson,
)
from affekt.models import EmotionModel
from affekt.reports.request import Request, Rest
from affekt.reports.verdict import (
    MINIMUM_COUNT,
    SCREEN_TEST,
    UTILITY_TEST,
    loss_test,
    screen_test,
    untested,
    utility_test,
)
from affekt.training import FeatureStore, predict_rows, score_logits
from affekt.types import FloatArray, IntArray

__all__ = ["NEVER_TESTED", "Evidence", "gather"]


NEVER_TESTED = (
    "Whether the memory comes back when the model is trained further. affekt compare measures that for a method.",
    "Attackers with many models retrained with and without each recording. They can see more than this report.",
    "What can be read from inside the network rather than from its answers.",
)
"""What a report on a single deletion leaves open, whatever the corpus holds."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One set of recordings, with the logits of every model on it."""

    corpus: Corpus
    labels: IntArray
    logits: dict[str, FloatArray]
    """``before``, ``after`` and perhaps ``retrained`` -> (N, K)."""

    def losses(self, name: str) -> FloatArray:
        """Loss of each recording under one model, nats, (N,)."""
        return cross_entropy(self.logits[name], self.labels)

    def speakers(self) -> IntArray | None:
        """A number for each recording's speaker; None where any is unknown."""
        names = self.corpus.table["speaker"].to_list()
        if None in names:
            return None
        numbers = {name: number for number, name in enumerate(sorted(set(names)))}
        return np.array([numbers[name] for name in names], np.int64)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Scores, tests and what could not be tested."""

    forget: Side
    others: Side | None
    """Recordings never heard, matched with the forget set."""
    test: Side | None
    scores: dict[str, Any]
    """JSON values for report.json."""
    tests: list[dict[str, Any]]
    not_tested: list[str]


def gather(
    models: dict[str, EmotionModel], request: Request, rest: Rest, *, target: float | None, seed: int
) -> Evidence:
    """Score the models and make the tests.

    Args:
        models: ``before``, ``after`` and perhaps ``retrained``.
        request: what was asked for; its trained recordings are the forget set.
        rest: the other recordings.
        target: loss the forget set should have come to, nats.
        seed: of the resampling.
    """
    forget = _side(models, request.corpus.select(request.trained))
    test = _side(models, rest.corpus.select(rest.rows("test")))
    others = _non_members(models, request, rest, forget, seed=seed)
    if forget is None:
        raise ValueError("there is no forget set to gather evidence about")
    scores: dict[str, Any] = {name: _scores(name, forget, others, test, request, seed=seed) for name in models}
    missing: list[str] = []

    after = bootstrap_values(forget.losses("after"), seed=seed)
    tests = [loss_test(float(forget.losses("before").mean()), after, target)]
    if target is None:
        missing.append("Whether the loss came to rest at that of unheard recordings: the model carries no such loss.")
    screen = None if others is None else _screen("after", forget, others, request, seed=seed)
    if screen is None or others is None:
        reason = _why_no_others(request, rest)
        tests.append(untested(SCREEN_TEST, reason))
        missing.append(f"Whether the forgotten recordings stand out from recordings never heard: {reason}.")
    else:
        tests.append(screen_test(screen, forgotten=len(forget.labels), others=len(others.labels)))
        if tests[-1]["passed"] is None:
            missing.append(f"Whether the forgotten recordings stand out: {tests[-1]['note']}.")
    if test is None:
        reason = "the corpus holds no recording of the model's test speakers"
        tests.append(untested(UTILITY_TEST, reason))
        missing.append(f"Whether the model is as good as before on other people: {reason}.")
        difference = None
    else:
        difference = bootstrap_difference(
            "uar",
            test.labels,
            test.logits["after"].argmax(1),
            test.logits["before"].argmax(1),
            n_classes=len(models["before"].classes),
            clusters=test.speakers(),
            seed=seed,
        )
        tests.append(utility_test(difference))
    if "retrained" not in models:
        missing.append("The comparison with a model retrained without these recordings: none was given.")
    for count, words in ((rest.unreadable, "could not be read"), (rest.unlabelled, "have no emotion the model knows")):
        if count:
            missing.append(f"{count} recordings of the corpus that {words}; they were left out.")
    missing += NEVER_TESTED
    scores["difference"] = None if difference is None else {"test_uar": asdict(difference)}
    return Evidence(forget=forget, others=others, test=test, scores=scores, tests=tests, not_tested=missing)


def _side(models: dict[str, EmotionModel], corpus: Corpus) -> Side | None:
    """Logits of every model on some recordings; None where there are none."""
    from affekt.training import with_classes

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


def _non_members(
    models: dict[str, EmotionModel], request: Request, rest: Rest, forget: Side | None, *, seed: int
) -> Side | None:
    """Recordings that no model was trained on, matched with the forget set in emotion and duration."""
    pool = rest.rows("test" if request.scope == "speaker" else "heldout")
    if forget is None or not pool:
        return None
    corpus = rest.corpus.select(pool)
    labels = corpus.labels()
    known = np.isin(forget.labels, labels)
    if not known.any():
        return None
    matched = match_non_members(
        forget.corpus.seconds()[known], forget.labels[known], corpus.seconds(), labels, seed=seed
    )
    # a recording that several share would count more than once and make the screen look surer than it is
    return _side(models, corpus.select(np.unique(matched)))


def _screen(name: str, forget: Side, others: Side, request: Request, *, seed: int) -> OverForgetting:
    """The screen; strangers are resampled by person when a whole person goes."""
    clusters = others.speakers() if request.scope == "speaker" else None
    return over_forgetting(forget.losses(name), others.losses(name), non_member_clusters=clusters, seed=seed)


def _scores(
    name: str, forget: Side, others: Side | None, test: Side | None, request: Request, *, seed: int
) -> dict[str, Any]:
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
        result["screen"] = asdict(_screen(name, forget, others, request, seed=seed))
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
