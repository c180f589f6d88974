"""Every caption says what it was made from."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.errors import ConfigError
from affekt.preference.captions import (
    LEVELS,
    PHRASINGS,
    axis_prompts,
    caption,
    caption_count,
    caption_levels,
    captions,
    level_of,
    middle_of,
)

PLACES = list(itertools.product(range(LEVELS), range(LEVELS)))


@pytest.mark.parametrize("phrasing", PHRASINGS)
def test_a_caption_says_its_valence_and_its_arousal(phrasing: Any) -> None:
    seen = set()
    for valence, arousal in PLACES:
        texts = captions(middle_of(valence), middle_of(arousal), phrasing=phrasing)
        assert len(set(texts)) == len(texts) == caption_count(phrasing)
        assert {tuple(caption_levels(text)) for text in texts} == {(valence, arousal)}
        seen |= set(texts)
    assert len(seen) == LEVELS**2 * caption_count(phrasing)


def test_no_phrase_of_the_unseen_ones_is_in_a_seen_caption() -> None:
    seen = " | ".join(text for v, a in PLACES for text in captions(middle_of(v), middle_of(a)))
    unseen = [axis_prompts(axis, phrasing="unseen") for axis in ("valence", "arousal")]
    phrases = [
        prompt.removeprefix("an utterance that comes across as ") for bank in unseen for p in bank for prompt in p
    ]
    assert len(phrases) == 20
    assert not [phrase for phrase in phrases if phrase in seen]


@pytest.mark.parametrize("phrasing", PHRASINGS)
@pytest.mark.parametrize("axis", ["valence", "arousal"])
def test_a_prompt_of_one_axis_names_this_axis_alone(axis: Any, phrasing: Any) -> None:
    other = {"valence": "arousal", "arousal": "valence"}[axis]
    for level, prompts in enumerate(axis_prompts(axis, phrasing=phrasing)):
        for prompt in prompts:
            found = caption_levels(prompt)._asdict()
            assert found == {axis: level, other: None}


def test_what_is_read_from_words_of_ones_own() -> None:
    assert caption_levels("A  speaker who is VERY negative,\nand frantic") == (0, 4)
    assert caption_levels("deeply unpleasant") == (0, None)
    assert caption_levels("neither pleasant nor unpleasant, quiet") == (2, 1)
    assert caption_levels("miserable and delighted and lively") == (None, 3)
    assert caption_levels("discontent") == (None, None)  # content is only a part of it
    assert caption_levels("") == (None, None)


@given(st.floats(0.0, 1.0))
def test_a_level_holds_its_values(value: float) -> None:
    level = level_of(value)
    assert abs(value - middle_of(level)) <= 0.5 / LEVELS + 1e-8


def test_edges_belong_above() -> None:
    assert [level_of(value) for value in (0.0, 0.2, 0.4, 0.1 + 0.5, 0.8, 1.0)] == [0, 1, 2, 3, 4, 4]
    assert level_of(0.3 * 2) == 3
    assert [level_of(middle_of(level)) for level in range(LEVELS)] == list(range(LEVELS))


def test_variants_are_counted_round() -> None:
    assert caption(0.3, 0.3, variant=caption_count() + 4) == caption(0.3, 0.3, variant=4)
    assert caption(0.1, 0.9) == "the voice sounds very high in energy and very negative"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: caption(-0.1, 0.5), "a valence or arousal is -0.1; a value from 0 to 1"),
        (lambda: caption(0.5, float("nan")), "nan; a value from 0 to 1"),
        (lambda: caption(0.5, 0.5, phrasing="new"), "phrasing is 'new'; one of seen"),  # type: ignore[arg-type]
        (lambda: axis_prompts("dominance"), "axis is 'dominance'"),  # type: ignore[arg-type]
    ],
)
def test_bad_values_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()
