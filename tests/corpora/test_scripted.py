"""The script of the built-in corpus with intents: who means what, in which words and with which contour."""

from collections import Counter
from itertools import product

import pytest

from affekt.corpora.prosody import EMOTIONS, Delivery
from affekt.corpora.scripted import AMBIGUOUS, CONTOURS, INTENTS, TELLING, line, with_contour

LINES = [
    (emotion, line(speaker, emotion, take, seed=3))
    for speaker, emotion, take in product(range(20), EMOTIONS, range(10))
]


def test_every_intent_is_meant_as_often_in_every_emotion() -> None:
    counts = Counter((emotion, said.intent) for emotion, said in LINES)
    assert set(counts.values()) == {20 * 10 // len(INTENTS)}
    assert len(counts) == len(EMOTIONS) * len(INTENTS)
    assert sorted(CONTOURS) == list(INTENTS)


def test_shares_are_what_they_say() -> None:
    assert sum(said.ambiguous for _, said in LINES) / len(LINES) == pytest.approx(AMBIGUOUS, abs=0.05)
    fearful = [said.text for emotion, said in LINES if emotion == "fear"]
    telling = [
        text for text in fearful if any(word in text for word in ("scared", "dangerous", "Watch out", "worried"))
    ]
    assert len(telling) / len(fearful) == pytest.approx(TELLING, abs=0.1)
    assert not [said.text for emotion, said in LINES if emotion == "neutral" and "scared" in said.text]


def test_words_do_not_tell_more_than_they_should() -> None:
    """The mark at the end is spoken and not written; ambiguous words are the same for all intents."""
    for _, said in LINES:
        assert said.text == said.spoken[:-1]
        assert said.spoken[-1] == ("?" if said.intent == "question" else ".")
    words = {said.intent: set() for _, said in LINES}  # type: dict[str, set[str]]
    for _, said in LINES:
        if said.ambiguous:
            words[said.intent].add(said.text.split(", ")[-1].split()[0].lower())
    assert len({frozenset(found) for found in words.values()}) == 1


def test_a_line_depends_on_its_place_alone() -> None:
    assert line(3, "anger", 2, seed=1) == line(3, "anger", 2, seed=1)
    assert line(3, "anger", 2, seed=1) != line(3, "anger", 2, seed=2)


def test_questions_rise_and_refusals_fall() -> None:
    plain = Delivery(final_st=1.0, pitch_st=2.0)
    assert with_contour(plain, "question").final_st > 1.0 > with_contour(plain, "refusal").final_st
    assert with_contour(plain, "question").pitch_st == 2.0
