"""Scores of a model after a deletion, against hand counts."""

import copy
import json
from typing import Any

import numpy as np
import pytest
import torch

from affekt.models import EmotionModel, tensor_digest
from affekt.training import predict_rows
from affekt.unlearning import Outputs, Retained, assess, compare_with, relearn
from affekt.unlearning.material import LearnedPart
from affekt.unlearning.retained_batches import retained_loss


def logits_for(losses: list[float], labels: list[int], *, right: list[bool] | None = None) -> Any:
    """Two-class logits with given cross-entropies."""
    x = np.zeros((len(losses), 2))
    for row, (loss, label) in enumerate(zip(losses, labels, strict=True)):
        p = np.exp(-loss)
        x[row, label], x[row, 1 - label] = np.log(p), np.log1p(-p)
    return x, np.array(labels)


FORGET = logits_for([0.1, 0.2, 2.0, 0.3], [0, 1, 0, 1])
OTHERS = logits_for([0.15, 0.5, 3.0], [0, 1, 1])
RETAINED = logits_for([0.1, 0.1, 0.9, 0.2], [0, 0, 1, 1])
TEST = logits_for([0.1, 1.1, 1.2], [0, 0, 1])


def test_scores_by_hand() -> None:
    found = assess(Outputs(forget=FORGET, non_members=OTHERS, retained=RETAINED, test=TEST))
    assert found.forget_accuracy == 0.75  # a loss over ln 2 is a miss
    assert found.forget_uar == pytest.approx((0.5 + 1.0) / 2)
    assert found.forget_loss == pytest.approx(0.65)
    assert found.forget_losses == pytest.approx((0.1, 0.2, 2.0, 0.3))
    assert (found.retained_accuracy, found.retained_uar) == (0.75, 0.75)
    assert found.test_accuracy == pytest.approx(1 / 3)
    assert found.test_uar == pytest.approx(0.25)
    # P(loss of a forgotten one is smaller): .1 beats 3 of 3, .2 beats 2, 2.0 beats 1, .3 beats 2
    assert found.loss_auc == pytest.approx(8 / 12)
    assert found.confidence_auc is not None
    assert found.screen is not None
    json.dumps(found.to_json())


def test_sets_that_are_not_there() -> None:
    found = assess(Outputs(forget=FORGET, non_members=None))
    assert (found.loss_auc, found.confidence_auc, found.screen) == (None, None, None)
    assert (found.retained_accuracy, found.test_uar) == (None, None)
    assert compare_with(found, found) is None


def test_gaps_by_hand() -> None:
    mine = assess(Outputs(forget=FORGET, non_members=OTHERS, retained=RETAINED, test=TEST))
    gold = assess(
        Outputs(
            forget=logits_for([0.9, 0.8, 1.0, 0.1], [0, 1, 0, 1]),
            non_members=OTHERS,
            retained=logits_for([0.1, 0.1, 0.1, 0.2], [0, 0, 1, 1]),
            test=TEST,
        )
    )
    gaps = compare_with(mine, gold)
    assert gaps is not None
    assert (gaps.forget_accuracy_gap, gaps.retained_accuracy_gap, gaps.test_accuracy_gap) == (0.5, 0.25, 0.0)
    assert gaps.tow == pytest.approx(0.5 * 0.75)
    assert gaps.loss_gap == pytest.approx((0.8 + 0.6 + 1.0 + 0.2) / 4)
    assert mine.loss_auc is not None
    assert gold.loss_auc is not None
    auc_gap = abs(mine.loss_auc - gold.loss_auc)
    assert gaps.loss_auc_gap == pytest.approx(auc_gap)
    assert gaps.average_gap == pytest.approx(100 * (0.5 + 0.25 + 0.0 + auc_gap) / 4)


def test_the_retrained_model_has_no_gap_to_itself() -> None:
    gold = assess(Outputs(forget=FORGET, non_members=OTHERS, retained=RETAINED, test=TEST))
    gaps = compare_with(gold, gold)
    assert gaps is not None
    assert (gaps.tow, gaps.average_gap, gaps.loss_gap) == (1.0, 0.0, 0.0)


def test_relearning_leaves_the_model_and_brings_the_loss_down(
    trained: EmotionModel, retained: Retained, forget_rows: list[int]
) -> None:
    labels = retained.train.corpus.labels()[forget_rows]
    broken = copy.deepcopy(trained)
    with torch.no_grad():  # a shifted head hides what the features still know
        list(broken.parameters())[-1].add_(torch.tensor([6.0, -3.0, -3.0]))
    before = tensor_digest(broken)

    def run(steps: int) -> float:
        return relearn(
            broken,
            lambda model: retained_loss(LearnedPart(model), retained, batch_size=16, seed=0),
            lambda model: predict_rows(model, retained.train, forget_rows),
            labels,
            steps=steps,
            learning_rate=1e-2,
        )

    hidden = float(np.mean(predict_rows(broken, retained.train, forget_rows).argmax(1) == labels))
    assert run(0) == hidden < 0.7
    assert run(15) > 0.8
    assert tensor_digest(broken) == before
