"""Who is held out: the name and the seed decide, in the share that was asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from affekt.corpora import Corpus
from affekt.training import held_out_mask, is_held_out


@given(st.text(max_size=20), st.integers(0, 1000), st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_who_is_held_out_grows_with_the_share(name: str, seed: int, first: float, second: float) -> None:
    small, large = sorted((first, second))
    assert is_held_out(name, seed=seed, fraction=small) <= is_held_out(name, seed=seed, fraction=large)
    assert not is_held_out(name, seed=seed, fraction=0.0)


def test_the_share_held_out_is_the_share_asked_for() -> None:
    held = [[is_held_out(f"u{i}", seed=seed, fraction=0.08) for i in range(5000)] for seed in (0, 1)]
    assert all(0.065 < np.mean(each) < 0.095 for each in held)
    assert np.mean(np.logical_and(*held)) < 0.02  # another seed holds out others


def test_the_mask_follows_the_rows_and_not_the_company(tone_corpus: Corpus) -> None:
    names = tone_corpus.table["utterance"].to_list()
    mask = held_out_mask(tone_corpus, seed=1, fraction=0.3)
    assert mask.shape == (len(tone_corpus),)
    assert {name for name, held in zip(names, mask, strict=True) if held} == {
        name for name in names if is_held_out(name, seed=1, fraction=0.3)
    }
    rows = [5, 3, 40, 41]
    assert np.array_equal(held_out_mask(tone_corpus.select(rows), seed=1, fraction=0.3), mask[rows])
    assert not held_out_mask(tone_corpus.select([]), seed=1, fraction=0.3).any()
