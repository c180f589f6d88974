"""Evidence in a report.json is made anew from its numbers, and whoever edited one of them is found."""

import copy
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.metrics import cross_entropy, over_forgetting
from affekt.metrics.deletion_rules import LOSS, PERMUTATION, SCREEN, TESTS, UTILITY, Flag
from affekt.reports.flags import category_of, evidence_of, flag_of_piece, limits_of_piece, misfits, verdict_of_pieces
from affekt.unlearning.audit_answers import Answers, Sets
from affekt.unlearning.audit_items import Item, deciding
from affekt.unlearning.audit_judge import judge

CLASSES = 4


def audited(seed: int, *, forgotten: int, others: int, models: int, shift: float, target: float | None) -> Any:
    """As much of a report.json as flags need, of made-up answers."""
    rng = np.random.default_rng(seed)
    labels = [np.arange(size) % CLASSES for size in (forgotten, others, 24)]

    def logits(which: int, count: int = 1) -> np.ndarray:
        found = rng.normal(size=(count, len(labels[which]), CLASSES))
        found[:, np.arange(len(labels[which])), labels[which]] += 1.5
        return found

    def answers(which: int) -> Answers:
        after = logits(which)[0]
        after[np.arange(len(after)), labels[which]] += shift * (which == 0)
        gold = logits(which, models) if models else None
        people = np.arange(len(after)) % 6 if which else None
        return Answers(labels=labels[which], before=logits(which)[0] + 1, after=after, references=gold, speakers=people)

    sets = Sets(forget=answers(0), others=answers(1), test=answers(2))
    found = judge(sets, target=target, method="amun", informed=False, seed=seed)
    losses = [cross_entropy(getattr(sets.forget, name), labels[0]) for name in ("before", "after")]
    assert sets.others is not None
    unheard = cross_entropy(sets.others.after, labels[1])
    screen = over_forgetting(losses[1], unheard, non_member_clusters=sets.others.speakers, seed=seed)
    change = found.item(UTILITY)
    low, high = change.interval or (0.0, 0.0)
    return {
        "tier": found.tier,
        "tests": [item.to_json() for item in found.items if item.test in TESTS[found.tier]],
        "scores": {
            "before": {"forget_loss": {"estimate": float(losses[0].mean())}},
            "after": {
                "forget_loss": {"estimate": float(losses[1].mean())},
                "screen": asdict(screen),
                "never_heard_recordings": others,
            },
            "difference": {"test_uar": {"estimate": change.estimate, "low": low, "high": high}},
        },
        "target_loss": target,
        "method": {"name": "amun"},
        "request": {"sides": {"train": forgotten}},
        "verdict": found.verdict,
    }


@given(
    seed=st.integers(0, 99), forgotten=st.integers(2, 30), others=st.integers(6, 40), shift=st.floats(-3, 3),
    models=st.sampled_from([0, 1, 5]), target=st.one_of(st.none(), st.floats(0.1, 3)),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_evidence_is_that_of_the_audit(
    seed: int, forgotten: int, others: int, shift: float, models: int, target: float | None
) -> None:
    report = audited(seed, forgotten=forgotten, others=others, models=models, shift=shift, target=target)
    pieces = evidence_of(report)
    assert [(one["pass"], one["failure"]) for one in pieces] == [
        (one["passed"], one["failure"]) for one in report["tests"]
    ]
    assert [tuple(flag_of_piece(one)) for one in pieces] == [(one["pass"], one["failure"]) for one in pieces]
    found = verdict_of_pieces(pieces, tier=report["tier"], method="amun", trained=forgotten)
    assert found == report["verdict"]


@pytest.fixture(scope="module", params=[0, 5])
def report(request: pytest.FixtureRequest) -> Any:
    """A report of either tier."""
    return audited(1, forgotten=14, others=20, models=request.param, shift=0.0, target=1.0)


def test_an_edit_is_found(report: Any) -> None:
    for number, test in enumerate(report["tests"]):
        if not test["values"]:
            continue
        edits: dict[str, Any] = {
            "passed": not test["passed"],
            "failure": "utility" if test["failure"] is None else None,
            "estimate": test["estimate"] + 0.25,
            "enough": ["estimate > 1"],
            "values": test["values"] | {"estimate": test["estimate"] + 0.25},
        }
        edits |= {"before": 9.0} if test["before"] is not None else {}
        edits |= {"interval": [0.1, 0.2]} if test["interval"] is not None else {}
        edits |= {"criteria": []} if test["criteria"] else {}
        for key, new in edits.items():
            edited = copy.deepcopy(report)
            edited["tests"][number][key] = new
            with pytest.raises(DataError, match="contradicts itself"):
                evidence_of(edited)
    for test, key in ((LOSS, "target"), (SCREEN, "others"), (UTILITY, "lower")):
        edited = copy.deepcopy(report)
        next(one for one in edited["tests"] if one["test"] == test)["values"][key] += 1
        with pytest.raises(DataError, match="contradicts itself"):
            evidence_of(edited)
    with pytest.raises(DataError, match="its verdict is EXACT and its tests give"):
        evidence_of(report | {"verdict": "EXACT"})
    with pytest.raises(DataError, match="the tests are not those of the rules"):
        evidence_of(report | {"tests": report["tests"][:-1]})
    with pytest.raises(DataError, match="there is no tier T9"):
        evidence_of(report | {"tier": "T9"})
    other = {"T0": "T1", "T1": "T0"}[report["tier"]]
    with pytest.raises(DataError, match="contradicts itself"):
        evidence_of(report | {"tier": other})


def test_references_are_the_same_everywhere(report: Any) -> None:
    pieces = evidence_of(report)
    assert misfits(pieces, report["tier"]) == []
    edited = copy.deepcopy(pieces)
    edited[0]["values"]["references"] = 40.0
    assert misfits(edited, report["tier"])
    if report["tier"] == "T1":
        without = [one | {"values": {}} if one["test"] == PERMUTATION else one for one in pieces]
        assert misfits(without, "T1")


def test_tests_that_were_not_made() -> None:
    tests = [item.to_json() for item in deciding([], "T0")]
    for trained, wanted in ((3, "APPROXIMATE_WEAK_EVIDENCE"), (0, "NOT_APPLICABLE")):
        whole = {"tier": "T0", "tests": tests, "scores": None, "target_loss": None, "verdict": wanted}
        whole |= {"method": {"name": "amun"}, "request": {"sides": {"train": trained}}}
        pieces = evidence_of(whole)
        assert [flag_of_piece(one) for one in pieces] == [Flag(None, None)] * 4
        with pytest.raises(DataError, match="its verdict is EXACT"):
            evidence_of(whole | {"verdict": "EXACT"})
        with pytest.raises(DataError, match="does not follow"):
            evidence_of(whole | {"tests": [tests[0] | {"passed": True}, *tests[1:]]})


def test_limits_of_a_piece_follow_from_its_values() -> None:
    record = Item.judged(LOSS, "T0", 1.0, before=0.5, numbers={"target": 1.5}).to_json()
    piece = {key: record[key] for key in ("test", "level", "values")}
    assert [one["require"] for one in limits_of_piece(piece)["criteria"]] == ["estimate >= 1.0", "estimate <= 2.0"]


def test_categories() -> None:
    assert category_of("retrain") == "exact"
    assert category_of("amun") == "approximate"
