"""Scores as pure functions of arrays, each with one convention, and the intervals that go with them.

Nothing here knows a model, and nothing here imports torch. The formulas are listed in `docs/metrics.md`.

`classification`: accuracy, UAR, macro-F1, recalls, confusion. `intervals`: bootstrap over speakers, Wilson.
"""

from affekt.metrics.classification import (
    ClassificationScore,
    accuracy,
    confusion,
    macro_f1,
    recalls,
    score_confusion,
    uar,
)
from affekt.metrics.intervals import Interval, bootstrap, bootstrap_difference, bootstrap_values, wilson

__all__ = [
    "ClassificationScore",
    "Interval",
    "accuracy",
    "bootstrap",
    "bootstrap_difference",
    "bootstrap_values",
    "confusion",
    "macro_f1",
    "recalls",
    "score_confusion",
    "uar",
    "wilson",
]
