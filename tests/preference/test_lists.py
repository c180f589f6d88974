"""Lists: from labels with margins, from raters' grades, from people's own pairs and lists."""

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.corpora import Corpus
from affekt.errors import ConfigError, DataError
from affekt.preference import LabelLists, PreferenceLists
from affekt.preference.lists import grade_counts, rows_of, strengths

ROWS = np.arange(40)


def kept(row: np.ndarray) -> np.ndarray:
    """A drawn list without what fills it up."""
    return np.asarray(row[np.concatenate([[True], row[1:] != row[:-1]])])


@given(seed=st.integers(0, 200), size=st.integers(2, 9), margin=st.sampled_from([0.0, 0.5, 1.0, 2.5]))
@settings(max_examples=50, deadline=None)
def test_lists_are_in_order_and_apart(seed: int, size: int, margin: float) -> None:
    rng = np.random.default_rng(seed)
    values = np.round(rng.uniform(1, 7, 40), 1)
    values[::7] = np.nan
    some = ROWS[3:35]
    drawn = LabelLists(values=values, size=size, margin=margin).draw(some, 6, rng)
    assert drawn.shape == (6, size)
    for row in drawn:
        rows = kept(row)
        assert len(rows) == len(set(rows)) >= 2
        assert set(rows) <= set(some)
        gaps = -np.diff(values[rows])
        assert np.isfinite(gaps).all()
        assert (gaps >= (margin - 1e-9 if margin else 0.0)).all()
        assert gaps.max() > 0.0
        if not margin:
            assert len(rows) == size


def test_with_two_levels_a_margin_makes_pairs_and_none_makes_lists() -> None:
    values = np.repeat([0.0, 1.0], 20)
    rng = np.random.default_rng(0)
    for row in LabelLists(values=values, size=6, margin=1.0).draw(ROWS, 20, rng):
        assert values[kept(row)].tolist() == [1.0, 0.0]
    sizes = [len(kept(row)) for row in LabelLists(values=values, size=6).draw(ROWS, 20, rng)]
    assert sizes == [6] * 20


def test_every_row_is_drawn_about_as_often() -> None:
    values = np.arange(40.0)
    drawn = LabelLists(values=values, size=4).draw(ROWS, 3000, np.random.default_rng(1))
    counts = np.bincount(drawn.reshape(-1), minlength=40)
    assert counts.min() > 200
    assert counts.max() < 400


def test_lists_stay_within_groups() -> None:
    groups = np.arange(40) % 4
    values = np.where(groups == 3, 1.0, np.arange(40.0))  # nothing to order in the last group
    drawn = LabelLists(values=values, size=5, groups=groups).draw(ROWS, 200, np.random.default_rng(2))
    assert (groups[drawn] == groups[drawn[:, :1]]).all()
    assert set(groups[drawn[:, 0]]) == {0, 1, 2}


def test_the_same_generator_draws_the_same() -> None:
    sampler = LabelLists(values=np.arange(40.0), size=5, margin=3.0)
    one, two = (sampler.draw(ROWS, 5, np.random.default_rng(9)) for _ in range(2))
    assert (one == two).all()


def test_what_labels_cannot_give_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="no two of 40 utterances differ"):
        LabelLists(values=np.ones(40), size=3).draw(ROWS, 1, rng)
    with pytest.raises(DataError, match="no two of 40 utterances are 9 apart"):
        LabelLists(values=np.linspace(1, 7, 40), size=3, margin=9.0).draw(ROWS, 1, rng)
    with pytest.raises(ConfigError, match="lists have 1 items; 2 or more"):
        LabelLists(values=np.ones(4), size=1)
    with pytest.raises(ConfigError, match="margin is -1"):
        LabelLists(values=np.ones(4), size=2, margin=-1)
    with pytest.raises(ConfigError, match="difference of shares"):
        LabelLists(values=np.ones(4), size=2, margin=1.0, grades=np.ones((4, 3)))


@given(
    st.lists(st.integers(0, 5), min_size=4, max_size=4).filter(any),
    st.lists(st.integers(0, 5), min_size=4, max_size=4).filter(any),
)
def test_a_strength_is_that_of_all_pairs_of_ratings(one: list[int], two: list[int]) -> None:
    ratings = [[grade for grade, count in enumerate(counts) for _ in range(count)] for counts in (one, two)]
    signs = [np.sign(a - b) for a, b in itertools.product(*ratings)]
    first, second = np.array(one, float), np.array(two, float)
    assert float(strengths(first, second)) == pytest.approx(np.mean(signs), abs=1e-12)
    assert float(strengths(second, first)) == pytest.approx(-np.mean(signs), abs=1e-12)


def rated() -> Corpus:
    """Utterance k is rated k and k + 1 of 7, the last one by nobody."""
    table = pl.DataFrame({"file": [f"u{k}.wav" for k in range(7)], "emotion": ["a"] * 7})
    table = table.with_columns(utterance=pl.col("file").str.strip_suffix(".wav"))
    ratings = pl.DataFrame(
        [
            {"utterance": f"u{k}", "rater": f"r{k}{n}", "emotion": None, "arousal": float(k + n)}
            for k in range(6)
            for n in (1, 2)
        ],
        schema_overrides={"emotion": pl.String},
    )
    return Corpus(name="rated", root=Path(), table=table, ratings=ratings, scale=(1, 7))


def test_raters_decide_who_may_stand_together() -> None:
    counts = grade_counts(rated(), "arousal")
    assert counts.shape == (7, 7)
    assert (counts[2] == [0, 0, 1, 1, 0, 0, 0]).all()
    assert not counts[6].any()
    values = np.array([*np.arange(6) + 1.5, np.nan])
    rng = np.random.default_rng(0)
    # neighbours share a grade: the higher one is rated higher in 3 of 4 pairs and level in the other
    assert float(strengths(counts[3], counts[2])) == 0.75
    near = LabelLists(values=values, size=3, margin=0.7, grades=counts).draw(np.arange(7), 200, rng)
    far = LabelLists(values=values, size=3, margin=0.8, grades=counts).draw(np.arange(7), 200, rng)
    assert min(np.abs(np.diff(kept(row))).min() for row in near) == 1
    assert min(np.abs(np.diff(kept(row))).min() for row in far) == 2
    with pytest.raises(DataError, match="no rating of corpus 'rated' grades valence"):
        grade_counts(rated(), "valence")
    with pytest.raises(ConfigError, match="intensity has no grades"):
        grade_counts(rated(), "intensity")


def test_given_lists_keep_their_order() -> None:
    sampler = PreferenceLists(lists=(np.array([5, 3, 9, 1]), np.array([2, 0]), np.array([30, 31])), size=3)
    rows = np.array([0, 1, 2, 3, 5, 9, 30])
    drawn = sampler.draw(rows, 100, np.random.default_rng(0))
    found = {tuple(kept(row).tolist()) for row in drawn}
    assert found == {(5, 3, 9), (5, 3, 1), (5, 9, 1), (3, 9, 1), (2, 0)}
    with pytest.raises(DataError, match="no preference is about two of 1 utterances"):
        sampler.draw(np.array([5]), 1, np.random.default_rng(0))


def test_names_become_rows() -> None:
    found = rows_of([("a", "b", "d"), ("c", "a")], ["d", "a", "b"])
    assert [rows.tolist() for rows in found] == [[1, 2, 0]]
