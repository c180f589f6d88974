"""Means, worst cases and intervals over cells, against rows made by hand."""

import json
import math
from typing import Any

import numpy as np
import pytest

from affekt.reports.aggregate import MEASURES, aggregate, hierarchical_interval, plain


def row(method: str, seed: int, draw: int, *, forget: float, test: float, tow: float, seconds: float) -> dict[str, Any]:
    return {
        "seed": seed,
        "size": "5",
        "draw": draw,
        "forgotten": 5,
        "method": method,
        "needs": ["forget set"],
        "seconds": seconds,
        "relearned_accuracy": 0.5,
        "time_ratio": 10.0 / seconds if seconds else None,
        "reached": None if method in ("retrain", "original") else draw == 0,
        "scores": {
            "forget_accuracy": forget,
            "retained_accuracy": 0.9,
            "test_accuracy": test,
            "test_uar": test - 0.1,
            "loss_auc": 0.5,
            "confidence_auc": None,
            "screen": {"verdict": "over-forgotten" if draw else "not told apart"},
        },
        "gaps": {
            "forget_accuracy_gap": 0.1,
            "retained_accuracy_gap": 0.0,
            "test_accuracy_gap": 0.0,
            "tow": tow,
            "average_gap": 3.0,
            "loss_gap": 0.2,
            "relearn_gap": 0.0,
        },
    }


ROWS = [
    one
    for seed in (0, 1)
    for draw in (0, 1)
    for one in (
        row("retrain", seed, draw, forget=0.6, test=0.7 + 0.1 * seed, tow=1.0, seconds=10.0),
        row("original", seed, draw, forget=1.0, test=0.8, tow=0.6, seconds=0.0),
        row(
            "l2ul", seed, draw, forget=0.2 + 0.4 * draw, test=0.5, tow=0.5 + 0.1 * seed + 0.2 * draw, seconds=4.0**draw
        ),
    )
]


def entry(method: str) -> dict[str, Any]:
    return next(one for one in aggregate(ROWS) if one["method"] == method)


def test_means_and_worst() -> None:
    found = entry("l2ul")
    assert (found["cells"], found["seeds"], found["forgotten"]) == (4, 2, 5.0)
    assert found["tow"]["estimate"] == pytest.approx((0.5 + 0.7 + 0.6 + 0.8) / 4)
    assert found["tow_worst"] == 0.5
    assert found["over_forgetting_share"]["estimate"] == 0.5
    assert found["reached_share"]["estimate"] == 0.5
    assert found["confidence_auc"] is None
    assert set(MEASURES) <= set(found)


def test_signed_differences_are_paired_by_cell() -> None:
    found = entry("l2ul")
    assert found["test_accuracy_change"]["estimate"] == pytest.approx(-0.3)
    assert found["forget_accuracy_difference"]["estimate"] == pytest.approx((-0.4 + 0.0) / 2)
    assert entry("retrain")["forget_accuracy_difference"] == {"estimate": 0.0, "low": 0.0, "high": 0.0, "cells": 4}
    assert entry("retrain")["test_accuracy_change"]["estimate"] == pytest.approx((-0.1 + 0.0) / 2)


def test_times_are_averaged_geometrically() -> None:
    # 10 times and 2.5 times faster, twice each
    assert entry("l2ul")["time_ratio"]["estimate"] == pytest.approx(5.0)
    assert entry("l2ul")["seconds"]["estimate"] == pytest.approx(2.5)
    assert entry("original")["time_ratio"] is None


def test_the_interval_has_the_law_of_two_stages() -> None:
    # two seeds of two draws that do not vary: the mean of two seeds drawn with replacement is 0, 1/2 or 1
    found = hierarchical_interval([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1])
    assert found == {"estimate": 0.5, "low": 0.0, "high": 1.0, "cells": 4}
    # one seed: only draws are resampled; the deviation of a mean of 100 uniform numbers is known
    values = np.linspace(0.0, 1.0, 100)
    found = hierarchical_interval(list(values), [0] * 100)
    assert found is not None
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.15)


def test_cells_without_a_value_are_left_out_and_counted() -> None:
    assert hierarchical_interval([None, math.nan], [0, 1]) is None
    assert hierarchical_interval([None, 0.25], [0, 1]) == {"estimate": 0.25, "low": None, "high": None, "cells": 1}


def test_plain_is_json() -> None:
    value = {"a": (np.float32(0.5), math.inf), 1: [np.int64(3), math.nan, None, True, "x"]}
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == {"a": [0.5, None], "1": [3, None, None, True, "x"]}
