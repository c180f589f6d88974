"""Verdicts on made-up answers whose truth is known, and what stands beside what."""

from dataclasses import replace

import numpy as np
import pytest

from affekt.errors import ConfigError, ShapeError
from affekt.metrics import phi, reference_z
from affekt.metrics.deletion_rules import BESIDE_RETRAINED, LOSS, PERMUTATION, RELATIVE, SCREEN, TESTS, UTILITY
from affekt.unlearning.audit_answers import Answers, SavedRows, Sets
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


def test_a_single_retrained_model_stands_beside_everything_and_can_excuse_a_loss() -> None:
    models, original, labels = world(8)
    better = original.copy()
    rows = np.arange(FORGET + OTHERS, len(labels))
    better[rows, labels[rows]] += 4.0  # the model before was better on the test speakers than any that was retrained
    after, gold = models[0], [models[0].copy()]
    report = judge(sets(after, gold, better, labels), informed=False)
    assert (report.tier, report.references) == ("T0", 0)
    for test in (LOSS, SCREEN, UTILITY):
        assert report.item(test).references is None
        assert report.item(test).retrained == pytest.approx(report.item(test).estimate)
    beside = report.item(BESIDE_RETRAINED)
    assert beside.estimate == 0.0
    assert "; shown equivalent" not in beside.note
    assert beside.note.startswith("shown equivalent within 0.05")
    assert report.item(UTILITY).passed is True
    assert report.item(UTILITY).values["lower"] < -0.05
    alone = judge(sets(after, None, better, labels), informed=False)
    assert alone.item(UTILITY).failure == "utility"
    # worse than the retrained model too: no excuse
    worse = after.copy()
    worse[rows] = -worse[rows]
    assert judge(sets(worse, gold, better, labels), informed=False).item(UTILITY).failure == "utility"


def test_few_saved_rows_leave_the_limits_of_t0_in_force() -> None:
    models, original, labels = world(9)
    given = sets(original, None, original, labels)
    for count, wanted in ((6, "FAILED_UNDER_FORGOTTEN"), (20, "FAILED_UNDER_FORGOTTEN")):
        rows = np.stack(models[1 : 1 + count])[:, :FORGET]
        forget = replace(given.forget, references=rows)
        saved = SavedRows("across", 5, count)
        report = judge(replace(given, forget=forget, saved=saved), target=2.0, informed=False)
        assert (report.tier, report.reference_kind, report.saved) == ("T1", "out-of-fold", saved)
        assert report.verdict == wanted
        assert bool(report.item(LOSS).limits.criteria) == (count < 19)
        assert report.item(LOSS).passed is (False if count < 19 else None)


def test_the_same_tests_are_listed_whatever_could_be_made() -> None:
    models, original, labels = world(10)
    for references, tier in ((None, "T0"), (models[1:], "T1")):
        report = judge(sets(models[0], references, original, labels), informed=False)
        assert tuple(item.test for item in report.items)[: len(TESTS[tier])] == TESTS[tier]
        assert len({item.test for item in report.items}) == len(report.items)


def test_retrained_models_are_seldom_failed() -> None:
    """The level of the whole audit under its null: 60 models that are exchangeable with their 20 references."""
    failed = 0
    for seed in range(60):
        models, original, labels = world(100 + seed)
        failed += judge(sets(models[0], models[1:], original, labels), informed=False).verdict.startswith("FAILED")
    assert failed <= 8  # 1/21 by the permutation test alone; 8 of 60 has a chance below 0.01 at 6 %


def test_the_mean_z_has_an_interval_over_references_and_recordings() -> None:
    models, original, labels = world(11)
    report = judge(sets(models[0], models[1:], original, labels), informed=False)
    item = report.item("mean z of phi")
    assert item.interval is not None
    assert item.interval[0] < item.estimate < item.interval[1]
    assert "reference (20), then utterance" in item.unit
    rows = np.stack([phi(logits[:FORGET], labels[:FORGET]) for logits in models])
    assert item.estimate == pytest.approx(float(reference_z(rows[0], rows[1:]).mean()))
    # few references make it wider
    few = judge(sets(models[0], models[1:6], original, labels), informed=False).item("mean z of phi").interval
    assert few is not None
    assert few[1] - few[0] > item.interval[1] - item.interval[0]
