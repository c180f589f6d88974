"""The tests of a deletion, what each of them requires, and the verdict that follows: one list for every report.

`affekt forget` and `affekt audit` make the tests, `affekt certify` and `affekt verify` make their flags anew from the
recorded numbers. All of them use what stands here, and nothing else decides. A piece of evidence holds numbers
(``values``); :func:`limits_of` says what these rules require of them, :func:`flag_of` whether they meet it, and
:func:`verdict_of` looks at nothing but the flags.

The limits are ours. Tiers are those of the issue: T0 needs the two models and the recordings, T1 also models that never
heard the recordings.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

from affekt.errors import DataError

__all__ = [
    "BANDED",
    "BESIDE_RETRAINED",
    "CLEARING",
    "CONFIDENCE_ATTACK",
    "EMOTION_PROBE",
    "ENTROPY_ATTACK",
    "EXACT_METHODS",
    "FAR",
    "LEAST_REFERENCES",
    "LEVEL",
    "LIRA_OFFLINE",
    "LIRA_ONLINE",
    "LOSS",
    "LOSS_TOLERANCE",
    "MEMBERSHIP_PROBE",
    "MINIMUM_COUNT",
    "MODIFIED_ENTROPY_ATTACK",
    "PERMUTATION",
    "RECORD",
    "RELATIVE",
    "RELEARNING",
    "RMIA",
    "RULES",
    "SCREEN",
    "SUCCESS",
    "TESTS",
    "UAR_MARGIN",
    "UTILITY",
    "VERDICTS",
    "Failure",
    "Flag",
    "Limits",
    "Tier",
    "Verdict",
    "flag_of",
    "holds",
    "limits_json",
    "limits_of",
    "tier_of",
    "verdict_of",
]

RULES: Final = "affekt-verdict-2"
"""Name of the tests, limits and order below. Whoever changes one of them changes this name, so that later rules do not
judge earlier statements."""

Tier = Literal["T0", "T1"]
Failure = Literal["under-forgotten", "over-forgotten", "utility"]
Verdict = Literal[
    "EXACT",
    "APPROXIMATE_TESTED",
    "APPROXIMATE_WEAK_EVIDENCE",
    "FAILED_UNDER_FORGOTTEN",
    "FAILED_OVER_FORGOTTEN",
    "FAILED_UTILITY",
    "NOT_APPLICABLE",
]

VERDICTS: Final[dict[str, str]] = {
    "EXACT": "Forgotten by construction: the model is what training without these recordings gives.",
    "APPROXIMATE_TESTED": "Forgotten, as far as the tests can tell: every test that can clear a model was made and "
    "passed.",
    "APPROXIMATE_WEAK_EVIDENCE": "Nothing found that speaks against forgetting, but not every test that can clear a "
    "model could be made.",
    "FAILED_UNDER_FORGOTTEN": "Not forgotten: the model still recognises these recordings as ones it has learned.",
    "FAILED_OVER_FORGOTTEN": "Forgotten too hard: the model is so wrong on these recordings that they stand out.",
    "FAILED_UTILITY": "The model lost too much: it may have become clearly worse for everybody else.",
    "NOT_APPLICABLE": "Nothing to forget: the model was not trained on any of these recordings.",
}
"""The closed vocabulary of verdicts, with each in plain words."""
SUCCESS: Final = ("EXACT", "APPROXIMATE_TESTED", "APPROXIMATE_WEAK_EVIDENCE")
"""Verdicts under which the model after may replace the model before."""
EXACT_METHODS: Final = ("exact", "retrain")
"""Methods that forget by construction: what they give is what training without the recordings gives. How a model was
made is no finding, so an audit of two models never says EXACT."""

LOSS: Final = "loss of the forgotten recordings"
SCREEN: Final = "forgotten recordings beside recordings never heard"
UTILITY: Final = "quality on test speakers"
RECORD: Final = "the record of the model after"
PERMUTATION: Final = "rank among models that never heard the recordings"
RELATIVE: Final = "nearer than before to models that never heard the recordings"
LIRA_OFFLINE: Final = "LiRA, offline"
LIRA_ONLINE: Final = "LiRA, online"
RMIA: Final = "RMIA with references that never heard the recordings"
CONFIDENCE_ATTACK: Final = "attack by confidence"
ENTROPY_ATTACK: Final = "attack by entropy"
MODIFIED_ENTROPY_ATTACK: Final = "attack by modified entropy"
RELEARNING: Final = "recognised again after training on other recordings"
EMOTION_PROBE: Final = "emotion of the forgotten recordings, read from the features"
MEMBERSHIP_PROBE: Final = "forgotten recordings told from others by the features"
BESIDE_RETRAINED: Final = "quality on test speakers beside the retrained model"
"""Shown where a retrained model is given: the equivalence test that :data:`UTILITY` may lean on."""

TESTS: Final[dict[Tier, tuple[str, ...]]] = {
    "T0": (LOSS, SCREEN, UTILITY, RECORD),
    "T1": (
        PERMUTATION,
        RELATIVE,
        LIRA_OFFLINE,
        LIRA_ONLINE,
        RMIA,
        LOSS,
        SCREEN,
        CONFIDENCE_ATTACK,
        ENTROPY_ATTACK,
        MODIFIED_ENTROPY_ATTACK,
        UTILITY,
        RECORD,
        RELEARNING,
        EMOTION_PROBE,
        MEMBERSHIP_PROBE,
    ),
}
"""The tests that a report of a tier lists, in this order, made or not."""
CLEARING: Final = (PERMUTATION, RELATIVE, UTILITY)
"""Tests that must all be made and passed, at tier T1, before a model is cleared."""
BANDED: Final[dict[str, tuple[Failure | None, Failure | None]]] = {
    LOSS: ("over-forgotten", "under-forgotten"),
    SCREEN: ("under-forgotten", "over-forgotten"),
    CONFIDENCE_ATTACK: ("under-forgotten", "over-forgotten"),
    ENTROPY_ATTACK: ("under-forgotten", "over-forgotten"),
    MODIFIED_ENTROPY_ATTACK: ("under-forgotten", "over-forgotten"),
    LIRA_OFFLINE: ("under-forgotten", "over-forgotten"),
    LIRA_ONLINE: ("under-forgotten", None),
    RMIA: ("under-forgotten", "over-forgotten"),
    RELEARNING: ("under-forgotten", None),
    EMOTION_PROBE: ("under-forgotten", None),
    MEMBERSHIP_PROBE: ("under-forgotten", None),
}
"""Tests judged by the band of the references, and what it means to lie above and below it; None: no failure."""

LEVEL: Final = 0.05
"""Level of the permutation test and of the relative test."""
FAR: Final = 0.005
"""With too few references for a permutation to say it: two-sided p of the shift, by Student's t, that still fails."""
LEAST_REFERENCES: Final = 4
"""Reference models needed at tier T1."""
LOSS_TOLERANCE: Final = 0.5
"""The rise of the forget set's loss may fall short of the expected rise, or exceed it, by this share of it."""
UAR_MARGIN: Final = 0.05
"""Change of test UAR that counts: the lower 95 % limit against the model before must be above minus this, or the 90 %
interval against a retrained model (two one-sided tests at 5 %)."""
MINIMUM_COUNT: Final = 10
"""With fewer recordings on a side, the screen can fail a deletion but finding nothing does not count as evidence; and
smaller counts of people's recordings are withheld."""

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RULE: Final = re.compile(r"([a-z_0-9]+) (<=?|>=?) (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


class Flag(NamedTuple):
    """What a test came to."""

    passed: bool | None
    """None: it could not be made, or there is too little to tell."""
    failure: str | None
    """What it means if it failed."""


class Limits(NamedTuple):
    """What is required of a test's numbers."""

    criteria: tuple[tuple[str, Failure], ...] = ()
    """Rules such as ``lower > -0.05``, each with what it means if it is not met; the first that is not met decides."""
    enough: tuple[str, ...] = ()
    """Rules that must hold as well before the test counts as passed."""


def holds(rule: str, values: Mapping[str, float]) -> bool:
    """Whether numbers meet a rule such as ``lower > -0.05``, or one of several joined by ``or``.

    Raises:
        DataError: it is no such rule, or there is no number of that name.

    Example:
        >>> holds("lower > -0.05 or upper > 0.1", {"lower": -0.2, "upper": 0.3})
        True
    """
    found = []
    for part in rule.split(" or "):
        match = _RULE.fullmatch(part)
        if match is None or match[1] not in values:
            raise DataError(
                f"the criterion {rule!r} cannot be applied; a rule such as 'lower > -0.05' about a recorded value was "
                "expected; correct the statement."
            )
        found.append(_COMPARE[match[2]](values[match[1]], float(match[3])))
    return any(found)


def flag_of(values: Mapping[str, float], limits: Limits) -> Flag:
    """The flag that follows from numbers and limits.

    Raises:
        DataError: a criterion cannot be applied.
    """
    # all of them are applied, so that a rule nobody can apply never hides behind one that is not met
    broken = [failure for rule, failure in limits.criteria if not holds(rule, values)]
    enough = [holds(rule, values) for rule in limits.enough]
    if broken:
        return Flag(False, broken[0])
    return Flag(True if limits.criteria and all(enough) else None, None)


def limits_of(test: str, values: Mapping[str, float], *, level: float | None = None) -> Limits:
    """What the rules require of a test.

    Limits follow from numbers that are known before the deletion or belong to the references, so nobody can choose
    them afterwards. No values, or none that the rules need, means that the test could not be made or is only shown.

    Args:
        test: one of :data:`TESTS`.
        values: ``estimate``, mostly ``lower`` and ``upper``, and what else the test needs: ``before``, ``target``,
            ``references`` (how many), ``reference_low`` and ``reference_high`` (their band), counts and p values.
        level: of the interval.

    Raises:
        DataError: there is no such test, or a number is missing.
    """
    try:
        if test not in TESTS["T1"]:
            raise KeyError(test)
        if not values:
            return Limits()
        if test in BANDED and "reference_high" in values:
            return _band(values, *BANDED[test])
        if test in _RULES_OF:
            return _RULES_OF[test](values, level)
        return Limits()
    except (KeyError, TypeError):
        raise DataError(
            f"the evidence of {test!r} is not one the rules {RULES} know; the tests and numbers of these rules were "
            "expected; correct the statement."
        ) from None


def tier_of(references: int) -> Tier:
    """The highest tier that this number of references allows."""
    return "T1" if references >= LEAST_REFERENCES else "T0"


def verdict_of(flags: Iterable[tuple[str, Flag]], *, tier: Tier, trained: int, method: str | None = None) -> Verdict:
    """The verdict that follows from the flags.

    The permutation test, if it failed, says in which direction; otherwise memory left over is named first, because it
    is what harms the person. Without references (tier T0) nothing can be more than weak evidence.

    Args:
        flags: a test's name with its flag.
        tier: of the report.
        trained: how many of the recordings the model before had been trained on.
        method: what made the model after, if its maker says so; no test can speak against one of
            :data:`EXACT_METHODS`.
    """
    if trained == 0:
        return "NOT_APPLICABLE"
    if method in EXACT_METHODS:
        return "EXACT"
    made = list(flags)
    first = {flag.failure for test, flag in made if flag.passed is False and test == PERMUTATION}
    failures = first or {flag.failure for _, flag in made if flag.passed is False}
    if "under-forgotten" in failures:
        return "FAILED_UNDER_FORGOTTEN"
    if "over-forgotten" in failures:
        return "FAILED_OVER_FORGOTTEN"
    if "utility" in failures:
        return "FAILED_UTILITY"
    passed = {test for test, flag in made if flag.passed is True}
    return "APPROXIMATE_TESTED" if tier == "T1" and passed.issuperset(CLEARING) else "APPROXIMATE_WEAK_EVIDENCE"


def _band(values: Mapping[str, float], high: Failure | None, low: Failure | None) -> Limits:
    """Inside the band of the references."""
    criteria: list[tuple[str, Failure]] = []
    if high is not None:
        criteria.append((f"estimate <= {values['reference_high']!r}", high))
    if low is not None:
        criteria.append((f"estimate >= {values['reference_low']!r}", low))
    return Limits(tuple(criteria))


def _references_decide(values: Mapping[str, float]) -> bool:
    """Whether there are references enough for a permutation to clear or fail a model."""
    return values.get("references", 0.0) >= 1.0 / LEVEL - 1.0 - 1e-9


def _loss(values: Mapping[str, float], level: float | None) -> Limits:
    """Where no references have answered: near the loss that training saved of models that never heard them."""
    if "target" not in values or _references_decide(values):
        return Limits()
    before, target = values["before"], values["target"]
    gap = target - before
    low, high = before + (1 - LOSS_TOLERANCE) * gap, before + (1 + LOSS_TOLERANCE) * gap
    if gap <= 0:  # no better known than unheard speech: it must only not be pushed further away
        low, high = 0.75 * target, 1.05 * before
    return Limits(((f"estimate >= {low!r}", "under-forgotten"), (f"estimate <= {high!r}", "over-forgotten")))


def _screen(values: Mapping[str, float], level: float | None) -> Limits:
    """Where no references have answered: neither remembered nor over-forgotten beside recordings never heard."""
    if "others" not in values or _references_decide(values):
        return Limits()
    if level is None:
        raise KeyError("level")
    return Limits(
        (
            ("upper >= 0.5", "over-forgotten"),
            (f"extreme_p > {(1.0 - level) / 2.0!r}", "over-forgotten"),
            ("lower <= 0.5", "under-forgotten"),
        ),
        (f"forgotten >= {MINIMUM_COUNT}", f"others >= {MINIMUM_COUNT}"),
    )


def _utility(values: Mapping[str, float], level: float | None) -> Limits:
    """No worse than before, or than models that never heard the recordings either.

    At T0 a loss that cannot be ruled out fails. At T1 the test must clear a model together with the permutation test,
    so there a loss that can neither be shown nor ruled out leaves it open.
    """
    kept = [f"lower > {-UAR_MARGIN!r}"]
    if "retrained_lower" in values:
        kept.append(f"retrained_lower > {-UAR_MARGIN!r}")
    if "reference_low" in values:
        kept.append(f"estimate >= {values['reference_low']!r}")
    if tier_of(int(values.get("references", 0))) == "T0":
        return Limits(((" or ".join(kept), "utility"),))
    shown = [f"estimate > {-UAR_MARGIN!r}", "upper >= 0.0", *kept[1:]]
    return Limits(((" or ".join(shown), "utility"),), (" or ".join(kept),))


def _record(values: Mapping[str, float], level: float | None) -> Limits:
    """The model after names none of the recordings."""
    return Limits((("estimate <= 0", "under-forgotten"),))


def _permutation(values: Mapping[str, float], level: float | None) -> Limits:
    """Not told from the references."""
    floor, shift, sd = values["floor"], values["shift"], values["shift_sd"]
    direction: Failure = "over-forgotten" if values["below"] >= values["above"] else "under-forgotten"
    if abs(shift) > 2.0 * sd:
        direction = "under-forgotten" if shift > 0 else "over-forgotten"
    if floor <= LEVEL:
        return Limits(((f"estimate > {LEVEL!r}", direction),))
    # too few models for a permutation to say it: this can fail what is far outside, but clear nothing
    first = f"estimate > {floor!r}"
    wide = 10.0 * values["spread_references"]
    return Limits(
        ((f"{first} or far_p > {FAR!r}", direction), (f"{first} or spread <= {wide!r}", direction)),
        (f"floor <= {LEVEL!r}",),
    )


def _relative(values: Mapping[str, float], level: float | None) -> Limits:
    """Nearer to the references than before; open where the model before was not told from them either."""
    direction: Failure = "over-forgotten" if values["side"] < 0 else "under-forgotten"
    return Limits(
        ((f"p_further > {LEVEL!r} or before_p > {LEVEL!r}", direction),),
        (f"p <= {LEVEL!r}", f"before_p <= {LEVEL!r}"),
    )


_RULES_OF: Final[dict[str, Callable[[Mapping[str, float], float | None], Limits]]] = {
    LOSS: _loss,
    SCREEN: _screen,
    UTILITY: _utility,
    RECORD: _record,
    PERMUTATION: _permutation,
    RELATIVE: _relative,
}


def limits_json(limits: Limits) -> dict[str, Any]:
    """Limits as they are recorded."""
    return {
        "criteria": [{"require": rule, "otherwise": failure} for rule, failure in limits.criteria],
        "enough": list(limits.enough),
    }
