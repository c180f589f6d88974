"""Changed texts: what may go, what must stay, and that a draw can be repeated."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.encoders.text_augmentation import AffectiveNeighbours, TextAugmentation, delete_words, swap_words
from affekt.errors import ConfigError

LEXICON = {
    "good": (8.0, 4.0, 6.0),
    "nice": (8.1, 4.0, 6.0),
    "lovely": (8.2, 4.1, 6.1),
    "bad": (2.0, 6.0, 4.0),
    "awful": (1.9, 6.1, 4.0),
}
TEXT = "Well , that's too far . Can you change some money for me ?"


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+(?:['’]\w+)*", text))


@given(st.text(max_size=60), st.integers(0, 50))
def test_deletion_leaves_words_of_the_text_and_one_at_least(text: str, seed: int) -> None:
    found = delete_words(text, 0.9, np.random.default_rng(seed))
    assert words(found) <= words(text)
    assert bool(words(found)) == bool(words(text))


@given(st.text(max_size=60), st.integers(0, 50))
def test_swapping_keeps_every_word(text: str, seed: int) -> None:
    assert words(swap_words(text, 0.5, np.random.default_rng(seed))) == words(text)


def test_punctuation_stays_where_it_was() -> None:
    assert re.sub(r"[\w']+", "w", swap_words(TEXT, 0.9, np.random.default_rng(0))) == re.sub(r"[\w']+", "w", TEXT)


def test_neighbours_are_the_nearest_by_norms() -> None:
    neighbours = AffectiveNeighbours(LEXICON, nearest=1)
    assert neighbours.of("good") == ["nice"]
    assert neighbours.of("BAD") == ["awful"]
    assert neighbours.of("table") == []
    assert set(AffectiveNeighbours(LEXICON, nearest=99).of("bad")) == set(LEXICON) - {"bad"}


def test_synonyms_keep_the_feeling() -> None:
    config = TextAugmentation(picks=3, deletion=0.0, swap=0.0, synonym=0.99)
    found = config.apply(
        "a good day , not a bad one", np.random.default_rng(0), neighbours=AffectiveNeighbours(LEXICON, nearest=1)
    )
    assert found == "a nice day , not a awful one"


def test_without_a_lexicon_no_word_is_new() -> None:
    for seed in range(20):
        assert words(TextAugmentation().apply(TEXT, np.random.default_rng(seed))) <= words(TEXT)


def test_deletion_takes_the_share_it_says() -> None:
    text = " ".join(["word"] * 4000)
    kept = len(delete_words(text, 0.15, np.random.default_rng(0)).split()) / 4000
    assert kept == pytest.approx(0.85, abs=0.02)


def test_a_draw_can_be_repeated() -> None:
    found = [TextAugmentation().apply(TEXT, np.random.default_rng(seed)) for seed in (1, 1, 2, 3, 4)]
    assert found[0] == found[1]
    assert len(set(found)) > 2


def test_errors() -> None:
    with pytest.raises(ConfigError, match=r"deletion is 1\.0; a chance"):
        TextAugmentation(deletion=1.0)
    with pytest.raises(ConfigError, match="picks is 4"):
        TextAugmentation(picks=4)
    with pytest.raises(ConfigError, match="nearest is 0 and the lexicon has 5 words"):
        AffectiveNeighbours(LEXICON, nearest=0)
