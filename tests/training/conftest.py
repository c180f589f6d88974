"""A quick way to fit a small network on the tones."""

from collections.abc import Callable
from typing import Any

import pytest

from affekt.corpora import Split
from affekt.training import FitResult, build_model, fit, recipe

QUICK: dict[str, Any] = {"epochs": 3, "batch_size": 16, "learning_rate": 3e-3, "label_smoothing": 0.0}
OPTIONS = {"channels": (4, 6, 8), "width": 16}


@pytest.fixture
def quick_fit(tone_split: Split) -> Callable[..., FitResult]:
    """Fit a fresh small logmel-cnn; settings, seeds and sides can be changed."""

    def run(*, seed: int = 1, weights: int = 1, changes: dict[str, Any] | None = None, **others: Any) -> FitResult:
        train, dev = others.pop("train", tone_split.train), others.pop("dev", tone_split.dev)
        model = build_model("logmel-cnn", train.classes, seed=weights, options=OPTIONS)
        return fit(model, train, dev, config=recipe("logmel-cnn", **{**QUICK, **(changes or {})}), seed=seed, **others)

    return run
