"""Which utterances keep their labels, and the order they come in."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import DataError
from affekt.recognition.few_labels import cycled, labelled_among, labelled_rows
from affekt.training.targets import Targets

NAMES = [f"speaker-{number}" for number in range(2000)]
LABELS = [("common", "rare")[number % 500 == 7] for number in range(2000)]


def test_the_share_is_what_it_says() -> None:
    rows = labelled_rows(NAMES, [LABELS], fraction=0.1, seed=0)
    assert len(rows) / 2000 == pytest.approx(0.1, abs=0.02)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert len(labelled_rows(NAMES, [LABELS], fraction=1.0, seed=0)) == 2000


@given(st.integers(0, 30), st.sampled_from([0.001, 0.01, 0.2]))
def test_every_class_keeps_one(seed: int, fraction: float) -> None:
    intents = [("ask", "tell", "sing")[number % 3] for number in range(2000)]
    rows = labelled_rows(NAMES, [LABELS, intents], fraction=fraction, seed=seed)
    assert {LABELS[row] for row in rows} == {"common", "rare"}
    assert {intents[row] for row in rows} == {"ask", "tell", "sing"}


def test_more_labels_are_the_same_labels_and_more() -> None:
    few, more = (set(labelled_rows(NAMES, [LABELS], fraction=share, seed=2).tolist()) for share in (0.05, 0.25))
    assert few < more


def test_the_name_decides_and_not_the_others() -> None:
    whole = {NAMES[row] for row in labelled_rows(NAMES, [LABELS], fraction=0.2, seed=1)}
    half = labelled_rows(NAMES[::2], [LABELS[::2]], fraction=0.2, seed=1)
    kept = {NAMES[::2][row] for row in half}
    assert kept - whole == set() or len(kept - whole) <= 2  # the lowest of each class alone may differ
    assert whole & set(NAMES[::2]) <= kept
    assert (
        labelled_rows(NAMES, [LABELS], fraction=0.2, seed=9).tolist()
        != labelled_rows(NAMES, [LABELS], fraction=0.2, seed=1).tolist()
    )


def test_what_has_no_label_cannot_keep_one() -> None:
    missing = [None if number % 2 else "here" for number in range(2000)]
    rows = labelled_rows(NAMES, [missing], fraction=0.5, seed=0)
    assert (rows % 2 == 0).all()
    either = labelled_rows(NAMES, [missing, ["x"] * 2000], fraction=1.0, seed=0)
    assert len(either) == 2000


@given(st.integers(1, 30), st.integers(1, 12), st.integers(1, 9))
def test_everyone_comes_once_before_anyone_comes_twice(count: int, size: int, steps: int) -> None:
    rows = np.arange(count) * 3
    batches = list(cycled(rows, size, steps, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [size] * steps
    seen = Counter(np.concatenate(batches).tolist())
    assert set(seen) <= set(rows.tolist())
    assert max(seen.values()) - min(seen.get(row, 0) for row in rows.tolist()) <= 1


def test_rows_without_a_label_are_told_apart() -> None:
    targets = Targets(
        labels=np.array([0, -1, -1, 2]),
        shares=None,
        attributes=np.empty((4, 0)),
        intents=np.array([-1, -1, 1, 0]),
    )
    assert labelled_among(targets, np.array([1, 2, 3])).tolist() == [2, 3]
    with pytest.raises(DataError, match="none of the 1 utterances that are left to train on has a label"):
        labelled_among(targets, np.array([1]))
