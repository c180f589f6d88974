"""Verdicts on made-up answers whose truth is known, and what stands beside what."""

from dataclasses import replace

import numpy as np
import pytest

from affekt.errors import ConfigError, ShapeError
from affekt.metrics.deletion_rules import LOSS, PERMUTATION, RELATIVE, SCREEN, UTILITY
from affekt.unlearning.audit_answers import Answers, Sets
from affekt.unlearning.audit_judge import judge

CLASSES, FORGET, OTHERS, TEST = 4, 24, 40, 60


def world(seed: int, *, models: int = 22, known: float = 4.0) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Logits of retrained models on the three sets, of an original that knows the forget set better, and labels."""
    rng = np.random.default_rng(seed)
    sizes = (FORGET, OTHERS, TEST)
    labels = np.arange(sum(sizes)) % CLASSES
    easy = rng.normal(1.5, 1.0, len(labels))
    logits = 0.6 * rng.normal(size=(models, len(labels), CLASSES))
    logits[:, np.arange(len(labels)), labels] += easy
    original = logits[0].copy()
    original[np.arange(FORGET), labels[:FORGET]] += known
    return list(logits[1:]), original, labels


def sets(after: np.ndarray, references: list[np.ndarray] | None, original: np.ndarray, labels: np.ndarray) -> Sets:
    """Cut answers on everything into the three sets."""
    places = np.split(np.arange(len(labels)), np.cumsum((FORGET, OTHERS)))
    parts = [
        Answers(
            labels=labels[rows],
            before=original[rows],
            after=after[rows],
            references=None if references is None else np.stack(references)[:, rows],
        )
        for rows in places
    ]
    return Sets(forget=parts[0], others=parts[1], test=replace(parts[2], speakers=np.arange(TEST) % 6))


def changed(logits: np.ndarray, labels: np.ndarray, by: float) -> np.ndarray:
    """The same answers with another logit for the true class of the forget set."""
    after = logits.copy()
    after[np.arange(FORGET), labels[:FORGET]] += by
    return after


def test_known_truths_at_t1() -> None:
    verdicts: dict[str, list[str]] = {"retrained": [], "original": [], "over": [], "half": []}
    for seed in range(10):
        models, original, labels = world(seed)
        cases = {
            "retrained": models[0],
            "original": original,
            "over": changed(models[0], labels, -6.0),
            "half": changed(models[0], labels, 2.0),
        }
        for name, after in cases.items():
            verdicts[name].append(judge(sets(after, models[1:], original, labels), informed=False).verdict)
    assert np.mean([v == "APPROXIMATE_TESTED" for v in verdicts["retrained"]]) >= 0.8
    assert set(verdicts["original"]) == set(verdicts["half"]) == {"FAILED_UNDER_FORGOTTEN"}
    assert set(verdicts["over"]) == {"FAILED_OVER_FORGOTTEN"}


def test_scattered_answers_fail_though_their_mean_is_right() -> None:
    models, original, labels = world(1)
    after = models[0].copy()
    after[np.arange(FORGET), labels[:FORGET]] += np.where(np.arange(FORGET) % 2, 5.0, -5.0)
    report = judge(sets(after, models[1:], original, labels), informed=False)
    assert report.item(PERMUTATION).passed is False
    assert report.verdict.startswith("FAILED")


def test_every_figure_stands_beside_before_and_the_references() -> None:
    models, original, labels = world(2)
    report = judge(sets(models[0], models[1:], original, labels))
    assert report.tier == "T1"
    assert (report.references, report.reference_kind) == (20, "models")
    for test in (LOSS, SCREEN, UTILITY, "LiRA, offline", "attack by entropy", "informed attacker"):
        found = report.item(test)
        assert found.before is not None
        assert found.references is not None
        assert found.references.references in (10, 20)
        assert found.references.low <= found.references.mean <= found.references.high
    assert report.item(LOSS).before < report.item(LOSS).estimate
    assert report.item("LiRA, offline").before > 0.8
    assert abs(report.item("RMIA with references that never heard the recordings").references.mean - 0.5) < 0.2
    assert report.item(RELATIVE).passed is True
    assert "no p below 0.048" in report.item(PERMUTATION).power


def test_t0_follows_the_rules_of_deletion_reports_and_is_never_more_than_weak() -> None:
    models, original, labels = world(3)
    aim = float(
        -np.log(
            np.exp(models[0][:FORGET][np.arange(FORGET), labels[:FORGET]]) / np.exp(models[0][:FORGET]).sum(1)
        ).mean()
    )
    kept = models[0].copy()
    kept[FORGET + OTHERS :] = original[FORGET + OTHERS :]  # as good as before, as nothing here says what else is good
    good = judge(sets(kept, None, original, labels), target=aim)
    assert (good.tier, good.verdict, good.references) == ("T0", "APPROXIMATE_WEAK_EVIDENCE", 0)
    assert good.item(LOSS).passed is True
    same = judge(sets(original, None, original, labels), target=aim)
    assert same.verdict == "FAILED_UNDER_FORGOTTEN"
    over = judge(sets(changed(original, labels, -14.0), None, original, labels), target=aim)
    assert over.verdict == "FAILED_OVER_FORGOTTEN"
    assert {item.test for item in over.items if item.passed is False} >= {LOSS, SCREEN}


def test_few_references_can_fail_a_model_and_not_clear_it() -> None:
    models, original, labels = world(4)
    few = models[1:9]
    assert judge(sets(models[0], few, original, labels), informed=False).verdict == "APPROXIMATE_WEAK_EVIDENCE"
    over = judge(sets(changed(models[0], labels, -9.0), few, original, labels), informed=False)
    assert over.item(PERMUTATION).passed is False
    assert over.verdict == "FAILED_OVER_FORGOTTEN"


def test_an_original_that_stands_out_nowhere_leaves_the_relative_test_open() -> None:
    models, _, labels = world(5)
    report = judge(sets(models[0], models[2:], models[1], labels), informed=False)
    if report.item(PERMUTATION).before > 0.05:
        assert report.item(RELATIVE).passed is None
        assert report.verdict != "APPROXIMATE_TESTED"


def test_a_broken_model_fails_by_its_utility() -> None:
    models, original, labels = world(6)
    after = models[0].copy()
    after[FORGET + OTHERS :] = -after[FORGET + OTHERS :]
    report = judge(sets(after, models[1:], original, labels), informed=False)
    assert report.item(UTILITY).failure == "utility"
    assert report.verdict == "FAILED_UTILITY"


def test_t1_needs_four_references_and_answers_must_fit() -> None:
    models, original, labels = world(7)
    with pytest.raises(ConfigError, match="too few reference models"):
        judge(sets(models[0], models[1:4], original, labels), tier="T1")
    with pytest.raises(ShapeError, match="answers do not fit"):
        Answers(labels=labels, before=original, after=original[:-1])
